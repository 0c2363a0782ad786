"""The values a run is made of."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import ArmedTrigger, BoolArray, FloatArray
from simmig.mobility.coverage import Intervals
from simmig.mobility.frame import Frame
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.qoe.quality import SsimModel
from simmig.radio.link import Link
from simmig.units import NS_PER_S

if TYPE_CHECKING:
    from simmig.twins.queueing import QueueSettings
    from simmig.world.market import MarketRules


@dataclass(frozen=True, slots=True)
class Vehicles:
    """What the scenario says of each vehicle, drawn once; packed where the engine reads one value at a time.

    fleets: (name, kind) of each fleet; fleet[V]: the vehicle's fleet.
    """

    fleets: tuple[tuple[str, str], ...]
    fleet: NDArray[np.int64]
    size_bit: array[float]
    cycles: array[float]
    deadline_s: array[float]  # inf: none
    preferences: dict[str, FloatArray]
    mu: FloatArray  # 001 (6)
    ssim_threshold: FloatArray  # 001 (7)


@dataclass(frozen=True, slots=True)
class Rsus:
    """The RSUs: where they stand and what they offer, each array [J]; lists where the engine reads one value."""

    sites: Sites
    compute_hz: list[float]
    arrival_per_s: list[float]
    service_per_s: list[float]
    bandwidth_hz: list[float]
    cost: FloatArray
    price_max: FloatArray
    offers: dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Fault:
    """An outage of one RSU and what it does to the migrations it touches."""

    rsu: int
    at_ns: int
    until_ns: int
    effect: Literal["fail", "pause", "redirect"]


@dataclass(frozen=True, slots=True)
class World:
    """Everything the engine needs. Times are nanoseconds since the first fix of all traces.

    placements: (vehicle, time_ns, rsu) of each twin's first host. offered_hz[J]: bandwidth of a transfer without a
    market. links[J]: the link whose transmitter is that RSU (`link` where the vehicle transmits).
    """

    seed: int
    frame: Frame
    trace: Trace
    positions: Positions
    coverage: Intervals
    covers: Callable[[FloatArray], BoolArray]  # xyz_m[K, 3] to [K, J]
    vehicles: Vehicles
    rsus: Rsus
    placements: list[tuple[int, int, int]]
    trigger: ArmedTrigger
    link: Link
    links: list[Link]
    link_kind: Literal["rsu_to_rsu", "vehicle_to_rsu"]
    queue: QueueSettings
    offered_hz: list[float]
    ssim: SsimModel
    reference_rate_bit_s: float
    service_bandwidth_hz: float
    retry_ns: int
    end_ns: int
    market: MarketRules | None
    faults: tuple[Fault, ...]
    _trip_ends: tuple[array[int], array[int]] = field(init=False, repr=False)  # where each vehicle's begin, and all
    _zones: dict[tuple[int, int], tuple[list[int], list[int]]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        ends_ns = self.trace.t_us[self.trace.trip_start[1:] - 1] * 1000
        first = np.searchsorted(self.trace.trip_vehicle, np.arange(self.trace.vehicle_count + 1))
        object.__setattr__(
            self,
            "_trip_ends",
            (array("q", first.tolist()), array("q", ends_ns.tolist())),
        )

    def present_until_ns(self, vehicle: int, now: int) -> int:
        """Return when the trip that the vehicle is on ends; now, if it is on none."""
        first, ends = self._trip_ends
        index = first[vehicle]
        if now <= ends[index]:
            return ends[index]
        end = first[vehicle + 1]
        index = bisect_left(ends, now, index, end)
        return ends[index] if index < end else now

    def covered_until_ns(self, vehicle: int, rsu: int, now: int) -> int:
        """Return when the vehicle leaves the RSU's zone; now, if it is not inside."""
        key = (vehicle, rsu)
        if key not in self._zones:
            mine = slice(*np.searchsorted(self.coverage.vehicle, (vehicle, vehicle + 1)))
            is_rsu = self.coverage.rsu[mine] == rsu
            enter, leave = self.coverage.enter_ns[mine][is_rsu], self.coverage.exit_ns[mine][is_rsu]
            self._zones[key] = (enter.tolist(), leave.tolist())
        enters, leaves = self._zones[key]
        index = bisect_left(leaves, now)
        return leaves[index] if index < len(leaves) and enters[index] <= now else now

    def next_entry_ns(self, vehicle: int, now: int) -> int | None:
        """Return when the vehicle next enters any zone after now, None if it does not."""
        mine = slice(*np.searchsorted(self.coverage.vehicle, (vehicle, vehicle + 1)))
        later = self.coverage.enter_ns[mine][self.coverage.enter_ns[mine] > now]
        return int(later.min()) if len(later) else None

    def service_ns(self, vehicle: int, rsu: int) -> int:
        """Return how long the RSU takes to re-instantiate the vehicle's twin, L / f (002, section II-B)."""
        return round(self.vehicles.cycles[vehicle] / self.rsus.compute_hz[rsu] * NS_PER_S)

    def rsu_distance_m(self, source: int, target: int) -> float:
        """Return the distance between two RSUs."""
        xyz_m = self.rsus.sites.xyz_m
        return math.dist(xyz_m[source].tolist(), xyz_m[target].tolist())

    def link_from(self, rsu: int) -> Link:
        """Return the link on which this RSU transmits."""
        return self.links[rsu]
