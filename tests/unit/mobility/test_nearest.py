import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.mobility import _blocks
from simmig.mobility.nearest import nearest_changes
from simmig.mobility.trace import Trace

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


def changes(trace, xyz_m, bonus_db=None, exponent=2.0):
    """The changes as (vehicle, time in s, rsu)."""
    bonus = None if bonus_db is None else np.array(bonus_db, dtype=float)
    found = nearest_changes(trace, np.array(xyz_m, dtype=float), bonus, exponent)
    assert (found.vehicle.dtype, found.time_ns.dtype, found.rsu.dtype) == (np.int32, np.int64, np.int32)
    columns = found.vehicle, found.time_ns / S, found.rsu
    return list(zip(*(column.tolist() for column in columns), strict=True))


STREET = [(0.0, 0.0, 0.0), (500.0, 0.0, 0.0), (1000.0, 0.0, 0.0)]


def drive(fixes, speed=15.0, length=1000.0):
    times = np.linspace(0.0, length / speed, fixes)
    return make_trace((0, times, np.column_stack((speed * times, np.zeros(fixes)))))


@pytest.mark.parametrize("fixes", [2, 3, 70, 1001])
def test_a_drive_changes_in_the_middle_between_rsus(fixes):
    assert [rsu for _, _, rsu in changes(drive(fixes), STREET)] == [0, 1, 2]
    assert [time_s for _, time_s, _ in changes(drive(fixes), STREET)] == pytest.approx([0, 50 / 3, 50], abs=2e-6)


@pytest.mark.parametrize(
    ("exponent", "need_db", "d_s"), [(2.0, 3.0, 292.749339), (3.5, 3.0, 274.590783), (3.5, 5.0, 290.750809)]
)
@pytest.mark.parametrize("fixes", [2, 501])
def test_a_stronger_rsu_is_given_up_later(exponent, need_db, d_s, fixes):
    # D k / (1 + k) with k = 10^(dB / 10 n) between RSUs 500 m apart.
    trace = drive(fixes, speed=10.0, length=500.0)
    assert changes(trace, STREET[:2], (need_db, 0.0), exponent) == [
        (0, 0.0, 0),
        (0, pytest.approx(d_s / 10.0, abs=1e-7), 1),
    ]
    mirrored = pytest.approx((500.0 - d_s) / 10.0, abs=1e-7)
    assert changes(trace, STREET[:2], (-7.0 - need_db, -7.0), exponent) == [(0, 0.0, 0), (0, mirrored, 1)]


def test_a_weak_rsu_is_strongest_only_in_a_disc_around_it():
    # 20 log10(2) dB weaker: half as far at the border, an Apollonius circle from x = 200 to x = 600 on the line.
    weak_db = -20.0 * math.log10(2.0)
    trace = make_trace((0, (0.0, 100.0), ((0.0, 0.0), (1000.0, 0.0))))
    sites = [(0.0, 0.0, 0.0), (300.0, 0.0, 0.0)]
    assert changes(trace, sites, (0.0, weak_db)) == [(0, 0.0, 0), (0, 20.0, 1), (0, 60.0, 0)]
    # Past the circle (centre 400, radius 200) there is no change, however near.
    past = make_trace((0, (0.0, 100.0), ((0.0, 200.001), (1000.0, 200.001))))
    graze = make_trace((0, (0.0, 100.0), ((0.0, 199.999), (1000.0, 199.999))))
    assert changes(past, sites, (0.0, weak_db)) == [(0, 0.0, 0)]
    half_s = math.sqrt(200.0**2 - 199.999**2) / 10.0
    expected = [
        (0, 0.0, 0),
        (0, pytest.approx(40.0 - half_s, abs=1e-8), 1),
        (0, pytest.approx(40.0 + half_s, abs=1e-8), 0),
    ]
    assert changes(graze, sites, (0.0, weak_db)) == expected


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_way_along_the_border_does_not_flicker(order):
    # 45 degrees, so that no coordinate is the same for both; the border runs through the way.
    n = 400
    along = np.linspace(0.0, 1000.0, n)
    way = np.column_stack((along * 0.6 + 0.1, along * 0.8 + 0.3))
    sites = [(300.1 + s * 80.0, 400.3 - s * 60.0, 0.0) for s in (-1, 1)]
    trace = make_trace((0, np.arange(n), way))
    assert changes(trace, [sites[k] for k in order]) == [(0, 0.0, 0)]
    for shift in (-1e-6, 1e-6):
        aside = make_trace((0, np.arange(n), way + shift * np.array([0.8, -0.6])))
        assert changes(aside, [sites[k] for k in order]) == [(0, 0.0, order[int(shift > 0)])]


