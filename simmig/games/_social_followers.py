"""The followers' stage of the social game at given prices: replies, their equilibrium, and how it moves.

Follower i's conditions at leader j, from 002, equations (1), (6) and (9), after theta cancels:
alpha_i - 2 beta_i b_ij + s_ij - p_j + nu_i a_ij / b_ij^2 <= 0, with equality where b_ij > 0; s_ij is the social gain,
a_ij the work of the pair, and nu_i >= 0 the multiplier of sum_j theta_ij (a_ij / b_ij + delay_ij) <= K_i.
Multiplying follower i's utility by sum_l 1/p_l makes the stage a potential game, strictly concave when
2 diag(beta) - W is positive definite, so it has exactly one equilibrium, and replying in turn leads there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social_coupling import Late, Local, settle
from simmig.games._social_market import Copies, Market
from simmig.games._social_pairs import Pairs

_TINY = 1e-100  # keeps work / demand finite where nothing is bought
_FIRST_STEPS = 4
_NEWTON_ACCURACY = 1e-5  # of a Newton step that the next one improves on
_ROUNDS = 300  # replies contract; a Newton step makes it about five


@dataclass(frozen=True, slots=True)
class Reply:
    """What followers buy, pair by pair, the multiplier of their deadlines, and whose deadline binds."""

    demand: FloatArray
    nu: FloatArray  # [n] the same for all pairs of a follower, 0 where the deadline is slack
    late: IntArray  # positions in the list of pairs, follower after follower
    start: IntArray  # first of each late follower in `late`
    owner: IntArray


def respond(market: Market, price: FloatArray, theta: FloatArray, near: Reply | None = None) -> Reply:
    """Return the followers' equilibrium among themselves; `price[n]` and `theta[n]` are per pair.

    `near` is the reply to similar prices, to start from; the answer does not depend on it but in the last bits.
    """
    plain, part = market.plain, market.mixed
    none = plain.start[:0]
    free = plain.intercept - plain.slope * price
    near = near or Reply(np.maximum(free, 0.0), np.zeros_like(free), none, none, none)
    reply = _replies(plain, free, theta, near)
    if part is None:
        return reply
    origin = part.origin
    if float(free[origin].min()) > 0.0 and not bool(_is_late(part.pairs, free[origin], theta[origin]).any()):
        return reply  # everyone buys and nobody is late: demand is the straight line
    inner = respond_in_turn(part.pairs, price[origin], theta[origin], copied_reply(near, origin, part.pairs.owner))
    reply.demand[origin], reply.nu[origin] = inner.demand, inner.nu
    return Reply(
        reply.demand,
        reply.nu,
        np.concatenate([reply.late, origin[inner.late]]),
        np.concatenate([reply.start, inner.start + len(reply.late)]),
        np.concatenate([reply.owner, inner.owner + len(reply.start)]),
    )


def respond_in_turn(pairs: Pairs, price: FloatArray, theta: FloatArray, near: Reply) -> Reply:
    """Return the equilibrium among followers of whom any may have ties, a deadline, or no demand at these prices."""
    reply = near
    social = pairs.ties.gain(reply.demand)
    worst = np.inf
    for _ in range(_ROUNDS):
        reply = _replies(pairs, (pairs.alpha + social - price) * (0.5 / pairs.beta), theta, reply)
        if pairs.ties.weight.size == 0:
            return reply
        miss = pairs.ties.gain(reply.demand) - social
        size = float(np.abs(miss).max())
        if size <= 1e-13 * (1.0 + float(social.max())):
            return reply
        if size <= 0.5 * worst:
            local = derivative(pairs, reply, theta)
            rise = settle(pairs.ties, local, local.apply(miss), 1.0 / price, _NEWTON_ACCURACY)
            social = np.maximum(social + miss + pairs.ties.gain(rise), 0.0)
        else:  # Newton is not closing in: the followers' own replies always do
            social = social + miss
        worst = size
    raise AssertionError("the followers' replies contract, so they must have met")


def derivative(pairs: Pairs, reply: Reply, theta: FloatArray) -> Local:
    """Return how each follower's own reply moves with its marginal values."""
    ease = np.where(reply.demand > 0.0, 0.5 / pairs.beta, 0.0)
    if len(reply.late) == 0:
        return Local(ease, None)
    pair, demand = reply.late, reply.demand[reply.late]
    push = pairs.work[pair] / (demand * demand)
    ease[pair] = 0.5 / (pairs.beta[pair] + reply.nu[pair] * push / demand)
    drag = theta[pair] * push
    weight = np.add.reduceat(drag * push * ease[pair], reply.start)
    return Local(ease, Late(pair, reply.start, reply.owner, push, drag, weight))


