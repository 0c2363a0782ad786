"""The social game (002): one price per leader, followers paired by price, friends who gain from one another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import is_numpy_array
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from simmig import contracts
from simmig.contracts import Array, BoolArray, Certificate, Equilibrium, FloatArray, GameInputs, PricingGame
from simmig.games._social import outcomes, utilities
from simmig.games._social.admm import followers_by_admm, solve_by_admm
from simmig.games._social.batch import certificates, each, for_each, for_prices
from simmig.games._social.capacity import Rationed
from simmig.games._social.certificate import certify
from simmig.games._social.gradient import linked
from simmig.games._social.inputs import check_prices, check_round, made, plain
from simmig.games._social.market import Market
from simmig.games._social.solution import stackelberg
from simmig.games._social.stage import dense, responded, stage
from simmig.games._social.table import Table

LeaderModel = Literal["anticipating", "myopic"]
InfeasibleDeadline = Literal["relax", "error"]


class Game(contracts.Game):
    """Social game of 002: RSUs post one price each, vehicles buy bandwidth and gain from their friends' purchases.

    Preferences of a vehicle: `alpha` (worth of the first unit of bandwidth), `beta` > 0 (how fast that falls). Ties
    must not be negative.
    """

    preferences: ClassVar[tuple[str, ...] | None] = ("alpha", "beta")
    offers: ClassVar[tuple[str, ...] | None] = ()

    leader_model: LeaderModel = Field(
        default="anticipating",
        description="anticipating leaders know that demand answers their price; myopic ones, as in 002 (4) and (15), "
        "take what vehicles gain from one another for given",
    )
    bandwidth_unit_hz: float = Field(
        default=1e7, gt=0.0, description="bandwidth that one unit of demand and of price refers to"
    )
    infeasible_deadline: InfeasibleDeadline = Field(
        default="relax",
        description="what to do with a vehicle whose deadline no bandwidth can meet at some admissible prices: drop "
        "the deadline in this round, or stop with an error",
    )

    def build(self, inputs: GameInputs) -> PricingGame:
        """Return the game of one round, a SocialGame; the round's arrays must not change any more.

        Raises InputError for parameters outside the model and NoEquilibrium if demand has no bound
        (2 diag(beta) - W not positive definite) or, with infeasible_deadline = "error", a deadline cannot be met.
        """
        check_round(inputs)
        efficiency = np.where(inputs.eligible, inputs.efficiency_bit_s_hz, 1.0)
        given = {
            "alpha": inputs.preferences["alpha"],
            "beta": inputs.preferences["beta"],
            "ties": inputs.ties,
            "work_s": inputs.size_bit[:, None] / (efficiency * self.bandwidth_unit_hz),
            "delay_s": inputs.delay_s,
            "deadline_s": inputs.deadline_s,
            "cost": inputs.cost,
            "price_max": inputs.price_max,
            "capacity": inputs.capacity_hz / self.bandwidth_unit_hz,
            "eligible": inputs.eligible,
        }
        return SocialGame.make(
            **{name: _view(values) for name, values in given.items()},
            leader_model=self.leader_model,
            infeasible_deadline=self.infeasible_deadline,
            bandwidth_unit_hz=self.bandwidth_unit_hz,
        )


def _view(values: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view, which `make` need not copy: ties may be large."""
    view = values.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True)
