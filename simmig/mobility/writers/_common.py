"""What several writers need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.frame import Frame
from simmig.mobility.raw import shortened
from simmig.mobility.trace import Trace

_EPOCH = datetime.fromtimestamp(0, UTC)


def require_single_trips(trace: Trace, what: str) -> None:
    """Raise TraceError if a vehicle has several trips, for formats whose nodes are always somewhere."""
    several = np.flatnonzero(np.bincount(trace.trip_vehicle) > 1)
    if len(several):
        name = trace.vehicle_id[several[0]]
        raise TraceError(
            f"{what} cannot say that a vehicle is absent, and {len(several)} have several trips, such as {name!r}; "
            "make vehicles of trips first: --clean trips_as_vehicles=true"
        )


def degrees(trace: Trace, frame: Frame) -> tuple[FloatArray, FloatArray]:
    """Return lon, lat of the fixes; raises TraceError if nobody knows where the metres are."""
    return frame.inverse(trace.x_m, trace.y_m)


def iso_times(trace: Trace, what: str) -> Iterator[str]:
    """Yield the time of each fix as ISO 8601 in UTC; raises TraceError for times without a date."""
    if not trace.epoch_us:
        raise TraceError(
            f"{what} needs dates, and this trace has none; say when time 0 was: --epoch 2024-06-01T07:00:00Z"
        )
    for t_us in trace.t_us.tolist():
        moment = _EPOCH + timedelta(microseconds=trace.epoch_us + t_us)
        yield moment.isoformat().replace("+00:00", "Z")


def check_xml_names(trace: Trace) -> None:
    """Raise TraceError for an id that XML cannot hold: control characters are no text there."""
    for name in trace.vehicle_id:
        if any(ord(char) < 32 and char not in "\t\n\r" for char in name):
            raise TraceError(f"vehicle id {shortened(name)} has a control character, which XML cannot hold; rename it")


def lost_date(trace: Trace) -> list[str]:
    """Return the line that says which instant time 0 was, for formats that have no dates."""
    if not trace.epoch_us:
        return []
    return [f"time 0 is {(_EPOCH + timedelta(microseconds=trace.epoch_us)).isoformat()}, which the file does not say"]


def in_time_order(trace: Trace) -> tuple[IntArray, IntArray]:
    """Return the rows in order of time, then of vehicle, and the vehicle of each row, shape [N] both."""
    vehicle = np.repeat(trace.trip_vehicle, np.diff(trace.trip_start)).astype(np.int64)
    return np.lexsort((vehicle, trace.t_us)), vehicle


def seconds(t_us: int) -> str:
    """Return microseconds as seconds in the shortest decimal that gives them back."""
    whole, rest = divmod(abs(t_us), 1_000_000)
    sign = "-" if t_us < 0 else ""
    return f"{sign}{whole}" if not rest else f"{sign}{whole}.{rest:06d}".rstrip("0")
