"""The trace model: trips of vehicles as piecewise-linear paths in a local metric frame, time in microseconds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import FloatArray, IntArray

Int32Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trace:
    """Trips of V vehicles: P trips, N fixes in all, rows in order of (vehicle, trip, time).

    A vehicle moves in a straight line at constant speed between two fixes of a trip, and is absent between trips.

    vehicle_id[V]: names, unique; vehicle v of the arrays is vehicle_id[v].
    trip_vehicle[P]: the vehicle of each trip, non-decreasing.
    trip_start[P + 1]: trip k owns rows trip_start[k]:trip_start[k + 1]; never empty.
    t_us[N]: microseconds since `epoch_us`, strictly increasing within a trip and over a vehicle's trips.
    x_m[N], y_m[N]: metres in the frame; z_m[N]: metres up, or None for a trace on the ground plane (z = 0).
    """

    vehicle_id: tuple[str, ...]
    trip_vehicle: Int32Array
    trip_start: IntArray
    t_us: IntArray
    x_m: FloatArray
    y_m: FloatArray
    z_m: FloatArray | None = None
    epoch_us: int = 0
    notes: dict[str, int] = field(default_factory=dict)  # rows read, kept, dropped by reason

    @property
    def vehicle_count(self) -> int:
        """Number of vehicles, V."""
        return len(self.vehicle_id)

    @property
    def fix_count(self) -> int:
        """Number of fixes, N."""
        return len(self.t_us)

    @property
    def end_us(self) -> int:
        """Time of the last fix of all."""
        return int(self.t_us.max())

    def first_us(self) -> IntArray:
        """Return the time of each vehicle's first fix, shape [V]."""
        first_trip = np.searchsorted(self.trip_vehicle, np.arange(self.vehicle_count))
        return self.t_us[self.trip_start[first_trip]]

    def last_us(self) -> IntArray:
        """Return the time of each vehicle's last fix, shape [V]."""
        last_trip = np.searchsorted(self.trip_vehicle, np.arange(self.vehicle_count), side="right")
        return self.t_us[self.trip_start[last_trip] - 1]

    def trips_of(self, vehicle: int) -> range:
        """Return the trips of one vehicle."""
        first, last = np.searchsorted(self.trip_vehicle, (vehicle, vehicle + 1))
        return range(int(first), int(last))
