"""Shadow prices with which demand fits the capacities, for the certificate alone: chords, and Newton with deadlines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.games._embodied.replies import Pairs, Reply, best_reply, sending_s

_HALVINGS = 100  # of a bracket at most, chords between
_STEPS = 40  # of Newton's method
_FOUND = 1e-13  # relative
_SOLD_OUT = 1e-9  # relative
_RIDGE = 1e-12  # relative: limits that clash make the system singular
_DEAREST = 1e9  # a shadow price with which nobody can be served in time


@dataclass(frozen=True, slots=True)
class Damped:
    """Followers who want worth / (b + room) - damping (b - bought) = net, all [S, G, L, C]."""

    pairs: Pairs
    net: FloatArray
    damping: FloatArray
    bought: FloatArray

    def wanted(self, shadow: FloatArray) -> FloatArray:
        """Return b at shadow prices [S, G, C]."""
        pairs, damping = self.pairs, self.damping
        level = self.net + shadow[:, :, None] - damping * (self.bought + pairs.room)
        root = np.sqrt(level**2 + 4.0 * damping * pairs.worth)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.where(level > 0.0, 2.0 * pairs.worth / (level + root), (root - level) / (2.0 * damping))
        demand = np.where(pairs.theta > 0.0, np.maximum(inside - pairs.room, 0.0), 0.0)
        return np.where(np.isnan(demand), np.inf, demand)


def rationed(damped: Damped, capacity: FloatArray) -> FloatArray:
    """Return the demand at the shadow prices with which it fits: each moves the sales of its own leader only."""
    pairs, is_finite = damped.pairs, np.isfinite(capacity)

    def excess(shadow: FloatArray) -> FloatArray:
        return np.where(is_finite, damped.wanted(shadow).sum(axis=2) - np.where(is_finite, capacity, 0.0), -1.0)

    most = 1.0 + np.abs(damped.net).max(axis=(2, 3)) + (damped.damping * (1.0 + damped.bought)).max(axis=(2, 3))
    most = most + (pairs.worth / np.maximum(pairs.room, 1e-3)).max(axis=(2, 3))
    none = np.zeros((*damped.net.shape[:2], damped.net.shape[3]))
    over = excess(none) > 0.0
    found = _crossing(lambda s: excess(np.where(over, s, 0.0)), none, none + most[:, :, None], over)
    return damped.wanted(np.where(over, found, 0.0))


def rationed_in_time(
    pairs: Pairs, net: FloatArray, left_s: FloatArray, capacity: FloatArray, start: FloatArray, reply: Reply
) -> tuple[Reply, FloatArray]:
    """Return demand [S, G, L, C] and shadow prices [S, G, C] with which it fits, deadlines kept; NaN if not found.

    Newton's method from `start` and a `reply` near by: a shadow price makes those with a deadline buy more elsewhere.
    """
    room = np.where(np.isfinite(capacity), capacity, 0.0)[:, :, None] + pairs.room
    # A shadow price at which one follower alone would fill a leader is too low.
    alone = np.where((pairs.theta > 0.0) & np.isfinite(capacity)[:, :, None], pairs.worth / room - net, 0.0)
    least = np.maximum(alone.max(axis=2), 0.0)
    shadow, columns = np.maximum(start, least), np.arange(net.shape[3])
    for _ in range(_STEPS):
        level = net + shadow[:, :, None]
        reply = best_reply(pairs, level, left_s, reply)
        bought = reply.bought
        is_bought = (bought > 0.0) & np.isfinite(bought)
        b = np.where(is_bought, bought, 1.0)
        worth = np.where(is_bought, pairs.worth / (b + pairs.room), 0.0)
        is_late = np.isfinite(left_s) & (sending_s(pairs, bought) >= left_s * (1.0 - 1e-9))
        push = np.where(is_bought & is_late[..., None], np.maximum(level - worth, 0.0), 0.0)
        fall = np.where(is_bought, 1.0 / (worth / (b + pairs.room) + 2.0 * push / b), 0.0)
        rate = np.where(is_late[..., None] & is_bought, pairs.work_s / b**2, 0.0)
        faster = pairs.theta * rate * fall
        share = faster / np.maximum((faster * rate).sum(axis=3, keepdims=True), 1e-300)
        over = np.where(np.isfinite(capacity), bought.sum(axis=2) - capacity, -1.0)
        is_full = (shadow > least) | (over > 0.0)
        matrix = -np.einsum("sgic,sgid->sgcd", fall * rate, share)
        matrix[..., columns, columns] += fall.sum(axis=2)
        matrix = np.where(is_full[..., None], matrix, 0.0)
        matrix[..., columns, columns] = np.where(is_full, matrix[..., columns, columns], 1.0)
        matrix[..., columns, columns] = np.maximum(matrix[..., columns, columns], 1e-9) * (1.0 + _RIDGE)
        step = np.linalg.solve(matrix, np.where(is_full & np.isfinite(over), over, 0.0)[..., None])[..., 0]
        after = np.clip(shadow + step, least, least + _DEAREST)
        moved, shadow = np.abs(after - shadow) > _FOUND * (1.0 + shadow), after
        if not moved.any():
            break
    reply = best_reply(pairs, net + shadow[:, :, None], left_s, reply)
    bought = reply.bought
    sold = bought.sum(axis=2)
    # Where limits nearly clash shadow prices are known to few digits, and what is sold to many.
    is_sold_out = (shadow > least) & (sold >= capacity * (1.0 - _SOLD_OUT))
    is_found = ((~moved | is_sold_out) & ~(sold > capacity * (1.0 + _SOLD_OUT))).all(axis=2)
    kept = Reply(np.where(is_found[:, :, None, None], bought, np.nan), reply.multiplier)
    return kept, np.where(is_found[:, :, None], shadow, 0.0)


def _crossing(
    excess: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray, is_sought: BoolArray
) -> FloatArray:
    """Return where falling functions cross 0, from above, between low and high: chords, and halves in turn."""
    at_low, at_high = excess(low), excess(high)
    for count in range(_HALVINGS):
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            chord = high - at_high * (high - low) / (at_high - at_low)
        inside = np.isfinite(chord) & (chord > low) & (chord < high) & (count % 4 != 3)
        middle = np.where(inside, chord, 0.5 * (low + high))
        found = excess(middle)
        is_above = found > 0.0
        at_high = np.where(is_above, 0.5 * at_high, found)
        at_low = np.where(is_above, found, 0.5 * at_low)
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
        is_found = (high - low <= 4e-16 * np.abs(high)) | (found == 0.0)
        if bool((is_found | ~is_sought).all()):
            break
    return high
