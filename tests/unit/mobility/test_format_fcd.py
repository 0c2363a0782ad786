"""SUMO's floating-car data: one run in XML, CSV and Parquet is one trace, and broken files say what is wrong."""

import gzip

import duckdb
import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats import fcd, fcd_csv, fcd_parquet
from simmig.mobility.frame import PLAIN, choose_frame
from simmig.mobility.raw import assemble

HEAD = "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_type;vehicle_speed;vehicle_pos;vehicle_lane"
STEPS = [
    (0.0, "a", 300.0, 7.0, 10.0),
    (0.1, "a", 301.0, 7.0, 10.0),
    (0.1, "b", 400.0, 9.0, 0.0),
    (0.2, "a", 302.0, 7.0, 10.0),
]
GEO_COMMENT = '<!-- <sumoConfiguration><fcd-output.geo value="true"/></sumoConfiguration> -->'


def xml_of(rows, head="", more=""):
    text = f'<?xml version="1.0"?>\n{head}<fcd-export>\n'
    for time in dict.fromkeys(row[0] for row in rows):
        text += f'<timestep time="{time:.2f}">\n'
        for _, name, x, y, speed in (row for row in rows if row[0] == time):
            text += f'<vehicle id="{name}" x="{x}" y="{y}" speed="{speed}"/>\n'
        text += f"{more}</timestep>\n"
    return text + "</fcd-export>\n"


def csv_of(rows, head=HEAD):
    return "".join([f"{head}\n", *(f"{t};{name};{x};{y};90;car;{speed};0;e_0\n" for t, name, x, y, speed in rows)])


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def write_parquet(path, sql):
    with duckdb.connect() as database:
        database.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return path


def parquet_of(tmp_path, rows, names=("timestep_time", "vehicle_id", "vehicle_x", "vehicle_y", "vehicle_speed")):
    values = ", ".join(f"({t}, '{name}', {x}::DOUBLE, {y}::DOUBLE, {speed}::FLOAT)" for t, name, x, y, speed in rows)
    listed = ", ".join(f'"{name}"' for name in names)
    return write_parquet(tmp_path / "t.parquet", f"SELECT * FROM (VALUES {values}) AS v({listed})")


