"""Visits to zones, for one question at a time: what a trigger asks once for every migration."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise

import numpy as np

from simmig.contracts import IntArray
from simmig.mobility.coverage import Intervals
from simmig.mobility.grouped import last_at
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Int32Array, Trace
from simmig.units import NS_PER_US

NEVER = int(np.iinfo(np.int64).max)


class Visits:
    """The visits of all vehicles, as views of arrays: plain numbers, quick to read, without an object for each.

    A visit holds from its entry to before its exit. enter[K], exit[K], leaving[K] are in order of (vehicle, RSU,
    time); leaving[k] is the first instant after visit k at which the vehicle is present outside the zone, or NEVER.
    """

    def __init__(self, trace: Trace, sites: Sites, positions: Positions, visits: Intervals) -> None:
        self._positions = positions
        self._place_m = [tuple(row) for row in sites.xyz_m.tolist()]
        self._first = np.searchsorted(visits.vehicle, np.arange(trace.vehicle_count + 1)).data
        self._rsu = visits.rsu.data
        self.enter, self.exit = visits.enter_ns.data, visits.exit_ns.data
        self.leaving = _leaving_ns(trace, visits).data
        order = np.lexsort((visits.enter_ns, visits.vehicle))
        exit_ns = visits.exit_ns[order]
        self._entry_ns, self._entry_exit = visits.enter_ns[order].data, exit_ns.data
        self._entry_rsu = visits.rsu[order].data
        self._reach = _reach_ns(visits.vehicle, exit_ns).data

    def during(self, vehicle: int, rsu: int, time_ns: int) -> int:
        """Return the visit to this RSU's zone that holds at this instant, or -1."""
        first, end = self._range(vehicle, rsu)
        visit = bisect_right(self.enter, time_ns, first, end) - 1
        return visit if visit >= first and time_ns < self.exit[visit] else -1

    def next_visit(self, vehicle: int, rsu: int, after_ns: int) -> int:
        """Return the first visit to this RSU's zone that begins after this instant, or -1."""
        first, end = self._range(vehicle, rsu)
        visit = bisect_right(self.enter, after_ns, first, end)
        return visit if visit < end else -1

    def _range(self, vehicle: int, rsu: int) -> tuple[int, int]:
        end = self._first[vehicle + 1]
        first = bisect_left(self._rsu, rsu, self._first[vehicle], end)
        return first, bisect_right(self._rsu, rsu, first, end)

    def next_entry_ns(self, vehicle: int, after_ns: int, without: int) -> int:
        """Return when the vehicle next enters the zone of any RSU but one, after this instant, or NEVER."""
        first, end = self._first[vehicle], self._first[vehicle + 1]
        entry = bisect_right(self._entry_ns, after_ns, first, end)
        while entry < end and self._entry_rsu[entry] == without:
            entry += 1
        return self._entry_ns[entry] if entry < end else NEVER

    def nearest(self, vehicle: int, time_ns: int, without: int) -> int:
        """Return the nearest RSU but one whose zone the vehicle is in, or -1; of equally near ones the first."""
        first, end = self._first[vehicle], self._first[vehicle + 1]
        entry = bisect_right(self._entry_ns, time_ns, first, end) - 1
        found: list[int] = []
        while entry >= first and self._reach[entry] > time_ns:
            if self._entry_exit[entry] > time_ns and self._entry_rsu[entry] != without:
                found.append(self._entry_rsu[entry])
            entry -= 1
        if len(found) < 2:
            return found[0] if found else -1
        x_m, y_m, z_m = self._positions.one(vehicle, time_ns)
        ranked = []
        for rsu in found:
            rsu_x_m, rsu_y_m, rsu_z_m = self._place_m[rsu]
            dx_m, dy_m, dz_m = rsu_x_m - x_m, rsu_y_m - y_m, rsu_z_m - z_m
            ranked.append((dx_m * dx_m + dy_m * dy_m + dz_m * dz_m, rsu))
        return min(ranked)[1]


def _reach_ns(vehicle: Int32Array, exit_ns: IntArray) -> IntArray:
    """Return the latest exit of each vehicle's visits so far, in order of entry."""
    reach = np.empty_like(exit_ns)
    bounds = np.append(np.unique(vehicle, return_index=True)[1], len(vehicle))
    for begin, end in pairwise(bounds.tolist()):
        np.maximum.accumulate(exit_ns[begin:end], out=reach[begin:end])
    return reach


def _leaving_ns(trace: Trace, visits: Intervals) -> IntArray:
    """Return when each visit is over for good: a vehicle parked inside between two trips has not left."""
    lasts = np.diff(trace.trip_start) > 1  # a trip of one fix has no time for a visit, nor to be seen outside
    begin_ns = trace.t_us[trace.trip_start[:-1][lasts]] * NS_PER_US
    owner = trace.trip_vehicle[lasts]
    first, past = (np.searchsorted(owner, visits.vehicle, side=side) for side in ("left", "right"))
    trip = last_at(begin_ns, first, past, visits.enter_ns)
    resumes = np.where(trip + 1 < past, np.append(begin_ns, NEVER)[trip + 1], NEVER)
    leaving = np.where(visits.ends_inside, resumes, visits.exit_ns)
    same = (visits.vehicle[1:] == visits.vehicle[:-1]) & (visits.rsu[1:] == visits.rsu[:-1])
    goes_on = np.zeros(len(leaving), dtype=bool)
    goes_on[:-1] = same & visits.ends_inside[:-1] & (visits.enter_ns[1:] == resumes[:-1])
    last = np.where(goes_on, len(leaving), np.arange(len(leaving)))
    return np.asarray(leaving[np.minimum.accumulate(last[::-1])[::-1]])
