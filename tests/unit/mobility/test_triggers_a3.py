import math

import numpy as np
import pytest
from pydantic import ValidationError

from simmig.mobility.coverage import coverage_intervals
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.mobility.triggers import TriggerScene
from simmig.mobility.triggers.a3 import Trigger

S = 1_000_000_000


def make_scene(trips, places, exponent=2.0, bonus_db=None):
    """The scene of one vehicle's trips (times in s, points in m) among RSUs at places."""
    times, points = zip(*trips, strict=True)
    xyz = np.concatenate([np.array(p, dtype=float) for p in points])
    start = np.concatenate(([0], np.cumsum([len(t) for t in times]))).astype(np.int64)
    t_us = np.rint(np.concatenate([np.array(t, dtype=float) for t in times]) * 1e6).astype(np.int64)
    axes = [axis.copy() for axis in xyz.T]
    trace = Trace(("v0",), np.zeros(len(times), dtype=np.int32), start, t_us, *axes)
    count, place = len(places), np.array(places, dtype=float)
    heights = np.tile((-math.inf, math.inf), (count, 1))
    ids = tuple(f"r{j}" for j in range(count))
    sites = Sites(ids, place, ("disc",) * count, np.full(count, 1e4), heights, (None,) * count)
    bonus = np.zeros(count) if bonus_db is None else np.array(bonus_db, dtype=float)
    return TriggerScene(trace, sites, Positions(trace), coverage_intervals(trace, sites), bonus, exponent)


def ask(armed, host, after_s, retry=False):
    found = armed.next(0, host, round(after_s * S), retry=retry)
    if found is None:
        return None
    assert [type(value) for value in found] == [int, int]
    return found[0] / S, found[1]


PAIR = [(0.0, 0.0, 0.0), (500.0, 0.0, 0.0)]


@pytest.mark.parametrize(
    ("exponent", "need_db", "wait_s", "speed", "entered_m", "report_m"),
    [
        (2.0, 3.0, 0.16, 15.0, 292.749339, 295.149339),
        (3.5, 3.0, 0.16, 15.0, 274.590783, 276.990783),
        (3.5, 5.0, 0.64, 33.33, 290.750809, 312.082009),
        (3.5, 0.0, 0.0, 15.0, 250.000000, 250.000000),
    ],
)
@pytest.mark.parametrize("fixes", [2, 31, 1201])
def test_a_straight_pass_reports_where_the_formula_says(exponent, need_db, wait_s, speed, entered_m, report_m, fixes):
    # Entered at D k / (1 + k), k = 10^((Off + Hys) / 10 n); reported v TTT later, and never again.
    times = np.linspace(0.0, 500.0 / speed, fixes)
    scene = make_scene([(times, np.column_stack((speed * times, np.zeros(fixes))))], PAIR, exponent)
    armed = Trigger(offset_db=need_db / 3.0, hysteresis_db=need_db * 2.0 / 3.0, time_to_trigger_s=wait_s).arm(scene)
    time_s, target = ask(armed, 0, 0.0)
    # A fix's time is a whole microsecond: half a millimetre of the way at most.
    assert (time_s * speed, target) == (pytest.approx(report_m, abs=6e-5), 1)
    assert report_m - entered_m == pytest.approx(wait_s * speed, abs=2e-6)
    assert ask(armed, 1, time_s) is None


def test_the_exact_instant_on_exact_fixes():
    scene = make_scene([((0.0, 50.0), ((0.0, 0.0), (500.0, 0.0)))], PAIR)
    time_s, _ = ask(Trigger().arm(scene), 0, 0.0)
    k = 10.0 ** (3.0 / 20.0)
    assert time_s == pytest.approx(50.0 * k / (1.0 + k) + 0.16, abs=2e-9)


def test_the_reverse_pass_reports_on_the_other_side():
    there_and_back = (0.0, 50.0, 100.0), ((0.0, 0.0), (500.0, 0.0), (0.0, 0.0))
    armed = Trigger().arm(make_scene([there_and_back], PAIR))
    first_s, target = ask(armed, 0, 0.0)
    second_s, back = ask(armed, 1, first_s)
    assert (target, back) == (1, 0)
    assert second_s - 50.0 == pytest.approx(first_s, abs=3e-9)
    assert ask(armed, 0, second_s) is None


def test_different_powers_move_the_point():
    # 3 dB more power for the neighbour makes up for the 3 dB that it has to be better by.
    armed = Trigger(time_to_trigger_s=0.0).arm(
        make_scene([((0.0, 50.0), ((0.0, 0.0), (500.0, 0.0)))], PAIR, bonus_db=(-3.0, 0.0))
    )
    assert ask(armed, 0, 0.0) == (pytest.approx(25.0, abs=2e-9), 1)


def visit(stay_s):
    """Towards the neighbour, a stop beyond the point of entry for a while, and back."""
    times = np.cumsum([0.0, 40.0, stay_s, 40.0])
    return times, [(0.0, 0.0), (400.0, 0.0), (400.0, 0.0), (0.0, 0.0)]


