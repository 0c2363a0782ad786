"""The social game (002): one price per leader, followers paired by price, friends who gain from one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from simmig import contracts
from simmig.contracts import BoolArray, Certificate, Equilibrium, FloatArray, GameInputs, PricingGame
from simmig.errors import NoEquilibrium
from simmig.games._certificate import certify
from simmig.games._social_coupling import sums
from simmig.games._social_followers import respond
from simmig.games._social_inputs import check, slowest_mean_s
from simmig.games._social_leaders import Leaders
from simmig.games._social_market import Market, collect
from simmig.games._social_search import equilibrium

LeaderModel = Literal["anticipating", "myopic"]


class Game(contracts.Game):
    """Social game of 002: RSUs post one price each, vehicles buy bandwidth and gain from their friends' purchases.

    Preferences of a vehicle: `alpha` (worth of the first unit of bandwidth), `beta` > 0 (how fast that falls). Ties
    must not be negative. The cap on an RSU's bandwidth is no part of this game.
    """

    leader_model: LeaderModel = Field(
        default="anticipating",
        description="anticipating leaders know that demand answers their price; myopic ones, as in 002 (4) and (15), "
        "take what vehicles gain from one another for given",
    )
    bandwidth_unit_hz: float = Field(
        default=1e7, gt=0.0, description="bandwidth that one unit of demand and of price refers to"
    )
    infeasible_deadline: Literal["relax", "error"] = Field(
        default="relax",
        description="what to do with a vehicle whose deadline no bandwidth can meet at some admissible prices: drop "
        "the deadline in this round, or stop with an error",
    )

    def build(self, inputs: GameInputs) -> PricingGame:
        """Return the game of one round, a SocialGame.

        Raises InputError for parameters outside the model and NoEquilibrium if demand has no bound
        (2 diag(beta) - W not positive definite) or, with infeasible_deadline = "error", a deadline cannot be met.
        """
        check(inputs)
        eligible = inputs.eligible
        efficiency = np.where(eligible, inputs.efficiency_bit_s_hz, 1.0)
        work = inputs.size_bit[:, None] / (efficiency * self.bandwidth_unit_hz)
        delay_s = np.where(eligible, inputs.delay_s, 0.0)
        deadline_s, is_relaxed = self._deadlines(inputs, delay_s)
        alpha, beta = inputs.preferences["alpha"], inputs.preferences["beta"]
        return SocialGame(
            alpha=alpha,
            beta=beta,
            ties=inputs.ties,
            work=work,
            delay_s=delay_s,
            deadline_s=deadline_s,
            is_relaxed=is_relaxed,
            cost=inputs.cost,
            price_max=inputs.price_max,
            eligible=eligible,
            leader_model=self.leader_model,
            bandwidth_unit_hz=self.bandwidth_unit_hz,
            market=collect(
                eligible, (alpha, beta, inputs.ties), work, delay_s, deadline_s, (inputs.cost, inputs.price_max)
            ),
        )

    def _deadlines(self, inputs: GameInputs, delay_s: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Return the deadlines that hold in this round, inf for the others, and which were dropped."""
        deadline_s = inputs.deadline_s
        # No mean exceeds its largest term, so most followers need no closer look.
        doubtful = np.flatnonzero((delay_s.max(axis=1, initial=0.0) >= deadline_s) & inputs.eligible.any(axis=1))
        worst_s = slowest_mean_s(inputs, delay_s, doubtful)
        is_hopeless = worst_s >= deadline_s[doubtful]
        if self.infeasible_deadline == "error" and bool(is_hopeless.any()):
            i = int(doubtful[is_hopeless][0])
            raise NoEquilibrium(
                f"game social: follower {i} has a deadline of {deadline_s[i]:g} s, but waiting and re-instantiation "
                f"alone can take {worst_s[is_hopeless][0]:g} s; "
                'infeasible_deadline = "relax" drops such a deadline'
            )
        is_relaxed = np.zeros(len(deadline_s), bool)
        is_relaxed[doubtful[is_hopeless]] = True
        return np.where(is_relaxed, np.inf, deadline_s), is_relaxed


