"""One leader's best price for all its followers: the pieces of their spending, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.side import Side

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame


_NOTHING = 1e-13  # of the most that is spent at any price


class Posting(NamedTuple):
    """Games [G] in slots, and for each leader the followers [G, J, L] that it can serve, -1 where there are fewer."""

    score: FloatArray  # [G, I, K]
    efficiency: FloatArray
    leader: IntArray
    delta: FloatArray  # [G, I]
    budget: FloatArray
    follower: IntArray
    slot: IntArray
    cost: FloatArray  # [G, J]
    cap: FloatArray
    capacity: FloatArray
    is_owner: bool

    def take(self, games: IntArray) -> Posting:
        """Return some of the games."""
        return Posting._make([*(table[games] for table in self[:-1]), self.is_owner])

    def best_price(self, price: FloatArray, leader: int) -> FloatArray:
        """Return the price [G] that is best for a leader (or the owner of all) while the others of [G, J] stand.

        A leader that cannot sell at a profit asks its cost, or its cap if nobody would buy at its cost anyway.
        """
        start, lines, can_sell = self._pieces(price, leader)
        cost, cap = self.cost[:, leader, None], self.cap[:, leader, None]
        order = np.argsort(start, axis=1, kind="stable")
        edges = np.clip(np.take_along_axis(start, order, axis=1), cost, cap)
        money, fall, others, rise = (np.cumsum(np.take_along_axis(line, order, axis=1), axis=1) for line in lines)
        right = np.concatenate([edges[:, 1:], cap], axis=1)
        # Below this price more is asked for than there is: to sell the same dearer is better.
        left = np.maximum(edges, money / (self.capacity[:, leader, None] + np.maximum(fall, 0.0)))
        net = fall - rise
        inner = np.sqrt(cost * np.maximum(money, 0.0) / np.where(net > 0.0, net, 1.0))
        peak = np.minimum(np.maximum(np.where(net > 0.0, inner, right), left), right)
        spent = money - fall * peak
        # A sum of what comes and goes leaves roundings behind where nothing is sold.
        spent = np.where(spent > _NOTHING * money.max(axis=1, keepdims=True), spent, 0.0)
        profit = np.where(left < right, (1.0 - cost / peak) * spent + others + rise * peak, -np.inf)
        best = profit.argmax(axis=1)[:, None]
        found, sold, earned = (np.take_along_axis(table, best, axis=1)[:, 0] for table in (peak, spent, profit))
        unsold = np.where(can_sell, cost[:, 0], cap[:, 0])
        return np.where(np.isinf(earned), cap[:, 0], np.where((sold > 0.0) | self.is_owner, found, unsold))

    def _pieces(self, price: FloatArray, leader: int) -> tuple[FloatArray, tuple[FloatArray, ...], BoolArray]:
        """Return where the straight pieces of all followers start, [G, M], and what changes there, 4 times [G, M].

        Spending on the leader at price p is the sum of the first less p times that of the second, and the profit of
        the others (0 unless the owner asks) the sum of the third plus p times that of the fourth. Last, whether
        anybody would buy at the leader's cost with money enough, [G].
        """
        game, follower, slot = np.arange(len(price))[:, None], self.follower[:, leader], self.slot[:, leader]
        score, sellers = self.score[game, follower], self.leader[game, follower]
        efficiency, delta, budget = (t[game, follower] for t in (self.efficiency, self.delta, self.budget))
        posted = price[game[..., None], sellers]
        own_score = np.where(follower < 0, 0.0, np.take_along_axis(score, slot[..., None], axis=-1)[..., 0])
        own_efficiency = np.take_along_axis(efficiency, slot[..., None], axis=-1)[..., 0]
        is_other = (np.arange(score.shape[-1]) != slot[..., None]) & (score > 0.0)
        margin = np.where(is_other & self.is_owner, 1.0 - self.cost[game[..., None], sellers] / posted, 0.0)
        side = Side(np.where(is_other, score, 0.0), posted / efficiency, margin, own_score, delta, budget)
        start, changes = side.pieces()
        is_real = (follower >= 0)[..., None]
        per_price = own_efficiency[..., None]
        tables = [np.where(is_real, t, 0.0) for t in changes]
        tables[1], tables[3] = tables[1] / per_price, tables[3] / per_price
        wide = (len(price), -1)
        can_sell = np.asarray((delta * own_score * own_efficiency > self.cost[:, leader, None]).any(axis=1))
        return (start * per_price).reshape(wide), tuple(t.reshape(wide) for t in tables), can_sell


def posting_of(game: ImmersionGame, cap: FloatArray, *, is_owner: bool) -> Posting:
    """Return a batch of any shape as games [G], of leaders who compete or are one owner's."""
    rows, leaders = game.rows(game.price_max), cap.shape[-1]
    followers, slots = rows.score.shape[-2:]
    is_real = game.pairs.is_real.reshape(-1, followers, slots)
    sellers = np.where(is_real, game.pairs.leaders().reshape(is_real.shape), -1)
    served = [(sellers == j).reshape(len(sellers), -1) for j in range(leaders)]
    most = max(int(max((s.sum(axis=1).max(initial=0) for s in served), default=0)), 1)
    place = np.full((len(sellers), leaders, most), -1)
    for j, is_served in enumerate(served):
        which, at = np.nonzero(is_served)
        rank = (np.cumsum(is_served, axis=1) - 1)[which, at]
        place[which, j, rank] = at
    return Posting(
        rows.score.reshape(sellers.shape),
        rows.efficiency.reshape(sellers.shape),
        game.pairs.leaders().reshape(sellers.shape),
        rows.delta.reshape(-1, followers),
        rows.budget.reshape(-1, followers),
        np.where(place < 0, -1, place // slots),
        np.where(place < 0, 0, place % slots),
        game.cost.reshape(-1, leaders),
        cap.reshape(-1, leaders),
        game.capacity.reshape(-1, leaders),
        is_owner,
    )
