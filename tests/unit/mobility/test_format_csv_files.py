"""CSV: the broken files and what is said about them, and real ones."""

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats.csv import Format
from simmig.mobility.frame import aeqd, choose_frame
from simmig.mobility.raw import TraceOptions, assemble
from simmig.mobility.reading import read_trace


@pytest.mark.parametrize(
    ("name", "settings", "line", "words"),
    [
        ("csv_big_int_ids.csv", {}, ":4", ["vehicle id is missing"]),
        ("csv_binary_garbage.csv", {}, "", ["not text", "NUL byte at offset 26"]),
        ("csv_dst_repeated_hour.csv", {}, ":2", ["'2023-10-29 02:30:00' has no time zone", "time_zone"]),
        (
            "csv_dst_repeated_hour.csv",
            {"time_zone": "Europe/Berlin"},
            ":2",
            ["happened twice in Europe/Berlin", "ambiguous ="],
        ),
        ("csv_empty.csv", {}, "", ["the file is empty"]),
        ("csv_gps_time_as_utc.csv", {}, ":1", ["no column for time", "gps_week, gps_ms", "columns = {"]),
        ("csv_huge_id.csv", {}, ":2", ["field larger", "256 characters"]),
        ("csv_latlon_swapped_detectable.csv", {}, ":2", ["latitude 116.37", "look swapped", "columns = {"]),
        ("csv_missing_time.csv", {}, ":1", ["no column for time", "it has vehicle_id, lon, lat, speed", "timestamp"]),
        ("csv_mixed_encoding.csv", {}, ":3", ["byte 6 (0xf6) is not utf-8", "encoding"]),
        ("csv_mixed_timezones.csv", {}, ":4", ["'2024-06-01 07:00:10' has no time zone"]),
        ("csv_mixed_timezones.csv", {"time_zone": "UTC"}, ":5", ["'06/01/2024 07:00:15' expected an ISO 8601"]),
        ("csv_nul_bytes.csv", {}, "", ["NUL byte at offset 300"]),
        ("csv_ragged.csv", {}, ":7", ["3 fields, expected 5", "csv_ragged.csv:8", "skip_bad_rows"]),
        ("csv_thousands_separators.csv", {}, ":2", ["'356.192,83' is not a number", "thousands"]),
        ("csv_thousands_separators.csv", {"decimal": ","}, ":2", ["'356.192,83' is not a number", "thousands"]),
        ("csv_utm_in_lonlat_columns.csv", {}, ":2", ["longitude 356192.83", "metres?", 'crs = "EPSG:32632"']),
        ("csv_wrong_delimiter.csv", {}, ":2", ["'6,950000' is not a number", 'decimal = ","']),
    ],
)
def test_broken_files_are_refused_in_one_line(test_data, name, settings, line, words):
    path = test_data / "bad" / name
    with pytest.raises(TraceError) as error:
        read_trace(path, Format(**settings))
    text = str(error.value)
    assert text.startswith(f"{path}{line}: ")
    assert "\n" not in text
    assert len(text) < len(str(path)) * 2 + 250
    for word in words:
        assert word in text


@pytest.fixture
def bad(test_data):
    return lambda name, **settings: Format(**settings).read(test_data / "bad" / name)


def test_mixed_line_ends_are_all_line_ends(bad):
    raw = bad("csv_crlf_mixed.csv")
    assert raw.t_us.tolist() == [(1717225200 + 5 * k) * 10**6 for k in range(12)]


def test_milliseconds_are_not_taken_for_seconds(bad):
    raw = bad("csv_epoch_ms_as_s.csv")
    assert raw.t_us[0] == 1717225200_000_000
    assert set(np.diff(raw.t_us)) == {5_000_000}


def test_ids_are_texts_whatever_they_look_like(bad):
    assert bad("csv_numeric_looking_ids.csv").vehicle_id == ("007", "7", "1e3")
    assert bad("csv_id_injection.csv").vehicle_id == (
        "=cmd|' /C calc'!A0",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "a,b\nc",
    )


