"""ns-2 movements: where a node is at first, then a command for each leg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import lost_date, require_single_trips, seconds


def write(trace: Trace, path: Path, _: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write nodes numbered in the order of the vehicles, whose ids are comments; raises TraceError if heights change.

    A leg's speed has all the digits that make the node arrive at the next fix's own microsecond.
    """
    require_single_trips(trace, "ns-2")
    if trace.z_m is not None:
        for k in range(trace.vehicle_count):
            z_m = trace.z_m[trace.trip_start[k] : trace.trip_start[k + 1]]
            if (z_m != z_m[0]).any():
                name = trace.vehicle_id[k]
                raise TraceError(f"ns-2 cannot change a node's height, and vehicle {name!r} does; choose bonnmotion")
    with path.open("w", encoding="utf-8") as file:
        for k, name in enumerate(trace.vehicle_id):
            rows = range(trace.trip_start[k], trace.trip_start[k + 1])
            node = f"$node_({k})"
            file.write(f"# node {k}: {name.encode('unicode_escape').decode()}\n")
            axes = {"X": trace.x_m, "Y": trace.y_m} | ({} if trace.z_m is None else {"Z": trace.z_m})
            file.writelines(f"{node} set {axis}_ {float(values[rows[0]])!r}\n" for axis, values in axes.items())
            for row in rows:
                target = row + 1 if row + 1 < rows.stop else row
                x_m, y_m = float(trace.x_m[target]), float(trace.y_m[target])
                length_m = float(np.hypot(x_m - trace.x_m[row], y_m - trace.y_m[row]))
                time_s = (int(trace.t_us[target]) - int(trace.t_us[row])) / 1e6
                speed_m_s = length_m / time_s if target > row else 0.0
                at = seconds(int(trace.t_us[row]))
                file.write(f'$ns_ at {at} "{node} setdest {x_m!r} {y_m!r} {speed_m_s!r}"\n')
    return lost_date(trace)
