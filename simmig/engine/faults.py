"""RSU faults: an outage kills, delays or redirects the migrations it touches."""

from __future__ import annotations

import numpy as np

from simmig.engine.clock import Rank, Stream
from simmig.engine.flow import Flow
from simmig.engine.migration import Migration
from simmig.engine.requests import Requests
from simmig.engine.state import State
from simmig.records import NEVER, FaultPhase, Outcome
from simmig.world import Fault


class Faults:
    """Takes RSUs down and up again at the scenario's instants."""

    def __init__(self, state: State, requests: Requests, flow: Flow) -> None:
        self._state = state
        self._requests = requests
        self._flow = flow
        self._stream = Stream(state.clock, Rank.FAULT, self._on_fault)
        for number, fault in enumerate(state.world.faults):
            self._stream.add(fault.at_ns, number, (fault, FaultPhase.DOWN))
            self._stream.add(fault.until_ns, number, (fault, FaultPhase.UP))

    def _on_fault(self, _number: int, item: tuple[Fault, FaultPhase]) -> None:
        fault, phase = item
        state = self._state
        state.log.fault.append(fault.rsu, phase, state.clock._now)
        counter = state.pauses if fault.effect == "pause" else state.failures
        touched = self._touched(fault.rsu)
        if fault.effect == "pause":
            self._pause(touched, fault.rsu, phase, counter)
            return
        counter[fault.rsu] += 1 if phase is FaultPhase.DOWN else -1
        if phase is FaultPhase.DOWN:
            for migration in touched:
                self._strike(migration, fault)
        elif counter[fault.rsu] == 0:
            self._requests.ask_again(fault.rsu)

    def _touched(self, rsu: int) -> list[Migration]:
        """Return the decided migrations that need this RSU at their present stage, oldest first."""
        now = self._state.clock._now
        found = [
            m
            for m in self._state.in_flight
            if m is not None
            and m.decided_ns != NEVER
            and (m.target == rsu or (m.source == rsu and not m.is_copied(now)))
        ]
        return sorted(found, key=lambda m: m.number)

    def _pause(self, touched: list[Migration], rsu: int, phase: FaultPhase, counter: list[int]) -> None:
        was_waiting = [self._state.waits_for_rsu(m) for m in touched]
        counter[rsu] += 1 if phase is FaultPhase.DOWN else -1
        for migration, waited in zip(touched, was_waiting, strict=True):
            waits = self._state.waits_for_rsu(migration)
            if waits and not waited:
                self._flow.pause(migration)
            elif waited and not waits:
                self._flow.resume(migration)

    def _strike(self, migration: Migration, fault: Fault) -> None:
        if migration.target != fault.rsu:
            self._flow.abort(migration, Outcome.LINK_LOST)
            return
        other = self._next_best(migration) if fault.effect == "redirect" else None
        if other is None:
            self._flow.abort(migration, Outcome.TARGET_FAILED)
            return
        self._requests.arm(migration.vehicle, other)
        self._flow.redirect(migration, other)

    def _next_best(self, migration: Migration) -> int | None:
        """Return the nearest working RSU, other than the source, whose zone contains the vehicle."""
        world, now = self._state.world, self._state.clock._now
        xyz_m = world.positions.at(np.array([migration.vehicle]), np.array([now]))
        usable = world.covers(xyz_m)[0] & (np.array(self._state.failures) == 0)
        usable[migration.source] = False
        if not usable.any():
            return None
        distance_m = np.where(usable, np.linalg.norm(world.rsus.sites.xyz_m - xyz_m, axis=1), np.inf)
        return int(distance_m.argmin())
