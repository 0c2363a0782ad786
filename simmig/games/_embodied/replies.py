"""A follower's best reply once more, for the certificate alone: Newton's method in units of time.

With u = 1 / b the time to send is linear, sum_j theta_j w_j u_j, and every pair solves the rising
A u / (1 + E u) + mu w u^2 = net, mu >= 0 the multiplier of the deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from simmig.contracts import BoolArray, FloatArray

_STEPS = 100  # of Newton's method: about 4 from near by, 10 from nothing, 40 at most
_FOUND = 1e-12  # last step in parts of u: what the next would change is rounding
_FALL, _RISE = 0.02, 50.0  # of a multiplier in one step
_NARROW, _WIDE = 0.2, 5.0  # of u in one step


@dataclass(frozen=True, slots=True)
class Pairs:
    """A, E, theta, w and the most that may be bought, [..., J]: worth / (b + room) is the worth of one more."""

    worth: FloatArray
    room: FloatArray
    theta: FloatArray
    work_s: FloatArray
    most: FloatArray


@dataclass(frozen=True, slots=True)
class Reply:
    """What followers buy, b [..., J], and the multipliers of their deadlines [...], 0 where these are slack."""

    bought: FloatArray
    multiplier: FloatArray


def best_reply(pairs: Pairs, net: FloatArray, left_s: FloatArray, start: Reply | None = None) -> Reply:
    """Return b [..., J] with worth / (b + room) + mu w / b^2 = net, mu >= 0 the least with which left_s is kept.

    A reply to nearly the same is a good start.
    """
    level = np.where(net > 0.0, net, 1.0)
    bought = np.where(net > 0.0, np.maximum(pairs.worth / level - pairs.room, 0.0), np.inf)
    bought = np.array(np.minimum(np.where(pairs.theta > 0.0, bought, 0.0), pairs.most))
    multiplier = np.zeros(left_s.shape)
    if not np.isfinite(left_s).any():
        return Reply(bought, multiplier)
    late = np.nonzero(np.isfinite(left_s) & (sending_s(pairs, bought) > left_s))
    if len(late[0]):
        own = Pairs(*(np.broadcast_to(getattr(pairs, f.name), bought.shape)[late] for f in fields(pairs)))
        first = Reply(bought[late], multiplier[late])
        if start is not None:
            first = Reply(start.bought[late], start.multiplier[late])
        bought[late], multiplier[late] = _in_time(own, net[late], np.maximum(left_s[late], 1e-300), first)
    return Reply(bought, multiplier)


def sending_s(pairs: Pairs, demand: FloatArray) -> FloatArray:
    """Return the expected time to send, [...]: inf where nothing is bought from some leader."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(pairs.theta > 0.0, pairs.theta * pairs.work_s / demand, 0.0).sum(axis=-1))


def _in_time(pairs: Pairs, net: FloatArray, left_s: FloatArray, start: Reply) -> tuple[FloatArray, FloatArray]:
    """Return b [R, J] with which the time left is just used, and the multipliers [R], all by one Newton's method."""
    is_sold = pairs.theta > 0.0
    with np.errstate(divide="ignore", over="ignore"):
        least = np.where(is_sold, 1.0 / pairs.most, 1.0)
        most = np.where(pairs.room < 0.0, -1.0 / pairs.room, np.inf)
    u, multiplier = _begun(pairs, net, left_s, start, most)
    u, time_s = np.maximum(u, least), pairs.theta * pairs.work_s
    for _ in range(_STEPS):
        last = u
        push, space = multiplier[:, None] * pairs.work_s, 1.0 + pairs.room * u
        excess = (pairs.worth / space + push * u) * u - net
        slope = pairs.worth / space**2 + 2.0 * push * u
        is_free = is_sold & ((u > least) | (excess < 0.0))
        slope = np.where(is_free, slope, np.inf)
        own, shift = excess / slope, pairs.work_s * u * u / slope
        late_s, rate = (time_s * (u - own)).sum(axis=1) - left_s, (time_s * shift).sum(axis=1)
        raised = multiplier + np.where(rate > 0.0, late_s / np.where(rate > 0.0, rate, 1.0), 0.0)
        raised = np.clip(raised, _FALL * multiplier, _RISE * multiplier)
        u = np.clip(u - own - shift * (raised - multiplier)[:, None], _NARROW * u, _WIDE * u)
        u = np.maximum(np.minimum(u, 0.5 * (last + most)), least)
        multiplier = raised
        if bool((np.abs(u - last) <= _FOUND * u).all()):
            break
    with np.errstate(divide="ignore"):
        return np.where(is_sold, 1.0 / u, 0.0), multiplier


def _begun(
    pairs: Pairs, net: FloatArray, left_s: FloatArray, start: Reply, most: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return u and multipliers to start from; without a start, those with which nothing but the deadline counts."""
    is_near: BoolArray = np.asarray((start.multiplier > 0.0) & np.isfinite(start.bought).all(axis=1))
    is_near &= ((start.bought > 0.0) | (pairs.theta <= 0.0)).all(axis=1)
    level = np.maximum(net, 1e-300)
    root = np.where(pairs.theta > 0.0, pairs.theta * np.sqrt(pairs.work_s * level), 0.0)
    multiplier = np.where(is_near, start.multiplier, (root.sum(axis=1) / left_s) ** 2)
    push = multiplier[:, None] * pairs.work_s
    u = np.minimum(2.0 * level / (pairs.worth + np.sqrt(pairs.worth**2 + 4.0 * push * level)), 0.5 * most)
    return np.where(is_near[:, None], 1.0 / np.where(start.bought > 0.0, start.bought, 1.0), u), multiplier
