"""Drawn tracks against the trace that they stand for."""

from dataclasses import replace

import numpy as np
import pytest

from simmig.mobility.positions import Positions
from simmig.mobility.synthesis.random_waypoint import random_waypoint
from simmig.rng import stream
from simmig.view.tracks import STEP_M, STEP_US, make_tracks


@pytest.fixture(scope="module")
def trace():
    """Thirty vehicles on straight legs, with a wobble of 6 m every 40 s."""
    straight = random_waypoint(30, (2000.0, 1500.0), (5.0, 20.0), (0.0, 30.0), 600.0, fix_interval_s=1.0, seed=4)
    return replace(straight, x_m=straight.x_m + 6.0 * np.sin(straight.t_us / 40e6 * 2 * np.pi))


def drawn_at(tracks, vehicle, time_s):
    """Where the page draws a vehicle, None where it does not; written from the description of Tracks alone."""
    points = range(tracks.start[vehicle], tracks.start[vehicle + 1])
    now = time_s * 1e6 / STEP_US
    last = max((p for p in points if tracks.t[p] <= now), default=None)
    if last is None or (tracks.is_last[last] and tracks.t[last] < now):
        return None
    after = last if tracks.is_last[last] else last + 1
    share = 0.0 if after == last else (now - tracks.t[last]) / (tracks.t[after] - tracks.t[last])
    steps = tracks.xyz[:, last] + share * (tracks.xyz[:, after] - tracks.xyz[:, last])
    return tracks.origin_m + STEP_M * steps


def test_drawn_positions_are_within_the_stated_distance(trace):
    tracks = make_tracks(trace, 600.0)
    positions = Positions(trace)
    assert 0.0 < tracks.error_m <= 1.01
    assert len(tracks.t) < trace.fix_count / 5
    worst = 0.0
    for time_s in stream(1, "times").uniform(0.0, 599.9, 40):
        true_m = positions.at(np.arange(30), np.full(30, round(time_s * 1e9)))
        drawn_m = np.array([drawn_at(tracks, v, time_s) for v in range(30)])
        worst = max(worst, float(np.linalg.norm(drawn_m - true_m, axis=1).max()))
    assert 0.5 * tracks.error_m < worst <= tracks.error_m + 1e-9


def test_with_too_many_points_the_bound_grows_and_is_told(trace):
    fine, coarse = make_tracks(trace, 600.0), make_tracks(trace, 600.0, most_points=420)
    assert len(coarse.t) <= 420 < len(fine.t)
    assert coarse.one_in == 1
    assert fine.error_m < coarse.error_m <= 16.01


def test_with_still_too_many_vehicles_are_left_out(trace):
    tracks = make_tracks(trace, 600.0, most_points=100)
    assert tracks.one_in == 8
    drawn = np.flatnonzero(np.diff(tracks.start))
    assert drawn.tolist() == [0, 8, 16, 24]


def test_what_comes_after_the_end_is_not_drawn(trace):
    tracks = make_tracks(trace, 100.0)
    assert drawn_at(tracks, 3, 100.0) is not None
    assert tracks.t.max() * STEP_US < 102e6
    assert tracks.is_last.sum() == 30
    assert make_tracks(trace, 600.0).t.max() * STEP_US == 600e6


def test_rounding_at_the_end_of_a_trip_is_no_error():
    # Two vehicles far apart, one behind the other in the table; fixes that are no whole milliseconds.
    whole = random_waypoint(2, (90_000.0, 10.0), (5.0, 20.0), (0.0, 0.0), 33.3334567, fix_interval_s=1.0, seed=2)
    assert make_tracks(whole, 40.0).error_m < 1.01
