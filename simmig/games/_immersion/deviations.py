"""What a leader could gain by other prices, the followers answering: searched over the whole range of each price."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.capped import capped_gains

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

_GRID = 24  # prices tried between cost and cap; a sum over followers, which has many peaks,
_GRID_OF_SUM = 120  # needs more
_NEAR = (-1e-2, -1e-4, -1e-6, 0.0, 1e-6, 1e-4, 1e-2)  # and around the own price, in parts of it
_ZOOMS = 8
_ZOOM_NODES = 7  # inside the bracket of the best: each zoom keeps a quarter of it
_WORK = 2_000_000  # numbers per table


def leader_gains(game: ImmersionGame, price: FloatArray) -> FloatArray:
    """Return every leader's largest gain, [..., J], over what its own prices earn when the followers answer."""
    rows = _rows(game, price)
    gains = _free_gains(game, rows)
    is_limited = _may_sell_out(game, rows)
    for place in (tuple(map(int, where)) for where in np.argwhere(is_limited)):
        gains[place] = capped_gains(game, place, price[place], _largest_gain)
    return gains


class _Rows(NamedTuple):
    """N followers of all games, K slots: what they value and meet; `seller[N, K]` is game * J + leader."""

    score: FloatArray
    start: FloatArray  # p / q
    efficiency: FloatArray
    cost: FloatArray
    price_max: FloatArray
    price: FloatArray
    delta: FloatArray  # [N]
    budget: FloatArray
    seller: IntArray

    def part(self, rows: slice) -> _Rows:
        return _Rows._make(table[rows] for table in self)


def _rows(game: ImmersionGame, price: FloatArray) -> _Rows:
    pairs, slots = game.pairs, game.pairs.is_real.shape[-1]
    score = np.log(game.ssim / game.ssim_threshold[..., None])
    cost = np.broadcast_to(game.cost[..., None, :], score.shape)
    posted = game.spread_price(price)
    tables = (pairs.gather(t) for t in (score, posted / game.efficiency, game.efficiency, cost, game.price_max, posted))
    score, *others = (np.ascontiguousarray(t).reshape(-1, slots) for t in tables)
    followers, leaders = game.eligible.shape[-2:]
    game_of = np.repeat(np.arange(len(score) // max(followers, 1)), followers)
    seller = game_of[:, None] * leaders + pairs.leaders().reshape(-1, slots)
    wanted = np.where(pairs.is_real.reshape(-1, slots), np.maximum(score, 0.0), 0.0)
    return _Rows._make([wanted, *others, game.delta.ravel(), game.budget.ravel(), seller])


def _spent(rows: _Rows, slot: int, tried: FloatArray) -> FloatArray:
    """Return what each follower spends on the leader in a slot at prices tried[N, T], the others' as they are.

    The level is that of the followers' active set, found by dropping leaders that are too dear until none is.
    """
    start = np.broadcast_to(rows.start[:, None, :], (*tried.shape, rows.start.shape[1])).copy()
    start[..., slot] = tried / rows.efficiency[:, slot, None]
    score = rows.score[:, None, :]
    active = np.broadcast_to(score > 0.0, start.shape)
    while True:
        total = np.where(active, score, 0.0).sum(axis=-1)
        money = rows.budget[:, None] + np.where(active, start, 0.0).sum(axis=-1)
        level = np.minimum(rows.delta[:, None], money / np.where(total > 0.0, total, 1.0))
        still = active & (level[..., None] * score > start)
        if bool((still == active).all()):
            break
        active = still
    spent: FloatArray = np.where(active[..., slot], level * rows.score[:, slot, None] - start[..., slot], 0.0)
    return spent


def _earned(rows: _Rows, slot: int, tried: FloatArray) -> FloatArray:
    """Return what the leader in a slot earns from each follower at prices tried[N, T]."""
    return _spent(rows, slot, tried) * (1.0 - rows.cost[:, slot, None] / tried)


def _may_sell_out(game: ImmersionGame, rows: _Rows) -> BoolArray:
    """Return the games, [...], in which some leader's deviation could make any leader sell more than it has.

    Nobody sells more than at its cost while the others are at their caps.
    """
    most = np.zeros(game.capacity.size)
    if bool(np.isfinite(game.capacity).any()):
        dear = rows._replace(start=rows.price_max / rows.efficiency)
        for slot in range(rows.score.shape[1]):
            cost = rows.cost[:, slot, None]
            np.add.at(most, rows.seller[:, slot], (_spent(dear, slot, cost) / cost)[:, 0])
    return np.asarray((most.reshape(game.capacity.shape) > game.capacity).any(axis=-1))


def _free_gains(game: ImmersionGame, rows: _Rows) -> FloatArray:
    """Return the gains [..., J] where no capacity could bind."""
    count, slots = rows.score.shape
    size = int(game.cost.size)
    if not game.individual_prices:
        price, price_max = np.ones(size), np.ones(size)
        np.put(price, rows.seller, rows.price)
        price_max[:] = np.inf
        np.minimum.at(price_max, rows.seller, rows.price_max)
        price_max = np.where(np.isinf(price_max), game.cost.ravel(), price_max)
        price = np.clip(price, game.cost.ravel(), price_max)

        def summed(tried: FloatArray) -> FloatArray:
            total = np.zeros(tried.shape)
            for slot in range(slots):
                seller = rows.seller[:, slot]
                np.add.at(total, seller, _earned(rows, slot, tried[seller]))
            return total

        return _largest_gain(game.cost.ravel(), price_max, price, _GRID_OF_SUM, summed).reshape(game.cost.shape)
    gains = np.zeros(size)
    step = max(_WORK // (slots * 100), 1)
    for first in range(0, count, step):
        part = rows.part(slice(first, first + step))
        for slot in range(slots):
            low, high, own = part.cost[:, slot], part.price_max[:, slot], part.price[:, slot]
            gain = _largest_gain(low, high, own, _GRID, partial(_earned, part, slot))
            np.add.at(gains, part.seller[:, slot], gain)
    return gains.reshape(game.cost.shape)


def _largest_gain(
    low: FloatArray, high: FloatArray, own: FloatArray, grid: int, utility: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Return max over [low, high] of utility (prices [P, T] -> [P, T]) less that of the own price, [P]."""
    even = low[:, None] * (high / low)[:, None] ** np.linspace(0.0, 1.0, grid)
    near = own[:, None] * (1.0 + np.array(_NEAR))
    tried = np.clip(np.concatenate([even, near], axis=1), low[:, None], high[:, None])
    found = utility(tried)
    now = found[:, grid + _NEAR.index(0.0)]
    inside = np.arange(1, _ZOOM_NODES + 1) / (_ZOOM_NODES + 1)
    for _ in range(_ZOOMS):
        best = np.take_along_axis(tried, found.argmax(axis=1)[:, None], axis=1)
        left = np.where(tried < best, tried, low[:, None]).max(axis=1, keepdims=True)
        right = np.where(tried > best, tried, high[:, None]).min(axis=1, keepdims=True)
        fresh = left + (right - left) * inside
        tried, found = np.concatenate([tried, fresh], axis=1), np.concatenate([found, utility(fresh)], axis=1)
    # Where the followers' answer to the own prices is not known, nothing can be certified.
    gain: FloatArray = np.where(np.isinf(now), np.inf, found.max(axis=1) - np.where(np.isinf(now), 0.0, now))
    return gain
