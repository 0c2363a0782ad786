"""Columns of numbers as one text that a page can hold: differences, bytes in planes, deflated, base64."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import FloatArray, IntArray
from simmig.units import NS_PER_S

_TYPES = {"f8": "<f8", "f4": "<f4", "i8": "<i8", "i4": "<i4", "u1": "<u1"}


def pack(columns: dict[str, NDArray[Any]]) -> tuple[list[tuple[str, str, int]], str]:
    """Return the layout, (name, type, length) in order, and the text of all columns.

    Columns are floats (f8, f4), integers of 8 and 4 bytes (i8, i4) or bytes (u1). Those of i4 are kept as differences
    to the one before. Each column is its first bytes, then its second bytes, ...: equal bytes side by side deflate
    well.
    """
    layout, parts = [], []
    for name, column in columns.items():
        code = f"{column.dtype.kind}{column.dtype.itemsize}"
        values = np.diff(column, prepend=np.int32(0)) if code == "i4" else column
        packed = np.ascontiguousarray(values, dtype=_TYPES[code])
        parts.append(packed.view(np.uint8).reshape(-1, packed.itemsize).T.tobytes())
        layout.append((name, code, len(column)))
    return layout, base64.b64encode(zlib.compress(b"".join(parts), 6)).decode("ascii")


def nanoseconds(time_s: FloatArray) -> IntArray:
    """Return the whole nanoseconds that a table's seconds were made of, -1 for NaN; over 1e9 they are those seconds."""
    time_ns = np.full(len(time_s), -1, dtype=np.int64)
    reached = np.isfinite(time_s)
    time_ns[reached] = np.rint(time_s[reached] * NS_PER_S)
    return time_ns
