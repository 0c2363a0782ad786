"""The simulation as a generator: it runs SimPy instant by instant and yields the decisions each instant needs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from simmig.contracts import FloatArray
from simmig.engine.books import check_books
from simmig.engine.faults import Faults
from simmig.engine.flow import Flow
from simmig.engine.market import Market
from simmig.engine.queues import Queues
from simmig.engine.requests import Requests
from simmig.engine.rounds import Round
from simmig.engine.state import State
from simmig.engine.transfers import make_transfers
from simmig.log import EventLog
from simmig.records import Outcome
from simmig.world import World

_STEPS_PER_REPORT = 8192  # between calls of `on_progress`: a few a second


@dataclass(frozen=True, slots=True)
class PriceDecision:
    """Asks the leaders for prices: send back an array [J], J = len(round.rsu)."""

    round: Round


@dataclass(frozen=True, slots=True)
class DemandDecision:
    """Asks the followers for demands at these prices: send back an array [I, J]."""

    round: Round
    price: FloatArray


Decision = PriceDecision | DemandDecision


class Simulation:
    """One run of a world. Drive `decisions` to its end, then read `log`."""

    def __init__(self, world: World, on_progress: Callable[[int], None] | None = None) -> None:
        self._state = state = State(world)
        self._flow = Flow(state, make_transfers(world), Queues(world))
        requests = Requests(state, self._flow)
        self._market = Market(state, requests, self._flow, world.market) if world.market else None
        self._faults = Faults(state, requests, self._flow)
        self._on_progress = on_progress or (lambda now_ns: None)
        self._is_stopped = False

    @property
    def log(self) -> EventLog:
        """What has happened so far."""
        return self._state.log

    @property
    def now_ns(self) -> int:
        """The present of the simulation."""
        return int(self._state.clock.now)

    def stop(self) -> None:
        """End the run after the present instant; requests under way become `unfinished`."""
        self._is_stopped = True

    def decisions(self) -> Generator[Decision, FloatArray, None]:
        """Run to the end, yielding decisions and receiving their answers; then check the books.

        Raises ConservationError if requests, outcomes or bits do not add up.
        """
        clock, end_ns, market = self._state.clock, self._state.world.end_ns, self._market
        queue, step = clock._queue, clock.step
        steps = 0
        while queue and not self._is_stopped:
            now = int(queue[0][0])
            if now > end_ns:
                break
            while queue and queue[0][0] == now:
                step()
                steps += 1
            if market is not None and market.is_due:
                closed = market.open_round()
                if closed is not None:
                    price = yield PriceDecision(closed)
                    market.close_round(closed, price, (yield DemandDecision(closed, price)))
            if steps >= _STEPS_PER_REPORT:
                steps = 0
                self._on_progress(now)
        self._finish()

    def _finish(self) -> None:
        state = self._state
        if not self._is_stopped and state.clock.now < state.world.end_ns:
            state.clock._now = state.world.end_ns
        open_requests = [m for m in state.in_flight if m is not None]
        for migration in sorted(open_requests, key=lambda m: m.number):
            self._flow.abort(migration, Outcome.UNFINISHED)
        check_books(state)
