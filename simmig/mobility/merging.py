"""One trace of several fleets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.raw import shortened
from simmig.mobility.trace import Trace


def merge(fleets: Sequence[tuple[str, Trace]]) -> Trace:
    """Return one trace of several named fleets, in their order: each fleet's vehicles stay side by side.

    Times count from the earliest epoch. Raises TraceError if two fleets share a vehicle id, or if one has
    calendar times and another has times of its own.
    """
    if len(fleets) == 1:
        return fleets[0][1]
    _check_fleets(fleets)
    traces = [trace for _, trace in fleets]
    epoch_us = min(trace.epoch_us for trace in traces)
    vehicles_before = np.cumsum([0, *(trace.vehicle_count for trace in traces)])
    rows_before = np.cumsum([0, *(trace.fix_count for trace in traces)])
    starts = [trace.trip_start[:-1] + before for trace, before in zip(traces, rows_before, strict=False)]
    owners = [trace.trip_vehicle + before for trace, before in zip(traces, vehicles_before, strict=False)]
    z_m = [np.zeros(trace.fix_count) if trace.z_m is None else trace.z_m for trace in traces]
    return Trace(
        vehicle_id=tuple(name for trace in traces for name in trace.vehicle_id),
        trip_vehicle=np.concatenate(owners).astype(np.int32),
        trip_start=np.concatenate([*starts, rows_before[-1:]]),
        t_us=np.concatenate([trace.t_us + (trace.epoch_us - epoch_us) for trace in traces]),
        x_m=np.concatenate([trace.x_m for trace in traces]),
        y_m=np.concatenate([trace.y_m for trace in traces]),
        z_m=np.concatenate(z_m) if any(trace.z_m is not None for trace in traces) else None,
        epoch_us=epoch_us,
        notes={f"{fleet}.{name}": count for fleet, trace in fleets for name, count in trace.notes.items()},
    )


def _check_fleets(fleets: Sequence[tuple[str, Trace]]) -> None:
    owner: dict[str, str] = {}
    for fleet, trace in fleets:
        for name in trace.vehicle_id:
            if name in owner:
                both = f"fleet '{owner[name]}' and fleet '{fleet}'"
                raise TraceError(f"vehicle {shortened(name)} is in {both}; rename one of the two")
            owner[name] = fleet
    (first, one), *_ = fleets
    for fleet, trace in fleets:
        if (trace.epoch_us == 0) != (one.epoch_us == 0):
            dated, free = (first, fleet) if one.epoch_us else (fleet, first)
            raise TraceError(
                f"fleet '{dated}' has dates and fleet '{free}' has times without a date; put both on one "
                "clock with start_s = 0.0 in each trace"
            )
