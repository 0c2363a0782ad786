import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.mobility.positions import Positions, distance_m
from simmig.mobility.trace import Trace

S = 1_000_000_000


def make_trace(*trips):
    """A trace of trips (vehicle, times in us, points in m), in order."""
    vehicle, times, points = zip(*trips, strict=True)
    xyz = np.concatenate([np.array(p, dtype=float) for p in points])
    return Trace(
        vehicle_id=tuple(f"v{k}" for k in range(max(vehicle) + 1)),
        trip_vehicle=np.array(vehicle, dtype=np.int32),
        trip_start=np.concatenate(([0], np.cumsum([len(t) for t in times]))).astype(np.int64),
        t_us=np.concatenate([np.array(t, dtype=np.int64) for t in times]),
        x_m=xyz[:, 0].copy(),
        y_m=xyz[:, 1].copy(),
        z_m=xyz[:, 2].copy() if xyz.shape[1] == 3 else None,
    )


TWO_TRIPS = make_trace(
    (0, (0, 10_000_000, 15_000_000), ((0.0, 0.0, 0.0), (100.0, 0.0, 50.0), (100.0, 10.0, 50.0))),
    (0, (20_000_000,), ((7.0, 8.0, 9.0),)),
    (1, (-5_000_000, 5_000_000), ((-1.0, -1.0, 1.0), (1.0, 1.0, 2.0))),
)


def at(trace, vehicle, time_ns):
    vehicles, times = np.broadcast_arrays(np.atleast_1d(vehicle), np.atleast_1d(time_ns))
    return Positions(trace).at(vehicles, times.astype(np.int64)).tolist()


def test_positions_between_fixes_and_on_them():
    times = np.array([0, 2_500_000_000, 10 * S, 14 * S, 15 * S])
    expected = [[0, 0, 0], [25, 0, 12.5], [100, 0, 50], [100, 8, 50], [100, 10, 50]]
    assert at(TWO_TRIPS, 0, times) == expected
    assert at(TWO_TRIPS, [1, 0, 1], [0, 0, 5 * S]) == [[0, 0, 1.5], [0, 0, 0], [1, 1, 2]]


def test_a_vehicle_is_nowhere_before_between_and_after_its_trips():
    absent = np.array([-1, 15 * S + 1, 20 * S - 1, 20 * S + 1, 99 * S])
    assert np.isnan(at(TWO_TRIPS, 0, absent)).all()
    assert at(TWO_TRIPS, 0, 20 * S) == [[7, 8, 9]]
    assert np.isnan(at(TWO_TRIPS, 1, np.array([-5 * S - 1, 5 * S + 1]))).all()
    assert at(TWO_TRIPS, 1, -5 * S) == [[-1, -1, 1]]


def test_a_trace_on_the_ground_has_height_zero():
    trace = make_trace((0, (0, 4_000_000), ((0.0, 0.0), (8.0, 4.0))))
    assert at(trace, 0, S) == [[2, 1, 0]]


def test_no_question_has_no_answer():
    assert Positions(TWO_TRIPS).at(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)).shape == (0, 3)


steps = st.lists(st.sampled_from([1, 7, 100, 1_000_000, 1_000_000, 1_000_000, 60_000_000]), min_size=1, max_size=30)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(steps, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_property_positions_agree_with_interpolation_trip_by_trip(gaps, seed):
    # Uneven beats: the guess of the row is often wrong, and must then be mended.
    rng = np.random.default_rng(seed)
    begin = np.cumsum([0, *(sum(gap) + 5_000_000 for gap in gaps)])
    times = [first + np.cumsum([0, *gap]) for first, gap in zip(begin, gaps, strict=False)]
    ways = [rng.uniform(-500.0, 500.0, (len(t), 3)) for t in times]
    trips = list(zip(itertools.repeat(0), times, ways, strict=False))
    trace = make_trace((0, (3,), ((1.0, 2.0, 3.0),)), *((1, t, w) for _, t, w in trips))
    positions = Positions(trace)
    asked = rng.integers(-2_000_000, int(begin[-1]), 60) * 1000 + rng.integers(0, 1000, 60)
    asked = np.concatenate((asked, *(t * 1000 for t in times)))
    expected = np.full((len(asked), 3), np.nan)
    for t, way in zip(times, ways, strict=True):
        here = (asked >= t[0] * 1000) & (asked <= t[-1] * 1000)
        expected[here] = np.column_stack([np.interp(asked[here], t * 1000, axis) for axis in way.T])
    found = positions.at(np.ones(len(asked), dtype=np.int64), asked)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-9)
    for time_ns, point in zip(asked.tolist(), found.tolist(), strict=True):
        if point[0] == point[0]:
            assert positions.one(1, time_ns) == tuple(point)


