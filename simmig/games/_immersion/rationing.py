"""What followers buy where leaders sell out: they share each capacity at one shadow price (normalised equilibrium).

Follower i buys b_ij = max(0, nu_i S_ij / (p_ij + nu_i s_j / delta_i) - 1 / q_ij): a unit of leader j counts as if it
cost p_ij + s_j, while only p_ij is paid and charged to the budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import Array, BoolArray, FloatArray, IntArray
from simmig.games._immersion.clearing import clear, jacobian_of, sales_of
from simmig.games._immersion.columns import lay, stand, sum_slots
from simmig.games._immersion.followers import Rows, water_level
from simmig.games._immersion.pairs import plain
from simmig.games._immersion.root import monotone_root

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame


def sold_out(game: ImmersionGame, bought: Array) -> BoolArray:
    """Return which leaders cannot sell what is asked for, [..., J], from demands in slots."""
    capacity, demand = plain(game.capacity), plain(bought)
    if bool(np.isinf(capacity).all()):
        return np.zeros(capacity.shape, np.bool_)
    is_over: BoolArray = game.pairs.scatter(demand, 0.0).sum(axis=-2) > capacity
    return is_over


def ration(game: ImmersionGame, rows: Rows, price: FloatArray, bought: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return demands [..., I, K] within the capacities, and the shadow prices [..., J].

    `bought[..., I, K]` is what followers would buy without capacities: games where that fits keep it.
    """
    is_over = sold_out(game, bought).any(axis=-1).ravel()
    shadow_price = np.zeros(game.capacity.shape).reshape(is_over.size, -1)
    if bool(is_over.any()):
        market = market_of(game, rows, price).take(np.flatnonzero(is_over))
        shadow_price[is_over] = market.shadow_price()
        shared = bought.reshape(is_over.size, *bought.shape[-2:]).copy()
        shared[is_over] = market.demand(shadow_price[is_over]).bought
        bought = shared.reshape(bought.shape)
    return bought, shadow_price.reshape(game.capacity.shape)


class Demand(NamedTuple):
    """Demands at shadow prices, [G, I, K], and their slopes: minus that in the shadow price, that in the level.

    `level[G, I]` is nu, `binds[G, I]` whether the budget does, `paid[G, I]` the slope of spending in nu (1 if not).
    """

    bought: FloatArray
    falls: FloatArray
    rises: FloatArray
    level: FloatArray
    binds: BoolArray
    paid: FloatArray


class Market(NamedTuple):
    """Games [G] at posted prices, in slots; `level` is each follower's water level without shadow prices."""

    score: FloatArray  # [G, I, K], as all down to leader
    efficiency: FloatArray
    price: FloatArray
    leader: IntArray
    delta: FloatArray  # [G, I]
    budget: FloatArray
    level: FloatArray
    capacity: FloatArray  # [G, J]

    def take(self, games: IntArray) -> Market:
        """Return some of the games."""
        return Market._make(table[games] for table in self)

    def shadow_price(self) -> FloatArray:
        """Return the shadow prices [G, J].

        Without budgets each leader's is a matter of its own, and budgets can only lower them: the search comes down
        from there. From 0 it would have to cross a plain: while budgets bind, higher shadow prices in the same
        proportion to prices change nothing.
        """
        unbound = self._replace(budget=np.full(self.budget.shape, np.inf), level=self.delta)
        above = clear(unbound, np.zeros_like(self.capacity), self.highest())[0]
        return clear(self, above, self.highest(), from_above=True)[0]

    def highest(self) -> FloatArray:
        """Return shadow prices at which nobody buys, [G, J]."""
        worth = np.zeros(self.capacity.shape)
        game = np.arange(len(worth))[:, None, None]
        np.maximum.at(worth, (game, self.leader), self.delta[..., None] * self.score * self.efficiency)
        return worth

    def demand(self, shadow_price: FloatArray) -> Demand:
        """Return what followers buy at shadow prices [G, J]."""
        game, shape = np.arange(len(self.capacity))[:, None, None], self.score.shape
        extra = shadow_price[game, self.leader] / self.delta[..., None]
        tables = (stand(table) for table in (self.score, self.efficiency, self.price, extra))
        columns = _Charged._make([*tables, self.budget.ravel()])
        delta = self.delta.ravel()
        binds = columns.excess(delta)[0] > 0.0
        level, tight = np.where(binds, self.level.ravel(), delta), np.flatnonzero(binds)
        if tight.size:
            level[tight] = monotone_root(columns.take(tight), level[tight], delta[tight])[0]
        bought, rises = columns.bought(level)
        falls = np.where(bought > 0.0, columns.score * (level / columns.total(level)) ** 2 / delta, 0.0)
        paid = np.where(binds, sum_slots(columns.price * rises), 1.0)
        laid = lay(bought, shape), lay(falls, shape), lay(rises, shape)
        return Demand(*laid, level.reshape(shape[:2]), binds.reshape(shape[:2]), paid.reshape(shape[:2]))

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return sales over capacity, less 1, at shadow prices [G, J], and the Jacobian."""
        at, leaders = self.demand(value), value.shape[1]
        sales = sales_of(self.leader, at.bought, leaders)
        return sales / self.capacity - 1.0, self.jacobian(at) / self.capacity[..., None]

    def jacobian(self, at: Demand) -> FloatArray:
        """Return the slopes of all sales in all shadow prices, [G, J, J]: a budget spends elsewhere what is freed."""
        freed = np.where(at.binds[..., None], self.price * at.falls / at.paid[..., None], 0.0)
        return jacobian_of(self.leader, -at.falls, at.rises, freed, self.capacity.shape[-1])


class _Charged(NamedTuple):
    """N followers whose units cost `price` of the budget and `price + level * extra` in their own eyes."""

    score: FloatArray  # [K, N], as all down to extra
    efficiency: FloatArray
    price: FloatArray
    extra: FloatArray
    budget: FloatArray  # [N]

    def total(self, level: FloatArray) -> FloatArray:
        return self.price + level * self.extra

    def bought(self, level: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what they buy and how fast that grows with the level, both [K, N]."""
        total = self.total(level)
        amount = np.where(self.score > 0.0, level * self.score / total - 1.0 / self.efficiency, 0.0)
        return np.maximum(amount, 0.0), np.where(amount > 0.0, self.score * self.price / total**2, 0.0)

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        amount, slope = self.bought(value)
        return sum_slots(self.price * amount) - self.budget, sum_slots(self.price * slope)

    def take(self, problems: IntArray) -> _Charged:
        return _Charged(*(np.ascontiguousarray(table[..., problems]) for table in self))


def market_of(game: ImmersionGame, rows: Rows, price: FloatArray) -> Market:
    """Return a batch of any shape as games [G]."""
    level = water_level(rows, price)
    tables = (rows.score, rows.efficiency, price, game.pairs.leaders())
    columns = (rows.delta, rows.budget, level)
    followers, slots = rows.score.shape[-2:]
    return Market._make(
        [
            *(table.reshape(-1, followers, slots) for table in tables),
            *(column.reshape(-1, followers) for column in columns),
            plain(game.capacity).reshape(-1, game.capacity.shape[-1]),
        ]
    )