def own_slopes(market: Market, price: FloatArray, theta: FloatArray, reply: Reply) -> FloatArray:
    """Return d b_ij / d p_j for every pair, followers replying to one another, other leaders' prices fixed."""
    pairs = market.pairs
    local = derivative(pairs, reply, theta)
    slope = np.where(reply.demand > 0.0, -pairs.slope, 0.0)
    if local.late is not None:
        late = local.late
        pair, ease = late.pair, local.ease[late.pair]
        need = _time_shift(pairs, reply, price, theta) + late.drag * ease
        slope[pair] = ease * (late.push * need / late.weight[late.owner] - 1.0)
    if market.movers is not None and not _is_straight(reply, market.movers.origin):
        own = market.movers.own
        slope[market.movers.origin[own]] = _mixed_slopes(market.movers, price, theta, reply)[own]
    return slope


def _is_straight(reply: Reply, pair: IntArray) -> bool:
    """Return whether all these pairs buy and none of them is late, so that demand keeps to its straight line."""
    return bool(reply.demand[pair].all()) and not bool(reply.nu[pair].any())


def _time_shift(pairs: Pairs, reply: Reply, price: FloatArray, theta: FloatArray) -> FloatArray:
    """Return d sum_l theta_il T_il / d p_j with the times T held, for the late pairs: theta_j (K - T_j) / p_j."""
    pair = reply.late
    time = pairs.work[pair] / reply.demand[pair] + pairs.delay_s[pair]
    mean = np.add.reduceat(theta[pair] * time, reply.start)[reply.owner]
    return theta[pair] * (mean - time) / price[pair]


def _mixed_slopes(copies: Copies, price: FloatArray, theta: FloatArray, reply: Reply) -> FloatArray:
    """Return how the demand of every copied pair moves with the price of the leader that moves in its copy."""
    origin, copied = copies.origin, copies.pairs
    same = copied_reply(reply, origin, copied.owner)
    local = derivative(copied, same, theta[origin])
    shift = None
    if local.late is not None:
        moved = np.where(copies.own[same.late], _time_shift(copied, same, price[origin], theta[origin]), 0.0)
        shift = np.add.reduceat(moved, same.start)
    first = local.apply(np.where(copies.own, -1.0, 0.0), shift)
    return settle(copied.ties, local, first, 1.0 / price[origin])


def copied_reply(reply: Reply, origin: IntArray, owner: IntArray) -> Reply:
    """Return the reply of copied pairs: `origin[m]` is where each came from, `owner[m]` its follower's number."""
    nu = reply.nu[origin]
    late = np.flatnonzero(nu > 0.0)
    return Reply(reply.demand[origin], nu, late, *_groups(owner[late]))


def _groups(label: IntArray) -> tuple[IntArray, IntArray]:
    """Return where each run of equal labels starts, and the number of the run of every element."""
    first = np.diff(label, prepend=-1) != 0
    return np.flatnonzero(first), np.cumsum(first) - 1


