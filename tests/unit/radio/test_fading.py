"""Mean rates under Rayleigh fading: reference values, limits, and quadrature as a second implementation."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.integrate import quad

from simmig.radio.fading import (
    FadingSettings,
    NoFading,
    RayleighFading,
    ergodic_efficiencies_bit_s_hz,
    ergodic_efficiency_bit_s_hz,
    scaled_e1,
    scaled_e1_each,
)
from simmig.radio.rates import Nr256QamRate, ShannonRate, efficiencies_bit_s_hz
from simmig.units import db_to_ratio

# SNR dB, AWGN, Rayleigh mean
C7 = [
    (-10.0, 0.137504, 0.132098),
    (0.0, 1.000000, 0.860347),
    (5.0, 2.057373, 1.715974),
    (10.0, 3.459432, 2.906515),
    (15.0, 5.027808, 4.330200),
    (20.0, 6.658211, 5.884048),
    (30.0, 9.967226, 9.143619),
]
EULER_GAMMA = 0.5772156649015329
SHANNON, NR = ShannonRate(), Nr256QamRate()


def mean_by_quadrature(snr, slope, cap):
    """E[min(slope log2(1 + snr X), cap)] by adaptive quadrature up to the fade that reaches the cap."""
    reaches = (2.0 ** (cap / slope) - 1.0) / snr if math.isfinite(cap) else math.inf
    last = min(reaches, 60.0)
    edges = [0.0, *(last * 10.0**-k for k in range(12, 0, -1)), last]

    def density(x):
        return slope * math.log1p(snr * x) / math.log(2.0) * math.exp(-x)

    parts = [quad(density, a, b, epsabs=1e-20, epsrel=1e-11)[0] for a, b in pairwise(edges)]
    return math.fsum(parts) + (cap * math.exp(-reaches) if math.isfinite(cap) else 0.0)


@pytest.mark.parametrize(("snr_db", "awgn", "rayleigh"), C7)
def test_table_c7(snr_db, awgn, rayleigh):
    snr = db_to_ratio(snr_db)
    assert math.log2(1.0 + snr) == pytest.approx(awgn, abs=1e-6)
    assert ergodic_efficiency_bit_s_hz(snr, 1.0, math.inf) == pytest.approx(rayleigh, abs=6e-7)


def test_high_snr_loses_euler_gamma_over_ln_2():
    gap = math.log2(1.0 + 1e12) - ergodic_efficiency_bit_s_hz(1e12, 1.0, math.inf)
    assert gap == pytest.approx(EULER_GAMMA / math.log(2.0), abs=1e-9)


@pytest.mark.parametrize("snr", [1e-300, 1e-12, 1e-6])
def test_low_snr_is_linear(snr):
    efficiency = ergodic_efficiency_bit_s_hz(snr, 1.0, math.inf)
    assert efficiency == pytest.approx(snr / math.log(2.0), rel=2 * snr + 1e-14, abs=0.0)


def test_no_signal_no_rate():
    for rate in (SHANNON, NR):
        assert ergodic_efficiency_bit_s_hz(0.0, rate.slope, rate.cap_bit_s_hz) == 0.0
        none = ergodic_efficiencies_bit_s_hz(np.zeros((2, 3)), rate.slope, rate.cap_bit_s_hz)
        np.testing.assert_array_equal(none, np.zeros((2, 3)))


@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.5, 1.0, 3.0, 40.0, 499.0, 500.0, 500.001, 700.0, 1e4])
def test_scaled_e1_against_its_integral(x):
    # e^x E1(x) = integral of e^-t / (x + t); with t = x (e^s - 1) it is that of e^{-x (e^s - 1)}.
    top = math.log1p(60.0 / x)
    value, _ = quad(lambda s: math.exp(-x * math.expm1(s)), 0.0, top, epsabs=0, epsrel=1e-13, limit=200)
    assert scaled_e1(x) == pytest.approx(value, rel=1e-12, abs=0.0)


def test_scaled_e1_has_no_step_where_the_series_takes_over():
    below, above = scaled_e1(500.0), scaled_e1(math.nextafter(500.0, 501.0))
    assert above == pytest.approx(below, rel=5e-15, abs=0.0)


@pytest.mark.parametrize("snr_db", [-30.0, -10.0, 0.0, 10.0, 20.0, 25.0, 30.0, 50.0])
@pytest.mark.parametrize("rate", [SHANNON, NR])
def test_mean_against_quadrature(snr_db, rate):
    snr = db_to_ratio(snr_db)
    efficiency = ergodic_efficiency_bit_s_hz(snr, rate.slope, rate.cap_bit_s_hz)
    assert efficiency == pytest.approx(mean_by_quadrature(snr, rate.slope, rate.cap_bit_s_hz), rel=1e-10, abs=0.0)


@pytest.mark.parametrize(("snr_db", "expected"), [(10.0, 1.743493), (20.0, 3.456313)])
def test_truncated_shannon(snr_db, expected):
    # The reference also has the floor of TR 36.942: nothing below -10 dB, so that part is taken off here.
    snr = db_to_ratio(snr_db)
    below, _ = quad(lambda x: 0.6 * math.log2(1.0 + snr * x) * math.exp(-x), 0.0, 0.1 / snr)
    assert ergodic_efficiency_bit_s_hz(snr, 0.6, 4.4) - below == pytest.approx(expected, abs=1e-6)


def test_cap_is_the_limit():
    for snr_db in (119.0, 150.0):
        efficiency = ergodic_efficiency_bit_s_hz(db_to_ratio(snr_db), NR.slope, NR.cap_bit_s_hz)
        assert efficiency == pytest.approx(0.86 * 7.4063, rel=1e-8)


@pytest.mark.parametrize("rate", [SHANNON, NR])
def test_mean_of_many_fades(rate):
    fade = np.random.Generator(np.random.PCG64(1)).standard_exponential(100_000)
    for snr in (1.0, 100.0):
        sample = efficiencies_bit_s_hz(snr * fade, rate.slope, rate.cap_bit_s_hz)
        mean = ergodic_efficiency_bit_s_hz(snr, rate.slope, rate.cap_bit_s_hz)
        assert abs(sample.mean() - mean) < 4.0 * sample.std() / math.sqrt(sample.size)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(st.floats(0.0, 1e13), min_size=1, max_size=20), st.sampled_from([SHANNON, NR]))
def test_property_arrays_and_numbers_agree_to_the_last_bit(snr, rate):
    many = ergodic_efficiencies_bit_s_hz(np.array(snr), rate.slope, rate.cap_bit_s_hz)
    assert many.tolist() == [ergodic_efficiency_bit_s_hz(one, rate.slope, rate.cap_bit_s_hz) for one in snr]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.floats(1e-6, 1e12), st.sampled_from([SHANNON, NR]))
def test_property_fading_never_helps_and_more_signal_does(snr, rate):
    mean = ergodic_efficiency_bit_s_hz(snr, rate.slope, rate.cap_bit_s_hz)
    assert 0.0 < mean <= min(rate.slope * math.log2(1.0 + snr) * (1 + 1e-9), rate.cap_bit_s_hz * (1 + 1e-12))
    assert ergodic_efficiency_bit_s_hz(1.5 * snr, rate.slope, rate.cap_bit_s_hz) >= mean * (1.0 - 1e-14)


def test_scaled_e1_of_infinity_is_zero():
    np.testing.assert_array_equal(scaled_e1_each(np.array([np.inf])), [0.0])


def test_settings_are_told_apart_by_kind():
    adapter = TypeAdapter(FadingSettings)
    assert adapter.validate_python({"kind": "none"}) == NoFading()
    assert adapter.validate_python({"kind": "rayleigh"}) == RayleighFading(mode="ergodic")
    block = adapter.validate_python({"kind": "rayleigh", "mode": "block", "coherence_s": 0.0015})
    assert block == RayleighFading(mode="block", coherence_s=0.0015)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "block"}, "needs coherence_s"),
        ({"mode": "ergodic", "coherence_s": 0.01}, 'no effect without mode = "block"'),
        ({"mode": "block", "coherence_s": 0.0}, "greater than or equal to"),
        ({"mode": "single"}, "'ergodic' or 'block'"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        RayleighFading(**wrong)
