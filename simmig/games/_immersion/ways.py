"""What a leader earns on a way from its prices to its caps, the followers answering: searched for a second peak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.followers import water_fill
from simmig.games._immersion.rationing import ration

if TYPE_CHECKING:
    from simmig.games._immersion.leaving import Stood

_GAIN, _LEAST = 1e-10, 1e-13  # of the profit, and of money: less is rounding
_PATH = 8  # prices tried on the way to the cap, and to the cost, evenly in logarithms
_ZOOMS, _NODES = 12, 3  # then between the neighbours of the best
_STEEP = 3.0  # that far from a peak, in logarithms, less than the square of so many times it is lost, as a part
_WORK = 1_000_000  # numbers per table


def is_more(profit: FloatArray, now: FloatArray) -> BoolArray:
    """Return which profits are above what is earned now by more than rounding."""
    more: BoolArray = profit > now + _GAIN * np.abs(now) + _LEAST
    return more


def gains_on_way(stood: Stood, games: IntArray, leaders: IntArray, moved: BoolArray, near: bool = False) -> BoolArray:
    """Return which leaders [N] of games [N] gain if the prices `moved` [N, I, K] go part of the way to their caps.

    With uniform prices the way to the cost is tried too, and what is `near`: there rationing is not anticipated.
    """
    low = 0.0 if stood.individual_prices else -1.0
    gains, left, now = np.zeros(games.size, np.bool_), np.arange(games.size), stood.profit[games, leaders]
    path = np.broadcast_to(np.linspace(low, 1.0, _PATH + 1), (left.size, _PATH + 1))
    found, width = _earned(stood, games, leaders, moved, path), (1.0 - low) / _PATH
    far = stood.price_max[games] / stood.cost[games]
    length = np.where(moved, np.log(far), 0.0).max(axis=(1, 2), initial=0.0)
    for _ in range(_ZOOMS):
        gains[left] = is_more(found.max(axis=1, initial=0.0), now[left])
        peak, height = _highest_peak(path, found, near)
        # Near a peak the profit falls with the square of the distance.
        is_near = height > now[left] * (1.0 - (_STEEP * width * length[left]) ** 2)
        keep = np.flatnonzero(~gains[left] & is_near)
        if not keep.size:
            break
        left, path, found, peak = left[keep], path[keep], found[keep], peak[keep, None]
        below = np.where(path < peak, path, low).max(axis=1, keepdims=True)
        above = np.where(path > peak, path, 1.0).min(axis=1, keepdims=True)
        fresh = below + (above - below) * np.arange(1, _NODES + 1) / (_NODES + 1)
        earned = _earned(stood, games[left], leaders[left], moved[left], fresh)
        path, found = np.concatenate([path, fresh], axis=1), np.concatenate([found, earned], axis=1)
        width *= 2.0 / (_NODES + 1)
    return gains


def _earned(stood: Stood, games: IntArray, leaders: IntArray, moved: BoolArray, path: FloatArray) -> FloatArray:
    """Return profits [N, T] part of the way to the caps, or to the cost where `path` is below 0."""
    flat = np.empty(path.size)
    step = max(_WORK // max(stood.price[0].size * stood.price.shape[2], 1), 1)
    for first in range(0, flat.size, step):
        place = np.arange(first, min(first + step, flat.size))
        at, way = place // path.shape[1], path.ravel()[place, None, None]
        many, own = stood.take(games[at]), stood.at(games[at], leaders[at])
        end = np.where(way > 0.0, many.price_max, many.cost)
        price = np.where(moved[at], many.price * (end / many.price) ** np.abs(way), many.price)
        bought = ration(many.game, many.rows, price, water_fill(many.rows, price))[0]
        flat[place] = np.where(own, (price - many.cost) * bought, 0.0).sum(axis=(1, 2))
    return flat.reshape(path.shape)


def _highest_peak(path: FloatArray, found: FloatArray, near: bool) -> tuple[FloatArray, FloatArray]:
    """Return where [D] along each path [D, T] the highest peak is, and its height; the start, 0, counts if `near`."""
    order = np.argsort(path, axis=1, kind="stable")
    along, height = np.take_along_axis(path, order, axis=1), np.take_along_axis(found, order, axis=1)
    end = np.full_like(height[:, :1], -np.inf)
    is_peak = (height >= np.hstack([end, height[:, :-1]])) & (height >= np.hstack([height[:, 1:], end]))
    is_peak &= (along != 0.0) | near
    best = np.where(is_peak, height, -np.inf).argmax(axis=1)[:, None]
    return np.take_along_axis(along, best, axis=1)[:, 0], np.where(is_peak, height, -np.inf).max(axis=1)
