"""From signal-to-noise ratio to bits: min(slope log2(1 + SNR), cap) bit/s in each hertz."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from simmig.contracts import FloatArray, Plugin
from simmig.radio.elementwise import each

LN2 = math.log(2.0)


class ShannonRate(Plugin):
    """Shannon's bound log2(1 + SNR), without a cap: what 001, equation (2), and 002 use."""

    kind: Literal["shannon"] = "shannon"
    slope: ClassVar[float] = 1.0
    cap_bit_s_hz: ClassVar[float] = math.inf


class Nr256QamRate(Plugin):
    """What a 5G NR downlink with 256-QAM carries: 0.86 min(0.88 log2(1 + SNR), 7.4063).

    0.88 is a fit to the block error curves of PDSCH MCS table 2 at 10 % errors, 7.4063 that table's highest
    efficiency (TS 38.214, table 5.1.3.1-2), and 0.86 what the overhead factor 0.14 of TS 38.306 leaves.
    """

    kind: Literal["nr_256qam"] = "nr_256qam"
    slope: ClassVar[float] = 0.86 * 0.88
    cap_bit_s_hz: ClassVar[float] = 0.86 * 7.4063


RateModel = ShannonRate | Nr256QamRate
RateSettings = Annotated[RateModel, Field(discriminator="kind")]


def efficiency_bit_s_hz(snr: float, slope: float, cap_bit_s_hz: float) -> float:
    """Return the spectral efficiency at one signal-to-noise ratio (a power ratio, not dB)."""
    return min(slope * math.log1p(snr) / LN2, cap_bit_s_hz)


def efficiencies_bit_s_hz(snr: FloatArray, slope: float, cap_bit_s_hz: float) -> FloatArray:
    """Return the spectral efficiencies, same shape as `snr`."""
    return np.minimum(slope * each(math.log1p, snr) / LN2, cap_bit_s_hz)
