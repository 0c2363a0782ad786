"""GPX: tracks of any maker, their points to the last digit, and clear words where there are no times."""

import re

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats.gpx import Format
from simmig.mobility.frame import PLAIN, choose_frame
from simmig.mobility.raw import assemble

POINT = '<trkpt lat="51.0" lon="7.0"><ele>80.5</ele><time>2024-06-01T07:00:00Z</time></trkpt>'


def gpx(*tracks, root="<gpx>"):
    return f'<?xml version="1.0"?>\n{root}' + "\n".join(tracks) + "</gpx>"


def track(*points, name=""):
    return f"<trk>{name and f'<name>{name}</name>'}<trkseg>" + "\n".join(points) + "</trkseg></trk>"


def read(tmp_path, text):
    path = tmp_path / "t.gpx"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Format().read(path)


def refusal(tmp_path, text):
    with pytest.raises(TraceError) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{tmp_path}/", "")


def test_a_point_with_everything(tmp_path):
    raw = read(tmp_path, gpx(track(POINT, name="walk")))
    assert (raw.kind, raw.epoch_us, raw.vehicle_id) == ("lonlat", 0, ("walk",))
    assert (raw.a[0], raw.b[0], raw.z[0], raw.t_us[0]) == (7.0, 51.0, 80.5, 1717225200_000_000)


def test_prefixes_namespaces_marks_and_extensions(tmp_path):
    point = (
        '<g:trkpt lon="7" lat="51"><g:time>2024-06-01T07:00:00Z</g:time>'
        "<g:extensions><x:ele>999</x:ele><x:time>1999-01-01T00:00:00Z</x:time></g:extensions></g:trkpt>"
    )
    track = (
        f"<g:trk><g:name>a &amp; b</g:name><g:trkseg>{point}</g:trkseg>"
        "<g:extensions><x:name>wrong</x:name></g:extensions></g:trk>"
    )
    waypoint = '<wpt lat="1" lon="2"><name>no track</name></wpt>'
    text = f'<g:gpx xmlns:g="G" xmlns:x="X">{track}{waypoint}</g:gpx>'
    raw = read(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert raw.vehicle_id == ("a & b",)
    assert raw.t_us.tolist() == [1717225200_000_000]
    assert raw.z is None


def test_tracks_are_vehicles_and_segments_trips(tmp_path):
    later = POINT.replace("07:00:00", "07:00:01")
    two = f"<trk><trkseg>{POINT}</trkseg><trkseg>{later}</trkseg></trk>"
    raw = read(tmp_path, gpx(two, track(POINT, name="x")))
    assert raw.vehicle_id == ("track 1", "x")
    assert raw.vehicle.tolist() == [0, 0, 1]
    assert assemble(raw, choose_frame([raw])).trip_vehicle.tolist() == [0, 0, 1]


def test_a_fix_repeated_at_the_seam_of_two_segments_is_merged(tmp_path):
    later = POINT.replace("07:00:00", "07:00:01")
    raw = read(tmp_path, gpx(f"<trk><trkseg>{POINT}{later}</trkseg><trkseg>{later}</trkseg></trk>"))
    trace = assemble(raw, choose_frame([raw]))
    assert trace.fix_count == 2
    assert trace.notes["duplicates_equal"] == 1


def test_names_that_repeat_get_a_number(tmp_path):
    raw = read(tmp_path, gpx(track(POINT, name="LOG"), track(POINT, name="LOG"), track(POINT, name="once")))
    assert raw.vehicle_id == ("LOG #1", "LOG #2", "once")


def test_times_without_an_offset_are_utc_as_the_standard_says(tmp_path):
    assert read(tmp_path, gpx(track(POINT.replace("Z<", "<")))).t_us[0] == 1717225200_000_000


def test_points_without_time_are_counted_with_their_lines(tmp_path):
    bare = '<trkpt lat="51.5" lon="7.5"/>'
    raw = read(tmp_path, gpx(track(POINT, bare, POINT.replace("00Z", "01Z"))))
    assert raw.notes == {"rows": 3, "dropped_untimed": 1}
    assert raw.remarks == (f"1 rows without a time, first at {tmp_path}/t.gpx:3",)
    assert raw.t_us.tolist() == [1717225200_000_000, 1717225201_000_000]


def test_places_after_dropped_points(tmp_path):
    text = gpx(track('<trkpt lat="51.5" lon="7.5"/>', POINT.replace('"51.0"', '"91.0"')))
    assert refusal(tmp_path, text).startswith("t.gpx:3: longitude 7, latitude 91 is out of range")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (gpx(track('<trkpt lat="51" lon="7"/>')), "no track point has a <time>"),
        (gpx('<rte><rtept lat="51" lon="7"/></rte>'), "has no track point <trkpt>; routes and waypoints"),
        (gpx(track('<trkpt lat="51"><time>7</time></trkpt>')), "t.gpx:2: <trkpt> has no lon"),
        (gpx(track(POINT.replace("7.0", "east"))), 't.gpx:2: lon="east" of <trkpt> is not a number'),
        (gpx(track(POINT.replace("80.5", "high"))), 't.gpx:2: ele="high" of <trkpt> is not a number'),
        (gpx(track(POINT.replace("2024-06-01T", "noon "))), "t.gpx:2: time 'noon 07:00:00Z' expected an ISO 8601"),
        (gpx(track(POINT, POINT.replace("2024-06-01T07:00:00Z", "7"))), "t.gpx:3: time '7': dates and plain numbers"),
        (gpx('<trkpt lat="51" lon="7"/>'), "<trkpt> outside <trk> and <trkseg>"),
        (gpx("<trkseg>" + POINT + "</trkseg>"), "<trkpt> outside <trk> and <trkseg>"),
        (gpx("<a>" * 20 + "</a>" * 20), "nested deeper than 16"),
        ("<kml></kml>", "t.gpx:1: root element is <kml>, expected <gpx>"),
        (gpx(track(POINT))[:-3], "not well-formed XML: unclosed token"),
        ("<!DOCTYPE gpx><gpx/>", "DOCTYPE and entity declarations are not allowed"),
        (gpx(track(POINT.replace("2024-06-01T07:00:00Z", "9" * 400))), "is out of range"),
    ],
)
def test_what_is_refused(tmp_path, text, words):
    assert words in refusal(tmp_path, text)


