import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simmig.mobility.coverage import coverage_intervals, first_service
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.mobility.triggers import TriggerScene
from simmig.mobility.triggers.coverage_exit import Trigger

S = 1_000_000_000


def make_scene(trips, discs):
    """The scene of one vehicle's trips (times in s, points in m) among discs (x, y, radius)."""
    times, points = zip(*trips, strict=True)
    xy = np.concatenate([np.array(p, dtype=float) for p in points])
    t_us = np.rint(np.concatenate([np.array(t, dtype=float) for t in times]) * 1e6).astype(np.int64)
    start = np.concatenate(([0], np.cumsum([len(t) for t in times]))).astype(np.int64)
    trips_of = np.zeros(len(times), dtype=np.int32)
    trace = Trace(("v0",), trips_of, start, t_us, xy[:, 0].copy(), xy[:, 1].copy())
    place, radius = np.array([(x, y, 0.0) for x, y, _ in discs]), np.array([r for _, _, r in discs], dtype=float)
    count, ids = len(discs), tuple(f"r{j}" for j in range(len(discs)))
    sites = Sites(ids, place, ("disc",) * count, radius, np.tile((-math.inf, math.inf), (count, 1)), (None,) * count)
    return TriggerScene(trace, sites, Positions(trace), coverage_intervals(trace, sites), np.zeros(count), 2.0)


class Asker:
    """Asks an armed trigger in seconds."""

    def __init__(self, scene, margin_m=0.0):
        self._armed = Trigger(margin_m=margin_m).arm(scene)

    def __call__(self, host, after_s, retry=False):
        found = self._armed.next(0, host, round(after_s * S), retry=retry)
        if found is None:
            return None
        assert [type(value) for value in found] == [int, int]
        return found[0] / S, found[1]


def drive(until_m=1200.0):
    """A car from x = 0 at 10 m/s."""
    return (0.0, until_m / 10.0), ((0.0, 0.0), (until_m, 0.0))


OVERLAPPING = [(0.0, 0.0, 250.0), (400.0, 0.0, 250.0), (800.0, 0.0, 250.0)]
APART = [(0.0, 0.0, 100.0), (500.0, 0.0, 100.0)]


def test_each_exit_hands_over_to_the_zone_ahead():
    ask = Asker(make_scene([drive()], OVERLAPPING))
    assert ask(0, 0.0) == (25.0, 1)
    assert ask(1, 25.0) == (65.0, 2)
    assert ask(2, 65.0) == (105.0, -1)
    assert ask(2, 105.0) is None


def test_leaving_all_coverage_fires_once_and_the_next_zone_again():
    ask = Asker(make_scene([drive(700.0)], APART))
    assert ask(0, 0.0) == (10.0, -1)
    assert ask(0, 10.0) == (40.0, 1)
    assert ask(1, 40.0) == (60.0, -1)
    assert ask(1, 60.0) is None


def test_coming_back_to_the_host_fires_nothing():
    there_and_back = (0.0, 20.0, 50.0), ((0.0, 0.0), (200.0, 0.0), (-100.0, 0.0))
    ask = Asker(make_scene([there_and_back], [(0.0, 0.0, 100.0), (500.0, 0.0, 100.0)]))
    assert ask(0, 0.0) == (10.0, -1)
    # Back inside from 30 s; it ends on the border.
    assert ask(0, 10.0) is None
    further = (0.0, 20.0, 60.0), ((0.0, 0.0), (200.0, 0.0), (-200.0, 0.0))
    ask = Asker(make_scene([further], [(0.0, 0.0, 100.0), (500.0, 0.0, 100.0)]))
    assert ask(0, 10.0) == (50.0, -1)


def test_a_host_elsewhere_is_left_at_once_for_the_nearest_zone():
    ask = Asker(make_scene([drive()], OVERLAPPING))
    assert ask(2, 16.0) == (16.0, 0)
    assert ask(2, 21.0) == (21.0, 1)


def test_of_equally_near_targets_the_first_is_meant():
    ask = Asker(make_scene([drive()], [(0.0, 0.0, 100.0), (150.0, 50.0, 90.0), (150.0, -50.0, 90.0)]))
    assert ask(0, 0.0) == (10.0, 1)