@dataclass(frozen=True, slots=True)
class SocialGame:
    """The social game of one round, I followers and J leaders; demands in units of `bandwidth_unit_hz`.

    `work[I, J]` is the time in seconds to send a twin on one unit of bandwidth; `deadline_s[I]` is inf where there
    is none or `is_relaxed[I]` says that it was dropped.
    """

    alpha: FloatArray
    beta: FloatArray
    ties: FloatArray
    work: FloatArray
    delay_s: FloatArray
    deadline_s: FloatArray
    is_relaxed: BoolArray
    cost: FloatArray
    price_max: FloatArray
    eligible: BoolArray
    leader_model: LeaderModel
    bandwidth_unit_hz: float
    market: Market

    @property
    def individual_prices(self) -> bool:
        """False: a leader posts one price for all, 002, section IV."""
        return False

    def pairing(self, price: FloatArray, demand: FloatArray | None = None) -> FloatArray:
        """Return theta[I, J] = (1/p_j) / sum_l (1/p_l) over the leaders eligible for i; a row without any is 0."""
        pull = np.where(self.eligible, 1.0 / self._checked(price), 0.0)
        total = pull.sum(axis=1, keepdims=True)
        return pull / np.where(total > 0.0, total, 1.0)

    def follower_utility(self, price: FloatArray, demand: FloatArray) -> FloatArray:
        """Return 002, equation (1), for every follower: shape [I], in units of money."""
        pairs = self.market.pairs
        bought = demand[pairs.follower, pairs.leader]
        value = pairs.alpha + pairs.ties.gain(bought) - self._checked(price)[pairs.leader]
        gain = pairs.theta(price) * bought * (value - pairs.beta * bought)
        return sums(pairs.follower, gain, len(self.alpha))

    def leader_utility(self, price: FloatArray, demand: FloatArray) -> FloatArray:
        """Return 002, equation (2), for every leader: shape [J], in units of money."""
        pairs = self.market.pairs
        sold = pairs.theta(self._checked(price)) * demand[pairs.follower, pairs.leader]
        return sums(pairs.leader, sold, len(price)) * (price - self.cost)

    def expected_delay_s(self, price: FloatArray, demand: FloatArray) -> FloatArray:
        """Return sum_j theta_ij T_ij of 002, equation (6), shape [I]: inf where nothing is bought from some j."""
        pairs = self.market.pairs
        bought = demand[pairs.follower, pairs.leader]
        sent_s = np.where(bought > 0.0, pairs.work / np.where(bought > 0.0, bought, 1.0), np.inf)
        mean_s = pairs.theta(self._checked(price)) * (sent_s + pairs.delay_s)
        return sums(pairs.follower, mean_s, len(self.alpha))

    def best_demand(self, price: FloatArray) -> FloatArray:
        """Return the followers' equilibrium among themselves at these prices, shape [I, J]."""
        pairs = self.market.pairs
        posted = self._checked(price)[pairs.leader]
        demand = np.zeros(self.eligible.shape)
        demand[pairs.follower, pairs.leader] = respond(self.market, posted, pairs.theta(price)).demand
        return demand

    def solve(self) -> Equilibrium:
        """Return the Stackelberg equilibrium; `converged` is False if the leaders chase one another without end.

        A leader that cannot sell at a profit, or that nobody may buy from, posts its price cap.
        """
        leaders = Leaders(self.market, self.cost, self.price_max, self.leader_model == "myopic")
        price, converged, iterations = equilibrium(leaders)
        demand = self.best_demand(price)
        return Equilibrium(
            game=self,
            price=price,
            demand=demand,
            shadow_price=np.zeros_like(price),
            follower_utility=self.follower_utility(price, demand),
            leader_utility=self.leader_utility(price, demand),
            converged=np.array(converged),
            iterations=np.array(iterations),
        )

    def certify(self, price: FloatArray, demand: FloatArray) -> Certificate:
        """Return the largest unilateral gains at any admissible prices [J] and demands [I, J].

        A follower's gain is over the demand given, the others' and the prices fixed; it is inf where the demand given
        breaks a deadline. A leader's is that of its price alone: its best price against its own, the followers
        answering both times; a myopic leader's by its own belief, that the social gain stays as it is.
        """
        return certify(self, self._checked(price), demand)

    def _checked(self, price: FloatArray) -> FloatArray:
        outside = ~((price >= self.cost) & (price <= self.price_max))
        if bool(outside.any()):
            j = int(outside.argmax())
            raise ValueError(f"price of leader {j} is {price[j]!r}, expected {self.cost[j]:g} to {self.price_max[j]:g}")
        return price
