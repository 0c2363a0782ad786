"""Columns that grow fix by fix, for formats whose files are read record by record."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._rows import Codes, finish
from simmig.mobility.frame import Coordinates
from simmig.mobility.raw import RawTrace


class Growing:
    """Fixes as they are read; `add` takes the next one, with the line it stands in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._codes = Codes()
        self._vehicle, self._line = array("i"), array("q")
        self._t_us, self._a, self._b, self._z = array("q"), array("d"), array("d"), array("d")

    def __len__(self) -> int:
        return len(self._t_us)

    def add(self, name: str, t_us: int, a: float, b: float, z: float, line: int) -> None:
        """Take a fix: vehicle, time, lon and lat or x and y, height or NaN, line."""
        self._vehicle.append(self._codes[name])
        self._t_us.append(t_us)
        self._a.append(a)
        self._b.append(b)
        self._z.append(z)
        self._line.append(line)

    def times(self) -> array[int]:
        """Return the times so far, in microseconds."""
        return self._t_us

    def raw(
        self,
        kind: Coordinates,
        *,
        epoch_us: int | None = None,
        notes: dict[str, int] | None = None,
        remarks: Sequence[str] = (),
    ) -> RawTrace:
        """Return the fixes, checked; raises TraceError if there is none or one that cannot be."""
        if not len(self):
            raise TraceError(f"{self.path}: has no position")
        z = np.frombuffer(self._z, np.float64)
        raw = RawTrace(
            source=str(self.path),
            kind=kind,
            vehicle_id=tuple(self._codes),
            vehicle=np.frombuffer(self._vehicle, np.int32),
            t_us=np.frombuffer(self._t_us, np.int64),
            a=np.frombuffer(self._a, np.float64),
            b=np.frombuffer(self._b, np.float64),
            z=None if np.isnan(z).all() else z,
            epoch_us=epoch_us,
            notes=notes or {},
            remarks=tuple(remarks),
        )
        return finish(raw, lambda found: [f"{self.path}:{self._line[row]}" for row in found])
