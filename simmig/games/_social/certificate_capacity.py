"""The certificate of a social game whose leaders have capacities, searched without the solver's code.

A follower may buy no more of a leader than the others leave. While a leader tries prices, shadow prices are found by
Newton's method on the sales with slopes from finite differences, the followers answering as in `_certificate_replies`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.games._social.certificate_admission import first_late
from simmig.games._social.certificate_replies import Answers, Scenes, answers_of
from simmig.games._social.certificate_scenes import given_social, whole_scene

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_ENTRIES = 200_000  # handled at once
_ON_TIME = 1.0 + 1e-9  # rounding by which a deadline may be missed, or a capacity
_STEPS = 100
_FITS = 1e-10  # relative, by which sales may differ from a capacity that binds
_SHIFT = 1e-6  # of a shadow price, in units of the price, for its slope
_HALVINGS = 12
_TURN = 12  # steps of which the last gives one leader after another its own shadow price, which never fails
_DOUBLINGS = 60
_HALVES = 50
_BISECTIONS = 200
_CUBIC_STEPS = 60
_CLOSE = 1e-15


def rationed_follower_gaps(game: SocialGame, price: FloatArray, bought: FloatArray) -> FloatArray:
    """Return the gain [I] of each follower's best reply to the demands `bought[n]` of the others, within capacities.

    inf for who misses a deadline it could meet or buys more than there is.
    """
    whole, count = whole_scene(game), len(game.alpha)
    theta = game.pairing(price)[whole.follower, whole.leader]
    value = whole.alpha + whole.social(bought) - price[whole.leader]
    sold = np.bincount(whole.leader, bought, len(price))
    is_over = sold > game.capacity * _ON_TIME
    left = np.where(sold * _ON_TIME < game.capacity, game.capacity - sold, 0.0)  # rounding leaves a full leader nothing
    room = left[whole.leader] + bought
    best, possible = _best_within(whole, value, theta, room)
    is_possible = np.bincount(whole.follower, possible, count) > 0
    gain = theta * (best - bought) * (value - whole.beta * (best + bought))
    sent = whole.work / np.maximum(bought, 1e-100) + whole.delay_s
    is_late = (np.bincount(whole.follower, theta * sent, count) > game.deadline_s * _ON_TIME) & is_possible
    takes_too_much = np.bincount(whole.follower, is_over[whole.leader] & (bought > 0.0), count) > 0
    total = np.maximum(np.bincount(whole.follower, gain, count), 0.0)
    return np.where(is_late | takes_too_much, np.inf, total)


def _best_within(whole: Scenes, value: FloatArray, theta: FloatArray, room: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the best demands [n] up to `room[n]`, in time where possible, and for whom [n] that is so."""

    def demand(multiplier: FloatArray) -> FloatArray:
        return np.minimum(_cubic(value, whole.beta, multiplier[whole.owner] * whole.work), room)

    def over_s(bought: FloatArray) -> FloatArray:
        time_s = theta * (whole.work / np.maximum(bought, 1e-100) + whole.delay_s)
        return np.add.reduceat(time_s, whole.start) - whole.deadline_s

    none = np.zeros(len(whole.start))
    if len(none) == 0:
        return none, np.zeros(0, bool)
    allowance_s = np.where(np.isfinite(whole.deadline_s), whole.deadline_s, 0.0) * (_ON_TIME - 1.0)
    is_possible = over_s(np.minimum(room, 1e100)) <= allowance_s
    is_late = np.isfinite(whole.deadline_s) & is_possible & (over_s(demand(none)) > 0.0)
    low, high = none, np.where(is_late, 1.0, 0.0)
    for _ in range(_BISECTIONS):
        still = is_late & (over_s(demand(high)) > 0.0) & (high < 1e200)
        if not bool(still.any()):
            break
        high = np.where(still, 4.0 * high, high)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        is_short = over_s(demand(middle)) > 0.0
        low, high = np.where(is_late & is_short, middle, low), np.where(is_late & ~is_short, middle, high)
        if bool((high - low <= _CLOSE * high).all()):
            break
    return demand(high), is_possible[whole.owner]


