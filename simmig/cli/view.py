"""`simmig view`: look at what happened in a run, as a replay in a browser, a picture or a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simmig.errors import InputError

if TYPE_CHECKING:
    from simmig.view.recording import Recording

_MOST_RUNS = 2
_FILM_S = 10.0  # about how long a film lasts


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(view)


def view(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN [RUN]", help="run folder, or two side by side")],
    scenario: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="where the scenario is now, if it has moved; one per RUN")
    ] = None,
    port: Annotated[int | None, typer.Option(help="serve at this port, not at a free one", min=1, max=65535)] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only print the address")] = False,
    export: Annotated[Path | None, typer.Option(metavar="FILE.html", help="write the page as one file instead")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png", help="write a picture (.png .svg .pdf)")] = None,
    film: Annotated[Path | None, typer.Option(metavar="FILE.gif", help="write a film (.gif, .mp4 by ffmpeg)")] = None,
    at_s: Annotated[float | None, typer.Option(help="when the picture is taken; half-way by default", min=0.0)] = None,
    from_s: Annotated[float, typer.Option(help="where the film begins", min=0.0)] = 0.0,
    to_s: Annotated[float | None, typer.Option(help="where the film ends; the end of the run by default")] = None,
    fps: Annotated[float, typer.Option(help="frames of the film a second", min=1.0, max=50.0)] = 10.0,
    speed: Annotated[
        float | None, typer.Option(help="seconds of the run in one of the film; by default it lasts 10 s", min=0.001)
    ] = None,
    flat: Annotated[
        bool, typer.Option("--flat", help="picture and film from above, also of vehicles in the air")
    ] = False,
) -> None:
    """Replay a run, or two side by side: vehicles, twins on their way, queues and prices over time."""
    if len(folders) > _MOST_RUNS:
        raise InputError(f"simmig view: {len(folders)} run folders; expected one, or two to see them side by side")
    recordings = _open(folders, scenario or [])
    if picture is None and film is None:
        _show(recordings, export, port, opens_browser=not no_browser)
        return
    if len(recordings) > 1:
        raise InputError("simmig view: --picture and --film are of one run; expected one run folder")
    from simmig.view.picture import Painter, save_picture

    recording = recordings[0]
    painter = Painter(recording, is_flat=flat or not recording.is_in_space)
    if picture is not None:
        save_picture(painter, _within(recording, "--at-s", at_s, recording.end_s / 2.0), picture)
        print(picture)
    if film is not None:
        from simmig.view.film import Reel, save_film

        end_s = _within(recording, "--to-s", to_s, recording.end_s)
        save_film(painter, Reel(from_s, end_s, fps, speed or max((end_s - from_s) / _FILM_S, 0.001)), film)
        print(film)
    if export is not None:
        _show(recordings, export, port, opens_browser=False)


def _open(folders: Sequence[Path], moved: Sequence[Path]) -> list[Recording]:
    from simmig.view.recording import open_recording

    if len(moved) > len(folders):
        raise InputError(
            f"--scenario: given {len(moved)} times; expected it once for each of {len(folders)} run folders"
        )
    files = [*moved, *[None] * (len(folders) - len(moved))]
    return [open_recording(folder, file) for folder, file in zip(folders, files, strict=True)]


def _show(recordings: Sequence[Recording], export: Path | None, port: int | None, *, opens_browser: bool) -> None:
    from simmig.run.folder import replace_text
    from simmig.view.document import make_document
    from simmig.view.page import render_page
    from simmig.view.tracks import make_tracks

    page = render_page([make_document(each, make_tracks(each.trace, each.end_s)) for each in recordings])
    if export is not None:
        replace_text(export, page)
        print(export)
        return
    from simmig.view.server import serve

    serve(page, port, opens_browser=opens_browser)


def _within(recording: Recording, option: str, given_s: float | None, otherwise_s: float) -> float:
    """Return a time of the run; raises InputError if it is after the end."""
    if given_s is None:
        return otherwise_s
    if given_s > recording.end_s:
        raise InputError(f"{option} {given_s:g}: the run in {recording.folder} ends at {recording.end_s:g} s")
    return given_s
