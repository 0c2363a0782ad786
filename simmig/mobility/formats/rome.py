"""Rome's taxis (CRAWDAD roma/taxi): id;time+offset;POINT(lat lon)."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._lines import numbered_lines
from simmig.mobility.formats._profiles import profile_of
from simmig.mobility.formats._times import iso_to_us
from simmig.mobility.raw import RawTrace, TraceFormat, shortened

_LINE = re.compile(r"(\d+);(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([+-]\d\d);POINT\((-?[\d.]+) (-?[\d.]+)\)")


class Format(TraceFormat):
    """The taxis of Rome. In POINT(...) latitude stands first, against the habit of the notation."""

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line is a taxi, a time with an offset, and a point."""
        return profile_of(head) == "rome"

    def read(self, path: Path) -> RawTrace:
        """Return the fixes, to the microsecond; raises TraceError with the line."""
        fixes = Growing(path)
        for number, line in numbered_lines(path):
            match = _LINE.fullmatch(line)
            if match is None:
                raise TraceError(f"{path}:{number}: {shortened(line)}, expected id;date time+offset;POINT(lat lon)")
            name, day, time, fraction, offset, lat, lon = match.groups()
            try:
                t_us = iso_to_us(f"{day}T{time}{offset}:00", UTC) + int((fraction or "0").ljust(6, "0")[:6])
                fixes.add(name, t_us, float(lon), float(lat), float("nan"), number)
            except ValueError as error:
                raise TraceError(f"{path}:{number}: {shortened(line)}: {error}") from None
        return fixes.raw("lonlat", epoch_us=0)
