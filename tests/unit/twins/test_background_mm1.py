"""The joint law of waits along time, against theory and against a queue simulated packet by packet."""

import math

import numpy as np
import pytest
from mm1_law import p_empty_at, wait_sd_s
from scipy.stats import ks_2samp

from simmig.errors import InputError
from simmig.twins.queueing import BackgroundMM1, _served_in_busy_period, mean_wait_s

LAMBDA, MU = 450.0, 500.0


def generator(seed):
    return np.random.Generator(np.random.PCG64(seed))


def evolved_s(workload_s, gap_s, count, seed):
    """Workload `gap_s` after it was `workload_s`, by BackgroundMM1."""
    rng, values = generator(seed), np.empty(count)
    for i in range(count):
        queue = BackgroundMM1(LAMBDA, MU)
        queue._time_s, queue._workload_s = 0.0, workload_s
        values[i] = queue.submit(gap_s, 0.0, rng)
    return values


def packets_s(workload_s, gap_s, seed):
    """The same, packet by packet: Lindley's recursion, all replications at once; `workload_s[N]`."""
    rng = generator(seed)
    workload_s = np.array(workload_s, dtype=float)
    left_s = np.full(workload_s.shape, float(gap_s))
    while (left_s > 0.0).any():
        step_s = np.minimum(rng.standard_exponential(left_s.shape) / LAMBDA, left_s)
        workload_s = np.maximum(workload_s - step_s, 0.0)
        left_s = left_s - step_s
        workload_s += np.where(left_s > 0.0, rng.standard_exponential(left_s.shape) / MU, 0.0)
    return workload_s


def differs(value, expected, sample):
    return abs(value - expected) > 4.0 * sample.std() / math.sqrt(sample.size)


# --- the busy period ------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9])
def test_customers_of_a_busy_period(rho):
    exact = [math.comb(2 * k - 2, k - 1) / k * rho ** (k - 1) / (1 + rho) ** (2 * k - 1) for k in range(1, 40)]
    table = np.diff(_served_in_busy_period(rho), prepend=0.0)[:39]
    np.testing.assert_allclose(table, exact[: len(table)], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9, 0.98])
def test_busy_period_has_the_moments_of_theory(rho):
    cumulated = _served_in_busy_period(rho)
    assert cumulated[-1] == pytest.approx(1.0, abs=1e-11)
    p, k = np.diff(cumulated, prepend=0.0), np.arange(1.0, len(cumulated) + 1)
    service, total = MU, MU * (1.0 + rho)
    assert (p * k).sum() == pytest.approx(1.0 / (1.0 - rho), rel=1e-6)
    mean_s = (p * (2 * k - 1)).sum() / total
    assert mean_s == pytest.approx(1.0 / (service * (1.0 - rho)), rel=1e-6)
    square_s2 = (p * (2 * k - 1) * (2 * k)).sum() / total**2
    variance_s2 = (1.0 + rho) / (service**2 * (1.0 - rho) ** 3)
    assert square_s2 - mean_s**2 == pytest.approx(variance_s2, rel=1e-5)


# --- one step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap_s", [0.002, 0.01, 0.05, 0.5, 3.0])
def test_transient_from_an_empty_queue(gap_s):
    empty = evolved_s(0.0, gap_s, 10_000, 21) == 0.0
    p00 = p_empty_at(gap_s, LAMBDA, MU)
    assert abs(empty.mean() - p00) < 4.0 * math.sqrt(p00 * (1.0 - p00) / empty.size)


@pytest.mark.parametrize(
    ("workload_s", "gap_s"), [(0.0, 0.005), (0.0, 0.05), (0.02, 0.05), (0.1, 0.2), (0.35, 0.3), (0.35, 1.0)]
)
def test_step_against_packets(workload_s, gap_s):
    count = 4000
    quick = evolved_s(workload_s, gap_s, count, 31)
    slow = packets_s(np.full(count, workload_s), gap_s, 32)
    assert ks_2samp(quick, slow).pvalue > 1e-3
    spread = math.sqrt((quick.var() + slow.var()) / count)
    assert abs(quick.mean() - slow.mean()) < 4.0 * spread


