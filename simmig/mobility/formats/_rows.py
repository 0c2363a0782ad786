"""The border check that every format shares: what leaves it can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import BoolArray
from simmig.errors import TraceError
from simmig.mobility.raw import MAX_ID_LENGTH, RawTrace, rows_of, shortened

_SHOWN = 5  # places named in a message

Places = Callable[[Sequence[int]], list[str]]  # row numbers -> "file:line" of each


class Codes(dict[str, int]):
    """Numbers for names in the order of their first appearance: codes[name] makes one if need be."""

    def __missing__(self, name: str) -> int:
        """Return the next number and keep it."""
        code = self[name] = len(self)
        return code


def finish(raw: RawTrace, places: Places, is_timed: BoolArray | None = None) -> RawTrace:
    """Return the rows that have a time and finite coordinates, the others counted.

    Raises TraceError naming the place of the first row with an impossible id or degrees out of range.
    """
    _check_ids(raw, places)
    is_finite = np.isfinite(raw.a)
    is_finite &= np.isfinite(raw.b)
    raw = replace(raw, notes={"rows": len(raw.t_us)} | raw.notes)
    if is_timed is not None:
        raw = _dropped(raw, is_timed, "dropped_untimed", "without a time", places)
        places, is_finite = _among(places, is_timed), is_finite[is_timed]
    raw = _dropped(raw, is_finite, "dropped_not_finite", "without finite coordinates", places)
    if not len(raw.t_us):
        raise TraceError(f"{raw.source}: no usable position in {raw.notes['rows']} rows {'; '.join(raw.remarks)}")
    if raw.kind == "lonlat":
        _check_degrees(raw, _among(places, is_finite))
    return raw


def _among(places: Places, kept: BoolArray) -> Places:
    """Return the places of the rows that were kept, by their new numbers."""
    return lambda found: places(np.flatnonzero(kept)[found].tolist())


def _dropped(raw: RawTrace, is_good: BoolArray, note: str, reason: str, places: Places) -> RawTrace:
    """Return the good rows; the others are counted in a note and described in a remark."""
    if is_good.all():
        return raw
    bad = np.flatnonzero(~is_good)
    remark = f"{len(bad)} rows {reason}, first at {', '.join(places(bad[:_SHOWN].tolist()))}"
    notes = raw.notes | {note: len(bad)}
    return replace(rows_of(raw, is_good), notes=notes, remarks=(*raw.remarks, remark))


def _check_ids(raw: RawTrace, places: Places) -> None:
    for code, name in enumerate(raw.vehicle_id):
        if name.strip() and len(name) <= MAX_ID_LENGTH and "\0" not in name:
            continue
        rows = np.flatnonzero(raw.vehicle == code)
        if not len(rows):
            continue
        place = places([int(rows[0])])[0]
        if not name.strip():
            raise TraceError(f"{place}: the vehicle id is missing")
        limits = f"at most {MAX_ID_LENGTH} characters, no NUL"
        raise TraceError(f"{place}: vehicle id {shortened(name)} of {len(name)} characters, expected {limits}")


def _check_degrees(raw: RawTrace, places: Places) -> None:
    lon_low, lon_high, lat_low, lat_high = raw.a.min(), raw.a.max(), raw.b.min(), raw.b.max()
    if max(-lon_low, lon_high) <= 180.0 and max(-lat_low, lat_high) <= 90.0:
        return
    bad = _first((raw.a < -180.0) | (raw.a > 180.0) | (np.abs(raw.b) > 90.0))
    lon, lat = float(raw.a[bad]), float(raw.b[bad])
    if max(abs(lon_low), abs(lon_high), abs(lat_low), abs(lat_high)) > 360.0:
        hint = 'metres? then set columns = { x = "lon", y = "lat" } and crs = "EPSG:32632" (your projection)'
    elif max(abs(lon_low), abs(lon_high)) <= 90.0:
        hint = 'the columns look swapped: if so, set columns = { lon = "lat", lat = "lon" }'
    else:
        hint = "expected WGS84 degrees"
    raise TraceError(f"{places([bad])[0]}: longitude {lon:.9g}, latitude {lat:.9g} is out of range; {hint}")


def _first(mask: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(mask)[0])
