"""Fixes at other instants: on a regular clock, and within a span of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import InputError, TraceError
from simmig.mobility.cleaning.rows import counted, steps_inside, taken, trip_of
from simmig.mobility.grouped import last_at, spread
from simmig.mobility.trace import Trace


def resample(trace: Trace, interval_s: float, longest_gap_s: float) -> Trace:
    """Return positions at whole multiples of the interval, on the straight lines between fixes.

    Nothing is made up across a gap longer than `longest_gap_s`: the trip ends before it. A trip that lasts from one
    multiple to less than the next has no position left and is gone. Raises InputError unless both are positive.

    Notes: cut_gaps (trips ended), dropped_between_samples (trips gone).
    """
    if not interval_s > 0.0 or not longest_gap_s > 0.0:
        raise InputError(f"interval {interval_s} s, longest gap {longest_gap_s} s; expected more than 0 of both")
    gaps = np.flatnonzero(steps_inside(trace) & (np.diff(trace.t_us) > longest_gap_s * 1e6)) + 1
    if len(gaps):
        begins = np.zeros(trace.fix_count, dtype=bool)
        begins[gaps] = True
        trace = taken(trace, np.ones(trace.fix_count, dtype=bool), begins)
        trace.notes.update(counted(trace, "cut_gaps", len(gaps)))
    step_us = round(interval_s * 1e6)
    first_us, last_us = trace.t_us[trace.trip_start[:-1]], trace.t_us[trace.trip_start[1:] - 1]
    first, last = -(-first_us // step_us), last_us // step_us
    count = np.maximum(last - first + 1, 0)
    is_kept = count > 0
    if not is_kept.any():
        raise TraceError(f"no trip lasts to a multiple of {interval_s:g} s; expected a shorter interval")
    trip, number = spread(first, count)
    samples = _between(trace, trip, number * step_us)
    used, renumbered = np.unique(trace.trip_vehicle[is_kept], return_inverse=True)
    return replace(
        samples,
        vehicle_id=tuple(trace.vehicle_id[v] for v in used),
        trip_vehicle=renumbered.astype(np.int32),
        trip_start=np.append(0, np.cumsum(count[is_kept])),
        notes=counted(trace, "dropped_between_samples", int((~is_kept).sum())),
    )


def crop_time(trace: Trace, from_s: float, to_s: float) -> Trace:
    """Return what happens from one time to another, in seconds of the trace's own clock, borders included.

    Where a vehicle is on its way at a border, a fix is put there. Raises InputError unless from_s < to_s, TraceError
    if nothing is left. Notes: dropped_out_of_time.
    """
    if not from_s < to_s:
        raise InputError(f"from {from_s:g} s to {to_s:g} s; expected the start before the end")
    from_us, to_us = round(from_s * 1e6), round(to_s * 1e6)
    inside = steps_inside(trace)
    enters = np.flatnonzero(inside & (trace.t_us[:-1] < from_us) & (trace.t_us[1:] > from_us))
    leaves = np.flatnonzero(inside & (trace.t_us[:-1] < to_us) & (trace.t_us[1:] > to_us)) + 1
    trips = trip_of(trace)
    moved = replace(trace, t_us=trace.t_us.copy(), x_m=trace.x_m.copy(), y_m=trace.y_m.copy())
    if trace.z_m is not None:
        moved = replace(moved, z_m=trace.z_m.copy())
    for rows, time_us in ((enters, from_us), (leaves, to_us)):
        placed = _between(trace, trips[rows], np.full(len(rows), time_us))
        for name in ("t_us", "x_m", "y_m", "z_m"):
            values, new = getattr(moved, name), getattr(placed, name)
            if values is not None:
                values[rows] = new
    keep = (moved.t_us >= from_us) & (moved.t_us <= to_us)
    return taken(moved, keep, note="dropped_out_of_time")


def _between(trace: Trace, trip: IntArray, t_us: IntArray) -> Trace:
    """Return a trace whose rows are the positions of trips at instants within them, [K] each; its trips mean nothing.

    On a fix the position is the fix's own, bit for bit.
    """
    low, high = trace.trip_start[trip], trace.trip_start[trip + 1]
    before = last_at(trace.t_us, low, high, t_us)
    after = np.minimum(before + 1, high - 1)
    length = trace.t_us[after] - trace.t_us[before]
    share = (t_us - trace.t_us[before]) / np.where(length > 0, length, 1)

    def placed(values: FloatArray) -> FloatArray:
        here = values[before]
        return here + share * (values[after] - here)

    return replace(
        trace,
        t_us=t_us,
        x_m=placed(trace.x_m),
        y_m=placed(trace.y_m),
        z_m=None if trace.z_m is None else placed(trace.z_m),
    )
