"""What is in a trace, in a few numbers: for a look before a simulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.mobility.raw import show_time
from simmig.mobility.trace import Trace

SPEED_QUANTILES = (0.05, 0.5, 0.95, 0.99)
FASTEST_M_S = 100.0  # 360 km/h: neither a car nor a small UAV
_EARLIEST_US = 946_684_800_000_000  # 2000-01-01; an earlier date is most often a GPS week counted from the wrong start


def describe(trace: Trace) -> dict[str, Any]:
    """Return vehicles, trips, fixes, span, box, intervals, speeds, altitudes, notes and problems, ready for JSON."""
    within = _within_trips(trace)
    interval_s = np.diff(trace.t_us)[within] / 1e6
    speed_m_s = _steps_m(trace)[within] / interval_s
    return {
        "vehicles": trace.vehicle_count,
        "trips": len(trace.trip_vehicle),
        "fixes": trace.fix_count,
        "start": show_time(int(trace.t_us.min()), trace.epoch_us or None),
        "end": show_time(trace.end_us, trace.epoch_us or None),
        "span_s": (trace.end_us - int(trace.t_us.min())) / 1e6,
        "box_m": {
            "x": [float(trace.x_m.min()), float(trace.x_m.max())],
            "y": [float(trace.y_m.min()), float(trace.y_m.max())],
        },
        "interval_s": _spread(interval_s, {"median": 0.5, "max": 1.0}),
        "speed_m_s": _spread(speed_m_s, {f"q{round(q * 100):02d}": q for q in SPEED_QUANTILES} | {"max": 1.0}),
        "altitude_m": None if trace.z_m is None else [float(trace.z_m.min()), float(trace.z_m.max())],
        "notes": dict(trace.notes),
        "problems": _problems(trace, speed_m_s, within),
    }


def _within_trips(trace: Trace) -> BoolArray:
    """Return which steps from a row to the next stay in one trip, shape [N - 1]."""
    within = np.ones(trace.fix_count - 1, np.bool_)
    within[trace.trip_start[1:-1] - 1] = False
    return within


def _steps_m(trace: Trace) -> FloatArray:
    """Return the distances from row to row, shape [N - 1]."""
    square_m2 = np.diff(trace.x_m) ** 2 + np.diff(trace.y_m) ** 2
    if trace.z_m is not None:
        square_m2 += np.diff(trace.z_m) ** 2
    return np.sqrt(square_m2)


def _spread(values: FloatArray, quantiles: dict[str, float]) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys(quantiles)
    return {
        name: float(found) for name, found in zip(quantiles, np.quantile(values, [*quantiles.values()]), strict=True)
    }


def _problems(trace: Trace, speed_m_s: FloatArray, within: BoolArray) -> list[str]:
    problems = []
    if not len(speed_m_s):
        problems.append("no vehicle has two fixes in one trip: nothing moves; is split_gap_s too short?")
    elif speed_m_s.max() > FASTEST_M_S:
        row = int(np.flatnonzero(within)[np.argmax(speed_m_s)])
        vehicle = trace.vehicle_id[_vehicle_of(trace, row)]
        place = f"{vehicle!r} at {show_time(int(trace.t_us[row]), trace.epoch_us or None)}"
        count = int((speed_m_s > FASTEST_M_S).sum())
        problems.append(
            f"{count} steps faster than {FASTEST_M_S:g} m/s, the fastest {speed_m_s.max():.4g} m/s: {place}"
        )
    elif speed_m_s.max() == 0.0:
        problems.append("no vehicle moves")
    single = trace.notes.get("single_fix_trips", 0)
    if single:
        problems.append(f"{single} trips of a single fix: vehicles are there for an instant only")
    if 0 < trace.epoch_us < _EARLIEST_US:
        problems.append("dates before 2000: a GPS receiver whose week counter ran over?")
    return problems


def _vehicle_of(trace: Trace, row: int) -> int:
    trip = int(np.searchsorted(trace.trip_start, row, side="right")) - 1
    return int(trace.trip_vehicle[trip])