class SocialGame:
    """Social games of one shape, I followers and J leaders, any leading batch axes `...`; made by `make`.

    `alpha`, `beta`, `deadline_s[..., I]`; `ties[..., I, I]`; `work[..., I, J]`, the time in seconds to send a twin on
    one unit of bandwidth; `delay_s[..., I, J]`; `cost`, `price_max`, `capacity[..., J]`, the last in units of
    `bandwidth_unit_hz` as demands are. `deadline_s` is inf where there is none or `is_relaxed[..., I]` says that it
    was dropped. `refused` says which games of the batch have no equilibrium at all; `tensors` are the parameters that
    were given as such.
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
    capacity: FloatArray
    eligible: BoolArray
    leader_model: LeaderModel
    infeasible_deadline: InfeasibleDeadline
    bandwidth_unit_hz: float
    table: Table = field(repr=False)
    market: Market = field(repr=False)
    refused: dict[tuple[int, ...], str] = field(default_factory=dict)
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def make(
        cls,
        *,
        alpha: Array,
        beta: Array,
        ties: Array,
        work_s: Array,
        delay_s: Array,
        cost: Array,
        price_max: Array,
        deadline_s: Array = np.inf,
        capacity: Array = np.inf,
        eligible: ArrayLike = True,
        leader_model: LeaderModel = "anticipating",
        infeasible_deadline: InfeasibleDeadline = "relax",
        bandwidth_unit_hz: float = 1e7,
    ) -> SocialGame:
        """Return checked games; parameters as in the class, arrays or torch tensors, are broadcast.

        Raises InputError that names the parameter, the player and the game. A single game without an equilibrium
        raises NoEquilibrium; one of a batch is listed in `refused`.
        """
        given = {
            "alpha": alpha,
            "beta": beta,
            "ties": ties,
            "work": work_s,
            "delay_s": delay_s,
            "deadline_s": deadline_s,
            "cost": cost,
            "price_max": price_max,
            "capacity": capacity,
        }
        rules: dict[str, Any] = {
            "leader_model": leader_model,
            "infeasible_deadline": infeasible_deadline,
            "bandwidth_unit_hz": bandwidth_unit_hz,
        }
        return cls(**made(given, eligible, rules), **rules)

    @cached_property
    def rationed(self) -> Rationed:
        """What the stage needs to know where a capacity binds."""
        return Rationed.of(self)

    @property
    def individual_prices(self) -> bool:
        """False: a leader posts one price for all, 002, section IV."""
        return False

    def pairing(self, price: Array, demand: Array | None = None) -> Array:
        """Return theta[..., I, J] = (1/p_j) / sum_l (1/p_l) over the eligible leaders; a row without any is 0."""
        return utilities.pairing(*self._at(price))

    def follower_utility(self, price: Array, demand: Array) -> Array:
        """Return 002, equation (1), for every follower: shape [..., I], in units of money."""
        return utilities.follower_utility(*self._at(price), demand)

    def leader_utility(self, price: Array, demand: Array) -> Array:
        """Return 002, equation (2), for every leader: shape [..., J], in units of money."""
        return utilities.leader_utility(*self._at(price), demand)

    def expected_delay_s(self, price: Array, demand: Array) -> Array:
        """Return sum_j theta_ij T_ij of 002, equation (6), shape [..., I]: inf where nothing is bought from some j."""
        return utilities.expected_delay_s(*self._at(price), demand)

    def best_demand(self, price: Array) -> Array:
        """Return the followers' equilibrium among themselves at these prices, shape [..., I, J].

        With torch prices or parameters it is a tensor that can be differentiated by both.
        """
        game, posted = self._at(price)
        reply, shadow_price = stage(game, plain(posted))
        if is_numpy_array(posted) and not self.tensors:
            return dense(game, reply.demand)
        return linked(game, posted, reply, shadow_price)

    def respond(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what the followers buy, [..., I, J], and the shadow prices of the leaders' capacities, [..., J].

        A follower acts as if a unit of leader j cost p_j + s_j, but pays p_j, and is paired by p_j: the normalised
        equilibrium of the followers who share the capacities, s_j (capacity_j - sum_i b_ij) = 0. Deadlines that
        capacities cannot meet together are kept in the order of the followers, each as long as those kept can be met;
        the others are dropped, or with infeasible_deadline = "error" NoEquilibrium names the follower, and the game of
        a batch; `solve` lists such games in `failures` and solves the others.
        """
        return responded(*self._at(price))

    def solve(self) -> Equilibrium:
        """Return the Stackelberg equilibrium; `converged` is False if the leaders chase one another without end.

        A leader that cannot sell at a profit, or that nobody may buy from, posts its price cap. A leader that would
        be sold out posts at least the price at which its sales just fit. Where such a leader and another one share a
        late follower there is often no equilibrium in pure prices: the other gains by making its price dearer, which
        fills the first, and by making it cheaper.
        """
        return replace(stackelberg(self._plain()), game=self)

    def certify(self, price: FloatArray, demand: FloatArray) -> Certificate:
        """Return the largest unilateral gains at any admissible prices [..., J] and demands [..., I, J].

        A follower's gain is over the demand given, prices, the others' demands and what they leave of the capacities
        fixed; it is inf where the demand given breaks a deadline that can be met, or a capacity. A leader's is that of
        its price alone: its best price against its own, the followers answering both times; a myopic leader's by its
        own belief, that the social gain, and shadow prices of the others, stay as they are.
        """
        game, posted = for_prices(self._plain(), plain(price))
        is_failed = np.isnan(posted).all(axis=-1, keepdims=True) & (posted.ndim > 1)  # a game of a batch without answer
        check_prices(game, np.where(is_failed, game.price_max, posted))
        return certificates(game, posted, plain(demand), certify)

    def best_price(self, price: FloatArray) -> FloatArray:
        """Return every leader's best price over its whole range, the others' standing, shape [..., J]."""
        game, posted = self._plain()._at(plain(price))
        return for_each(game, posted, outcomes.best_price)

    def welfare(self, price: Array, demand: Array) -> Array:
        """Return the sum of all utilities, shape [...]; payments cancel in it."""
        return self.follower_utility(price, demand).sum(-1) + self.leader_utility(price, demand).sum(-1)

    def social_optimum(self) -> Equilibrium:
        """Return the prices, which set the pairing, and the demands in time that maximise welfare.

        The shadow prices are what welfare gains from one more unit of a leader's capacity.
        """
        return each(self._plain(), outcomes.social_optimum, self)

    def monopoly(self) -> Equilibrium:
        """Return what one owner of all leaders would post: the best that is reached from several starts."""
        return each(self._plain(), outcomes.monopoly, self)

    def simultaneous(self) -> Equilibrium:
        """Return the Nash equilibrium when leaders and followers move at once: every leader asks its cap."""
        return each(self._plain(), outcomes.simultaneous, self)

    def solve_by_admm(self) -> Equilibrium:
        """Return the Stackelberg equilibrium by Algorithm 1 of 002, with capacities as one more constraint."""
        return each(self._plain(), lambda game: solve_by_admm(game)[0], self)

    def best_demand_by_admm(self, price: FloatArray) -> FloatArray:
        """Return the followers' equilibrium by the inner loop of Algorithm 1, shape [..., I, J]."""
        game, posted = self._plain()._at(plain(price))
        return for_each(game, posted, lambda one, at: followers_by_admm(one, at).demand)

    def _plain(self) -> SocialGame:
        """Return the game without its tensors."""
        return replace(self, tensors={}) if self.tensors else self

    def _at(self, price: Array) -> tuple[SocialGame, Array]:
        """Return the game and the prices with the same batch axes; ValueError for prices out of bounds."""
        game, price = for_prices(self, price)
        check_prices(game, plain(price))
        return game, price
