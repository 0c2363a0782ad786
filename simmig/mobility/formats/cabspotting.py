"""Cabspotting (CRAWDAD epfl/mobility): lat lon occupancy epoch, a file for each cab of San Francisco."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from simmig.mobility.formats import csv
from simmig.mobility.raw import RawTrace

_LINE = re.compile(rb"-?\d+\.\d+ -?\d+\.\d+ [01] \d{9,10}\r?\n")


class Format(csv.Format):
    """A cab, named after its file; fixes may stand newest first, as in the original."""

    header: list[str] = Field(default=["lat", "lon", "occupancy", "time"])
    separator: str | None = " "

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line is two degrees, 0 or 1, and seconds since 1970."""
        return _LINE.match(head) is not None

    def read(self, path: Path) -> RawTrace:
        """Return the fixes of the cab."""
        named = self if self.vehicle else self.model_copy(update={"vehicle": path.name.partition(".")[0]})
        return super(Format, named).read(path)
