"""GeoLife (Microsoft Research Asia): a .plt file for each journey of a person."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._lines import number_in, numbered_lines
from simmig.mobility.formats._times import iso_to_us
from simmig.mobility.raw import RawTrace, TraceFormat, shortened

_START = b"Geolife trajectory"
_HEADER = 6  # lines
_FOOT_M = 0.3048
_NO_HEIGHT_FT = -777.0


class Format(TraceFormat):
    """GeoLife's .plt: lat, lon, 0, height in feet (-777: none), days, date, time (GMT), after six lines of header.

    `vehicle` names the person; absent, it is that of the folder above Trajectory, as GeoLife numbers people.
    """

    vehicle: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the file begins with the words that GeoLife's begin with."""
        return head.startswith(_START)

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the line."""
        folder = path.resolve().parent
        owner = folder.parent.name if folder.name == "Trajectory" else path.name.partition(".")[0]
        fixes = Growing(path)
        for number, line in numbered_lines(path):
            if number <= _HEADER:
                continue
            place, fields = f"{path}:{number}", line.split(",")
            if len(fields) != 7:
                raise TraceError(f"{place}: {len(fields)} fields, expected 7: lat, lon, 0, feet, days, date, time")
            lat, lon, feet = (number_in(fields[column], place) for column in (0, 1, 3))
            try:
                t_us = iso_to_us(f"{fields[5]}T{fields[6]}", UTC)
            except ValueError as error:
                raise TraceError(f"{place}: {shortened(' '.join(fields[5:]))} {error}") from None
            z_m = float("nan") if feet == _NO_HEIGHT_FT else feet * _FOOT_M
            fixes.add(self.vehicle or owner, t_us, lon, lat, z_m, number)
        return fixes.raw("lonlat", epoch_us=0)
