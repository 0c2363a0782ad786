"""Transfers against closed forms, a second integration and renewal theory."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from simmig.twins import transfer
from simmig.twins.transfer import (
    TransferResult,
    block_fading_transfer,
    moving_transfer,
)
from simmig.units import NS_PER_S

B_HZ, K_M2, Y_M, V_M_S = 5e6, 1e6, 10.0, 15.0  # the drive-by: SNR = K / (y^2 + x^2)


def drive_by_rate(distance_m):
    return B_HZ * np.log2(1.0 + K_M2 / (distance_m * distance_m))


def drive_by_bit(x0_m, x1_m):
    """Bits sent while x = v t runs from x0 to x1, in closed form."""

    def primitive(x):
        far = math.sqrt(Y_M * Y_M + K_M2)
        log = x * math.log(1.0 + K_M2 / (Y_M * Y_M + x * x))
        return B_HZ / (V_M_S * math.log(2.0)) * (log + 2 * far * math.atan(x / far) - 2 * Y_M * math.atan(x / Y_M))

    return primitive(x1_m) - primitive(x0_m)


def drive_by(x0_m, x1_m):
    """One straight leg past the RSU: t_ns, offset_m."""
    t_ns = np.array([0, round((x1_m - x0_m) / V_M_S * NS_PER_S)])
    return t_ns, np.array([[x0_m, Y_M, 0.0], [x0_m + V_M_S * t_ns[1] / NS_PER_S, Y_M, 0.0]])


@pytest.mark.parametrize(
    ("x0_m", "x1_m", "printed_bit"),
    [(-250.0, 250.0, 1.122676e9), (0.0, 100.0, 3.031784e8), (-1000.0, 1000.0, 2.147409e9)],
)
def test_drive_by(x0_m, x1_m, printed_bit):
    t_ns, offset_m = drive_by(x0_m, x1_m)
    exact_bit = drive_by_bit(x0_m, float(offset_m[1, 0]))
    assert exact_bit == pytest.approx(printed_bit, rel=5e-7)
    sent = moving_transfer(1e12, drive_by_rate, t_ns, offset_m)
    assert sent.end_s is None
    assert sent.sent_bit == pytest.approx(exact_bit, rel=1e-9)


def test_whole_line():
    t_ns, offset_m = drive_by(-1e7, 1e7)
    sent = moving_transfer(1e12, drive_by_rate, t_ns, offset_m)
    # B 2 pi (sqrt(y^2 + K) - y) / (v ln 2), less the tails beyond 10^7 m: B 2 K / (v ln 2 10^7).
    tails_bit = B_HZ * 2 * K_M2 / (V_M_S * math.log(2.0) * 1e7)
    assert sent.sent_bit + tails_bit == pytest.approx(2.991509e9, rel=5e-7)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.floats(-2000.0, 1000.0), st.floats(1.0, 2000.0))
def test_property_drive_by_ends_when_the_closed_form_says(x0_m, length_m):
    t_ns, offset_m = drive_by(x0_m, x0_m + length_m + 500.0)
    result = moving_transfer(drive_by_bit(x0_m, x0_m + length_m), drive_by_rate, t_ns, offset_m)
    assert result.end_s == pytest.approx(length_m / V_M_S, rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.lists(st.integers(1, 33_333_333_332), min_size=1, max_size=8, unique=True), st.floats(0.01, 0.99))
def test_property_more_fixes_on_the_same_line_change_nothing(cuts_ns, share):
    t_ns, offset_m = drive_by(-250.0, 250.0)
    cut_ns = np.array(sorted({0, *cuts_ns, int(t_ns[1])}))
    x_m = -250.0 + V_M_S * cut_ns / NS_PER_S
    cut_m = np.stack([x_m, np.full(len(cut_ns), Y_M), np.zeros(len(cut_ns))], axis=1)
    size_bit = share * drive_by_bit(-250.0, 250.0)
    whole = moving_transfer(size_bit, drive_by_rate, t_ns, offset_m)
    cut = moving_transfer(size_bit, drive_by_rate, cut_ns, cut_m)
    assert cut.end_s == pytest.approx(whole.end_s, rel=1e-9)


CAP_M = 2.5


def capped_rate(distance_m):
    """A rate that bends twice: capped nearer than CAP_M, helped by a second antenna nearer than 20 m."""
    snr = 2e3 / np.maximum(distance_m, CAP_M) ** 2.7
    return 4e6 * np.log2(1.0 + snr) + 1e6 * np.maximum(0.0, 1.0 - distance_m / 20.0)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(0, 10_000), st.floats(0.02, 0.98))
def test_property_bits_of_a_path_in_space_by_another_integration(seed, share):
    rng = np.random.Generator(np.random.PCG64(seed))
    t_ns = np.cumsum(rng.integers(1, 3_000_000_000, 5))
    offset_m = rng.normal(0.0, 20.0, (5, 3)).round(1)

    def bits_until(end_s):
        edges_s = [t for t in (t_ns - t_ns[0]) / NS_PER_S if t < end_s] + [end_s]
        # Plain midpoints, fine enough for kinks: error below 1e-7 of the bits.
        total = 0.0
        for a_s, b_s in pairwise(edges_s):
            grid_s = a_s + (b_s - a_s) * (np.arange(20_000) + 0.5) / 20_000
            known_s = (t_ns - t_ns[0]) / NS_PER_S
            xyz_m = [np.interp(grid_s, known_s, offset_m[:, axis]) for axis in range(3)]
            total += float(capped_rate(np.sqrt(sum(x * x for x in xyz_m))).mean()) * (b_s - a_s)
        return total

    path_bit = bits_until((t_ns[-1] - t_ns[0]) / NS_PER_S)
    result = moving_transfer(share * path_bit, capped_rate, t_ns, offset_m)
    assert bits_until(result.end_s) == pytest.approx(share * path_bit, rel=1e-6)
    assert result.sent_bit == share * path_bit
    short = moving_transfer(2.0 * path_bit, capped_rate, t_ns, offset_m)
    assert short.end_s is None
    assert short.sent_bit == pytest.approx(path_bit, rel=1e-6)


def test_bits_to_nine_digits_with_kinks():
    # Straight past the RSU, with two bends of the rate on either side.
    t_ns, offset_m = np.array([0, 20 * NS_PER_S]), np.array([[-100.0, 0.3, 0.0], [100.0, 0.3, 0.0]])
    size_bit = 0.97 * moving_transfer(1e12, capped_rate, t_ns, offset_m).sent_bit
    end_s = moving_transfer(size_bit, capped_rate, t_ns, offset_m).end_s

    def rate(t_s):
        return float(capped_rate(np.hypot(-100.0 + 10.0 * t_s, 0.3)))

    bends_s = [10.0 + sign * math.sqrt(d * d - 0.09) / 10.0 for d in (CAP_M, 20.0) for sign in (-1.0, 1.0)]
    edges_s = [0.0, *sorted(b for b in bends_s if b < end_s), end_s]
    pieces = [quad(rate, *ends_s, epsrel=1e-12, limit=200)[0] for ends_s in pairwise(edges_s)]
    assert len(pieces) == 5
    assert math.fsum(pieces) == pytest.approx(size_bit, rel=1e-9)


def test_standing_still_is_a_constant_rate():
    t_ns, offset_m = np.array([5, 5 + 100 * NS_PER_S]), np.array([[30.0, 40.0, 0.0]] * 2)
    result = moving_transfer(1e8, drive_by_rate, t_ns, offset_m)
    assert result.end_s == pytest.approx(1e8 / drive_by_rate(50.0), rel=1e-14)


def test_a_long_leg_past_a_small_cell():
    # 1.6 km of 100 km on which anything is sent at all, once off the middle and once near an end.
    def rate(distance_m):
        return np.where(distance_m < 1e3, 1e6, 0.0)

    for x0_m in (-33_333.0, -98_000.0):
        t_ns, offset_m = (
            np.array([0, 1000 * NS_PER_S]),
            np.array([[x0_m, 600.0, 0.0], [x0_m + 1e5, 600.0, 0.0]]),
        )
        sent = moving_transfer(1e9, rate, t_ns, offset_m)
        assert sent.sent_bit == pytest.approx(1600.0 / 100.0 * 1e6, rel=1e-9)


def test_step_in_the_rate():
    # A plug-in channel may jump; the end is right to the clock's nanosecond all the same.
    def rate(distance_m):
        return np.where(distance_m < 70.0, 1e7, 2e6)

    t_ns, offset_m = np.array([0, 10 * NS_PER_S]), np.array([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert moving_transfer(2.6e7, rate, t_ns, offset_m).end_s == pytest.approx(5.0, abs=5e-9)


def test_dead_stretch_delays_the_end():
    def rate(distance_m):
        return np.where((distance_m > 40.0) & (distance_m < 60.0), 0.0, 1e6)

    t_ns, offset_m = np.array([0, 10 * NS_PER_S]), np.array([[0.0, 0.0, 0.0], [100.0, 0.0, 0.0]])
    assert moving_transfer(5e6, rate, t_ns, offset_m).end_s == pytest.approx(7.0, abs=5e-9)
    assert moving_transfer(5e6, lambda d: np.zeros_like(d), t_ns, offset_m) == TransferResult(None, 0.0)


def test_a_day_on_one_leg_comes_to_an_end():
    # A nanosecond of this link is worth more than the tolerance on the size.
    t_ns, offset_m = np.array([0, 86_400 * NS_PER_S]), np.array([[1.0, 2.0, 3.0], [9e5, 2.0, 3.0]])
    result = moving_transfer(3.3e13, lambda d: 1e9 / (1.0 + 1e-6 * d), t_ns, offset_m)
    assert 33_000.0 < result.end_s < 86_400.0


def test_a_single_fix_is_no_path():
    assert moving_transfer(1e6, drive_by_rate, np.array([7]), np.zeros((1, 3))) == TransferResult(None, 0.0)


@pytest.mark.parametrize("size_bit", [0.0, -1.0, math.nan, math.inf])
def test_size_must_be_positive(size_bit):
    rng = np.random.Generator(np.random.PCG64(0))
    t_ns, offset_m = drive_by(-250.0, 250.0)
    with pytest.raises(ValueError, match="finite size > 0"):
        moving_transfer(size_bit, drive_by_rate, t_ns, offset_m)
    with pytest.raises(ValueError, match="finite size > 0"):
        block_fading_transfer(size_bit, lambda t, x: x, 1.0, 10.0, rng)


# --- block fading: 10 MB over 5 MHz at a mean SNR of 20 dB --------------

SIZE_BIT, MEAN, VARIANCE = 80e6, 5.884048, 2.902490  # of log2(1 + 100 X)


def faded_rate(_time_s, fade):
    return B_HZ * np.log2(1.0 + 100.0 * fade)


def durations_s(coherence_s, count, seed):
    rng = np.random.Generator(np.random.PCG64(seed))
    return np.array([block_fading_transfer(SIZE_BIT, faded_rate, coherence_s, 100.0, rng).end_s for _ in range(count)])


@pytest.mark.parametrize(("coherence_s", "count"), [(0.0015, 1500), (0.01, 12_000)])
def test_block_fading_mean_and_spread(coherence_s, count):
    end_s = durations_s(coherence_s, count, 7)
    mean_s = SIZE_BIT / (B_HZ * MEAN)
    assert mean_s == pytest.approx(2.7192, abs=5e-5)
    # It ends inside a block, and rather a good one: longer by half a block times the relative variance.
    bias_s = 0.5 * coherence_s * VARIANCE / MEAN**2
    assert abs(end_s.mean() - mean_s - bias_s) < 4.0 * end_s.std() / math.sqrt(count)
    spread_s = math.sqrt(coherence_s * mean_s * VARIANCE) / MEAN
    assert end_s.std() == pytest.approx(spread_s, rel=max(0.02, 4.0 / math.sqrt(2 * count)))


def test_block_fading_of_one_block_is_one_fade():
    fade = np.random.Generator(np.random.PCG64(3)).standard_exponential()
    rng = np.random.Generator(np.random.PCG64(3))
    result = block_fading_transfer(SIZE_BIT, faded_rate, 1e3, 1e3, rng)
    assert result == TransferResult(pytest.approx(SIZE_BIT / (B_HZ * math.log2(1.0 + 100.0 * fade))), SIZE_BIT)


def test_block_fading_bit_by_bit():
    fades = np.random.Generator(np.random.PCG64(4)).standard_exponential(1000)
    left_bit, blocks = SIZE_BIT, 0
    while left_bit > (sent_bit := 0.01 * B_HZ * math.log2(1.0 + 100.0 * fades[blocks])):
        left_bit -= sent_bit
        blocks += 1
    expected_s = 0.01 * (blocks + left_bit / sent_bit)
    result = block_fading_transfer(SIZE_BIT, faded_rate, 0.01, 100.0, np.random.Generator(np.random.PCG64(4)))
    assert result.end_s == pytest.approx(expected_s, rel=1e-12)


def test_block_fading_does_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    before = durations_s(0.01, 1, 5)
    monkeypatch.setattr(transfer, "_FIRST_BLOCKS", 3)
    assert durations_s(0.01, 1, 5) == pytest.approx(before, rel=1e-13)


def test_block_fading_over_a_link_that_ends_inside_a_block():
    fades = np.random.Generator(np.random.PCG64(6)).standard_exponential(8)
    result = block_fading_transfer(1e12, faded_rate, 0.1, 0.75, np.random.Generator(np.random.PCG64(6)))
    spans_s = np.array([0.1] * 7 + [0.05])
    assert result.end_s is None
    assert result.sent_bit == pytest.approx((B_HZ * np.log2(1.0 + 100.0 * fades) * spans_s).sum(), rel=1e-12)


def test_block_fading_asks_for_the_middle_of_each_block():
    asked_s = []

    def rate(time_s, fade):
        asked_s.extend(time_s[:4].tolist())
        return np.full(fade.shape, 1.0)

    block_fading_transfer(1e3, rate, 0.5, 1.75, np.random.Generator(np.random.PCG64(0)))
    assert asked_s == pytest.approx([0.25, 0.75, 1.25, 1.625])
