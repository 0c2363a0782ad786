import csv
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.mobility import _blocks
from simmig.mobility.coverage import coverage_intervals, covers, first_service
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace

OPEN = (-math.inf, math.inf)
S = 1_000_000_000


def make_trace(*trips):
    """A trace of trips (vehicle, times in s, points in m), in order."""
    vehicle, times, points = zip(*trips, strict=True)
    xyz = np.concatenate([np.array(p, dtype=float) for p in points])
    t_us = np.rint(np.concatenate([np.array(t, dtype=float) for t in times]) * 1e6).astype(np.int64)
    return Trace(
        vehicle_id=tuple(f"v{k}" for k in range(max(vehicle) + 1)),
        trip_vehicle=np.array(vehicle, dtype=np.int32),
        trip_start=np.concatenate(([0], np.cumsum([len(t) for t in times]))).astype(np.int64),
        t_us=t_us,
        x_m=xyz[:, 0].copy(),
        y_m=xyz[:, 1].copy(),
        z_m=xyz[:, 2].copy() if xyz.shape[1] == 3 else None,
    )


def zone(shape="disc", at=(0.0, 0.0, 0.0), radius=math.nan, z=OPEN, rings=None):
    return shape, at, radius, z, None if rings is None else tuple(np.array(ring, dtype=float) for ring in rings)


def make_sites(*zones):
    shape, at, radius, z, rings = zip(*zones, strict=True)
    ids = tuple(f"r{j}" for j in range(len(zones)))
    return Sites(ids, np.array(at, dtype=float), shape, np.array(radius, dtype=float), np.array(z, dtype=float), rings)