def test_a_margin_asks_earlier():
    ask = Asker(make_scene([drive()], OVERLAPPING), margin_m=50.0)
    assert ask(0, 0.0) == (20.0, 1)
    assert ask(1, 20.0) == (60.0, 2)
    assert ask(2, 60.0) == (100.0, -1)  # still covered, but nobody else can take over
    assert ask(2, 100.0) == (105.0, -1)
    assert ask(2, 105.0) is None


def test_a_wide_margin_takes_a_zone_whose_own_margin_is_not_yet_passed():
    ask = Asker(make_scene([drive()], OVERLAPPING), margin_m=100.0)
    assert ask(0, 0.0) == (15.0, 1)
    # The car reaches the inner part of zone 1 at 25 s, and is then safe until it leaves it.
    assert ask(1, 15.0) == (55.0, 2)


def test_a_target_that_would_have_to_be_left_at_once_is_not_chosen():
    # At x = 80 zone 1, nearer, is about to be left; zone 2 is not.
    ask = Asker(make_scene([drive()], [(0.0, 0.0, 100.0), (50.0, 0.0, 45.0), (200.0, 0.0, 180.0)]), margin_m=20.0)
    assert ask(0, 0.0) == (8.0, 2)


def test_in_the_margin_another_inner_zone_is_taken_when_it_is_entered():
    ask = Asker(make_scene([drive()], [(0.0, 0.0, 250.0), (400.0, 0.0, 280.0)]), margin_m=100.0)
    assert ask(0, 16.0) == (22.0, 1)
    # Entered before: a decision for zone 0 stands until the car leaves it.
    assert ask(0, 23.0) == (25.0, 1)


def test_a_retry_does_not_wait():
    ask = Asker(make_scene([drive()], OVERLAPPING), margin_m=50.0)
    assert ask(0, 21.0, retry=True) == (21.0, 1)
    assert ask(0, 19.0, retry=True) == (20.0, 1)
    assert ask(2, 110.0, retry=True) == (110.0, -1)
    assert ask(2, 130.0, retry=True) is None  # the car is gone
    assert ask(0, 21.0) == (25.0, 1)


def test_a_car_parked_in_a_zone_between_two_trips_has_not_left():
    parked = [((0.0, 20.0), ((0.0, 0.0), (200.0, 0.0))), ((100.0, 200.0), ((200.0, 0.0), (1200.0, 0.0)))]
    assert Asker(make_scene(parked, OVERLAPPING))(0, 0.0) == (105.0, 1)
    assert Asker(make_scene(parked, OVERLAPPING), margin_m=50.0)(0, 0.0) == (100.0, 1)


def test_a_car_that_comes_back_elsewhere_asks_when_it_is_seen():
    jump = [((0.0, 20.0), ((0.0, 0.0), (200.0, 0.0))), ((100.0, 140.0), ((420.0, 0.0), (820.0, 0.0)))]
    ask = Asker(make_scene(jump, OVERLAPPING))
    assert ask(0, 0.0) == (100.0, 1)
    assert ask(0, 50.0) == (100.0, 1)
    assert ask(0, 50.0, retry=True) == (100.0, 1)
    away = [((0.0, 20.0), ((0.0, 0.0), (200.0, 0.0))), ((100.0, 140.0), ((5000.0, 0.0), (5400.0, 0.0)))]
    assert Asker(make_scene(away, OVERLAPPING))(0, 0.0) == (100.0, -1)
    ends = [((0.0, 20.0), ((0.0, 0.0), (200.0, 0.0)))]
    assert Asker(make_scene(ends, OVERLAPPING))(0, 0.0) is None


@pytest.mark.parametrize("margin", [-1.0, math.nan, math.inf])
def test_a_margin_is_a_finite_length(margin):
    with pytest.raises(ValidationError, match="margin_m"):
        Trigger(margin_m=margin)


# --- against a second implementation: step through every instant at which anything changes -------------------


