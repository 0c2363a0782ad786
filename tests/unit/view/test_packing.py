"""Packed columns come back as they were, by an unpacking written from the description of `pack` alone."""

import base64
import zlib

import numpy as np

from simmig.rng import stream
from simmig.view.packing import nanoseconds, pack


def unpacked(layout, text):
    """The columns of a packed text."""
    data, columns = zlib.decompress(base64.b64decode(text)), {}
    for name, code, count in layout:
        size = int(code[1])
        planes = np.frombuffer(data[: size * count], dtype=np.uint8).reshape(size, count)
        data = data[size * count :]
        values = np.frombuffer(planes.T.tobytes(), dtype=f"<{code}")
        columns[name] = np.cumsum(values, dtype=values.dtype) if code == "i4" else values
    assert data == b""
    return columns


def test_every_type_comes_back_bit_by_bit():
    rng = stream(3, "packing")
    columns = {
        "time": rng.normal(0, 1e5, 50),
        "share": np.array([0.1, np.nan, np.inf, -np.inf], dtype=np.float32),
        "track": np.array([5, -3, 2_000_000_000, -2_000_000_000, 0], dtype=np.int32),
        "ns": np.array([3_600_000_000_001, -1, 0], dtype=np.int64),
        "kind": np.array([0, 255, 7], dtype=np.uint8),
        "none": np.empty(0),
    }
    found = unpacked(*pack(columns))
    assert found.keys() == columns.keys()
    for name, column in columns.items():
        assert found[name].dtype == column.dtype
        np.testing.assert_array_equal(found[name], column)


def test_steady_columns_become_small():
    _, text = pack({"t": np.arange(0, 3_000_000, 30, dtype=np.int32)})
    assert len(text) < 1000  # 400 kB of numbers


def test_seconds_are_whole_nanoseconds_and_come_back():
    time_ns = stream(1, "ns").integers(0, 4 * 10**12, 2000)
    time_s = time_ns / 10**9
    np.testing.assert_array_equal(nanoseconds(time_s), time_ns)
    np.testing.assert_array_equal(nanoseconds(time_s) / 1e9, time_s)
    assert nanoseconds(np.array([np.nan, 1.5])).tolist() == [-1, 1_500_000_000]
