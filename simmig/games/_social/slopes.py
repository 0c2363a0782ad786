"""How the followers' equilibrium of the social game moves with prices and with shadow prices."""

from __future__ import annotations

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.games._social.copies import Copies, are_few
from simmig.games._social.coupling import settle
from simmig.games._social.followers import Reply, copied_reply, derivative
from simmig.games._social.market import Market
from simmig.games._social.pairs import Pairs


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
    if market.mixed is None:
        return slope
    bent = _bends(market.mixed, reply)
    if bool(bent.any()):
        # All movers are kept for the next time; a few are made anew.
        few = market.movers_of(np.flatnonzero(bent)) if are_few(bent[market.mixed.origin]) else None
        movers = few or market.movers
        assert movers is not None
        own = movers.own & bent[movers.origin]
        slope[movers.origin[own]] = price_slopes(movers, price, theta, reply)[own]
    return slope


def _bends(mixed: Copies, reply: Reply) -> BoolArray:
    """Return, for every pair of the market, if in its mixed component someone does not buy somewhere or is late."""
    origin, parts = mixed.origin, mixed.pairs.parts
    is_off = (reply.demand[origin] <= 0.0) | (reply.nu[origin] > 0.0)
    bends = np.zeros(len(reply.demand), bool)
    bends[origin] = np.logical_or.reduceat(is_off, parts.start)[parts.owner]
    return bends


def _time_shift(pairs: Pairs, reply: Reply, price: FloatArray, theta: FloatArray) -> FloatArray:
    """Return d sum_l theta_il T_il / d p_j with the times T held, for the late pairs: theta_j (K - T_j) / p_j."""
    pair = reply.late
    time = pairs.work[pair] / reply.demand[pair] + pairs.delay_s[pair]
    mean = np.add.reduceat(theta[pair] * time, reply.start)[reply.owner]
    return theta[pair] * (mean - time) / price[pair]


def price_slopes(copies: Copies, price: FloatArray, theta: FloatArray, reply: Reply) -> FloatArray:
    """Return how the demand of every copied pair moves with the price of the leader that moves in its copy.

    `price[n]` and `theta[n]` are those of the original pairs.
    """
    origin, copied = copies.origin, copies.pairs
    same = copied_reply(reply, origin, copied.owner)
    local = derivative(copied, same, theta[origin])
    shift = None
    if local.late is not None:
        moved = np.where(copies.own[same.late], _time_shift(copied, same, price[origin], theta[origin]), 0.0)
        shift = np.add.reduceat(moved, same.start)
    first = local.apply(np.where(copies.own, -1.0, 0.0), shift)
    return settle(copied.ties, local, first, 1.0 / price[origin], parts=copied.parts)


def shadow_slopes(copies: Copies, price: FloatArray, theta: FloatArray, reply: Reply) -> FloatArray:
    """Return how the demand of every copied pair moves with the shadow price of its copy's leader.

    `price[n]` and `theta[n]` are those of the original pairs; the posted prices, so the pairing, stay.
    """
    origin, copied = copies.origin, copies.pairs
    local = derivative(copied, copied_reply(reply, origin, copied.owner), theta[origin])
    first = local.apply(np.where(copies.own, -1.0, 0.0))
    return settle(copied.ties, local, first, 1.0 / price[origin], parts=copied.parts)