class Stepper:
    def __init__(self, scene, margin_m):
        trace, self._scene = scene.trace, scene
        self._outer = self._spans(scene.coverage)
        self._inner = self._spans(coverage_intervals(trace, scene.sites, margin_m))
        rows = zip(trace.trip_start[:-1], trace.trip_start[1:] - 1, strict=True)
        self._trips = [(int(trace.t_us[a]) * 1000, int(trace.t_us[b]) * 1000) for a, b in rows]

    def _spans(self, visits):
        rows = zip(visits.rsu.tolist(), visits.enter_ns.tolist(), visits.exit_ns.tolist(), strict=True)
        return sorted(rows)

    def holding(self, spans, time_ns, host):
        return {rsu for rsu, enter, leave in spans if enter <= time_ns < leave and rsu != host}

    def next(self, host, after_ns, retry):
        spans = self._outer + self._inner
        instants = {time for _, *times in spans for time in times} | {begin for begin, _ in self._trips}
        everyone = -1
        state = "out"
        for time_ns in [after_ns, *sorted(time for time in instants if time > after_ns)]:
            is_first = time_ns == after_ns
            is_present = any(begin <= time_ns <= end for begin, end in self._trips)
            if not any(begin <= time_ns < end for begin, end in self._trips) and not (is_first and is_present):
                continue
            if host in self.holding(self._inner, time_ns, everyone):
                state = "safe"
                continue
            in_zone = host in self.holding(self._outer, time_ns, everyone)
            others = self.holding(self._outer, time_ns, host)
            enters = {rsu for rsu, enter, _ in self._inner if enter == time_ns} - {host}
            if is_first:
                fires = retry or (not in_zone and bool(others))
            elif state == "safe":
                fires = True
            elif state == "margin":
                fires = not in_zone or bool(enters)
            else:
                fires = not in_zone and bool(others)
            if fires:
                return time_ns, self.target(time_ns, host)
            state = "margin" if in_zone else "out"
        return None

    def target(self, time_ns, host):
        found = self.holding(self._inner, time_ns, host) or self.holding(self._outer, time_ns, host)
        point = self._scene.positions.at(np.array([0]), np.array([time_ns]))[0]
        return min((math.dist(point, self._scene.sites.xyz_m[rsu]), rsu) for rsu in found)[1] if found else -1


coordinate = st.integers(-10, 10).map(lambda value: value * 10.0)
trip = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=6)
disc = st.tuples(coordinate, coordinate, st.integers(2, 12).map(lambda value: value * 10.0))


def trips_of(ways):
    begin, trips = 0.0, []
    for way in ways:
        trips.append((begin + np.arange(len(way)) * 7.0, way))
        begin = trips[-1][0][-1] + 3.0
    return trips


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.lists(trip, min_size=1, max_size=3),
    st.lists(disc, min_size=1, max_size=5),
    st.sampled_from([0.0, 7.0, 30.0]),
    st.integers(0, 10**6),
)
def test_property_answers_are_those_of_stepping_through_every_instant(ways, discs, margin_m, seed):
    scene = make_scene(trips_of(ways), discs)
    armed, stepper = Trigger(margin_m=margin_m).arm(scene), Stepper(scene, margin_m)
    rng = np.random.default_rng(seed)
    last_s = int(scene.trace.end_us // 1_000_000)
    entries = scene.coverage.enter_ns.tolist() + scene.coverage.exit_ns.tolist()
    for after_ns in [*(rng.integers(-1, last_s + 3, 6) * S).tolist(), *entries[:6]]:
        for host in range(len(discs)):
            for retry in (False, True):
                assert armed.next(0, host, after_ns, retry=retry) == stepper.next(host, after_ns, retry)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.lists(trip, min_size=1, max_size=3), st.lists(disc, min_size=1, max_size=5), st.sampled_from([0.0, 7.0, 30.0])
)
def test_property_a_vehicle_that_goes_where_it_is_sent_is_never_asked_twice_at_one_instant(ways, discs, margin_m):
    scene = make_scene(trips_of(ways), discs)
    armed = Trigger(margin_m=margin_m).arm(scene)
    for _, now, host in first_service(scene.coverage, scene.sites, scene.positions):
        asked = now - 1
        while (found := armed.next(0, host, now, retry=False)) is not None:
            now, target = found
            assert now > asked
            asked, host = now, host if target < 0 else target
