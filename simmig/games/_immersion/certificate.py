"""The certificate of the immersion game: what any single player could still gain, searched without the solver's code.

A follower's problem is concave: bisection on what its money is worth finds the best reply. A leader tries prices over
its whole range and around its own, the followers answering each time, and the best are refined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, Certificate, FloatArray
from simmig.games._immersion.deviations import leader_gains

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

_HALVINGS = 200  # far more than doubles need: the search ends when nothing moves
_ALLOWED = 1.0 + 1e-9  # rounding by which a budget or a capacity may be exceeded
_FULL = 1.0 - 1e-9  # of a capacity
_SMALL = 1e-12  # smallest size of utility that a gain is compared with


def certify(game: ImmersionGame, price: FloatArray, demand: FloatArray) -> Certificate:
    """Return every player's largest gain at prices and demands that need not come from a solver."""
    price, demand = np.asarray(price, np.float64), np.asarray(demand, np.float64)
    follower, leader = game.follower_utility(price, demand), game.leader_utility(price, demand)
    follower_gap = follower_gaps(game, game.spread_price(price), demand)
    leader_gap = leader_gains(game, price)
    return Certificate(
        follower_gap,
        leader_gap,
        follower_gap / np.maximum(np.abs(follower), _SMALL),
        leader_gap / np.maximum(np.abs(leader), _SMALL),
    )


def follower_gaps(game: ImmersionGame, price: FloatArray, demand: FloatArray) -> FloatArray:
    """Return each follower's gain over its demand, [..., I]; inf where the demand given is not feasible."""
    score = np.where(game.eligible, np.log(game.ssim / game.ssim_threshold[..., None]), 0.0)
    sales = demand.sum(axis=-2, keepdims=True)
    capacity = game.capacity[..., None, :]
    left = np.maximum(capacity - (sales - demand), 0.0)
    # A full leader leaves a follower what it has; the difference of two sums would leave it a rounding more or less.
    is_full = sales >= _FULL * capacity
    room = np.where(is_full, demand, left)
    worth = game.delta[..., None] * score
    best = _best_replies(worth, game.efficiency, price, room, game.budget)
    gain = (worth * (np.log1p(best * game.efficiency) - np.log1p(demand * game.efficiency))).sum(axis=-1)
    gain -= (price * (best - demand)).sum(axis=-1)
    is_within = (demand >= 0.0) & ((demand == 0.0) | game.eligible) & (sales <= capacity * _ALLOWED)
    is_paid = (price * demand).sum(axis=-1) <= game.budget * _ALLOWED
    return np.where(is_within.all(axis=-1) & is_paid, np.maximum(gain, 0.0), np.inf)


def _best_replies(
    worth: FloatArray, efficiency: FloatArray, price: FloatArray, room: FloatArray, budget: FloatArray
) -> FloatArray:
    """Return argmax of sum worth ln(1 + b q) - p b over 0 <= b <= room and p'b <= budget, [..., I, J].

    b = worth / (k p) - 1 / q within its bounds, k >= 1 what one more unit of money is worth, halved in on.
    """

    def bought(money: FloatArray) -> FloatArray:
        amount: FloatArray = np.clip(worth / (money[..., None] * price) - 1.0 / efficiency, 0.0, room)
        return amount

    def is_affordable(money: FloatArray) -> BoolArray:
        cheap: BoolArray = (price * bought(money)).sum(axis=-1) <= budget
        return cheap

    low = np.ones(budget.shape)
    # At this worth of money nobody buys anything.
    high = np.maximum((worth * efficiency / price).max(axis=-1, initial=0.0), 1.0)
    is_slack = is_affordable(low)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if bool(((middle == low) | (middle == high)).all()):
            break
        fits = is_affordable(middle)
        low, high = np.where(fits, low, middle), np.where(fits, middle, high)
    return bought(np.where(is_slack, 1.0, high))
