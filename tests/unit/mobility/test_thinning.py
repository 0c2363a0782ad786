"""Fewer fixes within a bound: known paths, then any path."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.mobility.cleaning.thinning import kept_fixes
from simmig.rng import stream


def kept(t, *axes, bound_m, start=None):
    """The rows kept of paths of lists."""
    t_us = np.array(t, dtype=np.int64) * 1_000_000
    start = np.array(start or [0, len(t)])
    return np.flatnonzero(kept_fixes(t_us, [np.array(axis, dtype=float) for axis in axes], start, bound_m)).tolist()


def test_steady_motion_keeps_its_ends():
    assert kept(range(6), [0, 10, 20, 30, 40, 50], [0] * 6, bound_m=0.5) == [0, 5]


def test_a_stop_on_a_straight_line_is_kept():
    # Without regard to time a straight line needs two points; but from 20 s to 40 s the vehicle stood at 20 m.
    assert kept([0, 10, 20, 30, 40, 50], [0, 10, 20, 20, 20, 30], [0] * 6, bound_m=0.5) == [0, 2, 4, 5]


def test_a_corner_is_kept_if_it_is_farther_than_the_bound():
    x, y = [0, 10, 20], [0, 3, 0]
    assert kept([0, 1, 2], x, y, bound_m=2.9) == [0, 1, 2]
    assert kept([0, 1, 2], x, y, bound_m=3.1) == [0, 2]


def test_height_counts():
    assert kept([0, 1, 2], [0, 10, 20], [0, 0, 0], [0, 50, 0], bound_m=1.0) == [0, 1, 2]


def test_trips_are_divided_each_for_itself():
    # The jump from trip to trip is no motion; a trip may be a single fix.
    assert kept([0, 1, 2, 9, 20, 21, 22], [0, 1, 2, 500, 900, 901, 902], bound_m=0.1, start=[0, 3, 4, 7]) == [
        0,
        2,
        3,
        4,
        6,
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 3.0, 20.0]), st.integers(1, 5))
def test_property_the_path_stays_within_the_bound(seed, bound_m, trips):
    rng = stream(seed, "paths")
    counts = rng.integers(1, 60, trips)
    start = np.concatenate(([0], np.cumsum(counts)))
    t_us = np.concatenate([np.cumsum(rng.integers(1, 5_000_000, count)) for count in counts])
    axes = [np.concatenate([np.cumsum(rng.normal(0, 5, count)) for count in counts]) for _ in range(2)]
    keep = kept_fixes(t_us, axes, start, bound_m)
    for first, past in pairwise(start):
        rows = np.arange(first, past)
        corners = rows[keep[rows]]
        assert corners[0] == first
        assert corners[-1] == past - 1
        off = [np.interp(t_us[rows], t_us[corners], axis[corners]) - axis[rows] for axis in axes]
        assert np.hypot(*off).max() <= bound_m * (1 + 1e-9)


def test_a_path_that_resists_is_kept_from_there_on():
    # A zigzag that grows: each division splits off one fix, more of them than there are levels.
    t = np.arange(400)
    x = 1.1 ** t.clip(0, 300) * (-1.0) ** t
    assert len(kept(t, x, np.zeros(400), bound_m=1e-6)) == pytest.approx(400)
