"""What followers buy at posted prices: water-filling over the leaders that are worth their price, exact.

The same code serves NumPy arrays and torch tensors, and torch can differentiate through it.
"""

from __future__ import annotations

from typing import NamedTuple

from array_api_compat import array_namespace

from simmig.contracts import Array


class Rows(NamedTuple):
    """The parameters of the followers' problems in slots: I followers, K slots, any array library.

    `score[..., I, K]` is S = ln(SSIM / SSIM^th), 0 where it is negative or the slot empty, so that nothing is bought
    there; `efficiency[..., I, K]` is q in bit/s/Hz; `delta[..., I]` the worth of immersion; `budget[..., I]` may be
    inf.
    """

    score: Array
    efficiency: Array
    delta: Array
    budget: Array


def water_fill(rows: Rows, price: Array) -> Array:
    """Return b_ij = max(0, nu_i S_ij / p_ij - 1 / q_ij), shape [..., I, K], at prices [..., I, K].

    001 (14) and (28) assume that every leader sells; here the active set is the right one. Spending at the water level
    nu is the largest of the sums over the n leaders with the lowest thresholds p / (S q), n = 1..K, so the level at
    which it equals the budget is the least of their roots.
    """
    level = water_level(rows, price)[..., None]
    xp = array_namespace(price)
    bought = level * rows.score / price - 1.0 / rows.efficiency
    return xp.where(rows.score > 0.0, xp.where(bought > 0.0, bought, xp.zeros_like(bought)), xp.zeros_like(bought))


def water_level(rows: Rows, price: Array) -> Array:
    """Return nu[..., I] = min(delta, the level that spends the budget)."""
    xp = array_namespace(price)
    is_wanted = rows.score > 0.0
    start = price / rows.efficiency  # spending starts at nu S = p / q
    threshold = xp.where(is_wanted, start / xp.where(is_wanted, rows.score, 1.0), xp.inf)
    order = xp.argsort(threshold, axis=-1, stable=True)
    starts = _running_sum(xp, xp.where(is_wanted, start, 0.0), order)
    scores = _running_sum(xp, rows.score, order)
    # No follower ever spends delta times its scores: a budget above twice that is none, and inf has no gradient.
    budget = xp.minimum(rows.budget, 2.0 * rows.delta * scores[..., -1])[..., None]
    has_any = scores > 0.0
    level = (budget + starts) / xp.where(has_any, scores, 1.0)
    least = xp.min(xp.where(has_any, level, xp.inf), axis=-1)
    return xp.minimum(rows.delta, least)


def _running_sum(xp: Array, table: Array, order: Array) -> Array:
    return xp.cumulative_sum(xp.take_along_axis(table, order, axis=-1), axis=-1)
