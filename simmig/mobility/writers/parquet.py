"""simmig's own trace file, in which nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simmig.mobility.formats.parquet import write_canonical
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace


def write(trace: Trace, path: Path, frame: Frame, provenance: dict[str, Any] | None = None) -> list[str]:
    """Write the canonical Parquet, with its provenance."""
    write_canonical(trace, path, frame, provenance)
    return []
