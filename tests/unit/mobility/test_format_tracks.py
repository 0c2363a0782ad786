"""KML, NMEA, GeoJSON and MF-JSON: known files, the same flight in all of them, and what is refused."""

import json
from functools import reduce
from pathlib import Path

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats.geojson import Format as GeoJson
from simmig.mobility.formats.nmea import Format as Nmea
from simmig.mobility.frame import aeqd
from simmig.mobility.raw import RawTrace, TraceOptions, assemble
from simmig.mobility.trace import Trace
from simmig.mobility.writers import write_trace
from simmig.world.traces import open_trace

DAY_US = 86_400_000_000
NOON_2024_06_01_US = 1_717_243_200_000_000


def sentence(text: str) -> str:
    return f"${text}*{reduce(lambda a, b: a ^ b, text.encode()):02X}\r\n"


def gga(time: str, lat: str = "4807.038,N", lon: str = "01131.000,W", quality: int = 1, height: str = "545.4") -> str:
    return sentence(f"GPGGA,{time},{lat},{lon},{quality},08,0.9,{height},M,46.9,M,,")


def rmc(time: str, date: str, status: str = "A", lat: str = "4807.038,N") -> str:
    return sentence(f"GPRMC,{time},{status},{lat},01131.000,W,0.5,0.0,{date},,,A")


def read(path: Path, text: str) -> RawTrace:
    path.write_text(text, newline="")
    return open_trace(path)


# --- NMEA -------------------------------------------------------------------------------------------------------


def test_nmea_joins_positions_and_dates(tmp_path: Path) -> None:
    raw = read(
        tmp_path / "boat.log", "# comment\n" + gga("120000.25") + rmc("120000.25", "010624") + gga("120001", quality=0)
    )
    assert raw.vehicle_id == ("boat",)
    assert raw.a.tolist() == [-(11 + 31 / 60)]
    assert raw.b.tolist() == [48 + 7.038 / 60]
    assert raw.z is not None
    assert raw.z.tolist() == [545.4]
    assert (raw.t_us + (raw.epoch_us or 0)).tolist() == [NOON_2024_06_01_US + 250_000]
    assert raw.notes == {"rows": 3, "no_fix": 1}


def test_nmea_midnight_is_a_new_day_whatever_comes_first(tmp_path: Path) -> None:
    late, early = gga("235959") + rmc("235959", "010624"), gga("000001") + rmc("000001", "020624")
    raw = read(tmp_path / "a.log", late + early)
    assert np.diff(raw.t_us).tolist() == [2_000_000]
    swapped = read(tmp_path / "b.log", gga("235959") + gga("000001") + rmc("000001", "020624"))
    assert swapped.t_us.tolist() == raw.t_us.tolist()


def test_nmea_without_dates_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    text = gga("235958") + gga("000002") + gga("235958") + gga("000002")
    with pytest.raises(TraceError, match='say that of the first fix: date = "2024-06-01"'):
        read(path, text)
    raw = Nmea(date="2024-06-01").read(path)
    assert raw.t_us.tolist() == [
        NOON_2024_06_01_US + DAY_US // 2 - 2_000_000 + shift for shift in (0, 4_000_000, DAY_US, DAY_US + 4_000_000)
    ]
    with pytest.raises(TraceError, match=r'date = "1\.6\.", expected one such as'):
        Nmea(date="1.6.").read(path)


def test_nmea_counts_what_it_leaves_out(tmp_path: Path) -> None:
    broken = gga("120003").replace("4807.038", "4807.039")
    other = gga("120000").replace("$GPGGA", "$GLGGA")
    other = sentence(other[1 : other.index("*")])  # another system, the same moment
    text = gga("120000") + other + rmc("120000", "010624") + broken + "garbage\r\n" + "$GPRMC,1200\r\n"
    raw = read(tmp_path / "a.log", text)
    assert raw.notes == {"rows": 5, "repeated": 1, "dropped_checksum": 1, "no_sentence": 1, "dropped_incomplete": 1}
    assert len(raw.t_us) == 1


def test_nmea_without_heights_and_with_an_old_date(tmp_path: Path) -> None:
    raw = read(tmp_path / "a.log", rmc("101010", "220899"))
    assert raw.z is None
    assert raw.remarks == ("date 1999-08-22 before 2000: a GPS week rollover? 1024 weeks later is 2019-04-07",)
    with pytest.raises(TraceError, match="has no position in 1 sentences"):
        read(tmp_path / "b.log", rmc("101010", "220899", status="V"))
    with pytest.raises(TraceError, match=r"c\.log:1: .* is no valid GGA sentence"):
        read(tmp_path / "c.log", gga("250000"))


# --- KML --------------------------------------------------------------------------------------------------------

KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{}</Document></kml>'
TRACK = """<Placemark><name>{}</name><gx:Track><altitudeMode>{}</altitudeMode>
<when>2024-06-01T12:00:00Z</when><when>2024-06-01T14:00:01+02:00</when><when>2024-06-01T12:00:02</when>
<gx:coord>11.5 48.1 600</gx:coord><gx:coord/><gx:coord>11.6 48.2 601</gx:coord></gx:Track></Placemark>"""


def test_kml_tracks_skip_moments_without_a_place(tmp_path: Path) -> None:
    raw = read(tmp_path / "a.kml", KML.format(TRACK.format("one", "absolute")))
    assert (raw.vehicle_id, raw.a.tolist(), raw.b.tolist()) == (("one",), [11.5, 11.6], [48.1, 48.2])
    assert raw.t_us.tolist() == [NOON_2024_06_01_US, NOON_2024_06_01_US + 2_000_000]
    assert raw.z is not None
    assert raw.z.tolist() == [600.0, 601.0]
    assert read(tmp_path / "b.kml", KML.format(TRACK.format("", "clampToGround"))).z is None


def test_kml_points_count_where_there_is_no_track(tmp_path: Path) -> None:
    place = "<Point><coordinates>{}</coordinates></Point>"
    point = f"<Placemark><TimeStamp><when>2024-06-01T12:00:0{{}}Z</when></TimeStamp>{place}</Placemark>"
    two = point.format(1, "11.5,48.1,3") + point.format(2, "11.6,48.2")
    assert read(tmp_path / "a.kml", KML.format(two)).a.tolist() == [11.5, 11.6]
    both = KML.format(two + TRACK.format("t", "absolute"))
    assert read(tmp_path / "b.kml", both).vehicle_id == ("t",)


# --- JSON -------------------------------------------------------------------------------------------------------


