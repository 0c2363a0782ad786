"""The followers' stage once more, for the certificate alone: damped steps, chords, and cubics solved from above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.games._embodied_check import room

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame

_ROOTS = 60  # steps of Newton's method from above
_HALVINGS = 100  # of a bracket at most, chords between
_SETTLED = 1e-13
_TURNS = 30
_STEPS = 3000
_LARGEST = 1e9
_PLAIN = 40  # steps before the first extrapolation


@dataclass(frozen=True, slots=True)
class Pairs:
    """A, E, theta, w and the most that may be bought, all [..., J]: worth / (b + room) is the worth of one more."""

    worth: FloatArray
    room: FloatArray
    theta: FloatArray
    work_s: FloatArray
    most: FloatArray


def best_reply(pairs: Pairs, net: FloatArray, left_s: FloatArray) -> FloatArray:
    """Return b [..., J] with worth / (b + room) + mu w / b^2 = net, mu >= 0 the least with which left_s is kept."""
    bought = _bought(pairs, net, np.zeros(left_s.shape))

    def lateness(demand: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            sending = np.where(pairs.theta > 0.0, pairs.theta * pairs.work_s / demand, 0.0).sum(axis=-1)
            target = np.where(np.isfinite(left_s) & (left_s > 0.0), left_s, 1e-300)
            return np.where(np.isfinite(left_s), np.log(sending / target), -1.0)

    is_late = lateness(bought) > 0.0
    if not is_late.any():
        return bought

    def at(log: FloatArray) -> FloatArray:
        return _bought(pairs, net, np.where(is_late, np.exp(log), 0.0))

    ends = np.full(left_s.shape, -60.0), np.full(left_s.shape, 60.0)
    return at(_crossing(lambda log: lateness(at(log)), *ends, is_late))


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


def _bought(pairs: Pairs, net: FloatArray, multiplier: FloatArray) -> FloatArray:
    """Return b at a multiplier [...] of the deadline: the root of net b^2 (b + E) - A b^2 - mu w (b + E)."""
    push = multiplier[..., None] * pairs.work_s
    level = np.where(net > 0.0, net, 1.0)
    free = np.maximum(pairs.worth / level - pairs.room, 0.0)
    b = np.maximum(pairs.worth / (0.5 * level) - pairs.room, 0.0) + np.sqrt(2.0 * push / level)
    b = np.where(push > 0.0, b, free)
    for _ in range(_ROOTS if push.any() else 0):
        value = level * b**2 * (b + pairs.room) - pairs.worth * b**2 - push * (b + pairs.room)
        slope = level * (3.0 * b**2 + 2.0 * b * pairs.room) - 2.0 * pairs.worth * b - push
        step = np.where((push > 0.0) & (slope > 0.0), value / np.where(slope > 0.0, slope, 1.0), 0.0)
        b = b - step
        if bool((np.abs(step) <= 1e-15 * b).all()):
            break
    endless = np.where(net > 0.0, b, np.inf)
    return np.minimum(np.where(pairs.theta > 0.0, endless, 0.0), pairs.most)


def answer(game: EmbodiedGame, price: FloatArray, columns: BoolArray, gift: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the followers' demand[R, I, J'] at prices [R, J], and where there is one, at the chosen columns only."""
    stage = _Stage(game, price, columns, gift)
    rows = np.arange(len(price))
    bought = np.zeros((len(price), len(game.delta), int(columns.sum())))
    has_answer = np.zeros(len(price), dtype=bool)
    # The answer without capacities is the one wherever it fits.
    stage.settle(rows, bought, has_answer, capped=False)
    fits = has_answer & (bought.sum(axis=1) <= game.capacity[columns]).all(axis=1)
    again = rows[~fits] if np.isfinite(game.capacity[columns]).any() else rows[:0]
    if len(again):
        bought[again], has_answer[again] = 0.0, False
        stage.settle(again, bought, has_answer, capped=True)
    return bought, has_answer