def assert_same(one, other):
    assert one.vehicle_id == other.vehicle_id
    for name in ("trip_vehicle", "trip_start", "t_us", "x_m", "y_m"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def refusal(trace_format, path):
    with pytest.raises(TraceError) as error:
        trace_format.read(path)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{path.parent}/", "")


def test_the_three_ways_to_write_a_run(write, tmp_path):
    traces = [
        assemble(raw, choose_frame([raw]))
        for raw in (
            fcd.Format().read(write("t.xml", xml_of(STEPS))),
            fcd.Format().read(write("t.xml.gz", gzip.compress(xml_of(STEPS).encode()))),
            fcd_csv.Format().read(write("t.csv", csv_of(STEPS))),
            fcd_csv.Format().read(write("t.csv.gz", gzip.compress(csv_of(STEPS).encode()))),
            fcd_parquet.Format().read(parquet_of(tmp_path, STEPS)),
        )
    ]
    assert traces[0].vehicle_id == ("a", "b")
    assert traces[0].t_us.tolist() == [0, 100_000, 200_000, 100_000]
    assert traces[0].x_m.tolist() == [300.0, 301.0, 302.0, 400.0]
    assert traces[0].z_m is None
    for other in traces[1:]:
        assert_same(traces[0], other)


@pytest.mark.parametrize("prefix", ["vehicle_", "timestep_vehicle_", ""])
def test_every_style_of_column_header(write, tmp_path, prefix):
    time = "timestep_time" if prefix else "time"
    names = [prefix + name for name in ("id", "x", "y", "angle", "type", "speed", "pos", "lane")]
    text = csv_of(STEPS, ";".join([time, *names]))
    path = write("t.csv", text)
    assert fcd_csv.Format.recognises(text.encode(), path)
    assert fcd_csv.Format().read(path).a.tolist() == [300.0, 301.0, 400.0, 302.0]
    columns = (time, *(prefix + name for name in ("id", "x", "y", "speed")))
    assert fcd_parquet.Format().read(parquet_of(tmp_path, STEPS, columns)).a.tolist() == [300.0, 301.0, 400.0, 302.0]


def test_human_times(write, tmp_path):
    text = xml_of([(0.0, "a", 300, 1, 0)]).replace('"0.00"', '"1:07:00:00.50"')
    assert fcd.Format().read(write("t.xml", text)).t_us.tolist() == [111_600_500_000]
    text = csv_of([("07:00:00", "a", 300, 1, 0)])
    assert fcd_csv.Format().read(write("t.csv", text)).t_us.tolist() == [25_200_000_000]
    path = parquet_of(tmp_path, [("'07:00:01'", "a", 300, 1, 0), ("'07:00:00'", "a", 300, 1, 0)])
    assert fcd_parquet.Format().read(path).t_us.tolist() == [25_201_000_000, 25_200_000_000]


def test_heights_are_kept(write):
    text = xml_of(STEPS).replace('y="7.0"', 'y="7.0" z="2.5"').replace('y="9.0"', 'y="9.0" z="3"')
    assert fcd.Format().read(write("t.xml", text)).z.tolist() == [2.5, 2.5, 3.0, 2.5]


def test_persons_are_counted_not_read(write, tmp_path):
    person = '<person id="p" x="1" y="2" speed="1" edge="e"/><container id="c" x="1" y="2" edge="e"/>'
    raw = fcd.Format().read(write("t.xml", xml_of(STEPS, more=person)))
    assert raw.notes == {"rows": 4, "persons_ignored": 6}
    # In CSV and Parquet SUMO writes them into the vehicles' columns, on an edge instead of a lane.
    text = f"{HEAD};vehicle_edge\n0;a;300;1;0;car;5;0;e_0;\n0;ped;300;1;0;car;5;0;;e\n1;a;305;1;0;car;5;0;e_0;\n"
    raw = fcd_csv.Format().read(write("t.csv", text))
    assert raw.notes == {"rows": 2, "persons_ignored": 1}
    assert assemble(raw, PLAIN).vehicle_id == ("a",)
    path = write_parquet(
        tmp_path / "p.parquet",
        "SELECT * FROM (VALUES (0.0, 'a', 300.0, 1.0, 'e_0', NULL), (0.0, 'ped', 300.0, 1.0, NULL, 'e'), "
        "(1.0, 'a', 305.0, 1.0, 'e_0', NULL)) AS v(time, id, x, y, lane, edge)",
    )
    raw = fcd_parquet.Format().read(path)
    assert raw.notes == {"rows": 2, "persons_ignored": 1}
    assert raw.vehicle_id == ("a",)


# --- degrees or metres ----------------------------------------------------------------------------------------


SMALL = [(float(t), "a", 7.0 + 1e-4 * t, 51.0, 7.0) for t in range(4)]  # 1e-4 degrees of longitude are 7 m there
SLOW = [(float(t), "a", 7.0 + 7.0 * t, 51.0, 7.0) for t in range(4)]


@pytest.mark.parametrize(("rows", "kind"), [(SMALL, "lonlat"), (SLOW, "metres"), (STEPS, "metres")])
def test_speeds_and_ranges_tell_degrees_from_metres(write, tmp_path, rows, kind):
    assert fcd.Format().read(write("t.xml", xml_of(rows))).kind == kind
    assert fcd_csv.Format().read(write("t.csv", csv_of(rows))).kind == kind
    assert fcd_parquet.Format().read(parquet_of(tmp_path, rows)).kind == kind


def test_the_header_comment_tells_degrees_from_metres(write):
    assert fcd.Format().read(write("t.xml", xml_of(SLOW, GEO_COMMENT))).kind == "lonlat"
    assert fcd.Format().read(write("t.xml", xml_of(SMALL, GEO_COMMENT.replace("true", "false")))).kind == "metres"
    text = refusal(fcd.Format(), write("t.xml", xml_of(STEPS, GEO_COMMENT)))
    assert text.startswith("t.xml:4: longitude 300, latitude 7 is out of range")


def test_where_nothing_tells_it_is_asked(write, tmp_path):
    still = [(t, name, x, y, 0.0) for t, name, x, y, _ in SMALL]
    for trace_format, path in (
        (fcd.Format, write("t.xml", xml_of(still))),
        (fcd_csv.Format, write("t.csv", csv_of(still))),
        (fcd_parquet.Format, parquet_of(tmp_path, still)),
    ):
        assert 'set coordinates = "lonlat" or "metres"' in refusal(trace_format(), path)
        assert trace_format(coordinates="lonlat").read(path).kind == "lonlat"
        raw = trace_format(coordinates="metres", crs="EPSG:32632").read(path)
        assert (raw.kind, raw.crs) == ("metres", "EPSG:32632")


# --- what may be wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('x="301.0"', 'x="3O1.0"', 7, 'x="3O1.0" of <vehicle> is not a number'),
        ('speed="0.0"', 'speed="fast"', 8, 'speed="fast" of <vehicle> is not a number'),
        ('y="9.0"', 'y="9.0" z="up"', 8, 'z="up" of <vehicle> is not a number'),
        ('y="9.0"', "", 8, "vehicles have no y; let SUMO write them: --fcd-output.attributes"),
        ('id="b" ', "", 8, "<vehicle> has no id"),
        ('id="b"', 'id=" "', 8, "the vehicle id is missing"),
        ('time="0.10"', 'time="soon"', 6, 'time="soon" of <timestep>; expected seconds'),
        ('time="0.10"', "", 6, 'time="" of <timestep>; expected seconds'),
        ("<vehicle", "<truck", 4, "not FCD: unexpected element <truck>"),
        ("</timestep>", "</step>", 5, "not well-formed XML: mismatched tag"),
    ],
)
def test_a_wrong_line_is_named(write, old, new, line, words):
    text = refusal(fcd.Format(), write("t.xml", xml_of(STEPS).replace(old, new, 1)))
    assert text.startswith(f"t.xml:{line}: ")
    assert words in text


