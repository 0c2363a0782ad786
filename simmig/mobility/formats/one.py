"""External movement of the ONE simulator: a line of bounds, then time, id, x, y, in order of time."""

from __future__ import annotations

import re
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._lines import number_in, numbered_lines, time_in
from simmig.mobility.raw import RawTrace, TraceFormat

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BOUNDS = re.compile(rf"{_NUMBER}(?:\s+{_NUMBER}){{5}}(?:\s+{_NUMBER}){{0,2}}")
_FIX = re.compile(rf"{_NUMBER}\s+\S+\s+{_NUMBER}\s+{_NUMBER}(?:\s+\S+)*")
_SLACK = 1e-6  # metres or seconds: bounds are rounded too


class Format(TraceFormat):
    """The ONE's external movement: minT maxT minX maxX minY maxY [minZ maxZ], then lines time id x y [z]; metres."""

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line is six to eight numbers and the second one is a fix."""
        text = head.decode("utf-8", errors="replace").splitlines()
        lines = [line.strip() for line in text if line.strip() and not line.startswith("#")]
        if len(lines) < 2 or ".movements" in path.name:  # BonnMotion's lines can be as short
            return False
        return all(kind.fullmatch(line) for kind, line in zip((_BOUNDS, _FIX), lines, strict=False))

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the line. What follows x and y is z if the first line bounds z."""
        lines = numbered_lines(path)
        number, line = next(lines)
        place = f"{path}:{number}"
        if not _BOUNDS.fullmatch(line):
            raise TraceError(f"{place}: {line[:60]!r}, expected minT maxT minX maxX minY maxY")
        bounds = [number_in(text, place) for text in line.split()]
        wanted = 5 if len(bounds) == 8 else 4
        fixes, outside = Growing(path), 0
        for number, line in lines:
            if line.startswith("#"):
                continue
            place, fields = f"{path}:{number}", line.split()
            if len(fields) < wanted:
                names = "time, id, x, y, z" if wanted == 5 else "time, id, x, y"
                raise TraceError(f"{place}: {len(fields)} fields, expected {names}")
            t_us, name = time_in(fields[0], place), fields[1]
            axes = [number_in(text, place) for text in fields[2:wanted]]
            pairs = zip((t_us / 1e6, *axes), bounds[::2], bounds[1::2], strict=False)
            outside += any(not low - _SLACK <= value <= high + _SLACK for value, low, high in pairs)
            fixes.add(name, t_us, axes[0], axes[1], axes[2] if wanted == 5 else float("nan"), number)
        remarks = [f"{outside} fixes outside the bounds of the first line"] if outside else []
        return fixes.raw("metres", remarks=remarks)
