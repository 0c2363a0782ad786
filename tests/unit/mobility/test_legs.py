import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.mobility import _legs, nearest
from simmig.mobility._blocks import Paths
from simmig.mobility._legs import find_legs
from simmig.mobility.coverage import coverage_intervals
from simmig.mobility.nearest import nearest_changes
from simmig.mobility.sites import Sites
from simmig.mobility.synthesis.legs import Path, build_trace
from simmig.mobility.synthesis.random_waypoint import random_waypoint


def paths_of(trace):
    return Paths(np.arange(len(trace.trip_vehicle)), trace.trip_start, trace.t_us, [trace.x_m, trace.y_m])


def way(points, times_s):
    return Path(np.array(times_s) * 1_000_000, np.array(points, dtype=float))


def fixes(*ways, every_s=1.0):
    return build_trace({f"v{k}": one for k, one in enumerate(ways)}, fix_interval_s=every_s)


def discs(xy_m, radius_m):
    count = len(xy_m)
    place = np.column_stack((np.array(xy_m, dtype=float), np.zeros(count)))
    heights = np.tile((-np.inf, np.inf), (count, 1))
    names = tuple(f"r{j}" for j in range(count))
    return Sites(names, place, ("disc",) * count, np.broadcast_to(float(radius_m), count), heights, (None,) * count)


@pytest.fixture
def with_and_without_legs(monkeypatch):
    """Call something twice, the second time without legs, and expect the same bits; return how many rows it gave."""

    def compare(work):
        answers = []
        for shortest in (0, 1 << 40):
            monkeypatch.setattr(_legs, "_MEAN_SEGMENTS", shortest)
            answers.append(work())
        with_legs, without = answers
        for name in type(without).__slots__:
            np.testing.assert_array_equal(getattr(with_legs, name), getattr(without, name), err_msg=name)
        return len(without.rsu)

    return compare


# --- by hand -------------------------------------------------------------------------------------------------


def test_a_turn_between_two_fixes_joins_two_legs():
    # East for 40.25 s, then north for 59.75 s, a fix each second and one at the turn.
    trace = fixes(way([(0, 0), (402.5, 0), (402.5, 597.5)], [0, 40.25, 100]))
    legs = find_legs(paths_of(trace))
    assert (legs.first.tolist(), legs.count.tolist()) == ([0, 41], [41, 60])
    assert (legs.origin.tolist(), legs.path.tolist()) == ([0, 42], [0, 0])
    np.testing.assert_allclose(legs.lead, (0.0, 0.75), atol=1e-12)
    np.testing.assert_allclose(legs.span, (40.25, 59.75), atol=1e-12)
    np.testing.assert_allclose(np.stack(legs.end), ((402.5, 402.5), (0.0, 597.5)), atol=1e-9)


def test_a_change_of_pace_and_a_stop_end_a_leg():
    trace = fixes(way([(0, 0), (300, 400), (600, 800), (600, 800)], [0, 50, 80, 120]))
    legs = find_legs(paths_of(trace))
    assert (legs.first.tolist(), legs.count.tolist()) == ([0, 50, 80], [50, 30, 40])


def test_legs_do_not_reach_from_one_path_into_the_next():
    one = way([(0, 0), (100, 0)], [0, 99])
    trace = fixes(one, way([(0, 0)], [3]), way([(101, 0), (200, 0)], [0, 99]))
    legs = find_legs(paths_of(trace))
    assert (legs.path.tolist(), legs.first.tolist(), legs.count.tolist()) == ([0, 2], [0, 101], [99, 99])