def test_numbers_that_are_none_are_counted_with_their_lines(write):
    path = write("t.xml", xml_of(STEPS).replace('x="301.0"', 'x="nan"'))
    raw = fcd.Format().read(path)
    assert raw.notes == {"rows": 4, "dropped_not_finite": 1}
    assert raw.remarks == (f"1 rows without finite coordinates, first at {path}:7",)


def test_no_vehicle_at_all(write):
    assert "has no <vehicle> in 1 time steps" in refusal(
        fcd.Format(), write("t.xml", '<fcd-export><timestep time="0"/></fcd-export>')
    )


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_was_cut_keeps_its_complete_steps_on_request(write, packed):
    whole = xml_of(STEPS).encode()
    cut = whole[: whole.index(b'time="0.20"') + 30]
    content = gzip.compress(whole)[:-20] if packed else cut
    path = write("t.xml", content)
    text = refusal(fcd.Format(), path)
    assert "the file was cut here; last complete time step with vehicles: t = 0" in text
    assert "allow_truncated = true" in text
    raw = fcd.Format(allow_truncated=True).read(path)
    complete = raw.t_us.max() + 100_000
    assert raw.t_us.tolist() == [round(row[0] * 1e6) for row in STEPS if round(row[0] * 1e6) < complete]


def test_csv_and_parquet_name_the_bad_row(write, tmp_path):
    text = csv_of(STEPS)
    assert refusal(fcd_csv.Format(), write("t.csv", text.replace("301.0", "x"))).startswith("t.csv:3: column vehicle_x")
    assert refusal(fcd_csv.Format(), write("t.csv", text.replace("0.2;", "later;"))).startswith(
        "t.csv:5: column timestep_time: 'later'"
    )
    assert "vehicles have no x and no y" in refusal(
        fcd_csv.Format(), write("t.csv", HEAD.replace("_x", "_q").replace("_y", "_r"))
    )
    assert "not the columns of FCD" in refusal(fcd_csv.Format(), write("t.csv", "a;b;c\n1;2;3\n"))
    rows = [(t if k else "NULL", name, x, y, v) for k, (t, name, x, y, v) in enumerate(STEPS)]
    assert (
        refusal(fcd_parquet.Format(), parquet_of(tmp_path, rows))
        == "t.parquet, row 1: column timestep_time has no time"
    )
    assert "not FCD; its columns are a" in refusal(
        fcd_parquet.Format(), write_parquet(tmp_path / "q.parquet", "SELECT 1 AS a")
    )
    assert "'soon'" in refusal(fcd_parquet.Format(), parquet_of(tmp_path, [("'soon'", "a", 300, 1, 0)]))


def test_vehicles_between_lanes_are_vehicles(write, tmp_path):
    text = f"{HEAD};vehicle_edge\n0;a;300;1;0;car;5;0;e_0;\n1;a;305;1;0;car;5;0;;\n"
    assert len(fcd_csv.Format().read(write("t.csv", text)).t_us) == 2
    rows = "(0.0, 'a', 300.0, 1.0, 'e_0', NULL), (1.0, 'a', 305.0, 1.0, NULL, NULL)"
    sql = f"SELECT * FROM (VALUES {rows}) AS v(time, id, x, y, lane, edge)"
    raw = fcd_parquet.Format().read(write_parquet(tmp_path / "p.parquet", sql))
    assert raw.notes == {"rows": 2}


def test_places_of_rows_after_persons(write, tmp_path):
    sql = (
        "SELECT * FROM (VALUES (0.0, 'ped', 300.0, 1.0, '', 'e'), (0.0, 'a', 300.0, 1.0, 'e_0', ''), "
        "(1.0, 'a', 'nan'::DOUBLE, 1.0, 'e_0', '')) AS v(time, id, x, y, lane, edge)"
    )
    raw = fcd_parquet.Format().read(write_parquet(tmp_path / "p.parquet", sql))
    assert raw.remarks == (f"1 rows without finite coordinates, first at {tmp_path}/p.parquet, row 3",)
    path = write(
        "t.csv", f"{HEAD};vehicle_edge\n0;ped;300;1;0;car;5;0;;e\n0;a;300;1;0;car;5;0;e_0;\n0;a;nan;1;0;car;5;0;e_0;\n"
    )
    assert fcd_csv.Format().read(path).remarks == (f"1 rows without finite coordinates, first at {path}:4",)


def test_odd_names_of_files_are_no_patterns(tmp_path):
    for name in ("t[1]*.parquet", "it's.parquet", "a?b.parquet"):
        source = parquet_of(tmp_path, STEPS)
        path = source.rename(tmp_path / name)
        (tmp_path / "t1x.parquet").write_bytes(b"PAR1")
        assert len(fcd_parquet.Format().read(path).t_us) == 4