def rectangle(x0, y0, x1, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def visits(trace, sites, margin_m=0.0):
    """The visits as (vehicle, rsu, enter in s, exit in s)."""
    found = coverage_intervals(trace, sites, margin_m)
    columns = (found.vehicle, found.rsu, found.enter_ns / S, found.exit_ns / S)
    return list(zip(*(column.tolist() for column in columns), strict=True))


# --- by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixes", [2, 3, 9, 161, 1601])
def test_a_straight_pass_through_a_disc(fixes):
    # 15 m/s along y = 150 past a disc of 250 m: inside from x = -200 to x = 200.
    times = np.linspace(0.0, 160.0, fixes)
    trace = make_trace((0, times, np.column_stack((-1200.0 + 15.0 * times, np.full(fixes, 150.0)))))
    found = coverage_intervals(trace, make_sites(zone(radius=250.0)))
    assert found.enter_ns.tolist() == [66_666_666_667]
    assert found.exit_ns.tolist() == [93_333_333_333]
    assert (found.starts_inside.tolist(), found.ends_inside.tolist()) == ([False], [False])
    assert (found.vehicle.dtype, found.rsu.dtype, found.enter_ns.dtype) == (np.int32, np.int32, np.int64)


def test_dwell_times_of_parallel_passes_have_the_closed_form_moments():
    # Circle of 250 m at 15 m/s, uniform impact parameter y: mean pi R / 2v, sd R/v sqrt(8/3 - pi^2/4). With
    # y = R sin(phi) the integrals over y are smooth, and the midpoint rule is as exact as the digits printed.
    passes = 400
    phi = (np.arange(passes) + 0.5) / passes * math.pi - math.pi / 2.0
    weight = np.cos(phi) * math.pi / passes / 2.0
    y = 250.0 * np.sin(phi)
    trace = make_trace(*((k, (0.0, 40.0), ((-300.0, y[k]), (300.0, y[k]))) for k in range(passes)))
    dwell_s = np.array([leave - enter for _, _, enter, leave in visits(trace, make_sites(zone(radius=250.0)))])
    mean_s = (weight * dwell_s).sum()
    assert mean_s == pytest.approx(26.179939, abs=5e-7)
    assert math.sqrt((weight * (dwell_s - mean_s) ** 2).sum()) == pytest.approx(7.439862, abs=2e-4)


@pytest.mark.parametrize("y", [250.0, 250.0000001, 300.0])
@pytest.mark.parametrize("times", [(0.0, 20.0), (0.0, 10.0, 20.0)])
def test_a_path_that_only_touches_a_disc_does_not_visit_it(y, times):
    points = [(-150.0 + 15.0 * t, y) for t in times]
    assert visits(make_trace((0, times, points)), make_sites(zone(radius=250.0))) == []


def test_a_graze_is_found_inside_one_segment():
    y = 249.999
    half_s = math.sqrt(250.0**2 - y**2) / 15.0
    trace = make_trace((0, (0.0, 20.0), ((-150.0, y), (150.0, y))))
    ((_, _, enter, leave),) = visits(trace, make_sites(zone(radius=250.0)))
    assert (enter, leave) == (pytest.approx(10.0 - half_s, abs=1e-9), pytest.approx(10.0 + half_s, abs=1e-9))


def test_a_stop_on_the_border_counts_as_inside_and_does_not_flicker():
    # In along x to the border at 250 m, ten seconds there at ten fixes a second, and back out.
    stop = np.arange(10.0, 20.05, 0.1)
    times = (0.0, *stop, 30.0)
    points = [(400.0, 0.0), *((250.0, 0.0) for _ in stop), (400.0, 0.0)]
    assert visits(make_trace((0, times, points)), make_sites(zone(radius=250.0))) == [(0, 0, 10.0, 20.0)]


def test_a_stop_on_the_border_does_not_split_a_visit():
    times, x = (0.0, 10.0, 20.0, 30.0), (0.0, 250.0, 250.0, 0.0)
    trace = make_trace((0, times, [(value, 0.0) for value in x]))
    assert visits(trace, make_sites(zone(radius=250.0))) == [(0, 0, 0.0, 30.0)]


def test_a_step_over_the_border_for_less_than_a_nanosecond_does_not_split_a_visit():
    trace = make_trace((0, (0.0, 10.0, 20.0), [(0.0, 0.0), (250.000000001, 0.0), (0.0, 0.0)]))
    assert visits(trace, make_sites(zone(radius=250.0))) == [(0, 0, 0.0, 20.0)]


def test_trips_begin_and_end_inside_and_gaps_are_not_bridged():
    inside, across = ((0.0, 0.0), (100.0, 0.0)), ((0.0, 0.0), (500.0, 0.0))
    trace = make_trace((0, (0.0, 10.0), inside), (0, (20.0, 30.0), inside), (0, (30.000001, 80.000001), across))
    found = coverage_intervals(trace, make_sites(zone(radius=250.0)))
    assert (found.enter_ns / S).tolist() == [0.0, 20.0, 30.000001]
    assert (found.exit_ns / S).tolist() == [10.0, 30.0, 55.000001]
    assert found.starts_inside.tolist() == [True, True, True]
    assert found.ends_inside.tolist() == [True, True, False]


def test_a_trip_of_one_fix_is_no_visit():
    trace = make_trace((0, (0.0,), ((0.0, 0.0),)), (1, (0.0, 1.0), ((0.0, 0.0), (1.0, 0.0))))
    assert visits(trace, make_sites(zone(radius=250.0))) == [(1, 0, 0.0, 1.0)]
    only = make_trace((0, (0.0,), ((0.0, 0.0),)))
    assert visits(only, make_sites(zone(radius=250.0), zone("polygon", rings=[rectangle(-1, -1, 1, 1)]))) == []


def test_a_uav_climbs_out_of_a_sphere_and_through_a_cylinder():
    # Straight up at 4 m/s, 60 m from the axis: inside the sphere while |z - 50| <= 80, in the slab from 20 to 60 m.
    trace = make_trace((0, (0.0, 50.0), ((60.0, 0.0, 0.0), (60.0, 0.0, 200.0))))
    sphere = zone("sphere", (0.0, 0.0, 50.0), 100.0)
    cylinder = zone("cylinder", (0.0, 0.0, 50.0), 100.0, (20.0, 60.0))
    disc = zone("disc", (0.0, 0.0, 50.0), 100.0)
    narrow = zone("cylinder", (0.0, 0.0, 0.0), 50.0, (20.0, 60.0))
    expected = [(0, 0, 0.0, 32.5), (0, 1, 5.0, 15.0), (0, 2, 0.0, 50.0)]
    assert visits(trace, make_sites(sphere, cylinder, disc, narrow)) == expected


def test_a_descent_enters_a_cylinder_by_its_top_and_leaves_by_its_side():
    # x = 10 t, z = 100 - 5 t: below 60 m from t = 8, out at x = 150 from t = 15.
    trace = make_trace((0, (0.0, 20.0), ((0.0, 0.0, 100.0), (200.0, 0.0, 0.0))))
    assert visits(trace, make_sites(zone("cylinder", radius=150.0, z=(0.0, 60.0)))) == [(0, 0, 8.0, 15.0)]


def test_on_the_ground_plane_a_sphere_is_the_disc_it_cuts_out():
    trace = make_trace((0, (0.0, 10.0), ((-50.0, 0.0), (50.0, 0.0))))
    sites = make_sites(
        zone("sphere", (0.0, 0.0, 30.0), 50.0),
        zone("sphere", (0.0, 0.0, 60.0), 50.0),
        zone("cylinder", (0.0, 0.0, 9.0), 40.0, (-5.0, 5.0)),
        zone("cylinder", (0.0, 0.0, 9.0), 40.0, (5.0, 9.0)),
        zone("polygon", z=(1.0, 9.0), rings=[rectangle(-9, -9, 9, 9)]),
    )
    assert visits(trace, sites) == [(0, 0, 1.0, 9.0), (0, 2, 1.0, 9.0)]


SQUARE_WITH_HOLE = zone("polygon", rings=[rectangle(0, 0, 100, 100), rectangle(40, 40, 60, 60)])


@pytest.mark.parametrize("closed", [False, True])
def test_a_pass_through_a_polygon_with_a_hole(closed):
    rings = [rectangle(0, 0, 100, 100), rectangle(40, 40, 60, 60)]
    if closed:
        rings = [[*ring, ring[0]] for ring in rings]
    trace = make_trace((0, (0.0, 12.0), ((-10.0, 50.0), (110.0, 50.0))), (1, (0.0, 9.0), ((50.0, 50.0), (50.0, 140.0))))
    expected = [(0, 0, 1.0, 5.0), (0, 0, 7.0, 11.0), (1, 0, 1.0, 5.0)]
    assert visits(trace, make_sites(zone("polygon", rings=rings))) == expected


def test_a_polygon_has_a_floor_and_a_ceiling_in_three_dimensions():
    trace = make_trace((0, (0.0, 10.0, 20.0), ((20.0, 20.0, 0.0), (20.0, 20.0, 100.0), (50.0, 50.0, 0.0))))
    zones = [zone("polygon", z=z, rings=SQUARE_WITH_HOLE[4]) for z in ((20.0, 60.0), (-math.inf, 50.0), OPEN)]
    # Down again it is over the hole from x = 40 on, at t = 16 2/3.
    hole = 50.0 / 3.0
    assert visits(trace, make_sites(*zones)) == [
        *((0, 0, 2.0, 6.0), (0, 0, 14.0, pytest.approx(hole, abs=1e-9))),
        *((0, 1, 0.0, 5.0), (0, 1, 15.0, pytest.approx(hole, abs=1e-9))),
        (0, 2, 0.0, pytest.approx(hole, abs=1e-9)),
    ]


def test_a_path_through_corners_and_along_edges_of_a_polygon():
    diamond = zone("polygon", rings=[[(0, -10), (10, 0), (0, 10), (-10, 0)]])
    trace = make_trace((0, (0.0, 4.0), ((-20.0, 0.0), (20.0, 0.0))), (1, (0.0, 4.0), ((-20.0, 10.0), (20.0, 10.0))))
    assert visits(trace, make_sites(diamond)) == [(0, 0, 1.0, 3.0)]


def test_a_path_along_the_common_edge_of_two_polygons_is_in_exactly_one():
    sites = make_sites(*(zone("polygon", rings=[rectangle(0, y, 100, y + 10)]) for y in (0, 10)))
    trace = make_trace((0, (0.0, 5.0, 8.0, 12.0), ((-10.0, 10.0), (40.0, 10.0), (40.0, 10.0), (110.0, 10.0))))
    found = visits(trace, sites)
    assert [(enter, leave) for _, _, enter, leave in found] == [(1.0, pytest.approx(8.0 + 60.0 / 70.0 * 4.0, abs=1e-9))]


def test_a_margin_moves_borders_inwards():
    trace = make_trace((0, (0.0, 12.0), ((-10.0, 50.0), (110.0, 50.0))))
    sites = make_sites(
        SQUARE_WITH_HOLE, zone(at=(50.0, 50.0, 0.0), radius=20.0), zone(at=(50.0, 50.0, 0.0), radius=5.0)
    )
    assert visits(trace, sites, margin_m=5.0) == [(0, 0, 1.5, 4.5), (0, 0, 7.5, 10.5), (0, 1, 4.5, 7.5)]
    assert visits(trace, sites, margin_m=500.0) == []


def test_a_margin_cuts_a_polygon_where_it_is_too_thin():
    two = zone("polygon", rings=[[(0, 0), (40, 0), (40, 18), (60, 18), (60, 0), (100, 0), (100, 40), (0, 40)]])
    trace = make_trace((0, (0.0, 10.0), ((0.0, 15.0), (100.0, 15.0))), (1, (0.0, 10.0), ((0.0, 29.0), (100.0, 29.0))))
    # The bridge over x = 40 to 60 is 22 m thick.
    assert visits(trace, make_sites(two), margin_m=10.9) == [(0, 0, 1.09, 2.91), (0, 0, 7.09, 8.91), (1, 0, 1.09, 8.91)]
    assert visits(trace, make_sites(two), margin_m=12.0) == [(0, 0, 1.2, 2.8), (0, 0, 7.2, 8.8)]


# --- against brute force -------------------------------------------------------------------------------------


def is_inside(point, site):
    """Whether a point is in a zone, and its distance from the zone's border, written on its own."""
    (x, y, z), (shape, at, radius, (low, high), rings) = point, site
    if shape == "sphere":
        away = math.dist(point, at)
        return away <= radius, abs(away - radius)
    if shape in ("disc", "cylinder"):
        away = math.dist((x, y), at[:2])
        flat, near = away <= radius, abs(away - radius)
    else:
        edges = [(a, b) for ring in rings for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)]
        turns = sum(
            (a[1] > y) != (b[1] > y) and x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) for a, b in edges
        )
        flat = turns % 2 == 1
        near = min(_from_edge((x, y), a, b) for a, b in edges)
    if shape == "disc":
        return flat, near
    return flat and low <= z <= high, min(near, abs(z - low), abs(z - high))


