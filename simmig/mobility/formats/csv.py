"""Fixes in delimited text with a header line: one row each, in any order, among any other columns."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simmig.contracts import BoolArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.formats import _fcd
from simmig.mobility.formats._columns import find_columns, require_columns
from simmig.mobility.formats._profiles import profile_of
from simmig.mobility.formats._rows import Codes, finish
from simmig.mobility.formats._table import Gathered, Reader, Table, is_missing, open_table
from simmig.mobility.formats._times import Ambiguous, TimeUnit, iso_to_us, numbers_to_us, zone_named
from simmig.mobility.frame import check_crs
from simmig.mobility.raw import RawTrace, TraceFormat

# Units other than metres, seconds and degrees are in no name here: such columns need a conversion first.
USUAL_NAMES = {
    "time": ("time", "t", "timestamp", "time_s", "t_s", "datetime", "time_utc", "tracked_at", "epoch_s"),
    "id": ("vehicle_id", "id", "vehicle", "uav_id", "user_id", "taxi_id", "track_id", "object_id"),
    "x": ("x", "x_m", "easting"),
    "y": ("y", "y_m", "northing"),
    "lon": ("lon", "longitude", "lng", "long", "lon_deg", "longitude_deg"),
    "lat": ("lat", "latitude", "lat_deg", "latitude_deg"),
    "z": ("z", "z_m", "alt", "altitude", "alt_m", "altitude_m", "elevation", "ele", "alt_amsl_m", "alt_msl"),
    "trip": ("trip", "trip_id"),
}
_NUMBER = re.compile(r"\s*[-+]?[\d.,_]+(e[-+]?\d+)?\s*", re.IGNORECASE)  # or what a number was meant to be


class Format(TraceFormat):
    """Delimited text. `columns` names a role's column where the usual names do not fit ("" leaves it out)."""

    columns: dict[str, str] = Field(default_factory=dict)
    header: list[str] = Field(default_factory=list)  # the columns of a file without a header line
    separator: str | None = Field(None, min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    encoding: str | None = None
    time_zone: str | None = None  # IANA name, for times without an offset
    ambiguous: Ambiguous = "error"  # which one, where putting the clocks back makes an hour happen twice
    time_unit: TimeUnit = "auto"
    crs: str | None = None  # of x and y
    vehicle: str | None = None  # the one vehicle of a file without ids
    skip_bad_rows: bool = False  # leave out records that are not as long as the header

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the content starts with a line of three or more columns that are not SUMO's."""
        is_wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = head.decode("utf-16" if is_wide else "utf-8", errors="replace").strip("\ufeff")
        line = next(iter(text.splitlines()), "")
        is_text = all(char.isprintable() or char == "\t" for char in line) and not set(line) & set("<{$")
        is_plain = not _fcd.is_fcd(line.split(";")) and profile_of(head) is None
        return is_text and max(map(line.count, ",;\t|")) >= 2 and is_plain

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the line, the value and what helps."""
        table = open_table(path, self.separator, self.encoding, self.header)
        roles = self._roles(table)
        is_iso = _is_iso(table, roles["time"])
        codes = {role: Codes() for role in ("id", "trip")}
        zone = zone_named(self.time_zone) if self.time_zone else None
        readers: dict[int, Reader] = {}
        for role, index in roles.items():
            name = table.names[index]
            if role in codes:
                readers[index] = table.names_of(codes[role])
            elif role == "time" and is_iso:
                convert = lru_cache(1024)(partial(iso_to_us, zone=zone, ambiguous=self.ambiguous))
                readers[index] = table.each(name, convert)
            else:
                readers[index] = table.floats(name, self.decimal)
        rows = table.gather(readers, skip_ragged=self.skip_bad_rows)
        data = {role: rows.columns[index] for role, index in roles.items()}
        names = (self.vehicle,) if self.vehicle else tuple(codes["id"])
        return self._trace(table, rows, data, names)

    def _roles(self, table: Table) -> dict[str, int]:
        source = f"{table.path}:1" if table.has_header else str(table.path)
        roles = find_columns(source, table.names, USUAL_NAMES, self.columns)
        for needed in ("time", "lon,lat|x,y", *(() if self.vehicle else ("id",))):
            require_columns(source, table.names, roles, USUAL_NAMES, needed)
        if {"lon", "lat", "x", "y"} <= roles.keys():
            raise TraceError(f'{source}: has lon, lat and x, y; leave two out: columns = {{ x = "", y = "" }}')
        if "lon" in roles and self.crs:
            raise TraceError(f"{source}: crs goes with x and y; lon and lat are WGS84 degrees")
        if self.vehicle:
            roles.pop("id", None)
        return roles

    def _trace(self, table: Table, rows: Gathered, data: dict[str, Any], names: tuple[str, ...]) -> RawTrace:
        ragged = rows.count - len(rows.numbers)
        t_us, epoch_us, is_timed = self._times(table.path, data["time"])
        raw = RawTrace(
            source=str(table.path),
            kind="lonlat" if "lon" in data else "metres",
            vehicle_id=names,
            vehicle=np.zeros(len(t_us), np.int32) if self.vehicle else data["id"],
            t_us=t_us,
            a=data["lon" if "lon" in data else "x"],
            b=data["lat" if "lon" in data else "y"],
            z=data.get("z"),
            trip=data.get("trip"),
            crs=check_crs(self.crs) if self.crs else None,
            epoch_us=epoch_us,
            notes={"rows": rows.count, "dropped_ragged": ragged} if ragged else {"rows": rows.count},
            remarks=(f"{ragged} rows not as long as the header",) if ragged else (),
        )
        return finish(raw, lambda found: table.places(rows.numbers[found].tolist()), is_timed)

    def _times(self, path: Path, values: NDArray[Any]) -> tuple[IntArray, int | None, BoolArray]:
        """Return t_us, their epoch, and which rows have one."""
        is_timed = np.isfinite(values)
        if values.dtype == np.int64:
            return values, 0, is_timed  # dates: converted cell by cell
        if not is_timed.any():
            raise TraceError(f"{path}: no row has a time")
        try:
            t_us, epoch_us = numbers_to_us(np.where(is_timed, values, values[is_timed][0]), self.time_unit)
        except ValueError as error:
            raise TraceError(f"{path}: {error}") from None
        return t_us, epoch_us, is_timed


def _is_iso(table: Table, column: int) -> bool:
    """Return whether the first time in a column is something other than a number."""
    for _, record in table.numbered():
        if len(record) == len(table.names) and not is_missing(record[column]):
            return _NUMBER.fullmatch(record[column]) is None
    return False