def _replies(pairs: Pairs, free: FloatArray, theta: FloatArray, near: Reply) -> Reply:
    """Return every follower's best purchase; `free[n]` is where the marginal value of more is 0, deadlines aside."""
    demand, nu, none = np.maximum(free, 0.0), np.zeros_like(free), pairs.start[:0]
    timed = pairs.timed
    is_late = _is_late(pairs, demand, theta)
    if not bool(is_late.any()):
        return Reply(demand, nu, none, none, none)
    is_theirs = is_late[timed.owner]
    late = timed.pair[is_theirs]
    start, owner = _groups(timed.owner[is_theirs])
    bid = _Bid(2.0 * pairs.beta[late] * free[late], pairs.beta[late], pairs.work[late], theta[late], start, owner)
    room_s = timed.deadline_s[is_late] - np.add.reduceat(bid.theta * pairs.delay_s[late], start)
    demand[late], nu[late] = _meet_deadlines(bid, room_s, near.demand[late], near.nu[late][start])
    return Reply(demand, nu, late, start, owner)


def _is_late(pairs: Pairs, demand: FloatArray, theta: FloatArray) -> BoolArray:
    """Return who in `pairs.timed` misses the deadline."""
    pair = pairs.timed.pair
    if len(pair) == 0:
        return np.zeros(0, bool)
    mean_s = theta[pair] * (pairs.work[pair] / np.maximum(demand[pair], _TINY) + pairs.delay_s[pair])
    return np.asarray(np.add.reduceat(mean_s, pairs.timed.start) > pairs.timed.deadline_s)


@dataclass(frozen=True, slots=True)
class _Bid:
    """The pairs of the late followers, group after group: theirs is max theta (value b - beta b^2), pair by pair."""

    value: FloatArray
    beta: FloatArray
    work: FloatArray
    theta: FloatArray
    start: IntArray
    owner: IntArray


def _meet_deadlines(bid: _Bid, room_s: FloatArray, demand: FloatArray, nu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return demand b and multiplier nu with 2 beta b^3 - value b^2 = nu work and sum(theta work / b) = room.

    Newton on f(nu) = (sum theta work / b(nu))^-2: b(nu)^2 is concave (its inverse is 2 beta z^1.5 - value z, convex),
    and f is a power mean of order -1/2 of them, so f is concave and increasing: from any start the second iterate is
    below the root and the rest climb to it without overshooting. `demand` and `nu` are the start.
    """
    start, owner, work = bid.start, bid.owner, bid.work
    weight = bid.theta * work
    alone = weight / room_s[owner]  # less than this at one pair breaks the deadline by itself
    lowest = _least_multiplier(bid, weight, room_s, alone)
    nu = np.maximum(nu, lowest)
    demand = np.maximum(np.maximum(demand, alone), bid.value * (0.5 / bid.beta))
    demand = _cubic(demand, bid, nu[owner] * work, _FIRST_STEPS)
    for _ in range(_ROUNDS):
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
        if max(float(np.abs(excess).max()), float((tangent / demand).max()) - 1.0) < 1e-8:
            return demand, nu[owner]
    raise AssertionError("Newton on a concave increasing function cannot fail to arrive")


def _least_multiplier(bid: _Bid, weight: FloatArray, room_s: FloatArray, alone: FloatArray) -> FloatArray:
    """Return a lower bound of the multiplier, per follower; it is the answer where there is only one leader."""
    start, owner = bid.start, bid.owner
    even = (np.add.reduceat(weight, start) / room_s)[owner]  # this demand at every pair would just do
    smallest = np.minimum.reduceat(even * even * (2.0 * bid.beta * even - bid.value) / bid.work, start)
    largest = np.maximum.reduceat(alone * alone * (2.0 * bid.beta * alone - bid.value) / bid.work, start)
    return np.maximum(np.maximum(smallest, largest), 0.0)


def _cubic(demand: FloatArray, bid: _Bid, need: FloatArray, steps: int) -> FloatArray:
    """Return Newton's iterates for 2 beta b^3 - value b^2 = need; above the root, they fall to it.

    A start at or above value / 2 beta is where the cubic is convex and rising, so one step is enough to be above.
    """
    four, six, two = 4.0 * bid.beta, 6.0 * bid.beta, 2.0 * bid.value
    for _ in range(steps):
        square = demand * demand
        demand = ((four * demand - bid.value) * square + need) / (six * square - two * demand)
    return demand
