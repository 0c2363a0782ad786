"""What leaders could gain by other prices where capacities may bind, and every price touches every follower.

A full search over all prices of a leader is out of reach, so a leader moves one follower's price, or all its prices by
one factor, over the whole range, and all of them as it likes in climbs (`_immersion/climbing.py`). What followers
answer comes from the game's own follower stage; that it is an answer is checked here against the conditions of
optimality, which are enough because the stage is concave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.contracts import Array, BoolArray, FloatArray, IntArray
from simmig.games._immersion.climbing import Field, climbed_gains
from simmig.games._immersion.pairs import Pairs

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

Search = Callable[[FloatArray, FloatArray, FloatArray, int, Callable[[FloatArray], FloatArray]], FloatArray]

_GRID = 24  # factors tried over the whole range
_MOVED_ALONE = 200  # pairs: with more of them, a leader moves all its prices together only, and does not climb
_WORK = 1_000_000  # numbers per table
_HOLDS = 1e-7  # of a price, a budget or a capacity: how well the conditions hold
_SOLD = 1e-9  # of the most that is bought: below this an amount may be 0


def capped_gains(game: ImmersionGame, place: tuple[int, ...], price: FloatArray, search: Search) -> FloatArray:
    """Return the largest gains [J] found in the game at a place of the batch, at its prices."""
    alone = _pick(game, place)
    movers, moved = _moves(alone)
    posted = price if alone.individual_prices else np.broadcast_to(price, alone.eligible.shape)
    cap = alone.price_max if alone.individual_prices else np.where(alone.eligible, alone.price_max, np.inf).min(axis=0)
    low = np.where(moved, alone.cost / posted, np.inf).min(axis=(1, 2))
    high = np.where(moved, cap / posted, 0.0).max(axis=(1, 2))
    step = max(_WORK // (40 * posted.size), 1)
    gains = np.zeros(len(alone.cost))
    for first in range(0, len(movers), step):
        part = slice(first, first + step)

        def utility(factor: FloatArray, part: slice = part) -> FloatArray:
            return _utilities(alone, posted, cap, moved[part], movers[part], factor)

        gain = search(low[part], high[part], np.ones(len(movers[part])), _GRID, utility)
        np.maximum.at(gains, movers[part], gain)
    if alone.individual_prices and alone.eligible.sum() <= _MOVED_ALONE:
        gains = np.maximum(gains, climbed_gains(_field(alone, posted)))
    return gains


def near_gains(game: ImmersionGame, place: tuple[int, ...], price: FloatArray) -> FloatArray:
    """Return the gains [J] that climbs from individual prices find in the game at a place; 0 where pairs are many."""
    alone = _pick(game, place)
    if alone.eligible.sum() > _MOVED_ALONE:
        return np.zeros(alone.cost.shape)
    return climbed_gains(_field(alone, price), is_local=True)


def _field(game: ImmersionGame, posted: FloatArray) -> Field:
    """Return the game as a leader sees it that changes all its prices as it likes."""
    moves = (game.eligible & (game.ssim > game.ssim_threshold[:, None])).T
    own = posted.T.copy()
    low, high = np.where(moves, game.cost[:, None], own), np.where(moves, game.price_max.T, own)
    step = max(_WORK // (40 * posted.size), 1) * 40

    def earned(prices: FloatArray, leader: IntArray) -> tuple[FloatArray, FloatArray]:
        parts = [slice(first, first + step) for first in range(0, max(len(leader), 1), step)]
        found = [_answers(game, _with_row(posted, prices[part], leader[part]), leader[part]) for part in parts]
        return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])

    def wanted(tried: FloatArray) -> FloatArray:
        free = replace(game, capacity=np.full(game.capacity.shape, np.inf))
        leader = np.repeat(np.arange(len(tried)), tried.shape[2])
        prices = np.moveaxis(tried, 2, 1).reshape(len(leader), -1)
        moved = _with_row(posted, prices, leader)
        many = _changed(free, lambda table: np.broadcast_to(table, (len(moved), *table.shape)))
        own_part = np.take_along_axis(many.best_demand(moved), leader[:, None, None], axis=2)[..., 0]
        return np.moveaxis(own_part.reshape(len(tried), tried.shape[2], -1), 1, 2)

    return Field(low, high, own, game.capacity, game.cost, earned, wanted)


def _with_row(posted: FloatArray, prices: FloatArray, leader: IntArray) -> FloatArray:
    """Return tables [N, I, J] of prices in which leaders [N] ask prices [N, I] and the others what is posted."""
    is_own = np.arange(posted.shape[1]) == leader[:, None, None]
    return np.where(is_own, prices[..., None], posted)


def _pick(game: ImmersionGame, place: tuple[int, ...]) -> ImmersionGame:
    """Return one game of a batch."""
    return _changed(game, lambda table: table[place])


def _changed(game: ImmersionGame, change: Callable[[Array], Array]) -> ImmersionGame:
    """Return the game with all its tables changed in the same way."""
    tables: dict[str, Any] = {
        f.name: change(v) for f in fields(game) if isinstance(v := getattr(game, f.name), np.ndarray)
    }
    pairs = game.pairs
    if pairs.leader is None or pairs.slot is None:
        return replace(game, **tables, pairs=Pairs(change(pairs.is_real), None, None))
    return replace(game, **tables, pairs=Pairs(change(pairs.is_real), change(pairs.leader), change(pairs.slot)))


def _moves(game: ImmersionGame) -> tuple[IntArray, BoolArray]:
    """Return who moves, [D], and which prices, [D, I, J]: all of a leader's, and each by itself."""
    leaders = np.flatnonzero(game.eligible.any(axis=0))
    together = game.eligible & (np.arange(len(game.cost)) == leaders[:, None, None])
    followers, sellers = np.nonzero(game.eligible)
    if not game.individual_prices or len(sellers) > _MOVED_ALONE:
        return leaders, together
    alone = np.zeros((len(sellers), *game.eligible.shape), np.bool_)
    alone[np.arange(len(sellers)), followers, sellers] = True
    return np.concatenate([leaders, sellers]), np.concatenate([together, alone])


