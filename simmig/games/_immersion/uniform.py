"""Leaders that post one price for all followers: exact best prices, one leader after another, until nobody moves.

A leader's sales to one follower fall in straight lines, x = p / q, as in `leaders.py`, and its profit from all
of them has a peak on each piece between the followers' breakpoints: the best of them is the global best response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.pieces import Posting, posting_of

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

_SWEEPS = 400
_STILL = 1e-13  # of a price
_RETURNED = 1e-11  # of a price: the same point again, while leaders still move by more
_STARTS = (0.0, 0.5)  # of an owner's search, beside caps and rivals' prices: geometrically between costs and caps


def price_cap(game: ImmersionGame) -> FloatArray:
    """Return the most that each leader may ask everyone, [..., J]: the least cap of the followers it can serve."""
    open_cap = np.where(game.eligible, game.price_max, np.inf).min(axis=-2)
    cap: FloatArray = np.where(np.isinf(open_cap), game.price_max.min(axis=-2), open_cap)
    return cap


def uniform_equilibrium(game: ImmersionGame) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., J], whether they are an equilibrium (False if leaders go round in a circle), and sweeps."""
    cap = price_cap(game)
    return _settle(posting_of(game, cap, is_owner=False), cap)


def uniform_monopoly(game: ImmersionGame) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return the prices [..., J] of one owner, the best of the peaks that several starts lead to."""
    cap = price_cap(game)
    posting = posting_of(game, cap, is_owner=True)
    best, converged, sweeps = _settle(posting, cap)
    profit = _profit(game, best)
    for start in (uniform_equilibrium(game)[0], *(game.cost * (cap / game.cost) ** part for part in _STARTS)):
        price, is_peak, more = _settle(posting, start)
        other = _profit(game, price)
        wins = other > profit
        profit, converged = np.where(wins, other, profit), np.where(wins, is_peak, converged)
        best, sweeps = np.where(wins[..., None], price, best), sweeps + more
    return best, converged, sweeps


def _profit(game: ImmersionGame, price: FloatArray) -> FloatArray:
    total: FloatArray = game.leader_utility(price, game.best_demand(price)).sum(axis=-1)
    return total


def _settle(posting: Posting, start: FloatArray) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return where best prices, one leader after another, lead from a start [..., J]; circles are cut short.

    A point of the past is kept, a newer one after twice as many sweeps each time (Brent 1980): to meet it again while
    prices still move is to go round in a circle.
    """
    flat = start.reshape(-1, start.shape[-1]).copy()
    left, converged, sweeps = np.arange(len(flat)), np.zeros(len(flat), np.bool_), np.zeros(len(flat), np.int64)
    price, kept, keep_at = flat.copy(), flat.copy(), 1
    for sweep in range(1, _SWEEPS + 1):
        before = price.copy()
        for leader in range(flat.shape[1]):
            price[:, leader] = posting.best_price(price, leader)
        moved = (np.abs(price - before) / before).max(axis=1)
        is_still = moved <= _STILL
        is_back = (np.abs(price - kept) / kept).max(axis=1) <= np.minimum(_RETURNED, 1e-3 * moved)
        flat[left], converged[left], sweeps[left] = price, is_still, sweep
        if sweep == keep_at:
            kept, keep_at = price.copy(), 2 * keep_at
        stays = np.flatnonzero(~(is_still | is_back))
        if not stays.size:
            break
        posting, left, price, kept = posting.take(stays), left[stays], price[stays], kept[stays]
    batch = start.shape[:-1]
    return flat.reshape(start.shape), converged.reshape(batch), sweeps.reshape(batch)