def test_numbers_for_times_are_seconds_without_a_date(test_data):
    raw = Format().read(test_data / "bad" / "gpx_numeric_time.gpx")
    assert (raw.t_us.tolist(), raw.epoch_us) == ([25273_000_000, 25274_000_000], None)
    assert "without a date" in raw.remarks[0]
    exported = Format().read(test_data / "traceexporter" / "cologne8.gpx")
    assert (len(exported.t_us), len(exported.vehicle_id)) == (1310, 20)
    assert exported.t_us[0] == 25273_000_000


def test_broken_file(test_data):
    with pytest.raises(TraceError, match="no track point has a <time>; record or export the track with time stamps"):
        Format().read(test_data / "bad" / "gpx_no_time.gpx")


@pytest.mark.parametrize(
    ("name", "fixes", "tracks", "span_s", "has_z"),
    [
        ("around-visnjan-with-car.gpx", 104, 1, 514.0, True),
        ("cerknicko-jezero.gpx", 296, 7, 7190.0, True),
        ("cerknicko-jezero-without-elevations.gpx", 295, 7, 7176.0, False),
        ("graphhopper_tour2-with-loop.gpx", 12, 1, 112.0, False),
        ("togeojson_apple_watch_route.gpx", 44, 1, 43.0, True),
        ("togeojson_multitrackgpx.gpx", 117, 3, 162680.0, True),
        ("track-with-empty-segment.gpx", 9, 1, 76.0, True),
        ("track-with-less-sec-time.gpx", 2, 1, 0.994, True),
    ],
)
def test_real_tracks(test_data, name, fixes, tracks, span_s, has_z):
    path = test_data / "gpx" / name
    raw = Format().read(path)
    trace = assemble(raw, choose_frame([raw]))
    assert (trace.fix_count, trace.vehicle_count) == (fixes, tracks)
    spans_us = trace.last_us() - trace.first_us()
    assert trace.end_us == round(span_s * 1e6) or spans_us.max() == round(span_s * 1e6)
    assert (raw.z is not None) == has_z
    # The same numbers, found without an XML parser.
    text = path.read_text(encoding="utf-8-sig")
    latitudes = [float(found) for found in re.findall(r'<trkpt[^>]*\blat="([^"]*)"', text)]
    assert set(raw.b) <= set(latitudes)
    assert len(latitudes) == raw.notes["rows"]


def test_the_flight_in_plain_metres_is_refused(test_data):
    raw = Format().read(test_data / "gpx" / "track-with-less-sec-time.gpx")
    with pytest.raises(TraceError, match="cannot be placed in a frame of plain metres"):
        assemble(raw, PLAIN)
    assert np.diff(raw.t_us).tolist() == [994_000]
