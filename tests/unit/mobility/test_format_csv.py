"""CSV: strict, exact, and every complaint with its line."""

import csv
import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import TraceError
from simmig.mobility.formats.csv import Format
from simmig.mobility.frame import PLAIN
from simmig.mobility.raw import assemble

quick = settings(deadline=None, max_examples=60, derandomize=True)
HEADER = "id,time,x,y\n"


def read(tmp_path, text, **settings):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Format(**settings).read(path)


def refusal(tmp_path, text, **settings):
    with pytest.raises(TraceError) as error:
        read(tmp_path, text, **settings)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(f"{tmp_path}/", "")


def test_columns_in_any_order_among_others(tmp_path):
    raw = read(tmp_path, "speed,Y,name,TIME,x,vehicle_id,z\n9,2.5,n,0.1,1.5,car,30\n8,3.5,n,0.2,2.5,bus,\n")
    assert raw.vehicle_id == ("car", "bus")
    assert raw.t_us.tolist() == [100_000, 200_000]
    assert raw.a.tolist() == [1.5, 2.5]
    assert raw.b.tolist() == [2.5, 3.5]
    assert raw.z[0] == 30.0
    assert math.isnan(raw.z[1])
    assert (raw.kind, raw.epoch_us, raw.crs) == ("metres", None, None)
    assert raw.notes == {"rows": 2}


@quick
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip),
            st.decimals(0, 10**6, places=6),
            st.floats(-1e7, 1e7),
            st.floats(-1e7, 1e7),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_property_what_the_csv_module_writes_is_read_to_the_last_bit(tmp_path_factory, rows, separator):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(["id", "time", "x", "y"])
        writer.writerows([name, str(t), repr(x), repr(y)] for name, t, x, y in rows)
    raw = Format(separator=separator).read(path)
    names = [raw.vehicle_id[code] for code in raw.vehicle]
    assert names == [row[0] for row in rows]
    assert raw.t_us.tolist() == [int(row[1] * 10**6) for row in rows]
    assert raw.a.tolist() == [row[2] for row in rows]
    assert raw.b.tolist() == [row[3] for row in rows]


def test_chunks_have_no_seams(tmp_path):
    rows = [f"v{k % 7},{Decimal(k) / 10},{k}.5,{-k}" for k in range(5000)]
    raw = read(tmp_path, HEADER + "\n".join(rows))
    assert raw.t_us.tolist() == [100_000 * k for k in range(5000)]
    assert raw.a.tolist() == [k + 0.5 for k in range(5000)]
    assert [raw.vehicle_id[code] for code in raw.vehicle] == [f"v{k % 7}" for k in range(5000)]
    rows[4321] = "v,1,?,0"
    assert refusal(tmp_path, HEADER + "\n".join(rows)) == ("t.csv:4323: column x: '?' is not a number; expected one")


def test_lines_are_counted_through_blank_and_multi_line_records(tmp_path):
    text = HEADER + '\n"a\nb",0,1,1\n\r\nc,1,oops,1\n'
    assert refusal(tmp_path, text).startswith("t.csv:6: column x: 'oops'")


def test_iso_times(tmp_path):
    raw = read(tmp_path, "id,time,lon,lat\na,2024-06-01T07:00:00Z,7,51\na,2024-06-01T09:00:00.5+02:00,7,51\n")
    assert raw.t_us.tolist() == [1717225200_000_000, 1717225200_500_000]
    assert (raw.kind, raw.epoch_us) == ("lonlat", 0)


def test_a_time_zone_makes_local_times_whole(tmp_path):
    text = "id,time,x,y\na,2024-06-01 09:00,0,0\n"
    assert read(tmp_path, text, time_zone="Europe/Berlin").t_us.tolist() == [1717225200_000_000]
    assert "time_zone" in refusal(tmp_path, text)


