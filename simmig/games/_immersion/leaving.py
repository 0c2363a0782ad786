"""Whether a leader would leave prices that look like an equilibrium, because others sell out or cease to.

Where a rival is full, a leader that asks more loses less: its profit has a kink there that points down, and may have a
second peak beyond it (as in Edgeworth's duopoly). Prices at which each leader is at a peak are then no equilibrium if
another peak is higher. Bounds settle nearly all games.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simmig.contracts import BoolArray, Equilibrium, FloatArray, IntArray
from simmig.games._immersion.clearing import sales_of
from simmig.games._immersion.followers import Rows, water_fill, water_level
from simmig.games._immersion.pairs import Pairs
from simmig.games._immersion.rationing import market_of, ration
from simmig.games._immersion.replies import best_price
from simmig.games._immersion.uniform import price_cap
from simmig.games._immersion.ways import gains_on_way, is_more

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

_RATIONED = 1e-9  # of a cost: a smaller shadow price is rounding
_HALVINGS = 6  # of the way to the caps
_ALONE = 200  # prices: a leader with more of them moves them together only


def someone_leaves(game: ImmersionGame, found: Equilibrium) -> BoolArray:
    """Return the games, [...], of those said to have converged, in which a leader earns more at other prices."""
    leaves = np.zeros(found.converged.shape, np.bool_)
    limited = found.converged & np.isfinite(game.capacity).any(axis=-1)
    if not bool(limited.any()):
        return leaves
    numbers = (table[limited] for table in (found.price, found.demand, found.shadow_price, found.leader_utility))
    stood = Stood.of(_some(game, limited), *numbers)
    leaves[limited] = stood.underbids() | stood.overbids()
    return leaves


class Stood(NamedTuple):
    """Games [G] at prices that look like an equilibrium; tables [G, I, K] are in slots."""

    game: ImmersionGame
    rows: Rows
    price: FloatArray
    cost: FloatArray
    price_max: FloatArray
    leader: IntArray
    is_rationed: BoolArray  # [G, J]
    profit: FloatArray  # [G, J]
    posted: FloatArray  # prices in the shape of the game's
    earned: FloatArray  # [G, I, K]

    @property
    def individual_prices(self) -> bool:
        """Whether a leader prices every follower by itself."""
        return self.game.individual_prices

    @classmethod
    def of(
        cls, game: ImmersionGame, price: FloatArray, demand: FloatArray, shadow_price: FloatArray, profit: FloatArray
    ) -> Stood:
        """Return the games in slots."""
        shape, gather = game.eligible.shape, game.pairs.gather
        cap = game.price_max if game.individual_prices else np.broadcast_to(price_cap(game)[:, None, :], shape)
        return cls(
            game,
            game.rows(price),
            gather(game.spread_price(price)),
            gather(np.broadcast_to(game.cost[:, None, :], shape)),
            gather(cap),
            game.pairs.leaders(),
            shadow_price > _RATIONED * game.cost,
            profit,
            price,
            gather((game.spread_price(price) - game.cost[:, None, :]) * demand),
        )

    def take(self, games: IntArray) -> Stood:
        """Return some of the games."""
        rows = Rows(*(table[games] for table in self.rows))
        return Stood._make([_some(self.game, games), rows, *(table[games] for table in self[2:])])

    def at(self, games: IntArray, leader: IntArray) -> BoolArray:
        """Return the slots [N, I, K] of a leader [N] each."""
        is_own: BoolArray = (self.leader[games] == leader[:, None, None]) & self.game.pairs.is_real[games]
        return is_own

    def underbids(self) -> BoolArray:
        """Return the games, [G], in which a leader would rather ask so little that nobody is full any more.

        Whatever is rationed, it earns at least what it would if nothing were.
        """
        leaves = np.zeros(len(self.profit), np.bool_)
        some = np.flatnonzero(self.is_rationed.any(axis=1))
        if not some.size:
            return leaves
        part = self.take(some)
        reply = part.game.pairs.gather(part.game.spread_price(best_price(part.game, part.posted)))
        for leader in range(self.profit.shape[1]):
            own = part.at(np.arange(some.size), np.full(some.size, leader))
            price = np.where(own, reply, part.price)
            bought = water_fill(part.rows, price)
            earned = np.where(own, (price - part.cost) * bought, 0.0).sum(axis=(1, 2))
            fits = np.where(own, bought, 0.0).sum(axis=(1, 2)) <= part.game.capacity[:, leader]
            leaves[some] |= fits & is_more(earned, part.profit[:, leader])
        return leaves

    def overbids(self) -> BoolArray:
        """Return the games, [G], in which a leader would rather ask so much that another becomes full."""
        leaves = np.zeros(len(self.profit), np.bool_)
        could = np.flatnonzero(self._could_fill())
        if not could.size:
            return leaves
        part = self.take(could)
        bounds = np.stack([part._bound(leader) for leader in range(self.profit.shape[1])], axis=1)
        games, leaders = np.nonzero(is_more(bounds, part.profit))
        if games.size:
            leaves[could[part._gaining(games, leaders)]] = True
        return leaves

    def _could_fill(self) -> BoolArray:
        """Return the games, [G], in which a leader with bandwidth left would not have enough for all by itself."""
        rows = self.rows
        worth = rows.delta[..., None] * rows.score - self.price / rows.efficiency
        spent = np.where(rows.score > 0.0, np.clip(worth, 0.0, rows.budget[..., None]), 0.0)
        sales = sales_of(self.leader, spent / self.price, self.profit.shape[1])
        could = np.asarray(((sales > self.game.capacity) & ~self.is_rationed).any(axis=1))
        return could if self.individual_prices else could | self.is_rationed.any(axis=1)

    def _bound(self, leader: int) -> FloatArray:
        """Return a bound [G] of what a leader could earn if others become full, 0 if none does.

        At its cap, with those out of the way that are full already, no level is lower and no rival sells more.
        """
        rows, games = self.rows, np.arange(len(self.profit))
        own = self.at(games, np.full(games.size, leader))
        blocked = ~own & self.is_rationed[games[:, None, None], self.leader]
        alone = rows._replace(score=np.where(blocked, 0.0, rows.score))
        dear = np.where(own, self.price_max, self.price)
        sales = sales_of(self.leader, water_fill(alone, dear), self.profit.shape[1])
        sales[:, leader] = 0.0
        is_open = (sales > self.game.capacity).any(axis=1)
        if not self.individual_prices:
            is_open |= self.is_rationed.any(axis=1)
        most = self._peaks(own, water_level(alone, dear)).sum(axis=(1, 2))
        # Nor can it sell more than it has.
        margin = np.where(own, self.price_max - self.cost, 0.0).max(axis=(1, 2))
        all_sold = np.where(margin > 0.0, margin, 1.0) * self.game.capacity[:, leader]
        return np.where(is_open, np.minimum(most, all_sold), 0.0)

    def _gaining(self, games: IntArray, leaders: IntArray) -> IntArray:
        """Return the games in which a leader [N] of a game [N] gains by all its prices together, or by one of them."""
        own = self.at(games, leaders)
        if not self.individual_prices:
            return games[gains_on_way(self, games, leaders, own) | gains_on_way(self, games, leaders, own, near=True)]
        most, shadow_price = self._most_at_caps(games, leaders, own)
        keep = np.flatnonzero(is_more(most.sum(axis=(1, 2)), self.profit[games, leaders]))
        games, leaders, own, most, shadow_price = games[keep], leaders[keep], own[keep], most[keep], shadow_price[keep]
        found = self._search(games, leaders, own, shadow_price)
        each = is_more(most, self.earned[games]) & (own.sum(axis=(1, 2)) <= _ALONE)[:, None, None]
        move, *slot = np.nonzero(each & ~np.isin(games, found)[:, None, None])
        moved = np.zeros((move.size, *own.shape[1:]), np.bool_)
        moved[np.arange(move.size), *slot] = True
        return np.concatenate([found, self._search(games[move], leaders[move], moved, shadow_price[move])])

    def _search(self, games: IntArray, leaders: IntArray, moved: BoolArray, shadow_price: FloatArray) -> IntArray:
        """Return the games in which a leader [N] gains by the prices `moved` [N, I, K]; bounds come first."""
        keep = np.flatnonzero(
            is_more(self._most_on_way(games, leaders, moved, shadow_price), self.profit[games, leaders])
        )
        return games[keep[gains_on_way(self, games[keep], leaders[keep], moved[keep])]]

    def _most_at_caps(self, games: IntArray, leaders: IntArray, own: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return bounds [N, I, K] with the shadow prices that the leaders' caps lead to, and these, [N, J]."""
        part = self.take(games)
        dear = np.where(own, part.price_max, part.price)
        shadow_price = ration(part.game, part.rows, dear, water_fill(part.rows, dear))[1]
        rises = (shadow_price > _RATIONED * part.game.cost) & ~part.is_rationed
        rises[np.arange(games.size), leaders] = False
        shadow_price[np.arange(games.size), leaders] = 0.0
        level = market_of(part.game, part.rows, dear).demand(shadow_price).level
        return np.where(np.asarray(rises.any(axis=1))[:, None, None], part._peaks(own, level), 0.0), shadow_price

    def _most_on_way(
        self, games: IntArray, leaders: IntArray, moved: BoolArray, shadow_price: FloatArray
    ) -> FloatArray:
        """Return a bound [N] of what a leader earns on the way of the prices `moved` to their caps, once others fill.

        Nobody else has by its beginning, found by halving; beyond, a follower spends less on the leader than there at
        the highest shadow prices, and no margin is above that at the cap.
        """
        part, own = self.take(games), self.at(games, leaders)
        each = np.arange(games.size)
        blocked = ~own & part.is_rationed[each[:, None, None], part.leader]
        alone = part.rows._replace(score=np.where(blocked, 0.0, part.rows.score))
        begin, end = np.zeros((games.size, 1, 1)), np.ones((games.size, 1, 1))
        for _ in range(_HALVINGS):
            middle = 0.5 * (begin + end)
            price = np.where(moved, part.price * (part.price_max / part.price) ** middle, part.price)
            sales = sales_of(part.leader, water_fill(alone, price), self.profit.shape[1])
            sales[each, leaders] = 0.0
            is_over = np.asarray(((sales > part.game.capacity) & ~part.is_rationed).any(axis=1))[:, None, None]
            begin, end = np.where(is_over, begin, middle), np.where(is_over, middle, end)
        price = np.where(moved, part.price * (part.price_max / part.price) ** begin, part.price)
        spent = price * market_of(part.game, part.rows, price).demand(shadow_price).bought
        margin = 1.0 - part.cost / np.where(moved, part.price_max, part.price)
        most: FloatArray = np.where(own, margin * spent, 0.0).sum(axis=(1, 2))
        return most

    def _peaks(self, own: BoolArray, level: FloatArray) -> FloatArray:
        """Return what a leader would earn at most [G, I, K] if its followers stayed at levels [G, I]."""
        reach = level[..., None] * np.where(own, self.rows.score, 0.0)
        start, cost = self.price_max / self.rows.efficiency, self.cost / self.rows.efficiency
        peak = np.clip(np.sqrt(cost * reach), cost, start)
        most: FloatArray = (1.0 - cost / peak) * np.maximum(reach - peak, 0.0)
        return most


def _some(game: ImmersionGame, places: IntArray | BoolArray) -> ImmersionGame:
    """Return some games of a batch."""
    tables: dict[str, Any] = {
        f.name: t[places] for f in fields(game) if isinstance(t := getattr(game, f.name), np.ndarray)
    }
    pairs = game.pairs
    where = (table if table is None else table[places] for table in (pairs.leader, pairs.slot))
    return replace(game, **tables, pairs=Pairs(pairs.is_real[places], *where))
