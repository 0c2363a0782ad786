"""What a learner in the simulation sees: flat vectors of fixed length, the fields of the agents' views, scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from simmig.contracts import FloatArray, IntArray
from simmig.engine.rounds import Published
from simmig.engine.simulation import DemandDecision, PriceDecision
from simmig.env._simulation_episode import Episode
from simmig.world import World

Observation = NDArray[np.float32]
Shown = Literal["own", "public"]

_LARGEST = float(np.finfo(np.float32).max)  # "any finite number": a Box that is not bounded cannot be sampled evenly


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of one side's observations in their order: (name, length, smallest value, largest value)."""

    fields: tuple[tuple[str, int, float, float], ...]

    @property
    def length(self) -> int:
        """Numbers in an observation."""
        return sum(length for _, length, _, _ in self.fields)

    def places(self) -> dict[str, slice]:
        """Return where each field stands in an observation."""
        found, start = {}, 0
        for name, length, _, _ in self.fields:
            found[name] = slice(start, start + length)
            start += length
        return found

    def box(self) -> Box[np.float32]:
        """Return a new space of such observations."""
        lengths = [length for _, length, _, _ in self.fields]
        low, high = (np.repeat([field[k] for field in self.fields], lengths).astype(np.float32) for k in (2, 3))
        return Box(low, high, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Scales:
    """What observations are divided by, the same in every episode: the largest values of the scenario's own world."""

    price: float
    demand_hz: float
    size_bit: float
    deadline_s: float
    preferences: dict[str, float]
    offers: dict[str, float]

    @classmethod
    def of(cls, world: World, demand_hz: float) -> Scales:
        """Return the scales of this world."""
        vehicles, rsus = world.vehicles, world.rsus
        deadline_s = np.array(vehicles.deadline_s)
        return cls(
            price=_largest(rsus.price_max),
            demand_hz=demand_hz,
            size_bit=_largest(np.array(vehicles.size_bit)),
            deadline_s=_largest(deadline_s[np.isfinite(deadline_s)]),
            preferences={name: _largest(values) for name, values in vehicles.preferences.items()},
            offers={name: _largest(values) for name, values in rsus.offers.items()},
        )


def _largest(values: FloatArray) -> float:
    """Return the largest magnitude, 1 if there is none to divide by."""
    return float(np.abs(values).max(initial=0.0)) or 1.0


class Leaders:
    """Observations of all RSUs, [J, F]: what a LeaderView shows with this `information`, and 0 where it shows nothing.

    Prices are in `scales.price`, demands in `scales.demand_hz`, utilities in their product, time as a share of the
    run; counts are counts. A leader that is not asked now sees no count.
    """

    def __init__(self, world: World, scales: Scales, information: Shown) -> None:
        count = world.rsus.sites.count
        own = [
            ("is_playing", 1, 0.0, 1.0),
            ("time", 1, 0.0, 1.0),
            ("cost", 1, 0.0, _LARGEST),
            ("price_max", 1, 0.0, _LARGEST),
            ("eligible_count", 1, 0.0, _LARGEST),
            ("followers", 1, 0.0, _LARGEST),
            ("is_known", 1, 0.0, 1.0),
            ("last_price", 1, 0.0, _LARGEST),
            ("last_demand", 1, 0.0, _LARGEST),
            ("last_utility", 1, -_LARGEST, _LARGEST),
        ]
        self._market = _market_fields(count, ("market_price", "market_demand")) if information == "public" else []
        self.layout = Layout((*own, *self._market))
        self._scales = scales

    def observe(self, episode: Episode) -> Observation:
        """Return what the RSUs see now, [J, F]."""
        scales, rsus, places = self._scales, episode.world.rsus, self.layout.places()
        seen = np.zeros((rsus.sites.count, self.layout.length))
        demand_scale = scales.demand_hz / episode.present.game.bandwidth_unit_hz
        seen[:, places["time"]] = _time_share(episode)
        seen[:, places["cost"]] = rsus.cost[:, None] / scales.price
        seen[:, places["price_max"]] = rsus.price_max[:, None] / scales.price
        if isinstance(episode.decision, PriceDecision):
            asked = episode.decision.round
            seen[asked.rsu, places["is_playing"]] = 1.0
            seen[asked.rsu, places["eligible_count"]] = asked.inputs.eligible.sum(axis=0)[:, None]
            seen[asked.rsu, places["followers"]] = len(asked.migrations)
        published = episode.published
        seen[:, places["is_known"]] = _known(published)[:, None]
        seen[:, places["last_price"]] = _filled(published.price)[:, None] / scales.price
        seen[:, places["last_demand"]] = _filled(published.demand)[:, None] / demand_scale
        seen[:, places["last_utility"]] = _filled(published.utility)[:, None] / (scales.price * demand_scale)
        if self._market:
            seen[:, places["market_is_known"]] = _known(published)
            seen[:, places["market_price"]] = _filled(published.price) / scales.price
            seen[:, places["market_demand"]] = _filled(published.demand) / demand_scale
        return seen.astype(np.float32)


class Followers:
    """Observations of vehicles, [K, F]: what a FollowerView shows with this `information`, one number for each RSU.

    Prices and demands as for leaders; the size of the twin, the deadline, preferences and offers in the largest of the
    world; efficiency_bit_s_hz and delay_s as they are. RSUs that are not in the round, and all of them for a vehicle
    that is not asked now, have 0.
    """

    def __init__(self, world: World, scales: Scales, information: Shown) -> None:
        count = world.rsus.sites.count
        preferences = [(f"preferences.{name}", 1, -_LARGEST, _LARGEST) for name in world.vehicles.preferences]
        offers = [(f"offers.{name}", count, -_LARGEST, _LARGEST) for name in world.rsus.offers]
        own = [
            ("is_playing", 1, 0.0, 1.0),
            ("time", 1, 0.0, 1.0),
            *preferences,
            ("size", 1, 0.0, _LARGEST),
            ("has_deadline", 1, 0.0, 1.0),
            ("deadline", 1, 0.0, _LARGEST),
            ("eligible", count, 0.0, 1.0),
            ("price", count, 0.0, _LARGEST),
            ("efficiency_bit_s_hz", count, 0.0, _LARGEST),
            ("delay_s", count, 0.0, _LARGEST),
            *offers,
        ]
        self._market = _market_fields(count, ("market_demand",)) if information == "public" else []
        self.layout = Layout((*own, *self._market))
        self._scales = scales

    def observe(self, episode: Episode, vehicle: IntArray) -> Observation:
        """Return what the vehicles vehicle[K] see now, [K, F]."""
        scales, vehicles, places = self._scales, episode.world.vehicles, self.layout.places()
        seen = np.zeros((len(vehicle), self.layout.length))
        seen[:, places["time"]] = _time_share(episode)
        for name, scale in scales.preferences.items():
            seen[:, places[f"preferences.{name}"]] = vehicles.preferences[name][vehicle, None] / scale
        seen[:, places["size"]] = np.array(vehicles.size_bit)[vehicle, None] / scales.size_bit
        deadline_s = np.array(vehicles.deadline_s)[vehicle, None]
        has_deadline = np.isfinite(deadline_s)
        seen[:, places["has_deadline"]] = has_deadline
        seen[:, places["deadline"]] = np.where(has_deadline, deadline_s, 0.0) / scales.deadline_s
        if isinstance(episode.decision, DemandDecision):
            self._add_round(seen, vehicle, episode.decision)
            if self._market:
                self._add_market(seen, episode.decision, scales.demand_hz / episode.present.game.bandwidth_unit_hz)
        return seen.astype(np.float32)

    def _add_round(self, seen: FloatArray, vehicle: IntArray, asked: DemandDecision) -> None:
        round_, inputs, places = asked.round, asked.round.inputs, self.layout.places()
        row_of = {migration.vehicle: i for i, migration in enumerate(round_.migrations)}
        here = np.array([k for k, v in enumerate(vehicle.tolist()) if v in row_of], dtype=np.int64)
        rows = np.array([row_of[v] for v in vehicle[here].tolist()], dtype=np.int64)
        seen[here, places["is_playing"]] = 1.0
        price = np.broadcast_to(asked.price, inputs.eligible.shape)
        tables = {
            "eligible": inputs.eligible,
            "price": price / self._scales.price,
            "efficiency_bit_s_hz": inputs.efficiency_bit_s_hz,
            "delay_s": inputs.delay_s,
            **{
                f"offers.{name}": np.broadcast_to(values / self._scales.offers[name], price.shape)
                for name, values in inputs.offers.items()
            },
        }
        for name, table in tables.items():
            seen[here[:, None], places[name].start + round_.rsu] = table[rows]

    def _add_market(self, seen: FloatArray, asked: DemandDecision, demand_scale: float) -> None:
        published, rsu, places = asked.round.published, asked.round.rsu, self.layout.places()
        here = seen[:, places["is_playing"]] > 0.0
        for name, values in (
            ("market_is_known", _known(published)),
            ("market_demand", _filled(published.demand) / demand_scale),
        ):
            seen[:, places[name].start + rsu] = np.where(here, values[rsu], 0.0)


def _market_fields(count: int, names: Sequence[str]) -> list[tuple[str, int, float, float]]:
    return [("market_is_known", count, 0.0, 1.0), *((name, count, 0.0, _LARGEST) for name in names)]


def _time_share(episode: Episode) -> float:
    now_ns = episode.now_ns if episode.decision is None else episode.decision.round.time_ns
    return min(1.0, now_ns / max(episode.world.end_ns, 1))


def _known(published: Published) -> FloatArray:
    return np.isfinite(published.price).astype(np.float64)


def _filled(values: FloatArray) -> FloatArray:
    """Return the values with 0 where nothing was published yet."""
    return np.where(np.isfinite(values), values, 0.0)