class _Stage:
    """The stage at prices [R, J], seen at some columns."""

    def __init__(self, game: EmbodiedGame, price: FloatArray, columns: BoolArray, gift: FloatArray) -> None:
        self.game, self.columns = game, columns
        theta = game.pairing(price)
        self.is_held = game.leader_model == "myopic"
        self.price, self.theta, self.gift = price[:, columns], theta[:, :, columns], gift[:, columns]
        delay = np.where(game.eligible, theta * game.delay_s, 0.0).sum(axis=2)
        self.left_s = np.where(game.eligible.any(axis=1), game.deadline_s, np.inf) - delay
        self.room = np.broadcast_to(room(game.delay_cost)[:, None], self.theta.shape[1:])
        self.is_open, self.work_s = game.eligible[:, columns], game.work_s[:, columns]
        self.complement = game.complement[np.ix_(columns, columns)]
        self.capacity = game.capacity[columns]

    def settle(self, rows: np.ndarray, bought: FloatArray, has_answer: BoolArray, capped: bool) -> None:
        """Fill in what rows settle at, from nothing, with vector extrapolation (Irons and Tuck 1969) on the way."""
        x, last = bought[rows], np.full_like(bought[rows], np.nan)
        for count in range(_STEPS):
            value = self._step(rows, x, capped)
            with np.errstate(invalid="ignore"):
                step = value - x
                is_done = (np.abs(step) <= _SETTLED * (1.0 + np.abs(value).max(axis=(1, 2), keepdims=True))).all((1, 2))
            is_lost = ~(np.abs(value).max(axis=(1, 2)) < _LARGEST)
            is_done &= ~is_lost
            bought[rows[is_done]], has_answer[rows[is_done]] = value[is_done], True
            with np.errstate(invalid="ignore", divide="ignore"):
                bend = step - last
                ratio = -(last * bend).sum(axis=(1, 2)) / (bend**2).sum(axis=(1, 2))
                ahead = value + np.where(ratio > 1.0, ratio - 1.0, 0.0)[:, None, None] * step
            is_ahead = (count >= _PLAIN) & (count % 4 == 3) & np.isfinite(ahead).all(axis=(1, 2)) & (ratio < 1e3)
            x, last = np.where(is_ahead[:, None, None], np.maximum(ahead, 0.0), value), step
            last[is_ahead] = np.nan
            kept = ~(is_done | is_lost)
            rows, x, last = rows[kept], x[kept], last[kept]
            if not len(rows):
                return

    def _step(self, rows: np.ndarray, bought: FloatArray, capped: bool) -> FloatArray:
        """Return what followers want when the gains from purchases are those at `bought`."""
        game, theta, price = self.game, self.theta[rows], self.price[rows][:, None, :]
        weight = np.where(theta > 0.0, theta, 1.0)
        gain = self.gift + (0.0 if self.is_held else self._gain(bought, weight))
        damping = np.zeros_like(bought)
        if capped:
            damping = 0.0 * gain if self.is_held else self._gain(np.ones_like(bought), weight)
            damping = np.where(np.isfinite(self.capacity), damping, 0.0)
        worth = np.broadcast_to(game.delta[:, None], bought.shape)
        if game.effects == "multiplicative":
            worth, gain = worth * (1.0 + gain), 0.0
            damping = damping * game.delta[:, None] / np.maximum(bought + self.room, 1e-9)
        # Damping by a tangent: one more unit is worth less by `damping` for every unit bought above the last point.
        net = price - gain
        pairs = Pairs(
            worth, np.broadcast_to(self.room, bought.shape), theta, self.work_s, np.full(bought.shape, np.inf)
        )
        if not capped:
            return best_reply(pairs, net, self.left_s[rows])
        return self._rationed(pairs, net, bought, damping, self.left_s[rows])

    def _gain(self, bought: FloatArray, weight: FloatArray) -> FloatArray:
        gain = np.einsum("ik,rkj->rij", self.game.ties, bought) + np.einsum("rij,jk->rik", bought, self.complement)
        if self.game.effects == "additive" and self.complement.any():
            gain = gain + np.einsum("rij,jk->rik", bought * weight, self.complement) / weight
        return np.where(self.is_open, gain, 0.0)

    def _rationed(
        self, pairs: Pairs, net: FloatArray, bought: FloatArray, damping: FloatArray, left_s: FloatArray
    ) -> FloatArray:
        """Return the demand at the shadow prices with which it fits, the others' found with it."""
        shadow = np.zeros((len(net), net.shape[2]))
        is_finite = np.isfinite(self.capacity)

        def wanted(s: FloatArray) -> FloatArray:
            if np.isfinite(left_s).any():
                return best_reply(pairs, net + s[:, None, :], left_s)
            level = net + s[:, None, :] - damping * (bought + pairs.room)
            root = np.sqrt(level**2 + 4.0 * damping * pairs.worth)
            with np.errstate(divide="ignore", invalid="ignore"):
                inside = np.where(level > 0.0, 2.0 * pairs.worth / (level + root), (root - level) / (2.0 * damping))
            demand = np.where(pairs.theta > 0.0, np.maximum(inside - pairs.room, 0.0), 0.0)
            return np.where(np.isnan(demand), np.inf, demand)

        def excess(s: FloatArray) -> FloatArray:
            return np.where(is_finite, wanted(s).sum(axis=1) - np.where(is_finite, self.capacity, 0.0), -1.0)

        most = 1.0 + np.abs(net).max(axis=(1, 2)) + (damping * (1.0 + bought)).max(axis=(1, 2))
        most = most + (pairs.worth / np.maximum(pairs.room, 1e-3)).max(axis=(1, 2))
        high = np.repeat(most[:, None], shadow.shape[1], axis=1)
        # Without deadlines a shadow price moves its own leader's sales only; with them they are found in turns.
        columns = np.eye(shadow.shape[1], dtype=bool) if np.isfinite(left_s).any() else is_finite[None]
        for _ in range(_TURNS if len(columns) > 1 else 1):
            before = shadow
            for chosen in columns:
                kept = np.where(chosen, 0.0, shadow)
                over = (excess(kept) > 0.0) & chosen
                found = _crossing(lambda s, k=kept, o=over: excess(np.where(o, s, k)), kept * 0.0, high, over)
                shadow = np.where(over, found, kept)
            if bool((np.abs(shadow - before) <= _SETTLED * (1.0 + shadow)).all()):
                break
        return wanted(shadow)
