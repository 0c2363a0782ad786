"""Random waypoint: straight legs, ranges kept, draws that belong to a vehicle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import TraceError
from simmig.mobility.synthesis.random_waypoint import random_waypoint
from simmig.mobility.trace import Trace

AREA_M = (800.0, 300.0)


def walk(vehicles=5, duration_s=900.0, **changes) -> Trace:
    options = {"area_m": AREA_M, "speed_m_s": (2.0, 9.0), "pause_s": (0.0, 20.0), "seed": 4}
    return random_waypoint(vehicles, duration_s=duration_s, **{**options, **changes})


def rows(trace: Trace, vehicle: int) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and positions [K, 2] of a vehicle, which has one trip."""
    part = slice(*trace.trip_start[vehicle : vehicle + 2])
    return trace.t_us[part] / 1e6, np.column_stack((trace.x_m[part], trace.y_m[part]))


def leg_speeds(trace: Trace) -> np.ndarray:
    """Speeds in m/s of all moving legs."""
    found = []
    for vehicle in range(trace.vehicle_count):
        t_s, xy_m = rows(trace, vehicle)
        found.append(np.hypot(*np.diff(xy_m, axis=0).T) / np.diff(t_s))
    speeds = np.concatenate(found)
    return speeds[speeds > 0.0]


def test_every_vehicle_moves_from_0_to_the_end_inside_the_area():
    trace = walk()
    assert trace.vehicle_id == ("v00000", "v00001", "v00002", "v00003", "v00004")
    assert trace.z_m is None
    assert (trace.first_us() == 0).all()
    assert (trace.last_us() == 900_000_000).all()
    assert (trace.x_m >= 0.0).all()
    assert (trace.x_m <= AREA_M[0]).all()
    assert (trace.y_m >= 0.0).all()
    assert (trace.y_m <= AREA_M[1]).all()


def test_speeds_and_pauses_are_uniform_on_their_ranges():
    trace = walk(vehicles=300, duration_s=4000.0)
    speeds = leg_speeds(trace)
    assert speeds.min() >= 2.0 - 1e-4  # a leg's duration is rounded to 1 us
    assert speeds.max() <= 9.0 + 1e-4
    # By number of legs, not by time, speeds are uniform; the runs' ends cut slow legs more often, a little.
    assert np.mean(speeds) == pytest.approx(5.5, abs=0.06)
    pauses = []
    for vehicle in range(trace.vehicle_count):
        t_s, xy_m = rows(trace, vehicle)
        is_still = (np.diff(xy_m, axis=0) == 0.0).all(axis=1)
        pauses.append(np.diff(t_s)[is_still])
    pauses = np.concatenate(pauses)
    assert pauses.max() <= 20.0
    assert np.mean(pauses) == pytest.approx(10.0, abs=0.15)


def test_mean_leg_is_the_mean_distance_of_two_uniform_points():
    # Unit square: (2 + sqrt 2 + 5 asinh 1) / 15 = 0.521405 (Ghosh 1951).
    trace = walk(vehicles=400, duration_s=5000.0, area_m=(100.0, 100.0), pause_s=(1.0, 1.0))
    lengths = []
    for vehicle in range(trace.vehicle_count):
        _, xy_m = rows(trace, vehicle)
        steps_m = np.hypot(*np.diff(xy_m, axis=0).T)
        lengths.append(steps_m[:-1][steps_m[:-1] > 0.0])  # the last leg is cut
    lengths = np.concatenate(lengths)
    assert np.mean(lengths) == pytest.approx(52.1405, abs=4.0 * np.std(lengths) / np.sqrt(len(lengths)))


def test_more_vehicles_and_more_time_change_nothing_that_was_there():
    few, many = walk(vehicles=3), walk(vehicles=12, duration_s=5000.0)
    for vehicle in range(3):
        t_s, xy_m = rows(few, vehicle)
        t_more_s, xy_more_m = rows(many, vehicle)
        np.testing.assert_array_equal(t_s[:-1], t_more_s[: len(t_s) - 1])
        np.testing.assert_array_equal(xy_m[:-1], xy_more_m[: len(t_s) - 1])


def test_another_seed_is_another_movement():
    assert not np.isin(walk().x_m, walk(seed=5).x_m).any()


@settings(deadline=None, max_examples=25, derandomize=True)
@given(interval_s=st.sampled_from((0.1, 0.7, 1.0, 3.0, 60.0, 2000.0)), seed=st.integers(0, 10**6))
def test_property_fixes_lie_on_the_legs_and_vertices_stay(interval_s, seed):
    vertices = walk(vehicles=2, duration_s=300.0, seed=seed)
    dense = walk(vehicles=2, duration_s=300.0, seed=seed, fix_interval_s=interval_s)
    interval_us = round(interval_s * 1e6)
    for vehicle in range(2):
        t_s, xy_m = rows(vertices, vehicle)
        t_dense_s, xy_dense_m = rows(dense, vehicle)
        expected_us = set(range(0, 300_000_001, interval_us)) | set(np.rint(t_s * 1e6).astype(int))
        assert np.rint(t_dense_s * 1e6).astype(int).tolist() == sorted(expected_us)
        for axis in range(2):
            np.testing.assert_allclose(
                xy_dense_m[:, axis], np.interp(t_dense_s, t_s, xy_m[:, axis]), rtol=0.0, atol=1e-9
            )
        np.testing.assert_array_equal(xy_dense_m[np.isin(t_dense_s, t_s)], xy_m)


def test_without_pauses_every_vertex_turns():
    trace = walk(pause_s=(0.0, 0.0))
    assert (np.diff(trace.t_us)[: trace.trip_start[1] - 1] > 0).all()
    _, xy_m = rows(trace, 0)
    assert (np.diff(xy_m, axis=0) != 0.0).any(axis=1).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vehicles": 0}, "at least one vehicle"),
        ({"speed_m_s": (0.0, 5.0)}, "speed_m_s = .*above 0"),
        ({"speed_m_s": (5.0, 1.0)}, "speed_m_s = .*low to high"),
        ({"pause_s": (-1.0, 1.0)}, "pause_s = .*from 0 up"),
        ({"pause_s": (0.0, float("nan"))}, "pause_s = .*finite"),
        ({"area_m": (0.0, 5.0)}, "area_m = .*positive width"),
        ({"area_m": (float("inf"), 5.0)}, "area_m = .*positive width"),
        ({"duration_s": float("nan")}, "duration_s = nan: expected a positive"),
        ({"fix_interval_s": 0.0}, "fix_interval_s = 0.0: expected a positive"),
    ],
)
def test_nonsense_is_refused_with_its_name(changes, said):
    with pytest.raises(TraceError, match=said):
        walk(**changes)