def test_a_stop_on_the_border_belongs_to_the_first():
    times, x = (0.0, 10.0, 15.0, 20.0, 30.0), (0.0, 250.0, 250.0, 250.0, 500.0)
    trace = make_trace((0, times, [(value, 0.0) for value in x]))
    assert changes(trace, STREET[:2]) == [(0, 0.0, 0), (0, 20.0, 1)]
    assert changes(trace, STREET[1::-1]) == [(0, 0.0, 1), (0, 10.0, 0)]


def test_equal_rsus_count_as_the_first_of_them():
    twice = [STREET[1], STREET[0], STREET[1], STREET[0]]
    assert changes(drive(40, length=500.0), twice) == [(0, 0.0, 1), (0, pytest.approx(50 / 3, abs=2e-6), 0)]
    # With less power the twin at the same place is never the strongest.
    assert changes(drive(2, length=500.0), twice, (-1.0, -1.0, 0.0, 0.0))[-1][2] == 2


def test_every_trip_begins_with_a_row_even_without_a_change():
    still = ((10.0, 0.0), (20.0, 0.0))
    trace = make_trace(
        (0, (0.0, 1.0), still), (0, (5.0, 6.0), still), (1, (3.0,), ((499.0, 0.0),)), (1, (4.0, 9.0), still)
    )
    assert changes(trace, STREET) == [(0, 0.0, 0), (0, 5.0, 0), (1, 3.0, 1), (1, 4.0, 0)]


def test_heights_count():
    climb = make_trace((0, (0.0, 100.0), ((0.0, 0.0, 0.0), (0.0, 0.0, 100.0))))
    assert changes(climb, [(0.0, 0.0, 0.0), (0.0, 0.0, 80.0)]) == [(0, 0.0, 0), (0, 40.0, 1)]
    ground = make_trace((0, (0.0, 100.0), ((0.0, 0.0), (100.0, 0.0))))
    # Equal at x with x^2 + 30^2 = (x - 90)^2: x = 40.
    assert changes(ground, [(0.0, 0.0, 30.0), (90.0, 0.0, 0.0)]) == [(0, 0.0, 0), (0, 40.0, 1)]
    # With twice the distance allowed for: 4 (x^2 + 30^2) = (x - 90)^2, so 3 x^2 + 180 x = 4500: x = 19.0 ...
    tall_db = -20.0 * math.log10(2.0)
    x_m = math.sqrt(30.0**2 + 1500.0) - 30.0
    found = changes(ground, [(0.0, 0.0, 30.0), (90.0, 0.0, 0.0)], (tall_db, 0.0))
    assert found == [(0, 0.0, 0), (0, pytest.approx(x_m, abs=1e-8), 1)]


def test_one_segment_across_many_cells():
    rng = np.random.default_rng(4)
    sites = np.column_stack((rng.uniform(0.0, 10_000.0, (60, 2)), np.zeros(60)))
    trace = make_trace((0, (0.0, 1000.0), ((0.0, 0.0), (10_000.0, 10_000.0))))
    check(trace, sites, None, np.linspace(0.0, 999.99, 40_001))
    assert len(changes(trace, sites)) > 8
    check(trace, sites, rng.uniform(0.0, 6.0, 60), np.linspace(0.0, 999.99, 40_001))


def check(trace, sites, bonus_db, times_s, exponent=2.0):
    """At every sampled time of a trip the row that holds names the strongest RSU, and rows say so without repeats."""
    found = nearest_changes(trace, sites, bonus_db, exponent)
    gain_db = np.zeros(len(sites)) if bonus_db is None else bonus_db
    axes = [trace.x_m, trace.y_m, trace.z_m if trace.z_m is not None else np.zeros(trace.fix_count)]
    for trip, vehicle in enumerate(trace.trip_vehicle.tolist()):
        rows = slice(*trace.trip_start[trip : trip + 2].tolist())
        t_s = trace.t_us[rows] / 1e6
        mine = found.vehicle == vehicle
        inside = mine & (found.time_ns >= t_s[0] * S) & (found.time_ns <= t_s[-1] * S)
        time_ns, rsu = found.time_ns[inside], found.rsu[inside]
        assert time_ns[0] == t_s[0] * S
        assert (np.diff(time_ns) > 0).all()
        assert (np.diff(rsu) != 0).all()
        at = times_s[(times_s >= t_s[0]) & (times_s <= t_s[-1])]
        point = np.column_stack([np.interp(at, t_s, axis[rows]) for axis in axes])
        away = np.linalg.norm(point[:, None, :] - sites, axis=2)
        loss = 10.0 * exponent * np.log10(np.maximum(away, 1e-9)) - gain_db
        holds = rsu[np.searchsorted(time_ns, at * S, side="right") - 1]
        # Within rounding of the sample's time, either of two equally strong ones may hold.
        assert (loss[np.arange(len(at)), holds] <= loss.min(axis=1) + 1e-6).all()


