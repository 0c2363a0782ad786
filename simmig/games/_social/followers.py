"""The followers' stage of the social game at given prices: replies, their equilibrium, and how it moves.

Follower i's conditions at leader j, from 002, equations (1), (6) and (9), after theta cancels:
alpha_i - 2 beta_i b_ij + s_ij - p_j + nu_i a_ij / b_ij^2 <= 0, with equality where b_ij > 0; s_ij is the social gain,
a_ij the work of the pair, and nu_i >= 0 the multiplier of sum_j theta_ij (a_ij / b_ij + delay_ij) <= K_i.
Multiplying follower i's utility by sum_l 1/p_l makes the stage a potential game, strictly concave when
2 diag(beta) - W is positive definite, so it has exactly one equilibrium, and replying in turn leads there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.copies import are_few, kept_parts
from simmig.games._social.coupling import Late, Local, settle
from simmig.games._social.deadlines import Bid, meet_deadlines
from simmig.games._social.market import Market
from simmig.games._social.pairs import Pairs, groups

_TINY = 1e-100  # keeps work / demand finite where nothing is bought
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


def respond(
    market: Market,
    price: FloatArray,
    theta: FloatArray,
    near: Reply | None = None,
    shadow_price: FloatArray | None = None,
) -> Reply:
    """Return the followers' equilibrium among themselves; `price[n]` and `theta[n]` are per pair.

    `near` is the reply to similar prices, to start from; the answer does not depend on it but in the last bits. Where
    capacities bind, a unit counts as if it cost `shadow_price[n]` more.
    """
    plain, part = market.plain, market.mixed
    none = plain.start[:0]
    felt = price if shadow_price is None else price + shadow_price
    free = plain.intercept - plain.slope * felt
    near = near or Reply(np.maximum(free, 0.0), np.zeros_like(free), none, none, none)
    reply = _replies(plain, free, theta, near)
    if part is None:
        return reply
    bent = bent_parts(part.pairs, free[part.origin], theta[part.origin])
    if not bool(bent.any()):
        return reply  # everyone buys and nobody is late: demand is the straight line
    some = part.kept(bent) if are_few(bent) else part
    origin = some.origin
    near = copied_reply(near, origin, some.pairs.owner)
    inner = respond_in_turn(some.pairs, price[origin], theta[origin], near, felt[origin])
    is_bent = slice(None) if some is not part else bent[part.pairs.parts.owner]  # the others keep to their line
    reply.demand[origin[is_bent]], reply.nu[origin[is_bent]] = inner.demand[is_bent], inner.nu[is_bent]
    return Reply(
        reply.demand,
        reply.nu,
        np.concatenate([reply.late, origin[inner.late]]),
        np.concatenate([reply.start, inner.start + len(reply.late)]),
        np.concatenate([reply.owner, inner.owner + len(reply.start)]),
    )


def bent_parts(pairs: Pairs, free: FloatArray, theta: FloatArray) -> BoolArray:
    """Return the parts in which someone does not buy somewhere, or is late, if demand is `free[n]`."""
    bent: BoolArray = np.minimum.reduceat(free, pairs.parts.start) <= 0.0
    late = pairs.timed.pair[pairs.timed.start[_is_late(pairs, free, theta)]]
    bent[pairs.parts.owner[late]] = True
    return bent


def respond_in_turn(
    pairs: Pairs, price: FloatArray, theta: FloatArray, near: Reply, felt: FloatArray | None = None
) -> Reply:
    """Return the equilibrium among followers of whom any may have ties, a deadline, or no demand at these prices.

    `felt[n]`, if given, are the prices with the shadow prices of capacities.
    """
    felt = price if felt is None else felt
    if pairs.ties.weight.size == 0:
        return _replies(pairs, (pairs.alpha - felt) * (0.5 / pairs.beta), theta, near)
    now = _Turn(pairs, price, theta, felt, pairs.ties.gain(near.demand), np.full(len(pairs.parts.start), np.inf))
    demand, nu, place = np.empty_like(price), np.empty_like(price), np.arange(len(price))
    reply, is_open = near, np.ones(len(now.worst), bool)
    for _ in range(_ROUNDS):
        reply = now.replies(reply)
        parts = now.pairs.parts
        miss = now.pairs.ties.gain(reply.demand) - now.social
        size = parts.largest(np.abs(miss))
        is_done = is_open & (size <= 1e-13 * (1.0 + parts.largest(now.social)))
        count = np.count_nonzero(is_done)
        if count == len(now.worst) and now.pairs is pairs:
            return reply
        if count:
            pair = np.flatnonzero(is_done[parts.owner])
            demand[place[pair]], nu[place[pair]] = reply.demand[pair], reply.nu[pair]
            is_open &= ~is_done
            if np.count_nonzero(is_open) == 0:
                late = np.flatnonzero(nu > 0.0)
                return Reply(demand, nu, late, *groups(pairs.owner[late]))
        now = now.next(reply, miss, size)
        if 2 * np.count_nonzero(is_open) <= len(is_open):
            now, pair = now.kept(is_open)
            reply, place = copied_reply(reply, pair, now.pairs.owner), place[pair]
            is_open = is_open[is_open]
    raise AssertionError("the followers' replies contract, so they must have met")


@dataclass(frozen=True, slots=True)
class _Turn:
    """Followers who have yet to answer one another, the social gain they take for given, and how wrong it last was."""

    pairs: Pairs
    price: FloatArray
    theta: FloatArray
    felt: FloatArray
    social: FloatArray
    worst: FloatArray  # per part

    def replies(self, near: Reply) -> Reply:
        pairs = self.pairs
        return _replies(pairs, (pairs.alpha + self.social - self.felt) * (0.5 / pairs.beta), self.theta, near)

    def kept(self, chosen: BoolArray) -> tuple[_Turn, IntArray]:
        """Return the turn of the parts `chosen`, and where their pairs stood."""
        pairs, pair = kept_parts(self.pairs, chosen)
        price, theta, felt, social = (table[pair] for table in (self.price, self.theta, self.felt, self.social))
        return _Turn(pairs, price, theta, felt, social, self.worst[chosen]), pair

    def next(self, reply: Reply, miss: FloatArray, size: FloatArray) -> _Turn:
        """Return the next turn, the social gain being wrong by `miss[n]`, at most by `size` in each part."""
        pairs, social, is_closing = self.pairs, self.social + miss, size <= 0.5 * self.worst
        if bool(is_closing.any()):
            local = derivative(pairs, reply, self.theta)
            rise = settle(*(pairs.ties, local, local.apply(miss), 1.0 / self.price), _NEWTON_ACCURACY, pairs.parts)
            better = np.maximum(social + pairs.ties.gain(rise), 0.0)
            # Where Newton is not closing in, the followers' own replies always do.
            social = np.where(pairs.parts.spread(is_closing), better, social)
        return replace(self, social=social, worst=size)


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


def copied_reply(reply: Reply, origin: IntArray, owner: IntArray) -> Reply:
    """Return the reply of copied pairs: `origin[m]` is where each came from, `owner[m]` its follower's number."""
    nu = reply.nu[origin]
    late = np.flatnonzero(nu > 0.0)
    return Reply(reply.demand[origin], nu, late, *groups(owner[late]))


