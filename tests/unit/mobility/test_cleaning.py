"""Cleaning steps: known traces, and properties on random ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_traces import check, fixes_of, trace_of

from simmig.errors import InputError, TraceError
from simmig.mobility.cleaning.choosing import choose_vehicles, crop_area, trips_as_vehicles
from simmig.mobility.cleaning.clock import loop, shift, stretch
from simmig.mobility.cleaning.sampling import crop_time, resample
from simmig.mobility.cleaning.speed import gate_speed
from simmig.mobility.positions import Positions
from simmig.mobility.trace import Trace


def straight(count: int, start_s: float = 0.0, x_m: float = 0.0) -> list[tuple[float, float, float]]:
    """Fixes once a second at 10 m/s."""
    return [(start_s + k, x_m + 10.0 * k, 0.0) for k in range(count)]


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    vehicles = {}
    for number in range(draw(st.integers(1, 4))):
        t_s, trips = 0.0, []
        for _ in range(draw(st.integers(1, 3))):
            trip = []
            for _ in range(draw(st.integers(1, 6))):
                t_s += draw(st.integers(1, 40)) / 8.0
                trip.append((t_s, draw(st.integers(-99, 99)) * 1.0, draw(st.integers(-99, 99)) * 1.0))
            trips.append(trip)
        vehicles[f"v{number}"] = trips
    return trace_of(vehicles, draw(st.sampled_from([None, 30.0])))


# --- the speed gate --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spikes", [1, 2, 3])
def test_fixes_astray_are_dropped_and_the_trip_goes_on(spikes: int) -> None:
    path = straight(20)
    astray = {8 + k: (8.0 + k, 5000.0 * (k + 1), 9000.0 * (-1) ** k) for k in range(spikes)}  # each far from the others
    trace = trace_of({"a": [[astray.get(k, fix) for k, fix in enumerate(path)]], "b": [straight(3)]})
    clean = gate_speed(trace, 30.0)
    check(clean)
    assert fixes_of(clean) == {"a": [[fix for k, fix in enumerate(path) if k not in astray]], "b": [straight(3)]}
    assert clean.notes == {"dropped_too_fast": spikes}


def test_a_jump_that_stays_ends_the_trip() -> None:
    trace = trace_of({"a": [straight(8) + straight(9, 8.0, 5000.0)]}, z_m=3.0)
    clean = gate_speed(trace, 30.0)
    check(clean)
    assert fixes_of(clean) == {"a": [straight(8), straight(9, 8.0, 5000.0)]}
    assert clean.notes == {"cut_too_fast": 1}
    assert clean.z_m is not None


def test_height_counts_as_distance() -> None:
    trace = trace_of({"a": [straight(9)]}, z_m=10.0)
    assert trace.z_m is not None
    trace.z_m[4] = 900.0
    assert fixes_of(gate_speed(trace, 30.0)) == {"a": [straight(9)[:4] + straight(9)[5:]]}
    trace.z_m[5:] = 2000.0  # after the fix astray there is no way back either
    assert [len(trip) for trip in fixes_of(gate_speed(trace, 30.0))["a"]] == [4, 4]


def test_an_excursion_longer_than_asked_for_is_a_place_of_its_own() -> None:
    path = straight(30)
    path[10:14] = [(t, x, y + 4000.0) for t, x, y in path[10:14]]
    trace = trace_of({"a": [path]})
    assert [len(trip) for trip in fixes_of(gate_speed(trace, 30.0, longest=3))["a"]] == [10, 4, 16]
    assert [len(trip) for trip in fixes_of(gate_speed(trace, 30.0, longest=4))["a"]] == [26]


def test_a_lone_fix_at_either_end_goes() -> None:
    trace = trace_of({"a": [[(-1.0, 4000.0, 0.0), *straight(5), (5.0, -4000.0, 0.0)]]})
    assert fixes_of(gate_speed(trace, 30.0)) == {"a": [straight(5)]}
    assert fixes_of(gate_speed(trace_of({"a": [[(0.0, 0.0, 0.0), (1.0, 999.0, 0.0)]]}), 30.0)) == {"a": [[(0, 0, 0)]]}


@given(traces(), st.sampled_from([3.0, 20.0, 80.0]))
def test_no_step_is_faster_than_the_limit_afterwards(trace: Trace, limit_m_s: float) -> None:
    clean = gate_speed(trace, limit_m_s)
    check(clean)
    for trips in fixes_of(clean).values():
        for trip in trips:
            fixes = np.array(trip)
            speed = np.hypot(np.diff(fixes[:, 1]), np.diff(fixes[:, 2])) / np.diff(fixes[:, 0])
            assert (speed <= limit_m_s * (1.0 + 1e-12)).all()
    assert trace.fix_count == clean.fix_count + clean.notes.get("dropped_too_fast", 0)


# --- other instants ---------------------------------------------------------------------------------------------


def test_resampled_positions_lie_on_the_lines_and_gaps_stay_empty() -> None:
    trace = trace_of({"a": [[(0.5, 5.0, 1.0), (2.5, 25.0, 3.0), (3.0, 30.0, 3.0), (13.0, 0.0, 0.0)]]})
    sampled = resample(trace, 1.0, longest_gap_s=5.0)
    check(sampled)
    assert fixes_of(sampled) == {"a": [[(1.0, 10.0, 1.5), (2.0, 20.0, 2.5), (3.0, 30.0, 3.0)], [(13.0, 0.0, 0.0)]]}
    assert sampled.notes == {"cut_gaps": 1}
    assert [len(trip) for trip in fixes_of(resample(trace, 1.0, longest_gap_s=10.0))["a"]] == [13]


def test_a_trip_between_two_samples_is_gone() -> None:
    trace = trace_of({"a": [[(0.2, 0.0, 0.0), (0.9, 1.0, 0.0)]], "b": [[(0.0, 7.0, 0.0)]]})
    sampled = resample(trace, 1.0, 10.0)
    assert fixes_of(sampled) == {"b": [[(0.0, 7.0, 0.0)]]}
    assert sampled.notes == {"dropped_between_samples": 1}
    with pytest.raises(TraceError, match="no trip lasts to a multiple of 5 s"):
        resample(trace_of({"a": [[(0.2, 0.0, 0.0), (0.9, 1.0, 0.0)]]}), 5.0, 10.0)


@given(traces(), st.sampled_from([0.125, 1.0, 2.5]))
def test_resampling_agrees_with_the_positions_of_the_engine(trace: Trace, interval_s: float) -> None:
    try:
        sampled = resample(trace, interval_s, 1e6)
    except TraceError:
        return
    check(sampled)
    position = Positions(trace)
    assert (sampled.t_us % round(interval_s * 1e6) == 0).all()
    owner = np.array([trace.vehicle_id.index(name) for name in sampled.vehicle_id])
    vehicle = np.repeat(owner[sampled.trip_vehicle], np.diff(sampled.trip_start))
    expected = position.at(vehicle, sampled.t_us * 1000)
    np.testing.assert_allclose(np.stack([sampled.x_m, sampled.y_m], 1), expected[:, :2], rtol=0, atol=1e-9)


def test_cropping_in_time_puts_fixes_at_the_borders() -> None:
    trace = trace_of({"a": [[(0.0, 0.0, 0.0), (10.0, 100.0, 0.0)], [(20.0, 0.0, 0.0)]], "b": [straight(4, x_m=3.0)]})
    cropped = crop_time(trace, 2.5, 7.5)
    check(cropped)
    assert fixes_of(cropped) == {
        "a": [[(2.5, 25.0, 0.0), (7.5, 75.0, 0.0)]],
        "b": [[(2.5, 28.0, 0.0), (3.0, 33.0, 0.0)]],
    }
    assert fixes_of(crop_time(trace, 0.0, 10.0))["a"] == [[(0.0, 0.0, 0.0), (10.0, 100.0, 0.0)]]
    with pytest.raises(TraceError, match="no fix is left"):
        crop_time(trace, 30.0, 40.0)
    with pytest.raises(InputError, match="expected the start before the end"):
        crop_time(trace, 3.0, 3.0)


# --- parts ------------------------------------------------------------------------------------------------------


def test_a_trip_that_leaves_the_area_ends_and_begins_anew() -> None:
    trace = trace_of({"a": [straight(9)], "b": [straight(2, x_m=500.0)]})
    inside = (trace.x_m < 25.0) | ((trace.x_m > 45.0) & (trace.x_m < 100.0))
    cropped = crop_area(trace, inside)
    check(cropped)
    assert fixes_of(cropped) == {"a": [straight(9)[:3], straight(9)[5:]]}
    assert cropped.notes == {"dropped_out_of_area": 4}


def test_vehicles_are_chosen_by_name_length_and_lot() -> None:
    trace = trace_of({"bus1": [straight(9)], "bus2": [straight(2)], "cab1": [straight(5)], "cab2": [straight(5)]})
    assert choose_vehicles(trace, ["bus*", "cab1"]).vehicle_id == ("bus1", "bus2", "cab1")
    assert choose_vehicles(trace, fewest_fixes=3).vehicle_id == ("bus1", "cab1", "cab2")
    assert choose_vehicles(trace, shortest_s=4.5).vehicle_id == ("bus1",)
    assert choose_vehicles(trace, shortest_s=4.0).vehicle_id == ("bus1", "cab1", "cab2")
    drawn = {choose_vehicles(trace, most=2, seed=seed).vehicle_id for seed in range(40)}
    assert len(drawn) == 6
    assert choose_vehicles(trace, most=2, seed=1).vehicle_id == choose_vehicles(trace, most=2, seed=1).vehicle_id
    assert choose_vehicles(trace, ["bus1"]).notes == {"dropped_not_chosen": 12}
    with pytest.raises(TraceError, match="none of 4 vehicles is chosen"):
        choose_vehicles(trace, ["tram*"])


def test_trips_become_vehicles() -> None:
    trips = [straight(2, 10.0 * k) for k in range(11)]
    trace = trace_of({"cab": trips, "car": [straight(3)]})
    split = trips_as_vehicles(trace)
    check(split)
    assert split.vehicle_id == (*(f"cab/{k:02d}" for k in range(1, 12)), "car")
    ordered = trips_as_vehicles(trace_of({"a": [straight(2), straight(2, 9.0)], "a-b": [straight(3)]}))
    assert ordered.vehicle_id == ("a-b", "a/1", "a/2")
    assert fixes_of(ordered)["a-b"] == [straight(3)]
    assert fixes_of(split)["cab/11"] == [trips[10]]
    assert fixes_of(split)["car"] == [straight(3)]
    clash = trace_of({"a": [straight(2), straight(2, 9.0)], "a/1": [straight(2)]})
    with pytest.raises(TraceError, match="rename vehicles"):
        trips_as_vehicles(clash)


# --- clocks -----------------------------------------------------------------------------------------------------


def test_a_trace_is_shifted_stretched_and_played_again() -> None:
    trace = trace_of({"a": [straight(3, 5.0)], "b": [straight(2, 6.0)]})
    assert fixes_of(shift(trace, -5.0))["b"] == [straight(2, 1.0)]
    assert [fix[0] for fix in fixes_of(stretch(trace, 2.0))["a"][0]] == [5.0, 7.0, 9.0]
    twice = loop(trace, 2, pause_s=4.0)
    check(twice)
    assert fixes_of(twice) == {
        "a": [straight(3, 5.0), [(t + 6.0, x, y) for t, x, y in straight(3, 5.0)]],
        "b": [straight(2, 6.0), [(t + 6.0, x, y) for t, x, y in straight(2, 6.0)]],
    }
    assert fixes_of(loop(trace_of({"a": [straight(1)]}), 2)) == {"a": [straight(1), [(1e-6, 0.0, 0.0)]]}
    for wrong in (lambda: stretch(trace, 0.0), lambda: loop(trace, 0), lambda: loop(trace, 2, -1.0)):
        with pytest.raises(InputError, match="expected"):
            wrong()
    with pytest.raises(TraceError, match="one microsecond"):
        stretch(trace, 1e-7)


@given(traces(), st.integers(1, 3))
def test_every_pass_is_the_same_path(trace: Trace, times: int) -> None:
    played = loop(trace, times, 1.0)
    check(played)
    assert played.fix_count == times * trace.fix_count
    once = fixes_of(trace)
    period = trace.end_us - trace.t_us.min() + 1_000_000
    for name, trips in fixes_of(played).items():
        wanted = [[(t + k * period / 1e6, x, y) for t, x, y in trip] for k in range(times) for trip in once[name]]
        assert [np.allclose(a, b, rtol=0, atol=1e-9) for a, b in zip(trips, wanted, strict=True)] == [True] * len(
            wanted
        )
