"""Followers who take what others' purchases are worth to them for given, with deadlines and leaders' capacities.

Every pair then solves A / (b + E) + mu_i w_ij / b^2 - k (b - b0) = p_j + s_j - g_ij for b >= 0: A, g from 003 (9) or
(14), mu_i the multiplier of follower i's deadline (11), s_j the shadow price of leader j's capacity, and k >= 0 the
weight of a proximal term that keeps b near the point b0 at which A and g were taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray
from simmig.games._embodied_market import Market

_STEPS = 60  # of Newton's method, which is monotone here: about 8 are taken
_ROUNDING = 4e-16
_ROUNDS = 200  # between the shadow prices and the deadlines' multipliers
_TOLERANCE = 1e-13  # of demand, between two rounds
_WIDEST = 4.0  # largest step in the logarithm of a multiplier


@dataclass(frozen=True, slots=True)
class Terms:
    """A, E, k[S, J, L] as above and level = p - g - k b0: all but the multipliers."""

    worth: FloatArray
    room: FloatArray
    stiffness: FloatArray
    level: FloatArray

    def demand(self, shadow: FloatArray, push: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return b and -db/ds [S, J, L] at shadow prices [S, J] and push = mu w; inf where demand has no bound."""
        worth, room, stiffness = self.worth, self.room, self.stiffness
        level = self.level + shadow[:, :, None]
        rest = level - stiffness * room  # in x = b + E the pair solves worth / x - stiffness x = rest
        root = np.sqrt(rest**2 + 4.0 * stiffness * worth)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rising = 2.0 * worth / (rest + root)
            falling = np.where(stiffness > 0.0, (root - rest) / (2.0 * stiffness), np.inf)
            filled = np.where(rest > 0.0, rising, falling)
        bought = np.where(worth > 0.0, np.maximum(filled - room, 0.0), 0.0)
        if push.any():
            bought = self._pushed(bought, level, push)
        with np.errstate(divide="ignore", invalid="ignore"):
            steep = worth / (bought + room) ** 2 + stiffness + np.where(push > 0.0, 2.0 * push / bought**3, 0.0)
        slope = np.where((bought > 0.0) & np.isfinite(bought), 1.0 / np.where(steep > 0.0, steep, 1.0), 0.0)
        return bought, slope

    def _pushed(self, bought: FloatArray, level: FloatArray, push: FloatArray) -> FloatArray:
        """Return the b of pairs with a deadline's push: Newton from below on a convex falling function, monotone."""
        chosen = np.nonzero((push > 0.0) & np.isfinite(bought))
        worth, room, stiffness = self.worth[chosen], self.room[chosen], self.stiffness[chosen]
        level, push = level[chosen], push[chosen]
        with np.errstate(divide="ignore"):
            least = np.minimum(np.sqrt(push / (2.0 * np.abs(level))), np.cbrt(push / (2.0 * stiffness)))
        b = np.maximum(np.maximum(bought[chosen], least), 1.000001 * np.maximum(-room, 0.0))
        for _ in range(_STEPS):
            force = worth / (b + room) + push / b**2 - stiffness * b - level
            step = force / (worth / (b + room) ** 2 + 2.0 * push / b**3 + stiffness)
            b = b + np.maximum(step, 0.0)
            if not bool((step > _ROUNDING * b).any()):
                break
        demand = bought.copy()
        demand[chosen] = b
        return demand


