"""Where vehicles are at any instant, and how far they go."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import FloatArray, IntArray
from simmig.mobility._blocks import chunks
from simmig.mobility.grouped import last_at
from simmig.mobility.trace import Trace
from simmig.units import NS_PER_US

_GUESSES = 4


class Positions:
    """Positions on a trace: straight lines between the fixes of a trip, nowhere between trips."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._axes = (trace.x_m, trace.y_m, trace.z_m)
        self._first_trip = np.searchsorted(trace.trip_vehicle, np.arange(trace.vehicle_count + 1))
        self._first_row = trace.trip_start[:-1]
        self._last_row = trace.trip_start[1:] - 1
        self._begin_us = trace.t_us[self._first_row]
        self._end_us = trace.t_us[self._last_row]
        # The same again as views for `one`: they give plain numbers, which is quicker than NumPy's one by one.
        self._firsts, self._starts = self._first_trip.data, trace.trip_start.data
        self._begins, self._times = self._begin_us.data, trace.t_us.data
        self._views = [None if axis is None else axis.data for axis in self._axes]

    def at(self, vehicle: NDArray[np.integer], time_ns: IntArray) -> FloatArray:
        """Return the positions xyz[K, 3] of vehicles[K] at times[K], NaN where a vehicle is absent.

        Vehicles are present from the first to the last fix of a trip, both included.
        """
        time_us = time_ns // NS_PER_US
        first = self._first_trip[vehicle]
        trip = last_at(self._begin_us, first, self._first_trip[vehicle + 1], time_us)
        absent = (trip < first) | (time_ns > self._end_us[trip] * NS_PER_US)
        row = self._rows(trip, time_us)
        # A trip may be a single fix: then the next row is not the vehicle's, and its share is 0.
        beyond = np.minimum(row + 1, self._last_row[trip])
        t_us = self._trace.t_us
        begin_us = t_us[row]
        width_us = np.maximum(t_us[beyond] - begin_us, 1)
        share = (time_ns - begin_us * NS_PER_US) / (width_us * NS_PER_US)
        xyz = np.zeros((len(row), 3))
        for column, axis in zip(xyz.T, self._axes, strict=True):
            if axis is not None:
                column[:] = axis[row] * (1.0 - share) + axis[beyond] * share
        xyz[absent] = np.nan
        return xyz

    def _rows(self, trip: IntArray, time_us: IntArray) -> IntArray:
        """Return the row of each trip whose segment holds the time; any row of it if the time is beyond it."""
        t_us = self._trace.t_us
        first, last = self._first_row[trip], np.maximum(self._last_row[trip] - 1, self._first_row[trip])
        begin_us, end_us = self._begin_us[trip], self._end_us[trip]
        # Fixes mostly come at a steady beat. A guess looks at two cold places of the memory, a search at twelve.
        beat_per_us = (self._last_row[trip] - first) / np.maximum(end_us - begin_us, 1)
        row = first
        steps = (time_us - begin_us) * beat_per_us
        for _ in range(_GUESSES):
            row = np.clip(row + np.floor(steps).astype(np.int64), first, last)
            behind_us = time_us - t_us[row]
            is_late = (t_us[np.minimum(row + 1, last)] <= time_us) & (row < last)
            if not ((behind_us < 0) | is_late).any():
                return np.asarray(row)
            steps = np.where(is_late, np.maximum(behind_us * beat_per_us, 1.0), np.minimum(behind_us, 0) * beat_per_us)
        return np.maximum(last_at(t_us, first, last + 1, time_us), first)

    def one(self, vehicle: int, time_ns: int) -> tuple[float, float, float]:
        """Return the position of one vehicle that is present, the same as `at` gives, ten times as quickly."""
        time_us = time_ns // NS_PER_US
        trip = bisect_right(self._begins, time_us, self._firsts[vehicle], self._firsts[vehicle + 1]) - 1
        first, last = self._starts[trip], self._starts[trip + 1] - 1
        row = min(bisect_right(self._times, time_us, first, last + 1) - 1, max(last - 1, first))
        beyond = min(row + 1, last)
        begin_us = self._times[row]
        share = (time_ns - begin_us * NS_PER_US) / (max(self._times[beyond] - begin_us, 1) * NS_PER_US)
        x_m, y_m, z_m = (
            view[row] * (1.0 - share) + view[beyond] * share if view is not None else 0.0 for view in self._views
        )
        return x_m, y_m, z_m

    def path(self, vehicle: int, start_ns: int, end_ns: int) -> tuple[IntArray, FloatArray]:
        """Return the corners (t_ns[K], xyz[K, 3]) of a vehicle's way from start to end, or to the trip's end.

        Both ends are corners, interpolated where they are no fixes; K = 0 if the vehicle is absent at the start.
        """
        trips = slice(self._first_trip[vehicle], self._first_trip[vehicle + 1])
        trip = int(trips.start + np.searchsorted(self._begin_us[trips], start_ns // NS_PER_US, side="right") - 1)
        if trip < trips.start or start_ns > self._end_us[trip] * NS_PER_US:
            return np.empty(0, dtype=np.int64), np.empty((0, 3))
        until_ns = min(end_ns, int(self._end_us[trip]) * NS_PER_US)
        t_us = self._trace.t_us[self._first_row[trip] : self._last_row[trip] + 1]
        after = int(np.searchsorted(t_us, start_ns // NS_PER_US, side="right"))
        before = int(np.searchsorted(t_us, -(-until_ns // NS_PER_US), side="left"))
        ends_ns = np.array([start_ns, until_ns][: 1 + (until_ns > start_ns)])
        ends = self.at(np.full(len(ends_ns), vehicle), ends_ns)
        fixes = slice(int(self._first_row[trip]) + after, int(self._first_row[trip]) + before)
        middle = np.zeros((max(before - after, 0), 3))
        for column, axis in zip(middle.T, self._axes, strict=True):
            if axis is not None:
                column[:] = axis[fixes]
        t_ns = np.concatenate((ends_ns[:1], self._trace.t_us[fixes] * NS_PER_US, ends_ns[1:]))
        return t_ns, np.concatenate((ends[:1], middle, ends[1:]))


def distance_m(trace: Trace) -> FloatArray:
    """Return the length of each vehicle's way, shape [V]; gaps between its trips are not counted."""
    per_trip = np.zeros(len(trace.trip_vehicle))
    for paths in chunks(trace, rsus=0):
        step_m = np.sqrt(sum(np.diff(axis, append=axis[-1]) ** 2 for axis in paths.axes))
        step_m[paths.start[1:] - 1] = 0.0  # the last fix of a trip leads nowhere
        per_trip[paths.trip] = np.add.reduceat(step_m, paths.start[:-1])
    return np.asarray(np.bincount(trace.trip_vehicle, per_trip, trace.vehicle_count), dtype=np.float64)
