"""Every writer with the reader that takes it back: what a format can say comes back, what it cannot is refused."""

import json
import re
import struct
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_traces import fixes_of, trace_of

from simmig.errors import TraceError
from simmig.mobility.frame import PLAIN, Frame, aeqd
from simmig.mobility.raw import TraceOptions, assemble
from simmig.mobility.trace import Trace
from simmig.mobility.writers import FORMATS, write_trace
from simmig.world.traces import open_trace

ODD = '<&">  7\n'
EPOCH_US = 1_717_225_200_000_000
HERE = aeqd(11.3, 44.5)


@st.composite
def traces(draw: st.DrawFn, *, dense: bool = False) -> Trace:
    """Vehicles of one trip each, whole seconds if dense, with heights half of the time."""
    vehicles = {}
    number = st.floats(-5e4, 5e4)
    for name in draw(st.lists(st.sampled_from(["a", "b", "007", ODD]), min_size=1, unique=True)):
        t_s, trip = 0.0 if dense else draw(st.integers(0, 5)) * 1.0, []
        for _ in range(draw(st.integers(2, 6))):
            trip.append((t_s, draw(number), draw(number)))
            t_s += 1.0 if dense else draw(st.integers(1, 90_000_000)) / 1e6
        vehicles[name] = [trip]
    trace = trace_of(dict(sorted(vehicles.items())))
    heights = st.lists(st.floats(-99, 9999), min_size=trace.fix_count, max_size=trace.fix_count)
    z_m = draw(st.none() | heights)
    return Trace(
        **{name: getattr(trace, name) for name in ("vehicle_id", "trip_vehicle", "trip_start", "t_us", "x_m", "y_m")},
        z_m=None if z_m is None else np.array(z_m),
    )


def again(trace: Trace, path: Path, name: str, frame: Frame = PLAIN) -> Trace:
    """What is read from the file that was written."""
    write_trace(trace, path, name, frame)
    raw = open_trace(path)
    return assemble(raw, frame, TraceOptions(split_gap_s=1e9))


def alike(one: Trace, other: Trace, within_m: float) -> None:
    """The same fixes, whatever the vehicles are called."""
    np.testing.assert_array_equal(one.t_us + one.epoch_us, other.t_us + other.epoch_us)
    np.testing.assert_array_equal(one.trip_start, other.trip_start)
    for axis in ("x_m", "y_m", "z_m"):
        here, there = getattr(one, axis), getattr(other, axis)
        if here is None:
            assert there is None
        else:
            np.testing.assert_allclose(here, there, rtol=0, atol=within_m)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@given(traces())
@settings(max_examples=40, deadline=None)
def test_fcd_comes_back_to_the_centimetre(folder: Path, trace: Trace) -> None:
    back = again(trace, folder / "t.xml", "fcd")
    alike(trace, back, 0.00501)
    assert back.vehicle_id == trace.vehicle_id


@given(traces())
@settings(max_examples=40, deadline=None)
def test_bonnmotion_comes_back_bit_for_bit(folder: Path, trace: Trace) -> None:
    alike(trace, again(trace, folder / "t.movements", "bonnmotion"), 0.0)


@given(traces(dense=True))
@settings(max_examples=40, deadline=None)
def test_the_one_comes_back_bit_for_bit(folder: Path, trace: Trace) -> None:
    alike(trace, again(trace, folder / "t.txt", "one"), 0.0)


@given(traces())
@settings(max_examples=60, deadline=None)
def test_ns2_comes_back_to_a_micrometre(folder: Path, trace: Trace) -> None:
    if trace.z_m is not None:
        trace.z_m[:] = 5.0
    alike(trace, again(trace, folder / "t.ns_movements", "ns2"), 1e-6)


@given(traces())
@settings(max_examples=30, deadline=None)
def test_gpx_comes_back_to_a_tenth_of_a_millimetre(folder: Path, trace: Trace) -> None:
    dated = Trace(**{name: getattr(trace, name) for name in trace.__slots__} | {"epoch_us": EPOCH_US})
    back = again(dated, folder / "t.gpx", "gpx", HERE)
    if trace.z_m is not None:
        np.testing.assert_allclose(back.z_m, trace.z_m, rtol=0, atol=0.00051)
        trace.z_m[:] = back.z_m
    alike(dated, back, 2e-4)
    assert back.vehicle_id == tuple(name.strip() for name in trace.vehicle_id)


def test_trips_stay_trips_in_gpx_and_parquet(folder: Path) -> None:
    trips = [[(0.0, 0.0, 0.0), (9.0, 5.0, 0.0)], [(20.0, 9.0, 0.0), (30.0, 9.0, 9.0)]]
    trace = trace_of({"a": trips})
    dated = Trace(**{name: getattr(trace, name) for name in trace.__slots__} | {"epoch_us": EPOCH_US})
    for name, suffix in (("gpx", ".gpx"), ("parquet", ".parquet")):
        found = fixes_of(again(dated, folder / f"trips{suffix}", name, HERE))["a"]
        assert [len(trip) for trip in found] == [2, 2]
        np.testing.assert_allclose(np.concatenate(found), np.concatenate(trips), atol=2e-4)


