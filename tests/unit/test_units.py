"""Unit conversions against values known from text books."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig import units


def test_known_values():
    assert units.db_to_ratio(3.0) == pytest.approx(1.9952623149688795, rel=1e-15)
    assert units.dbm_to_w(30.0) == pytest.approx(1.0, rel=1e-15)
    assert units.w_to_dbm(0.01) == pytest.approx(10.0, rel=1e-15)
    assert units.ratio_to_db(0.0) == -math.inf


@settings(derandomize=True, deadline=None)
@given(st.floats(-200.0, 100.0))
def test_property_dbm_round_trip(power_dbm):
    assert units.w_to_dbm(units.dbm_to_w(power_dbm)) == pytest.approx(power_dbm, abs=1e-9)


def test_seconds_become_whole_nanoseconds():
    assert units.s_to_ns(0.1) * 10 == units.s_to_ns(1.0)
    assert units.ns_to_s(units.s_to_ns(1234.567891234)) == 1234.567891234


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_duration_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="must be finite"):
        units.s_to_ns(value)


def test_a_negative_power_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        units.ratio_to_db(-1.0)