def test_one_position_is_that_of_many():
    positions = Positions(TWO_TRIPS)
    assert positions.one(0, 2_500_000_000) == (25.0, 0.0, 12.5)
    assert positions.one(0, 15 * S) == (100.0, 10.0, 50.0)
    assert positions.one(0, 20 * S) == (7.0, 8.0, 9.0)
    assert Positions(make_trace((0, (0, 1_000_000), ((0.0, 0.0), (8.0, 4.0))))).one(0, S // 4) == (2.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("start_s", "end_s", "t_s", "x_m"),
    [
        (2.5, 12.0, [2.5, 10, 12], [25, 100, 100]),
        (0.0, 15.0, [0, 10, 15], [0, 100, 100]),
        (2.5, 99.0, [2.5, 10, 15], [25, 100, 100]),
        (10.0, 12.0, [10, 12], [100, 100]),
        (2.5, 10.0, [2.5, 10], [25, 100]),
        (3.0, 4.0, [3, 4], [30, 40]),
        (3.0, 3.0, [3], [30]),
        (15.0, 30.0, [15], [100]),
        (20.0, 30.0, [20], [7]),
        (15.5, 30.0, [], []),
        (-1.0, 30.0, [], []),
        (30.0, 40.0, [], []),
    ],
)
def test_path_is_the_corners_from_start_to_the_end_of_the_trip(start_s, end_s, t_s, x_m):
    t_ns, xyz_m = Positions(TWO_TRIPS).path(0, round(start_s * S), round(end_s * S))
    assert (t_ns / S).tolist() == t_s
    assert t_ns.dtype == np.int64
    assert xyz_m[:, 0].tolist() == pytest.approx(x_m)
    assert xyz_m.shape == (len(t_s), 3)


def test_a_path_holds_its_interior_fixes_exactly():
    t_ns, xyz_m = Positions(TWO_TRIPS).path(0, 9_999_999_999, 10 * S + 1)
    assert t_ns.tolist() == [9_999_999_999, 10 * S, 10 * S + 1]
    assert xyz_m[1].tolist() == [100.0, 0.0, 50.0]


def test_distance_is_the_length_of_all_trips_without_the_gaps():
    trace = make_trace(
        (0, (0, 1, 2), ((0.0, 0.0, 0.0), (3.0, 4.0, 0.0), (3.0, 4.0, 7.0))),
        (0, (5, 6), ((100.0, 0.0, 0.0), (102.0, 0.0, 0.0))),
        (1, (5,), ((9.0, 9.0, 9.0),)),
        (2, (5, 6), ((9.0, 9.0, 9.0), (9.0, 10.0, 9.0))),
    )
    assert distance_m(trace).tolist() == [14.0, 0.0, 1.0]


def test_distance_adds_up_over_many_chunks(monkeypatch):
    from simmig.mobility import _blocks

    rng = np.random.default_rng(2)
    ways = [np.cumsum(rng.normal(size=(n, 2)), axis=0) for n in (50, 1, 90, 20)]
    trace = make_trace(*((k, np.arange(len(way)), way) for k, way in enumerate(ways)))
    expected = [float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum()) for way in ways]
    assert distance_m(trace) == pytest.approx(expected)
    monkeypatch.setattr(_blocks, "_CHUNK_PAIRS", 1)
    monkeypatch.setattr(_blocks, "_MIN_CHUNK_FIXES", 1)
    assert distance_m(trace) == pytest.approx(expected)
