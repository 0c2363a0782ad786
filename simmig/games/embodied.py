"""The embodied game (003): one price per leader, pairing by quality over price, purchases worth more in company."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace, is_numpy_array
from pydantic import Field

from simmig import contracts
from simmig.contracts import Array, Certificate, Equilibrium, FloatArray, GameInputs, PricingGame
from simmig.errors import InputError
from simmig.games._embodied import outcomes
from simmig.games._embodied.certificate import certify
from simmig.games._embodied.check import AXES, parameters, plain, product, room
from simmig.games._embodied.gradient import linked
from simmig.games._embodied.inputs import checked_inputs, deadlines
from simmig.games._embodied.stage import Stage

Effects = Literal["additive", "multiplicative"]
LeaderModel = Literal["anticipating", "myopic"]


class Game(contracts.Game):
    """Embodied game of 003: RSUs post one price each, vehicles are paired by quality over price.

    Preferences of a vehicle: `delta` (worth of bandwidth), `delay_cost` (alpha_i T_i^th of (9), 0 if not given). Offers
    of an RSU: `quality` (1 - A-DISTS), `quality_threshold`, and `reputation` (k_j of (4), 1 if not given).
    """

    preferences: ClassVar[tuple[str, ...] | None] = ("delta", "delay_cost")
    offers: ClassVar[tuple[str, ...] | None] = ("quality", "quality_threshold", "reputation")
    effects: Effects = Field(
        default="additive",
        description="additive: purchases add to one another's worth as 003 (9) states; multiplicative: they scale it, "
        "as 003 (14)-(25) analyses",
    )
    leader_model: LeaderModel = Field(
        default="anticipating",
        description="anticipating leaders know that demand answers their price; myopic ones take what vehicles gain "
        "from one another's and their own other purchases for given",
    )
    complement: float = Field(
        default=0.0, ge=0.0, description="eta of any two RSUs: what bandwidth at one adds to the worth of the other"
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
        """Return the game of one round, an EmbodiedGame; InputError for parameters outside the model.

        Raises NoEquilibrium, with infeasible_deadline = "error", if a deadline cannot be met.
        """
        given = checked_inputs(inputs)
        leaders = len(inputs.cost)
        work_s = inputs.size_bit[:, None] / np.where(inputs.eligible, inputs.efficiency_bit_s_hz, 1.0)
        return EmbodiedGame.make(
            delta=given["delta"],
            delay_cost=given["delay_cost"],
            ties=inputs.ties,
            complement=self.complement * (1.0 - np.eye(leaders)),
            quality=given["quality"],
            cost=inputs.cost,
            price_max=inputs.price_max,
            work_s=work_s / self.bandwidth_unit_hz,
            delay_s=inputs.delay_s,
            deadline_s=deadlines(inputs, given["quality"], self.infeasible_deadline == "error"),
            capacity=inputs.capacity_hz / self.bandwidth_unit_hz,
            eligible=inputs.eligible,
            effects=self.effects,
            leader_model=self.leader_model,
            bandwidth_unit_hz=self.bandwidth_unit_hz,
        )


@dataclass(frozen=True, slots=True)
class EmbodiedGame:
    """Embodied games of one shape, I followers and J leaders, with batch axes `...`; make them with `make`.

    Demands are in units of `bandwidth_unit_hz`, prices and costs for one such unit. If `make` was given a torch tensor,
    the parameters are tensors that keep their gradients; otherwise they are read-only NumPy arrays.
    """

    delta: Array  # [..., I]
    delay_cost: Array  # [..., I], alpha_i T_i^th
    ties: Array  # [..., I, I], zeta
    complement: Array  # [..., J, J], eta
    quality: Array  # [..., I, J], q_j of (4)
    cost: Array  # [..., I, J]
    price_max: Array  # [..., J]
    work_s: Array  # [..., I, J]
    delay_s: Array  # [..., I, J]
    deadline_s: Array  # [..., I]
    capacity: Array  # [..., J]
    eligible: Array  # [..., I, J], bool
    effects: Effects
    leader_model: LeaderModel
    bandwidth_unit_hz: float

    @classmethod
    def make(
        cls,
        *,
        delta: Array,
        delay_cost: Array,
        ties: Array,
        complement: Array,
        quality: Array,
        cost: Array,
        price_max: Array,
        work_s: Array,
        delay_s: Array,
        deadline_s: Array = math.inf,
        capacity: Array = math.inf,
        eligible: Array = True,
        effects: Effects = "additive",
        leader_model: LeaderModel = "anticipating",
        bandwidth_unit_hz: float = 1e7,
    ) -> EmbodiedGame:
        """Return games of these parameters, broadcast over their leading batch axes.

        delta, delay_cost, deadline_s [..., I]; ties [..., I, I]; complement [..., J, J]; price_max, capacity [..., J];
        quality, cost [..., J] or [..., I, J]; work_s (seconds to send the twin on one unit of bandwidth), delay_s and
        eligible [..., I, J]. Raises InputError for the first parameter outside the model.
        """
        values = delta, delay_cost, ties, complement, quality, cost, price_max
        given = dict(zip(AXES, (*values, work_s, delay_s, deadline_s, capacity, eligible), strict=True))
        if effects not in ("additive", "multiplicative"):
            raise InputError(f"game embodied: effects is {effects!r}, expected 'additive' or 'multiplicative'")
        if leader_model not in ("anticipating", "myopic"):
            raise InputError(f"game embodied: leader_model is {leader_model!r}, expected 'anticipating' or 'myopic'")
        if not 0.0 < bandwidth_unit_hz < math.inf:
            raise InputError(f"game embodied: bandwidth_unit_hz is {bandwidth_unit_hz!r}, expected a number above 0")
        return cls(
            **parameters(given), effects=effects, leader_model=leader_model, bandwidth_unit_hz=float(bandwidth_unit_hz)
        )

    @property
    def individual_prices(self) -> bool:
        """False: a leader posts one price to all."""
        return False

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch axes of the games."""
        return tuple(self.delta.shape[:-1])

    def pairing(self, price: Array, demand: Array | None = None) -> Array:
        """Return theta_ij = (q_j / p_j) / sum_l (q_l / p_l) over the leaders eligible for i; a row without any is 0.

        003, section IV-A: a pairing by prices [..., J] and not by demand, which is not looked at.
        """
        xp, (quality, eligible) = self._in_kind_of(price, "quality", "eligible")
        pull = xp.where(eligible, quality / price[..., None, :], 0.0)
        total = xp.sum(pull, axis=-1, keepdims=True)
        return pull / xp.where(total > 0.0, total, 1.0)

    def follower_utility(self, price: Array, demand: Array) -> Array:
        """Return 003 (9), or the utility that (14)-(25) analyse, at prices [..., J] and demands [..., I, J]: [..., I].

        Multiplicative: sum_j theta_ij [A_ij ln(b_ij + E_i) - p_j b_ij] with A_ij = delta_i (1 + sum_k zeta_ik b_kj +
        sum_s eta_js b_is), which a follower takes for given when it chooses b_i.
        """
        names = "delta", "delay_cost", "ties", "complement", "eligible"
        xp, (delta, delay_cost, ties, complement, eligible) = self._in_kind_of(price, *names)
        theta = self.pairing(price)
        space = xp.where(eligible, demand + room(delay_cost)[..., None], 1.0)
        delta = delta[..., None]
        gain = product(xp, ties, demand) + product(xp, demand, complement)
        if self.effects == "multiplicative":
            each = delta * (1.0 + gain) * xp.log(space) - price[..., None, :] * demand
        else:
            each = delta * xp.log(space) + demand * (gain - price[..., None, :])
        return xp.sum(theta * each, axis=-1)

    def leader_utility(self, price: Array, demand: Array) -> Array:
        """Return 003 (10) at prices [..., J] and demands [..., I, J]: shape [..., J]."""
        xp, (cost,) = self._in_kind_of(price, "cost")
        return xp.sum(self.pairing(price) * demand * (price[..., None, :] - cost), axis=-2)

    def welfare(self, price: Array, demand: Array) -> Array:
        """Return the sum of all utilities, shape [...]: payments cancel."""
        xp = array_namespace(price)
        earned = xp.sum(self.leader_utility(price, demand), axis=-1)
        return xp.sum(self.follower_utility(price, demand), axis=-1) + earned

    def expected_delay_s(self, price: Array, demand: Array) -> Array:
        """Return sum_j theta_ij T_ij of 003 (11), shape [..., I]: inf where nothing is bought from some j."""
        xp, (work_s, delay_s, eligible) = self._in_kind_of(price, "work_s", "delay_s", "eligible")
        buys = eligible & (demand > 0.0)
        sent_s = xp.where(buys, work_s / xp.where(buys, demand, 1.0), math.inf)
        mean_s = xp.where(eligible, self.pairing(price) * (sent_s + delay_s), 0.0)
        return xp.sum(mean_s, axis=-1)

    def best_demand(self, price: Array) -> Array:
        """Return what the followers buy at prices [..., J], shape [..., I, J]: see `respond`.

        For a torch tensor, or a game made of tensors, the answer carries the gradient: one Newton step of the
        conditions that hold at the solution, which does not move it, is taken in torch. It is that of the purchases,
        deadlines and capacities that bind.
        """
        demand, shadow_price = self.respond(plain(price))
        if is_numpy_array(price) and is_numpy_array(self.delta):
            return demand
        return linked(self, price, demand, shadow_price)

    def respond(self, price: Array) -> tuple[FloatArray, FloatArray]:
        """Return the followers' equilibrium among themselves, demands [..., I, J] and shadow prices [..., J].

        Effects only add, so of several equilibria there is a least one, which followers reach who start from nothing:
        that is the answer wherever deadlines and capacities are slack. Otherwise it is the normalised one, in which a
        unit at j costs everybody the shadow price s_j more in the marginal condition (it is not paid). In the additive
        game with a complement no follower gains by a small change or at one leader; `certify` checks several.

        Raises NoEquilibrium if demand has no bound, or deadlines cannot be met; in a batch such a game is NaN.
        """
        return Stage.of(self.plain).respond(plain(price))

    def solve(self) -> Equilibrium:
        """Return the Stackelberg equilibrium; `converged` is False if the leaders chase one another without end.

        It is False too where one would post the price beyond which deadlines and capacities clash.
        A price at which demand has no bound counts as -inf, and a leader that cannot sell at a profit posts its cap. No
        equilibrium, hence NoEquilibrium or a line in `failures`: demand without bound at every price; a leader whose
        best price is the edge of that; a follower that gains by buying more at several leaders at once.
        """
        return outcomes.stackelberg(self.plain)

    def best_price(self, price: FloatArray) -> FloatArray:
        """Return every leader's own best price while the others' of `price[..., J]` stand: [..., J].

        A leader that can earn nothing posts its cap. One that earns most at the edge below which its followers' demand
        has no bound has no best price: the answer is one above that edge by less than a part in 1e6 of its range.
        """
        return outcomes.best_price(self.plain, plain(price))

    def monopoly(self) -> Equilibrium:
        """Return prices at which one owner of all leaders cannot raise their sum of utilities by changing any of them.

        Every price is searched over its whole range while the others stand; prices that have to move together to gain
        more are not looked for.
        """
        return outcomes.monopoly(self.plain)

    def simultaneous(self) -> Equilibrium:
        """Return the Nash equilibrium when leaders and followers move at once: every leader posts its cap.

        With demand held, theta_ij (p_j - c_ij) b_ij rises with p_j, because q (p - c) / (q + p Y) does.
        """
        return outcomes.simultaneous(self.plain)

    def social_optimum(self) -> Equilibrium:
        """Return the demands of a planner who maximises the sum of all utilities; `price` is the leaders' mean cost.

        Payments cancel but the pairing goes by price: the planner posts the cost, the mean over the eligible followers
        (the cap for a leader without any). Deadlines and capacities hold. With ties or complements a sum of utilities
        grows without bound where a leader's capacity is infinite: NoEquilibrium. Otherwise it is not concave, and
        the answer is the best of several local maxima.
        """
        return outcomes.social_optimum(self.plain)

    def certify(self, price: Array, demand: Array) -> Certificate:
        """Return the largest unilateral gains at any prices [..., J] and demands [..., I, J].

        A follower's gain is with prices and the others' purchases fixed, over what capacities leave it; inf where it
        has no bound or the demand given breaks the deadline. Multiplicative followers take the effects for given, those
        of their own other purchases included. A leader's gain is the followers answering both times; a
        myopic leader's by its own belief, that the effects stay as they are.
        """
        return certify(self.plain, plain(price), plain(demand))

    @property
    def plain(self) -> EmbodiedGame:
        """The same games in NumPy arrays."""
        if is_numpy_array(self.delta):
            return self
        arrays: dict[str, Any] = {name: plain(getattr(self, name)) for name in AXES}
        return replace(self, **{**arrays, "eligible": arrays["eligible"] != 0.0})

    def _in_kind_of(self, price: Array, *names: str) -> tuple[Any, list[Array]]:
        """Return the array namespace of prices and parameters, and parameters as arrays of that kind."""
        values = [getattr(self, name) for name in names]
        if is_numpy_array(price) == is_numpy_array(self.delta):
            return array_namespace(price), values
        if is_numpy_array(price):
            raise InputError("game embodied: prices are a NumPy array, expected a torch tensor as the parameters are")
        xp = array_namespace(price)
        return xp, [xp.asarray(np.array(x), device=price.device) for x in values]