def _from_edge(point, a, b):
    along = np.dot(np.subtract(point, a), b - a) / max(np.dot(b - a, b - a), 1e-300)
    return float(np.linalg.norm(a + min(max(along, 0.0), 1.0) * (b - a) - point))


coordinate = st.integers(-12, 12).map(float)
height = st.integers(0, 8).map(float)
points_2d = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=14)
points_3d = st.lists(st.tuples(coordinate, coordinate, height), min_size=1, max_size=14)
heights = st.tuples(st.integers(-2, 4).map(float), st.integers(4, 9).map(float))


@st.composite
def zones(draw):
    at = (draw(coordinate), draw(coordinate), draw(height))
    shape = draw(st.sampled_from(["disc", "sphere", "cylinder", "polygon"]))
    if shape == "polygon":
        ring = draw(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=6, unique=True))
        hole = draw(st.lists(st.tuples(coordinate, coordinate), max_size=4, unique=True))
        rings = [ring, hole] if len(hole) >= 3 else [ring]
        return zone(shape, at, z=draw(heights | st.just(OPEN)), rings=rings)
    z = draw(heights) if shape == "cylinder" else OPEN
    return zone(shape, at, draw(st.integers(1, 12).map(float)), z)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.lists(points_2d, min_size=1, max_size=3) | st.lists(points_3d, min_size=1, max_size=3),
    st.lists(zones(), min_size=1, max_size=4),
)
def test_property_visits_are_those_that_dense_sampling_sees(ways, sites):
    # Grid coordinates make stops, touches, corners and paths along edges the rule and not the exception.
    trace = make_trace(*((k, np.arange(len(way)) * 7.0, way) for k, way in enumerate(ways)))
    found = coverage_intervals(trace, make_sites(*sites))
    for k, way in enumerate(ways):
        for j, site in enumerate(sites):
            mine = (found.vehicle == k) & (found.rsu == j)
            enter, leave = found.enter_ns[mine], found.exit_ns[mine]
            assert (enter < leave).all()
            assert (enter[1:] > leave[:-1]).all()
            for time_s, point in samples(way):
                expected, near = is_inside(point, site)
                if near > 1e-6:
                    assert np.any((enter <= time_s * S) & (time_s * S < leave)) == expected


