"""The leaders of the certificate whose utility is concave in their price: their best one is found without trials.

While nobody is late and everyone buys, demand is a line a - s p, friends included. Then utility is a sum of terms
(p - c) (a - s p) / (1 + p r), r = sum of 1/p over the others of the follower's leaders. Each is a line less a positive
multiple of 1/(1 + p r): concave, with a convex falling slope, on which Newton's method cannot fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.certificate_replies import Scenes, replies_without_deadlines

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_STEPS = 200  # far from the answer a step makes the price at least half as large again
_CLOSE = 1e-7  # relative; a step this small has left about its square


def concave_gains(game: SocialGame, whole: Scenes, price: FloatArray) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return the largest gains [J] of the leaders whose utility is concave, 0 for the others, and who they are.

    The third is who, of the groups of `whole`, may be late while any one leader moves its price.
    """
    gain, leader = np.zeros(len(price)), whole.leader
    if len(leader) == 0:
        return gain, np.ones(len(price), bool), np.zeros(0, bool)
    low, own, high = posted = np.stack([game.cost, price, game.price_max]).take(leader, axis=1)
    demand = replies_without_deadlines(whole, posted)
    may_be_late = _may_be_late(whole, demand, posted)
    is_concave = np.bincount(leader, (demand[2] <= 0.0) | may_be_late, len(price)) == 0
    others = np.add.reduceat(1.0 / own, whole.start)[whole.owner] - 1.0 / own
    fall = (demand[0] - demand[2]) / np.where(high > low, high - low, 1.0)
    chosen = is_concave[leader]
    place, top = (np.cumsum(is_concave) - 1)[leader], demand[2] + fall * high
    lines = _Lines(place[chosen], top[chosen], fall[chosen], others[chosen], game.cost[is_concave])
    gain[is_concave] = lines.largest_gain(price[is_concave], game.price_max[is_concave])
    return gain, is_concave, np.logical_or.reduceat(may_be_late, whole.start)


def _may_be_late(whole: Scenes, demand: FloatArray, posted: FloatArray) -> BoolArray:
    """Return, for each entry, whether its follower may be late while only the entry's leader moves its price.

    `demand[3, n]` and `posted[3, n]` are at cost, at the prices that stand and at the cap. Deadlines only make demand
    grow, so who is in time without them is in time. The late are those with sum (time - deadline) / p > 0 over their
    leaders. Only one term moves, and for a demand that is a line in p it falls before it rises (p^2 times its
    derivative rises), so the ends of the range decide. Demand is not below the line that passes the cap and falls as
    if there were no friends.
    """
    is_due = np.isfinite(whole.deadline_s)
    if not bool(is_due.any()):
        return np.zeros(len(whole.leader), bool)
    due_s = np.where(is_due, whole.deadline_s, 0.0)[whole.owner]
    least = np.stack([demand[2] + 0.5 / whole.beta * (posted[2] - posted[0]), demand[1], demand[2]])
    buys = least > 0.0
    time_s = np.where(buys, whole.work / np.where(buys, least, 1.0), np.inf) + (whole.delay_s - due_s)
    over = time_s / posted
    with np.errstate(invalid="ignore"):  # inf - inf where nothing is bought: nobody knows, so maybe
        rest = np.add.reduceat(over[1], whole.start)[whole.owner] - over[1]
        is_surely_in_time = rest + np.maximum(over[0], over[2]) <= 0.0
    return np.asarray(is_due[whole.owner] & ~is_surely_in_time)


@dataclass(frozen=True, slots=True)
class _Lines:
    """S leaders and their entries: `leader[m]` in 0..S-1, demand top - fall p, the sum of 1/p over the others."""

    leader: IntArray
    top: FloatArray
    fall: FloatArray
    others: FloatArray
    cost: FloatArray  # [S]

    def largest_gain(self, own: FloatArray, cap: FloatArray) -> FloatArray:
        """Return the utility of each leader's best price less that of its own, shape [S]."""
        count, price = len(own), own
        steep = self.fall + self.top * self.others
        for _ in range(_STEPS):
            posted = price[self.leader]
            share = 1.0 / (1.0 + posted * self.others)
            turn = steep * share * share
            sold = np.bincount(self.leader, (self.top - self.fall * posted) * share, count)
            less = np.bincount(self.leader, turn, count)  # - d sold / dp; d^2 sold / dp^2 is 2 * slowing
            slowing = np.bincount(self.leader, turn * share * self.others, count)
            bend = less - (price - self.cost) * slowing
            step = 0.5 * (sold - (price - self.cost) * less) / np.where(bend > 0.0, bend, 1.0)
            moved = np.minimum(np.maximum(price + step, self.cost), cap)
            is_there = bool((np.abs(moved - price) <= _CLOSE * price).all())
            price = moved
            if is_there:
                return np.asarray(np.maximum(self.utility(price) - self.utility(own), 0.0))
        raise AssertionError("Newton's method on a convex falling function arrives")

    def utility(self, price: FloatArray) -> FloatArray:
        """Return what each leader earns at its price, the others' as they stand: shape [S]."""
        posted = price[self.leader]
        sold = np.bincount(self.leader, (self.top - self.fall * posted) / (1.0 + posted * self.others), len(price))
        return np.asarray(sold * (price - self.cost))