def test_a_visit_shorter_than_the_time_to_trigger_reports_nothing():
    beyond_s = 40.0 - 29.2749339
    assert ask(Trigger(time_to_trigger_s=25.0).arm(make_scene([visit(3.0)], PAIR)), 0, 0.0) is None
    time_s, _ = ask(Trigger(time_to_trigger_s=24.0).arm(make_scene([visit(3.0)], PAIR)), 0, 0.0)
    assert time_s == pytest.approx(29.2749339 + 24.0, abs=1e-7)
    exact = Trigger(time_to_trigger_s=2 * beyond_s + 3.0 - 1e-6)
    assert ask(exact.arm(make_scene([visit(3.0)], PAIR)), 0, 0.0) is not None


def test_falling_back_below_the_entering_condition_starts_the_wait_again():
    # At 300 m the event is entered (from 292.75 m), at 280 m it is not, though it is not left either.
    points = [(0.0, 0.0), (300.0, 0.0), (280.0, 0.0), (400.0, 0.0)]
    scene = make_scene([((0.0, 30.0, 32.0, 44.0), points)], PAIR)
    time_s, _ = ask(Trigger(time_to_trigger_s=5.0).arm(scene), 0, 0.0)
    assert time_s == pytest.approx(32.0 + 1.27493387 + 5.0, abs=1e-7)


def test_a_touch_of_the_point_of_entry_at_a_fix_reports_nothing():
    k = 10.0 ** (3.0 / 20.0)
    turn_m = 500.0 * k / (1.0 + k) + 2e-9
    scene = make_scene([((0.0, 30.0, 60.0), ((0.0, 0.0), (turn_m, 0.0), (0.0, 0.0)))], PAIR)
    assert ask(Trigger().arm(scene), 0, 0.0) is None


def test_a_pass_of_a_weak_host_inside_one_segment_starts_the_wait_again():
    # For a neighbour with 12 dB more the event is entered where x / |500 - x| > 10^(-9/20): everywhere but in a disc
    # around the host, from x = -275 m to 131 m on the line.
    scene = make_scene([((0.0, 60.0), ((-300.0, 0.0), (300.0, 0.0)))], PAIR, bonus_db=(0.0, 12.0))
    root = 10.0**0.45
    inner_m, outer_m = 500.0 / (1.0 + root), 500.0 / (1.0 - root)
    enters_s = 30.0 + inner_m / 10.0
    assert ask(Trigger(time_to_trigger_s=1.0).arm(scene), 0, 0.0) == (1.0, 1)
    leaves_s = 30.0 + outer_m / 10.0
    assert leaves_s == pytest.approx(2.5, abs=0.1)
    assert ask(Trigger(time_to_trigger_s=5.0).arm(scene), 0, 0.0) == (pytest.approx(enters_s + 5.0, abs=2e-9), 1)


def test_an_offset_below_zero_never_makes_a_host_its_own_neighbour():
    scene = make_scene([((0.0, 50.0), ((0.0, 0.0), (500.0, 0.0)))], PAIR)
    armed = Trigger(offset_db=-6.0, hysteresis_db=3.0, time_to_trigger_s=2.0).arm(scene)
    assert ask(armed, 0, 0.0) == (pytest.approx(50.0 - 29.2749339 + 2.0, abs=1e-7), 1)
    # Between the two points each is good enough for the other: they swap every two seconds.
    assert ask(armed, 1, 23.0) == (25.0, 0)


def test_a_gap_between_trips_starts_the_wait_again():
    trips = [((0.0, 31.0), ((0.0, 0.0), (310.0, 0.0))), ((60.0, 90.0), ((310.0, 0.0), (310.0, 0.0)))]
    scene = make_scene(trips, PAIR)
    assert ask(Trigger(time_to_trigger_s=3.0).arm(scene), 0, 0.0) == (63.0, 1)
    assert ask(Trigger(time_to_trigger_s=30.0).arm(scene), 0, 0.0) == (90.0, 1)
    assert ask(Trigger(time_to_trigger_s=30.1).arm(scene), 0, 0.0) is None
    assert ask(Trigger(time_to_trigger_s=3.0).arm(scene), 0, 40.0) == (63.0, 1)
    single = make_scene([((0.0, 31.0), ((0.0, 0.0), (310.0, 0.0))), ((60.0,), ((450.0, 0.0),))], PAIR)
    assert ask(Trigger(time_to_trigger_s=3.0).arm(single), 0, 31.0) is None
    assert ask(Trigger(time_to_trigger_s=0.0).arm(single), 0, 31.5) == (60.0, 1)


def test_the_neighbour_whose_wait_ends_first_is_the_target_though_another_is_stronger_by_then():
    # Due north RSU 1 comes into reach first; RSU 2, farther on, is the stronger one in the end.
    places = [(0.0, 0.0, 0.0), (0.0, 300.0, 0.0), (0.0, 450.0, 0.0)]
    scene = make_scene([((0.0, 50.0), ((0.0, 0.0), (0.0, 500.0)))], places)
    time_s, target = ask(Trigger(time_to_trigger_s=25.0).arm(scene), 0, 0.0)
    assert (time_s, target) == (pytest.approx(30.0 * 0.585498678 + 25.0, abs=1e-7), 1)


