"""The named radio settings say what the papers say."""

from importlib import import_module

import pytest
from pydantic import TypeAdapter

from simmig.radio.fading import FadingSettings
from simmig.radio.link import Link
from simmig.radio.noise import NoiseSettings
from simmig.radio.presets import RADIO_PRESETS
from simmig.radio.rates import RateSettings


def bound(value, end):
    """Settings with every uniform draw at its low (0) or high (1) end."""
    if isinstance(value, dict):
        return value["uniform"][end] if "uniform" in value else {k: bound(v, end) for k, v in value.items()}
    return value


def make_link(name, ends):
    """The link of a preset; `ends` says for each section which end of its draws to take."""
    radio = RADIO_PRESETS[name].settings
    channel = dict(bound(radio["channel"], ends.get("channel", 0)))
    module = import_module(f"simmig.radio.channels.{channel.pop('kind')}")
    return Link(
        channel=module.Channel(**channel),
        tx_power_dbm=bound(radio["tx_power_dbm"], ends.get("tx_power_dbm", 0)),
        carrier_hz=radio.get("carrier_hz", 5.9e9),
        noise=TypeAdapter(NoiseSettings).validate_python(bound(radio["noise"], ends.get("noise", 0))),
        fading=TypeAdapter(FadingSettings).validate_python(radio["fading"]),
        rate=TypeAdapter(RateSettings).validate_python(radio["rate"]),
    )


def test_names():
    assert list(RADIO_PRESETS) == ["paper-001", "paper-002", "physical"]


def test_paper_001_spans_the_efficiencies_of_its_table():
    worst = make_link("paper-001", {"channel": 0, "tx_power_dbm": 0, "noise": 1})
    best = make_link("paper-001", {"channel": 1, "tx_power_dbm": 1, "noise": 0})
    assert worst.efficiency_at_bit_s_hz(100.0, 1e6) == pytest.approx(35.544631, abs=1e-6)
    assert best.efficiency_at_bit_s_hz(100.0, 1e6) == pytest.approx(39.530944, abs=1e-6)


def test_paper_002_at_the_distance_of_the_paper():
    assert make_link("paper-002", {}).efficiency_at_bit_s_hz(500.0, 4.5e6) == pytest.approx(38.541209, abs=1e-6)


def test_physical_preset_is_far_below_the_papers():
    link = make_link("physical", {})
    near, far = link.efficiency_at_bit_s_hz(10.0, 5e6), link.efficiency_at_bit_s_hz(500.0, 5e6)
    assert near == pytest.approx(0.86 * 7.4063, rel=0.01)
    assert 0.5 < far < 4.0


def test_every_preset_has_one_line_of_description_and_a_source():
    for preset in RADIO_PRESETS.values():
        assert preset.description
        assert preset.source
        assert "\n" not in preset.description