def test_utf16_with_its_mark_is_read(bad):
    raw = bad("csv_utf16le.csv")
    assert raw.notes == {"rows": 40}
    assert raw.vehicle_id == ("car1",)


def test_rows_without_a_place_are_too_many_here(bad):
    raw = bad("csv_nan_coords.csv")
    assert raw.notes == {"rows": 14, "dropped_not_finite": 4}
    with pytest.raises(TraceError, match=r"4 of 14 rows are unusable .*csv_nan_coords.csv:2.*max_drop_share = 0.29"):
        assemble(raw, choose_frame([raw]))
    assert assemble(raw, choose_frame([raw]), TraceOptions(max_drop_share=0.29)).fix_count == 10


def test_uavs_need_an_altitude(bad):
    raw = bad("csv_no_altitude_uav.csv")
    with pytest.raises(TraceError, match="20 of 20 fixes have no altitude"):
        assemble(raw, choose_frame([raw]), TraceOptions(require_altitude=True))
    options = TraceOptions(require_altitude=True, default_altitude_m=60.0)
    assert set(assemble(raw, choose_frame([raw]), options).z_m) == {60.0}


def test_the_hints_that_are_given_work(bad):
    swapped = bad("csv_latlon_swapped_detectable.csv", columns={"lon": "lat", "lat": "lon"})
    assert (swapped.a[0], swapped.b[0]) == (116.37, 39.97)
    utm = bad("csv_utm_in_lonlat_columns.csv", columns={"x": "lon", "y": "lat"}, crs="EPSG:32632")
    assert (utm.kind, utm.a[0]) == ("metres", 356192.83)
    assert bad("csv_wrong_delimiter.csv", decimal=",").b[0] == 50.96
    assert (
        len(bad("csv_ragged.csv", skip_bad_rows=True).t_us)
        == bad("csv_ragged.csv", skip_bad_rows=True).notes["rows"] - 2
    )
    second = bad("csv_dst_repeated_hour.csv", time_zone="Europe/Berlin", ambiguous="second")
    assert second.t_us[0] == 1698543000_000_000  # 2023-10-29 01:30 UTC


def test_feet_land_where_they_were_measured(bad):
    raw = bad("csv_feet_as_metres.csv", crs="EPSG:2240")
    lon, lat = aeqd(-84.4, 33.8).inverse(*aeqd(-84.4, 33.8).from_crs(raw.a, raw.b, raw.crs))
    assert (lon[0], lat[0]) == (pytest.approx(-84.38415, abs=1e-4), pytest.approx(33.78125, abs=1e-4))


def test_trackintel_files(test_data):
    google = Format().read(test_data / "csv_generic" / "trackintel_google_trajectory.csv")
    trace = assemble(google, choose_frame([google]))
    assert (trace.fix_count, trace.vehicle_id, trace.end_us) == (416, ("1",), 34_625_000_000)
    assert (np.diff(google.t_us) < 0).all()  # newest first
    assert google.a.min() == pytest.approx(8.51937, abs=5e-6)
    gpsies = Format().read(test_data / "csv_generic" / "trackintel_gpsies_trajectory.csv")
    assert assemble(gpsies, choose_frame([gpsies])).end_us == 17_840_000_000
    assert gpsies.z[0] == 456.0


def test_a_log_with_two_clocks(test_data):
    path = test_data / "ulog_csv" / "px4_vehicle_gps_position.csv"
    boot = Format(vehicle="uav", time_unit="us").read(path)
    utc = Format(vehicle="uav", columns={"time": "utc_usec"}).read(path)
    assert (boot.epoch_us, boot.t_us[0]) == (None, 182092193)
    assert (utc.epoch_us, utc.t_us[0]) == (0, 1768273457875381)
    with pytest.raises(TraceError, match="cannot all be of one unit; set time_unit"):
        Format(vehicle="uav").read(path)
