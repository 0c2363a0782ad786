"""Traces for other programs: one file for each format, each with the reader that takes it back."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simmig.mobility.frame import PLAIN, Frame
from simmig.mobility.trace import Trace

Provenance = dict[str, Any] | None
# What a trace holds and a format cannot say is refused, or named in what the writer returns.
Writer = Callable[[Trace, Path, Frame, Provenance], list[str]]
FORMATS = ("bonnmotion", "fcd", "geoparquet", "gpx", "mfjson", "ns2", "one", "parquet")
ENDINGS = {
    ".parquet": "parquet",
    ".xml": "fcd",
    ".gpx": "gpx",
    ".json": "mfjson",
    ".ns_movements": "ns2",
    ".movements": "bonnmotion",
    ".txt": "one",
}


def write_trace(trace: Trace, path: Path, name: str, frame: Frame = PLAIN, provenance: Provenance = None) -> list[str]:
    """Write a trace, whose metres are those of `frame`, in a format of FORMATS; return a line for whatever is lost.

    `provenance` goes into the files that can hold it. Raises TraceError for what the format cannot say at all.
    """
    writer: Writer = import_module(f"simmig.mobility.writers.{name}").write
    with TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:  # so that a file is whole or absent
        lost = writer(trace, Path(folder) / path.name, frame, provenance)
        for written in sorted(Path(folder).iterdir()):
            written.replace(path.parent / written.name)
    return lost
