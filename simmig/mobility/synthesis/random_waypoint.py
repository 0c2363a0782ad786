"""Random waypoint movement on a rectangle."""

from __future__ import annotations

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.synthesis.legs import US_PER_S, Path, build_trace, check_range, whole_us
from simmig.mobility.trace import Trace
from simmig.rng import stream

_BLOCK = 32  # legs drawn at a time


def random_waypoint(
    vehicles: int,
    area_m: tuple[float, float],
    speed_m_s: tuple[float, float],
    pause_s: tuple[float, float],
    duration_s: float,
    *,
    fix_interval_s: float | None = None,
    seed: int = 0,
) -> Trace:
    """Return random waypoint movement of vehicles `v00000`, `v00001`, ... on [0, width] x [0, height] (2-D).

    Every vehicle starts at a uniform point, goes straight to another at a speed uniform on `speed_m_s`, waits
    a time uniform on `pause_s`, and so on until `duration_s`; legs and pauses last whole microseconds. Fixes:
    see `build_trace`. Vehicle k's draws depend on the seed and k alone: more vehicles or more time change
    nothing that was there.

    The start is not the stationary state: speeds fall and vehicles gather in the middle during the first
    legs. With a lowest speed of 0 they would never settle (Yoon, Liu and Noble, "Random waypoint considered
    harmful", 2003), so it must be positive.

    Raises TraceError for a size, range or duration out of bounds.
    """
    check_range(speed_m_s, "speed_m_s", is_positive=True)
    check_range(pause_s, "pause_s", is_positive=False)
    if not all(np.isfinite(side) and side > 0.0 for side in area_m):
        raise TraceError(f"area_m = {area_m!r}: expected a positive width and height in metres")
    duration_us = whole_us(duration_s, "duration_s")
    low = np.array([0.0, 0.0, speed_m_s[0], pause_s[0]])
    high = np.array([*area_m, speed_m_s[1], pause_s[1]])
    paths = {f"v{k:05d}": _wander(stream(seed, "random_waypoint", k), low, high, duration_us) for k in range(vehicles)}
    return build_trace(paths, fix_interval_s)


def _wander(rng: np.random.Generator, low: np.ndarray, high: np.ndarray, duration_us: int) -> Path:
    """Return one vehicle's vertices from 0 to `duration_us`; columns of the box: x, y, speed, pause."""
    legs = low + (high - low) * rng.random((_BLOCK, 4))
    while True:
        path = _walk(legs)
        if path.t_us[-1] >= duration_us:
            return _cut(path, duration_us)
        legs = np.concatenate((legs, low + (high - low) * rng.random((_BLOCK, 4))))


def _walk(legs: np.ndarray) -> Path:
    """Return the vertices of a walk from the first row's point to each of the others, with its pause."""
    step_m = np.diff(legs[:, :2], axis=0)
    distance_m = np.sqrt(step_m[:, 0] ** 2 + step_m[:, 1] ** 2)
    duration_s = np.column_stack((distance_m / legs[1:, 2], legs[1:, 3]))
    duration_us = np.rint(duration_s * US_PER_S).astype(np.int64)
    duration_us[:, 0] = np.maximum(duration_us[:, 0], 1)  # time passes, whatever the speed
    t_us = np.concatenate(([0], np.cumsum(duration_us)))
    xy_m = np.concatenate((legs[:1, :2], np.repeat(legs[1:, :2], 2, axis=0)))
    moves = np.append(True, np.diff(t_us) > 0)  # a pause of no time is no vertex
    return Path(t_us[moves], xy_m[moves])


def _cut(path: Path, end_us: int) -> Path:
    """Return the path up to `end_us`, with a last vertex there."""
    last = int(np.searchsorted(path.t_us, end_us, side="left"))
    share = (end_us - path.t_us[last - 1]) / (path.t_us[last] - path.t_us[last - 1])
    before, after = path.xyz_m[last - 1], path.xyz_m[last]
    end_m = before + share * (after - before)
    return Path(np.append(path.t_us[:last], end_us), np.concatenate((path.xyz_m[:last], end_m[None])))
