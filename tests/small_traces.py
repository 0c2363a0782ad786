"""Small traces for the tests of cleaning, and what must hold for every trace."""

from collections.abc import Sequence

import numpy as np

from simmig.mobility.trace import Trace

Fix = tuple[float, float, float]  # t_s, x_m, y_m


def trace_of(vehicles: dict[str, Sequence[Sequence[Fix]]], z_m: float | None = None) -> Trace:
    """A trace from {vehicle: trips: fixes}; vehicles in the order given."""
    trips = [(number, trip) for number, trips in enumerate(vehicles.values()) for trip in trips]
    fixes = np.array([fix for _, trip in trips for fix in trip], dtype=np.float64).reshape(-1, 3)
    return Trace(
        vehicle_id=tuple(vehicles),
        trip_vehicle=np.array([number for number, _ in trips], dtype=np.int32),
        trip_start=np.append(0, np.cumsum([len(trip) for _, trip in trips])),
        t_us=np.rint(fixes[:, 0] * 1e6).astype(np.int64),
        x_m=fixes[:, 1].copy(),
        y_m=fixes[:, 2].copy(),
        z_m=None if z_m is None else np.full(len(fixes), z_m),
    )


def fixes_of(trace: Trace) -> dict[str, list[list[Fix]]]:
    """The inverse of trace_of."""
    found: dict[str, list[list[Fix]]] = {name: [] for name in trace.vehicle_id}
    for k, vehicle in enumerate(trace.trip_vehicle.tolist()):
        rows = range(trace.trip_start[k], trace.trip_start[k + 1])
        found[trace.vehicle_id[vehicle]].append(
            [(trace.t_us[row] / 1e6, float(trace.x_m[row]), float(trace.y_m[row])) for row in rows]
        )
    return found


def check(trace: Trace) -> None:
    """Every promise of the class Trace."""
    assert len(set(trace.vehicle_id)) == trace.vehicle_count
    assert (np.diff(trace.trip_vehicle) >= 0).all()
    assert set(trace.trip_vehicle.tolist()) == set(range(trace.vehicle_count))
    assert trace.trip_start[0] == 0
    assert trace.trip_start[-1] == trace.fix_count == len(trace.x_m) == len(trace.y_m)
    assert (np.diff(trace.trip_start) > 0).all()
    vehicle = np.repeat(trace.trip_vehicle, np.diff(trace.trip_start))
    assert (np.diff(trace.t_us)[np.diff(vehicle) == 0] > 0).all()
    assert trace.trip_vehicle.dtype == np.int32
    assert trace.trip_start.dtype == trace.t_us.dtype == np.int64
