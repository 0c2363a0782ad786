"""Delivery missions: limits kept on every leg, layers by heading, a mission by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import TraceError
from simmig.mobility.synthesis.uav_missions import FlightRules, uav_missions

DEPOTS_M = np.array([[0.0, 0.0], [900.0, 100.0]])
DROPS_M = np.array([[300.0, 400.0], [-500.0, 200.0], [120.0, -700.0]])
RULES = FlightRules()
FIXED = FlightRules(hover_s=(30.0, 30.0), turnaround_s=(50.0, 50.0))


def legs(trace, vehicle):
    """(duration_s, level_m, rise_m, end height) of each leg."""
    part = slice(*trace.trip_start[vehicle : vehicle + 2])
    duration_s = np.diff(trace.t_us[part]) / 1e6
    level_m = np.hypot(np.diff(trace.x_m[part]), np.diff(trace.y_m[part]))
    return duration_s, level_m, np.diff(trace.z_m[part]), trace.z_m[part]


def test_one_mission_by_hand():
    # North-east, 300-400-500: heading 36.87 degrees, layer 0 (60 m); home: 216.87 degrees, layer 2 (90 m).
    trace = uav_missions(1, DEPOTS_M[:1], DROPS_M[:1], 1000.0, rules=FIXED)
    expected = [
        (0.0, 0.0, 0.0, 0.0),
        (50.0, 0.0, 0.0, 0.0),  # on the pad
        (65.0, 0.0, 0.0, 60.0),  # 60 m up at 4 m/s
        (65.0 + 500.0 / 15.0, 300.0, 400.0, 60.0),  # 500 m at 15 m/s
        (80.0 + 500.0 / 15.0, 300.0, 400.0, 15.0),  # 45 m down at 3 m/s
        (110.0 + 500.0 / 15.0, 300.0, 400.0, 15.0),  # hover
        (128.75 + 500.0 / 15.0, 300.0, 400.0, 90.0),  # 75 m up
        (128.75 + 1000.0 / 15.0, 0.0, 0.0, 90.0),
        (158.75 + 1000.0 / 15.0, 0.0, 0.0, 0.0),  # 90 m down
        (208.75 + 1000.0 / 15.0, 0.0, 0.0, 0.0),  # and again
    ]
    rows = np.column_stack((trace.t_us / 1e6, trace.x_m, trace.y_m, trace.z_m))
    np.testing.assert_allclose(rows[:10], expected, rtol=0.0, atol=2e-6)
    assert rows[-1, 0] == 1000.0


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    layers=st.integers(2, 9),
    drops=st.lists(st.tuples(st.floats(-900, 900), st.floats(-900, 900)), min_size=1, max_size=5),
)
def test_property_limits_hold_and_layers_follow_the_heading(seed, layers, drops):
    rules = replace(RULES, layers=layers)
    trace = uav_missions(4, DEPOTS_M, np.array(drops), 1800.0, rules=rules, seed=seed)
    layer_m = 60.0 + 15.0 * np.arange(layers)
    for vehicle in range(4):
        duration_s, level_m, rise_m, height_m = legs(trace, vehicle)
        assert (duration_s > 0.0).all()
        # Durations are whole microseconds, so a leg may be shorter than exact by half of one.
        slack_s = 1e-6
        assert (level_m <= rules.cruise_m_s * (duration_s + slack_s)).all()
        assert (rise_m <= rules.climb_m_s * (duration_s + slack_s)).all()
        assert (-rise_m <= rules.descent_m_s * (duration_s + slack_s)).all()
        assert ((level_m == 0.0) | (rise_m == 0.0)).all()  # straight up, straight across, straight down
        cruise_m = height_m[1:][level_m > 0.0]
        assert np.isin(cruise_m, layer_m).all()
        assert (height_m >= 0.0).all()
        # Out and back are opposite headings: never at one height.
        out_m, back_m = cruise_m[0::2], cruise_m[1::2]
        assert (out_m[: len(back_m)] != back_m).all()


@pytest.mark.parametrize(
    ("heading_deg", "height_m"),
    [(0.0, 60.0), (89.0, 60.0), (91.0, 75.0), (181.0, 90.0), (271.0, 105.0), (359.0, 105.0)],
)
def test_cruise_height_by_compass_sector(heading_deg, height_m):
    radians = np.deg2rad(heading_deg)
    assert RULES.cruise_height_m(np.sin(radians), np.cos(radians)) == height_m


def test_a_heading_that_rounds_to_a_whole_turn_is_in_the_first_layer():
    assert RULES.cruise_height_m(-1e-30, 1.0) == 60.0


def test_vehicles_are_independent_and_live_at_their_depots():
    few = uav_missions(2, DEPOTS_M, DROPS_M, 900.0, seed=1)
    many = uav_missions(5, DEPOTS_M, DROPS_M, 900.0, seed=1)
    rows = few.fix_count
    assert many.vehicle_id == ("uav00000", "uav00001", "uav00002", "uav00003", "uav00004")
    for name in ("t_us", "x_m", "y_m", "z_m"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:rows])
    starts = many.trip_start[:-1]
    np.testing.assert_array_equal(many.x_m[starts], [0.0, 900.0, 0.0, 900.0, 0.0])


def test_a_run_that_ends_in_the_air_ends_there():
    trace = uav_missions(1, DEPOTS_M[:1], DROPS_M[:1], 57.5, rules=FIXED)
    assert trace.t_us.tolist() == [0, 50_000_000, 57_500_000]
    assert trace.z_m.tolist() == [0.0, 0.0, 30.0]  # 7.5 s of climb at 4 m/s


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"cruise_m_s": 0.0}, "rules.cruise_m_s = 0.0"),
        ({"lowest_layer_m": float("inf")}, "rules.lowest_layer_m = inf"),
        ({"layers": 1}, "2 layers or more"),
        ({"lowest_layer_m": 10.0}, "all above drop_height_m = 15.0"),
        ({"hover_s": (5.0, 1.0)}, "rules.hover_s"),
        ({"turnaround_s": (0.0, 1.0)}, "rules.turnaround_s"),
    ],
)
def test_rules_out_of_bounds_are_refused(rules, said):
    with pytest.raises(TraceError, match=said):
        uav_missions(1, DEPOTS_M, DROPS_M, 10.0, rules=replace(RULES, **rules))


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((2, 3)), np.array([[np.nan, 0.0]])])
def test_points_that_are_no_points_are_refused(points):
    with pytest.raises(TraceError, match="drops_m: expected an array"):
        uav_missions(1, DEPOTS_M, points, 10.0)
