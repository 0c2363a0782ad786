"""Formats are known by their content, and one flight is one trajectory in all of them."""

import gzip
import shutil

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats import csv, fcd, fcd_csv, fcd_parquet, gpx, parquet, ulog
from simmig.mobility.formats._content import open_content
from simmig.mobility.frame import choose_frame
from simmig.mobility.raw import TraceFormat, TraceOptions, assemble
from simmig.mobility.reading import read_trace, recognise

FORMATS = {
    "csv": csv.Format,
    "fcd": fcd.Format,
    "fcd_csv": fcd_csv.Format,
    "fcd_parquet": fcd_parquet.Format,
    "gpx": gpx.Format,
    "parquet": parquet.Format,
    "ulog": ulog.Format,
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("same_flight/flight.csv", "csv"),
        ("same_flight/flight.gpx", "gpx"),
        ("same_flight/flight.ulg", "ulog"),
        ("same_flight/flight_canonical_proposal.parquet", "parquet"),
        ("fcd/bologna_acosta_geo.fcd.xml.gz", "fcd"),
        ("fcd/bologna_acosta_geo_humantime.fcd.xml", "fcd"),
        ("fcd/bologna_acosta_geo.fcd.csv", "fcd_csv"),
        ("fcd/bologna_acosta_geo.fcd.parquet", "fcd_parquet"),
        ("csv_generic/trackintel_google_trajectory.csv", "csv"),
        ("gpx/unicode_with_bom.gpx", "gpx"),
        ("bad/csv_utf16le.csv", "csv"),
        ("bad/csv_nul_bytes.csv", "csv"),
        ("bad/gz_without_extension.xml", "fcd"),
        ("bad/fcd_wrong_root.xml", "fcd"),
        ("bad/fcd_entity_expansion.xml", "fcd"),
        ("bad/parquet_string_columns.parquet", "fcd_parquet"),
    ],
)
def test_real_files_are_recognised_whatever_they_are_called(test_data, tmp_path, name, expected):
    path = tmp_path / "anything.dat"
    shutil.copy(test_data / name, path)
    assert recognise(path, FORMATS) == expected


@pytest.mark.parametrize(
    "name",
    [
        "same_flight/flight.kml",
        "same_flight/flight.nmea",
        "same_flight/flight.bin",
        "same_flight/flight.tlog",
        "same_flight/flight.mf.json",
        "same_flight/flight_points.geojson",
        "bad/csv_binary_garbage.csv",
        "bad/js_wrapped.geojson",
        "bad/ulog_wrong_magic.ulg",
    ],
)
def test_what_no_format_claims_is_shown_by_its_start(test_data, name):
    with pytest.raises(TraceError) as error:
        recognise(test_data / name, FORMATS)
    text = str(error.value)
    assert "of no known format (csv, fcd, fcd_csv, fcd_parquet, gpx, parquet, ulog); it starts with '" in text
    assert text.isprintable()


def test_a_file_that_two_formats_claim_is_asked_about(tmp_path):
    class Greedy(TraceFormat):
        @classmethod
        def recognises(cls, head, path):
            return True

    path = tmp_path / "t.csv"
    path.write_text("id,time,x,y\na,0,1,1\n")
    with pytest.raises(TraceError, match='could be another or csv; choose with format = "another"'):
        recognise(path, {**FORMATS, "another": Greedy})


@pytest.mark.parametrize("packed", [False, True])
def test_missing_and_empty_files(tmp_path, packed):
    with pytest.raises(TraceError, match="no such file"):
        read_trace(tmp_path / "t.csv", csv.Format())
    (tmp_path / "t.csv").write_bytes(gzip.compress(b"") if packed else b"")
    for attempt in (lambda path: recognise(path, FORMATS), lambda path: read_trace(path, csv.Format())):
        with pytest.raises(TraceError, match="the file is empty"):
            attempt(tmp_path / "t.csv")
    with pytest.raises(TraceError, match="no such file"):
        recognise(tmp_path, FORMATS)


def drain(stream, sizes):
    while block := stream.read(1 << 20):
        sizes.append(len(block))


def test_gzip_files_are_bounded_and_their_damage_is_told(tmp_path):
    path, sizes = tmp_path / "t.gz", []
    honest = np.random.Generator(np.random.PCG64(1)).bytes(10_000) * 3
    path.write_bytes(gzip.compress(honest))
    with open_content(path) as stream:
        assert stream.read() == honest
    path.write_bytes(gzip.compress(bytes(30_000_000)))
    with open_content(path) as stream, pytest.raises(TraceError, match="more than 200 times its size"):
        drain(stream, sizes)
    assert 1_000_000 < sum(sizes) < 8_000_000
    path.write_bytes(gzip.compress(honest)[:-30])
    with open_content(path) as stream, pytest.raises(TraceError, match="the gzip data end too early"):
        stream.read()
    broken = bytearray(gzip.compress(honest))
    broken[5_000] ^= 0xFF
    path.write_bytes(broken)
    with open_content(path) as stream, pytest.raises(TraceError, match="broken gzip data"):
        stream.read()


def test_one_flight_is_one_trajectory_in_every_format(test_data):
    folder = test_data / "same_flight"
    files = {
        "flight.csv": csv.Format(),
        "flight.gpx": gpx.Format(),
        "flight.ulg": ulog.Format(),
        "flight_canonical_proposal.parquet": parquet.Format(coordinates="lonlat"),
    }
    raws = {name: read_trace(folder / name, trace_format) for name, trace_format in files.items()}
    frames = {choose_frame([raw]) for raw in raws.values()}
    assert len(frames) == 1
    options = TraceOptions(require_altitude=True)
    traces = {name: assemble(raw, next(iter(frames)), options) for name, raw in raws.items()}
    one = traces["flight.csv"]
    assert (one.fix_count, one.vehicle_count, len(one.trip_vehicle)) == (645, 1, 1)
    assert one.epoch_us == 1768273457_875_000
    for name, other in traces.items():
        np.testing.assert_allclose(other.x_m, one.x_m, atol=1e-8, rtol=0, err_msg=name)
        np.testing.assert_allclose(other.y_m, one.y_m, atol=1e-8, rtol=0, err_msg=name)
        # The canonical sample keeps altitudes as 32-bit floats.
        np.testing.assert_allclose(other.z_m, one.z_m, atol=2e-5, rtol=0, err_msg=name)
        # CSV and GPX cut the microseconds to milliseconds.
        assert np.abs(other.t_us + other.epoch_us - one.t_us - one.epoch_us).max() < 1000, name
