"""Stop-and-copy: when the last bit of a twin arrives, over a constant, a moving or a block-fading link.

A transfer starts at 0 s and is told the rate of its link; the bits sent are the integral of that rate,
always. There is no transfer at the rate of a single fade: its mean duration is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.units import NS_PER_S

RateOfDistance = Callable[[FloatArray], FloatArray]  # distance_m[n] to rate_bit_s[n]
RateOfFade = Callable[[FloatArray, FloatArray], FloatArray]  # time_s[n] and power gain[n] to rate_bit_s[n]

_PANEL_TOLERANCE = 1e-10  # of the panel's bits, between two rules of which the better one counts
_SIZE_TOLERANCE = 1e-12  # of the twin's size: stops the halving at a kink, where few bits are at stake
_NEAREST_M = 1.0  # nearer than this the built-in channels do not change
_SHORTEST_S = 1e-9  # the engine's clock resolves no more
_FIRST_BLOCKS, _MOST_BLOCKS = 64, 4096  # drawn at once


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The end of a transfer: `end_s` after its start (None if the link ended first) and the bits sent."""

    end_s: float | None
    sent_bit: float


def block_fading_transfer(
    size_bit: float,
    rate_bit_s: RateOfFade,
    coherence_s: float,
    available_s: float,
    generator: np.random.Generator,
) -> TransferResult:
    """Return the transfer of `size_bit` when each `coherence_s` brings an independent Rayleigh fade.

    `rate_bit_s` gets the middle of the blocks and their power gains, exponential with mean 1. `available_s`
    is finite, or a dead link would send for ever. The mean duration is about T = size / mean rate, its
    standard deviation sqrt(coherence_s T) times that of the rate over its mean (central limit theorem of
    renewals).
    """
    _check_size(size_bit)
    sent_bit, block, count = 0.0, 0, _FIRST_BLOCKS
    while block * coherence_s < available_s:
        start_s = coherence_s * np.arange(block, block + count)
        span_s = np.clip(available_s - start_s, 0.0, coherence_s)
        rate = rate_bit_s(start_s + 0.5 * span_s, generator.standard_exponential(count))
        total_bit = sent_bit + np.cumsum(rate * span_s)
        last = int(np.searchsorted(total_bit, size_bit))
        if last < count:
            before_bit = total_bit[last - 1] if last else sent_bit
            return TransferResult(float(start_s[last] + (size_bit - before_bit) / rate[last]), size_bit)
        sent_bit, block, count = float(total_bit[-1]), block + count, min(2 * count, _MOST_BLOCKS)
    return TransferResult(None, sent_bit)


def moving_transfer(
    size_bit: float, rate_bit_s: RateOfDistance, t_ns: IntArray, offset_m: FloatArray
) -> TransferResult:
    """Return the transfer of `size_bit` along a path of K fixes, from t_ns[0], to 1e-9 of the size.

    t_ns[K] increases strictly; offset_m[K, 3] is the position of one end of the link seen from the other,
    linear between fixes. The rate is integrated by adaptive Gauss-Legendre quadrature, on panels that
    shrink towards the closest point of each straight leg.
    """
    _check_size(size_bit)
    sent_bit = 0.0
    for k in range(len(t_ns) - 1):
        duration_s = int(t_ns[k + 1] - t_ns[k]) / NS_PER_S
        velocity_m_s = (offset_m[k + 1] - offset_m[k]) / duration_s
        rate = _rate_along(rate_bit_s, offset_m[k], velocity_m_s)
        panels = _panels(offset_m[k], velocity_m_s, duration_s)
        end_s, leg_bit = _send(rate, panels, size_bit - sent_bit, _SIZE_TOLERANCE * size_bit)
        if end_s is not None:
            return TransferResult(int(t_ns[k] - t_ns[0]) / NS_PER_S + end_s, size_bit)
        sent_bit += leg_bit
    return TransferResult(None, sent_bit)


def _check_size(size_bit: float) -> None:
    if not 0.0 < size_bit < math.inf:
        raise ValueError(f"a transfer needs a finite size > 0, got {size_bit!r} bit")