def test_curves_and_single_fixes_have_no_legs():
    angle = np.linspace(0.0, 6.0, 4000)
    circle = way(np.column_stack((np.cos(angle), np.sin(angle))) * 500.0, np.arange(4000))
    assert find_legs(paths_of(fixes(circle))) is None
    assert find_legs(paths_of(fixes(way([(1, 2)], [0]), way([(1, 2)], [0])))) is None
    short = way([(k // 2, (k + 1) // 2) for k in range(500)], np.arange(500) * 2.0)
    assert find_legs(paths_of(fixes(short))) is None


def test_every_fix_of_a_random_waypoint_trace_is_where_its_leg_says():
    trace = random_waypoint(6, (5000.0, 2500.0), (8.0, 20.0), (0.0, 60.0), 3600.0, fix_interval_s=1.0, seed=3)
    legs = find_legs(paths_of(trace))
    assert legs.count.sum() == trace.fix_count - 6
    assert len(legs.first) < trace.fix_count / 40
    leg = np.repeat(np.arange(len(legs.first)), legs.count)
    fix = np.arange(len(leg)) - np.repeat(np.cumsum(legs.count) - legs.count, legs.count) + legs.first[leg]
    share = np.maximum((fix - legs.origin[leg] + legs.lead[leg]) / legs.span[leg], 0.0)
    for axis, begin, step in zip((trace.x_m, trace.y_m), legs.begin, legs.step(), strict=True):
        assert (np.abs(begin[leg] + share * step[leg] - axis[fix]) <= legs.sway_m[leg]).all()
    assert legs.sway_m.max() < 1e-3
    first, last = legs.ranges(leg, share, share)
    assert (first <= fix).all()
    assert (last >= fix).all()
    assert (last - first <= 1).all()


# --- the same answers as without legs ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_random_waypoints_get_the_same_answers_to_the_nanosecond(seed, with_and_without_legs):
    trace = random_waypoint(12, (5000.0, 2500.0), (8.0, 20.0), (0.0, 30.0), 1800.0, fix_interval_s=1.0, seed=seed)
    rng = np.random.default_rng(seed)
    sites = discs(rng.uniform(0.0, (5000.0, 2500.0), (50, 2)), 600.0)
    assert with_and_without_legs(lambda: coverage_intervals(trace, sites)) > 800
    assert with_and_without_legs(lambda: coverage_intervals(trace, sites, 20.0)) > 800
    assert with_and_without_legs(lambda: nearest_changes(trace, sites.xyz_m)) > 400


def test_a_grid_of_streets_and_rsus_gets_the_same_answers(with_and_without_legs):
    # Ways along borders, through points where four cells meet, along tangents, with stops on all of these.
    rng = np.random.default_rng(5)
    ways = []
    for _ in range(20):
        corner = np.cumsum(rng.choice((-100.0, 0.0, 100.0), (40, 2)), axis=0)
        ways.append(way(corner, np.cumsum(rng.choice((7.0, 20.0, 20.5), 40))))
    trace = fixes(*ways)
    centre = [(x * 200.0, y * 200.0) for x in range(-4, 5) for y in range(-4, 5)]
    for radius_m in (100.0, 141.0, 200.0):
        assert with_and_without_legs(lambda r=radius_m: coverage_intervals(trace, discs(centre, r))) > 100
    assert with_and_without_legs(lambda: nearest_changes(trace, discs(centre, 1.0).xyz_m)) > 100


corner = st.tuples(st.integers(-9, 9), st.integers(-9, 9))
legs_of_grid = st.lists(st.tuples(corner, st.sampled_from([1.0, 3.0, 8.0, 10.5, 30.0])), min_size=1, max_size=7)
places = st.lists(corner, min_size=1, max_size=7)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.lists(legs_of_grid, min_size=1, max_size=3), places, st.sampled_from([1.0, 3.0, 5.0, 6.4]))
def test_property_ties_and_touches_get_the_same_answers(ways, centres, radius_m):
    trace = fixes(*(way([at for at, _ in one], np.cumsum([gap_s for _, gap_s in one])) for one in ways))
    sites = discs(centres, radius_m)
    with pytest.MonkeyPatch.context() as patch:
        for work in (lambda: coverage_intervals(trace, sites), lambda: nearest_changes(trace, sites.xyz_m)):
            patch.setattr(_legs, "_MEAN_SEGMENTS", 0)
            with_legs = work()
            patch.setattr(_legs, "_MEAN_SEGMENTS", 1 << 40)
            without = work()
            for name in type(without).__slots__:
                np.testing.assert_array_equal(getattr(with_legs, name), getattr(without, name), err_msg=name)


def test_far_from_the_origin_the_same_answers_come_out(with_and_without_legs):
    # UTM-like coordinates: fixes stray from their line by nanometres, more than those near the origin.
    near = random_waypoint(5, (3000.0, 3000.0), (8.0, 20.0), (0.0, 0.0), 1200.0, fix_interval_s=1.0, seed=9)
    near.x_m[:] += 691_000.0
    near.y_m[:] += 5_334_000.0
    rng = np.random.default_rng(9)
    sites = discs(rng.uniform((691_000.0, 5_334_000.0), (694_000.0, 5_337_000.0), (30, 2)), 500.0)
    assert with_and_without_legs(lambda: coverage_intervals(near, sites)) > 100
    assert with_and_without_legs(lambda: nearest_changes(near, sites.xyz_m)) > 50


def test_unequal_powers_and_flights_are_answered_without_legs(monkeypatch):
    trace = fixes(way([(0, 0), (1000, 0)], [0, 100]))
    sites = discs([(0, 0), (1000, 0)], 300.0)
    monkeypatch.setattr(nearest, "leg_contests", None)  # not called
    assert len(nearest_changes(trace, sites.xyz_m, np.array([0.0, 3.0])).rsu) == 2
    up = paths_of(trace)
    assert find_legs(Paths(up.trip, up.start, up.t_us, [*up.axes, np.zeros(trace.fix_count)])) is None
