"""SUMO floating-car data as CSV with ";", plain or gzipped: sumo --fcd-output out.csv."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from simmig.contracts import BoolArray
from simmig.errors import TraceError
from simmig.mobility.formats import _fcd
from simmig.mobility.formats._rows import Codes, finish
from simmig.mobility.formats._table import Reader, Table, open_table
from simmig.mobility.formats._times import sumo_time_us
from simmig.mobility.raw import RawTrace, TraceFormat

_SEPARATOR = ";"


class Format(TraceFormat):
    """FCD CSV. Degrees are told from metres by their range, or by the speeds beside them."""

    coordinates: _fcd.CoordinateSetting = "auto"
    crs: str | None = None  # of metres: --fcd-output.utm writes them, but not their zone

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line has the columns of FCD, in any --output.column-header style."""
        line = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", errors="replace")
        return _fcd.is_fcd(line.split(_SEPARATOR))

    def read(self, path: Path) -> RawTrace:
        """Return the vehicles' fixes; persons and containers are counted, not read."""
        table = open_table(path, _SEPARATOR, "utf-8-sig")
        roles = _fcd.columns_of(table.names)
        if roles is None:
            raise TraceError(f"{path}:1: not the columns of FCD: {', '.join(table.names)[:200]}")
        _fcd.require_positions(f"{path}:1", roles)
        codes = {role: Codes() for role in ("id", "lane", "edge")}
        rows = table.gather({index: _reader(table, role, index, codes) for role, index in roles.items()})
        data = {role: rows.columns[index] for role, index in roles.items()}
        is_person = _is_person(data, codes)
        if is_person.any():
            data = {role: column[~is_person] for role, column in data.items()}
        raw = RawTrace(
            source=str(path),
            kind="metres",
            vehicle_id=tuple(codes["id"]),
            vehicle=data["id"],
            t_us=data["time"],
            a=data["x"],
            b=data["y"],
            z=data.get("z"),
            notes={"rows": len(data["x"])} | _fcd.ignored(int(is_person.sum())),
        )
        numbers = rows.numbers[~is_person]
        raw = _fcd.located(raw, self.coordinates, self.crs, data.get("speed"))
        return finish(raw, lambda found: table.places(numbers[found].tolist()))


def _reader(table: Table, role: str, index: int, codes: dict[str, Codes]) -> Reader:
    if role in codes:
        return table.names_of(codes[role])
    if role == "time":
        return table.each(table.names[index], lru_cache(1024)(sumo_time_us))  # a step's vehicles share its time
    return table.floats(table.names[index])


def _is_person(data: dict[str, Any], codes: dict[str, Codes]) -> BoolArray:
    """Return which rows are persons: they stand in the vehicles' columns, but on an edge, not on a lane."""
    if not {"lane", "edge"} <= data.keys():
        return np.zeros(len(data["id"]), np.bool_)
    is_person: BoolArray = (data["lane"] == codes["lane"].get("", -1)) & (data["edge"] != codes["edge"].get("", -1))
    return is_person
