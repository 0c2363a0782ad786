"""Research data sets in their own layouts: GeoLife, T-Drive, Cabspotting, Rome, Porto, NGSIM, AirData."""

from pathlib import Path

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats._profiles import FIRST_LINES
from simmig.mobility.formats.airdata import Format as AirData
from simmig.mobility.formats.ngsim import Format as Ngsim
from simmig.mobility.frame import choose_frame
from simmig.mobility.raw import RawTrace, TraceOptions, assemble
from simmig.world.traces import open_trace

NOON_2024_06_01_US = 1_717_243_200_000_000


def read(path: Path, text: str) -> RawTrace:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")
    return open_trace(path)


def at(raw: RawTrace) -> list[int]:
    """Microseconds since 1970 of every fix."""
    return (raw.t_us + (raw.epoch_us or 0)).tolist()


GEOLIFE = "Geolife trajectory\r\nWGS 84\r\nAltitude is in Feet\r\nReserved 3\r\n0,2,255,My Track,0,0,2,8421376\r\n0\r\n"


def test_geolife_heights_are_feet_and_its_clock_is_greenwich(tmp_path: Path) -> None:
    rows = "40.0,116.3,0,1000,45444.5,2024-06-01,12:00:00\r\n40.1,116.4,0,-777,45444.5,2024-06-01,12:00:01\r\n"
    raw = read(tmp_path / "042" / "Trajectory" / "a.plt", GEOLIFE + rows)
    assert raw.vehicle_id == ("042",)
    assert (raw.a.tolist(), raw.b.tolist()) == ([116.3, 116.4], [40.0, 40.1])
    assert at(raw) == [NOON_2024_06_01_US, NOON_2024_06_01_US + 1_000_000]
    assert raw.z is not None
    assert raw.z[0] == pytest.approx(304.8)
    assert np.isnan(raw.z[1])
    assert read(tmp_path / "b.plt", GEOLIFE + rows).vehicle_id == ("b",)


def test_tdrive_is_local_to_beijing(tmp_path: Path) -> None:
    raw = read(tmp_path / "a.txt", "9,2024-06-01 20:00:00,116.37,39.97\n9,2024-06-01 20:00:07,116.38,39.98\n")
    assert at(raw) == [NOON_2024_06_01_US, NOON_2024_06_01_US + 7_000_000]
    assert (raw.vehicle_id, raw.a.tolist()) == (("9",), [116.37, 116.38])


def test_a_cab_is_called_after_its_file(tmp_path: Path) -> None:
    raw = read(tmp_path / "new_x.txt", "37.75 -122.39 0 1717243201\n37.76 -122.40 1 1717243200\n")
    assert (raw.vehicle_id, raw.a.tolist(), raw.b.tolist()) == (("new_x",), [-122.39, -122.40], [37.75, 37.76])
    assert at(raw) == [NOON_2024_06_01_US + 1_000_000, NOON_2024_06_01_US]


def test_in_rome_latitude_comes_first(tmp_path: Path) -> None:
    text = "15;2024-06-01 13:00:00.5+01;POINT(41.88 12.48)\n15;2024-06-01 13:00:01.000006+01;POINT(41.89 12.49)\n"
    raw = read(tmp_path / "a.txt", text)
    assert (raw.a.tolist(), raw.b.tolist()) == ([12.48, 12.49], [41.88, 41.89])
    assert at(raw) == [NOON_2024_06_01_US + 500_000, NOON_2024_06_01_US + 1_000_006]


PORTO = '"TRIP_ID","CALL_TYPE","TAXI_ID","TIMESTAMP","MISSING_DATA","POLYLINE"\n'