def samples(way):
    points = np.zeros((len(way), 3))
    points[:, : len(way[0])] = way
    share = np.array([0.0, 0.013, 0.19, 0.37, 0.5, 0.71, 0.83, 0.991])
    for k, (a, b) in enumerate(itertools.pairwise(points)):
        for u in share:
            yield (k + u) * 7.0, tuple(a + u * (b - a))


def wander(rng, fixes, size, dimensions=2):
    """A random way with stops, nine fixes in each direction, folded into a box."""
    turns = np.repeat(rng.normal(size=(fixes // 9 + 1, dimensions)), 9, axis=0)[:fixes] * 15.0
    turns[rng.random(fixes) < 0.2] = 0.0
    way = np.cumsum(turns, axis=0) + rng.uniform(0.0, size, dimensions)
    return size - np.abs(way % (2.0 * size) - size)


def random_sites(rng, count, size):
    at = rng.uniform(0.0, size, (count, 3)) * (1.0, 1.0, 0.02)
    pick = rng.integers(0, 4, count)
    angle = np.sort(rng.uniform(0.0, math.tau, (count, 7)))
    made = []
    for k in range(count):
        radius = float(rng.uniform(0.05, 0.3) * size)
        if pick[k] == 3:
            star = at[k, :2] + radius * np.column_stack((np.cos(angle[k]), np.sin(angle[k])))
            made.append(zone("polygon", at[k], z=(-20.0, 15.0), rings=[star]))
        else:
            shape = ("disc", "sphere", "cylinder")[pick[k]]
            made.append(zone(shape, at[k], radius, (-20.0, 15.0) if shape == "cylinder" else OPEN))
    return make_sites(*made)


def slow_rounds(trace, sites):
    """Visits to discs, one segment at a time, by the textbook formula."""
    found = []
    for trip, vehicle in enumerate(trace.trip_vehicle.tolist()):
        rows = range(*trace.trip_start[trip : trip + 2].tolist())
        for rsu in range(sites.count):
            spans = []
            for row in rows[:-1]:
                begin, width = int(trace.t_us[row]), int(trace.t_us[row + 1] - trace.t_us[row])
                px, py = trace.x_m[row] - sites.xyz_m[rsu, 0], trace.y_m[row] - sites.xyz_m[rsu, 1]
                sx, sy = trace.x_m[row + 1] - trace.x_m[row], trace.y_m[row + 1] - trace.y_m[row]
                a, b, c = sx * sx + sy * sy, px * sx + py * sy, px * px + py * py - sites.radius_m[rsu] ** 2
                if a == 0.0:
                    span = (0.0, 1.0) if c <= 0.0 else None
                elif b * b - a * c <= 0.0:
                    span = None
                else:
                    root = math.sqrt(b * b - a * c)
                    span = max((-b - root) / a, 0.0), min((-b + root) / a, 1.0)
                if span and span[0] < span[1]:
                    spans.append([(begin + u * width) * 1000 for u in span])
            merged = []
            for enter, leave in spans:
                if merged and enter - merged[-1][1] < 1.0:
                    merged[-1][1] = leave
                else:
                    merged.append([enter, leave])
            found += [(vehicle, rsu, enter, leave) for enter, leave in merged if leave - enter >= 1.0]
    return sorted(found)


def assert_same(found, expected, within_ns=2.0):
    got = list(zip(found.vehicle, found.rsu, found.enter_ns, found.exit_ns, strict=True))
    assert [row[:2] for row in got] == [row[:2] for row in expected]
    np.testing.assert_allclose([row[2:] for row in got], [row[2:] for row in expected], rtol=0.0, atol=within_ns)


def test_long_ways_and_many_discs_match_a_slow_reference():
    rng = np.random.default_rng(5)
    trips = [
        (k // 2, np.arange(n) + 5000.0 * (k % 2), wander(rng, n, 1200.0)) for k, n in enumerate((700, 3, 1300, 64))
    ]
    trace = make_trace(*trips)
    sites = make_sites(
        *(zone(at=(*rng.uniform(0.0, 1200.0, 2), 0.0), radius=rng.uniform(30.0, 300.0)) for _ in range(30))
    )
    expected = slow_rounds(trace, sites)
    assert len(expected) > 100
    assert_same(coverage_intervals(trace, sites), expected)


def test_real_traffic_among_random_sites_matches_a_slow_reference(test_data):
    ways = {}
    with (test_data / "fcd" / "bologna_acosta_geo.fcd.csv").open() as lines:
        for row in csv.DictReader(lines, delimiter=";"):
            if len(ways) < 120 or row["vehicle_id"] in ways:
                way = ways.setdefault(row["vehicle_id"], [])
                degrees = float(row["vehicle_x"]) - 11.31, float(row["vehicle_y"]) - 44.49
                way.append((float(row["timestep_time"]), degrees[0] * 79_300.0, degrees[1] * 111_200.0))
    trace = make_trace(*((k, [p[0] for p in way], [p[1:] for p in way]) for k, way in enumerate(ways.values())))
    rng = np.random.default_rng(11)
    box = np.array([[trace.x_m.min(), trace.y_m.min(), 0.0], [trace.x_m.max(), trace.y_m.max(), 0.0]])
    # Like the 125 sites of the EUA data set in the same area: 100 to 150 m of coverage each.
    sites = make_sites(*(zone(at=rng.uniform(*box), radius=rng.uniform(100.0, 150.0)) for _ in range(60)))
    expected = slow_rounds(trace, sites)
    assert len(expected) > 300
    assert_same(coverage_intervals(trace, sites), expected)


def test_the_answer_does_not_depend_on_how_the_work_is_cut_up(monkeypatch):
    rng = np.random.default_rng(8)
    trace = make_trace(*((k, np.arange(300.0), wander(rng, 300, 900.0, 3) * (1.0, 1.0, 0.02)) for k in range(7)))
    sites = random_sites(rng, 12, 900.0)
    whole = coverage_intervals(trace, sites)
    monkeypatch.setattr(_blocks, "_CHUNK_PAIRS", 1)
    monkeypatch.setattr(_blocks, "_MIN_CHUNK_FIXES", 1)
    assert len(list(_blocks.chunks(trace, sites.count))) == 7
    cut = coverage_intervals(trace, sites)
    for name in ("vehicle", "rsu", "enter_ns", "exit_ns", "starts_inside", "ends_inside"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))
    assert len(whole.rsu) > 50


def moved(trace, sites, turn, shift):
    """The same scene, turned about the origin and shifted."""
    cos, sin = math.cos(turn), math.sin(turn)

    def move(xy):
        return np.column_stack((cos * xy[:, 0] - sin * xy[:, 1], sin * xy[:, 0] + cos * xy[:, 1])) + shift

    xy = move(np.column_stack((trace.x_m, trace.y_m)))
    place = np.column_stack((move(sites.xyz_m), sites.xyz_m[:, 2]))
    rings = tuple(None if r is None else tuple(move(ring) for ring in r) for r in sites.rings)
    other = Sites(sites.rsu_id, place, sites.shape, sites.radius_m, sites.z_range_m, rings)
    columns = (trace.vehicle_id, trace.trip_vehicle, trace.trip_start, trace.t_us, xy[:, 0].copy(), xy[:, 1].copy())
    return Trace(*columns, trace.z_m), other


@pytest.mark.parametrize(
    ("turn", "shift"), [(0.0, (-4321.5, 777.25)), (0.7, (0.0, 0.0)), (2.5, (500_000.0, 4_900_000.0))]
)
def test_visits_do_not_depend_on_the_frame(turn, shift):
    rng = np.random.default_rng(21)
    trace = make_trace(*((k, np.arange(200.0), wander(rng, 200, 900.0, 3) * (1.0, 1.0, 0.02)) for k in range(4)))
    sites = random_sites(rng, 15, 900.0)
    here, there = coverage_intervals(trace, sites), coverage_intervals(*moved(trace, sites, turn, np.array(shift)))
    assert len(here.rsu) > 25
    expected = list(zip(here.vehicle, here.rsu, here.enter_ns, here.exit_ns, strict=True))
    # Coordinates of 5000 km have a grain of a nanometre, which is a tenth of a nanosecond or so, more when it grazes.
    assert_same(there, expected, within_ns=500.0)


def test_visits_run_backwards_with_time():
    rng = np.random.default_rng(33)
    ways = [wander(rng, 200, 900.0, 3) * (1.0, 1.0, 0.02) for _ in range(4)]
    sites = random_sites(rng, 15, 900.0)
    there = coverage_intervals(make_trace(*((k, np.arange(200.0), way) for k, way in enumerate(ways))), sites)
    back = coverage_intervals(make_trace(*((k, np.arange(200.0), way[::-1]) for k, way in enumerate(ways))), sites)
    end = 199 * S
    mirrored = sorted(zip(there.vehicle, there.rsu, end - there.exit_ns, end - there.enter_ns, strict=True))
    assert_same(back, mirrored)
    assert back.starts_inside.sum() == there.ends_inside.sum()


# --- what is made of the visits -------------------------------------------------------------------------------


def test_covers_says_which_zones_contain_points():
    sites = make_sites(zone(radius=5.0), SQUARE_WITH_HOLE, zone("sphere", (0.0, 0.0, 4.0), 5.0))
    points = np.array([[3.0, 4.0, 0.0], [50.0, 50.0, 0.0], [-1.0, -1.0, 9.5], [math.nan] * 3])
    expected = [[True, True, False], [False, False, False], [True, False, False], [False] * 3]
    assert covers(sites)(points).tolist() == expected
    assert covers(sites)(np.empty((0, 3))).shape == (0, 3)


def test_first_service_is_the_nearest_of_the_zones_entered_first():
    sites = make_sites(
        zone(at=(100.0, 0.0, 0.0), radius=90.0), zone(at=(-20.0, 0.0, 0.0), radius=60.0), zone(radius=30.0)
    )
    trace = make_trace(
        (0, (5.0, 15.0), ((-100.0, 0.0), (100.0, 0.0))),  # enters zone 1 at x = -80
        (1, (0.0, 10.0), ((900.0, 0.0), (800.0, 0.0))),  # is never covered
        (2, (7.0, 17.0), ((15.0, 0.0), (0.0, 0.0))),  # starts inside all, at 85, 35 and 15 m
        (3, (1.0, 2.0), ((40.0, 0.0), (39.0, 0.0))),  # starts 60 m from both zone 0 and zone 1
    )
    found = first_service(coverage_intervals(trace, sites), sites, Positions(trace))
    assert found == [(0, 6 * S, 1), (2, 7 * S, 2), (3, S, 0)]


def test_nobody_is_served_without_coverage():
    trace = make_trace((0, (0.0, 10.0), ((900.0, 0.0), (800.0, 0.0))))
    sites = make_sites(zone(radius=5.0))
    found = coverage_intervals(trace, sites)
    assert (len(found.rsu), found.rsu.dtype, found.starts_inside.dtype) == (0, np.int32, bool)
    assert first_service(found, sites, Positions(trace)) == []
