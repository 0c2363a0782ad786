"""BonnMotion movements: one node a line, as t x y t x y ..., with a .params file beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._lines import number_in, numbered_lines, time_in
from simmig.mobility.raw import RawTrace, TraceFormat

_NUMBERS = re.compile(r"[-+\d.eE]+(?:[ \t]+[-+\d.eE]+)+")


class Format(TraceFormat):
    """BonnMotion's waypoints; plain metres, seconds from 0. Nodes are called after their lines, from 0.

    `dimensions` says whether waypoints have a z; absent, it is read from the file NAME.params, which BonnMotion
    writes beside NAME.movements.
    """

    dimensions: Literal[2, 3] | None = None
    node_prefix: str = ""

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line is nothing but six numbers or more, and the file is called .movements."""
        start = head.decode("utf-8", errors="replace").split("\n", 1)[0].strip()
        complete = start if b"\n" in head else start.rpartition(" ")[0] or start
        is_named = ".movements" in path.name and not path.name.endswith("ns_movements")
        return is_named and _NUMBERS.fullmatch(complete) is not None

    def read(self, path: Path) -> RawTrace:
        """Return the waypoints; raises TraceError with the line, or if nothing says how many numbers one has."""
        width = 1 + (self.dimensions or _dimensions(path))
        fixes = Growing(path)
        for node, (number, line) in enumerate(numbered_lines(path)):
            place = f"{path}:{number}"
            fields = line.split()
            if len(fields) % width:
                raise TraceError(
                    f"{place}: {len(fields)} numbers, expected {width} for each waypoint; "
                    "say what a waypoint is with dimensions = 2 or 3"
                )
            before_us = None
            for at in range(0, len(fields), width):
                t_us = time_in(fields[at], place)
                if before_us is not None and t_us < before_us:
                    raise TraceError(f"{place}: time {fields[at]} after {before_us / 1e6:g}; expected times to go on")
                x_m, y_m, *z_m = (number_in(text, place) for text in fields[at + 1 : at + width])
                if t_us != before_us:
                    fixes.add(f"{self.node_prefix}{node}", t_us, x_m, y_m, z_m[0] if z_m else float("nan"), number)
                before_us = t_us
        return fixes.raw("metres")


def _dimensions(path: Path) -> int:
    name = path.name.removesuffix(".gz").removesuffix(".movements")
    params = path.with_name(f"{name}.params")
    if not params.is_file():
        raise TraceError(
            f"{path}: there is no {params.name} beside it that says whether waypoints have a z; "
            "set dimensions = 2 (t x y) or dimensions = 3 (t x y z)"
        )
    for number, line in numbered_lines(params):
        key, _, value = line.partition("=")
        if key.strip() == "dim":
            if value.strip() not in ("2", "3"):
                raise TraceError(f"{params}:{number}: dim = {value.strip()[:20]}, expected 2 or 3")
            return int(value)
    return 2  # what BonnMotion had before it wrote a dim
