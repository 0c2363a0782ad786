"""When a vehicle asks for a migration: placement of twins, armed triggers, retries."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from simmig.engine.clock import Rank, Stream
from simmig.engine.flow import Flow
from simmig.engine.migration import Migration
from simmig.engine.state import State
from simmig.errors import RunError
from simmig.records import NEVER, NOBODY, Outcome

# Outcomes after which the vehicle, still served by the source or by nobody, asks again a little later.
_RETRIED = frozenset({Outcome.REFUSED, Outcome.LINK_LOST, Outcome.TARGET_FAILED})
_MOST_REPEATS = 1000  # requests of one vehicle at one instant

Instant = tuple[int, int]  # (time_ns, target the trigger prefers)


class Requests:
    """Places twins and turns trigger instants into requests, which `accept(migration)` then decides."""

    def __init__(self, state: State, flow: Flow) -> None:
        world = state.world
        self._state = state
        self._flow = flow
        self._next = world.trigger.next
        self._end_ns = world.end_ns
        self._retry_ns = world.retry_ns
        self._last_ns, self._last_vehicle, self._repeats = NEVER, NOBODY, 0
        self._stranded: dict[int, list[int]] = {}  # by failed RSU
        self._armed = array("q", [0]) * world.trace.vehicle_count  # an armed instant with another number is stale
        self._triggers = Stream(state.clock, Rank.TRIGGER, self._on_trigger)
        self._placements = Stream(state.clock, Rank.PLACEMENT, self._on_placement)
        self.accept: Callable[[Migration], None] = self._decide_at_once
        flow.on_failure = self._on_failure
        for vehicle, time_ns, rsu in world.placements:
            if time_ns <= self._end_ns:
                self._placements.add(time_ns, vehicle, rsu)

    def _on_placement(self, vehicle: int, rsu: int) -> None:
        state = self._state
        state.host[vehicle] = rsu
        state.log.placement.append(vehicle, rsu, state.clock._now)
        self.arm(vehicle, rsu)

    def arm(self, vehicle: int, host: int) -> None:
        """Wait for the vehicle's next trigger, given where its twin is or will be."""
        self._arm_at(vehicle, self._next(vehicle, host, self._state.clock._now, retry=False))

    def _arm_at(self, vehicle: int, found: Instant | None) -> None:
        self._armed[vehicle] = armed = self._armed[vehicle] + 1
        if found is not None and not found[0] > self._end_ns:  # so put that the stream gets to refuse a NaN
            self._triggers.add(found[0], vehicle, (armed, found[1]))

    def _on_trigger(self, vehicle: int, item: tuple[int, int]) -> None:
        armed, hint = item
        if armed != self._armed[vehicle]:
            return
        state, now = self._state, self._state.clock._now
        if now == self._last_ns and vehicle == self._last_vehicle:
            self._check_progress(vehicle, now)
        else:
            self._last_ns, self._last_vehicle, self._repeats = now, vehicle, 0
        host = state.host[vehicle]
        if hint == NOBODY and state.world.covered_until_ns(vehicle, host, now) > now:
            self.arm(vehicle, host)  # in its RSU's margin with nowhere to go: it may stay until it has to leave
            return
        older = state.in_flight[vehicle]
        if older is not None:
            self._flow.abort(older, Outcome.SUPERSEDED)
        migration = state.new_migration(vehicle)
        migration.hint = hint
        self.accept(migration)

    def _check_progress(self, vehicle: int, now: int) -> None:
        """Raise RunError if a trigger keeps asking for one vehicle at one instant: the clock would stand still."""
        self._repeats += 1
        if self._repeats > _MOST_REPEATS:
            name = self._state.log.vehicle_id[vehicle]
            raise RunError(f"the trigger asked {_MOST_REPEATS} times for vehicle {name!r} at {now} ns: it is faulty")

    def _decide_at_once(self, migration: Migration) -> None:
        """Decide without a market: the trigger's target, the configured bandwidth, no price."""
        hint = migration.hint
        if hint == NOBODY:
            self._flow.abort(migration, Outcome.OUT_OF_COVERAGE)
            return
        migration.bandwidth_hz = self._state.world.offered_hz[hint]
        self.decide(migration, hint)

    def decide(self, migration: Migration, target: int) -> None:
        """Send the twin to this RSU with the bandwidth that the migration now holds."""
        now = migration.decided_ns = self._state.clock._now
        migration.target = target
        vehicle = migration.vehicle
        self._arm_at(vehicle, self._next(vehicle, target, now, retry=False))
        self._flow.begin(migration)

    def _on_failure(self, migration: Migration, outcome: Outcome) -> None:
        vehicle, now = migration.vehicle, self._state.clock._now
        host = self._state.host[vehicle]
        if outcome is Outcome.LINK_LOST and self._state.failures[host]:
            # Nothing can be fetched from there before it works again: asking meanwhile would only fail.
            self._stranded.setdefault(host, []).append(vehicle)
        elif outcome in _RETRIED or (outcome is Outcome.OUT_OF_COVERAGE and migration.is_blocked):
            self._arm_at(vehicle, self._next(vehicle, host, now + self._retry_ns, retry=True))
        elif outcome is Outcome.OUT_OF_COVERAGE:
            self._arm_at(vehicle, self._when_covered(vehicle, host, now))

    def ask_again(self, rsu: int) -> None:
        """Let the vehicles whose twins a failed RSU held ask again, now that it works."""
        state, now = self._state, self._state.clock._now
        for vehicle in sorted(set(self._stranded.pop(rsu, []))):
            if state.host[vehicle] == rsu and state.in_flight[vehicle] is None:
                self._arm_at(vehicle, self._next(vehicle, rsu, now, retry=True))

    def _when_covered(self, vehicle: int, host: int, now: int) -> Instant | None:
        """Return the next trigger, or the vehicle's next entry into a zone if it then still wants to move."""
        ordinary = self._next(vehicle, host, now, retry=False)
        entry_ns = self._state.world.next_entry_ns(vehicle, now)
        if entry_ns is None:
            return ordinary
        asked = self._next(vehicle, host, entry_ns, retry=True)
        return min((found for found in (ordinary, asked) if found is not None), default=None)
