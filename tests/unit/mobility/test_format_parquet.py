"""simmig's own trace file: what is written is read back, and what cannot be meant is refused."""

import json
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import TraceError
from simmig.mobility.formats.parquet import Format, write_canonical
from simmig.mobility.frame import PLAIN, Frame, aeqd, choose_frame
from simmig.mobility.raw import TraceOptions, assemble
from simmig.mobility.trace import Trace

quick = settings(deadline=None, max_examples=40, derandomize=True)
NO_SPLIT = TraceOptions(split_gap_s=1e12)
ARRAYS = ("trip_vehicle", "trip_start", "t_us", "x_m", "y_m")


@st.composite
def traces(draw):
    names = draw(
        st.lists(
            st.text(min_size=1, max_size=9).filter(lambda name: name.strip() and "\0" not in name),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    names = sorted(name.encode("utf-8", "replace").decode() for name in names)
    names = sorted(set(names))
    lengths = [draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)) for _ in names]
    flat = [length for trips in lengths for length in trips]
    count = sum(flat)
    floats = st.floats(-1e7, 1e7)
    t_us = np.concatenate(
        [
            np.cumsum(draw(st.lists(st.integers(1, 10**9), min_size=sum(trips), max_size=sum(trips))))
            for trips in lengths
        ]
    )
    epoch_us = draw(st.sampled_from([0, 1717225200_123_456]))
    return Trace(
        vehicle_id=tuple(names),
        trip_vehicle=np.repeat(np.arange(len(names)), [len(trips) for trips in lengths]).astype(np.int32),
        trip_start=np.cumsum([0, *flat]),
        t_us=t_us - (t_us.min() if epoch_us else 0),
        x_m=np.array(draw(st.lists(floats, min_size=count, max_size=count))),
        y_m=np.array(draw(st.lists(floats, min_size=count, max_size=count))),
        z_m=np.array(draw(st.lists(floats, min_size=count, max_size=count))) if draw(st.booleans()) else None,
        epoch_us=epoch_us,
    )


@quick
@given(traces())
def test_property_a_trace_comes_back_as_it_was_written(tmp_path_factory, trace):
    path = tmp_path_factory.mktemp("canonical") / "trace's.parquet"
    write_canonical(trace, path)
    back = assemble(Format().read(path), PLAIN, NO_SPLIT)
    assert back.vehicle_id == trace.vehicle_id
    assert back.epoch_us == trace.epoch_us
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(back, name), getattr(trace, name))
    if trace.z_m is None:
        assert back.z_m is None
    else:
        np.testing.assert_array_equal(back.z_m, trace.z_m)


TRACE = Trace(
    vehicle_id=("a", "b"),
    trip_vehicle=np.array([0, 0, 1], np.int32),
    trip_start=np.array([0, 2, 3, 5]),
    t_us=np.array([0, 1, 9, 0, 5]) * 1_000_000,
    x_m=np.arange(5.0),
    y_m=np.arange(5.0) / 3,
)


