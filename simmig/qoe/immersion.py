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
