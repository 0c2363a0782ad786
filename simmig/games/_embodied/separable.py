"""Followers who take what others' purchases are worth to them for given, with deadlines and leaders' capacities.

Every pair then solves A / (b + E) + mu_i w_ij / b^2 - k (b - b0) = p_j + s_j - g_ij for b >= 0: A, g from 003 (9) or
(14), mu_i the multiplier of follower i's deadline (11), s_j the shadow price of leader j's capacity, and k >= 0 the
weight of a proximal term that keeps b near the point b0 at which A and g were taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.linear import eliminated
from simmig.games._embodied.market import Market
from simmig.games._embodied.timely import in_time

_STEPS = 60  # of Newton's method, which is monotone here: about 8 are taken
_ROUNDING = 4e-16
_ROUNDS = 12  # between the two kinds of multipliers: hardly ever more than one, without end if the limits clash
_JOINT = 12  # of Newton's method on both: from near by 3 or 4 are taken
_CLOSE = 1e-9  # a step after which the next is rounding
_KEPT = 1e-13  # relative, by which rounding may exceed a limit
_LEAST = 0.02  # share of a multiplier that one step of Newton's method on both leaves
_WIDEST = 4.0  # largest step in the logarithm of a multiplier


@dataclass(frozen=True, slots=True)
class Terms:
    """A, E, k[S, J, L] as above and level = p - g - k b0: all but the multipliers."""

    worth: FloatArray
    room: FloatArray
    stiffness: FloatArray
    level: FloatArray

    def take(self, scenes: IntArray) -> Terms:
        """Return the terms of some scenes."""
        return Terms(self.worth[scenes], self.room[scenes], self.stiffness[scenes], self.level[scenes])

    def demand(self, shadow: FloatArray, push: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return b and -db/ds [S, J, L] at shadow prices [S, J] and push = mu w; inf where demand has no bound."""
        worth, room, stiffness = self.worth, self.room, self.stiffness
        level = self.level + shadow[:, :, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rest = level - stiffness * room  # in x = b + E the pair solves worth / x - stiffness x = rest
            root = np.sqrt(rest**2 + 4.0 * stiffness * worth)
            rising = 2.0 * worth / (rest + root)
            falling = np.where(stiffness > 0.0, (root - rest) / (2.0 * stiffness), np.inf)
            filled = np.where(rest > 0.0, rising, falling)
        bought = np.where(worth > 0.0, np.maximum(filled - room, 0.0), 0.0)
        if push.any():
            bought = self._pushed(bought, level, push)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            steep = worth / (bought + room) ** 2 + stiffness + np.where(push > 0.0, 2.0 * push / bought**3, 0.0)
        slope = np.where((bought > 0.0) & np.isfinite(bought), 1.0 / np.where(steep > 0.0, steep, 1.0), 0.0)
        return bought, slope

    def _pushed(self, bought: FloatArray, level: FloatArray, push: FloatArray) -> FloatArray:
        """Return the b of pairs with a deadline's push: Newton from below on a convex falling function, monotone."""
        chosen = np.nonzero((push > 0.0) & np.isfinite(bought))
        worth, room, stiffness = self.worth[chosen], self.room[chosen], self.stiffness[chosen]
        level, push = level[chosen], push[chosen]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
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

    def solve(
        self, terms: Terms, guess: tuple[FloatArray, FloatArray] | None = None, near: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return demand[S, J, L], shadow price[S, J] and multipliers[S, I + 1], from a guess of the latter two.

        A demand `near` by helps where nothing but deadlines is shared.

        The demand is inf where capacities and deadlines cannot be kept together.

        Newton's method on both at once, from the guess or from where they have taken turns: that is block coordinate
        descent on the dual of a strictly concave programme, which is sure to get there but slow.
        """
        has_capacity = bool(np.isfinite(self.market.capacity).any())
        has_deadline = bool(np.isfinite(self.market.deadline_s).any())
        idle = np.zeros(self.market.capacity.shape), np.zeros(self.time_left_s.shape)
        shadow, multiplier = idle if guess is None else guess
        if not (has_capacity or terms.stiffness.any()):
            near = np.zeros_like(terms.worth) if near is None else near
            pairs = terms.worth, terms.level
            demand, multiplier = in_time(self.market, pairs, self.weighted_work, self.time_left_s, (near, multiplier))
            return demand, idle[0], multiplier
        demand, shadow, multiplier, is_found = self._joint(terms, shadow, multiplier)
        if is_found.all():
            return demand, shadow, multiplier
        rows = np.flatnonzero(~is_found)
        part, some, (shadow_now, multiplier_now) = self.take(rows), terms.take(rows), (x[rows] for x in idle)
        for _ in range(_ROUNDS):
            if has_capacity:
                shadow_now = part._shadow(some, part._push(multiplier_now))
            if has_deadline:
                multiplier_now = part._multiplier(some, shadow_now)
            if not (has_capacity and has_deadline):
                demand[rows], _ = some.demand(shadow_now, part._push(multiplier_now))
                shadow[rows], multiplier[rows] = shadow_now, multiplier_now
                return demand, shadow, multiplier
            *there, is_found = part._joint(some, shadow_now, multiplier_now)
            done = rows[is_found]
            demand[done], shadow[done], multiplier[done] = (x[is_found] for x in there)
            demand[rows[~is_found]] = np.inf
            left = np.flatnonzero(~is_found & ~part._clash(shadow_now, multiplier_now))
            rows, part, some = rows[left], part.take(left), some.take(left)
            shadow_now, multiplier_now = shadow_now[left], multiplier_now[left]
            if not len(rows):
                break
        return demand, shadow, multiplier

    def take(self, scenes: IntArray) -> Sharing:
        """Return the limits of some scenes."""
        return Sharing(self.market.take(scenes), self.weighted_work[scenes], self.time_left_s[scenes])

    def _clash(self, shadow: FloatArray, multiplier: FloatArray) -> BoolArray:
        """Return where these multipliers prove that the limits cannot be kept together, shape [S].

        sum_i m_i (sum_j theta w / b - left_i) + sum_j t_j (sum_i b - C_j) <= 0 for purchases that keep the limits, at
        any m, t >= 0, and theta w m / b + t b is never below 2 sqrt(theta w m t).
        """
        market = self.market
        is_timed, is_finite = np.isfinite(self.time_left_s), np.isfinite(market.capacity)
        theta = self.weighted_work / np.where(market.work_s > 0.0, market.work_s, 1.0)
        mean = theta.sum(axis=2) / np.maximum(market.is_pair.sum(axis=2), 1)
        m, t = np.where(is_timed, multiplier, 0.0), np.where(is_finite, shadow * mean, 0.0)
        with np.errstate(invalid="ignore"):
            least = 2.0 * np.sqrt(self.weighted_work * market.of_pair(m) * t[:, :, None]).sum(axis=(1, 2))
            most = np.where(is_timed, m * self.time_left_s, 0.0).sum(axis=1)
            most = most + np.where(is_finite, t * market.capacity, 0.0).sum(axis=1)
            return np.asarray((least > most * (1.0 + _KEPT)) | (is_timed & (self.time_left_s <= 0.0)).any(axis=1))

    def _joint(
        self, terms: Terms, shadow: FloatArray, multiplier: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Return demand and both kinds of multipliers by Newton's method from these, and where it got there, [S].

        A purchase depends on one multiplier of either kind, so those of the deadlines are eliminated from the system.
        """
        market, capacity = self.market, self.market.capacity
        is_timed = np.isfinite(self.time_left_s)
        left_s = np.where(is_timed & (self.time_left_s > 0.0), self.time_left_s, 1.0)
        leaders = np.arange(capacity.shape[1])
        for _ in range(_JOINT):
            push = self._push(multiplier)
            demand, slope = terms.demand(shadow, push)
            is_late = (multiplier > 0.0) & is_timed
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                over = demand.sum(axis=2) - capacity
                is_full = (shadow > 0.0) | (over > 0.0)
                rate = np.where(push > 0.0, market.work_s / demand**2, 0.0)  # db/dmu = rate * slope, db/ds = -slope
                effect = np.where(push > 0.0, slope * self.weighted_work / demand**2, 0.0)  # of b on the sending time
                late = np.where(is_late, self.sending_s(demand) - left_s, 0.0)
                own = np.where(is_late, market.by_follower(effect * rate), 1.0)
                matrix = -market.crossed(slope * rate, effect / market.of_pair(own))
                matrix[:, leaders, leaders] += slope.sum(axis=2)
                right = over + (slope * rate * market.of_pair(late / own)).sum(axis=2)
                matrix = np.where(is_full[:, :, None], matrix, 0.0)
                matrix[:, leaders, leaders] = np.where(is_full, matrix[:, leaders, leaders], 1.0)
                raised = eliminated(matrix, np.where(is_full, right, 0.0))
                moved = np.where(is_late, (late + market.by_follower(effect * raised[:, :, None])) / own, 0.0)
                moved = np.clip(moved / np.where(is_late, multiplier, 1.0), -_WIDEST, _WIDEST)
                after = np.maximum(shadow + raised, 0.0)
                is_small = (np.abs(after - shadow) <= _CLOSE * (1.0 + shadow)).all(axis=1)
                is_small &= (np.abs(moved) <= _CLOSE).all(axis=1)
            # Along a straight line: where limits nearly clash, s and mu w / b^2 rise together and b hardly moves.
            shadow, multiplier = np.nan_to_num(after), multiplier * np.maximum(1.0 + np.nan_to_num(moved), _LEAST)
            if bool((is_small | ~np.isfinite(raised).all(axis=1)).all()):
                break
        demand, _ = terms.demand(shadow, self._push(multiplier))
        with np.errstate(invalid="ignore"):
            kept = (demand.sum(axis=2) <= capacity * (1.0 + _KEPT)).all(axis=1)
            kept &= ((self.sending_s(demand) <= left_s * (1.0 + _KEPT)) | ~is_timed).all(axis=1)
        return demand, shadow, multiplier, is_small & kept & np.isfinite(demand).all(axis=(1, 2))

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
