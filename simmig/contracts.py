"""What plug-ins implement, and what they are shown.

A plug-in is one file; the file's name is its name in a scenario, its class is named after its kind (`Agent`,
`Channel`, `Format`, `Game`, `Trigger`) and its pydantic fields are its settings. Sizes in the docstrings:
I followers (vehicles), J leaders (RSUs), V vehicles of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from simmig.errors import AgentError, PluginError

if TYPE_CHECKING:
    from simmig.rng import Draws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Array = Any  # a NumPy array or a torch tensor: anything that follows the array API standard
Information = Literal["own", "public", "full"]


class Plugin(BaseModel):
    """Base of every plug-in: its fields are its settings, checked strictly, unknown ones refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


# --- games ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GameInputs:
    """What a pricing round knows about its players, in physical units; a game plug-in builds its game from it.

    `preferences` holds the followers' named game parameters (alpha, beta, ...), each of shape [I], and `offers` the
    leaders' (quality, ...), each of shape [J]; `ties[I, I]` is symmetric with a zero diagonal; `delay_s[I, J]` is the
    part of the migration delay that bandwidth does not change (expected wait plus re-instantiation); `deadline_s[I]`
    may be inf; `capacity_hz[J]`, what a leader can sell in all, may be inf.
    """

    preferences: dict[str, FloatArray]
    ties: FloatArray
    size_bit: FloatArray  # [I]
    efficiency_bit_s_hz: FloatArray  # [I, J]
    delay_s: FloatArray  # [I, J]
    deadline_s: FloatArray  # [I]
    cost: FloatArray  # [J]
    price_max: FloatArray  # [J]
    capacity_hz: FloatArray  # [J]
    eligible: BoolArray  # [I, J]
    offers: dict[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Certificate:
    """How much any single player could still gain, found by a global search that shares no code with the solver.

    `follower_gap[..., I]` with prices fixed, `leader_gap[..., J]` with the followers responding again; utilities'
    units. `*_relative` divides by the larger of the player's utility and 1e-12.
    """

    follower_gap: FloatArray
    leader_gap: FloatArray
    follower_gap_relative: FloatArray
    leader_gap_relative: FloatArray


@dataclass(frozen=True)
class Equilibrium:
    """A solved game, or a batch of them along the leading axes `...`, with its certificate.

    `demand[..., I, J]` and `shadow_price[..., J]` (what one more unit of a leader's capacity is worth to a follower;
    0 where capacity does not bind) refer to the game's bandwidth unit, as `price` does: [..., J], or [..., I, J] where
    a leader prices every follower by itself. `failures` says why a game of a batch has no equilibrium, by its place
    in the batch: the numbers of such a game are NaN, those of the others are what they would be alone.
    """

    game: PricingGame = field(repr=False, compare=False)
    price: FloatArray
    demand: FloatArray
    shadow_price: FloatArray
    follower_utility: FloatArray
    leader_utility: FloatArray
    converged: BoolArray  # [...], 0-d for one game
    iterations: IntArray  # [...]
    failures: dict[tuple[int, ...], str] = field(default_factory=dict)

    @cached_property
    def certificate(self) -> Certificate:
        """What any player could still gain here; searched on first use."""
        return self.game.certify(self.price, self.demand)


class PricingGame(Protocol):
    """Games of one shape: immutable parameters and pure functions of prices and demands.

    Shapes are those of Equilibrium. A round of a simulation is one game without batch axes.
    """

    @property
    def bandwidth_unit_hz(self) -> float:
        """Bandwidth of one unit of demand."""

    @property
    def individual_prices(self) -> bool:
        """Whether a leader prices every follower by itself: prices are [..., I, J] then, and [..., J] otherwise."""

    def pairing(self, price: Array, demand: Array) -> Array:
        """Return theta[..., I, J], the probability that follower i is served by leader j; rows sum to 1 or 0."""

    def follower_utility(self, price: Array, demand: Array) -> Array:
        """Return the followers' utilities, shape [..., I]."""

    def leader_utility(self, price: Array, demand: Array) -> Array:
        """Return the leaders' utilities, shape [..., J]."""

    def best_demand(self, price: Array) -> Array:
        """Return the followers' equilibrium among themselves at these prices, shape [..., I, J]."""

    def solve(self) -> Equilibrium:
        """Return the Stackelberg equilibrium.

        Raises NoEquilibrium with the player and the reason if a single game has none; a batch reports in `failures`.
        """

    def certify(self, price: FloatArray, demand: FloatArray) -> Certificate:
        """Return the largest unilateral gains at a point that need not come from `solve`."""


@runtime_checkable
class AnalyticGame(PricingGame, Protocol):
    """A game that also knows its players' best replies and what other rules of play would lead to."""

    def best_price(self, price: FloatArray) -> FloatArray:
        """Return every leader's own best prices while the others' stand and the followers respond, shape of `price`."""

    def welfare(self, price: Array, demand: Array) -> Array:
        """Return the sum of all players' utilities, shape [...]."""

    def social_optimum(self) -> Equilibrium:
        """Return the outcome with the largest welfare, and the prices that go with it."""

    def monopoly(self) -> Equilibrium:
        """Return what one owner of all leaders would post, the followers responding."""

    def simultaneous(self) -> Equilibrium:
        """Return the Nash equilibrium of leaders and followers who move at once."""


def analytic(game: PricingGame | None, agent: str) -> AnalyticGame:
    """Return the game that an agent was shown; raises AgentError if it cannot say what this agent needs."""
    if not isinstance(game, AnalyticGame):
        raise AgentError(f"agent {agent} needs a game with best_price, social_optimum, monopoly and simultaneous")
    return game


class Game(Plugin):
    """A family of games: `build` makes the game of one round.

    `preferences` and `offers` are the names that it reads of vehicles and RSUs, so that a scenario with another name is
    refused; None allows any.
    """

    preferences: ClassVar[tuple[str, ...] | None] = None
    offers: ClassVar[tuple[str, ...] | None] = None

    def build(self, inputs: GameInputs) -> PricingGame:
        """Return the game that these players play."""
        raise PluginError(f"{type(self).__module__}: class Game has no method build(inputs)")


# --- agents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeaderView:
    """What a leader agent sees before it prices. Arrays have length J' = 1 (own, public) or J (full).

    `followers` is I, the number of vehicles in the round, `has_individual_prices` whether the game lets a leader price
    each of them by itself. `last_*` are NaN before the first round in which the RSU took part. `market_*[J]` are the
    last published prices and sales of every RSU (public and full), `game` the whole game (full only).
    """

    round: int
    time_s: float
    rsu: tuple[str, ...]
    cost: FloatArray
    price_max: FloatArray
    eligible_count: IntArray
    followers: int
    has_individual_prices: bool
    last_price: FloatArray
    last_demand: FloatArray
    last_utility: FloatArray
    draws: Draws
    market_price: FloatArray | None = None
    market_demand: FloatArray | None = None
    game: PricingGame | None = None


@dataclass(frozen=True, slots=True)
class FollowerView:
    """What a follower agent sees once prices are posted. I' = 1 (own, public) or I (full).

    Prices are posted, so everyone sees `price[J]`, or its own ones `price[I', J]` in a game of individual prices;
    `eligible[I', J]`; `offers[J]` are the leaders' named parameters; `game` (full only) holds everything else.
    `alone()` returns the game of the followers in the view as if no other bought and no tie bound them: what one can
    work out from its own parameters and the posted prices.
    """

    round: int
    time_s: float
    vehicle: tuple[str, ...]
    preferences: dict[str, FloatArray]
    size_bit: FloatArray
    deadline_s: FloatArray
    efficiency_bit_s_hz: FloatArray
    delay_s: FloatArray
    price: FloatArray
    eligible: BoolArray
    bandwidth_unit_hz: float
    offers: dict[str, FloatArray]
    alone: Callable[[], PricingGame]
    draws: Draws
    market_demand: FloatArray | None = None
    game: PricingGame | None = None


class Agent(Plugin):
    """A player. Override `price` to lead, `demand` to follow, or both; `information` says what it is shown."""

    information: ClassVar[Information] = "own"

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Read the files that the settings name, from the scenario's `folder`; called once before a run.

        Returns what the run's document should say of them (JSON), such as a fingerprint. Raises InputError.
        """
        return {}

    def price(self, view: LeaderView) -> FloatArray:
        """Return the unit prices of the RSUs in the view, each between cost and price_max.

        Shape [J'], or [I, J'] where the game has individual prices; [J'] is then the same price for every vehicle.
        """
        raise PluginError(f"{type(self).__module__} does not play leaders: its class Agent has no method price(view)")

    def demand(self, view: FollowerView) -> FloatArray:
        """Return the demands, shape [I', J], in units of `bandwidth_unit_hz`, not negative, 0 where not eligible."""
        raise PluginError(
            f"{type(self).__module__} does not play followers: its class Agent has no method demand(view)"
        )


# --- channels -------------------------------------------------------------------------------------------------


class Channel(Plugin):
    """Large-scale channel: the power gain against distance."""

    def path_loss_db(self, distance_m: FloatArray, carrier_hz: float) -> FloatArray:
        """Return the path loss in dB, same shape as `distance_m`."""
        raise PluginError(f"{type(self).__module__}: class Channel has no method path_loss_db")


# --- triggers -------------------------------------------------------------------------------------------------


class ArmedTrigger(Protocol):
    """A trigger prepared for one run: everything that geometry alone decides is already computed."""

    def next(self, vehicle: int, host: int, after_ns: int, *, retry: bool) -> tuple[int, int] | None:
        """Return (time_ns, target) of the next migration request, or None if there is none any more.

        `host` is the RSU that holds the twin, or will when the migration in flight completes; `time_ns >= after_ns`;
        `target` is the RSU the trigger prefers, or -1 if no RSU can take the twin. With `retry`, an earlier request
        failed: fire at `after_ns` if the vehicle still wants to leave `host`.
        """
