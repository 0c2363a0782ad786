"""Pricing rounds: requests gather, a round closes, prices and demands are decided, targets are paired."""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray, GameInputs, IntArray, PricingGame
from simmig.engine.clock import Rank, Stream
from simmig.engine.flow import Flow
from simmig.engine.migration import Migration
from simmig.engine.requests import Requests
from simmig.engine.rounds import Published, Round, rationed, record
from simmig.engine.state import State
from simmig.errors import NoEquilibrium
from simmig.records import NEVER, NOBODY, Outcome
from simmig.rng import DrawsOfMany
from simmig.world import MarketRules

_LEAST_HZ = 1.0  # an RSU with less to sell is full
_NAMED = 10  # followers named in a message, in the order that its numbers refer to


class Market:
    """Collects requests into rounds and carries out what the players decide."""

    def __init__(self, state: State, requests: Requests, flow: Flow, rules: MarketRules) -> None:
        self._state = state
        self._requests = requests
        self._flow = flow
        self._rules = rules
        self._pending: list[Migration] = []
        self._closing = Stream(state.clock, Rank.ROUND, self._on_close)
        self._rounds = 0
        self._luck = DrawsOfMany(state.world.seed, "pairing", state.log.vehicle_id)
        self._published = Published.nothing(state.world.rsus.sites.count)
        self.is_due = False
        requests.accept = self._accept

    def _accept(self, migration: Migration) -> None:
        if not self._pending:
            now, width = self._state.clock._now, self._rules.round_ns
            self._closing.add(-(-now // width) * width, 0, None)
        self._pending.append(migration)

    def _on_close(self, _number: int, _item: None) -> None:
        self.is_due = True

    def open_round(self) -> Round | None:
        """Return the round that closes now, or None if none of its requests can be served by any RSU."""
        self.is_due = False
        state, world = self._state, self._state.world
        waiting = [m for m in self._pending if state.in_flight[m.vehicle] is m]
        self._pending = []
        for migration in waiting:
            if state.failures[migration.source]:
                self._flow.abort(migration, Outcome.LINK_LOST)
        waiting = [m for m in waiting if not state.failures[m.source]]
        if not waiting:
            return None
        now = state.clock._now
        vehicle = np.array([m.vehicle for m in waiting], dtype=np.int64)
        xyz_m = world.positions.at(vehicle, np.full(len(vehicle), now))
        eligible = world.covers(xyz_m)
        eligible[np.arange(len(waiting)), [m.source for m in waiting]] = False
        covered = np.asarray(eligible.any(axis=1))
        eligible[:, np.array(state.failures) > 0] = False
        is_up = np.asarray(eligible.any(axis=1))
        free_hz = self._free_hz()
        eligible[:, free_hz < _LEAST_HZ] = False
        served = np.asarray(eligible.any(axis=1))
        for i in np.flatnonzero(~served):
            waiting[i].is_blocked = bool(covered[i])
            self._flow.abort(waiting[i], Outcome.REFUSED if is_up[i] else Outcome.OUT_OF_COVERAGE)
        if not served.any():
            return None
        players = tuple(m for m, is_served in zip(waiting, served, strict=True) if is_served)
        rsu = np.flatnonzero(eligible[served].any(axis=0))
        source = np.array([m.source for m in players])
        inputs = self._rules.inputs(
            vehicle[served], source, rsu, xyz_m[served], eligible[np.ix_(served, rsu)], free_hz[rsu]
        )
        self._rounds += 1
        return Round(
            self._rounds - 1,
            now,
            players,
            rsu,
            inputs,
            self._build(inputs, players),
            self._published,
        )

    def _free_hz(self) -> FloatArray:
        """Return the bandwidth that copies under way leave of every RSU's, inf where it may sell any amount."""
        free_hz = self._rules.bandwidth_hz.copy()
        if not np.isfinite(free_hz).any():
            return free_hz
        now = self._state.clock._now
        for migration in self._state.in_flight:
            if migration is not None and migration.decided_ns != NEVER and not migration.is_copied(now):
                free_hz[migration.target] -= migration.bandwidth_hz
        return free_hz

    def _build(self, inputs: GameInputs, players: tuple[Migration, ...]) -> PricingGame:
        try:
            return self._rules.game.build(inputs)
        except NoEquilibrium as error:
            names = ", ".join(self._state.log.vehicle_id[m.vehicle] for m in players[:_NAMED])
            more = ", ..." if len(players) > _NAMED else ""
            raise NoEquilibrium(f"round {self._rounds - 1}, followers {names}{more}: {error}") from error

    def close_round(self, closed: Round, price: FloatArray, demand: FloatArray) -> None:
        """Record the round with its certificate and send every twin on its way."""
        demand = rationed(closed, demand)
        self._published = record(closed, price, demand, self._state.log)
        theta = closed.game.pairing(price, demand)
        posted = np.broadcast_to(price, demand.shape)
        choices = self._choose(closed, theta, demand).tolist()
        for i, (migration, choice) in enumerate(zip(closed.migrations, choices, strict=True)):
            migration.round = closed.index
            if choice == NOBODY:
                self._flow.abort(migration, Outcome.REFUSED)
                continue
            bought = float(demand[i, choice])
            migration.bandwidth_hz = bought * closed.game.bandwidth_unit_hz
            migration.price = float(posted[i, choice])
            migration.payment = migration.price * bought
            migration.pairing_theta = float(theta[i, choice])
            self._requests.decide(migration, int(closed.rsu[choice]))

    def _choose(self, closed: Round, theta: FloatArray, demand: FloatArray) -> IntArray:
        """Return the column of the RSU that serves each request [I], `NOBODY` for those that buy nothing.

        Drawn with theta among the RSUs that the request buys from, or the most probable one.
        """
        weight = np.where(demand > 0.0, theta, 0.0)
        reached = np.cumsum(weight, axis=1)
        total = reached[:, -1]
        if self._rules.pairing == "best":
            choice = weight.argmax(axis=1)
        else:
            luck = np.array([self._luck.uniform_of(m.vehicle, m.attempt) for m in closed.migrations])
            # The first column whose running sum exceeds the draw; it has weight, because the sum rises there.
            choice = (reached > (luck * total)[:, None]).argmax(axis=1)
        return np.where(total > 0.0, choice, NOBODY)
