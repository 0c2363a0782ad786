"""Leaders with individual prices and limited bandwidth: what they sell if each acts as if its cost were higher."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.clearing import jacobian_of, sales_of
from simmig.games._immersion.columns import Columns, columns_of, lay
from simmig.games._immersion.followers import Rows
from simmig.games._immersion.leaders import Asked

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame


class Solver(NamedTuple):
    """Who sets the prices of one follower, and how demands answer the costs."""

    ask: Callable[[Columns], Asked]
    answers: Callable[[Columns, Asked], tuple[FloatArray, FloatArray, FloatArray]]


class Sellers(NamedTuple):
    """Games [G] of leaders, in slots."""

    score: FloatArray  # [G, I, K], as all down to leader
    efficiency: FloatArray
    price_max: FloatArray
    cost: FloatArray
    leader: IntArray
    delta: FloatArray  # [G, I]
    budget: FloatArray
    capacity: FloatArray  # [G, J]
    solver: Solver

    def take(self, games: IntArray) -> Sellers:
        """Return some of the games."""
        return Sellers._make([*(table[games] for table in self[:-1]), self.solver])

    def highest(self) -> FloatArray:
        """Return the multipliers at which a leader asks its cap of everyone, [G, J]."""
        room = np.zeros(self.capacity.shape)
        np.maximum.at(room, (self.games(), self.leader), self.price_max - self.cost)
        return room

    def charged(self, value: FloatArray) -> Columns:
        """Return the followers as leaders see them whose costs are higher by multipliers [G, J]."""
        rows = Rows(self.score, self.efficiency, self.delta, self.budget)
        return columns_of(rows, self.cost + value[self.games(), self.leader], self.price_max)

    def is_over(self, columns: Columns, asked: Asked) -> BoolArray:
        """Return the games, [G], in which a leader would sell more than it has."""
        if bool(np.isinf(self.capacity).all()):
            return np.zeros(len(self.capacity), np.bool_)
        return np.asarray((self.sales(columns, asked) > self.capacity).any(axis=1))

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return sales over capacity, less 1, at multipliers [G, J], and the Jacobian."""
        columns = self.charged(value)
        asked = self.solver.ask(columns)
        own, out, into = (lay(table, self.score.shape) for table in self.solver.answers(columns, asked))
        # Demands are b q and costs c / q there.
        own, out, into = own / self.efficiency**2, out / self.efficiency, into / self.efficiency
        jacobian = jacobian_of(self.leader, own, out, into, self.capacity.shape[1])
        sales = self.sales(columns, asked)
        return sales / self.capacity - 1.0, jacobian / self.capacity[..., None]

    def sales(self, columns: Columns, asked: Asked) -> FloatArray:
        """Return what every leader would sell, [G, J], if nothing were rationed."""
        reach = asked.level * columns.score
        sold = np.where(reach > asked.start, reach / np.maximum(asked.start, 1e-300) - 1.0, 0.0)
        return sales_of(self.leader, lay(sold, self.score.shape) / self.efficiency, self.capacity.shape[1])

    def games(self) -> IntArray:
        """Return the number of the game, [G, 1, 1], to index with together with `leader`."""
        return np.arange(len(self.capacity))[:, None, None]


def sellers_of(game: ImmersionGame, rows: Rows, cost: FloatArray, solver: Solver) -> Sellers:
    """Return a batch of any shape as games [G]; `cost` is [..., I, K]."""
    followers, slots = cost.shape[-2:]
    tables = (rows.score, rows.efficiency, game.pairs.gather(game.price_max), cost, game.pairs.leaders())
    return Sellers._make(
        [
            *(table.reshape(-1, followers, slots) for table in tables),
            *(column.reshape(-1, followers) for column in (rows.delta, rows.budget)),
            game.capacity.reshape(-1, game.capacity.shape[-1]),
            solver,
        ]
    )
