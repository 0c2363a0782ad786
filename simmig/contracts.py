"""What plug-ins implement, and what they are shown.

A plug-in is one file; the file's name is its name in a scenario, its class is named after its kind (`Agent`,
`Channel`, `Format`, `Game`, `Trigger`) and its pydantic fields are its settings. Sizes in the docstrings:
I followers (vehicles), J leaders (RSUs), V vehicles of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from simmig.errors import PluginError

if TYPE_CHECKING:
    from simmig.rng import Draws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Information = Literal["own", "public", "full"]


class Plugin(BaseModel):
    """Base of every plug-in: its fields are its settings, checked strictly, unknown ones refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


# --- games ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GameInputs:
    """What a pricing round knows about its players, in physical units; a game plug-in builds its game from it.

    `preferences` holds the followers' named game parameters (alpha, beta, ...), each of shape [I]; `ties[I, I]` is
    symmetric with a zero diagonal; `delay_s[I, J]` is the part of the migration delay that bandwidth does not change
    (expected wait plus re-instantiation); `deadline_s[I]` may be inf; `capacity_hz[J]` may be inf.
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


@dataclass(frozen=True, slots=True)
class Certificate:
    """How much any single player could still gain, found by a global search that shares no code with the solver.

    `follower_gap[I]` with prices fixed, `leader_gap[J]` with the followers responding again; utilities' units.
    `*_relative` divides by the larger of the player's utility and 1e-12.
    """

    follower_gap: FloatArray
    leader_gap: FloatArray
    follower_gap_relative: FloatArray
    leader_gap_relative: FloatArray


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """A solved game: `price[J]`, `demand[I, J]` in the game's bandwidth unit, utilities and how it was found."""

    price: FloatArray
    demand: FloatArray
    follower_utility: FloatArray
    leader_utility: FloatArray
    converged: bool
    iterations: int


class PricingGame(Protocol):
    """One game of one round: immutable parameters and pure functions of prices `[J]` and demands `[I, J]`."""

    @property
    def bandwidth_unit_hz(self) -> float:
        """Bandwidth of one unit of demand."""

    def pairing(self, price: FloatArray) -> FloatArray:
        """Return theta[I, J], the probability that follower i is served by leader j; rows sum to 1 or 0."""

    def follower_utility(self, price: FloatArray, demand: FloatArray) -> FloatArray:
        """Return the followers' utilities, shape [I]."""

    def leader_utility(self, price: FloatArray, demand: FloatArray) -> FloatArray:
        """Return the leaders' utilities, shape [J]."""

    def best_demand(self, price: FloatArray) -> FloatArray:
        """Return the followers' equilibrium among themselves at these prices, shape [I, J]."""

    def solve(self) -> Equilibrium:
        """Return the Stackelberg equilibrium; raises NoEquilibrium with the player and the reason."""

    def certify(self, price: FloatArray, demand: FloatArray) -> Certificate:
        """Return the largest unilateral gains at a point that need not come from `solve`."""


class Game(Plugin):
    """A family of games: `build` makes the game of one round."""

    def build(self, inputs: GameInputs) -> PricingGame:
        """Return the game that these players play."""
        raise PluginError(f"{type(self).__module__}: class Game has no method build(inputs)")


# --- agents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeaderView:
    """What a leader agent sees before it prices. Arrays have length J' = 1 (own, public) or J (full).

    `last_*` are NaN before the first round in which the RSU took part. `market_*[J]` are the last published prices
    and sales of every RSU (public and full), `game` the whole game (full only).
    """

    round: int
    time_s: float
    rsu: tuple[str, ...]
    cost: FloatArray
    price_max: FloatArray
    eligible_count: IntArray
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

    Prices are posted, so everyone sees `price[J]`; `eligible[I', J]`; `game` (full only) holds everything else.
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
    draws: Draws
    market_demand: FloatArray | None = None
    game: PricingGame | None = None


class Agent(Plugin):
    """A player. Override `price` to lead, `demand` to follow, or both; `information` says what it is shown."""

    information: ClassVar[Information] = "own"

    def price(self, view: LeaderView) -> FloatArray:
        """Return the unit prices of the RSUs in the view, shape [J'], each between cost and price_max."""
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
