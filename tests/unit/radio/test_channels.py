"""Path loss against reference values to six digits and against the textbook forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simmig.radio.channels import constant, free_space, log_distance

# distance m, carrier GHz, free space dB, log-distance n = 2.7 dB, n = 3.5 dB
C1 = [
    (1.0, 2.0, 38.468383, 38.468383, 38.468383),
    (1.0, 5.9, 47.864823, 47.864823, 47.864823),
    (100.0, 2.0, 78.468383, 92.468383, 108.468383),
    (100.0, 3.5, 83.329144, 97.329144, 113.329144),
    (500.0, 5.9, 101.844224, 120.737014, 142.328774),
    (1000.0, 28.0, 121.390944, 142.390944, 166.390944),
]
DISTANCES = st.floats(1.0, 1e5)
CARRIERS = st.floats(1e8, 1e11)


def loss_db(channel, distance_m, carrier_hz):
    return channel.path_loss_db(np.array([distance_m]), carrier_hz)[0]


@pytest.mark.parametrize(("distance_m", "carrier_ghz", "free_db", "street_db", "blocked_db"), C1)
def test_table_c1(distance_m, carrier_ghz, free_db, street_db, blocked_db):
    carrier_hz = carrier_ghz * 1e9
    assert loss_db(free_space.Channel(), distance_m, carrier_hz) == pytest.approx(free_db, abs=1e-6)
    street = log_distance.Channel(exponent=2.7)
    assert loss_db(street, distance_m, carrier_hz) == pytest.approx(street_db, abs=1e-6)
    blocked = log_distance.Channel(exponent=3.5)
    assert loss_db(blocked, distance_m, carrier_hz) == pytest.approx(blocked_db, abs=1e-6)


def test_free_space_in_the_units_of_p525():
    loss = loss_db(free_space.Channel(), 7_000.0, 900e6)
    assert loss == pytest.approx(32.45 + 20 * math.log10(7.0) + 20 * math.log10(900.0) - 0.002, abs=1e-3)


def test_log_distance_of_exponent_two_is_free_space():
    distance_m = np.geomspace(1.0, 1e4, 7)
    np.testing.assert_allclose(
        log_distance.Channel(exponent=2.0).path_loss_db(distance_m, 5.9e9),
        free_space.Channel().path_loss_db(distance_m, 5.9e9),
        rtol=0,
        atol=1e-11,
    )


def test_unit_gain_of_002_replaces_free_space_at_one_metre():
    channel = log_distance.Channel(exponent=2.0, reference_gain_db=-20.0)
    assert loss_db(channel, 500.0, 5.9e9) == pytest.approx(20.0 + 53.979400, abs=1e-6)
    assert loss_db(channel, 500.0, 1e9) == loss_db(channel, 500.0, 9e9)


def test_reference_at_ten_metres():
    channel = log_distance.Channel(exponent=3.0, reference_m=10.0)
    assert loss_db(channel, 10.0, 2e9) == pytest.approx(58.468383, abs=1e-6)
    assert loss_db(channel, 100.0, 2e9) == pytest.approx(88.468383, abs=1e-6)


@pytest.mark.parametrize("channel", [free_space.Channel(), log_distance.Channel(exponent=2.7)])
def test_distances_below_one_metre_count_as_one(channel):
    assert loss_db(channel, 0.0, 5.9e9) == loss_db(channel, 0.999, 5.9e9) == loss_db(channel, 1.0, 5.9e9)


def test_constant_gain_everywhere():
    losses = constant.Channel(gain_db=-25.0).path_loss_db(np.array([[0.0, 1.0], [10.0, 1e6]]), 5.9e9)
    np.testing.assert_array_equal(losses, np.full((2, 2), 25.0))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(DISTANCES, min_size=1, max_size=12), CARRIERS, st.floats(1.5, 6.0))
def test_property_ten_times_the_distance_costs_ten_exponents(distance_m, carrier_hz, exponent):
    channel = log_distance.Channel(exponent=exponent)
    near = channel.path_loss_db(np.array(distance_m), carrier_hz)
    far = channel.path_loss_db(10.0 * np.array(distance_m), carrier_hz)
    np.testing.assert_allclose(far - near, 10.0 * exponent, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 5))
def test_property_keeps_the_shape(rows, columns):
    distance_m = np.arange(1.0, rows * columns + 1.0).reshape(rows, columns)
    for channel in (free_space.Channel(), log_distance.Channel(), constant.Channel(gain_db=-3.0)):
        losses = channel.path_loss_db(distance_m, 5.9e9)
        assert losses.shape == (rows, columns)
        for cell in np.ndindex(rows, columns):
            assert losses[cell] == loss_db(channel, distance_m[cell], 5.9e9)


@pytest.mark.parametrize("wrong", [{"exponent": 0.0}, {"exponent": "2"}, {"reference_m": -1.0}, {"exponet": 2.0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        log_distance.Channel(**wrong)
