"""DataFlash and telemetry logs: made byte by byte, damaged, and real ones."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats._gps_time import gps_to_us
from simmig.mobility.formats.tlog import Format as Tlog
from simmig.mobility.raw import RawTrace
from simmig.world.traces import open_trace

NOON_2024_06_01_US = 1_717_243_200_000_000
HEAD = b"\xa3\x95"


def us(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("week", "ms", "expected_us"),
    [
        (0, 0, us(1980, 1, 6)),
        (1815, 3_600_000 * 2 + 16_000, us(2014, 10, 19, 2)),  # 16 s then
        (2316, 6 * 86_400_000 + 43_200_000 + 18_000, us(2024, 6, 1, 12)),  # 18 s now
        (1930, 16_000 + 999, us(2016, 12, 31, 23, 59, 59) + 999_000),
        (1930, 18_000, us(2017, 1, 1)),  # after the leap second
    ],
)
def test_gps_time_is_so_many_seconds_ahead(week: int, ms: int, expected_us: int) -> None:
    assert gps_to_us(np.array([week]), np.array([ms])).tolist() == [expected_us]


# --- DataFlash --------------------------------------------------------------------------------------------------


def fmt(number: int, name: str, letters: str, columns: str, size: int) -> bytes:
    return HEAD + struct.pack("<BBB4s16s64s", 128, number, size + 3, name.encode(), letters.encode(), columns.encode())


GPS = fmt(130, "GPS", "QBIHBcLLe", "TimeUS,Status,GMS,GWk,NSats,HDop,Lat,Lng,Alt", 30)
POS = fmt(140, "POS", "QLLf", "TimeUS,Lat,Lng,Alt", 20)
OTHER = fmt(150, "ATT", "Qc", "TimeUS,Roll", 10)
GPS_MS = 6 * 86_400_000 + 43_200_000 + 18_000


def gps(step: int, status: int = 3, lon: float = 11.5) -> bytes:
    place = int(481234567 + step), round(lon * 1e7)
    return HEAD + struct.pack("<BQBIHBhiii", 130, step, status, GPS_MS + 200 * step, 2316, 9, 80, *place, 60_050)


def att(step: int) -> bytes:
    return HEAD + struct.pack("<BQh", 150, step, 3)


def read(path: Path, data: bytes) -> RawTrace:
    path.write_bytes(data)
    return open_trace(path)


def test_dataflash_gives_every_fix_its_own_gps_time(tmp_path: Path) -> None:
    raw = read(tmp_path / "copter.bin", GPS + OTHER + gps(0, status=1) + att(0) + gps(1) + att(1) + gps(2))
    assert raw.vehicle_id == ("copter",)
    assert (raw.t_us + (raw.epoch_us or 0)).tolist() == [NOON_2024_06_01_US + 200_000, NOON_2024_06_01_US + 400_000]
    assert (raw.a.tolist(), raw.b.tolist()) == ([11.5, 11.5], [48.1234568, 48.1234569])
    assert raw.z is not None
    assert raw.z.tolist() == [600.5, 600.5]
    assert raw.notes == {"rows": 3, "no_fix": 1}


def test_dataflash_without_gps_counts_from_the_start(tmp_path: Path) -> None:
    rows = b"".join(HEAD + struct.pack("<BQiif", 140, 1_000_000 + k, 481234567, 115000000, 7.5) for k in range(2))
    raw = read(tmp_path / "a.bin", POS + rows)
    assert (raw.t_us.tolist(), raw.epoch_us) == ([1_000_000, 1_000_001], None)
    assert "times since the autopilot started" in raw.remarks[0]


def test_dataflash_goes_on_after_damage(tmp_path: Path) -> None:
    data = GPS + gps(1) + b"\xa3\x95\x07garbage" + gps(2) + gps(3)[:-4]
    raw = read(tmp_path / "a.bin", data)
    assert len(raw.t_us) == 2
    assert raw.remarks == (f"{10 + len(gps(3)) - 4} bytes are damaged or cut, and were left out",)


# --- telemetry --------------------------------------------------------------------------------------------------


def crc(data: bytes) -> int:
    """CRC-16/MCRF4XX by its polynomial, bit by bit."""
    found = 0xFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = (found >> 1) ^ (0x8408 if found & 1 else 0)
    return found


def packet(payload: bytes, message: int = 33, seed: int = 104, system: int = 1, version: int = 2) -> bytes:
    if version == 1:
        body = bytes([len(payload), 0, system, 1, message]) + payload
        return b"\xfe" + body + crc(body + bytes([seed])).to_bytes(2, "little")
    payload = payload.rstrip(b"\0") or b"\0"  # as MAVLink 2 sends them
    body = bytes([len(payload), 0, 0, 0, system, 1]) + message.to_bytes(3, "little") + payload
    return b"\xfd" + body + crc(body + bytes([seed])).to_bytes(2, "little")


def said(step: int, system: int = 1, version: int = 2, lat: int = 481234567, lon: int = 115000000) -> bytes:
    payload = struct.pack("<IiiiihhhH", step, lat, lon, 600_500, 3, 1, 2, 3, 0)
    return struct.pack(">Q", NOON_2024_06_01_US + step) + packet(payload, system=system, version=version)


def test_check_value_of_the_checksum() -> None:
    assert crc(b"123456789") == 0x6F91


@pytest.mark.parametrize("version", [1, 2])
def test_tlog_positions(tmp_path: Path, version: int) -> None:
    heartbeat = struct.pack(">Q", NOON_2024_06_01_US) + packet(b"\x01" * 9, message=0, seed=50, version=version)
    raw = read(tmp_path / "plane.tlog", heartbeat + said(0, lat=0, lon=0, version=version) + said(1, version=version))
    assert (raw.vehicle_id, raw.a.tolist(), raw.b.tolist()) == (("plane",), [11.5], [48.1234567])
    assert (raw.t_us + (raw.epoch_us or 0)).tolist() == [NOON_2024_06_01_US + 1]
    assert raw.z is not None
    assert raw.z.tolist() == [600.5]
    assert raw.notes == {"rows": 2, "no_fix": 1}


def test_tlog_of_several_systems_damaged_and_cut(tmp_path: Path) -> None:
    wrong = bytearray(said(2))
    wrong[30] ^= 1
    path = tmp_path / "a.tlog"
    raw = read(path, said(1) + said(1, system=7) + bytes(wrong) + b"\x00\xff" + said(3) + said(4)[:-3])
    assert raw.vehicle_id == ("a/1", "a/7")
    assert raw.notes == {"rows": 4, "dropped_checksum": 1}
    assert len(raw.t_us) == 3
    assert "bytes are damaged or cut" in raw.remarks[0]
    assert Tlog(system=7).read(path).vehicle_id == ("a",)


BAD = {
    "none.bin": (GPS + OTHER + att(1), r"no position \(looked for GPS and POS messages\); it has ATT"),
    "void.bin": (GPS + gps(1, status=1), "no usable position in 1 rows"),
    "odd.bin": (fmt(130, "GPS", "QB", "TimeUS,Status", 9) + HEAD + struct.pack("<BQB", 130, 1, 3), "have no TimeMS"),
    "none.tlog": (said(1, lat=0, lon=0), "no position .*; 1 before a fix"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    with pytest.raises(TraceError, match=words) as caught:
        read(tmp_path / name, data)
    assert "\n" not in str(caught.value)


# --- real files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flight.bin", "flight.tlog"])
def test_the_same_flight(test_data: Path, name: str) -> None:
    flight, other = (open_trace(test_data / "same_flight" / file) for file in ("flight.csv", name))
    assert len(other.t_us) == 645
    np.testing.assert_allclose(other.a, flight.a, rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.b, flight.b, rtol=0, atol=1e-9)
    assert flight.z is not None
    np.testing.assert_allclose(other.z, flight.z, rtol=0, atol=0.0051)  # DataFlash has centimetres
    apart_us = (other.t_us + (other.epoch_us or 0)) - (flight.t_us + (flight.epoch_us or 0))
    assert np.abs(apart_us).max() < 1000


@pytest.mark.parametrize(
    ("file", "rows"),
    [
        ("dataflash/pymavlink_test.BIN", 5),
        ("dataflash/nolicence/dataflash-sample-2.bin", 520),
        ("dataflash/nolicence/joeydouglas_2014-10-18_20-44-05.bin", 1500),
        ("dataflash/nolicence/joeydouglas_2014-10-18_21-12-23.bin", 104),
        ("tlog/uavlogviewer_vtol.tlog", 807),
        ("tlog/nolicence/phoenix_mission1_2018-09-17_16-44-06.tlog", 772),  # of 782, ten before the first fix
    ],
)
def test_real_files_have_the_rows_that_are_known(test_data: Path, file: str, rows: int) -> None:
    assert len(open_trace(test_data / file).t_us) == rows