coordinate = st.integers(-12, 12).map(float)
height = st.integers(0, 8).map(float)
ways_2d = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=12)
ways_3d = st.lists(st.tuples(coordinate, coordinate, height), min_size=2, max_size=12)
places = st.lists(st.tuples(coordinate, coordinate, height), min_size=1, max_size=7)
powers = st.lists(st.sampled_from([0.0, 0.0, 1.0, 3.0, 6.0]), min_size=7, max_size=7)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.lists(ways_2d, min_size=1, max_size=3) | st.lists(ways_3d, min_size=1, max_size=3), places, powers, st.booleans()
)
def test_property_the_row_that_holds_names_the_strongest(ways, sites, bonus_db, is_weighted):
    # Grid coordinates make ties, stops on borders and points where many cells meet the rule and not the exception.
    trace = make_trace(*((k, np.arange(len(way)) * 7.0, way) for k, way in enumerate(ways)))
    bonus = np.array(bonus_db[: len(sites)]) if is_weighted else None
    check(trace, np.array(sites), bonus, np.linspace(0.0, 84.0, 997), exponent=3.0)


def wander(rng, fixes, size, dimensions=2):
    """A random way with stops, nine fixes in each direction, folded into a box."""
    turns = np.repeat(rng.normal(size=(fixes // 9 + 1, dimensions)), 9, axis=0)[:fixes] * 15.0
    turns[rng.random(fixes) < 0.2] = 0.0
    way = np.cumsum(turns, axis=0) + rng.uniform(0.0, size, dimensions)
    return size - np.abs(way % (2.0 * size) - size)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_long_ways_among_many_rsus_match_a_search_of_all(dimensions, is_weighted):
    rng = np.random.default_rng(17)
    lengths = (700, 2, 1300, 64)
    trace = make_trace(
        *((k // 2, np.arange(n) + 5000.0 * (k % 2), wander(rng, n, 1500.0, dimensions)) for k, n in enumerate(lengths))
    )
    sites = rng.uniform(0.0, 1500.0, (40, 3)) * (1.0, 1.0, 0.3)
    bonus = rng.uniform(0.0, 6.0, 40) if is_weighted else None
    check(
        trace, sites, bonus, np.concatenate([np.arange(n * 7) / 7.0 + 5000.0 * (k % 2) for k, n in enumerate(lengths)])
    )
    assert len(nearest_changes(trace, sites, bonus).rsu) > 35


def test_the_answer_does_not_depend_on_how_the_work_is_cut_up(monkeypatch):
    rng = np.random.default_rng(8)
    trace = make_trace(*((k, np.arange(300.0), wander(rng, 300, 900.0)) for k in range(7)))
    sites = rng.uniform(0.0, 900.0, (20, 3))
    whole = nearest_changes(trace, sites)
    monkeypatch.setattr(_blocks, "_CHUNK_PAIRS", 1)
    monkeypatch.setattr(_blocks, "_MIN_CHUNK_FIXES", 1)
    cut = nearest_changes(trace, sites)
    for name in ("vehicle", "time_ns", "rsu"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))
    assert len(whole.rsu) > 50


@pytest.mark.parametrize("is_weighted", [False, True])
def test_changes_run_backwards_with_time(is_weighted):
    rng = np.random.default_rng(3)
    way, sites = wander(rng, 500, 900.0), rng.uniform(0.0, 900.0, (25, 3))
    bonus = rng.uniform(0.0, 6.0, 25) if is_weighted else None
    there = nearest_changes(make_trace((0, np.arange(500.0), way)), sites, bonus)
    back = nearest_changes(make_trace((0, np.arange(500.0), way[::-1])), sites, bonus)
    assert back.rsu.tolist() == there.rsu.tolist()[::-1]
    np.testing.assert_allclose(back.time_ns[1:], 499 * S - there.time_ns[:0:-1], rtol=0.0, atol=2.0)


@pytest.mark.parametrize("turn", [0.3, 2.0])
def test_changes_do_not_depend_on_the_frame(turn):
    rng = np.random.default_rng(13)
    way, sites = wander(rng, 500, 900.0), rng.uniform(0.0, 900.0, (25, 3))
    spin = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    shift = np.array([500_000.0, 4_900_000.0])
    here = nearest_changes(make_trace((0, np.arange(500.0), way)), sites)
    moved = np.column_stack((sites[:, :2] @ spin + shift, sites[:, 2]))
    there = nearest_changes(make_trace((0, np.arange(500.0), way @ spin + shift)), moved)
    assert there.rsu.tolist() == here.rsu.tolist()
    # Coordinates of 5000 km have a grain of a nanometre: a tenth of a nanosecond or so, more on a way along a border.
    np.testing.assert_allclose(there.time_ns, here.time_ns, rtol=0.0, atol=500.0)
