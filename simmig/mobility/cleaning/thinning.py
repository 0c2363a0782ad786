"""Fewer fixes for the same movement, with a bound on how far it is off at any instant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.errors import InputError
from simmig.mobility.cleaning.rows import taken
from simmig.mobility.grouped import spread
from simmig.mobility.trace import Trace

_MOST_LEVELS = 64  # a path that still is not done is kept as it is from there on


def thin(trace: Trace, bound_m: float) -> Trace:
    """Return the trace with as few fixes as the top-down method keeps: nobody is ever more than `bound_m` off.

    Raises InputError unless the bound is positive. Notes: dropped_thinned.
    """
    if not bound_m > 0.0:
        raise InputError(f"thinning within {bound_m} m; expected more than 0")
    axes = [trace.x_m, trace.y_m] if trace.z_m is None else [trace.x_m, trace.y_m, trace.z_m]
    return taken(trace, kept_fixes(trace.t_us, axes, trace.trip_start, bound_m), note="dropped_thinned")


def kept_fixes(t_us: IntArray, axes: Sequence[FloatArray], start: IntArray, bound_m: float) -> BoolArray:
    """Return which fixes to keep so that at every instant the path through them is within `bound_m`, shape [N].

    t_us[N], axes[.][N]: the fixes of P trips, trip k owns rows start[k]:start[k + 1]; both ends of a trip are kept.

    Top-down time ratio (Meratnia and de By 2004, "Spatiotemporal compression techniques for moving point objects"):
    Douglas and Peucker's division, with the distance between where the vehicle is and where it would be at that same
    instant. Between fixes both paths are straight, so the distance is largest at a fix. All trips are divided level
    by level at once.
    """
    keep = np.zeros(len(t_us), dtype=bool)
    first, last = start[:-1], start[1:] - 1
    keep[first] = keep[last] = True
    for _ in range(_MOST_LEVELS):
        is_open = last - first >= 2
        first, last = first[is_open], last[is_open]
        if len(first) == 0:
            return keep
        owner, row = spread(first + 1, last - first - 1)
        off_m2 = _squared_distance(t_us, axes, first[owner], last[owner], row)
        begin = np.cumsum(last - first - 1) - (last - first - 1)
        worst_m2 = np.maximum.reduceat(off_m2, begin)
        is_worst = off_m2 == worst_m2[owner]
        split = np.minimum.reduceat(np.where(is_worst, row, len(t_us)), begin)
        too_far = worst_m2 > bound_m * bound_m
        first, last, split = first[too_far], last[too_far], split[too_far]
        keep[split] = True
        first, last = np.concatenate((first, split)), np.concatenate((split, last))
    _, row = spread(first, last - first)
    keep[row] = True
    return keep


def _squared_distance(
    t_us: IntArray, axes: Sequence[FloatArray], first: IntArray, last: IntArray, row: IntArray
) -> FloatArray:
    """Return how far each row is from the line between two others at its own instant, squared."""
    share = (t_us[row] - t_us[first]) / (t_us[last] - t_us[first])
    off_m2 = np.zeros(len(row))
    for axis in axes:
        off_m2 += (axis[row] - (axis[first] * (1.0 - share) + axis[last] * share)) ** 2
    return off_m2
