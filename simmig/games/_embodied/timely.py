"""Followers with deadlines who share no capacity: each by itself, by Newton's method in logarithms.

With x = ln b and m = ln mu, a late follower solves A / (b + E) + mu w / b^2 = level for each of its pairs, and
ln sum_j theta_ij w_ij / b_ij = ln left_i. Both are nearly straight in x and m, whatever the sizes.
"""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._embodied.market import Market

_STEPS = 60  # about 3 from near by, 7 from nothing, 14 at most
_FOUND = 1e-9  # a step after which the next is rounding
_FAR = 1.5  # largest step of ln b
_FARTHER = 4.0  # and of ln mu


def in_time(
    market: Market,
    terms: tuple[FloatArray, FloatArray],
    weighted_work: FloatArray,
    left_s: FloatArray,
    guess: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return the demand [S, J, L] and the multipliers [S, I + 1] with which sum_j theta w / b fits left_s[S, I + 1].

    terms are A and the level, weighted_work is theta w, all [S, J, L]; a guess of demand and multipliers saves steps.
    Demand without bound is inf, and so is that of a follower without any time left.
    """
    worth, level = terms
    with np.errstate(divide="ignore", invalid="ignore"):
        filled = np.where(level > 0.0, worth / np.where(level > 0.0, level, 1.0), np.inf)
        demand = np.where(worth > 0.0, np.maximum(filled - market.room, 0.0), 0.0)
        is_late = market.by_follower(np.where(weighted_work > 0.0, weighted_work / demand, 0.0)) > left_s
    multiplier = np.zeros(left_s.shape)
    if is_late.any():
        demand[market.is_pair & (market.of_pair((is_late & (left_s <= 0.0)).astype(np.float64)) > 0.0)] = np.inf
        is_late &= left_s > 0.0
        chosen = np.nonzero(market.is_pair & (market.of_pair(is_late.astype(np.float64)) > 0.0) & np.isfinite(demand))
        pairs = worth[chosen], level[chosen], market.room[chosen], market.work_s[chosen], weighted_work[chosen]
        number = np.zeros(left_s.shape, dtype=np.int64)
        number[is_late] = np.arange(is_late.sum())
        owner = number[chosen[0], market.place[chosen]]
        demand[chosen], multiplier[is_late] = _found(
            pairs, owner, left_s[is_late], (guess[0][chosen], guess[1][is_late])
        )
    return demand, multiplier


def _found(
    pairs: tuple[FloatArray, ...], owner: IntArray, left_s: FloatArray, guess: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return b of M pairs and the multipliers of their R owners; inf of those who do not get there."""
    (worth, level, room, work_s, weighted), (b, multiplier) = pairs, guess
    count = len(left_s)

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(owner, values, count), dtype=np.float64)

    # Without a guess: the multiplier with which nothing but the deadline counts.
    is_near = (multiplier > 0.0) & (total((b <= np.maximum(-room, 0.0)).astype(np.float64)) == 0.0)
    scale = (total(weighted * np.sqrt(level / work_s)) / left_s) ** 2
    multiplier = np.where(is_near, multiplier, scale)
    cold = np.maximum(worth / level - room, np.sqrt(multiplier[owner] * work_s / level))
    b = np.where(is_near[owner], b, np.maximum(cold, 1.000001 * np.maximum(-room, 0.0)))
    for _ in range(_STEPS):
        push, rest = multiplier[owner] * work_s / b**2, worth / (b + room)
        force, each = rest + push - level, weighted / b
        bend = rest * b / (b + room) + 2.0 * push
        time_s = total(each)
        late = np.log(time_s / left_s) * time_s - total(each * force / bend)
        raised = np.clip(late / total(each * push / bend), -_FARTHER, _FARTHER)
        pulled = push * raised[owner] / bend
        step = force / bend + pulled
        moved = b * np.exp(np.clip(step, -_FAR, _FAR))
        b, multiplier = np.where(moved + room > 0.0, moved, 0.5 * (b - room)), multiplier * np.exp(raised)
        is_moving = ~((np.abs(step) <= _FOUND) & (np.abs(pulled) <= _FOUND))
        if not is_moving.any():
            break
    is_lost = total(is_moving.astype(np.float64)) > 0.0
    return np.where(is_lost[owner], np.inf, b), multiplier
