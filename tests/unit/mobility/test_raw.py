"""From the rows of a file to trips: order, duplicates, gaps, altitude, clocks, fleets."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import PluginError, TraceError
from simmig.mobility.frame import PLAIN, aeqd
from simmig.mobility.merging import merge
from simmig.mobility.raw import RawTrace, TraceFormat, TraceOptions, assemble, show_time

quick = settings(deadline=None, max_examples=100, derandomize=True)
KEEP_ALL = TraceOptions(split_gap_s=1e9)


def raw_of(rows, **more):
    """Rows of (id, seconds, a, b), in the order of a file."""
    ids = sorted({row[0] for row in rows}, key=[row[0] for row in rows].index)
    return RawTrace(
        source="file.csv",
        kind="metres",
        vehicle_id=tuple(ids),
        vehicle=np.array([ids.index(row[0]) for row in rows], np.int32),
        t_us=np.array([round(row[1] * 1e6) for row in rows], np.int64),
        a=np.array([float(row[2]) for row in rows]),
        b=np.array([float(row[3]) for row in rows]),
        **more,
    )


def trips_of(trace):
    """A trace as plain lists: {vehicle: [[(t_s, x, y), ...] for each trip]}."""
    found = {name: [] for name in trace.vehicle_id}
    for vehicle, start, end in zip(trace.trip_vehicle, trace.trip_start, trace.trip_start[1:], strict=False):
        rows = zip(trace.t_us[start:end] / 1e6, trace.x_m[start:end], trace.y_m[start:end], strict=True)
        found[trace.vehicle_id[vehicle]].append([tuple(map(float, row)) for row in rows])
    return found


def by_hand(rows, split_gap_s):
    """The same, slowly: one vehicle and one row after the other."""
    found = {}
    for name in sorted({row[0] for row in rows}):
        trips = []
        for _, t_s, x, y in sorted((row for row in rows if row[0] == name), key=lambda row: row[1]):
            if not trips or t_s - trips[-1][-1][0] > split_gap_s:
                trips.append([])
            trips[-1].append((t_s, x, y))
        found[name] = trips
    return found


@quick
@given(
    st.lists(
        st.tuples(st.sampled_from(["7", "007", "b", "a", "10"]), st.integers(0, 400), st.integers(), st.integers()),
        min_size=1,
        max_size=60,
        unique_by=lambda row: row[:2],
    ),
    st.integers(1, 50),
)
def test_property_rows_in_any_order_give_the_trips_that_a_person_would_make(rows, split_gap_s):
    rows = [(name, float(t_s), float(x % 1000), float(y % 1000)) for name, t_s, x, y in rows]
    trace = assemble(raw_of(rows), PLAIN, TraceOptions(split_gap_s=split_gap_s))
    assert trips_of(trace) == by_hand(rows, split_gap_s)
    assert trace.notes["kept"] == len(rows)
    assert trace.notes["trips"] == len(trace.trip_vehicle)
    assert trace.notes["single_fix_trips"] == sum(
        len(trip) == 1 for trips in by_hand(rows, split_gap_s).values() for trip in trips
    )


@quick
@given(st.permutations(range(12)))
def test_property_the_order_of_the_file_does_not_matter(order):
    rows = [(f"v{k % 3}", float(k), 10.0 * k, -k) for k in range(12)]
    assert trips_of(assemble(raw_of([rows[k] for k in order]), PLAIN)) == trips_of(assemble(raw_of(rows), PLAIN))


def test_vehicles_are_in_lexicographic_order_and_unused_names_are_forgotten():
    raw = replace(raw_of([("b", 0, 1, 1), ("a", 0, 2, 2)]), vehicle_id=("b", "a", "ghost"))
    trace = assemble(raw, PLAIN)
    assert trace.vehicle_id == ("a", "b")
    assert trace.x_m.tolist() == [2.0, 1.0]


def test_sorted_rows_are_not_copied():
    raw = raw_of([("a", 0, 0, 0), ("a", 1, 1, 1), ("b", 0, 5, 5)])
    trace = assemble(raw, PLAIN)
    assert trace.t_us is raw.t_us
    assert trace.x_m is raw.a


def test_chunks_have_no_seams(monkeypatch):
    rows = [(f"v{k // 7}", float(k % 7 * (3 if k % 5 else 50)), k, k) for k in range(70)]
    rows = sorted(rows, key=lambda row: row[:2])
    whole = trips_of(assemble(raw_of(rows), PLAIN, TraceOptions(split_gap_s=40.0)))
    monkeypatch.setattr("simmig.mobility.raw._CHUNK", 3)
    assert trips_of(assemble(raw_of(rows), PLAIN, TraceOptions(split_gap_s=40.0))) == whole
    assert trips_of(assemble(raw_of(rows[::-1]), PLAIN, TraceOptions(split_gap_s=40.0))) == whole


def test_a_gap_as_long_as_allowed_splits_nothing():
    rows = [("a", 0, 0, 0), ("a", 120, 1, 0), ("a", 240.000001, 2, 0)]
    assert [len(trip) for trip in trips_of(assemble(raw_of(rows), PLAIN))["a"]] == [2, 1]


def test_trips_of_the_file_are_kept_and_split_further_at_gaps():
    rows = [("a", t, t, 0) for t in (0, 1, 2, 3, 500)]
    raw = raw_of(rows, trip=np.array([4, 4, 9, 9, 9], np.int32))
    assert [len(trip) for trip in trips_of(assemble(raw, PLAIN))["a"]] == [2, 2, 1]


def test_trips_of_the_file_that_overlap_are_refused():
    rows = [("a", t, t, 0) for t in (0, 1, 2, 3)]
    with pytest.raises(TraceError, match=r"file.csv: trip 1 of vehicle 'a' overlaps"):
        assemble(raw_of(rows, trip=np.array([1, 2, 1, 2], np.int32)), PLAIN)


TWICE = [("v0", 0, 1, 2), ("v0", 0, 500, 2), ("v0", 1, 3, 2), ("v0", 0, 7, 2)]


def test_two_fixes_at_one_instant_are_refused_with_both_positions():
    with pytest.raises(TraceError) as error:
        assemble(raw_of(TWICE), PLAIN)
    assert str(error.value) == (
        "file.csv: vehicle 'v0' has two fixes at t = 0 s: (1, 2) and (500, 2); "
        'choose with on_duplicate = "first" or "last"'
    )


@pytest.mark.parametrize(("choice", "x_m"), [("first", 1.0), ("last", 7.0)])
def test_the_chosen_one_of_several_fixes_stays(choice, x_m):
    trace = assemble(raw_of(TWICE), PLAIN, TraceOptions(on_duplicate=choice))
    assert trace.x_m.tolist() == [x_m, 3.0]
    assert trace.notes["duplicates_resolved"] == 2


def test_equal_fixes_are_merged_without_a_question():
    rows = [("a", 0, 1, 2), ("a", 0, 1, 2), ("a", 1, 1, 2)]
    missing = np.array([np.nan, np.nan, np.nan])
    trace = assemble(raw_of(rows, z=missing), PLAIN, TraceOptions(default_altitude_m=1.0))
    assert trace.fix_count == 2
    assert trace.notes["duplicates_equal"] == 1


def test_fixes_that_differ_in_height_only_are_different():
    rows = [("a", 0, 1, 2), ("a", 0, 1, 2)]
    with pytest.raises(TraceError, match="two fixes"):
        assemble(raw_of(rows, z=np.array([1.0, 2.0])), PLAIN)


def test_instants_of_dated_traces_are_told_as_dates():
    raw = raw_of([("a", 1717225200, 1, 1), ("a", 1717225200, 2, 2)], epoch_us=0)
    with pytest.raises(TraceError, match=r"two fixes at 2024-06-01T07:00:00\+00:00"):
        assemble(raw, PLAIN)


ROWS = [("a", 0, 0, 0), ("a", 1, 1, 0)]


@pytest.mark.parametrize(
    ("z", "options", "expected"),
    [
        (None, {}, None),
        (None, {"default_altitude_m": 50.0}, [50.0, 50.0]),
        ([10.0, 11.0], {}, [10.0, 11.0]),
        ([10.0, 11.0], {"ground_altitude_m": 4.0, "default_altitude_m": 1.0}, [6.0, 7.0]),
        ([10.0, np.nan], {"default_altitude_m": 50.0, "ground_altitude_m": 4.0}, [6.0, 50.0]),
        ([np.nan, np.nan], {}, None),
        ([np.nan, np.nan], {"default_altitude_m": 50.0}, [50.0, 50.0]),
        ([10.0, 11.0], {"require_altitude": True}, [10.0, 11.0]),
    ],
)
def test_altitudes(z, options, expected):
    raw = raw_of(ROWS, z=None if z is None else np.array(z))
    z_m = assemble(raw, PLAIN, TraceOptions(**options)).z_m
    assert (z_m if z_m is None else z_m.tolist()) == expected


@pytest.mark.parametrize(
    ("z", "options", "missing"),
    [(None, {"require_altitude": True}, 2), ([10.0, np.nan], {}, 1), ([np.nan, np.nan], {"require_altitude": True}, 2)],
)
def test_missing_altitudes_are_asked_for(z, options, missing):
    raw = raw_of(ROWS, z=None if z is None else np.array(z))
    with pytest.raises(TraceError, match=rf"{missing} of 2 fixes have no altitude; .*default_altitude_m"):
        assemble(raw, PLAIN, TraceOptions(**options))


def test_dated_traces_count_from_their_first_fix_and_others_are_left_alone():
    rows = [("a", 1717225205.5, 0, 0), ("b", 1717225200.25, 0, 0)]
    trace = assemble(raw_of(rows, epoch_us=0), PLAIN)
    assert trace.t_us.tolist() == [5_250_000, 0]
    assert trace.epoch_us == 1717225200_250_000
    relative = assemble(raw_of([("a", 25200, 0, 0)]), PLAIN)
    assert relative.t_us.tolist() == [25200_000_000]
    assert relative.epoch_us == 0


@pytest.mark.parametrize("epoch_us", [None, 0])
def test_start_puts_any_trace_on_a_clock_of_ones_own(epoch_us):
    rows = [("a", 1717225205.5, 0, 0), ("b", 1717225200.25, 0, 0)]
    trace = assemble(raw_of(rows, epoch_us=epoch_us), PLAIN, TraceOptions(start_s=100.0))
    assert trace.t_us.tolist() == [105_250_000, 100_000_000]
    assert trace.epoch_us == 0


def test_positions_are_projected():
    frame = aeqd(7.0, 51.0)
    raw = replace(raw_of([("a", 0, 7.01, 51.02)]), kind="lonlat")
    trace = assemble(raw, frame)
    expected = frame.forward(raw.a, raw.b)
    assert (trace.x_m[0], trace.y_m[0]) == (expected[0][0], expected[1][0])


def test_too_many_unusable_rows_are_refused_with_the_share_that_would_do():
    raw = raw_of(ROWS, notes={"rows": 20, "dropped_not_finite": 2, "persons_ignored": 90}, remarks=("2 rows at 4, 5",))
    with pytest.raises(TraceError, match=r"2 of 20 rows are unusable \(2 rows at 4, 5\).*max_drop_share = 0.1"):
        assemble(raw, PLAIN)
    trace = assemble(raw, PLAIN, TraceOptions(max_drop_share=0.1))
    assert trace.notes["dropped_not_finite"] == 2


def trace_of(names, t_s, z=None, epoch_us=None):
    rows = [(name, time, k, 0) for name in names for k, time in enumerate(t_s)]
    heights = None if z is None else np.full(len(rows), z)
    return assemble(raw_of(rows, z=heights, epoch_us=epoch_us, notes={"rows": len(rows)}), PLAIN, KEEP_ALL)


def test_fleets_are_joined_side_by_side():
    cars, drones = trace_of(["c2", "c1"], [10, 11]), trace_of(["a"], [0, 5, 9], z=80.0)
    both = merge([("cars", cars), ("drones", drones)])
    assert both.vehicle_id == ("c1", "c2", "a")
    assert trips_of(both) == trips_of(cars) | trips_of(drones)
    assert both.z_m.tolist() == [0.0] * 4 + [80.0] * 3
    assert both.notes["cars.rows"] == 4
    assert both.trip_vehicle.dtype == np.int32
    assert (both.last_us() == [11_000_000, 11_000_000, 9_000_000]).all()


def test_fleets_on_the_ground_stay_there():
    assert merge([("one", trace_of(["a"], [0, 1])), ("two", trace_of(["b"], [0, 1]))]).z_m is None


def test_one_fleet_is_left_alone():
    trace = trace_of(["a"], [0, 1])
    assert merge([("only", trace)]) is trace


def test_dated_fleets_count_from_the_earlier_epoch():
    early, late = trace_of(["a"], [1717225200], epoch_us=0), trace_of(["b"], [1717225260.5, 1717225261], epoch_us=0)
    both = merge([("late", late), ("early", early)])
    assert both.epoch_us == 1717225200_000_000
    assert both.t_us.tolist() == [60_500_000, 61_000_000, 0]


def test_fleets_that_share_a_name_are_refused():
    with pytest.raises(TraceError, match="vehicle 'x' is in fleet 'cars' and fleet 'buses'"):
        merge([("cars", trace_of(["x", "y"], [0])), ("buses", trace_of(["x"], [0]))])


def test_dates_and_times_without_one_are_not_joined():
    dated, free = trace_of(["a"], [1717225200], epoch_us=0), trace_of(["b"], [7])
    for fleets in ([("d", dated), ("f", free)], [("f", free), ("d", dated)]):
        with pytest.raises(TraceError, match=r"fleet 'd' has dates and fleet 'f' has times without a date.*start_s"):
            merge(fleets)


def test_a_format_without_methods_says_so(tmp_path):
    for call in (lambda: TraceFormat.recognises(b"", tmp_path), lambda: TraceFormat().read(tmp_path)):
        with pytest.raises(PluginError, match="class Format has no method re"):
            call()


def test_instants_for_people():
    assert show_time(1_500_000, None) == "t = 1.5 s"
    assert show_time(25_200_100_000, None) == "t = 25200.1 s"
    assert show_time(500_000, 1717225200_000_000) == "2024-06-01T07:00:00.500000+00:00"
