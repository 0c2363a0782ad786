"""The `[radio]` and `[qoe]` tables: the links on which twins move, and what their quality is worth."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, model_validator

from simmig.contracts import Channel
from simmig.plugins.wording import did_you_mean, mistake
from simmig.qoe.immersion import REFERENCE_BIT_S
from simmig.qoe.quality import ConstantSsim, SsimSettings
from simmig.radio.fading import FadingSettings
from simmig.radio.noise import FixedNoise, NoiseSettings, PerHzNoise
from simmig.radio.presets import RADIO_PRESETS
from simmig.radio.rates import RateSettings
from simmig.scenario.drawn import Drawn, WithDraws
from simmig.scenario.draws import Draw, Within
from simmig.scenario.sections import Chosen, FromPlugins, Section, near_keys_of

_CHANNEL = Annotated[Chosen[Channel], FromPlugins("channels")]
_NOISE = Annotated[NoiseSettings, near_keys_of(NoiseSettings)]


class Radio(Section):
    """The links. What a preset leaves open, the preset "physical" gives."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))  # presets fill the rest

    preset: str = "physical"
    """Named set of settings that the other keys here override: "paper-001", "paper-002" or "physical"."""
    channel: Annotated[Drawn[Chosen[Channel]], WithDraws(_CHANNEL)]
    """Path loss, a channel plug-in; its settings may be draws, made for each RSU."""
    tx_power_dbm: Annotated[Draw, Within(-100.0, 100.0, "dBm")]
    """Transmit power, drawn for each RSU."""
    carrier_hz: Annotated[float, Within(1e6, 1e12, "Hz")]
    """Carrier frequency."""
    noise: Annotated[Drawn[PerHzNoise | FixedNoise], WithDraws(_NOISE)]
    """Noise; its settings may be draws, made for each RSU."""
    fading: Annotated[FadingSettings, near_keys_of(FadingSettings)]
    """Small-scale fading."""
    rate: Annotated[RateSettings, near_keys_of(RateSettings)]
    """From signal-to-noise ratio to bits."""
    link: Literal["rsu_to_rsu", "vehicle_to_rsu"] = "rsu_to_rsu"
    """Which link a twin takes: from RSU to RSU, or up from the moving vehicle."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_presets(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        name = value.get("preset", "physical")
        if not isinstance(name, str) or name not in RADIO_PRESETS:
            names = ", ".join(f'"{known}"' for known in RADIO_PRESETS)
            raise mistake(name, f"expected one of {names}{did_you_mean(name, RADIO_PRESETS)}", "preset")
        return {**RADIO_PRESETS["physical"].settings, **RADIO_PRESETS[name].settings, **value}


class Qoe(Section):
    """What users experience."""

    ssim: Annotated[SsimSettings, near_keys_of(SsimSettings)] = ConstantSsim()
    """Image quality (structural similarity) against the rate."""
    reference_rate_bit_s: Annotated[float, Within(1.0, 1e12, "bit/s")] = REFERENCE_BIT_S
    """Rate that counts as 1 in ln(1 + rate), 001, equation (6)."""
    service_bandwidth_hz: Annotated[float, Within(1.0, 1e12, "Hz")] = 1e6
    """Bandwidth of the link on which a vehicle uses its twin."""
