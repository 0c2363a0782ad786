import math

import numpy as np
import pytest

from simmig.mobility.coverage import coverage_intervals
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.mobility.triggers import TriggerScene
from simmig.mobility.triggers.nearest import Trigger

S = 1_000_000_000


def arm(trips, x_m, bonus_db=None):
    """The trigger armed with trips (vehicle, times in s, x in m) along a street with RSUs at x_m."""
    vehicle, times, points = zip(*trips, strict=True)
    start = np.concatenate(([0], np.cumsum([len(t) for t in times]))).astype(np.int64)
    t_us = np.rint(np.concatenate([np.array(t, dtype=float) for t in times]) * 1e6).astype(np.int64)
    x = np.concatenate([np.array(p, dtype=float) for p in points])
    ids = tuple(f"v{k}" for k in range(max(vehicle) + 1))
    trace = Trace(ids, np.array(vehicle, dtype=np.int32), start, t_us, x, np.zeros(len(x)))
    count = len(x_m)
    place, reach = np.array([(at, 0.0, 0.0) for at in x_m]), np.full(count, 100.0)
    heights = np.tile((-math.inf, math.inf), (count, 1))
    sites = Sites(tuple(f"r{j}" for j in range(count)), place, ("disc",) * count, reach, heights, (None,) * count)
    bonus = np.zeros(count) if bonus_db is None else np.array(bonus_db)
    return Trigger().arm(TriggerScene(trace, sites, Positions(trace), coverage_intervals(trace, sites), bonus, 2.0))


STREET = (0.0, 500.0, 1000.0)
THERE_AND_BACK = (0, (0.0, 100.0, 200.0), (0.0, 1000.0, 0.0))


def ask(armed, vehicle, host, after_s, retry=False):
    found = armed.next(vehicle, host, round(after_s * S), retry=retry)
    if found is None:
        return None
    assert [type(value) for value in found] == [int, int]
    return found[0] / S, found[1]


def test_every_change_of_the_nearest_rsu_fires():
    armed = arm([THERE_AND_BACK], STREET)
    assert ask(armed, 0, 0, 0.0) == (25.0, 1)
    assert ask(armed, 0, 1, 25.0) == (75.0, 2)
    assert ask(armed, 0, 2, 75.0) == (125.0, 1)
    assert ask(armed, 0, 1, 125.0) == (175.0, 0)
    assert ask(armed, 0, 0, 175.0) is None


def test_a_change_to_the_host_itself_fires_nothing():
    armed = arm([THERE_AND_BACK], STREET)
    assert ask(armed, 0, 1, 0.0) == (75.0, 2)
    assert ask(armed, 0, 2, 25.0) == (125.0, 1)


def test_a_change_at_the_very_instant_of_the_decision_is_over():
    assert ask(arm([THERE_AND_BACK], STREET), 0, 0, 25.0) == (75.0, 2)


def test_a_retry_fires_at_once_while_another_is_nearer():
    armed = arm([THERE_AND_BACK], STREET)
    assert ask(armed, 0, 0, 30.0, retry=True) == (30.0, 1)
    assert ask(armed, 0, 1, 30.0, retry=True) == (75.0, 2)
    assert ask(armed, 0, 0, 24.0, retry=True) == (25.0, 1)


def test_a_vehicle_that_is_away_is_not_retried_before_it_is_back():
    armed = arm(
        [(0, (0.0, 40.0), (0.0, 400.0)), (0, (60.0, 70.0), (500.0, 600.0)), (1, (0.0, 9.0), (0.0, 9.0))], STREET
    )
    assert ask(armed, 0, 0, 50.0, retry=True) == (60.0, 1)
    assert ask(armed, 0, 0, 70.0, retry=True) == (70.0, 1)
    assert ask(armed, 0, 0, 71.0, retry=True) is None
    assert ask(armed, 0, 0, -1.0, retry=True) == (25.0, 1)


def test_a_trip_that_starts_near_another_rsu_fires():
    armed = arm(
        [(0, (0.0, 10.0), (0.0, 100.0)), (0, (60.0, 70.0), (900.0, 1000.0)), (1, (0.0, 9.0), (0.0, 9.0))], STREET
    )
    assert ask(armed, 0, 0, 0.0) == (60.0, 2)
    assert ask(armed, 1, 0, 0.0) is None


def test_powers_shift_the_change_to_the_strongest():
    # 3 dB more at the first of two RSUs 500 m apart: 292.749339 m.
    armed = arm([(0, (0.0, 50.0), (0.0, 500.0))], STREET[:2], (3.0, 0.0))
    assert ask(armed, 0, 0, 0.0) == (pytest.approx(29.2749339, abs=5e-8), 1)
