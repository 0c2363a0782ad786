"""Boxes around runs of 4, 16, 64, ... segments, so that the cost follows what meets and not what moves.

A question about all segments and all RSUs is asked of whole paths first, then of ever shorter runs, and only of those
for which the answer was still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility.grouped import spread
from simmig.mobility.trace import Trace
from simmig.units import NS_PER_US

FAN_OUT = 4  # 2, 3, 5 and 8 are no quicker in tests/benchmarks/bench_coverage.py
_LEVELS = 4  # above them, one block for each path
_CHUNK_PAIRS = 1 << 22  # fixes times RSUs: the arrays of one chunk stay in the processor's cache
_MIN_CHUNK_FIXES = 1 << 12
_FEW_RSUS = 64

Box = tuple[list[FloatArray], list[FloatArray]]  # lowest and highest coordinate of each block, axis by axis


@dataclass(frozen=True, slots=True)
class Paths:
    """P paths of some trips: axes[D][N] in metres, path p owns rows start[p]:start[p + 1]; `trip` is its trip."""

    trip: IntArray
    start: IntArray
    t_us: IntArray
    axes: list[FloatArray]

    def end_ns(self) -> IntArray:
        """Return the time of the last fix of each path."""
        return self.t_us[self.start[1:] - 1] * NS_PER_US

    def start_ns(self) -> IntArray:
        """Return the time of the first fix of each path."""
        return self.t_us[self.start[:-1]] * NS_PER_US

    def time_ns(self, segment: IntArray, share: FloatArray) -> IntArray:
        """Return the time at a share of a segment, to the nearest nanosecond."""
        begin_us = self.t_us[segment]
        width_ns = (self.t_us[segment + 1] - begin_us) * NS_PER_US
        return begin_us * NS_PER_US + np.rint(share * width_ns).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Level:
    """Blocks of one length: their boxes, and the blocks one level down (or segments) that each is made of."""

    box: Box
    first: IntArray
    count: IntArray


def chunks(trace: Trace, rsus: int) -> Iterator[Paths]:
    """Yield all trips in order, as many at a time as suits questions about this many RSUs; at least one."""
    fixes = max(_CHUNK_PAIRS // max(rsus, _FEW_RSUS), _MIN_CHUNK_FIXES)
    trips = len(trace.trip_vehicle)
    axes = [trace.x_m, trace.y_m] + ([] if trace.z_m is None else [trace.z_m])
    begin = 0
    while begin < trips:
        reach = trace.trip_start[begin] + fixes
        end = max(int(np.searchsorted(trace.trip_start, reach, side="right")) - 1, begin + 1)
        rows = slice(int(trace.trip_start[begin]), int(trace.trip_start[end]))
        start = trace.trip_start[begin : end + 1] - trace.trip_start[begin]
        yield Paths(np.arange(begin, end), start, trace.t_us[rows], [axis[rows] for axis in axes])
        begin = end


def blocks(paths: Paths, *, runs: bool = True) -> list[Level]:
    """Return the levels of boxes of these paths, shortest runs first; block p of the last level is path p.

    Without `runs` the paths are the only level.
    """
    first, last = paths.start[:-1], paths.start[1:] - 1  # of each path: segment i goes from fix i to fix i + 1
    levels: list[Level] = []
    path_first, path_count = first, last - first
    while len(levels) < _LEVELS * runs:
        owner, index = spread(path_first, -(-path_count // FAN_OUT), FAN_OUT)
        count = np.minimum(path_first[owner] + path_count[owner] - index, FAN_OUT)
        box = _over(levels[-1].box, index) if levels else _around(paths, index, last[owner])
        levels.append(Level(box, index, count))
        path_count = -(-path_count // FAN_OUT)
        path_first = np.cumsum(path_count) - path_count
    levels.append(Level(_extent(paths), path_first, path_count))
    return levels


def _around(paths: Paths, index: IntArray, last: IntArray) -> Box:
    """Return the boxes of the fixes at both ends of the segments of each run, up to the path's last fix."""
    # A step at a time along all runs is quicker than reduceat on runs this short.
    steps = [np.minimum(index + step, last) for step in range(FAN_OUT + 1)]
    low, high = [], []
    for axis in paths.axes:
        lowest = highest = axis[index]
        for step in steps[1:]:
            at = axis[step]
            lowest, highest = np.minimum(lowest, at), np.maximum(highest, at)
        low.append(lowest)
        high.append(highest)
    return low, high


def _over(box: Box, index: IntArray) -> Box:
    low, high = box
    return [np.minimum.reduceat(axis, index) for axis in low], [np.maximum.reduceat(axis, index) for axis in high]


def _extent(paths: Paths) -> Box:
    begin = paths.start[:-1]
    low = [np.minimum.reduceat(axis, begin) for axis in paths.axes]
    high = [np.maximum.reduceat(axis, begin) for axis in paths.axes]
    return low, high


def descend(
    levels: list[Level], path: IntArray, item: IntArray, meets: Callable[[Box, IntArray], BoolArray]
) -> tuple[IntArray, IntArray]:
    """Return the (segment, item) pairs of the given (path, item) pairs in shortest runs whose boxes all meet.

    `meets(box, item)` answers for arrays of pairs. Pairs keep their order, and those of one given pair come in order
    of time.
    """
    block = path
    for level, below in zip(levels[:0:-1], levels[-2::-1], strict=True):
        owner, block = spread(level.first[block], level.count[block])
        item = item[owner]
        low, high = below.box
        keep = meets(([axis[block] for axis in low], [axis[block] for axis in high]), item)
        block, item = block[keep], item[keep]
    owner, segment = spread(levels[0].first[block], levels[0].count[block])
    return segment, item[owner]


def segment_box(paths: Paths, segment: IntArray) -> Box:
    """Return the boxes of single segments."""
    ends = [(axis[segment], axis[segment + 1]) for axis in paths.axes]
    return [np.minimum(a, b) for a, b in ends], [np.maximum(a, b) for a, b in ends]
