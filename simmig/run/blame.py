"""Whose fault an exception is: a plug-in file's errors become one line that names the file."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import simmig
from simmig.errors import RunError, SimmigError
from simmig.run.interrupt import may_be_a_signal

_OURS = (Path(simmig.__file__).resolve().parent, *(Path(p).resolve() for p in sysconfig.get_paths().values()))
_LONGEST = 500  # characters of a message: the start of it says what it is


@contextmanager
def blaming_plugins() -> Iterator[None]:
    """Turn what a plug-in file (a trigger, a channel, a game) raises into a RunError; let everything else through."""
    try:
        yield
    except SimmigError:
        raise
    except BaseException as error:  # the border to plug-ins: anything may come out of them, an exit too
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_outside(Path(f.filename))]
        if not frames or may_be_a_signal(error):
            raise
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        raise RunError(f"plug-in {place}: {type(error).__name__}{_text(error)}") from error


def told(error: BaseException) -> str:
    """Return one line that says what was raised, and where unless it is an error of simmig."""
    if isinstance(error, SimmigError):
        return f"{type(error).__name__}{_text(error)}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}{_text(error)}"


def one_line(text: str, longest: int = _LONGEST) -> str:
    """Return a foreign text as one line, not too long, that does nothing to a terminal."""
    line = " ".join(text[: 4 * longest].split())[:longest]
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)


def _text(error: BaseException) -> str:
    try:
        line = one_line(str(error))
    except Exception:  # a plug-in's own exception, whose text is code too
        return " (its text cannot be shown)"
    return f": {line}" if line else ""


def _is_outside(file: Path) -> bool:
    return file.suffix == ".py" and not any(file.resolve().is_relative_to(folder) for folder in _OURS)
