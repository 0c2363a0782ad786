"""Closed forms to six digits, the stationary draw, and the queue of the twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mm1_law import p_empty_at, wait_sd_s
from pydantic import TypeAdapter, ValidationError

from simmig.errors import InputError
from simmig.rng import Draws
from simmig.twins.queueing import (
    BackgroundMM1,
    BackgroundSettings,
    NoQueueSettings,
    QueueSettings,
    StationaryWait,
    TaskQueue,
    TaskSettings,
    mean_wait_s,
)

LAMBDA, MU = 450.0, 500.0  # 002, section VI: arrivals and services per second


def stationary_wait_s(draws, arrival_per_s, service_per_s):
    return StationaryWait(arrival_per_s, service_per_s).exceeded_s(draws.uniform())


def test_wait_of_002():
    assert mean_wait_s(LAMBDA, MU) == pytest.approx(0.018, rel=1e-14)
    assert wait_sd_s(LAMBDA, MU) == pytest.approx(0.019900, abs=5e-7)


@pytest.mark.parametrize(("probability", "wait_ms"), [(0.5, 11.756), (0.9, 43.944), (0.95, 57.807), (0.99, 89.996)])
def test_quantiles_of_the_wait(probability, wait_ms):
    assert StationaryWait(LAMBDA, MU).exceeded_s(1.0 - probability) == pytest.approx(wait_ms * 1e-3, abs=5e-7)


def test_quantile_is_zero_below_the_probability_of_no_wait():
    wait = StationaryWait(LAMBDA, MU)
    assert wait.exceeded_s(1.0 - 0.0999) == 0.0
    assert wait.exceeded_s(1.0 - 0.1001) > 0.0


@pytest.mark.parametrize(
    ("time_s", "expected"),
    [
        (0.002, 0.559449),
        (0.01, 0.295806),
        (0.05, 0.166830),
        (0.2, 0.118816),
        (1.0, 0.101356),
        (5.0, 0.100001),
    ],
)
def test_transient_probability_of_an_empty_queue(time_s, expected):
    assert p_empty_at(time_s, LAMBDA, MU) == pytest.approx(expected, abs=6e-7)


def test_transient_starts_at_one_with_slope_lambda():
    assert 1.0 - p_empty_at(1e-7, LAMBDA, MU) == pytest.approx(LAMBDA * 1e-7, rel=1e-3)


def test_transient_against_the_master_equation():
    # P00 by uniformisation: a birth-death chain cut at 200 customers, jumps at rate lambda + mu.
    arrival, service, time_s = 3.0, 4.0, 0.7
    p, up = np.zeros(201), arrival / (arrival + service)
    p[0] = 1.0
    jumps, weight, total = (arrival + service) * time_s, math.exp(-(arrival + service) * time_s), 0.0
    for n in range(1, 80):
        total += weight * p[0]
        moved = np.zeros_like(p)
        moved[1:] += up * p[:-1]
        moved[:-1] += (1.0 - up) * p[1:]
        moved[0] += (1.0 - up) * p[0]
        p, weight = moved, weight * jumps / n
    assert p_empty_at(time_s, arrival, service) == pytest.approx(total, abs=1e-10)


# --- stationary draws -----------------------------------------------------------------------------


def test_stationary_draws_have_the_law():
    draws, count = Draws(1, "queue"), 200_000
    wait_s = np.array([stationary_wait_s(draws, LAMBDA, MU) for _ in range(count)])
    assert abs(wait_s.mean() - 0.018) < 4.0 * wait_s.std() / math.sqrt(count)
    kurtosis = ((wait_s - wait_s.mean()) ** 4).mean() / wait_s.var() ** 2
    sd_error = 0.5 * wait_s.std() * math.sqrt((kurtosis - 1.0) / count)
    assert abs(wait_s.std() - wait_sd_s(LAMBDA, MU)) < 4.0 * sd_error
    for threshold_s, below in (
        (0.0, 0.1),
        (0.011756, 0.5),
        (0.043944, 0.9),
        (0.057807, 0.95),
        (0.089996, 0.99),
    ):
        share = (wait_s <= threshold_s).mean()
        assert abs(share - below) < 4.0 * math.sqrt(below * (1.0 - below) / count)


def test_tail_of_002():
    # P(T > E[T] + 50 ms) = rho e^{-(mu - lambda) (0.018 + 0.05)}
    draws, count = Draws(2, "tail"), 100_000
    share = sum(stationary_wait_s(draws, LAMBDA, MU) > 0.068 for _ in range(count)) / count
    assert abs(share - 0.030036) < 4.0 * math.sqrt(0.030036 * 0.97 / count)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 2**31), st.floats(0.0, 400.0), st.floats(0.0, 99.0))
def test_property_a_draw_belongs_to_its_cause_and_grows_with_the_load(seed, arrival_per_s, more_per_s):
    def wait_s(arrivals):
        return stationary_wait_s(Draws(seed, "queue", "v1", 3), arrivals, 500.0)

    assert wait_s(arrival_per_s) == wait_s(arrival_per_s)
    assert 0.0 <= wait_s(arrival_per_s) <= wait_s(arrival_per_s + more_per_s) < math.inf


def test_idle_processor_keeps_nobody_waiting():
    assert stationary_wait_s(Draws(1), 0.0, MU) == 0.0
    assert mean_wait_s(0.0, MU) == StationaryWait(0.0, MU).exceeded_s(0.01) == 0.0


@pytest.mark.parametrize(
    ("arrival_per_s", "service_per_s"), [(500.0, 500.0), (510.0, 500.0), (-1.0, 5.0), (1.0, math.inf)]
)
def test_no_steady_state_is_refused(arrival_per_s, service_per_s):
    calls = [
        lambda: mean_wait_s(arrival_per_s, service_per_s),
        lambda: stationary_wait_s(Draws(1), arrival_per_s, service_per_s),
        lambda: BackgroundMM1(arrival_per_s, service_per_s),
    ]
    for call in calls:
        with pytest.raises(InputError, match="no steady state") as caught:
            call()
        assert f"arrival_per_s = {arrival_per_s:g}" in str(caught.value)
        assert "\n" not in str(caught.value)


# --- twins among themselves -----------------------------------------------------------------------


def test_twins_wait_for_one_another():
    queue = TaskQueue()
    assert queue.submit(10.0, 2.0) == 0.0
    assert queue.submit(11.0, 3.0) == 1.0
    assert queue.submit(11.0, 0.5) == 4.0
    assert queue.submit(15.5, 1.0) == 0.0
    assert queue.submit(100.0, 1.0) == 0.0


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60)), min_size=1, max_size=30))
def test_property_task_queue_is_lindley(gaps_and_works):
    queue, time_s, left_s = TaskQueue(), 0.0, 0.0  # whole numbers: every sum is exact
    for gap_s, work_s in gaps_and_works:
        time_s += gap_s
        left_s = max(0.0, left_s - gap_s)
        assert queue.submit(time_s, float(work_s)) == left_s
        left_s += work_s


def test_task_reading_of_002():
    # Twins of L/f = 1/3 s at rho = 0.9: an M/D/1 queue, W = rho S / (2 (1 - rho)) = 1.5 s.
    rng = np.random.Generator(np.random.PCG64(11))
    time_s = np.cumsum(rng.standard_exponential(200_000) / 2.7)
    queue = TaskQueue()
    wait_s = np.array([queue.submit(t, 1.0 / 3.0) for t in time_s])
    batches = wait_s.reshape(100, -1).mean(axis=1)
    assert abs(wait_s.mean() - 1.5) < 4.0 * batches.std() / math.sqrt(len(batches))


# --- settings -------------------------------------------------------------------------------------


def test_settings_are_told_apart_by_kind():
    adapter = TypeAdapter(QueueSettings)
    assert adapter.validate_python({"kind": "background_mm1"}) == BackgroundSettings(memory=False)
    assert adapter.validate_python({"kind": "background_mm1", "memory": True}) == BackgroundSettings(memory=True)
    assert adapter.validate_python({"kind": "task"}) == TaskSettings()
    assert adapter.validate_python({"kind": "none"}) == NoQueueSettings()
    for wrong in (
        {"kind": "task", "memory": True},
        {"kind": "background_mm1", "memory": 1},
        {"kind": "fifo"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
