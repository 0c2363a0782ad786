"""Whole links against the numbers of the papers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.radio.channels import constant, free_space, log_distance
from simmig.radio.fading import NoFading, RayleighFading
from simmig.radio.link import Link
from simmig.radio.noise import FixedNoise, PerHzNoise
from simmig.radio.rates import Nr256QamRate, ShannonRate
from simmig.twins.queueing import mean_wait_s
from simmig.twins.transfer import moving_transfer
from simmig.units import BIT_PER_MB, ratio_to_db

PAPER_002 = Link(
    channel=log_distance.Channel(exponent=2.0, reference_gain_db=-20.0),
    tx_power_dbm=40.0,
    carrier_hz=5.9e9,
    noise=FixedNoise(power_dbm=-150.0),
    fading=NoFading(),
    rate=ShannonRate(),
)
STREET = Link(
    channel=log_distance.Channel(exponent=2.7),
    tx_power_dbm=30.0,
    carrier_hz=5.9e9,
    noise=PerHzNoise(figure_db=9.0),
    fading=RayleighFading(),
    rate=Nr256QamRate(),
)
RAYLEIGH, STEADY = RayleighFading(), NoFading()


def test_efficiency_of_002():
    assert ratio_to_db(PAPER_002.snr_at(500.0, 4.5e6)) == pytest.approx(116.020600, abs=1e-6)
    assert PAPER_002.efficiency_at_bit_s_hz(500.0, 4.5e6) == pytest.approx(38.541209, abs=1e-6)


def test_ergodic_efficiency_of_002():
    link = Link(PAPER_002.channel, 40.0, 5.9e9, PAPER_002.noise, RAYLEIGH, ShannonRate())
    assert link.efficiency_at_bit_s_hz(500.0, 4.5e6) == pytest.approx(37.708463, abs=1e-6)


@pytest.mark.parametrize(
    ("bandwidth_hz", "transfers_s", "totals_s"),
    [
        (
            3.0e6,
            (0.691900, 1.383800, 2.075700, 2.767600, 3.459501),
            (1.043233, 1.735134, 2.427034, 3.118934, 3.810834),
        ),
        (
            3.8e6,
            (0.546237, 1.092474, 1.638711, 2.184948, 2.731185),
            (0.897570, 1.443807, 1.990044, 2.536281, 3.082518),
        ),
        (
            4.5e6,
            (0.461267, 0.922533, 1.383800, 1.845067, 2.306334),
            (0.812600, 1.273867, 1.735134, 2.196400, 2.657667),
        ),
        (
            6.0e6,
            (0.345950, 0.691900, 1.037850, 1.383800, 1.729750),
            (0.697283, 1.043233, 1.389183, 1.735134, 2.081084),
        ),
    ],
)
def test_delays_of_002(bandwidth_hz, transfers_s, totals_s):
    rate_bit_s = PAPER_002.rate_at_bit_s(500.0, bandwidth_hz)
    for size_mb, transfer_s, total_s in zip((10, 20, 30, 40, 50), transfers_s, totals_s, strict=True):
        end_s = size_mb * BIT_PER_MB / rate_bit_s
        assert end_s == pytest.approx(transfer_s, abs=1e-6)
        assert end_s + mean_wait_s(450.0, 500.0) + 5e9 / 15e9 == pytest.approx(total_s, abs=1e-6)


@pytest.mark.parametrize(
    ("tx_power_dbm", "gain_db", "noise_dbm", "efficiency"),
    [(20.0, -25.0, -112.0, 35.544631), (22.5, -23.5, -114.0, 37.537787), (25.0, -22.0, -116.0, 39.530944)],
)
def test_efficiencies_of_001(tx_power_dbm, gain_db, noise_dbm, efficiency):
    channel, noise = constant.Channel(gain_db=gain_db), FixedNoise(power_dbm=noise_dbm)
    link = Link(channel, tx_power_dbm, 2e9, noise, STEADY, ShannonRate())
    assert link.efficiency_at_bit_s_hz(123.0, 1e6) == pytest.approx(efficiency, abs=1e-6)


@pytest.mark.parametrize(
    ("gain_db", "noise", "bandwidth_hz", "snr_db", "shannon", "rayleigh"),
    [
        (-20.0, PerHzNoise(density_dbm_hz=-150.0), 3e6, 51.249, 17.0247, 16.1921),
        (-20.0, PerHzNoise(density_dbm_hz=-150.0), 6e6, 48.239, 16.0247, 15.1922),
        (None, PerHzNoise(density_dbm_hz=-150.0), 3e6, 23.385, 7.7748, 6.9740),
        (-20.0, PerHzNoise(figure_db=9.0), 6e6, 63.214, 20.9993, 20.1666),
        (None, PerHzNoise(figure_db=9.0), 3e6, 38.360, 12.7430, 11.9120),
        (None, PerHzNoise(figure_db=9.0), 6e6, 35.349, 11.7433, 10.9137),
    ],
)
def test_002_with_noise_that_grows_with_the_bandwidth(gain_db, noise, bandwidth_hz, snr_db, shannon, rayleigh):
    channel = log_distance.Channel(exponent=2.0, reference_gain_db=gain_db)
    for fading, efficiency in ((STEADY, shannon), (RAYLEIGH, rayleigh)):
        link = Link(channel, 40.0, 5.9e9, noise, fading, ShannonRate())
        assert ratio_to_db(link.snr_at(500.0, bandwidth_hz)) == pytest.approx(snr_db, abs=6e-4)
        assert link.efficiency_at_bit_s_hz(500.0, bandwidth_hz) == pytest.approx(efficiency, abs=6e-5)


@pytest.mark.parametrize(
    ("carrier_ghz", "distance_m", "snr_db", "shannon", "rayleigh"),
    [
        (2.0, 50.0, 55.538, 18.4492, 17.6165),
        (5.9, 200.0, 34.100, 11.3284, 10.4997),
        (28.0, 500.0, 12.615, 4.2676, 3.6293),
    ],
)
def test_friis_link_of_003(carrier_ghz, distance_m, snr_db, shannon, rayleigh):
    for fading, efficiency in ((STEADY, shannon), (RAYLEIGH, rayleigh)):
        link = Link(free_space.Channel(), 30.0, carrier_ghz * 1e9, PerHzNoise(figure_db=9.0), fading, ShannonRate())
        assert ratio_to_db(link.snr_at(distance_m, 5e6)) == pytest.approx(snr_db, abs=6e-4)
        assert link.efficiency_at_bit_s_hz(distance_m, 5e6) == pytest.approx(efficiency, abs=6e-5)


def test_rate_saturates_with_noise_per_hertz_and_does_not_with_fixed_noise():
    link = Link(free_space.Channel(), 30.0, 5.9e9, PerHzNoise(figure_db=9.0), STEADY, ShannonRate())
    limit_bit_s = link.snr_at(500.0, 1.0) / math.log(2.0)
    assert link.rate_at_bit_s(500.0, 1e13) == pytest.approx(limit_bit_s, rel=1e-3)
    assert PAPER_002.rate_at_bit_s(500.0, 8e6) == pytest.approx(2 * PAPER_002.rate_at_bit_s(500.0, 4e6), rel=1e-14)


def test_drive_by_over_a_link():
    # SNR = 10^6 m^2 / d^2 by 1 W, unit gain at 1 m and 1 uW of noise; 15 m/s past at 10 m, 500 m in all.
    channel = log_distance.Channel(exponent=2.0, reference_gain_db=0.0)
    link = Link(channel, 30.0, 5.9e9, FixedNoise(power_dbm=-30.0), STEADY, ShannonRate())
    t_ns = np.array([0, 33_333_333_333])
    offset_m = np.array([[-250.0, 0.0, 10.0], [250.0, 0.0, 10.0]])
    sent = moving_transfer(1e12, lambda distance_m: link.rate_bit_s(distance_m, 5e6), t_ns, offset_m)
    assert sent.sent_bit == pytest.approx(1.122676e9, rel=5e-7)


def test_mean_of_faded_rates_is_the_rate():
    fade = np.random.Generator(np.random.PCG64(2)).standard_exponential(100_000)
    sample = STREET.faded_rate_bit_s(np.full(fade.shape, 150.0), fade, 5e6)
    assert abs(sample.mean() - STREET.rate_at_bit_s(150.0, 5e6)) < 4.0 * sample.std() / math.sqrt(sample.size)


def test_block_mode_has_the_mean_of_the_ergodic_mode():
    block = RayleighFading(mode="block", coherence_s=0.01)
    link = Link(STREET.channel, 30.0, 5.9e9, STREET.noise, block, STREET.rate)
    assert link.rate_at_bit_s(150.0, 5e6) == STREET.rate_at_bit_s(150.0, 5e6)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.lists(st.floats(0.0, 1e5), min_size=1, max_size=10),
    st.floats(1e3, 1e9),
    st.sampled_from([PAPER_002, STREET]),
)
def test_property_arrays_and_numbers_agree_to_the_last_bit(distance_m, bandwidth_hz, link):
    many = np.array(distance_m)
    assert link.snr(many, bandwidth_hz).tolist() == [link.snr_at(d, bandwidth_hz) for d in distance_m]
    assert link.rate_bit_s(many, bandwidth_hz).tolist() == [link.rate_at_bit_s(d, bandwidth_hz) for d in distance_m]


def test_efficiency_of_a_market():
    distance_m = np.array([[10.0, 200.0, 300.0], [400.0, 50.0, 600.0]])
    efficiency = STREET.efficiency_bit_s_hz(distance_m, 20e6)
    assert efficiency.shape == (2, 3)
    assert (np.argsort(-efficiency, axis=None) == np.argsort(distance_m, axis=None)).all()


@pytest.mark.parametrize("bandwidth_hz", [0.0, -1.0, math.nan])
def test_no_bandwidth_is_an_error(bandwidth_hz):
    with pytest.raises(ValueError, match="bandwidth > 0, got"):
        STREET.rate_at_bit_s(100.0, bandwidth_hz)
    with pytest.raises(ValueError, match="bandwidth > 0, got"):
        STREET.rate_bit_s(np.array([100.0]), bandwidth_hz)
