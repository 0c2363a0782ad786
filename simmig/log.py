"""The event log: what happened in a run, in the order in which it was recorded, with a digest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simmig.records import LAYOUTS, Layout

RESULTS_VERSION = 2  # goes up, with a line in CHANGELOG.md, whenever the same scenario gives other results

_POWERS = np.array([float(f"1e{k}") for k in range(-300, 301)])  # parsed, hence correctly rounded on every machine
_SIGNIFICANT = 9
_BLOCK = 4096  # rows handled at once: about 0.5 MB of records, which the cache of a processor core holds


@dataclass(slots=True)
class Column:
    """The rows of one kind of record, packed."""

    layout: Layout
    data: bytearray = field(default_factory=bytearray)

    def append(self, *values: float) -> None:
        """Add one row."""
        self.data += self.layout.pack(*values)

    def rows(self) -> NDArray[Any]:
        """Return the rows as a read-only structured array, a view: nothing can be appended while it is in use."""
        rows = np.frombuffer(self.data, dtype=self.layout.dtype)
        rows.flags.writeable = False
        return rows

    def columns(self, *names: str) -> dict[str, NDArray[Any]]:
        """Return these columns by name, all if none is named, as contiguous copies: for work on many of the rows."""
        rows = self.rows()
        found = {name: np.empty(len(rows), rows.dtype[name]) for name in names or rows.dtype.names or ()}
        # Block by block, or each column would fetch all records from memory again.
        for block in _blocks(len(rows)):
            for name, values in found.items():
                values[block] = rows[name][block]
        return found


class EventLog:
    """Records of a run by kind, and the names that their indices stand for.

    `results_version` and the names come first in the digest, so two logs with equal digests tell the same story.
    """

    __slots__ = ("fault", "migration", "placement", "round", "rsu_id", "vehicle_id")

    def __init__(self, vehicle_id: tuple[str, ...], rsu_id: tuple[str, ...]) -> None:
        self.vehicle_id = vehicle_id
        self.rsu_id = rsu_id
        self.placement = Column(LAYOUTS["placement"])
        self.migration = Column(LAYOUTS["migration"])
        self.round = Column(LAYOUTS["round"])
        self.fault = Column(LAYOUTS["fault"])

    def digest(self) -> str:
        """Return the fingerprint: sha256 over names, integers exactly and floats to 9 significant digits."""
        digest = sha256(f"simmig results {RESULTS_VERSION}".encode())
        for names in (self.vehicle_id, self.rsu_id):
            digest.update("\x1e".join(names).encode() + b"\x1d")
        for kind in LAYOUTS:
            column = getattr(self, kind)
            digest.update(f"{kind} {len(column.rows())}".encode())
            for values in column.columns().values():
                for part in _exact(values):
                    digest.update(part.data)
        return digest.hexdigest()


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _exact(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield what the digest takes of a column: integers as they are, of floats all mantissas, then all exponents."""
    if values.dtype.kind != "f":
        yield values
        return
    exponents = []
    for block in _blocks(len(values)):
        mantissa, exponent = significant(values[block])
        yield mantissa
        exponents.append(exponent)
    yield from exponents


def significant(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return (mantissa, exponent) of the values to 9 significant decimal digits, shape as given.

    Only comparisons, one product and one rounding are used, which every IEEE machine does alike; np.log10 is not
    correctly rounded and differs between processors. Not-finite values and zero have exponents of their own.
    """
    size = np.abs(values)
    finite = np.isfinite(values) & (size >= _POWERS[0])
    size = np.where(finite, size, 1.0)
    # size >= 2^(two - 1), whose decimal exponent is right or one too small: 78913 / 2^18 is log10(2), near enough
    # for every exponent of a double. Beyond 1e300 the exponent stays 300.
    two = np.frexp(size)[1]
    exponent = np.minimum((two - 1) * 78913 >> 18, 299)
    exponent = exponent + (size >= _POWERS[exponent + 301])
    shift = (_SIGNIFICANT - 1) - exponent
    scaled = np.where(finite, values, 0.0)
    scaled = np.where(
        shift >= 0,
        scaled * _POWERS[300 + np.clip(shift, 0, 300)],
        scaled / _POWERS[300 + np.clip(-shift, 0, 300)],
    )
    mantissa = np.rint(scaled).astype(np.int64)
    carried = np.abs(mantissa) >= 10**_SIGNIFICANT
    mantissa = np.where(carried, mantissa // 10, mantissa)
    special = np.select([np.isnan(values), values == np.inf, values == -np.inf], [1001, 1002, 1003], 0)
    exponent = np.where(finite, exponent + carried, special)
    return mantissa, exponent.astype(np.int16)
