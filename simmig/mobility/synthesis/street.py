"""Cars on a straight street at constant speed: movement whose crossing times can be checked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.synthesis.legs import US_PER_S, Path, build_trace, whole_us
from simmig.mobility.trace import Trace
from simmig.rng import Draws


@dataclass(frozen=True, slots=True)
class Car:
    """A car that enters the street at `enter_s` and keeps its speed and its lane, y_m, to the other end."""

    name: str
    enter_s: float
    speed_m_s: float
    is_eastbound: bool = True
    y_m: float = 0.0


def street(cars: Sequence[Car], from_x_m: float, to_x_m: float, *, fix_interval_s: float | None = None) -> Trace:
    """Return the cars' drive along the x axis (2-D), eastbound from `from_x_m` to `to_x_m`, or back.

    Eastbound, a car is at x at `enter_s + (x - from_x_m) / speed_m_s`. Fixes: see `build_trace`.

    Raises TraceError for two cars of one name, a street without length, or times and speeds out of bounds.
    """
    if not (math.isfinite(from_x_m) and math.isfinite(to_x_m) and from_x_m < to_x_m):
        raise TraceError(f"street from x = {from_x_m!r} m to {to_x_m!r} m: expected west end before east end")
    paths: dict[str, Path] = {}
    for car in cars:
        if car.name in paths:
            raise TraceError(f"street: two cars are named {car.name!r}")
        paths[car.name] = _drive(car, from_x_m, to_x_m)
    return build_trace(paths, fix_interval_s)


def _drive(car: Car, from_x_m: float, to_x_m: float) -> Path:
    if not (math.isfinite(car.speed_m_s) and car.speed_m_s > 0.0):
        raise TraceError(f"car {car.name!r}: speed_m_s = {car.speed_m_s!r}: expected a positive number")
    if not (math.isfinite(car.enter_s) and car.enter_s >= 0.0):
        raise TraceError(f"car {car.name!r}: enter_s = {car.enter_s!r}: expected 0 or more")
    if not math.isfinite(car.y_m):
        raise TraceError(f"car {car.name!r}: y_m = {car.y_m!r}: expected a finite number of metres")
    enter_us = round(car.enter_s * US_PER_S)
    drive_us = whole_us((to_x_m - from_x_m) / car.speed_m_s, f"car {car.name!r}: time on the street")
    ends_m = (from_x_m, to_x_m) if car.is_eastbound else (to_x_m, from_x_m)
    return Path(np.array([enter_us, enter_us + drive_us]), np.array([[x_m, car.y_m] for x_m in ends_m]))


def poisson_cars(per_s: float, duration_s: float, speeds_m_s: Sequence[float], *, seed: int = 0) -> tuple[Car, ...]:
    """Return cars `car00000`, `car00001`, ... that enter as a Poisson process of rate `per_s`.

    Entries end at `duration_s`. Each car has one of the speeds and one of the two directions, all equally
    likely. Car k's draws depend on the seed and k alone, so a longer duration only adds cars.

    Raises TraceError for a rate or duration that is not positive, or without speeds.
    """
    if not (math.isfinite(per_s) and per_s > 0.0):
        raise TraceError(f"per_s = {per_s!r}: expected a positive number of cars per second")
    if not speeds_m_s:
        raise TraceError("speeds_m_s: expected at least one speed")
    end_s = whole_us(duration_s, "duration_s") / US_PER_S
    cars: list[Car] = []
    enter_s = 0.0
    while True:
        draws = Draws(seed, "street", len(cars))
        enter_s += draws.exponential(1.0 / per_s)
        if enter_s >= end_s:
            return tuple(cars)
        speed_m_s = speeds_m_s[int(draws.uniform() * len(speeds_m_s))]
        cars.append(Car(f"car{len(cars):05d}", enter_s, speed_m_s, draws.uniform() < 0.5))
