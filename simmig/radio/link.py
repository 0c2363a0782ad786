"""A radio link: distance and bandwidth in, signal-to-noise ratio and rate out.

Each question can be asked of one distance (`*_at`, for the engine's million migrations) or of an array of any
shape; both give the same number to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simmig.contracts import Channel, FloatArray
from simmig.radio.elementwise import each
from simmig.radio.fading import (
    FadingModel,
    NoFading,
    ergodic_efficiencies_bit_s_hz,
    ergodic_efficiency_bit_s_hz,
)
from simmig.radio.noise import NoiseModel
from simmig.radio.rates import RateModel, efficiencies_bit_s_hz, efficiency_bit_s_hz
from simmig.units import db_to_ratio, dbm_to_w


@dataclass(frozen=True, slots=True)
class Link:
    """A transmitter, the channel and the receiver; every bandwidth must be > 0.

    SNR = m g(d) / N(B) with transmit power m and mean gain g (001, equation (1)); the rate is B times the
    efficiency (001, equation (3)). With noise per hertz it saturates in B; with fixed noise it is linear, as
    the papers have it.
    """

    channel: Channel
    tx_power_dbm: float
    carrier_hz: float
    noise: NoiseModel
    fading: FadingModel
    rate: RateModel
    _tx_w: float = field(init=False, repr=False, compare=False)
    _noise_w: tuple[float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once here instead of a million times in the queries: this is half of their cost.
        object.__setattr__(self, "_tx_w", dbm_to_w(self.tx_power_dbm))
        object.__setattr__(self, "_noise_w", self.noise.power_w())

    def snr_at(self, distance_m: float, bandwidth_hz: float) -> float:
        """Return the mean signal-to-noise ratio (a power ratio, not dB) at one distance."""
        loss_db = self.channel.path_loss_db(np.array([distance_m]), self.carrier_hz)
        return self._tx_w * db_to_ratio(-loss_db.item()) / self._noise_power_w(bandwidth_hz)

    def snr(self, distance_m: FloatArray, bandwidth_hz: float) -> FloatArray:
        """Return the mean signal-to-noise ratios (power ratios, not dB), same shape as `distance_m`."""
        loss_db = self.channel.path_loss_db(distance_m, self.carrier_hz)
        return self._tx_w * each(db_to_ratio, -loss_db) / self._noise_power_w(bandwidth_hz)

    def efficiency_at_bit_s_hz(self, distance_m: float, bandwidth_hz: float) -> float:
        """Return the spectral efficiency at one distance, its mean if the link fades."""
        mean = efficiency_bit_s_hz if isinstance(self.fading, NoFading) else ergodic_efficiency_bit_s_hz
        return mean(self.snr_at(distance_m, bandwidth_hz), self.rate.slope, self.rate.cap_bit_s_hz)

    def efficiency_bit_s_hz(self, distance_m: FloatArray, bandwidth_hz: float) -> FloatArray:
        """Return the spectral efficiencies, means if the link fades, same shape as `distance_m`."""
        mean = efficiencies_bit_s_hz if isinstance(self.fading, NoFading) else ergodic_efficiencies_bit_s_hz
        return mean(self.snr(distance_m, bandwidth_hz), self.rate.slope, self.rate.cap_bit_s_hz)

    def rate_at_bit_s(self, distance_m: float, bandwidth_hz: float) -> float:
        """Return the rate at one distance, its mean if the link fades."""
        return bandwidth_hz * self.efficiency_at_bit_s_hz(distance_m, bandwidth_hz)

    def rate_bit_s(self, distance_m: FloatArray, bandwidth_hz: float) -> FloatArray:
        """Return the rates, means if the link fades, same shape as `distance_m`."""
        return bandwidth_hz * self.efficiency_bit_s_hz(distance_m, bandwidth_hz)

    def faded_rate_bit_s(self, distance_m: FloatArray, fade: FloatArray, bandwidth_hz: float) -> FloatArray:
        """Return the rates under given fades (power gains of mean 1), shape of `distance_m` and `fade`."""
        faded = self.snr(distance_m, bandwidth_hz) * fade
        return bandwidth_hz * efficiencies_bit_s_hz(faded, self.rate.slope, self.rate.cap_bit_s_hz)

    def _noise_power_w(self, bandwidth_hz: float) -> float:
        if not bandwidth_hz > 0.0:
            raise ValueError(f"a link needs a bandwidth > 0, got {bandwidth_hz!r} Hz")
        constant_w, per_hz_w = self._noise_w
        return constant_w + per_hz_w * bandwidth_hz
