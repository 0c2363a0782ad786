"""The immersion game (001): every RSU prices every UAV by itself, UAVs buy immersion within a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from numpy.typing import ArrayLike
from pydantic import Field

from simmig import contracts
from simmig.contracts import Array, BoolArray, Certificate, Equilibrium, FloatArray, GameInputs, PricingGame
from simmig.errors import InputError
from simmig.games._immersion import outcomes
from simmig.games._immersion.certificate import certify
from simmig.games._immersion.check import check_prices, preference, spread
from simmig.games._immersion.followers import Rows, water_fill
from simmig.games._immersion.gradient import rationed
from simmig.games._immersion.pairs import Pairs, matching, pairs_of
from simmig.games._immersion.rationing import ration, sold_out
from simmig.games._immersion.replies import best_price

Prices = Literal["individual", "uniform"]


class Game(contracts.Game):
    """Immersion game of 001: a UAV buys bandwidth for the immersion it brings, as far as its budget goes.

    Preferences of a vehicle: `delta` > 0 (worth of immersion), `ssim` and `ssim_threshold` in (0, 1] (quality of its
    picture and the least it accepts), `budget` in money (optional, without limit). Offers of an RSU: `ssim` in (0, 1]
    (optional, 1), by which it lowers the quality of the picture. Ties and deadlines are no part of this game.
    """

    preferences: ClassVar[tuple[str, ...] | None] = ("delta", "ssim", "ssim_threshold", "budget")
    offers: ClassVar[tuple[str, ...] | None] = ("ssim",)

    prices: Prices = Field(
        default="individual",
        description='"individual": an RSU prices every vehicle by itself, as in 001; "uniform": one price for all',
    )
    bandwidth_unit_hz: float = Field(
        default=1e6, gt=0.0, description="bandwidth that one unit of demand and of price refers to"
    )

    def build(self, inputs: GameInputs) -> PricingGame:
        """Return the game of one round, an ImmersionGame; InputError for parameters outside the model."""
        quality = preference(inputs, "ssim")[:, None] * inputs.offers.get("ssim", np.ones(len(inputs.cost)))
        return ImmersionGame.make(
            delta=preference(inputs, "delta"),
            ssim=quality,
            ssim_threshold=preference(inputs, "ssim_threshold"),
            efficiency=inputs.efficiency_bit_s_hz,
            budget=inputs.preferences.get("budget", np.full(len(quality), np.inf)),
            cost=inputs.cost,
            price_max=inputs.price_max,
            capacity=inputs.capacity_hz / self.bandwidth_unit_hz,
            eligible=inputs.eligible,
            prices=self.prices,
            bandwidth_unit_hz=self.bandwidth_unit_hz,
        )


@dataclass(frozen=True, slots=True)
class ImmersionGame:
    """Immersion games of one shape: I followers, J leaders, any leading batch axes.

    `delta[..., I]`, `ssim[..., I, J]`, `ssim_threshold[..., I]`, `efficiency[..., I, J]` in bit/s/Hz,
    `budget[..., I]` in money, `cost[..., J]`, `price_max[..., I, J]`, `capacity[..., J]` in units of
    `bandwidth_unit_hz`. Prices are [..., I, J], or [..., J] if `prices` is "uniform". Made by `make`; to differentiate
    with respect to a parameter, put a tensor of its shape in its place (`dataclasses.replace`).
    """

    delta: FloatArray
    ssim: FloatArray
    ssim_threshold: FloatArray
    efficiency: FloatArray
    budget: FloatArray
    cost: FloatArray
    price_max: FloatArray
    capacity: FloatArray
    eligible: BoolArray
    prices: Prices
    bandwidth_unit_hz: float
    pairs: Pairs

    @classmethod
    def make(
        cls,
        *,
        delta: ArrayLike,
        ssim: ArrayLike,
        ssim_threshold: ArrayLike,
        efficiency: ArrayLike,
        budget: ArrayLike,
        cost: ArrayLike,
        price_max: ArrayLike,
        capacity: ArrayLike = np.inf,
        eligible: ArrayLike = True,
        prices: Prices = "individual",
        bandwidth_unit_hz: float = 1e6,
    ) -> ImmersionGame:
        """Return checked games; shapes as in the class, broadcast, and `price_max` may be [..., J].

        Raises InputError that names the parameter, the player and the game.
        """
        check_prices(prices)
        if not 0.0 < bandwidth_unit_hz < np.inf:
            raise InputError(f"game immersion: bandwidth_unit_hz is {bandwidth_unit_hz!r}, expected a number above 0")
        full, is_open = spread(
            {
                "delta": delta,
                "ssim": ssim,
                "ssim_threshold": ssim_threshold,
                "efficiency": efficiency,
                "budget": budget,
                "cost": cost,
                "price_max": price_max,
                "capacity": capacity,
            },
            eligible,
        )
        return cls(
            **full, eligible=is_open, prices=prices, bandwidth_unit_hz=bandwidth_unit_hz, pairs=pairs_of(is_open)
        )

    @property
    def individual_prices(self) -> bool:
        """Whether a leader prices every follower by itself."""
        return self.prices == "individual"

    def repriced(self, prices: Prices) -> ImmersionGame:
        """Return the same games with one price for every pair ("individual"), or one per leader ("uniform").

        A uniform price is at most the least cap of the followers that its leader can serve. InputError for other names.
        """
        check_prices(prices)
        return replace(self, prices=prices)

    def rows(self, like: Array) -> Rows:
        """Return the followers' parameters in slots, in the array library of `like`."""
        score, efficiency = self._score(like), self.pairs.gather(matching(self.efficiency, like))
        xp = array_namespace(score)
        is_wanted = matching(self.pairs.is_real, like) & (score > 0.0)
        wanted = xp.where(is_wanted, score, 0.0)
        return Rows(wanted, efficiency, matching(self.delta, like), matching(self.budget, like))

    def _score(self, like: Array) -> Array:
        """Return S = ln(SSIM / SSIM^th) in slots, of either sign."""
        ratio = matching(self.ssim, like) / matching(self.ssim_threshold, like)[..., None]
        return self.pairs.gather(array_namespace(ratio).log(ratio))

    def spread_price(self, price: Array) -> Array:
        """Return prices as each follower meets them, [..., I, J]; ValueError if they have another shape."""
        shape = tuple(self.eligible.shape) if self.individual_prices else tuple(self.cost.shape)
        if tuple(price.shape) != shape:
            raise ValueError(f"price has shape {list(price.shape)}, expected {list(shape)}")
        if self.individual_prices:
            return price
        return array_namespace(price).broadcast_to(price[..., None, :], tuple(self.eligible.shape))

    def pairing(self, price: Array, demand: Array) -> Array:
        """Return theta_ij = b_ij / sum_l b_il, shape [..., I, J]: a twin goes where its bandwidth was bought.

        001 gives a UAV many twins and models one; a row that buys nothing is 0.
        """
        xp = array_namespace(demand)
        total = xp.sum(demand, axis=-1, keepdims=True)
        return demand / xp.where(total > 0.0, total, 1.0)

    def follower_utility(self, price: Array, demand: Array) -> Array:
        """Return 001, equation (8), for every follower: shape [..., I], in units of money."""
        xp = array_namespace(price)
        efficiency, posted, bought = (
            self.pairs.gather(table) for table in (matching(self.efficiency, price), self.spread_price(price), demand)
        )
        worth = matching(self.delta, price)[..., None] * self._score(price) * xp.log1p(bought * efficiency)
        gain = xp.where(matching(self.pairs.is_real, price), worth - posted * bought, 0.0)
        return xp.sum(gain, axis=-1)

    def leader_utility(self, price: Array, demand: Array) -> Array:
        """Return 001, equation (11), for every leader: shape [..., J], in units of money."""
        xp = array_namespace(price)
        margin = self.spread_price(price) - matching(self.cost, price)[..., None, :]
        return xp.sum(margin * demand, axis=-2)

    def welfare(self, price: Array, demand: Array) -> Array:
        """Return the sum of all utilities, shape [...]; payments cancel in it."""
        xp = array_namespace(price)
        followers, leaders = self.follower_utility(price, demand), self.leader_utility(price, demand)
        return xp.sum(followers, axis=-1) + xp.sum(leaders, axis=-1)

    def best_demand(self, price: Array) -> Array:
        """Return what the followers buy at these prices, shape [..., I, J]; torch can differentiate through it."""
        posted = self.pairs.gather(self.spread_price(price))
        rows = self.rows(price)
        bought = water_fill(rows, posted)
        if is_numpy_array(price):
            bought, _ = ration(self, rows, posted, bought)
        elif sold_out(self, bought).any():
            bought = rationed(self, rows, posted, bought)
        return self.pairs.scatter(bought, 0.0)

    def respond(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what the followers buy, [..., I, J], and the shadow prices of the leaders' capacities, [..., J].

        A follower acts as if a unit of leader j cost p_ij + s_j, but pays p_ij: the normalised equilibrium of the
        followers who share the capacities, s_j (capacity_j - sum_i b_ij) = 0.
        """
        posted = self.pairs.gather(self.spread_price(price))
        rows = self.rows(price)
        bought, shadow_price = ration(self, rows, posted, water_fill(rows, posted))
        return self.pairs.scatter(bought, 0.0), shadow_price

    def solve(self) -> Equilibrium:
        """Return the Stackelberg equilibrium: leaders anticipate what followers buy.

        With individual prices it is exact, one small game for each follower. Where two equilibria or more exist (at a
        kink, see `_immersion`) it is the one in which all leaders expect the same slope; a leader that cannot
        sell posts its cost if competition is the reason, else its cap. `converged` is False if leaders with uniform
        prices chase one another without end, if a leader that is full below its caps shares a follower that is short
        of money with another, or if a leader would rather ask so little that nobody is full, or so much that another
        is: there is then no equilibrium in pure prices, or none was found (see `_immersion`); the certificate
        says how much a leader could gain.
        """
        return outcomes.stackelberg(self)

    def certify(self, price: FloatArray, demand: FloatArray) -> Certificate:
        """Return the largest unilateral gains at prices and demands that need not come from `solve`.

        A follower's gain is over the demand given, prices and what the others leave of the capacities fixed; it is inf
        where the demand given costs more than the budget or is above what there is. A leader's is that of its prices
        alone, one follower's at a time and all together, the followers answering.
        """
        return certify(self, price, demand)

    def best_price(self, price: FloatArray) -> FloatArray:
        """Return every leader's own best prices while the others' stand, shape of `price`.

        Exact within the leader's own capacity, if its caps are the same for all followers; that a rival may be sold
        out is left out.
        """
        return best_price(self, price)

    def social_optimum(self) -> Equilibrium:
        """Return the demands that maximise welfare within the capacities; payments, so budgets, play no part.

        The price reported is every leader's cost; what a full leader's bandwidth is worth above it is `shadow_price`.
        """
        return outcomes.social_optimum(self)

    def monopoly(self) -> Equilibrium:
        """Return the prices of one owner of all leaders who maximises the sum of their utilities.

        With individual prices the maximum is exact unless capacities and budgets bind together. With uniform prices it
        is the best of the peaks found from several starts: the sum has many.
        """
        return outcomes.monopoly(self)

    def simultaneous(self) -> Equilibrium:
        """Return the Nash equilibrium when leaders and followers move at once: every leader asks its cap.

        A leader that takes what is bought for given earns more at any higher price.
        """
        return outcomes.simultaneous(self)