def test_rows_without_time_or_place_are_counted_with_their_lines(tmp_path):
    text = HEADER + "a,0,1,1\na,,2,2\na,2,nan,3\na,3,4,inf\na,4,NULL,5\na,5,6,6\n"
    raw = read(tmp_path, text)
    assert raw.t_us.tolist() == [0, 5_000_000]
    assert raw.notes == {"rows": 6, "dropped_untimed": 1, "dropped_not_finite": 3}
    path = tmp_path / "t.csv"
    assert raw.remarks == (
        f"1 rows without a time, first at {path}:3",
        f"3 rows without finite coordinates, first at {path}:4, {path}:5, {path}:6",
    )


def test_nothing_left_is_an_error(tmp_path):
    assert "no usable position in 1 rows" in refusal(tmp_path, HEADER + "a,0,nan,1\n")
    assert "no row has a time" in refusal(tmp_path, HEADER + "a,nan,1,1\n")
    assert "no usable row after the header" in refusal(tmp_path, HEADER)


@pytest.mark.parametrize("cell", ["1_000", "0x10", "1,5", "12:30", "--1", "1e", "ten"])
def test_what_is_not_a_number(tmp_path, cell):
    assert f"column x: {cell!r} is not a number" in refusal(tmp_path, HEADER + f'a,0,"{cell}",1\n')


def test_decimal_commas_are_read_where_asked_for(tmp_path):
    text = "id;time;x;y\na;0,5;1,25;-2,5\n"
    raw = read(tmp_path, text, decimal=",")
    assert (raw.t_us[0], raw.a[0], raw.b[0]) == (500_000, 1.25, -2.5)
    assert "'1.234,5' is not a number" in refusal(tmp_path, "id;time;x;y\na;0;1.234,5;1\n", decimal=",")
    assert "'1.234' is not a number" in refusal(tmp_path, "id;time;x;y\na;0;1.234;1\n", decimal=",")


def test_columns_are_named_by_the_user(tmp_path):
    text = "cab,when,east,north,h\n3,0,1,2,5\n"
    columns = {"id": "cab", "time": "When", "x": "east", "y": "north"}
    raw = read(tmp_path, text, columns=columns)
    assert (raw.a[0], raw.b[0], raw.z) == (1.0, 2.0, None)
    assert read(tmp_path, text, columns=columns | {"z": "h"}).z.tolist() == [5.0]
    assert "has no column 'nord' for y" in refusal(tmp_path, text, columns=columns | {"y": "nord"})
    assert "unknown role 'speed'; expected time, id" in refusal(tmp_path, text, columns={"speed": "h"})


def test_two_columns_for_one_role_are_asked_about(tmp_path):
    text = "id,t,time,x,y\na,5,6,1,1\n"
    assert 'time could be t and time; choose with columns = { time = ".." }' in refusal(tmp_path, text)
    assert read(tmp_path, text, columns={"time": "t"}).t_us.tolist() == [5_000_000]


def test_degrees_and_metres_side_by_side_are_asked_about(tmp_path):
    text = "id,t,lon,lat,x,y\na,0,7,51,1,2\n"
    assert "has lon, lat and x, y; leave two out" in refusal(tmp_path, text)
    assert read(tmp_path, text, columns={"x": "", "y": ""}).a.tolist() == [7.0]
    assert read(tmp_path, text, columns={"lon": "", "lat": ""}).a.tolist() == [1.0]


def test_a_file_without_a_header(tmp_path):
    raw = read(tmp_path, "9,2008-02-02 15:36:08,116.5,39.9\n", header=["id", "time", "lon", "lat"], time_zone="UTC")
    assert (raw.vehicle_id, raw.t_us[0], raw.a[0]) == (("9",), 1201966568_000_000, 116.5)
    assert refusal(tmp_path, "9,0,1\n", header=["id", "time", "lon", "lat"]).startswith("t.csv:1: 3 fields, expected 4")