def test_of_waits_that_end_together_the_strongest_counts_then_the_first():
    away = [(0.0, 0.0, 0.0), (300.0, 60.0, 0.0), (300.0, -40.0, 0.0), (300.0, 40.0, 0.0)]
    scene = make_scene([((0.0, 40.0), ((300.0, 0.0), (300.0, 0.0)))], away)
    assert ask(Trigger().arm(scene), 0, 5.0) == (5.16, 2)
    assert ask(Trigger().arm(scene), 3, 5.0) is None


def test_a_retry_reports_at_once_what_is_entered():
    scene = make_scene([((0.0, 50.0), ((0.0, 0.0), (500.0, 0.0)))], PAIR)
    armed = Trigger(time_to_trigger_s=5.0).arm(scene)
    assert ask(armed, 0, 30.0, retry=True) == (30.0, 1)
    assert ask(armed, 0, 29.0, retry=True) == (pytest.approx(34.2749339, abs=1e-7), 1)
    assert ask(armed, 0, 30.0) == (35.0, 1)
    assert ask(armed, 0, 51.0, retry=True) is None


def test_a_uav_above_two_rsus_counts_its_height():
    # At 60 m the distances are those of the slant: entered where x^2 + 60^2 = k^2 ((500 - x)^2 + 60^2).
    scene = make_scene([((0.0, 50.0), ((0.0, 0.0, 60.0), (500.0, 0.0, 60.0)))], PAIR)
    time_s, _ = ask(Trigger(time_to_trigger_s=0.0).arm(scene), 0, 0.0)
    k2 = 10.0**0.3
    x = 10.0 * time_s
    assert x * x + 3600.0 == pytest.approx(k2 * ((500.0 - x) ** 2 + 3600.0), rel=1e-9)


@pytest.mark.parametrize("along", [0.0, 1e-3])
def test_no_offset_and_no_wait_do_not_hand_over_for_ever(along):
    # A way that crosses, and one that runs along, the line where both are equal.
    points = [(along * k + 250.0, 0.7 * k) for k in range(-20, 21)]
    scene = make_scene([(np.arange(41.0) * 1.000001, points)], [(0.1, 0.2, 0.0), (499.9, 0.2, 0.0)])
    armed = Trigger(hysteresis_db=0.0, time_to_trigger_s=0.0).arm(scene)
    now, host, reports = 0, 0, 0
    while (found := armed.next(0, host, now, retry=False)) is not None:
        now, host = found
        reports += 1
        assert reports < 5
    assert reports == (1 if along else 0)


@pytest.mark.parametrize("seed", range(5))
def test_random_ways_match_dense_sampling(seed):
    rng = np.random.default_rng(seed)
    way = np.cumsum(np.repeat(rng.normal(size=(60, 3)), 5, axis=0) * (12.0, 12.0, 1.0), axis=0) + 400.0
    places = rng.uniform(0.0, 800.0, (9, 3)) * (1.0, 1.0, 0.1)
    bonus = rng.uniform(0.0, 4.0, 9)
    scene = make_scene([(np.arange(300.0), way)], places, 3.0, bonus)
    wait_s, need_db, step_s = 1.5, 1.0, 0.004
    armed = Trigger(offset_db=-1.0, hysteresis_db=2.0, time_to_trigger_s=wait_s).arm(scene)
    t_s = np.arange(0.0, 299.0, step_s)
    point = np.column_stack([np.interp(t_s, np.arange(300.0), axis) for axis in way.T])
    strength = bonus - 30.0 * np.log10(np.linalg.norm(point[:, None, :] - places, axis=2))
    now_s, host = 0.0, int(strength[0].argmax())
    for _ in range(12):
        entered = strength > strength[:, [host]] + need_db
        held = np.zeros(9, dtype=int)
        expected = None
        for k in range(math.ceil(now_s / step_s), len(t_s)):
            held = np.where(entered[k], held + 1, 0)
            if held.max() * step_s > wait_s:
                expected = t_s[k], int(held.argmax())
                break
        found = ask(armed, host, now_s)
        if expected is None:
            assert found is None
            break
        assert found == (pytest.approx(expected[0], abs=2.5 * step_s), expected[1])
        now_s, host = found


def test_settings_that_could_hand_over_for_ever_are_refused():
    with pytest.raises(ValidationError, match="time_to_trigger_s above 0"):
        Trigger(offset_db=-4.0, hysteresis_db=3.0, time_to_trigger_s=0.0)
    with pytest.raises(ValidationError, match="hysteresis_db"):
        Trigger(hysteresis_db=-1.0)
    assert Trigger(offset_db=-4.0).time_to_trigger_s == 0.16
