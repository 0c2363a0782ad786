"""A short film of a run: GIF by Pillow, MP4 by ffmpeg where there is one."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from simmig.errors import InputError, RunError
from simmig.report.drawing import STYLE
from simmig.view.picture import COLOURS, Painter

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_MOST_FRAMES = 1200  # a GIF of more is tens of MB, and minutes to paint
_DPI = 80


@dataclass(frozen=True, slots=True)
class Reel:
    """Which frames a film has: from and to which time of the run, how many a second, how fast the run goes by."""

    from_s: float
    to_s: float
    fps: float
    speed: float

    def times_s(self) -> NDArray[np.float64]:
        """Return the time of every frame; raises InputError for none or too many."""
        if not self.from_s < self.to_s:
            raise InputError(f"--from-s {self.from_s:g} --to-s {self.to_s:g}: expected an end after the beginning")
        count = int((self.to_s - self.from_s) / self.speed * self.fps) + 1
        if count > _MOST_FRAMES:
            raise InputError(
                f"--film: {count} frames; expected at most {_MOST_FRAMES}: a shorter --from-s to --to-s, a greater "
                "--speed or a smaller --fps"
            )
        return np.asarray(self.from_s + np.arange(count) * self.speed / self.fps, dtype=np.float64)


def save_film(painter: Painter, reel: Reel, path: Path) -> None:
    """Write the film, in the format that the file's ending names.

    Raises InputError for another ending, for .mp4 without ffmpeg on the PATH, or where the file cannot be written.
    """
    kind, times_s = path.suffix.lower(), reel.times_s()
    if kind not in (".gif", ".mp4"):
        raise InputError(f"--film {path}: expected a name that ends in .gif or .mp4")
    if kind == ".mp4" and shutil.which("ffmpeg") is None:
        raise InputError(f"--film {path}: needs ffmpeg on the PATH; a name that ends in .gif does without")
    try:
        (_save_gif if kind == ".gif" else _save_mp4)(_frames(painter, times_s), reel.fps, path)
    except OSError as error:
        raise InputError(f"--film {path}: cannot be written ({error.strerror})") from None


def _frames(painter: Painter, times_s: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels [height, width, 3] of every frame."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        for time_s in times_s:
            figure = painter.figure(float(time_s))
            figure.set_dpi(_DPI)
            canvas: Any = FigureCanvasAgg(figure)
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba())[:, :, :3]


def _save_gif(frames: Iterator[NDArray[np.uint8]], fps: float, path: Path) -> None:
    from PIL import Image

    def reduced() -> Iterator[Picture]:
        palette: Any = None
        for pixels in frames:
            image = Image.fromarray(pixels)
            palette = palette or _palette(pixels)
            yield image.quantize(palette=palette, dither=Image.Dither.NONE)

    images = reduced()
    next(images).save(path, save_all=True, append_images=images, duration=round(1000 / fps), loop=0)


def _palette(pixels: NDArray[np.uint8]) -> Picture:
    """Return the colours of all frames: those of the first, so that nothing flickers, and those of the vehicles."""
    from PIL import Image, ImageColor

    stripes = pixels.copy()
    for k, colour in enumerate(COLOURS):
        stripes[10 * k : 10 * k + 10] = ImageColor.getrgb(colour)
    return Image.fromarray(stripes).quantize(128)


def _save_mp4(frames: Iterator[NDArray[np.uint8]], fps: float, path: Path) -> None:
    first = next(frames)
    height, width = first.shape[:2]
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += [
        "-r",
        f"{fps:g}",
        "-i",
        "-",
        "-pix_fmt",
        "yuv420p",
        "-vf",
        "crop=trunc(iw/2)*2:trunc(ih/2)*2",
        str(path),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        try:
            for pixels in (first, *frames):
                encoder.stdin.write(pixels.tobytes())
            encoder.stdin.close()
        except BrokenPipeError:  # ffmpeg says why itself
            pass
        assert encoder.stderr is not None
        said = encoder.stderr.read().decode(errors="replace").strip()
    if encoder.returncode:
        raise RunError(f"--film {path}: ffmpeg failed: {said.splitlines()[-1] if said else 'it does not say why'}")