@pytest.fixture
def made(tmp_path):
    """Make a Parquet file from SQL, with the metadata of a canonical trace."""

    def make(sql, **about):
        path = tmp_path / "made.parquet"
        kept = json.dumps(about).replace("'", "''")
        with duckdb.connect() as database:
            database.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet, KV_METADATA {{\"simmig.trace\": '{kept}'}})")
        return path

    return make


def refusal(path, **settings):
    with pytest.raises(TraceError) as error:
        Format(**settings).read(path)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{path.parent}/", "")


def test_the_file_says_what_is_in_it(tmp_path):
    path = tmp_path / "t.parquet"
    write_canonical(replace(TRACE, epoch_us=1717225200_500_000, notes={"rows": 5}), path, Frame("crs", "EPSG:32632"))
    with duckdb.connect() as database:
        rows = database.execute("SELECT * FROM read_parquet(?)", [str(path)])
        assert [column[0] for column in rows.description] == ["vehicle_id", "trip", "t_us", "x", "y"]
        assert [row[:3] for row in rows.fetchall()] == [
            ("a", 0, 0), ("a", 0, 1_000_000), ("a", 1, 9_000_000), ("b", 0, 0), ("b", 0, 5_000_000)
        ]  # fmt: skip
        query = "SELECT value FROM parquet_kv_metadata(?) WHERE key = 'simmig.trace'"
        about = json.loads(database.execute(query, [str(path)]).fetchone()[0])
    assert about == {
        "schema": 1,
        "time_kind": "absolute",
        "epoch_utc": "2024-06-01T07:00:00.500000+00:00",
        "crs": "EPSG:32632",
        "notes": {"rows": 5},
    }


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_canonical(TRACE, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_frame_is_kept_so_that_nothing_is_projected_again(tmp_path):
    frame = aeqd(9.0, 48.0)
    write_canonical(TRACE, tmp_path / "t.parquet", frame)
    raw = Format().read(tmp_path / "t.parquet")
    assert raw.crs == frame.crs
    chosen = choose_frame([raw])
    assert chosen.crs == frame.crs
    assert assemble(raw, chosen).x_m is raw.a


def test_rows_in_any_order_are_put_in_order(made):
    rows = (
        "SELECT * FROM (VALUES ('b', 5, 1.0, 2.0), ('a', 9, 3.0, 4.0), ('b', 1, 5.0, 6.0)) AS v(vehicle_id, t_us, x, y)"
    )
    trace = assemble(Format().read(made(rows)), PLAIN)
    assert trace.vehicle_id == ("a", "b")
    assert trace.t_us.tolist() == [9, 1, 5]
    assert trace.x_m.tolist() == [3.0, 5.0, 1.0]


def test_many_rows_have_no_seams(made):
    name = "'v' || lpad((i // 100000)::VARCHAR, 2, '0') AS vehicle_id"
    sql = f"SELECT {name}, i AS t_us, i * 0.5 AS x, -i AS y FROM range(450000) AS r(i)"
    raw = Format().read(made(sql))
    assert raw.vehicle_id == ("v00", "v01", "v02", "v03", "v04")
    np.testing.assert_array_equal(raw.vehicle, np.arange(450_000) // 100_000)
    np.testing.assert_array_equal(raw.t_us, np.arange(450_000))
    np.testing.assert_array_equal(raw.a, np.arange(450_000) * 0.5)
    np.testing.assert_array_equal(raw.b, -np.arange(450_000.0))


GOOD = "SELECT 'a' AS vehicle_id, 0::BIGINT AS t_us, 1.0::DOUBLE AS x, 2.0::DOUBLE AS y"


@pytest.mark.parametrize(
    ("sql", "about", "words"),
    [
        ("SELECT 'a' AS vehicle_id, 0 AS t_us, 1.0 AS x", {}, "no column y; it has vehicle_id, t_us, x"),
        (GOOD + " UNION ALL SELECT NULL, 1, 1.0, 1.0", {}, "made.parquet, row 2: column vehicle_id has no value"),
        (GOOD + " UNION ALL SELECT 'a', NULL, 1.0, 1.0", {}, "made.parquet, row 2: column t_us has no value"),
        (GOOD + " UNION ALL SELECT '', 1, 1.0, 1.0", {}, "made.parquet, row 2: the vehicle id is missing"),
        (GOOD.replace("0::BIGINT", "0.5::DOUBLE"), {}, "column t_us is DOUBLE, expected whole numbers"),
        (GOOD.replace("0::BIGINT", "(1::UBIGINT << 63)"), {}, "Conversion Error"),
        (GOOD + ", 3000000000 AS trip", {}, "Conversion Error"),
        (GOOD.replace("1.0::DOUBLE", "'east'"), {}, "made.parquet, row 1: column x: 'east' is not a number"),
        (GOOD, {"schema": 2}, "this version reads schema 1"),
        (GOOD, {"schema": 1, "time_kind": "absolute"}, "epoch_utc None expected an ISO 8601"),
        (GOOD, {"schema": 1, "crs": "local ENU topocentric"}, 'or read lon and lat: coordinates = "lonlat"'),
        (GOOD, {"schema": 1, "crs": "EPSG:4326"}, "is not projected"),
        (GOOD + " WHERE false", {}, "no usable position in 0 rows"),
    ],
)
def test_what_cannot_be_meant_is_refused(made, sql, about, words):
    assert words in refusal(made(sql, **about))


def test_missing_positions_are_counted_with_their_rows(made):
    path = made(GOOD + " UNION ALL SELECT 'a', 1, NULL, 1.0 UNION ALL SELECT 'a', 2, 1.0, 'nan'::DOUBLE")
    raw = Format().read(path)
    assert raw.notes == {"rows": 3, "dropped_not_finite": 2}
    assert raw.remarks == (f"2 rows without finite coordinates, first at {path}, row 2, {path}, row 3",)


def test_numbers_for_ids(made):
    assert Format().read(made(GOOD.replace("'a'", "7"))).vehicle_id == ("7",)


def test_a_projection_for_a_file_that_names_none(made):
    assert Format(crs="EPSG:32632").read(made(GOOD)).crs == "EPSG:32632"
    assert Format().read(made(GOOD)).crs is None


def test_metadata_that_is_no_json(tmp_path):
    path = tmp_path / "t.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY ({GOOD}) TO '{path}' (FORMAT parquet, KV_METADATA {{\"simmig.trace\": '{{oops'}})")
    assert "the text simmig.trace in the file is not JSON" in refusal(path)


def test_a_page_that_is_damaged(tmp_path):
    path = tmp_path / "t.parquet"
    write_canonical(TRACE, path)
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    assert refusal(path).startswith("t.parquet: ")


def test_no_parquet_at_all(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 but no more")
    assert "no Parquet footer: the file is incomplete" in refusal(path)


def test_the_proposed_sample_has_its_own_plane_and_degrees_too(test_data):
    path = test_data / "same_flight" / "flight_canonical_proposal.parquet"
    assert 'coordinates = "lonlat"' in refusal(path)
    raw = Format(coordinates="lonlat").read(path)
    assert (raw.kind, len(raw.t_us), raw.epoch_us) == ("lonlat", 645, 1768273457_875_000)
