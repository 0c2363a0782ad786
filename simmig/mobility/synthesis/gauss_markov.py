"""Gauss-Markov movement in two or three dimensions: speed and direction that forget slowly."""

from __future__ import annotations

import math

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import TraceError
from simmig.mobility.synthesis.legs import US_PER_S, Path, build_trace, check_range, whole_us
from simmig.mobility.trace import Trace
from simmig.rng import stream

_MEAN_PITCH = 0.0


def gauss_markov(
    vehicles: int,
    area_m: tuple[float, float],
    duration_s: float,
    *,
    height_m: tuple[float, float] | None = None,
    speed_m_s: float = 12.0,
    speed_sd_m_s: float = 3.0,
    direction_sd_rad: float = 0.6,
    pitch_sd_rad: float = 0.1,
    memory: float = 0.85,
    step_s: float = 1.0,
    seed: int = 0,
) -> Trace:
    """Return vehicles `v00000`, ... on [0, width] x [0, height], and between two heights if those are given.

    Every step_s a speed is memory times the last one plus (1 - memory) times the mean plus sqrt(1 - memory^2) times a
    normal of the given deviation, at least 0, and so are direction and pitch (Liang and Haas 1999, "Predictive
    distance-based mobility management for PCS networks"). At a border a vehicle is mirrored, its mean direction too.
    Speeds so have the mean and deviation given, but for what is cut off below 0. Vehicle k's draws depend on the seed
    and k alone. Raises TraceError for numbers out of bounds.
    """
    if not 0.0 <= memory < 1.0:
        raise TraceError(f"memory = {memory!r}: expected 0 (no memory) up to, but not, 1")
    check_range((speed_m_s, speed_m_s), "speed_m_s", is_positive=True)
    for name, value in (("speed_sd_m_s", speed_sd_m_s), ("direction_sd_rad", direction_sd_rad), ("step_s", step_s)):
        if not (math.isfinite(value) and value >= 0.0) or (name == "step_s" and value == 0.0):
            raise TraceError(f"{name} = {value!r}: expected a number of 0 or more, for step_s above 0")
    low = np.array([0.0, 0.0, *((height_m[0],) if height_m else ())])
    high = np.array([*area_m, *((height_m[1],) if height_m else ())])
    if not (np.isfinite(high).all() and (high > low).all()):
        raise TraceError(f"area_m = {area_m!r}, height_m = {height_m!r}: expected a box with an inside")
    step_us, end_us = whole_us(step_s, "step_s"), whole_us(duration_s, "duration_s")
    t_us = np.append(np.arange(0, end_us, step_us), end_us)
    deviation = np.array([speed_sd_m_s, direction_sd_rad, pitch_sd_rad if height_m else 0.0])
    paths = {}
    for k in range(vehicles):
        rng = stream(seed, "gauss_markov", k)
        start = low + (high - low) * rng.random(len(low))
        mean = np.array([speed_m_s, rng.random() * math.tau, _MEAN_PITCH])
        noise = rng.standard_normal((len(t_us), 3)) * deviation
        paths[f"v{k:05d}"] = Path(t_us, _wander(start, mean, noise, memory, np.diff(t_us) / US_PER_S, (low, high)))
    return build_trace(paths, None)


def _wander(
    start: FloatArray,
    mean: FloatArray,
    noise: FloatArray,
    memory: float,
    step_s: FloatArray,
    box: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return the vertices of one vehicle, [N, 2] or [N, 3]."""
    low, high = box
    here, state, forget = start.copy(), mean + noise[0], math.sqrt(1.0 - memory**2)
    places = [here.copy()]
    for length_s, shock in zip(step_s.tolist(), noise[1:], strict=True):
        speed, direction, pitch = max(float(state[0]), 0.0), float(state[1]), float(state[2])
        flat = speed * math.cos(pitch) if len(low) == 3 else speed
        move = np.array([flat * math.cos(direction), flat * math.sin(direction), speed * math.sin(pitch)])[: len(low)]
        here = here + move * length_s
        here, turned = _mirrored(here, low, high)
        for axis in turned:
            if axis == 2:
                state[2], mean[2] = -state[2], -mean[2]
            else:  # mirrored east and west: pi - direction; north and south: -direction
                about = math.pi if axis == 0 else 0.0
                state[1], mean[1] = about - state[1], about - mean[1]
        places.append(here.copy())
        state = memory * state + (1.0 - memory) * mean + forget * shock
    return np.array(places)


def _mirrored(place: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, list[int]]:
    """Return a place folded back into the box, and the axes in which its direction is the other one now."""
    wide = high - low
    folded = np.mod(place - low, 2.0 * wide)
    is_back = folded > wide
    inside = low + np.where(is_back, 2.0 * wide - folded, folded)
    return np.clip(inside, low, high), np.flatnonzero(is_back).tolist()
