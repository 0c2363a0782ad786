"""Porto's taxis (ECML/PKDD 2015): a trip in each row, a place every 15 s from its time stamp on."""

from __future__ import annotations

import json
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._columns import find_columns
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._profiles import profile_of
from simmig.mobility.formats._table import open_table
from simmig.mobility.raw import RawTrace, TraceFormat, shortened

_STEP_US = 15_000_000
_ROLES = {
    "trip": ("trip_id",),
    "id": ("taxi_id",),
    "time": ("timestamp",),
    "lost": ("missing_data",),
    "path": ("polyline",),
}


class Format(TraceFormat):
    """The taxis of Porto, in WGS84. Each row is a trip of its TAXI_ID.

    The 15 s between places hold only where MISSING_DATA is False: other rows are left out and counted, as are those
    without a place.
    """

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the header has TRIP_ID, TIMESTAMP and POLYLINE."""
        return profile_of(head) == "porto"

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the line of a row that cannot be read."""
        table = open_table(path)
        roles = find_columns(f"{path}:1", table.names, _ROLES, {})
        fixes, trips, empty, lost = Growing(path), array("i"), 0, 0
        for count, (number, record) in enumerate(table.numbered(), 1):
            place = f"{path}:{number}"
            if len(record) != len(table.names):
                raise TraceError(f"{place}: {len(record)} fields, expected {len(table.names)} as in the header")
            cell = {role: record[index].strip() for role, index in roles.items()}
            if cell.get("lost", "False").lower() == "true":
                lost += 1
                continue
            path_ = _places(cell["path"], place)
            if not path_:
                empty += 1
                continue
            if not cell["time"].lstrip("-").isdecimal():
                raise TraceError(f"{place}: TIMESTAMP {shortened(cell['time'])}, expected whole seconds since 1970")
            start_us = int(cell["time"]) * 1_000_000
            for step, (lon, lat) in enumerate(path_):
                fixes.add(cell["id"], start_us + step * _STEP_US, lon, lat, float("nan"), number)
                trips.append(count)
        notes = {name: found for name, found in (("trips_missing_data", lost), ("trips_empty", empty)) if found}
        remarks = [f"{lost} trips left out, whose MISSING_DATA says that their times do not hold"] if lost else []
        raw = fixes.raw("lonlat", epoch_us=0, notes=notes, remarks=remarks)
        return replace(raw, trip=np.array(trips, np.int32))


def _places(text: str, place: str) -> list[tuple[float, float]]:
    try:
        document = json.loads(text)
        return [(float(lon), float(lat)) for lon, lat in document]
    except (ValueError, TypeError, RecursionError):
        raise TraceError(f"{place}: POLYLINE {shortened(text)}, expected [[lon, lat], ...]") from None
