"""Straight legs: runs of fixes at equal steps along a line, which one formula looks at as a whole.

Synthetic ways, and vehicles that stand, consist of them: thousands of fixes, but few turns. A leg only says where to
look; what happens there is computed from the fixes themselves, so that nothing depends on whether legs were found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility._blocks import Paths
from simmig.mobility.grouped import spread

_MEAN_SEGMENTS = 24  # measured: with shorter legs the boxes of `_blocks` are quicker
_SAMPLE = 1024  # fixes, enough to see that a trace of curves has no legs
_GRAIN = 2.0**-48  # of the largest coordinate: 16 times its rounding, what fixes on a line may be beside it
_SEGMENT_SLACK = 1e-6  # of a segment, for the rounding of shares

Points = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class Legs:
    """L legs of paths on the plane: count[l] segments from segment first[l] on, all on the line from begin to end.

    The steps of a leg are equal, but its first or last may be shorter: the share u of it lies in the segment
    origin + floor(u * span - lead). No point of the leg is farther than sway_m from where this says.
    """

    path: IntArray
    first: IntArray
    count: IntArray
    origin: IntArray
    lead: FloatArray
    span: FloatArray
    begin: Points
    end: Points
    sway_m: FloatArray

    def step(self) -> Points:
        """Return the vector from the begin of each leg to its end."""
        return self.end[0] - self.begin[0], self.end[1] - self.begin[1]

    def ranges(self, leg: IntArray, low: FloatArray, high: FloatArray) -> tuple[IntArray, IntArray]:
        """Return the first and last segment that legs may be in from share `low` to share `high`, both in [0, 1]."""
        origin, lead, span = self.origin[leg], self.lead[leg], self.span[leg]
        first, last = self.first[leg], self.first[leg] + self.count[leg] - 1
        from_segment = np.floor(low * span - lead - _SEGMENT_SLACK).astype(np.int64) + origin
        to_segment = np.floor(high * span - lead + _SEGMENT_SLACK).astype(np.int64) + origin
        return np.maximum(from_segment, first), np.minimum(to_segment, last)


def find_legs(paths: Paths) -> Legs | None:
    """Return the legs that all segments of the paths belong to, or None if they are too short to be of use.

    In the air, where zones have floors and ceilings, the answer is always None.
    """
    if len(paths.axes) != 2:
        return None
    grain_m = _GRAIN * max(float(np.abs(axis).max()) for axis in paths.axes)
    middle = len(paths.t_us) // 2
    sample = _turns([axis[middle : middle + _SAMPLE] for axis in paths.axes], grain_m)
    if np.count_nonzero(sample) * _MEAN_SEGMENTS > 3 * _SAMPLE:  # a turn between two fixes makes three vertices
        return None
    row, leads_on = _vertices(paths, grain_m)
    first, end = row[:-1][leads_on[:-1]], row[1:][leads_on[:-1]]
    if not len(first):
        return None
    lead, tail, is_taken = _short_ends(paths, first, end, grain_m)
    kept = np.flatnonzero(~is_taken)
    if len(kept) * _MEAN_SEGMENTS > len(paths.t_us):
        return None
    origin, uniform, lead, tail = first[kept], (end - first)[kept], lead[kept], tail[kept]
    first, end = origin - (lead > 0.0), end[kept] + (tail > 0.0)
    x_m, y_m = paths.axes
    return Legs(
        path=np.searchsorted(paths.start, first, side="right") - 1,
        first=first,
        count=end - first,
        origin=origin,
        lead=lead,
        span=lead + uniform + tail,
        begin=(x_m[first], y_m[first]),
        end=(x_m[end], y_m[end]),
        # Second differences of a grain add up to n^2 / 8 grains in the middle of n segments.
        sway_m=np.asarray((uniform + 4.0) ** 2 * grain_m, dtype=np.float64),
    )


def cut_out(paths: Paths, legs: Legs, leg: IntArray) -> tuple[Paths, IntArray]:
    """Return some legs as paths of their own, and the rows of `paths` that their fixes are."""
    count = legs.count[leg] + 1
    _, row = spread(legs.first[leg], count)
    start = np.concatenate(([0], np.cumsum(count)))
    return Paths(paths.trip[legs.path[leg]], start, paths.t_us[row], [axis[row] for axis in paths.axes]), row


def _vertices(paths: Paths, grain_m: float) -> tuple[IntArray, BoolArray]:
    """Return the rows at which paths begin, end or leave their line or pace, and whether a segment begins there."""
    turns = np.ones(len(paths.t_us), dtype=bool)
    turns[1:-1] = _turns(paths.axes, grain_m)
    lasts = paths.start[1:] - 1
    turns[paths.start[:-1]] = True
    turns[lasts] = True
    row = np.flatnonzero(turns)
    leads_on = np.ones(len(row), dtype=bool)
    leads_on[np.searchsorted(row, lasts)] = False
    return row, leads_on


def _turns(axes: list[FloatArray], grain_m: float) -> BoolArray:
    """Return of each fix but the first and last whether the step after it differs from the step before it."""
    turns = np.zeros(max(len(axes[0]) - 2, 0), dtype=bool)
    for axis in axes:
        bend = np.diff(axis, n=2)
        turns |= np.abs(bend, out=bend) > grain_m
    return turns


def _short_ends(
    paths: Paths, first: IntArray, end: IntArray, grain_m: float
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return what share of a step a single segment before and after each run adds to it, and which are so taken.

    A turn between two fixes of a steady beat leaves such segments, and they would be most of all legs. One that fits
    the runs on both its sides belongs to the earlier.
    """
    count = end - first
    meets = np.append(end[:-1] == first[1:], False)
    follows = meets & (count > 1) & (np.roll(count, -1) == 1)  # a single segment follows the run
    precedes = meets & (count == 1) & (np.roll(count, -1) > 1)
    step = [(axis[end] - axis[first]) / count for axis in paths.axes]
    tail, lead = np.zeros(len(count)), np.zeros(len(count))
    run = np.flatnonzero(follows)
    tail[run] = _share([axis[run] for axis in step], [axis[run + 1] for axis in step], grain_m)
    is_taken = np.append(False, tail[:-1] > 0.0)
    single = np.flatnonzero(precedes & ~is_taken)
    lead[single + 1] = _share([axis[single + 1] for axis in step], [axis[single] for axis in step], grain_m)
    is_taken |= np.append(lead[1:] > 0.0, False)
    return lead, tail, is_taken


def _share(step: list[FloatArray], part: list[FloatArray], grain_m: float) -> FloatArray:
    """Return what share of a step each part of one is, 0 if it is none."""
    length2 = step[0] * step[0] + step[1] * step[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (step[0] * part[0] + step[1] * part[1]) / length2
    beside_m = np.maximum(*(np.abs(whole * share - piece) for whole, piece in zip(step, part, strict=True)))
    return np.where((share > 0.0) & (share <= 1.0) & (beside_m <= grain_m), share, 0.0)
