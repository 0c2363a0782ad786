"""Text files line by line, for the formats that have one record a line."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._content import open_content
from simmig.mobility.formats._times import seconds_to_us
from simmig.mobility.raw import shortened

_LONGEST = 100_000_000  # characters: a node's whole life in BonnMotion is one line


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers; TraceError where they are no text."""
    number = 0
    with io.TextIOWrapper(open_content(path), "utf-8-sig") as stream:
        try:
            while line := stream.readline(_LONGEST):
                number += 1
                if "\0" in line:
                    raise TraceError(f"{path}:{number}: not text, a NUL byte; a hole after a power loss?")
                if len(line) == _LONGEST:
                    raise TraceError(f"{path}:{number}: a line of more than {_LONGEST} characters")
                if line.strip():
                    yield number, line.strip()
        except UnicodeDecodeError as error:
            raise TraceError(f"{path}:{number + 1}: byte 0x{error.object[error.start]:02x} is not UTF-8") from None


def first_line(head: bytes, comment: str) -> str:
    """Return the first line of a file's start that is neither blank nor a comment, "" if there is none."""
    lines = map(str.strip, head.decode("utf-8", errors="replace").splitlines())
    return next((line for line in lines if line and not line.startswith(comment)), "")


def number_in(text: str, place: str) -> float:
    """Return a finite number; raises TraceError with the place."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise TraceError(f"{place}: {shortened(text)} is not a finite number")
    return value


def time_in(text: str, place: str) -> int:
    """Return seconds as microseconds; raises TraceError with the place."""
    number_in(text, place)
    try:
        return seconds_to_us(text)
    except ValueError as error:
        raise TraceError(f"{place}: time {error}") from None