def _gauss_legendre(count: int) -> tuple[list[float], list[float]]:
    # By Newton's method on the Legendre polynomial: an eigenvalue solver's last bits depend on the machine.
    nodes, weights = [], []
    for i in range(count):
        x = math.cos(math.pi * (i + 0.75) / (count + 0.5))
        for _ in range(10):
            before, value = 1.0, x
            for n in range(2, count + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = count * (x * value - before) / (x * x - 1.0)
            x -= value / slope
        nodes.append(0.5 - 0.5 * x)
        weights.append(1.0 / ((1.0 - x * x) * slope * slope))
    return nodes, weights


_POINTS = 10  # enough that one panel does for most legs, few enough that a call of the rate stays cheap
_NODE, _WEIGHT = _gauss_legendre(_POINTS)
# One call of the rate asks for the whole panel, its left half, its right half and its end.
_NODES = np.array([*_NODE, *(0.5 * x for x in _NODE), *(0.5 + 0.5 * x for x in _NODE), 1.0])
_WEIGHTS = np.array([*_WEIGHT, *(0.5 * w for w in _WEIGHT), *(0.5 * w for w in _WEIGHT), 1.0])

RateOfTime = Callable[[FloatArray], FloatArray]
Panel = tuple[float, float]


def _rate_along(rate_bit_s: RateOfDistance, start_m: FloatArray, velocity_m_s: FloatArray) -> RateOfTime:
    (x_m, y_m, z_m), (vx_m_s, vy_m_s, vz_m_s) = start_m.tolist(), velocity_m_s.tolist()

    def rate(time_s: FloatArray) -> FloatArray:
        dx_m, dy_m, dz_m = x_m + vx_m_s * time_s, y_m + vy_m_s * time_s, z_m + vz_m_s * time_s
        return rate_bit_s(np.sqrt(dx_m * dx_m + dy_m * dy_m + dz_m * dz_m))

    return rate


def _panels(start_m: FloatArray, velocity_m_s: FloatArray, duration_s: float) -> list[Panel]:
    # Cut at the closest point, and around it at times that grow fourfold from what the nearest distance
    # takes: the distance changes so little within a panel that its nodes cannot miss where bits are sent.
    speed_m_s = math.sqrt(math.fsum((velocity_m_s * velocity_m_s).tolist()))
    if speed_m_s == 0.0:
        return [(0.0, duration_s)]
    closest_s = -math.fsum((start_m * velocity_m_s).tolist()) / (speed_m_s * speed_m_s)
    nearest_m = math.hypot(*(start_m + closest_s * velocity_m_s).tolist())
    step_s = max(nearest_m, _NEAREST_M) / speed_m_s
    cuts_s = [closest_s]
    while step_s < max(closest_s, duration_s - closest_s):
        cuts_s += [closest_s - step_s, closest_s + step_s]
        step_s *= 4.0
    edges_s = [0.0, *sorted(cut_s for cut_s in cuts_s if 0.0 < cut_s < duration_s), duration_s]
    return list(pairwise(edges_s))


def _integrals_bit(rate: RateOfTime, start_s: float, end_s: float) -> tuple[float, float, float]:
    """Return the bits of a panel by one rule, by a rule for each half, and the rate at its end."""
    width_s = end_s - start_s
    terms = (rate(start_s + width_s * _NODES) * _WEIGHTS).tolist()
    return width_s * math.fsum(terms[:_POINTS]), width_s * math.fsum(terms[_POINTS:-1]), terms[-1]


def _send(rate: RateOfTime, panels: list[Panel], wanted_bit: float, tolerance_bit: float) -> tuple[float | None, float]:
    """Return when `wanted_bit` are sent (None if never on these panels) and the bits sent."""
    stack = panels[::-1]
    sent_bit = 0.0
    while stack:
        start_s, end_s = stack.pop()
        coarse_bit, fine_bit, _ = _integrals_bit(rate, start_s, end_s)
        is_rough = abs(fine_bit - coarse_bit) > max(_PANEL_TOLERANCE * fine_bit, tolerance_bit)
        if is_rough and end_s - start_s > _SHORTEST_S:
            middle_s = 0.5 * (start_s + end_s)
            stack += [(middle_s, end_s), (start_s, middle_s)]
        elif sent_bit + fine_bit >= wanted_bit:
            need_bit = wanted_bit - sent_bit
            guess_s = start_s + (end_s - start_s) * need_bit / fine_bit
            return _instant_s(rate, (start_s, end_s), guess_s, need_bit, tolerance_bit), wanted_bit
        else:
            sent_bit += fine_bit
    return None, sent_bit


def _instant_s(rate: RateOfTime, panel: Panel, guess_s: float, need_bit: float, tolerance_bit: float) -> float:
    """Return when `need_bit` are sent from the panel's start on, by Newton's method kept inside a bracket."""
    start_s, (low_s, high_s) = panel[0], panel
    while True:
        _, bit, rate_bit_s = _integrals_bit(rate, start_s, guess_s)
        excess_bit = bit - need_bit
        rounding_s = 4.0 * math.ulp(guess_s)  # closer than this no time can be written
        if abs(excess_bit) <= max(tolerance_bit, rate_bit_s * rounding_s) or high_s - low_s <= rounding_s:
            return guess_s
        low_s, high_s = (low_s, guess_s) if excess_bit > 0.0 else (guess_s, high_s)
        newton_s = guess_s - excess_bit / rate_bit_s if rate_bit_s > 0.0 else high_s
        guess_s = newton_s if low_s < newton_s < high_s else 0.5 * (low_s + high_s)
