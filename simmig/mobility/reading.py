"""Which format a trace file has, by its content, and the fixes in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._content import read_head
from simmig.mobility.raw import RawTrace, TraceFormat


def recognise(path: Path, formats: Mapping[str, type[TraceFormat]]) -> str:
    """Return the name of the format of a file; TraceError unless exactly one of `formats` claims it."""
    head = read_head(path)
    found = [name for name in sorted(formats) if formats[name].recognises(head, path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise TraceError(f'{path}: could be {" or ".join(found)}; choose with format = "{found[0]}"')
    start = ascii(head[:30].decode("utf-8", errors="replace"))
    raise TraceError(f"{path}: of no known format ({', '.join(sorted(formats))}); it starts with {start}")


def read_trace(path: Path, trace_format: TraceFormat) -> RawTrace:
    """Return the fixes of a file; TraceError with the place, the value, what was expected and what helps."""
    read_head(path)
    return trace_format.read(path)
