"""What a leader gains where capacities may bind by other prices to all its followers at once: climbs from some starts.

A full leader that asks more of one follower can sell what that one leaves to another. So the search follows, beside the
steepest ascent of the profit, the steepest one that leaves sales as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray

_ROUNDS = 12
_STEPS = 0.5 * 0.2 ** np.arange(9)  # in logarithms of prices, down to 1e-6
_ASIDE, _SLOPE = 1e-5, 1e-6  # in logarithms: slopes are taken where a full leader has a little left
_GAINS = 1e-11  # of the profit: a climb that gains less has ended
_PATIENCE = 4.0  # steps like the last: a climb that needs more to reach what is earned now is given up
_GRID = 60  # prices of one follower in a start
_HALVINGS = 50
_PASSES = 3  # of a projection, each with more prices at their bounds


class Field(NamedTuple):
    """A game in which leaders try prices: bounds and own prices [J, I], where low = high if a price must stay.

    `earned` gives profits and sales [N] at prices [N, I] of leaders [N], the profit inf where it is not known;
    `wanted[J, I, T]` what is bought at the prices `tried[J, I, T]` one follower at a time if nothing is rationed.
    """

    low: FloatArray
    high: FloatArray
    own: FloatArray
    capacity: FloatArray  # [J]
    cost: FloatArray
    earned: Callable[[FloatArray, IntArray], tuple[FloatArray, FloatArray]]
    wanted: Callable[[FloatArray], FloatArray]


def climbed_gains(field: Field, *, is_local: bool = False) -> FloatArray:
    """Return the largest gains [J] found over the profit of the leaders' own prices, from there only if `is_local`."""
    leaders = np.arange(len(field.own))
    starts = field.own if is_local else np.concatenate([field.own, _traded(field), np.sqrt(field.low * field.high)])
    leader = np.tile(leaders, len(starts) // max(len(leaders), 1))
    low, high = np.log(field.low), np.log(field.high)
    price = np.clip(np.log(starts), low[leader], high[leader])
    profit = field.earned(np.exp(price), leader)[0]
    now, best = profit[: leaders.size].copy(), profit[: leaders.size].copy()
    np.maximum.at(best, leader, profit)
    for _ in range(_ROUNDS):
        if not leader.size:
            break
        tried = _tried(field, price, leader, low[leader], high[leader])
        found = field.earned(np.exp(tried.reshape(-1, price.shape[1])), np.repeat(leader, tried.shape[1]))[0]
        found = found.reshape(tried.shape[:2])
        top = found.argmax(axis=1)[:, None]
        highest = np.take_along_axis(found, top, axis=1)[:, 0]
        gained, missing = highest - profit, now[leader] - highest
        keep = np.flatnonzero((gained > _GAINS * np.abs(profit)) & (missing < _PATIENCE * gained))
        price = np.take_along_axis(tried, top[..., None], axis=1)[keep, 0]
        profit, leader = highest[keep], leader[keep]
        np.maximum.at(best, leader, profit)
    gains: FloatArray = np.where(np.isinf(best), np.inf, best - np.where(np.isinf(now), 0.0, now))
    return gains


def _traded(field: Field) -> FloatArray:
    """Return prices [J, I] that would be best if only the own capacity mattered, searched on a grid.

    Each follower is asked what earns most above cost and a charge for bandwidth, the least at which sales fit.
    """
    part = np.linspace(0.0, 1.0, _GRID)
    tried = field.low[..., None] * (field.high / field.low)[..., None] ** part
    demand = field.wanted(tried)
    margin, most = tried - field.cost[:, None, None], (field.high - field.cost[:, None]).max(axis=1, initial=0.0)
    below, above = np.zeros(len(most)), most
    for _ in range(_HALVINGS):
        charge = 0.5 * (below + above)
        best = ((margin - charge[:, None, None]) * demand).argmax(axis=2)[..., None]
        fits = np.take_along_axis(demand, best, axis=2).sum(axis=(1, 2)) <= field.capacity
        below, above = np.where(fits, below, charge), np.where(fits, charge, above)
    best = ((margin - above[:, None, None]) * demand).argmax(axis=2)[..., None]
    return np.take_along_axis(tried, best, axis=2)[..., 0]


def _tried(field: Field, price: FloatArray, leader: IntArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the logarithms of prices [D, T, I] on the ways up from price[D, I]."""
    by_profit, by_sales = _slopes(field, price, leader)
    can_rise, can_fall = price < high, price > low
    kept = np.zeros_like(by_sales)
    ways = np.stack(
        [
            _uphill(by_profit, kept, can_rise, can_fall),
            _uphill(by_profit, by_sales, can_rise, can_fall),
        ],
        axis=1,
    )
    ways /= np.maximum(np.abs(ways).max(axis=2, keepdims=True), 1e-300)
    tried = price[:, None, None, :] + _STEPS[:, None] * ways[:, :, None, :]
    clipped: FloatArray = np.clip(tried, low[:, None, None, :], high[:, None, None, :])
    return clipped.reshape(len(price), -1, price.shape[1])


def _slopes(field: Field, price: FloatArray, leader: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the slopes [D, I] of profits and sales in the logarithms of prices[D, I], by differences."""
    count, followers = price.shape
    steps = _ASIDE + _SLOPE * np.concatenate([np.zeros((1, followers)), np.eye(followers)])
    near = np.exp(price[:, None, :] + steps).reshape(-1, followers)
    profit, sales = (t.reshape(count, followers + 1) for t in field.earned(near, np.repeat(leader, followers + 1)))
    is_known = np.isfinite(profit).all(axis=1, keepdims=True)
    profit = np.where(is_known, profit, 0.0)
    return (profit[:, 1:] - profit[:, :1]) / _SLOPE, (sales[:, 1:] - sales[:, :1]) / _SLOPE


def _uphill(slope: FloatArray, kept: FloatArray, can_rise: BoolArray, can_fall: BoolArray) -> FloatArray:
    """Return the part of slope[D, I] within the bounds along which what has the slopes kept[D, I] stays."""
    free = can_rise | can_fall
    for _ in range(_PASSES):
        size = np.where(free, kept * kept, 0.0).sum(axis=1, keepdims=True)
        part = np.where(free, slope * kept, 0.0).sum(axis=1, keepdims=True) / np.where(size > 0.0, size, 1.0)
        way = np.where(free, slope - part * kept, 0.0)
        free = free & np.where(way > 0.0, can_rise, can_fall)
    return np.where(free, way, 0.0)
