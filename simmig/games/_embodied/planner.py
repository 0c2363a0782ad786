"""The demands of a planner of the embodied game, who maximises the sum of all utilities at a given pairing.

W(b) = sum_ij theta_ij [delta_i ln(b_ij + E_i) + b_ij g_ij(b) - c_ij b_ij], or with delta_i (1 + g_ij(b)) ln(b_ij + E_i)
in the multiplicative game, g the gains from purchases. Every step takes the effects at the last point, as
`followers.py` does, and is kept only if W rises.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.games._embodied.market import Market
from simmig.games._embodied.separable import Sharing, Terms

_STEPS = 2000
_TOLERANCE = 1e-13
_STIFFER = 4.0
_SOFTER = 0.7
_STIFFEST = 1e12


@dataclass(frozen=True, slots=True)
class Plan:
    """The planner's problem at pairing theta[N, J, L] and costs[N, J, L]."""

    market: Market
    theta: FloatArray
    cost: FloatArray

    def has_bound(self) -> BoolArray:
        """Return where no two purchases that raise one another's worth are both without a capacity, shape [N]."""
        market = self.market
        is_free = np.isinf(market.capacity)
        linked = np.zeros(is_free.shape, dtype=bool)
        if market.ties is not None:
            linked |= market.ties.weight.any(axis=(2, 3))
        if market.complement is not None:
            linked |= ((market.complement > 0.0) & market.shared() & is_free[:, None, :]).any(axis=2)
        return np.asarray(~(linked & is_free).any(axis=1))

    def welfare(self, demand: FloatArray) -> FloatArray:
        """Return W, shape [N]."""
        market = self.market
        gain = self._gain(demand)
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(np.where(market.is_pair, demand + market.room, 1.0))
        if market.is_multiplicative:
            each = market.delta * (1.0 + gain) * log - self.cost * demand
        else:
            each = market.delta * log + demand * (gain - self.cost)
        return np.asarray(np.where(market.is_pair, self.theta * each, 0.0).sum(axis=(1, 2)))

    def best(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the best demand[N, J, L] found, its shadow prices[N, J] and W[N]; W is -inf where there is none.

        Climbs from nothing, from equal shares of the capacities and from all capacity in one follower's hands.
        """
        market = self.market
        buyers = np.maximum(market.is_pair.sum(axis=2), 1)
        share = np.where(np.isfinite(market.capacity), market.capacity, 0.0)
        starts = [np.zeros(market.place.shape), np.where(market.is_pair, (share / buyers)[:, :, None], 0.0)]
        if market.has_effects:
            starts += [np.where(market.place == i, share[:, :, None], 0.0) for i in range(min(market.followers, 8))]
        best = self._climbed(starts[0])
        for start in starts[1:]:
            other = self._climbed(start)
            is_better = other[2] > best[2] + 1e-12 * np.abs(best[2])
            best = (
                np.where(is_better[:, None, None], other[0], best[0]),
                np.where(is_better[:, None], other[1], best[1]),
                np.where(is_better, other[2], best[2]),
            )
        return best

    def _gain(self, demand: FloatArray) -> FloatArray:
        """Return sum_k zeta_ik b_kj + sum_s eta_js b_is, which (9) and (14) weigh alike."""
        return replace(self.market, is_multiplicative=True).gain(demand, self.theta)

    def _climbed(self, demand: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return a local maximum, its shadow prices and W."""
        market = self.market
        # In the planner's conditions a unit of deadline or capacity is not weighed by theta, but all else is.
        sharing = replace(Sharing.of(market, self.theta), market=replace(market, work_s=self.theta * market.work_s))
        stiffness = np.ones(len(demand))
        demand, shadow, _ = sharing.solve(self._terms(demand, stiffness))
        value = np.where(np.isfinite(demand).all(axis=(1, 2)), self.welfare(demand), -np.inf)
        is_moving = np.isfinite(value)
        for _ in range(_STEPS if market.has_effects else 1):
            there, posted, _ = sharing.solve(self._terms(np.nan_to_num(demand), stiffness))
            reached = self.welfare(there)
            rises = is_moving & (reached >= value - 1e-15 * np.abs(value))
            moved = np.abs(there - demand).max(axis=(1, 2)) > _TOLERANCE * (1.0 + np.abs(there).max(axis=(1, 2)))
            demand = np.where(rises[:, None, None], there, demand)
            shadow, value = np.where(rises[:, None], posted, shadow), np.where(rises, reached, value)
            stiffness = np.where(rises, _SOFTER * stiffness, _STIFFER * stiffness)
            is_moving &= (~rises | moved) & np.isfinite(reached) & (stiffness < _STIFFEST)
            if not is_moving.any():
                break
        return demand, shadow, value

    def _terms(self, demand: FloatArray, stiffness: FloatArray) -> Terms:
        market, theta = self.market, self.theta
        gain = self._gain(demand)
        log = np.log(np.maximum(np.where(market.is_pair, demand + market.room, 1.0), 1e-9))
        weight = market.delta * log if market.is_multiplicative else demand
        passed_on = self._gain(theta * weight)  # what b_ij adds to the others' utilities
        own = (1.0 + gain) * market.delta if market.is_multiplicative else market.delta
        level = theta * self.cost - passed_on - (0.0 if market.is_multiplicative else theta * gain)
        is_free = np.isinf(market.capacity)[:, :, None]
        rows = self._gain(np.ones_like(demand)) * (market.delta if market.is_multiplicative else 1.0)
        firm = np.where(is_free, 0.0, theta * rows * stiffness[:, None, None])
        return Terms(theta * own, market.room, firm, level - firm * demand)
