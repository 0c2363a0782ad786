"""Immersion: what rate and image quality are worth to the user of a twin (001, equations (6) and (7))."""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray

# 001 takes ln(1 + r) of a rate and never gives its unit, on which the equilibrium depends. One Mbit/s amounts
# to bandwidth in MHz, with which the settings of its Table II give prices inside the range of that table.
REFERENCE_BIT_S = 1e6


def immersion(
    rate_bit_s: FloatArray,
    ssim: FloatArray,
    ssim_threshold: float | FloatArray,
    mu: float | FloatArray = 1.0,
    reference_bit_s: float = REFERENCE_BIT_S,
) -> FloatArray:
    """Return mu ln(1 + r / r0) ln(SSIM / SSIM_th), the broadcast shape of `rate_bit_s` and `ssim`.

    `mu` is the user's weight of rate; rates >= 0, qualities and threshold in (0, 1]. Negative below the
    threshold: such an image is worse than none. 001, equations (6) and (7), with r0 made explicit.
    """
    return mu * np.log1p(rate_bit_s / reference_bit_s) * np.log(ssim / ssim_threshold)


def immersion_loss_s(before: float, time_s: FloatArray, during: FloatArray) -> float:
    """Return the integral of `before` minus immersion, immersion times seconds.

    Immersion is during[K] between the instants time_s[K + 1]: 0 while the service is down, `before` what the
    user had when the interruption began.
    """
    return float(np.sum((before - during) * np.diff(time_s)))


def mean_immersion(time_s: FloatArray, values: FloatArray) -> float:
    """Return the average over time of immersion that is values[K] between the instants time_s[K + 1].

    Raises ValueError if no time passes.
    """
    session_s = float(time_s[-1] - time_s[0])
    if not session_s > 0.0:
        raise ValueError(f"a session needs a length > 0, got {session_s!r} s")
    return float(np.sum(values * np.diff(time_s))) / session_s
