"""Rayleigh fading: the power gain X is exponential with mean 1, so a link of mean SNR g sees g X.

A migration needs the mean rate (`ergodic`) or a new fade in every coherence time (`block`). There is no mode
with one fade for a whole transfer: its mean duration E[D / (B log2(1 + g X))] is infinite, so that no average
of such delays means anything.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field, model_validator

from simmig.contracts import FloatArray, Plugin
from simmig.radio.elementwise import each
from simmig.radio.rates import LN2

Number = TypeVar("Number", float, FloatArray)

_LEAST_SNR = 1e-300  # as good as none, and 1 / SNR would overflow
_LARGE = 500.0  # the series is within 1e-15 from here on, and exp(x) overflows at 709


class NoFading(Plugin):
    """The gain is its mean, always."""

    kind: Literal["none"] = "none"


class RayleighFading(Plugin):
    """Rayleigh fading, as its mean rate (`ergodic`) or as independent blocks of `coherence_s` (`block`).

    Blocks stand for Clarke fading of Doppler frequency v f / c with the right spread of transfer times when
    `coherence_s` is about 0.6 c / (v f).
    """

    kind: Literal["rayleigh"] = "rayleigh"
    mode: Literal["ergodic", "block"] = "ergodic"
    coherence_s: Annotated[float, Field(ge=1e-5)] | None = None

    @model_validator(mode="after")
    def _coherence_belongs_to_blocks(self) -> RayleighFading:
        if self.mode == "block" and self.coherence_s is None:
            raise ValueError('mode = "block" needs coherence_s, for example coherence_s = 0.01')
        if self.mode == "ergodic" and self.coherence_s is not None:
            raise ValueError(f'coherence_s = {self.coherence_s:g} has no effect without mode = "block"')
        return self


FadingModel = RayleighFading | NoFading
FadingSettings = Annotated[FadingModel, Field(discriminator="kind")]


@functools.cache
def _exp1() -> Callable[..., FloatArray]:
    from scipy.special import exp1

    return exp1  # type: ignore[no-any-return]


def _series(x: Number) -> Number:
    # sum of (-1)^k k! / x^(k+1), k = 0..6 (Abramowitz and Stegun 5.1.51); off by less than 7! / x^8.
    r = 1.0 / x
    return r * (1 - r * (1 - 2 * r * (1 - 3 * r * (1 - 4 * r * (1 - 5 * r * (1 - 6 * r))))))


def scaled_e1(x: float) -> float:
    """Return e^x E1(x) for x > 0, to about 1e-15 relative."""
    return _series(x) if x > _LARGE else math.exp(x) * float(_exp1()(x))


def scaled_e1_each(x: FloatArray) -> FloatArray:
    """Return e^x E1(x) for every x > 0 (inf gives 0), same shape as `x`."""
    small = np.minimum(x, _LARGE)
    return np.where(x > _LARGE, _series(np.maximum(x, _LARGE)), each(math.exp, small) * _exp1()(small))


def ergodic_efficiency_bit_s_hz(snr: float, slope: float, cap_bit_s_hz: float) -> float:
    """Return E[min(slope log2(1 + snr X), cap)] over Rayleigh fading at one mean signal-to-noise ratio >= 0.

    Without a cap this is slope e^{1/g} E1(1/g) / ln 2. With u = 1/g and k = 2^{cap/slope}, integration by
    parts up to the fade where the cap is reached gives slope (G(u) - e^{u - k u} G(k u)) / ln 2, where G(x) =
    e^x E1(x).
    """
    if snr < _LEAST_SNR:
        return 0.0
    return _ergodic(1.0 / snr, slope, cap_bit_s_hz, scaled_e1, math.exp)


def ergodic_efficiencies_bit_s_hz(snr: FloatArray, slope: float, cap_bit_s_hz: float) -> FloatArray:
    """Return `ergodic_efficiency_bit_s_hz` for every mean signal-to-noise ratio, same shape as `snr`."""
    inverse = np.divide(1.0, snr, out=np.full(snr.shape, np.inf), where=snr >= _LEAST_SNR)
    return _ergodic(inverse, slope, cap_bit_s_hz, scaled_e1_each, functools.partial(each, math.exp))


def _ergodic(
    u: Number,
    slope: float,
    cap_bit_s_hz: float,
    scaled: Callable[[Number], Number],
    exp: Callable[[Number], Number],
) -> Number:
    if math.isinf(cap_bit_s_hz):
        return slope * scaled(u) / LN2
    k = 2.0 ** (cap_bit_s_hz / slope)
    return slope * (scaled(u) - exp((1.0 - k) * u) * scaled(k * u)) / LN2