def _replies(pairs: Pairs, free: FloatArray, theta: FloatArray, near: Reply) -> Reply:
    """Return every follower's best purchase; `free[n]` is where the marginal value of more is 0, deadlines aside."""
    demand, nu, none = np.maximum(free, 0.0), np.zeros_like(free), pairs.start[:0]
    timed = pairs.timed
    is_late = _is_late(pairs, demand, theta)
    if not bool(is_late.any()):
        return Reply(demand, nu, none, none, none)
    is_theirs = is_late[timed.owner]
    late = timed.pair[is_theirs]
    start, owner = groups(timed.owner[is_theirs])
    bid = Bid(2.0 * pairs.beta[late] * free[late], pairs.beta[late], pairs.work[late], theta[late], start, owner)
    room_s = timed.deadline_s[is_late] - np.add.reduceat(bid.theta * pairs.delay_s[late], start)
    demand[late], nu[late] = meet_deadlines(bid, room_s, near.demand[late], near.nu[late][start])
    return Reply(demand, nu, late, start, owner)


def _is_late(pairs: Pairs, demand: FloatArray, theta: FloatArray) -> BoolArray:
    """Return who in `pairs.timed` misses the deadline."""
    pair = pairs.timed.pair
    if len(pair) == 0:
        return np.zeros(0, bool)
    mean_s = theta[pair] * (pairs.work[pair] / np.maximum(demand[pair], _TINY) + pairs.delay_s[pair])
    return np.asarray(np.add.reduceat(mean_s, pairs.timed.start) > pairs.timed.deadline_s)
