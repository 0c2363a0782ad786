"""The rules of the market: what a pricing round knows about its players."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simmig.contracts import BoolArray, FloatArray, Game, GameInputs, IntArray
from simmig.errors import ScenarioError
from simmig.mobility.sites import Sites
from simmig.radio.link import Link
from simmig.scenario import Scenario
from simmig.twins.queueing import BackgroundSettings, mean_wait_s
from simmig.units import s_to_ns
from simmig.world.model import Rsus, Vehicles
from simmig.world.ties import make_ties


@dataclass(frozen=True, slots=True)
class MarketRules:
    """How rounds are held and where their games' numbers come from.

    ties(vehicle[I]) returns the social ties among a round's followers, [I, I]. The efficiency that a game is told is
    that of `reference_hz`: with noise per hertz it depends on the bandwidth, which the game has yet to decide.
    size_bit, cycles, deadline_s [V], preferences [V]; mean_wait_s, compute_hz, cost, price_max, offers,
    bandwidth_hz [J], inf where an RSU may sell any amount.
    """

    game: Game
    round_ns: int
    pairing: Literal["sampled", "best"]
    ties: Callable[[IntArray], FloatArray]
    sites: Sites
    links: list[Link]
    link_kind: Literal["rsu_to_rsu", "vehicle_to_rsu"]
    reference_hz: float
    size_bit: FloatArray
    cycles: FloatArray
    deadline_s: FloatArray
    preferences: dict[str, FloatArray]
    mean_wait_s: FloatArray
    compute_hz: FloatArray
    cost: FloatArray
    price_max: FloatArray
    offers: dict[str, FloatArray]
    bandwidth_hz: FloatArray
    _backhaul: FloatArray  # [J, J], efficiency from RSU to RSU; rows of NaN are not known yet

    def inputs(
        self,
        vehicle: IntArray,
        source: IntArray,
        rsu: IntArray,
        xyz_m: FloatArray,
        eligible: BoolArray,
        free_hz: FloatArray,
    ) -> GameInputs:
        """Return the inputs of a round of vehicle[I], whose twins are at source[I], and the RSUs rsu[J].

        xyz_m[I, 3] is where the vehicles are, free_hz[J] what each RSU has left to sell. The arrays are read-only:
        agents get to see them.
        """
        inputs = GameInputs(
            preferences={name: _frozen(values[vehicle]) for name, values in self.preferences.items()},
            ties=_frozen(self.ties(vehicle)),
            size_bit=_frozen(self.size_bit[vehicle]),
            efficiency_bit_s_hz=_frozen(self._efficiency(source, rsu, xyz_m)),
            delay_s=_frozen(self.mean_wait_s[rsu] + self.cycles[vehicle][:, None] / self.compute_hz[rsu]),
            deadline_s=_frozen(self.deadline_s[vehicle]),
            cost=_frozen(self.cost[rsu]),
            price_max=_frozen(self.price_max[rsu]),
            capacity_hz=_frozen(free_hz),
            eligible=eligible,
            offers={name: _frozen(values[rsu]) for name, values in self.offers.items()},
        )
        inputs.eligible.flags.writeable = False
        return inputs

    def _efficiency(self, source: IntArray, rsu: IntArray, xyz_m: FloatArray) -> FloatArray:
        if self.link_kind == "vehicle_to_rsu":
            distance_m = np.linalg.norm(xyz_m[:, None, :] - self.sites.xyz_m[rsu], axis=2)
            return self.links[0].efficiency_bit_s_hz(distance_m, self.reference_hz)
        for j in np.unique(source):
            if np.isnan(self._backhaul[j, 0]):  # first time that a twin leaves this RSU
                distance_m = np.linalg.norm(self.sites.xyz_m - self.sites.xyz_m[j], axis=1)
                self._backhaul[j] = self.links[j].efficiency_bit_s_hz(distance_m, self.reference_hz)
        return self._backhaul[np.ix_(source, rsu)]


def _frozen(values: FloatArray) -> FloatArray:
    values.flags.writeable = False
    return values


def make_market(
    scenario: Scenario,
    vehicles: Vehicles,
    rsus: Rsus,
    vehicle_id: tuple[str, ...],
    links: list[Link],
) -> MarketRules | None:
    """Return the rules of the scenario's market, None if it has none.

    links[J]: on which a twin is sent from that RSU, or the vehicle's for all. Raises ScenarioError if a fleet lacks a
    preference that another fleet gives.
    """
    market = scenario.market
    if market is None:
        return None
    for key, values in vehicles.preferences.items():
        missing = np.flatnonzero(np.isnan(values))
        if len(missing):
            fleet = vehicles.fleets[int(vehicles.fleet[missing[0]])][0]
            raise ScenarioError(
                f"{scenario.source}: fleet.{fleet}.preferences.{key}: missing, and other fleets have it"
            )
    queue = scenario.migration.queue
    has_background = isinstance(queue, BackgroundSettings)
    game = market.game.plugin
    rates = zip(rsus.arrival_per_s, rsus.service_per_s, strict=True)
    return MarketRules(
        game=game,
        round_ns=s_to_ns(market.round_s),
        pairing=market.pairing,
        ties=make_ties(scenario, vehicle_id),
        sites=rsus.sites,
        links=links,
        link_kind=scenario.radio.link,
        reference_hz=float(getattr(game, "bandwidth_unit_hz", 1e7)),
        size_bit=np.array(vehicles.size_bit),
        cycles=np.array(vehicles.cycles),
        deadline_s=np.array(vehicles.deadline_s),
        preferences=vehicles.preferences,
        mean_wait_s=np.array([mean_wait_s(*pair) if has_background else 0.0 for pair in rates]),
        compute_hz=np.array(rsus.compute_hz),
        cost=rsus.cost,
        price_max=rsus.price_max,
        offers=rsus.offers,
        bandwidth_hz=np.array(rsus.bandwidth_hz) if market.finite_bandwidth else np.full(rsus.sites.count, np.inf),
        _backhaul=np.full((rsus.sites.count, rsus.sites.count), np.nan),
    )
