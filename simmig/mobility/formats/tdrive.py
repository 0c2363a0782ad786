"""T-Drive (Microsoft Research Asia): taxi, Beijing time, lon, lat, without a header."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from simmig.mobility.formats import csv
from simmig.mobility.formats._profiles import profile_of


class Format(csv.Format):
    """T-Drive's taxis of Beijing. Times are local, as its guide says; positions are taken for WGS84.

    Rows that repeat another one word for word, of which there are many, are merged and counted.
    """

    header: list[str] = Field(default=["id", "time", "lon", "lat"])
    time_zone: str | None = "Asia/Shanghai"

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line is a taxi, a time and two numbers."""
        return profile_of(head) == "tdrive"