def test_moving_features_say_who_was_where_when(folder: Path) -> None:
    trace = trace_of({"ü": [[(0.0, 0.0, 0.0), (1.5, 0.0, 100.0)], [(9.0, 0.0, 0.0)]]}, z_m=12.3456)
    dated = Trace(**{name: getattr(trace, name) for name in trace.__slots__} | {"epoch_us": EPOCH_US})
    write_trace(dated, folder / "t.json", "mfjson", HERE)
    first, second = json.loads((folder / "t.json").read_text(encoding="utf-8"))["features"]
    assert first["properties"] == {"id": "ü", "trip": 0}
    assert second["properties"] == {"id": "ü", "trip": 1}
    moving = first["temporalGeometry"]
    assert moving["datetimes"] == ["2024-06-01T07:00:00Z", "2024-06-01T07:00:01.500000Z"]
    assert moving["coordinates"][0] == [11.3, 44.5, 12.346]
    # 100 m to the north are 100 m over the meridian's radius of curvature on WGS84 at this latitude.
    e2, a_m, sine = 0.00669437999014, 6378137.0, np.sin(np.radians(44.5))
    radius_m = a_m * (1 - e2) / (1 - e2 * sine**2) ** 1.5
    assert moving["coordinates"][1][1] == pytest.approx(44.5 + np.degrees(100.0 / radius_m), abs=2e-9)


@pytest.mark.parametrize("z_m", [None, 30.0])
def test_geoparquet_holds_points_in_well_known_binary(folder: Path, z_m: float | None) -> None:
    trace = trace_of({"a": [[(0.0, 0.0, 0.0)], [(1.5, 0.0, 0.0)]], "b": [[(2.0, 0.0, 0.0)]]}, z_m=z_m)
    dated = Trace(**{name: getattr(trace, name) for name in trace.__slots__} | {"epoch_us": EPOCH_US})
    path = folder / "t.parquet"
    write_trace(dated, path, "geoparquet", HERE)
    with duckdb.connect() as connection:
        sql = f"SELECT vehicle_id, trip, epoch_us(t_utc), geometry::BLOB FROM '{path}'"
        rows = connection.execute(sql).fetchall()
        about = connection.execute("SELECT value FROM parquet_kv_metadata(?) WHERE key = 'geo'", [str(path)]).fetchone()
    assert [row[:3] for row in rows] == [
        ("a", 0, EPOCH_US),
        ("a", 1, EPOCH_US + 1_500_000),
        ("b", 0, EPOCH_US + 2_000_000),
    ]
    layout, code = ("<BIdd", 1) if z_m is None else ("<BIddd", 1001)
    assert struct.unpack(layout, rows[0][3]) == pytest.approx((1, code, 11.3, 44.5, 30.0)[: 4 + (z_m is not None)])
    geo = json.loads(about[0])
    assert geo["columns"]["geometry"]["geometry_types"] == ["Point" if z_m is None else "Point Z"]
    write_trace(trace, path, "geoparquet", HERE)  # without dates: seconds
    assert duckdb.sql(f"SELECT t_s FROM '{path}'").fetchall() == [(0.0,), (1.5,), (2.0,)]


TWICE = trace_of({"a": [[(0.0, 0.0, 0.0)], [(9.0, 0.0, 0.0)]]})
CLIMBS = trace_of({"a": [[(0.0, 0.0, 0.0), (9.0, 0.0, 0.0)]]}, z_m=1.0)
assert CLIMBS.z_m is not None
CLIMBS.z_m[1] = 2.0
UNEVEN = trace_of({"a": [[(0.0, 0.0, 0.0), (9.0, 0.0, 0.0), (10.0, 0.0, 0.0)]]})


@pytest.mark.parametrize(
    ("trace", "file", "name", "words"),
    [
        (TWICE, "t.ns_movements", "ns2", "'a'; make vehicles of trips first: --clean trips_as_vehicles=true"),
        (TWICE, "t.movements", "bonnmotion", "BonnMotion cannot say that a vehicle is absent"),
        (TWICE, "t.txt", "one", "the ONE cannot say that a vehicle is absent"),
        (CLIMBS, "t.ns_movements", "ns2", "ns-2 cannot change a node's height"),
        (UNEVEN, "t.txt", "one", "steps of one length, and these are from 1 to 9 s; .*--clean resample_s=1"),
        (UNEVEN, "t.bin", "bonnmotion", r"expected a name that ends in \.movements"),
        (UNEVEN, "t.gpx", "gpx", "plain metres have no longitude"),
        (trace_of({"\x01": [[(0.0, 0.0, 0.0)]]}), "t.xml", "fcd", "control character"),
    ],
)
def test_what_a_format_cannot_say_is_refused_and_nothing_is_written(
    tmp_path: Path, trace: Trace, file: str, name: str, words: str
) -> None:
    with pytest.raises(TraceError, match=words):
        write_trace(trace, tmp_path / file, name)
    assert list(tmp_path.iterdir()) == []


def test_dates_that_a_format_lacks_are_asked_for_or_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="GPX needs dates, and this trace has none"):
        write_trace(UNEVEN, tmp_path / "t.gpx", "gpx", HERE)
    dated = Trace(**{name: getattr(UNEVEN, name) for name in UNEVEN.__slots__} | {"epoch_us": EPOCH_US})
    assert write_trace(dated, tmp_path / "t.xml", "fcd") == [
        "time 0 is 2024-06-01T07:00:00+00:00, which the file does not say"
    ]


def test_speed_and_angle_of_fcd_are_those_of_the_way_ahead(tmp_path: Path) -> None:
    trace = trace_of({"a": [[(0.0, 0.0, 0.0), (2.0, 6.0, 0.0), (3.0, 6.0, -5.0)]], "b": [[(3.0, 1.0, 1.0)]]})
    write_trace(trace, tmp_path / "t.xml", "fcd")
    found = re.findall(r'angle="([\d.]+)" speed="([\d.]+)"', (tmp_path / "t.xml").read_text())
    assert found == [("90.00", "3.00"), ("180.00", "5.00"), ("180.00", "5.00"), ("0.00", "0.00")]


def test_every_format_has_a_writer() -> None:
    files = {file.stem for file in Path(__import__("simmig").__file__).parent.glob("mobility/writers/[a-z]*.py")}
    assert files == set(FORMATS)