def features(*rows: dict[str, object]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", **row} for row in rows]})


def point(place: list[float], **properties: object) -> dict[str, object]:
    return {"properties": properties, "geometry": {"type": "Point", "coordinates": place}}


def test_geojson_points_have_their_time_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    text = features(
        point([11.5, 48.1], uav="x", when=1717243200, alt=7), point([11.6, 48.2, 9.0], uav="x", when=1717243201)
    )
    path.write_text(text)
    with pytest.raises(TraceError, match=r"feature 1: no property for time among uav, when, alt; .* columns = \{ time"):
        open_trace(path)
    raw = GeoJson(columns={"id": "uav", "time": "when"}).read(path)
    assert raw.t_us.tolist() == [NOON_2024_06_01_US, NOON_2024_06_01_US + 1_000_000]
    assert raw.z is not None
    assert raw.z.tolist() == [7.0, 9.0]
    assert GeoJson(columns={"time": "when"}, vehicle="me").read(path).vehicle_id == ("me",)


def test_mfjson_features_of_one_id_are_trips(tmp_path: Path) -> None:
    def moving(name: str, times: list[object], places: list[list[float]]) -> dict[str, object]:
        return {"id": name, "temporalGeometry": {"type": "MovingPoint", "datetimes": times, "coordinates": places}}

    text = features(
        moving("a", ["2024-06-01T12:00:00Z", 1717243201000], [[11.5, 48.1], [11.6, 48.1]]),
        moving("a", ["2024-06-01T12:00:05"], [[11.7, 48.1]]),
    )
    trace = assemble(read(tmp_path / "a.json", text), aeqd(11.5, 48.1), TraceOptions())
    assert trace.trip_start.tolist() == [0, 2, 3]
    assert trace.t_us.tolist() == [0, 1_000_000, 5_000_000]


def test_mfjson_is_what_the_writer_writes(tmp_path: Path) -> None:
    frame = aeqd(11.5, 48.1)
    trace = Trace(
        vehicle_id=("a", "b"),
        trip_vehicle=np.array([0, 0, 1], np.int32),
        trip_start=np.array([0, 2, 3, 5]),
        t_us=np.array([0, 1_500_000, 9_000_000, 0, 7]),
        x_m=np.array([0.0, 10.0, 500.0, -3.0, 4.0]),
        y_m=np.array([0.0, -20.0, 700.0, 1.0, 2.0]),
        z_m=np.array([1.0, 2.0, 3.0, 4.0, 5.125]),
        epoch_us=NOON_2024_06_01_US,
    )
    write_trace(trace, tmp_path / "a.json", "mfjson", frame)
    back = assemble(open_trace(tmp_path / "a.json"), frame, TraceOptions())
    assert back.vehicle_id == trace.vehicle_id
    np.testing.assert_array_equal(back.trip_start, trace.trip_start)
    np.testing.assert_array_equal(back.t_us, trace.t_us)
    for axis in ("x_m", "y_m", "z_m"):
        np.testing.assert_allclose(getattr(back, axis), getattr(trace, axis), rtol=0, atol=2e-4)


BAD = {
    "no_track.kml": (KML.format("<Placemark><LineString/></Placemark>"), "has lines without times"),
    "root.kml": ("<kml><Document>" + "<Folder>" * 50, "nested deeper than 40"),
    "counts.kml": (KML.format(TRACK.format("a", "absolute").replace("<gx:coord/>", "")), "3 <when> and 2 places"),
    "place.kml": (KML.format(TRACK.format("a", "absolute").replace("11.5 48.1", "east")), "expected lon, lat"),
    "time.kml": (KML.format(TRACK.format("a", "absolute").replace("2024-06-01T12:00:00Z", "noon")), "expected an ISO"),
    "range.kml": (KML.format(TRACK.format("a", "absolute").replace("11.5 48.1", "48.1 111.5")), "is out of range"),
    "crs.geojson": (
        features(point([1.0, 2.0], id="a", time=1))[:-1] + ', "crs": {"properties": {"name": "EPSG:3857"}}}',
        "coordinates are in EPSG:3857; expected WGS84",
    ),
    "line.geojson": (
        features({"properties": {}, "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}),
        "feature 1: a LineString has no times",
    ),
    "polygon.geojson": (features({"geometry": {"type": "Polygon", "coordinates": []}}), "expected Point or LineString"),
    "nan.geojson": (features(point([1.0, 2.0], id="a", time=1)).replace("2.0", "NaN"), "NaN is not JSON"),
    "text.geojson": (features(point([1.0, 2.0], id="a", time=1)).replace("2.0", '"2"'), r"expected \[lon, lat\]"),
    "cut.geojson": (features(point([1.0, 2.0], id="a", time=1))[:-3], "not JSON"),
    "deep.geojson": ('{"geometry": {"coordinates": ' + "[" * 100_000, "not JSON"),
    "id.geojson": (features(point([1.0, 2.0], id=1.5, time=1)), "expected text or a whole number"),
    "mixed.geojson": (
        features(point([1.0, 2.0], id="a", time=1), point([1.0, 2.0], id="a", time="2024-06-01T12:00:00Z")),
        "some features have dates and others plain seconds",
    ),
    "counts.json": (
        features({"temporalGeometry": {"type": "MovingPoint", "datetimes": [1, 2], "coordinates": [[1, 2]]}}),
        "feature 1: 2 datetimes and 1 coordinates",
    ),
    "kind.json": (features({"temporalGeometry": {"type": "MovingPolygon"}}), "of type MovingPoint"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str) -> None:
    text, words = BAD[name]
    with pytest.raises(TraceError, match=words) as caught:
        read(tmp_path / name, text)
    assert "\n" not in str(caught.value)


# --- real files -------------------------------------------------------------------------------------------------

SAME = (
    "flight.csv",
    "flight.gpx",
    "flight.kml",
    "flight.nmea",
    "flight.mf.json",
    "flight_points.geojson",
    "flight.ulg",
)


def test_one_flight_is_the_same_in_every_format(test_data: Path) -> None:
    flights = {name: open_trace(test_data / "same_flight" / name) for name in SAME}
    first = flights["flight.csv"]
    for name, flight in flights.items():
        assert len(flight.t_us) == 645, name
        np.testing.assert_allclose(flight.a, first.a, rtol=0, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(flight.b, first.b, rtol=0, atol=1e-9, err_msg=name)
        assert flight.z is not None
        assert first.z is not None
        np.testing.assert_allclose(flight.z, first.z, rtol=0, atol=1e-3, err_msg=name)
        apart_us = (flight.t_us + (flight.epoch_us or 0)) - (first.t_us + (first.epoch_us or 0))
        assert np.abs(apart_us).max() < 1000, name  # text formats have milliseconds


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        ("kml/togeojson_gxtrack.kml", 7),
        ("nmea/gpsd_bundg_zeus_9.log", 138),
        ("nmea/gpsd_garmin-geko201.log", 18),
        ("nmea/gpsd_nmea-rtk.log", 122),
        ("nmea/gpsd_telit-he910.log", 187),
        ("nmea/gpsd_quectel-eg25-g.log", 23),
        ("nmea/gpsd_ublox-8.log", 72),
        ("geojson/trackintel_positionfixes.geojson", 6),
        ("traceexporter/cologne8.kepler.json", 1310),
        ("mfjson/tests_movingfeatures_collection.json", 37),
    ],
)
def test_real_files_have_the_rows_that_are_known(test_data: Path, file: str, rows: int) -> None:
    assert len(open_trace(test_data / file).t_us) == rows
