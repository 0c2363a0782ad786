"""What late followers of the social game buy: just enough to meet their deadlines, at the least loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.pairs import groups

_FIRST_STEPS = 4
_CLOSE = 1e-8  # relative; a step this small has left about its square
_ROUNDS = 300
_FEW = 1_000  # pairs: fewer are not worth dropping


@dataclass(frozen=True, slots=True)
class Bid:
    """The pairs of the late followers, group after group: theirs is max theta (value b - beta b^2), pair by pair."""

    value: FloatArray
    beta: FloatArray
    work: FloatArray
    theta: FloatArray
    start: IntArray
    owner: IntArray

    def kept(self, chosen: BoolArray) -> Bid:
        """Return the groups `chosen`."""
        pair = chosen[self.owner]
        start, owner = groups(self.owner[pair])
        return Bid(self.value[pair], self.beta[pair], self.work[pair], self.theta[pair], start, owner)


def meet_deadlines(bid: Bid, room_s: FloatArray, demand: FloatArray, nu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return demand b and multiplier nu with 2 beta b^3 - value b^2 = nu work and sum(theta work / b) = room.

    Newton on f(nu) = (sum theta work / b(nu))^-2: b(nu)^2 is concave (its inverse is 2 beta z^1.5 - value z, convex),
    and f is a power mean of order -1/2 of them, so f is concave and increasing: from any start the second iterate is
    below the root and the rest climb to it without overshooting. `demand` and `nu` are the start.
    """
    whole, owner, work = bid, bid.owner, bid.work
    weight = bid.theta * work
    alone = weight / room_s[owner]  # less than this at one pair breaks the deadline by itself
    lowest = _least_multiplier(bid, weight, room_s, alone)
    nu = np.maximum(nu, lowest)
    demand = np.maximum(np.maximum(demand, alone), bid.value * (0.5 / bid.beta))
    demand = _cubic(demand, bid, nu[owner] * work, _FIRST_STEPS)
    found, multiplier, place, rows = demand, nu, np.arange(len(demand)), np.arange(len(nu))
    is_open = np.ones(len(nu), bool)
    for _ in range(_ROUNDS):
        start, owner, work = bid.start, bid.owner, bid.work
        gradient = 1.0 / (demand * (6.0 * bid.beta * demand - 2.0 * bid.value))
        time_s = np.add.reduceat(weight / demand, start)
        fall = np.add.reduceat(weight * work * gradient / (demand * demand), start)
        ratio = time_s / room_s
        excess = ratio * ratio - 1.0
        target = np.maximum(nu + 0.5 * time_s * excess / fall, lowest)
        tangent = demand + work * (target - nu)[owner] * gradient  # above the root again: b is concave in nu
        nu = target
        demand = _cubic(tangent, bid, nu[owner] * work, 2)
        # Newton squares an error, so what is left is far below the last bit.
        is_done = is_open & (np.abs(excess) < _CLOSE)
        if np.count_nonzero(is_done) == 0:  # in tight loops much faster than any()
            continue
        is_done &= np.maximum.reduceat(tangent / demand, start) < 1.0 + _CLOSE
        count = np.count_nonzero(is_done)
        if count == 0:
            continue
        if count == len(whole.start):
            return demand, nu[owner]
        pair = is_done[owner]
        found[place[pair]], multiplier[rows[is_done]] = demand[pair], nu[is_done]
        is_open &= ~is_done
        left = np.count_nonzero(is_open)
        if left == 0:
            return found, multiplier[whole.owner]
        if 2 * left <= len(is_open) and len(demand) > _FEW:
            pair = is_open[owner]
            bid, place, rows = bid.kept(is_open), place[pair], rows[is_open]
            weight, demand = weight[pair], demand[pair]
            room_s, lowest, nu, is_open = room_s[is_open], lowest[is_open], nu[is_open], is_open[is_open]
    raise AssertionError("Newton on a concave increasing function cannot fail to arrive")


def _least_multiplier(bid: Bid, weight: FloatArray, room_s: FloatArray, alone: FloatArray) -> FloatArray:
    """Return a lower bound of the multiplier, per follower; it is the answer where there is only one leader."""
    start, owner = bid.start, bid.owner
    even = (np.add.reduceat(weight, start) / room_s)[owner]  # this demand at every pair would just do
    smallest = np.minimum.reduceat(even * even * (2.0 * bid.beta * even - bid.value) / bid.work, start)
    largest = np.maximum.reduceat(alone * alone * (2.0 * bid.beta * alone - bid.value) / bid.work, start)
    return np.maximum(np.maximum(smallest, largest), 0.0)


def _cubic(demand: FloatArray, bid: Bid, need: FloatArray, steps: int) -> FloatArray:
    """Return Newton's iterates for 2 beta b^3 - value b^2 = need; above the root, they fall to it.

    A start at or above value / 2 beta is where the cubic is convex and rising, so one step is enough to be above.
    """
    four, six, two = 4.0 * bid.beta, 6.0 * bid.beta, 2.0 * bid.value
    for _ in range(steps):
        square = demand * demand
        demand = ((four * demand - bid.value) * square + need) / (six * square - two * demand)
    return demand