def test_porto_takes_a_place_every_quarter_of_a_minute(tmp_path: Path) -> None:
    rows = (
        '"T1","B","20000542","1717243200","False","[[-8.5,41.1],[-8.6,41.2],[-8.7,41.3]]"\n'
        '"T2","B","20000542","1717244200","False","[]"\n'
        '"T3","B","20000542","1717244300","True","[[-8.5,41.1]]"\n'
        '"T4","B","20000542","1717243231","False","[[-8.8,41.4]]"\n'
    )
    raw = read(tmp_path / "a.csv", PORTO + rows)
    assert [t_us - NOON_2024_06_01_US for t_us in at(raw)] == [0, 15_000_000, 30_000_000, 31_000_000]
    assert raw.notes == {"trips_missing_data": 1, "trips_empty": 1, "rows": 4}
    trace = assemble(raw, choose_frame([raw]), TraceOptions())
    assert trace.trip_start.tolist() == [0, 3, 4]  # two journeys, one second apart


NGSIM = "Vehicle_ID,Frame_ID,Total_Frames,Global_Time,Global_X,Global_Y,Location\n"


def test_ngsim_counts_frames_and_feet(tmp_path: Path) -> None:
    rows = "7,11,20,1,2230502.921,1375532.938,peachtree\n7,10,20,9,2230502.921,1375533.938,peachtree\n"
    rows += "7,500,33,1,2230500,1375500,peachtree\n8,10,5,1,2230510,1375500,peachtree\n"
    raw = read(tmp_path / "a.csv", NGSIM + rows)
    assert raw.vehicle_id == ("7/20", "7/33", "8")
    assert (raw.t_us.tolist(), raw.epoch_us) == ([1_100_000, 1_000_000, 50_000_000, 1_000_000], None)
    trace = assemble(raw, choose_frame([raw]), TraceOptions(split_gap_s=1e9))
    first = trace.vehicle_id.index("7/20")
    rows_ = slice(*trace.trip_start[next(iter(trace.trips_of(first))) :][:2])
    assert np.hypot(np.diff(trace.x_m[rows_]), np.diff(trace.y_m[rows_])) == pytest.approx(0.3048, rel=1e-3)
    elsewhere = NGSIM + rows.replace("peachtree", "us-101")
    with pytest.raises(TraceError, match=r"of a plane that the file does not name at us-101; say it: crs"):
        read(tmp_path / "b.csv", elsewhere)
    assert Ngsim(crs="EPSG:2229").read(tmp_path / "b.csv").crs == "EPSG:2229"


AIRDATA = (
    "time(millisecond),datetime(utc),latitude,longitude,height_above_takeoff(feet),altitude_above_seaLevel({}), x\n"
)


def test_airdata_counts_milliseconds_from_its_first_row(tmp_path: Path) -> None:
    rows = "100,2024-06-01 12:00:00,48.1,11.5,0.0,1000,a\n200,2024-06-01 12:00:00,48.2,11.6,10.0,2000,a\n"
    raw = read(tmp_path / "drone.csv", AIRDATA.format("feet") + rows)
    assert at(raw) == [NOON_2024_06_01_US, NOON_2024_06_01_US + 100_000]
    assert raw.z is not None
    assert raw.z.tolist() == pytest.approx([304.8, 609.6])
    metric = read(tmp_path / "metric.csv", AIRDATA.format("meters") + rows)
    assert metric.z is not None
    assert metric.z.tolist() == [1000.0, 2000.0]
    taken = AirData(height="takeoff", vehicle="m2").read(tmp_path / "drone.csv")
    assert taken.z is not None
    assert (taken.vehicle_id, taken.z.tolist()) == (("m2",), pytest.approx([0.0, 3.048]))
    with pytest.raises(TraceError, match=r"no column altitude_above_sealevel\(feet\) or \(meters\)"):
        read(tmp_path / "odd.csv", AIRDATA.format("furlongs") + rows)


