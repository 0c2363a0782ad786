"""SUMO floating-car data as Parquet: sumo --fcd-output out.parquet, six times quicker to read than XML.

The file holds positions with all digits of a double, where XML and CSV print 2 decimals of a metre and 6 of a
degree (0.1 m); nothing is rounded here unless `decimals` asks for it, then the trace is the one in the XML.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from simmig.contracts import FloatArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.formats import _fcd
from simmig.mobility.formats._duck import MAGIC, Columns, Parquet, open_parquet, sql_name
from simmig.mobility.formats._rows import finish
from simmig.mobility.formats._times import sumo_time_us
from simmig.mobility.raw import RawTrace, TraceFormat


class Format(TraceFormat):
    """FCD Parquet. Degrees are told from metres by their range, or by the speeds beside them."""

    coordinates: _fcd.CoordinateSetting = "auto"
    crs: str | None = None  # of metres: --fcd-output.utm writes them, but not their zone
    decimals: int | None = Field(None, ge=0, le=12)  # round x and y as SUMO prints them: 6 for degrees, 2 for metres

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the file is Parquet with FCD's columns."""
        if not head.startswith(MAGIC):
            return False
        with open_parquet(path) as table:
            return _fcd.is_fcd(list(table.types))

    def read(self, path: Path) -> RawTrace:
        """Return the vehicles' fixes; persons and containers are counted, not read."""
        with open_parquet(path) as table:
            names = list(table.types)
            roles = {role: names[index] for role, index in (_fcd.columns_of(names) or {}).items()}
            if not roles:
                raise TraceError(f"{path}: not FCD; its columns are {', '.join(names)}")
            _fcd.require_positions(str(path), roles)
            where = _vehicles(roles)
            raw, speed_m_s = _rows(table, roles, where)
            if self.decimals is not None:
                raw = replace(raw, a=_printed(raw.a, self.decimals), b=_printed(raw.b, self.decimals))
            raw = _fcd.located(raw, self.coordinates, self.crs, speed_m_s)
            return finish(raw, lambda found: table.places(found, where))


def _vehicles(roles: dict[str, str]) -> str:
    """Return SQL that is true for vehicles: persons stand in the same columns, but on an edge, not on a lane."""
    if not {"lane", "edge"} <= roles.keys():
        return "true"
    lane, edge = sql_name(roles["lane"]), sql_name(roles["edge"])
    return f"(coalesce({lane}, '') <> '' OR coalesce({edge}, '') = '')"


def _rows(table: Parquet, roles: dict[str, str], where: str) -> tuple[RawTrace, FloatArray | None]:
    vehicle, names = table.codes(roles["id"], where)
    time, to_us = _time(table, roles["time"], where)
    columns: Columns = {"vehicle": (vehicle, np.int32), "time": (time, np.float64)}
    for role in ("x", "y", "z", "speed"):
        if role in roles:
            columns[role] = (table.number(roles[role]), np.float64)
    data = table.arrays(columns, where)
    persons = table.count() - len(data["x"])
    raw = RawTrace(
        source=str(table.path),
        kind="metres",
        vehicle_id=names,
        vehicle=data["vehicle"],
        t_us=to_us(data["time"]),
        a=data["x"],
        b=data["y"],
        z=data.get("z"),
        notes={"rows": len(data["x"])} | _fcd.ignored(persons),
    )
    return raw, data.get("speed")


def _time(table: Parquet, column: str, where: str) -> tuple[str, Callable[[FloatArray], IntArray]]:
    """Return SQL for the times, and what makes microseconds of them; texts (sumo -H) are read once each."""
    if table.types[column] != "VARCHAR":
        row = table.first(f"({where}) AND NOT coalesce(isfinite({table.number(column)}), false)")
        if row is not None:
            raise TraceError(f"{table.places([row])[0]}: column {column} has no time")
        return table.number(column), lambda time_s: np.rint(time_s * 1e6).astype(np.int64)
    codes, texts = table.codes(column, where)
    try:
        times_us = np.array([sumo_time_us(text) for text in texts], np.int64)
    except ValueError as error:
        raise TraceError(f"{table.path}: column {column}: not a time of SUMO's: {error}") from None
    return codes, lambda code: times_us[code.astype(np.int64)]


def _printed(values: FloatArray, decimals: int) -> FloatArray:
    """Return the doubles nearest to the values as printed with so many decimals."""
    scale = 10.0**decimals  # exact up to 10^22, so the quotient is the double that a printed number reads as
    return np.rint(values * scale) / scale
