"""BonnMotion movements, with the .params file that says how many numbers a waypoint has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simmig.errors import TraceError
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import lost_date, require_single_trips, seconds


def write(trace: Trace, path: Path, _: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write NAME.movements and NAME.params; nodes are lines in the order of the vehicles. Raises TraceError otherwise.

    Every number has the digits that give it back. Ids cannot be said: the line returned tells which is which.
    """
    require_single_trips(trace, "BonnMotion")
    if path.suffix != ".movements":
        raise TraceError(f"{path}: expected a name that ends in .movements, beside which a .params file is put")
    axes = [trace.x_m, trace.y_m] if trace.z_m is None else [trace.x_m, trace.y_m, trace.z_m]
    with path.open("w", encoding="utf-8") as file:
        for k in range(trace.vehicle_count):
            rows = range(trace.trip_start[k], trace.trip_start[k + 1])
            points = (
                " ".join([seconds(int(trace.t_us[row])), *(repr(float(axis[row])) for axis in axes)]) for row in rows
            )
            file.write(" ".join(points) + "\n")
    params = {
        "x": float(trace.x_m.max()),
        "y": float(trace.y_m.max()),
        "dim": len(axes),
        "duration": trace.end_us / 1e6,
        "nn": trace.vehicle_count,
    }
    text = "".join(f"{key}={value}\n" for key, value in params.items())
    path.with_suffix(".params").write_text(text, encoding="utf-8")
    return [*lost_date(trace), f"node 0 is {trace.vehicle_id[0]!r}, the others follow in the order of their ids"]
