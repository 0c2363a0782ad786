"""The life of a migration after its decision: copy, queue, re-instantiate, reconnect, or fail on the way."""

from __future__ import annotations

import math
from collections.abc import Callable

from simmig.engine.clock import Rank, Stream
from simmig.engine.migration import Migration
from simmig.engine.queues import Queues
from simmig.engine.state import State
from simmig.engine.transfers import Transfers
from simmig.records import NEVER, Outcome
from simmig.units import NS_PER_S

# (migration, its token when the entry was made, how it fails then; None: the stage is done)
Due = tuple[Migration, int, Outcome | None]


class Flow:
    """Moves migrations through copying and starting; `on_failure(migration, outcome)` is told of those that fail."""

    def __init__(self, state: State, transfers: Transfers, queues: Queues) -> None:
        self._state = state
        self._transfers = transfers
        self._queues = queues
        # Looked up once: what follows is done for every migration, and there are millions.
        self._clock = state.clock
        self._service_ns = state.world.service_ns
        self._present_until_ns = state.world.present_until_ns
        self._deadline_s = state.world.vehicles.deadline_s
        self._rate_bit_s, self._plan = transfers.rate_bit_s, transfers.plan
        self._wait_ns, self._mean_wait_s = queues.wait_ns, queues.mean_wait_s
        self._is_foreseeable = queues.is_foreseeable
        self._has_faults = bool(state.world.faults)
        self._stream = Stream(state.clock, Rank.MIGRATION, self._on_due)
        self.on_failure: Callable[[Migration, Outcome], None] = lambda migration, outcome: None

    def begin(self, migration: Migration) -> None:
        """Start copying the twin, or fail at once if an end of the link is down."""
        migration.service_ns = service_ns = self._service_ns(migration.vehicle, migration.target)
        migration.rate_bit_s = rate_bit_s = self._rate_bit_s(migration)
        if migration.formula_delay_s == 0.0:
            # The papers' expected T_ij: size over rate, mean wait, re-instantiation.
            copy_s = migration.data_bit / rate_bit_s if rate_bit_s > 0.0 else math.inf
            migration.formula_delay_s = copy_s + self._mean_wait_s[migration.target] + service_ns / NS_PER_S
        if not self._has_faults or self._can_move(migration):
            self._copy(migration)

    def _can_move(self, migration: Migration) -> bool:
        """Return whether both ends work; ends the request if one has failed, leaves it be if one is paused."""
        state = self._state
        if state.failures[migration.source]:
            self.abort(migration, Outcome.LINK_LOST)
            return False
        if state.failures[migration.target]:
            self.abort(migration, Outcome.TARGET_FAILED)
            return False
        return not state.waits_for_rsu(migration)

    def _copy(self, migration: Migration) -> None:
        now = self._clock._now
        if migration.transfer_start_ns == NEVER:
            migration.transfer_start_ns = now
        migration.copy_from_ns = now
        migration.leaves_ns = self._present_until_ns(migration.vehicle, now)
        due_ns, failure = self._plan(migration, now)
        if failure is None and self._is_foreseeable:
            # The rest is known too: one event for the completion instead of one at each stage.
            self._start(migration, due_ns)
        else:
            self._schedule(migration, due_ns, failure)

    def _schedule(self, migration: Migration, due_ns: int, failure: Outcome | None) -> None:
        migration.token = token = migration.token + 1
        self._stream.add(due_ns, migration.number, (migration, token, failure))

    def _on_due(self, _number: int, due: Due) -> None:
        migration, token, failure = due
        if token != migration.token:
            return
        if failure is not None:
            self.abort(migration, failure)
        elif migration.transfer_end_ns == NEVER:
            self._start(migration, self._state.clock._now)
        else:
            self._complete(migration)

    def _start(self, migration: Migration, arrival_ns: int) -> None:
        """Plan what follows the arrival of the last bit: the queue, the re-instantiation, the completion."""
        migration.transfer_end_ns = migration.queued_ns = arrival_ns
        service_ns = migration.service_ns
        migration.service_start_ns = start_ns = arrival_ns + self._wait_ns(migration, arrival_ns, service_ns)
        migration.completed_ns = start_ns + service_ns
        self._schedule_completion(migration)

    def _schedule_completion(self, migration: Migration) -> None:
        completed_ns, leaves_ns = migration.completed_ns, migration.leaves_ns
        if completed_ns <= leaves_ns:
            self._schedule(migration, completed_ns, None)
        else:
            self._schedule(migration, max(leaves_ns, self._state.clock._now), Outcome.OUT_OF_COVERAGE)

    def _complete(self, migration: Migration) -> None:
        state, vehicle = self._state, migration.vehicle
        if migration.copy_from_ns != NEVER:
            # Exact: the copy ended where the integral of the rate reached the size.
            migration.sent_bit += migration.data_bit - migration.copied_bit
        state.host[vehicle] = migration.target
        state.in_flight[vehicle] = None
        delay_s = (migration.completed_ns - migration.requested_ns) / NS_PER_S
        is_late = delay_s > self._deadline_s[vehicle]
        migration.record(state.log, Outcome.LATE if is_late else Outcome.COMPLETED, migration.completed_ns)

    def abort(self, migration: Migration, outcome: Outcome) -> None:
        """End a request without completing it and record what had been sent."""
        state = self._state
        self._stop_copying(migration)
        migration.token += 1
        state.in_flight[migration.vehicle] = None
        migration.record(state.log, outcome, state.clock._now)
        self.on_failure(migration, outcome)

    def _stop_copying(self, migration: Migration) -> None:
        """Settle the bits of the copy under way, up to now or to its planned end."""
        if migration.copy_from_ns == NEVER:
            return
        if migration.is_copied(self._state.clock._now):
            piece_bit = migration.data_bit - migration.copied_bit
        else:
            piece_bit = self._transfers.sent_bit(migration, self._state.clock._now)
            migration.forget_arrival()
        migration.copied_bit += piece_bit
        migration.sent_bit += piece_bit
        migration.copy_from_ns = NEVER

    def pause(self, migration: Migration) -> None:
        """Freeze a migration because an RSU it touches has stopped working."""
        self._stop_copying(migration)
        migration.paused_ns = self._state.clock._now
        migration.token += 1

    def resume(self, migration: Migration) -> None:
        """Go on where `pause` stopped; the twin keeps the bits it has and its place in the queue."""
        if migration.transfer_end_ns == NEVER:
            self._copy(migration)
            return
        frozen_ns = self._state.clock._now - migration.paused_ns
        if migration.service_start_ns > migration.paused_ns:
            migration.service_start_ns += frozen_ns
        migration.completed_ns += frozen_ns
        self._schedule_completion(migration)

    def redirect(self, migration: Migration, target: int) -> None:
        """Send the whole twin again, to another RSU; what was copied to the old target is lost but counted."""
        self._stop_copying(migration)
        migration.target = target
        migration.copied_bit = 0.0
        # The copy counts from its first start: that is when the source stopped serving.
        migration.forget_arrival()
        migration.token += 1
        self.begin(migration)