def _cubic(value: FloatArray, beta: FloatArray, need: FloatArray) -> FloatArray:
    """Return the largest b >= 0 with 2 beta b^3 - value b^2 = need, falling to it from above."""
    demand = np.maximum(0.5 * value / beta, 0.0) + np.cbrt(0.5 * need / beta)
    for _ in range(_CUBIC_STEPS):
        slope = demand * (6.0 * beta * demand - 2.0 * value)
        miss = demand * demand * (2.0 * beta * demand - value) - need
        moved = demand - np.where(slope > 0.0, miss / np.where(slope > 0.0, slope, 1.0), 0.0)
        if bool((np.abs(moved - demand) <= _CLOSE * demand).all()):
            return moved
        demand = moved
    return demand


@dataclass(frozen=True, slots=True)
class RationedMarket:
    """All followers of a game, answering prices within capacities; `others` are shadow prices that stay, by leader."""

    game: SocialGame
    scenes: Scenes
    answers: Answers
    capacity: FloatArray
    others: FloatArray

    @classmethod
    def of(cls, game: SocialGame, price: FloatArray, bought: FloatArray, leader: int) -> RationedMarket:
        """Return the market as `leader` sees it, prices and demands [n] being what they are."""
        whole = whole_scene(game)
        everyone = cls(game, whole, answers_of(whole), game.capacity, np.zeros(len(price)))
        if game.leader_model != "myopic":
            return everyone
        given = given_social(whole, bought)
        _, shadow_price = everyone.settled(price[None])
        is_own = np.arange(len(price)) == leader
        capacity = np.where(is_own, game.capacity, np.inf)
        return cls(game, given, answers_of(given), capacity, np.where(is_own, 0.0, shadow_price[0]))

    def utilities(self, price: FloatArray, leader: int) -> FloatArray:
        """Return what `leader` earns at `price[G, J]`, shape [G]."""
        size = max(_ENTRIES // max(len(self.scenes.leader) * price.shape[1], 1), 1)
        blocks = [price[k : k + size] for k in range(0, len(price), size)]
        return np.concatenate([self._earned(block, leader) for block in blocks])

    def _earned(self, price: FloatArray, leader: int) -> FloatArray:
        demand, _ = self.settled(price)
        own = self.scenes.leader == leader
        sold = (self._theta(price) * demand)[:, own].sum(axis=1)
        return np.asarray(sold * (price[:, leader] - self.game.cost[leader]))

    def _theta(self, price: FloatArray) -> FloatArray:
        pull = 1.0 / price[:, self.scenes.leader]
        return pull / np.add.reduceat(pull, self.scenes.start, axis=1)[:, self.scenes.owner]

    def settled(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what followers buy, [G, n], and the shadow prices, [G, J]."""
        theta, shadow_price = self._theta(price), np.zeros(price.shape)
        demand = self._demand(price, theta, shadow_price)
        over = np.flatnonzero(self._miss(demand, shadow_price).max(axis=1) > _FITS)
        lost = np.array([first_late(self.scenes, theta[row], self.capacity) for row in over], np.int64)
        for group in np.unique(lost[lost >= 0]):
            rows = over[lost == group]
            demand[rows], shadow_price[rows] = self._without_deadline(int(group)).settled(price[rows])
        rows = over[lost < 0]
        for count in range(1, _STEPS + 1):
            rows = rows[self._miss(demand[rows], shadow_price[rows]).max(axis=1) > _FITS]
            if len(rows) == 0:
                return demand, shadow_price
            step = self._in_turn if count % _TURN == 0 else self._stepped
            demand[rows], shadow_price[rows] = step(price[rows], theta[rows], demand[rows], shadow_price[rows])
        raise AssertionError("where deadlines can be met, shadow prices exist")

    def _without_deadline(self, group: int) -> RationedMarket:
        is_lost = np.arange(len(self.scenes.start)) == group
        scenes = replace(self.scenes, deadline_s=np.where(is_lost, np.inf, self.scenes.deadline_s))
        return replace(self, scenes=scenes, answers=answers_of(scenes))

    def _demand(self, price: FloatArray, theta: FloatArray, shadow_price: FloatArray) -> FloatArray:
        return self.answers.demand((price + self.others + shadow_price)[:, self.scenes.leader], theta)

    def _sold(self, demand: FloatArray) -> FloatArray:
        count = len(self.capacity)
        place = np.arange(len(demand))[:, None] * count + self.scenes.leader
        sold = np.bincount(place.ravel(), demand.ravel(), len(demand) * count)
        return np.asarray(sold.reshape(-1, count), np.float64)

    def _over(self, demand: FloatArray) -> FloatArray:
        is_finite = np.isfinite(self.capacity)
        return np.where(is_finite, self._sold(demand) - np.where(is_finite, self.capacity, 0.0), -1.0)

    def _miss(self, demand: FloatArray, shadow_price: FloatArray) -> FloatArray:
        over = self._over(demand)
        return np.where(shadow_price > 0.0, np.abs(over), np.maximum(over, 0.0)) / self.capacity

    def _stepped(
        self, price: FloatArray, theta: FloatArray, demand: FloatArray, shadow_price: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return demands and shadow prices after one Newton step, halved until it brings them closer."""
        over, miss = self._over(demand), self._miss(demand, shadow_price).max(axis=1)
        active = (shadow_price > 0.0) | (over > 0.0)
        matrix = np.where(active[:, :, None], 0.0, np.eye(len(self.capacity)))
        for k in np.flatnonzero(active.any(axis=0)):
            shift = np.where(np.arange(len(self.capacity)) == k, _SHIFT * price[:, [k]], 0.0)
            fall = over - self._over(self._demand(price, theta, shadow_price + shift))
            matrix[:, :, k] = np.where(active & active[:, [k]], fall / shift[:, [k]], matrix[:, :, k])
        step = _eliminated(matrix, np.where(active, over, 0.0))
        length = np.ones(len(price))
        for _ in range(_HALVINGS):
            moved = np.maximum(shadow_price + length[:, None] * step, 0.0)
            there = self._demand(price, theta, moved)
            is_closer = self._miss(there, moved).max(axis=1) < miss
            if bool(is_closer.all()):
                break
            length = np.where(is_closer, length, 0.5 * length)
        return there, moved

    def _in_turn(
        self, price: FloatArray, theta: FloatArray, demand: FloatArray, shadow_price: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return demands and shadow prices after each leader in turn has made its sales fit: coordinate descent."""
        shadow_price = shadow_price.copy()

        def over(k: int, value: FloatArray) -> FloatArray:
            shadow_price[:, k] = value
            return self._over(self._demand(price, theta, shadow_price))[:, k]

        for k in map(int, np.flatnonzero(np.isfinite(self.capacity))):
            low, high = np.zeros(len(price)), 1e-3 * price[:, k]
            is_full = over(k, low) > 0.0
            for _ in range(_DOUBLINGS):
                is_short = is_full & (over(k, high) > 0.0)
                if not bool(is_short.any()):
                    break
                low, high = np.where(is_short, high, low), np.where(is_short, 2.0 * high, high)
            for _ in range(_HALVES):
                middle = 0.5 * (low + high)
                is_short = over(k, middle) > 0.0
                low, high = np.where(is_short, middle, low), np.where(is_short, high, middle)
            shadow_price[:, k] = np.where(is_full, high, 0.0)
        return self._demand(price, theta, shadow_price), shadow_price


def _eliminated(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solutions [G, J] of matrix[G, J, J] x = right (Gauss and Jordan), small pivots taken for larger."""
    both = np.concatenate([matrix, right[:, :, None]], axis=2)
    for k in range(right.shape[1]):
        pivot = both[:, k, k]
        pivot = np.where(np.abs(pivot) < 1e-10, 1e-10, pivot)
        line = both[:, k] / pivot[:, None]
        both = both - both[:, :, [k]] * line[:, None, :]
        both[:, k] = line
    return np.asarray(both[:, :, -1])
