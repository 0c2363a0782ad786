"""Noise power against reference values to six digits."""

import pytest
from pydantic import TypeAdapter, ValidationError

from simmig.radio.noise import FixedNoise, NoiseSettings, PerHzNoise
from simmig.units import w_to_dbm

# bandwidth Hz, noise figure dB, noise dBm
C2 = [
    (1.0, 0.0, -173.975187),
    (180e3, 0.0, -121.422462),
    (1e6, 0.0, -113.975187),
    (5e6, 0.0, -106.985487),
    (5e6, 9.0, -97.985487),
    (20e6, 7.0, -93.964887),
    (100e6, 9.0, -84.975187),
]
SETTINGS = TypeAdapter(NoiseSettings)


def noise_dbm(noise, bandwidth_hz):
    constant_w, per_hz_w = noise.power_w()
    return w_to_dbm(constant_w + per_hz_w * bandwidth_hz)


@pytest.mark.parametrize(("bandwidth_hz", "figure_db", "expected_dbm"), C2)
def test_table_c2(bandwidth_hz, figure_db, expected_dbm):
    assert noise_dbm(PerHzNoise(figure_db=figure_db), bandwidth_hz) == pytest.approx(expected_dbm, abs=1e-6)


def test_noise_of_001_is_thermal_in_a_bandwidth_near_1_mhz():
    # -116 dBm is k T B in 6.274e5 Hz, -112 dBm in 1.576e6 Hz.
    assert noise_dbm(PerHzNoise(), 6.274e5) == pytest.approx(-116.0, abs=1e-3)
    assert noise_dbm(PerHzNoise(), 1.576e6) == pytest.approx(-112.0, abs=1e-3)


def test_fixed_noise_ignores_the_bandwidth():
    for bandwidth_hz in (1.0, 1e9):
        assert noise_dbm(FixedNoise(power_dbm=-150.0), bandwidth_hz) == pytest.approx(-150.0, abs=1e-9)


def test_own_density():
    assert noise_dbm(PerHzNoise(density_dbm_hz=-150.0, figure_db=3.0), 1e6) == pytest.approx(-87.0, abs=1e-9)


def test_settings_are_told_apart_by_kind():
    assert SETTINGS.validate_python({"kind": "per_hz", "figure_db": 9.0}) == PerHzNoise(figure_db=9.0)
    assert SETTINGS.validate_python({"kind": "fixed", "power_dbm": -150}) == FixedNoise(power_dbm=-150.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "fixed"},
        {"kind": "fixed", "power_dbm": -150.0, "figure_db": 9.0},
        {"kind": "per_hz", "figure_db": -1.0},
        {"kind": "per_hz", "figure_db": float("nan")},
        {"kind": "white"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        SETTINGS.validate_python(wrong)
