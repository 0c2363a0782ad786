"""A follower's best reply once more, for the certificate alone: cubics solved from above, deadlines by bracket."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from simmig.contracts import FloatArray

_ROOTS = 60  # steps of Newton's method from above
_HALVINGS = 100  # of a bracket at most, Newton's steps between
_LOG = 1e-12  # last step of a logarithm: what Newton's next would change is rounding


@dataclass(frozen=True, slots=True)
class Pairs:
    """A, E, theta, w and the most that may be bought, [..., J]: worth / (b + room) is the worth of one more."""

    worth: FloatArray
    room: FloatArray
    theta: FloatArray
    work_s: FloatArray
    most: FloatArray


def best_reply(pairs: Pairs, net: FloatArray, left_s: FloatArray) -> FloatArray:
    """Return b [..., J] with worth / (b + room) + mu w / b^2 = net, mu >= 0 the least with which left_s is kept."""
    bought = _bought(pairs, net, np.zeros(left_s.shape))
    if not np.isfinite(left_s).any():
        return bought

    late = np.nonzero(np.isfinite(left_s) & (sending_s(pairs, bought) > left_s))
    if len(late[0]):
        own = Pairs(*(np.broadcast_to(getattr(pairs, f.name), bought.shape)[late] for f in fields(pairs)))
        bought[late] = _in_time(own, net[late], np.maximum(left_s[late], 1e-300))
    return bought


def sending_s(pairs: Pairs, demand: FloatArray) -> FloatArray:
    """Return the expected time to send, [...]: inf where nothing is bought from some leader."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(pairs.theta > 0.0, pairs.theta * pairs.work_s / demand, 0.0).sum(axis=-1))


def _in_time(pairs: Pairs, net: FloatArray, left_s: FloatArray) -> FloatArray:
    """Return b [R, J] with which the time left is just used, by Newton's method on logarithms in a bracket."""
    low, high, log = np.full(left_s.shape, -60.0), np.full(left_s.shape, 60.0), np.zeros(left_s.shape)
    for _ in range(_HALVINGS):
        push = np.exp(log)[:, None] * pairs.work_s
        bought = _bought(pairs, net, np.exp(log))
        sending = sending_s(pairs, bought)
        excess = np.log(sending) - np.log(left_s)
        low, high = np.where(excess > 0.0, log, low), np.where(excess > 0.0, high, log)
        is_free = (pairs.theta > 0.0) & (bought < pairs.most) & np.isfinite(bought)
        b = np.where(is_free, bought, 1.0)
        growth = push / b**3 / (pairs.worth / (b + pairs.room) ** 2 + 2.0 * push / b**3)  # of ln b by ln mu
        with np.errstate(divide="ignore", invalid="ignore"):
            after = log + excess * sending / np.where(is_free, pairs.theta * pairs.work_s * growth / b, 0.0).sum(axis=1)
        after = np.where((after > low - _LOG) & (after < high + _LOG), after, 0.5 * (low + high))
        is_found = (np.abs(after - log) <= _LOG) | (excess == 0.0)
        log = np.where(excess == 0.0, log, after)
        if is_found.all():
            break
    return _bought(pairs, net, np.exp(log))


def _bought(pairs: Pairs, net: FloatArray, multiplier: FloatArray) -> FloatArray:
    """Return b at a multiplier [...] of the deadline: the root of net b^2 (b + E) - A b^2 - mu w (b + E)."""
    level = np.where(net > 0.0, net, 1.0)
    b = np.maximum(pairs.worth / level - pairs.room, 0.0)
    if multiplier.any():
        b = _pushed(pairs, level, multiplier[..., None] * pairs.work_s, b)
    endless = np.where(net > 0.0, b, np.inf)
    return np.array(np.minimum(np.where(pairs.theta > 0.0, endless, 0.0), pairs.most))


def _pushed(pairs: Pairs, level: FloatArray, push: FloatArray, free: FloatArray) -> FloatArray:
    """Return the largest root, by Newton's method from above; `free` where nothing pushes."""
    b = np.maximum(pairs.worth / (0.5 * level) - pairs.room, 0.0) + np.sqrt(2.0 * push / level)
    b = np.where(push > 0.0, b, free)
    for _ in range(_ROOTS):
        value = level * b**2 * (b + pairs.room) - pairs.worth * b**2 - push * (b + pairs.room)
        slope = level * (3.0 * b**2 + 2.0 * b * pairs.room) - 2.0 * pairs.worth * b - push
        step = np.where((push > 0.0) & (slope > 0.0), value / np.where(slope > 0.0, slope, 1.0), 0.0)
        b = b - step
        if bool((np.abs(step) <= 1e-12 * b).all()):
            break
    return b
