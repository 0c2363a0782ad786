"""Delivery missions of UAVs in three dimensions: up, across, down, hover, and home again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import TraceError
from simmig.mobility.synthesis.legs import US_PER_S, Path, build_trace, check_range, whole_us
from simmig.mobility.trace import Trace
from simmig.rng import stream

Point = tuple[float, float, float]

_POSITIVE = (
    "cruise_m_s",
    "climb_m_s",
    "descent_m_s",
    "lowest_layer_m",
    "layer_spacing_m",
    "drop_height_m",
)


@dataclass(frozen=True, slots=True)
class FlightRules:
    """How the UAVs fly. Speeds are constant on a leg (no acceleration); heights are above z = 0, the pads.

    The sky has `layers` cruise heights, `layer_spacing_m` apart from `lowest_layer_m` up: the compass is cut
    into as many equal sectors, clockwise from north, and a UAV cruises in the layer of its heading, so that
    traffic in opposite directions never shares a height.
    """

    cruise_m_s: float = 15.0
    climb_m_s: float = 4.0
    descent_m_s: float = 3.0
    lowest_layer_m: float = 60.0
    layer_spacing_m: float = 15.0
    layers: int = 4
    drop_height_m: float = 15.0
    hover_s: tuple[float, float] = (20.0, 60.0)  # at the drop, uniform
    turnaround_s: tuple[float, float] = (60.0, 180.0)  # on the pad between missions, uniform

    def cruise_height_m(self, east_m: float, north_m: float) -> float:
        """Return the cruise height of a flight in this direction."""
        turn = math.atan2(east_m, north_m) / math.tau % 1.0
        # A heading a hair west of north rounds to one whole turn.
        sector = int(turn * self.layers) % self.layers
        return self.lowest_layer_m + sector * self.layer_spacing_m


def uav_missions(
    vehicles: int,
    depots_m: FloatArray,
    drops_m: FloatArray,
    duration_s: float,
    *,
    rules: FlightRules | None = None,
    fix_interval_s: float | None = None,
    seed: int = 0,
) -> Trace:
    """Return the flights of UAVs `uav00000`, `uav00001`, ... between depots_m[D, 2] and drops_m[K, 2] (3-D).

    UAV k lives at depot k mod D. It waits on its pad, climbs straight up to its layer, cruises to a drop
    chosen at random, descends to `drop_height_m`, hovers, climbs, cruises home and lands; then again, until
    `duration_s`, when it stops wherever it is. It is present all the time, on its pad too. Fixes: see
    `build_trace`. UAV k's draws depend on the seed and k alone.

    Raises TraceError for rules, points or a duration out of bounds.
    """
    rules = rules or FlightRules()
    _check(rules, depots_m, drops_m)
    duration_us = whole_us(duration_s, "duration_s")
    paths: dict[str, Path] = {}
    for k in range(vehicles):
        rng = stream(seed, "uav_missions", k)
        east_m, north_m = (float(value) for value in depots_m[k % len(depots_m)])
        paths[f"uav{k:05d}"] = _fly(_legs(rng, (east_m, north_m), drops_m, rules), duration_us)
    return build_trace(paths, fix_interval_s)


def _check(rules: FlightRules, depots_m: FloatArray, drops_m: FloatArray) -> None:
    for name in _POSITIVE:
        value = getattr(rules, name)
        if not (math.isfinite(value) and value > 0.0):
            raise TraceError(f"rules.{name} = {value!r}: expected a positive number")
    if rules.layers < 2 or not rules.lowest_layer_m > rules.drop_height_m:
        raise TraceError(
            f"rules: layers = {rules.layers!r}, lowest_layer_m = {rules.lowest_layer_m!r}: "
            f"expected 2 layers or more, all above drop_height_m = {rules.drop_height_m!r}"
        )
    check_range(rules.hover_s, "rules.hover_s", is_positive=True)
    check_range(rules.turnaround_s, "rules.turnaround_s", is_positive=True)
    for name, points in (("depots_m", depots_m), ("drops_m", drops_m)):
        if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
            raise TraceError(f"{name}: expected an array [K, 2] of finite metres with K >= 1, got {points.shape}")


def _legs(
    rng: np.random.Generator, depot_m: tuple[float, float], drops_m: FloatArray, rules: FlightRules
) -> Iterator[tuple[float, Point]]:
    """Yield (duration_s, end of the leg) for ever; the first leg is the wait on the pad."""
    pad = (*depot_m, 0.0)
    while True:
        yield float(rng.uniform(*rules.turnaround_s)), pad
        drop = drops_m[int(rng.integers(len(drops_m)))]
        target_m = (float(drop[0]), float(drop[1]))
        yield from _hop(depot_m, target_m, (0.0, rules.drop_height_m), rules)
        yield float(rng.uniform(*rules.hover_s)), (*target_m, rules.drop_height_m)
        yield from _hop(target_m, depot_m, (rules.drop_height_m, 0.0), rules)


def _hop(
    start_m: tuple[float, float],
    end_m: tuple[float, float],
    heights_m: tuple[float, float],
    rules: FlightRules,
) -> Iterator[tuple[float, Point]]:
    """Yield the climb, the cruise and the descent of one flight."""
    east_m, north_m = end_m[0] - start_m[0], end_m[1] - start_m[1]
    cruise_m = rules.cruise_height_m(east_m, north_m)
    yield (cruise_m - heights_m[0]) / rules.climb_m_s, (*start_m, cruise_m)
    yield math.sqrt(east_m * east_m + north_m * north_m) / rules.cruise_m_s, (*end_m, cruise_m)
    yield (cruise_m - heights_m[1]) / rules.descent_m_s, (*end_m, heights_m[1])


def _fly(legs: Iterator[tuple[float, Point]], end_us: int) -> Path:
    """Return the path from time 0 to `end_us`; the first leg's end is also where it starts."""
    t_us: list[int] = []
    xyz_m: list[Point] = []
    now_us = 0
    for duration_s, point in legs:
        if not t_us:
            t_us.append(0)
            xyz_m.append(point)
        leg_us = max(round(duration_s * US_PER_S), 1)
        if now_us + leg_us >= end_us:
            share = (end_us - now_us) / leg_us
            last = xyz_m[-1]
            stop = tuple(a + share * (b - a) for a, b in zip(last, point, strict=True))
            return Path(np.array([*t_us, end_us]), np.array([*xyz_m, stop]))
        now_us += leg_us
        t_us.append(now_us)
        xyz_m.append(point)
    raise AssertionError("missions go on for ever")
