"""Rate maps against reference values to six digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simmig.radio.rates import (
    Nr256QamRate,
    RateSettings,
    ShannonRate,
    efficiencies_bit_s_hz,
    efficiency_bit_s_hz,
)
from simmig.units import db_to_ratio

# SNR dB, Shannon, 0.6 log2(1 + SNR) capped at 4.4 (TR 36.942, above its floor at -10 dB)
C11 = [
    (-5.0, 0.396409, 0.237845),
    (0.0, 1.000000, 0.600000),
    (5.0, 2.057373, 1.234424),
    (10.0, 3.459432, 2.075659),
    (15.0, 5.027808, 3.016685),
    (20.0, 6.658211, 3.994927),
    (25.0, 8.309375, 4.400000),
    (30.0, 9.967226, 4.400000),
    (40.0, 13.287857, 4.400000),
    (116.0, 38.534366, 4.400000),
]


@pytest.mark.parametrize(("snr_db", "shannon", "truncated"), C11)
def test_table_c11(snr_db, shannon, truncated):
    snr = db_to_ratio(snr_db)
    rate = ShannonRate()
    assert efficiency_bit_s_hz(snr, rate.slope, rate.cap_bit_s_hz) == pytest.approx(shannon, abs=1e-6)
    assert efficiency_bit_s_hz(snr, 0.6, 4.4) == pytest.approx(truncated, abs=1e-6)


@pytest.mark.parametrize(
    ("snr_db", "expected"),
    [
        (0.0, 0.86 * 0.88),
        (20.0, 0.86 * 0.88 * 6.658211),
        (25.0, 0.86 * 0.88 * 8.309375),
        (30.0, 0.86 * 7.4063),
    ],
)
def test_nr_256qam_is_a_scaled_and_capped_shannon(snr_db, expected):
    rate = Nr256QamRate()
    efficiency = efficiency_bit_s_hz(db_to_ratio(snr_db), rate.slope, rate.cap_bit_s_hz)
    assert efficiency == pytest.approx(expected, abs=1e-6)


def test_tiny_snr_keeps_its_digits():
    # log2(1 + 1e-20) would be 0.
    assert efficiency_bit_s_hz(1e-20, 1.0, np.inf) == pytest.approx(1e-20 / np.log(2.0), rel=1e-14, abs=0.0)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.floats(0.0, 1e13), min_size=1, max_size=20), st.sampled_from([ShannonRate(), Nr256QamRate()]))
def test_property_arrays_and_numbers_agree_to_the_last_bit(snr, rate):
    many = efficiencies_bit_s_hz(np.array(snr), rate.slope, rate.cap_bit_s_hz)
    assert many.tolist() == [efficiency_bit_s_hz(value, rate.slope, rate.cap_bit_s_hz) for value in snr]


def test_settings_are_told_apart_by_kind():
    adapter = TypeAdapter(RateSettings)
    assert adapter.validate_python({"kind": "shannon"}) == ShannonRate()
    assert adapter.validate_python({"kind": "nr_256qam"}) == Nr256QamRate()
    with pytest.raises(ValidationError):
        adapter.validate_python({"kind": "nr_256qam", "slope": 1.0})
