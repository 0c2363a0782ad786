"""Damaged traces: bytes changed, cut out, doubled. A reader refuses in one line or reads; it never fails otherwise.

Ten damages of each file here, a thousand by hand with `pytest -m slow tests/test_trace_fuzz.py`.
"""

import gzip
from pathlib import Path

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.rng import stream
from simmig.world.traces import open_trace

FILES = (
    *(
        "fcd/bologna_acosta_geo_humantime.fcd.xml",
        "fcd/bologna_acosta_geo.fcd.csv",
        "fcd/bologna_acosta_geo.fcd.parquet",
    ),
    *("fcd/cologne8_utm.fcd.xml.gz", "same_flight/flight.csv", "same_flight/flight.gpx", "same_flight/flight.kml"),
    *("same_flight/flight.nmea", "same_flight/flight.mf.json", "same_flight/flight_points.geojson"),
    *("same_flight/flight.bin", "same_flight/flight.tlog", "same_flight/flight.ulg"),
    *("same_flight/flight_airdata_layout.csv", "traceexporter/cologne8.kepler.json", "ns2/default.ns_movements"),
    *("one/cologne8_external_movement.txt", "ansim/ansimtrace.xml", "tdrive/9879_first75.txt"),
    *("rome_taxi/taxi_february_first_minute_excerpt.txt", "porto/porto_kaggle_layout_318trips.csv"),
    *("ngsim/motive_NGSIM_peachtree_5000rows.csv", "geolife/010/Trajectory/20070804033032.plt"),
    *("cabspotting/new_abboip_original_order_newest_first_2000.txt", "kml/togeojson_multitrack.kml"),
)
MOST_BYTES = 40_000  # of text: what can go wrong does so near the start too


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The data with one or a few damages."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at, length = int(rng.integers(len(changed) or 1)), int(rng.integers(1, 30))
        kind = rng.integers(5)
        if kind == 0:
            changed[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length]
        elif kind == 3:
            del changed[at:]
        else:
            changed[at : at + 1] = b"\x00" if rng.random() < 0.3 else bytes([rng.choice(list(b'-.,:;"<>[]{}09eE nN'))])
    return bytes(changed)


def attack(source: Path, folder: Path, count: int) -> None:
    """Read a file with so many damages; anything but a trace or one line is a failure."""
    data = source.read_bytes()
    packed = data.startswith(b"\x1f\x8b")
    if source.suffix in (".parquet", ".bin", ".tlog", ".ulg") or packed:
        sample = data
    else:
        sample = data[:MOST_BYTES]
    for number in range(count):
        rng = stream(number, "fuzz", source.name)
        inner = packed and rng.random() < 0.7
        broken = gzip.compress(damaged(gzip.decompress(sample)[:MOST_BYTES], rng)) if inner else damaged(sample, rng)
        path = folder / source.name
        path.write_bytes(broken)
        refusal = ""
        try:
            raw = open_trace(path)
        except TraceError as error:
            refusal = str(error)
        assert "\n" not in refusal, (number, refusal)
        if not refusal:
            assert len(raw.t_us) == len(raw.a) == len(raw.b) == len(raw.vehicle) > 0, number
            assert np.isfinite(raw.a).all(), number
            assert np.isfinite(raw.b).all(), number


@pytest.mark.parametrize("name", FILES)
def test_damage_is_refused_or_read(test_data: Path, tmp_path: Path, name: str) -> None:
    attack(test_data / name, tmp_path, 10)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_much_damage_is_refused_or_read(test_data: Path, tmp_path: Path, name: str) -> None:
    attack(test_data / name, tmp_path, 1000)
