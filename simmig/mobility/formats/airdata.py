"""Flights of DJI drones as AirData exports them: milliseconds since the start, degrees, heights in feet or metres."""

from __future__ import annotations

import re
from datetime import UTC
from pathlib import Path
from typing import Literal

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._profiles import profile_of
from simmig.mobility.formats._rows import finish
from simmig.mobility.formats._table import Table, open_table
from simmig.mobility.formats._times import iso_to_us
from simmig.mobility.raw import RawTrace, TraceFormat, shortened

_UNITS_M = {"feet": 0.3048, "meters": 1.0}
_HEIGHTS = {"sea_level": "altitude_above_sealevel", "takeoff": "height_above_takeoff"}


class Format(TraceFormat):
    """AirData's CSV. Heights are above sea level, or with `height = "takeoff"` above the place of take-off.

    The date is that of the first row, whose time has whole seconds; from there milliseconds count. `vehicle` names
    the drone, else the file does.
    """

    height: Literal["sea_level", "takeoff"] = "sea_level"
    vehicle: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the header has AirData's columns of time and place."""
        return profile_of(head) == "airdata"

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the line, or for a column that is not there."""
        table = open_table(path)
        names = [name.lower() for name in table.names]
        wanted = {"time": "time(millisecond)", "date": "datetime(utc)", "lon": "longitude", "lat": "latitude"}
        missing = [name for name in wanted.values() if name not in names]
        unit = next((m[1] for name in names if (m := re.fullmatch(rf"{_HEIGHTS[self.height]}\((\w+)\)", name))), None)
        if missing or unit not in _UNITS_M:
            what = missing[0] if missing else f"{_HEIGHTS[self.height]}(feet) or (meters)"
            raise TraceError(f"{path}:1: no column {what}; it has {', '.join(table.names)[:200]}")
        columns = {role: names.index(name) for role, name in wanted.items()}
        columns["z"] = names.index(f"{_HEIGHTS[self.height]}({unit})")
        readers = {columns[role]: table.floats(table.names[columns[role]]) for role in ("time", "lon", "lat", "z")}
        rows = table.gather(readers)
        data = {role: rows.columns[columns[role]] for role in ("time", "lon", "lat", "z")}
        is_timed = np.isfinite(data["time"])
        raw = RawTrace(
            source=str(path),
            kind="lonlat",
            vehicle_id=(self.vehicle or path.name.partition(".")[0],),
            vehicle=np.zeros(len(is_timed), np.int32),
            t_us=np.rint(np.where(is_timed, data["time"], 0.0) * 1e3).astype(np.int64),
            a=data["lon"],
            b=data["lat"],
            z=data["z"] * _UNITS_M[unit or "feet"],
            epoch_us=self._start(path, table, columns),
        )
        return finish(raw, lambda found: table.places(rows.numbers[found].tolist()), is_timed)

    def _start(self, path: Path, table: Table, columns: dict[str, int]) -> int:
        """Return when millisecond 0 was, in microseconds since 1970."""
        number, first = next(table.numbered())
        text = first[columns["date"]].strip()
        try:
            return iso_to_us(text.replace(" ", "T"), UTC) - round(float(first[columns["time"]]) * 1e3)
        except ValueError as error:
            raise TraceError(f"{path}:{number}: datetime(utc) {shortened(text)} {error}") from None
