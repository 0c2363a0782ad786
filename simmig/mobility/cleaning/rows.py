"""Taking fixes out of a trace, and ending trips earlier: what most steps of cleaning come down to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simmig.contracts import BoolArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.trace import Trace


def taken(trace: Trace, keep: BoolArray, begins: BoolArray | None = None, *, note: str = "") -> Trace:
    """Return the fixes keep[N]; a trip also begins at each fix begins[N]. Vehicles without a fix are gone.

    With `note` the number of fixes left out is added to that note. Raises TraceError if none is left.
    """
    if not keep.any():
        raise TraceError(f"no fix is left of {trace.fix_count}; {note.replace('_', ' ')} takes all of them")
    is_first = np.zeros(trace.fix_count, dtype=bool)
    is_first[trace.trip_start[:-1]] = True
    if begins is not None:
        is_first |= begins
    rows = np.flatnonzero(keep)
    piece = np.cumsum(is_first)[rows]
    start = np.flatnonzero(np.diff(piece, prepend=0))
    vehicle = trace.trip_vehicle[trip_of(trace)[rows[start]]]
    used, renumbered = np.unique(vehicle, return_inverse=True)
    return replace(
        trace,
        vehicle_id=tuple(trace.vehicle_id[v] for v in used),
        trip_vehicle=renumbered.astype(np.int32),
        trip_start=np.append(start, len(rows)),
        t_us=trace.t_us[rows],
        x_m=trace.x_m[rows],
        y_m=trace.y_m[rows],
        z_m=None if trace.z_m is None else trace.z_m[rows],
        notes=counted(trace, note, trace.fix_count - len(rows)),
    )


def trip_of(trace: Trace) -> IntArray:
    """Return the trip of each fix, shape [N]."""
    return np.repeat(np.arange(len(trace.trip_vehicle)), np.diff(trace.trip_start))


def steps_inside(trace: Trace) -> BoolArray:
    """Return which steps, from fix i to fix i + 1, stay in one trip, shape [N - 1]."""
    inside = np.ones(trace.fix_count - 1, dtype=bool)
    inside[trace.trip_start[1:-1] - 1] = False
    return inside


def counted(trace: Trace, note: str, count: int) -> dict[str, int]:
    """Return the notes of a trace with `count` added to one of them."""
    return {**trace.notes, note: trace.notes.get(note, 0) + count} if note and count else dict(trace.notes)