BAD = {
    "fields.plt": (GEOLIFE + "40.0,116.3,0,1000\n", r"fields\.plt:7: 4 fields, expected 7"),
    "time.plt": (GEOLIFE + "40.0,116.3,0,1000,1,2024-06-31,12:00:00\n", r"time\.plt:7: .* expected an ISO 8601"),
    "swapped.plt": (GEOLIFE + "116.3,40.0,0,1000,1,2024-06-01,12:00:00\n", "is out of range"),
    "rome.txt": (
        "15;2024-06-01 13:00:00.5+01;POINT(41.88 12.48)\n15;noon;POINT(1 2)\n",
        r"rome\.txt:2: .* expected id;",
    ),
    "day.txt": ("15;2024-02-30 13:00:00+01;POINT(41.88 12.48)\n", r"day\.txt:1: .* expected an ISO 8601"),
    "cut.csv": (PORTO + '"T","B","2","1717243200","False","[[-8.5,41.1],[-8"\n', r"cut\.csv:2: POLYLINE"),
    "time.csv": (PORTO + '"T","B","2","noon","False","[[-8.5,41.1]]"\n', r"time\.csv:2: TIMESTAMP 'noon'"),
    "ragged.csv": (PORTO + '"T","B","2"\n', r"ragged\.csv:2: 3 fields, expected 6"),
    "tdrive.txt": ("9,2024-06-01 20:00:00,116.37,39.97\n9,2024-06-01 20:00:00,east,39.97\n", "'east' is not a number"),
    "air.csv": (AIRDATA.format("feet") + "1,noon,48.1,11.5,0,1,a\n", r"air\.csv:2: datetime\(utc\) 'noon'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str) -> None:
    text, words = BAD[name]
    with pytest.raises(TraceError, match=words) as caught:
        read(tmp_path / name, text)
    assert "\n" not in str(caught.value)


def test_plain_tables_are_nobodys_data_set() -> None:
    for line in ("time,id,x,y", "1,2024-06-01,3,4", "id;time;POINT", "TRIP_ID,TAXI_ID", "time,latitude,longitude"):
        assert not any(pattern.fullmatch(line) for pattern in FIRST_LINES.values()), line


@pytest.mark.parametrize(
    ("file", "rows", "vehicles"),
    [
        ("geolife/000/Trajectory/20081028003826.plt", 1477, 1),
        ("geolife/001/Trajectory/20081023234104.plt", 2128, 1),
        ("geolife/010/Trajectory/20070804033032.plt", 1116, 1),
        ("tdrive/9879_first75.txt", 75, 1),
        ("cabspotting/new_abboip.txt", 23_495, 1),
        ("cabspotting/new_abboip_original_order_newest_first_2000.txt", 2000, 1),
        ("rome_taxi/taxi_february_first_minute_excerpt.txt", 66, 14),
        ("porto/porto_kaggle_layout_318trips.csv", 14_436, 244),
        ("ngsim/motive_NGSIM_peachtree_5000rows.csv", 5000, 165),
        ("dji_airdata/nolicence/Oct-10th-2023-05-11PM-Flight-Airdata.csv", 513, 1),
        ("dji_airdata/nolicence/Sep-22nd-2023-02-34PM-Flight-Airdata.csv", 1460, 1),
    ],
)
def test_real_files_have_the_rows_that_are_known(test_data: Path, file: str, rows: int, vehicles: int) -> None:
    raw = open_trace(test_data / file)
    assert len(raw.t_us) == rows
    assert len(raw.vehicle_id) == vehicles


def test_the_flight_in_airdata_s_layout_is_the_same_flight(test_data: Path) -> None:
    flight, other = (
        open_trace(test_data / "same_flight" / name) for name in ("flight.csv", "flight_airdata_layout.csv")
    )
    np.testing.assert_allclose(other.a, flight.a, rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.b, flight.b, rtol=0, atol=1e-9)
    assert flight.z is not None
    np.testing.assert_allclose(other.z, flight.z, rtol=0, atol=1e-3)
    apart_us = np.array(at(other)) - np.array(at(flight))
    assert np.abs(apart_us).max() < 1_000_000  # its date has whole seconds
    assert np.ptp(apart_us) < 1000
