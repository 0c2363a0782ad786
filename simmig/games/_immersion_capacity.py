"""What leaders with individual prices ask when their bandwidth is limited.

A leader that would sell more than it has raises prices until it does not, which earns more than to let followers
share what there is: it acts as if its cost were higher by a multiplier. Only at its caps does it leave followers to
share (`_immersion_rationing`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games import _immersion_leaders as rivals
from simmig.games import _immersion_owner as owner
from simmig.games._immersion_clearing import clear, jacobian_of, sales_of
from simmig.games._immersion_columns import Columns, columns_of, lay
from simmig.games._immersion_followers import Rows
from simmig.games._immersion_leaders import Asked

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame


class _Solver(NamedTuple):
    """Who sets the prices of one follower, and how demands answer the costs."""

    ask: Callable[[Columns], Asked]
    answers: Callable[[Columns, Asked], tuple[FloatArray, FloatArray, FloatArray]]


def compete(game: ImmersionGame) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., I, J] of leaders who compete, whether they are an equilibrium, and the steps it took."""
    return _priced(game, _Solver(rivals.ask, rivals.answers))


def own_all(game: ImmersionGame) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., I, J] of one owner of all leaders, whether they were found, and the steps it took."""
    return _priced(game, _Solver(owner.ask, owner.answers))


def _priced(game: ImmersionGame, solver: _Solver) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., I, J], whether they were found, and steps: without capacities, then with multipliers."""
    batch = game.cost.shape[:-1]
    rows = game.rows(game.price_max)
    cost = game.pairs.gather(np.broadcast_to(game.cost[..., None, :], game.price_max.shape))
    sellers = _sellers(game, rows, cost, solver)
    columns = columns_of(rows, cost, sellers.price_max.reshape(cost.shape))
    asked = solver.ask(columns)
    games = len(sellers.capacity)
    converged, steps = asked.converged.reshape(games, -1).all(axis=1), asked.iterations.reshape(games, -1).max(axis=1)
    start = asked.start
    limited = np.flatnonzero(sellers.is_over(columns, asked))
    if limited.size:
        market = sellers.take(limited)
        value, cleared, more = clear(market, np.zeros_like(market.capacity), market.highest())
        raised = solver.ask(market.charged(value))
        at = (limited[:, None] * rows.delta.shape[-1] + np.arange(rows.delta.shape[-1])).ravel()
        start[:, at] = raised.start
        converged[limited] &= cleared & raised.converged.reshape(limited.size, -1).all(axis=1)
        steps[limited] += more
    price = lay(start, cost.shape) * rows.efficiency
    # p / q times q may miss a bound by a rounding.
    price = np.clip(price, cost, sellers.price_max.reshape(cost.shape))
    posted = np.where(game.eligible, game.pairs.scatter(price, 0.0), game.price_max)
    return posted, converged.reshape(batch), steps.reshape(batch)


class _Sellers(NamedTuple):
    """Games [G] of leaders, in slots."""

    score: FloatArray  # [G, I, K], as all down to leader
    efficiency: FloatArray
    price_max: FloatArray
    cost: FloatArray
    leader: IntArray
    delta: FloatArray  # [G, I]
    budget: FloatArray
    capacity: FloatArray  # [G, J]
    solver: _Solver

    def take(self, games: IntArray) -> _Sellers:
        return _Sellers(*(table[games] for table in self[:-1]), self.solver)

    def highest(self) -> FloatArray:
        """Return the multipliers at which a leader asks its cap of everyone, [G, J]."""
        room = np.zeros(self.capacity.shape)
        np.maximum.at(room, (self._games(), self.leader), self.price_max - self.cost)
        return room

    def charged(self, value: FloatArray) -> Columns:
        """Return the followers as leaders see them whose costs are higher by multipliers [G, J]."""
        rows = Rows(self.score, self.efficiency, self.delta, self.budget)
        return columns_of(rows, self.cost + value[self._games(), self.leader], self.price_max)

    def is_over(self, columns: Columns, asked: Asked) -> BoolArray:
        """Return the games, [G], in which a leader would sell more than it has."""
        if bool(np.isinf(self.capacity).all()):
            return np.zeros(len(self.capacity), np.bool_)
        over: BoolArray = (self._sales(columns, asked) > self.capacity).any(axis=1)
        return over

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return sales over capacity, less 1, at multipliers [G, J], and the Jacobian."""
        columns = self.charged(value)
        asked = self.solver.ask(columns)
        own, out, into = (lay(table, self.score.shape) for table in self.solver.answers(columns, asked))
        # Demands are b q and costs c / q there.
        own, out, into = own / self.efficiency**2, out / self.efficiency, into / self.efficiency
        jacobian = jacobian_of(self.leader, own, out, into, self.capacity.shape[1])
        sales = self._sales(columns, asked)
        return sales / self.capacity - 1.0, jacobian / self.capacity[..., None]

    def _sales(self, columns: Columns, asked: Asked) -> FloatArray:
        reach = asked.level * columns.score
        sold = np.where(reach > asked.start, reach / np.maximum(asked.start, 1e-300) - 1.0, 0.0)
        return sales_of(self.leader, lay(sold, self.score.shape) / self.efficiency, self.capacity.shape[1])

    def _games(self) -> IntArray:
        return np.arange(len(self.capacity))[:, None, None]


def _sellers(game: ImmersionGame, rows: Rows, cost: FloatArray, solver: _Solver) -> _Sellers:
    """Return a batch of any shape as games [G]."""
    followers, slots = cost.shape[-2:]
    tables = (rows.score, rows.efficiency, game.pairs.gather(game.price_max), cost, game.pairs.leaders())
    return _Sellers(
        *(table.reshape(-1, followers, slots) for table in tables),
        *(column.reshape(-1, followers) for column in (rows.delta, rows.budget)),
        game.capacity.reshape(-1, game.capacity.shape[-1]),
        solver,
    )