def test_one_vehicle_without_ids(tmp_path):
    text = "t,x,y\n0,1,1\n1,2,2\n"
    raw = read(tmp_path, text, vehicle="drone")
    assert raw.vehicle_id == ("drone",)
    assert raw.vehicle.tolist() == [0, 0]
    assert "no column for id" in refusal(tmp_path, text)


def test_trips_of_the_file(tmp_path):
    raw = read(tmp_path, "id,trip,time,x,y\na,T9,0,0,0\na,T9,1,0,0\na,T2,2,0,0\n")
    assert raw.trip.tolist() == [0, 0, 1]
    assert assemble(raw, PLAIN).trip_start.tolist() == [0, 2, 3]


def test_metres_in_a_projection(tmp_path):
    assert read(tmp_path, HEADER + "a,0,1,1\n", crs="EPSG:32632").crs == "EPSG:32632"
    assert "unknown to PROJ" in refusal(tmp_path, HEADER + "a,0,1,1\n", crs="EPSG:0")
    assert "crs goes with x and y" in refusal(tmp_path, "id,time,lon,lat\na,0,1,1\n", crs="EPSG:32632")


def test_ragged_rows_may_be_left_out(tmp_path):
    text = HEADER + "a,0,1,1\na,1\na,2,2,2,9\na,3,3,3\n"
    assert refusal(tmp_path, text) == (
        "t.csv:3: 2 fields, expected 4 as in the header (2 such rows; also t.csv:4); "
        "leave them out with skip_bad_rows = true"
    )
    raw = read(tmp_path, text, skip_bad_rows=True)
    assert raw.t_us.tolist() == [0, 3_000_000]
    assert raw.notes == {"rows": 4, "dropped_ragged": 2}
    with pytest.raises(TraceError, match="2 of 4 rows are unusable"):
        assemble(raw, PLAIN)
    assert "no usable row" in refusal(tmp_path, HEADER + "a\n", skip_bad_rows=True)


def test_places_stay_right_after_ragged_rows(tmp_path):
    text = HEADER + "a\na,0,1,1\na,1,nan,2\na,2,?,2\n"
    assert refusal(tmp_path, text, skip_bad_rows=True).startswith("t.csv:5: column x: '?'")


def test_long_ids_and_blank_ids(tmp_path):
    assert read(tmp_path, HEADER + "i" * 256 + ",0,1,1\n").vehicle_id == ("i" * 256,)
    text = refusal(tmp_path, HEADER + "a,0,1,1\n" + "i" * 257 + ",0,1,1\n")
    assert text.startswith("t.csv:3: vehicle id 'iii")
    assert "of 257 characters" in text
    assert len(text) < 150
    assert refusal(tmp_path, HEADER + "a,0,1,1\n ,0,1,1\n") == "t.csv:3: the vehicle id is missing"


def test_quotes_out_of_order(tmp_path):
    assert refusal(tmp_path, HEADER + 'a,0,"1"2,1\n').startswith("t.csv:2: ',' expected after '\"'; check the quotes")


def test_unknown_encodings(tmp_path):
    assert 'encoding = "utf-99" is unknown' in refusal(tmp_path, HEADER, encoding="utf-99")
    raw = read(tmp_path, (HEADER + "Bus_Köln,0,1,1\n").encode("latin-1"), encoding="latin-1")
    assert raw.vehicle_id == ("Bus_Köln",)
    assert "t.csv:1: byte 2 (0xf6) is not utf-8" in refusal(tmp_path, "Köln,time\n".encode("latin-1"))


def test_a_hole_in_an_id_far_into_the_file(tmp_path):
    rows = "".join(f"a,{k},1,1\n" for k in range(20_000))
    assert "expected at most 256 characters, no NUL" in refusal(tmp_path, HEADER + rows + "a\0b,0,1,1\n")


def test_without_the_fcd_header_the_first_line_may_not_be_blank(tmp_path):
    assert "the first line is blank" in refusal(tmp_path, "\na;0;1;1\n")
