"""Exact crossings along straight segments: pure array arithmetic, one row for each segment and object.

Along a segment, at the share u in [0, 1] of it, a squared distance, and so a weighted difference of two, is a quadratic
in u. It is given here by its values at both ends and its curvature, `q(u) = start + (end - start - bend) u + bend u^2`:
neighbouring segments share the values at their common fix, so they never disagree about the side it is on.
"""

from __future__ import annotations

import numpy as np

from simmig.contracts import BoolArray, FloatArray


def falling_root(start: FloatArray, end: FloatArray, bend: FloatArray) -> FloatArray:
    """Return the u at which the quadratic goes from positive to negative, NaN where it never does.

    There is at most one such u on the whole line; it may lie outside [0, 1]. The rising root is the falling root of
    the negated quadratic.
    """
    slope = end - start - bend
    disc = slope * slope - 4.0 * bend * start
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(disc)
        # Two forms of one root, each without cancellation where it is used; the first holds for a straight line too.
        near = 2.0 * start / (root - slope)
        far = (-slope - root) / (2.0 * bend)
    found = np.where(slope < 0.0, near, far)
    return np.where((disc > 0.0) & np.isfinite(found), found, np.nan)


def lowest(start: FloatArray, end: FloatArray, bend: FloatArray) -> FloatArray:
    """Return the smallest value of the quadratic on [0, 1]."""
    slope = end - start - bend
    ends = np.minimum(start, end)
    turns = (slope < 0.0) & (slope + 2.0 * bend > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bottom = start - slope * slope / (4.0 * bend)
    return np.where(turns, np.minimum(bottom, ends), ends)


def ball_span(start: FloatArray, end: FloatArray, bend: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the first and last u in [0, 1] inside a closed ball, NaN where the segment misses it.

    `start`, `end`: squared distance from the centre less the squared radius; `bend`: squared length.
    """
    enters, leaves = falling_root(start, end, bend), falling_root(-start, -end, -bend)
    is_in, ends_in = start <= 0.0, end <= 0.0
    missed = ~(is_in | ends_in | ((enters >= 0.0) & (enters <= 1.0)))
    # With an end inside there is a root in [0, 1], but rounding may put it just beyond, or lose a double one.
    first = np.where(is_in, 0.0, np.where(np.isnan(enters), 1.0, np.clip(enters, 0.0, 1.0)))
    last = np.where(ends_in, 1.0, np.where(np.isnan(leaves), 0.0, np.clip(leaves, 0.0, 1.0)))
    return _unless(missed, first), _unless(missed, last)


def slab_span(start: FloatArray, end: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the first and last u in [0, 1] with a coordinate in [low, high], NaN where it is never."""
    step = end - start
    with np.errstate(divide="ignore", invalid="ignore"):
        to_low, to_high = (low - start) / step, (high - start) / step
    is_rising = step > 0.0
    first = np.where((start >= low) & (start <= high), 0.0, np.where(is_rising, to_low, to_high))
    last = np.where((end >= low) & (end <= high), 1.0, np.where(is_rising, to_high, to_low))
    missed = ~((first >= 0.0) & (first <= 1.0) & (last >= 0.0) & (last <= 1.0))
    return _unless(missed, first), _unless(missed, last)


def _unless(missed: BoolArray, share: FloatArray) -> FloatArray:
    return np.where(missed, np.nan, share)


def plane_crossing(start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the u at which a line meets a plane, from its signed distances at u = 0 and 1; NaN if parallel."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = start / (start - end)
    return np.where(start == end, np.nan, share)


def ray_crosses(
    x_m: FloatArray, y_m: FloatArray, from_m: tuple[FloatArray, FloatArray], to_m: tuple[FloatArray, FloatArray]
) -> BoolArray:
    """Return whether the ray from (x, y) to the east crosses each edge; an odd number of edges means inside.

    An edge has its lower end (`from_m` is below `to_m`) but not its upper one, so that a ray through a vertex counts
    once, and a point on the border of two zones with the same vertices is in exactly one of them.
    """
    (x0, y0), (x1, y1) = from_m, to_m
    beside = (y0 <= y_m) & (y_m < y1)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_m = x0 + (x1 - x0) * ((y_m - y0) / (y1 - y0))
    return beside & (x_m < at_m)
