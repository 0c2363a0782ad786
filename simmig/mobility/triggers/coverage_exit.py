"""Trigger: the vehicle leaves its RSU's zone, or comes within a margin of leaving it."""

from __future__ import annotations

from pydantic import Field

from simmig.contracts import ArmedTrigger, Plugin
from simmig.mobility._trips import Trips
from simmig.mobility._visits import NEVER, Visits
from simmig.mobility.coverage import coverage_intervals
from simmig.mobility.triggers import TriggerScene


class Trigger(Plugin):
    """The vehicle leaves the zone of the RSU that holds its twin, its border moved inwards by `margin_m`.

    The target is the nearest other RSU with the vehicle inside its zone, margins respected where that is possible.
    Leaving all coverage fires once, without a target; the next entry into another zone fires again.
    """

    margin_m: float = Field(default=0.0, ge=0.0)

    def arm(self, scene: TriggerScene) -> ArmedTrigger:
        """Return the trigger with every visit to a zone, with and without the margin, computed."""
        outer = Visits(scene.trace, scene.sites, scene.positions, scene.coverage)
        if self.margin_m == 0.0:
            return _Armed(Trips(scene.trace), outer, outer)
        visits = coverage_intervals(scene.trace, scene.sites, self.margin_m)
        return _Armed(Trips(scene.trace), outer, Visits(scene.trace, scene.sites, scene.positions, visits))


class _Armed:
    """A zone and its inner part, within the margin: while the vehicle is in the inner part, the twin may stay.

    A decision stands until something changes: a vehicle that is in the host's zone but not in its inner part asks
    again when it enters the inner part of another zone, or leaves the host's.
    """

    def __init__(self, trips: Trips, outer: Visits, inner: Visits) -> None:
        self._trips, self._outer, self._inner = trips, outer, inner

    def next(self, vehicle: int, host: int, after_ns: int, *, retry: bool) -> tuple[int, int] | None:
        """Return when the vehicle next has to leave the host and the RSU to go to, or None."""
        visit = self._inner.during(vehicle, host, after_ns)
        if visit >= 0:
            return self._ask(vehicle, host, self._inner.leaving[visit])
        if retry and self._trips.end_ns(vehicle, after_ns) is not None:
            return self._ask(vehicle, host, after_ns)
        if self._outer.during(vehicle, host, after_ns) >= 0:
            return self._from_margin(vehicle, host, after_ns)
        return self._from_outside(vehicle, host, after_ns)

    def _ask(self, vehicle: int, host: int, time_ns: int) -> tuple[int, int] | None:
        if time_ns == NEVER:
            return None
        # An RSU whose margin the vehicle is in would have to be left again at once.
        target = self._inner.nearest(vehicle, time_ns, host)
        if target < 0 and self._inner is not self._outer:
            target = self._outer.nearest(vehicle, time_ns, host)
        return time_ns, target

    def _from_outside(self, vehicle: int, host: int, now: int) -> tuple[int, int] | None:
        """Ask at the first instant from now at which the vehicle is inside another zone and not in the host's."""
        if self._outer.nearest(vehicle, now, host) >= 0:
            return self._ask(vehicle, host, now)
        entry_ns = self._outer.next_entry_ns(vehicle, now, -1)
        if self._outer.during(vehicle, host, entry_ns) < 0:
            return self._ask(vehicle, host, entry_ns)
        visit = self._inner.during(vehicle, host, entry_ns)
        if visit >= 0:
            return self._ask(vehicle, host, self._inner.leaving[visit])
        return self._from_margin(vehicle, host, entry_ns)

    def _from_margin(self, vehicle: int, host: int, now: int) -> tuple[int, int] | None:
        """Ask when the vehicle leaves the host's zone or enters another's inner part, unless it comes back first."""
        leaves_ns = self._outer.leaving[self._outer.during(vehicle, host, now)]
        other_ns = self._inner.next_entry_ns(vehicle, now, host)
        visit = self._inner.next_visit(vehicle, host, now)
        if visit >= 0 and self._inner.enter[visit] <= min(leaves_ns, other_ns):
            return self._ask(vehicle, host, self._inner.leaving[visit])
        return self._ask(vehicle, host, min(leaves_ns, other_ns))
