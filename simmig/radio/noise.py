"""Noise at the receiver: a power that grows with the bandwidth, or one that does not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simmig.contracts import Plugin
from simmig.units import BOLTZMANN_J_K, NOISE_TEMPERATURE_K, db_to_ratio, dbm_to_w, w_to_dbm

THERMAL_DBM_HZ = w_to_dbm(BOLTZMANN_J_K * NOISE_TEMPERATURE_K)  # k T at 290 K: -173.975 dBm/Hz


class PerHzNoise(Plugin):
    """Noise of constant density, N = N0 F B: who buys more bandwidth also collects more noise."""

    kind: Literal["per_hz"] = "per_hz"
    figure_db: Annotated[float, Field(ge=0.0, le=60.0)] = 0.0
    density_dbm_hz: Annotated[float, Field(ge=-300.0, le=0.0)] = THERMAL_DBM_HZ

    def power_w(self) -> tuple[float, float]:
        """Return the noise power as (watts at any bandwidth, watts more for each hertz)."""
        return 0.0, dbm_to_w(self.density_dbm_hz) * db_to_ratio(self.figure_db)


class FixedNoise(Plugin):
    """The same noise power for every bandwidth, as in 001 and 002: the rate is linear in the bandwidth."""

    kind: Literal["fixed"] = "fixed"
    power_dbm: Annotated[float, Field(ge=-300.0, le=100.0)]

    def power_w(self) -> tuple[float, float]:
        """Return the noise power as (watts at any bandwidth, watts more for each hertz)."""
        return dbm_to_w(self.power_dbm), 0.0


NoiseModel = PerHzNoise | FixedNoise
NoiseSettings = Annotated[NoiseModel, Field(discriminator="kind")]
