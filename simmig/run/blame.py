"""Whose fault an exception is: a plug-in file's errors become one line that names the file."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import simmig
from simmig.errors import RunError, SimmigError

_OURS = (Path(simmig.__file__).resolve().parent, *(Path(p).resolve() for p in sysconfig.get_paths().values()))


@contextmanager
def blaming_plugins() -> Iterator[None]:
    """Turn what a plug-in file (a trigger, a channel, a game) raises into a RunError; let everything else through."""
    try:
        yield
    except SimmigError:
        raise
    except Exception as error:  # the border to plug-ins: anything may come out of them
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_outside(Path(f.filename))]
        if not frames:
            raise
        text = " ".join(str(error).split())
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        raise RunError(f"plug-in {place}: {type(error).__name__}: {text}") from error


def _is_outside(file: Path) -> bool:
    return file.suffix == ".py" and not any(file.resolve().is_relative_to(folder) for folder in _OURS)