def _utilities(
    game: ImmersionGame, posted: FloatArray, cap: FloatArray, moved: BoolArray, movers: IntArray, factor: FloatArray
) -> FloatArray:
    """Return the movers' utilities [D, T] when the moved prices are multiplied by factor[D, T]; inf if unanswered."""
    tried = np.clip(posted * np.where(moved[:, None], factor[..., None, None], 1.0), game.cost, cap)
    tried = tried.reshape(-1, *posted.shape)
    if not game.individual_prices:
        tried = np.where(game.eligible, tried, 0.0).max(axis=1)
        tried = np.where(tried > 0.0, tried, posted[0])  # nobody can buy there
    return _answers(game, tried, np.repeat(movers, factor.shape[1]))[0].reshape(factor.shape)


def _answers(game: ImmersionGame, tried: FloatArray, leader: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return profits and sales [N] of leaders [N] at prices tried[N, ...]; profits are inf if unanswered."""
    many = _changed(game, lambda table: np.broadcast_to(table, (len(tried), *table.shape)))
    demand, shadow_price = many.respond(tried)
    tables = many.leader_utility(tried, demand), demand.sum(axis=1)
    profit, sales = (np.take_along_axis(table, leader[:, None], axis=1)[:, 0] for table in tables)
    is_answer = _is_answer(game, many.spread_price(tried), demand, shadow_price)
    return np.where(is_answer, profit, np.inf), sales


def _is_answer(game: ImmersionGame, price: FloatArray, demand: FloatArray, shadow_price: FloatArray) -> BoolArray:
    """Return whether demands [N, I, J] and shadow prices [N, J] answer prices [N, I, J]: the KKT conditions."""
    score = np.log(game.ssim / game.ssim_threshold[:, None])
    worth = np.where(game.eligible, np.maximum(game.delta[:, None] * score, 0.0), 0.0)
    marginal = worth * game.efficiency / (1.0 + demand * game.efficiency)
    money = (marginal - shadow_price[:, None, :]) / price  # what a unit of money is worth, the same wherever one buys
    buys = demand > _SOLD * demand.max(axis=-1, keepdims=True)
    rate = np.maximum(np.where(buys, money, 1.0).max(axis=-1), 1.0)[..., None]
    is_even = np.where(buys, np.abs(money - rate) <= _HOLDS * rate, money <= rate * (1.0 + _HOLDS)).all(axis=(1, 2))
    paid = (price * demand).sum(axis=-1)
    budget = game.budget
    is_paid = (paid <= budget * (1.0 + _HOLDS)) & ((rate[..., 0] <= 1.0 + _HOLDS) | (paid >= budget * (1.0 - _HOLDS)))
    sales = demand.sum(axis=1)
    fits = sales <= game.capacity * (1.0 + _HOLDS)
    is_used = (shadow_price <= _HOLDS * game.cost) | (sales >= game.capacity * (1.0 - _HOLDS))
    holds: BoolArray = is_even & is_paid.all(axis=1) & (fits & is_used).all(axis=1)
    return holds