@dataclass(frozen=True, slots=True)
class Sharing:
    """The limits that S scenes share: capacities[S, J], and per pair theta w and per follower the time left for it."""

    market: Market
    weighted_work: FloatArray  # theta_ij w_ij [S, J, L]
    time_left_s: FloatArray  # T_i - sum_j theta_ij delay_ij [S, I + 1]

    @classmethod
    def of(cls, market: Market, theta: FloatArray) -> Sharing:
        """Return the limits at pairing probabilities theta[S, J, L]."""
        left_s = market.deadline_s - market.by_follower(theta * market.delay_s)
        return cls(market, theta * market.work_s, left_s)

    def sending_s(self, demand: FloatArray) -> FloatArray:
        """Return sum_j theta_ij w_ij / b_ij, shape [S, I + 1]: inf where nothing is bought from some j."""
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(self.weighted_work > 0.0, self.weighted_work / demand, 0.0)
        return self.market.by_follower(each)

    def solve(self, terms: Terms, multiplier: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return demand[S, J, L], shadow price[S, J] and multipliers[S, I + 1], from a guess of the multipliers.

        The two kinds of multipliers take turns, block coordinate descent on the dual of a strictly concave programme.
        """
        has_capacity = bool(np.isfinite(self.market.capacity).any())
        has_deadline = bool(np.isfinite(self.market.deadline_s).any())
        shadow = np.zeros(self.market.capacity.shape)
        demand, _ = terms.demand(shadow, self._push(multiplier))
        for _ in range(_ROUNDS):
            before = demand
            if has_capacity:
                shadow = self._shadow(terms, self._push(multiplier))
            if has_deadline:
                multiplier = self._multiplier(terms, shadow)
            demand, _ = terms.demand(shadow, self._push(multiplier))
            if not (has_capacity and has_deadline):
                break
            with np.errstate(invalid="ignore"):
                moved = np.abs(demand - before) > _TOLERANCE * (1.0 + demand)
            if not bool((moved & np.isfinite(demand)).any()):
                break
        return demand, shadow, multiplier

    def _push(self, multiplier: FloatArray) -> FloatArray:
        return self.market.of_pair(multiplier) * self.market.work_s

    def _shadow(self, terms: Terms, push: FloatArray) -> FloatArray:
        """Return s >= 0 with sales at the capacity, 0 where they fit: Newton from below, sales convex in s."""
        capacity = self.market.capacity
        is_full = np.isfinite(capacity) & ~(terms.demand(np.zeros(capacity.shape), push)[0].sum(axis=2) <= capacity)
        if not is_full.any():
            return np.zeros(capacity.shape)
        most = np.where(np.isfinite(capacity), capacity, 1.0)[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            alone = terms.worth / (most + terms.room) + push / most**2 - terms.stiffness * most - terms.level
        shadow = np.where(is_full, np.maximum(np.where(terms.worth > 0.0, alone, 0.0).max(axis=2), 0.0), 0.0)
        for _ in range(_STEPS):
            demand, slope = terms.demand(shadow, push)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.where(is_full, (demand.sum(axis=2) - capacity) / slope.sum(axis=2), 0.0)
            shadow = shadow + np.maximum(step, 0.0)
            if not bool((step > 4.0 * _ROUNDING * (1.0 + shadow)).any()):
                break
        return shadow

    def _multiplier(self, terms: Terms, shadow: FloatArray) -> FloatArray:
        """Return mu >= 0 with which the sending times fit, 0 where they do anyway.

        In logarithms the time is a concave falling function of mu: Newton from the right is monotone.
        """
        left_s, market = self.time_left_s, self.market
        idle = np.zeros(left_s.shape)
        is_late = self.sending_s(terms.demand(shadow, self._push(idle))[0]) > left_s
        if not is_late.any():
            return idle
        target = np.where(is_late & (left_s > 0.0), left_s, 1.0)
        level = np.maximum(terms.level + shadow[:, :, None], 1e-9)
        scale = market.by_follower(
            self.weighted_work * np.sqrt(level / np.where(market.work_s > 0, market.work_s, 1.0))
        )
        mu = np.where(is_late, np.maximum(scale / target, 1e-150) ** 2, 0.0)
        for _ in range(_STEPS):
            push = self._push(mu)
            demand, slope = terms.demand(shadow, push)
            sending = self.sending_s(demand)
            with np.errstate(divide="ignore", invalid="ignore"):
                faster = np.where(push > 0.0, self.weighted_work * push * slope / demand**4, 0.0)
                bend = market.by_follower(faster) / sending
                step = np.where(is_late, np.log(sending / target) / bend, 0.0)
            step = np.clip(np.nan_to_num(step), -_WIDEST, _WIDEST)
            mu = mu * np.exp(step)
            if not bool((np.abs(step) > 4.0 * _ROUNDING).any()):
                break
        return np.where(is_late & (left_s <= 0.0), np.inf, mu)
