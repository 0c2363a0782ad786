"""Trigger: another RSU becomes the nearest to the vehicle, or the strongest where transmit powers differ."""

from __future__ import annotations

from array import array
from bisect import bisect_right

import numpy as np

from simmig.contracts import ArmedTrigger, Plugin
from simmig.mobility._trips import Trips
from simmig.mobility.nearest import nearest_changes
from simmig.mobility.triggers import TriggerScene


class Trigger(Plugin):
    """The nearest RSU changes, with no regard to zones; see `simmig.mobility.nearest`."""

    def arm(self, scene: TriggerScene) -> ArmedTrigger:
        """Return the trigger with all changes computed."""
        return _Armed(scene)


class _Armed:
    """The changes of each vehicle, in order of time, as views of arrays: plain numbers without a list of each."""

    def __init__(self, scene: TriggerScene) -> None:
        changes = nearest_changes(scene.trace, scene.sites.xyz_m, scene.bonus_db, scene.exponent)
        vehicles = np.arange(scene.trace.vehicle_count + 1)
        self._start = array("q", np.searchsorted(changes.vehicle, vehicles).tolist())
        self._time_ns = changes.time_ns.data
        self._rsu = changes.rsu.data
        # The last answer for each vehicle: the next question is mostly asked at that change.
        self._answer = array("q", self._start)
        self._trips = Trips(scene.trace)

    def next(self, vehicle: int, host: int, after_ns: int, *, retry: bool) -> tuple[int, int] | None:
        """Return the first change after `after_ns` to another RSU than the host, and that RSU."""
        time_ns, rsu = self._time_ns, self._rsu
        begin, end, k = self._start[vehicle], self._start[vehicle + 1], self._answer[vehicle]
        if k < end and time_ns[k] <= after_ns and (k + 1 == end or time_ns[k + 1] > after_ns):
            k += 1
        else:
            k = bisect_right(time_ns, after_ns, begin, end)
        self._answer[vehicle] = k
        if retry and k > begin and rsu[k - 1] != host and self._trips.end_ns(vehicle, after_ns) is not None:
            return after_ns, rsu[k - 1]
        while k < end:
            if rsu[k] != host:
                return time_ns[k], rsu[k]
            k += 1
        return None