def test_workload_only_drains_without_arrivals():
    queue, rng = BackgroundMM1(0.0, MU), generator(1)
    assert queue.submit(5.0, 0.5, rng) == 0.0
    assert queue.submit(5.25, 0.0, rng) == pytest.approx(0.25)
    assert queue.submit(9.0, 0.0, rng) == 0.0


def test_two_twins_at_one_instant():
    queue, rng = BackgroundMM1(LAMBDA, MU), generator(2)
    first_s = queue.submit(1.0, 0.25, rng)
    assert queue.submit(1.0, 0.0, rng) == pytest.approx(first_s + 0.25, rel=1e-14)


# --- along time -----------------------------------------------------------------------------------


@pytest.mark.parametrize("gap_s", [0.05, 5.0])
def test_waits_are_stationary(gap_s):
    queue, rng, count = BackgroundMM1(LAMBDA, MU), generator(41), 20_000
    wait_s = np.array([queue.submit(i * gap_s, 0.0, rng) for i in range(count)])
    batches = wait_s.reshape(50, -1)
    assert not differs(wait_s.mean(), mean_wait_s(LAMBDA, MU), batches.mean(axis=1))
    assert not differs((wait_s == 0.0).mean(), 0.1, (batches == 0.0).mean(axis=1))
    mean_square_s2 = wait_sd_s(LAMBDA, MU) ** 2 + mean_wait_s(LAMBDA, MU) ** 2
    assert not differs((wait_s**2).mean(), mean_square_s2, (batches**2).mean(axis=1))


def test_first_wait_is_stationary():
    rng = generator(43)
    wait_s = np.array([BackgroundMM1(LAMBDA, MU).submit(100.0, 0.0, rng) for _ in range(20_000)])
    assert not differs(wait_s.mean(), 0.018, wait_s)
    assert not differs((wait_s == 0.0).mean(), 0.1, (wait_s == 0.0).astype(float))


def test_waits_near_in_time_are_alike_as_those_of_packets_are():
    # From the same first waits, the product of two waits 50 ms apart has the same mean either way.
    count, gap_s = 6000, 0.05
    rng, first_s, second_s = generator(51), np.empty(6000), np.empty(6000)
    for i in range(count):
        queue = BackgroundMM1(LAMBDA, MU)
        first_s[i] = queue.submit(0.0, 0.0, rng)
        second_s[i] = queue.submit(gap_s, 0.0, rng)
    slow_s = packets_s(first_s, gap_s, 52)
    assert ks_2samp(second_s, slow_s).pvalue > 1e-3
    assert ks_2samp(second_s - first_s, slow_s - first_s).pvalue > 1e-3
    difference = first_s * (second_s - slow_s)
    assert not differs(difference.mean(), 0.0, difference)
    assert np.corrcoef(first_s, second_s)[0, 1] > 0.7


def test_own_work_of_the_twins_by_pollaczek_and_khinchine():
    # Twins of 0.1 s at 0.5 per second among the packets: W = lambda E[S^2] / (2 (1 - rho)) = 0.086 s.
    rng, queue, count = generator(61), BackgroundMM1(LAMBDA, MU), 12_000
    time_s = np.cumsum(rng.standard_exponential(count) / 0.5)
    wait_s = np.array([queue.submit(t, 0.1, rng) for t in time_s])
    expected_s = (LAMBDA * 2.0 / MU**2 + 0.5 * 0.1**2) / (2.0 * (1.0 - LAMBDA / MU - 0.05))
    assert expected_s == pytest.approx(0.086, rel=1e-12)
    assert not differs(wait_s.mean(), expected_s, wait_s.reshape(60, -1).mean(axis=1))


def test_same_generator_same_waits():
    def waits_s():
        queue, rng = BackgroundMM1(LAMBDA, MU), generator(71)
        return [queue.submit(0.3 * i, 0.05, rng) for i in range(50)]

    assert waits_s() == waits_s()


# --- misuse ---------------------------------------------------------------------------------------


def test_memory_needs_a_utilisation_of_at_most_99_percent():
    with pytest.raises(InputError, match=r"at most 0.99, got 0.994 .*memory = false"):
        BackgroundMM1(497.0, 500.0)


def test_going_back_in_time_is_a_bug():
    queue, rng = BackgroundMM1(LAMBDA, MU), generator(1)
    queue.submit(2.0, 0.0, rng)
    with pytest.raises(AssertionError, match="in order of time"):
        queue.submit(1.0, 0.0, rng)
