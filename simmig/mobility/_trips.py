"""When each vehicle is present, for one question at a time."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from simmig.mobility.trace import Trace
from simmig.units import NS_PER_US


class Trips:
    """The trips' times as views of arrays: plain numbers, quick to read one by one, without an object for each."""

    def __init__(self, trace: Trace) -> None:
        vehicles = np.arange(trace.vehicle_count + 1)
        self._first = np.searchsorted(trace.trip_vehicle, vehicles).data
        self._begin_ns = (trace.t_us[trace.trip_start[:-1]] * NS_PER_US).data
        self._end_ns = (trace.t_us[trace.trip_start[1:] - 1] * NS_PER_US).data

    def end_ns(self, vehicle: int, time_ns: int) -> int | None:
        """Return when the trip that the vehicle is on ends, or None if it is absent."""
        first = self._first[vehicle]
        trip = bisect_right(self._begin_ns, time_ns, first, self._first[vehicle + 1]) - 1
        if trip < first or time_ns > self._end_ns[trip]:
            return None
        return self._end_ns[trip]

    def next_begin_ns(self, vehicle: int, time_ns: int) -> int | None:
        """Return when the vehicle's next trip after this instant begins, or None if there is none."""
        end = self._first[vehicle + 1]
        trip = bisect_right(self._begin_ns, time_ns, self._first[vehicle], end)
        return self._begin_ns[trip] if trip < end else None
