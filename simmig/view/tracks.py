"""The movement that a replay draws: simplified, rounded to whole steps, and measured against the trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility.cleaning.thinning import kept_fixes
from simmig.mobility.trace import Trace

STEP_M = 0.1
STEP_US = 1000
MOST_POINTS = 1_500_000  # about 6 MB of page, and 40 MB in the browser
MOST_VEHICLES = 20_000
_BOUNDS_M = (1.0, 2.0, 4.0, 8.0, 16.0)
_ROWS_AT_ONCE = 200_000

Int32Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Tracks:
    """Paths of V vehicles in K points: vehicle v owns points start[v]:start[v + 1], none if it is not drawn.

    t[K]: steps of STEP_US since the start; xyz[3, K]: steps of STEP_M from origin_m[3]; is_last[K]: a trip ends
    there. error_m: the farthest that a drawn position is from that of the trace. one_in: every so manieth vehicle
    is drawn.
    """

    start: Int32Array
    t: Int32Array
    xyz: Int32Array
    is_last: BoolArray
    origin_m: FloatArray
    error_m: float
    one_in: int


@dataclass(frozen=True, slots=True)
class _Trips:
    """P trips cut at the end of the run: trip k of vehicle[k] owns rows start[k]:start[k + 1]."""

    vehicle: Int32Array
    start: IntArray
    t_us: IntArray
    axes: tuple[FloatArray, ...]


def make_tracks(trace: Trace, end_s: float, *, most_points: int = MOST_POINTS) -> Tracks:
    """Return the tracks of a trace up to `end_s`, within about 1 m of it where `most_points` allow.

    With too many points the bound is doubled, up to 16 m, and then vehicles are left out evenly.
    """
    one_in = -(-trace.vehicle_count // MOST_VEHICLES)
    while True:
        trips = _cut(trace, end_s, one_in)
        for bound_m in _BOUNDS_M:
            # Rounding to whole steps takes its share of the bound.
            keep = _simplify(trips, bound_m - STEP_M)
            if np.count_nonzero(keep) <= most_points:
                return _rounded(trace, trips, keep, one_in)
        one_in *= 2


def _cut(trace: Trace, end_s: float, one_in: int) -> _Trips:
    """Return the trips of the vehicles drawn without the fixes that no instant up to the end needs."""
    end_us = int(np.ceil(end_s * 1e6))
    trip_of_row = np.repeat(np.arange(len(trace.trip_vehicle)), np.diff(trace.trip_start))
    is_first = np.zeros(trace.fix_count, dtype=bool)
    is_first[trace.trip_start[:-1]] = True
    before_us = np.concatenate(([0], trace.t_us[:-1]))
    needed = (trace.t_us <= end_us) | (~is_first & (before_us < end_us))
    needed &= trace.trip_vehicle[trip_of_row] % one_in == 0
    count = np.bincount(trip_of_row[needed], minlength=len(trace.trip_vehicle))
    axes = (trace.x_m, trace.y_m) if trace.z_m is None else (trace.x_m, trace.y_m, trace.z_m)
    return _Trips(
        vehicle=trace.trip_vehicle[count > 0],
        start=np.concatenate(([0], np.cumsum(count[count > 0]))),
        t_us=trace.t_us[needed],
        axes=tuple(axis[needed] for axis in axes),
    )


def _blocks(trips: _Trips) -> Iterator[tuple[slice, slice]]:
    """Yield (trips, rows) of stretches that the processor's cache holds."""
    first = 0
    while first < len(trips.vehicle):
        past = int(np.searchsorted(trips.start, trips.start[first] + _ROWS_AT_ONCE, side="right")) - 1
        past = max(past, first + 1)
        yield slice(first, past), slice(int(trips.start[first]), int(trips.start[past]))
        first = past


def _simplify(trips: _Trips, bound_m: float) -> BoolArray:
    keep = np.zeros(len(trips.t_us), dtype=bool)
    for part, rows in _blocks(trips):
        start = trips.start[part.start : part.stop + 1] - rows.start
        keep[rows] = kept_fixes(trips.t_us[rows], [axis[rows] for axis in trips.axes], start, bound_m)
    return keep


def _rounded(trace: Trace, trips: _Trips, keep: BoolArray, one_in: int) -> Tracks:
    ends = np.zeros(len(keep), dtype=bool)
    ends[trips.start[1:] - 1] = True
    kept_axes = [axis[keep] for axis in trips.axes]
    origin_m = np.array([np.floor(axis.min(initial=np.inf)) if len(axis) else 0.0 for axis in kept_axes])
    xyz = np.zeros((3, np.count_nonzero(keep)), dtype=np.int32)
    for row, (axis, low_m) in enumerate(zip(kept_axes, origin_m, strict=True)):
        xyz[row] = np.rint((axis - low_m) / STEP_M)
    t = np.rint(trips.t_us[keep] / STEP_US).astype(np.int32)
    owner = np.repeat(trips.vehicle, np.diff(trips.start))[keep]
    return Tracks(
        start=np.searchsorted(owner, np.arange(trace.vehicle_count + 1)).astype(np.int32),
        t=t,
        xyz=xyz,
        is_last=ends[keep],
        origin_m=np.concatenate((origin_m, np.zeros(3 - len(origin_m)))),
        error_m=_error_m(trips, keep, t, [low_m + STEP_M * steps for low_m, steps in zip(origin_m, xyz, strict=False)]),
        one_in=one_in,
    )


def _error_m(trips: _Trips, keep: BoolArray, t: Int32Array, drawn_m: list[FloatArray]) -> float:
    """Return the largest distance between a fix and where the drawn path is at its instant."""
    worst_m2 = 0.0
    point = np.concatenate(([0], np.cumsum(keep)))
    for part, rows in _blocks(trips):
        here = slice(int(point[rows.start]), int(point[rows.stop]))
        trip = np.repeat(np.arange(part.stop - part.start), np.diff(trips.start[part.start : part.stop + 1]))
        # The trips one behind the other on one axis of time, a second between them.
        span = float(trips.t_us[rows].max()) + 1e6
        fix = trip * span + trips.t_us[rows]
        corner = trip[keep[rows]] * span + t[here].astype(np.float64) * STEP_US
        ends = np.flatnonzero(np.diff(trip[keep[rows]], prepend=-1, append=part.stop))
        # Rounding may have moved the end of a trip before its last fix: there the vehicle has gone.
        fix = np.clip(fix, corner[ends[:-1]][trip], corner[ends[1:] - 1][trip])
        off_m2 = sum(
            (np.interp(fix, corner, drawn[here]) - axis[rows]) ** 2
            for drawn, axis in zip(drawn_m, trips.axes, strict=True)
        )
        worst_m2 = max(worst_m2, float(np.max(off_m2)))
    return float(np.sqrt(worst_m2))
