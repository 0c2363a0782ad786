"""The ONE's external movement: all nodes at every step of one clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import in_time_order, lost_date, require_single_trips, seconds


def write(trace: Trace, path: Path, _: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write fixes in order of time, nodes as numbers, their ids as comments; heights only if the trace has them.

    Raises TraceError unless all fixes are at steps of one length, which the ONE expects.
    """
    require_single_trips(trace, "the ONE")
    moments = np.unique(trace.t_us)
    steps = np.unique(np.diff(moments))
    if len(steps) > 1:
        raise TraceError(
            f"the ONE expects steps of one length, and these are from {steps[0] / 1e6:g} to {steps[-1] / 1e6:g} s; "
            "put the trace on one clock first: --clean resample_s=1.0"
        )
    axes = [trace.x_m, trace.y_m] if trace.z_m is None else [trace.x_m, trace.y_m, trace.z_m]
    order, vehicle = in_time_order(trace)
    with path.open("w", encoding="utf-8") as file:
        bounds = [f"{float(bound)!r}" for axis in axes for bound in (axis.min(), axis.max())]
        file.write(" ".join([seconds(int(moments[0])), seconds(int(moments[-1])), *bounds]) + "\n")
        for number, name in enumerate(trace.vehicle_id):
            file.write(f"# {number}: {name.encode('unicode_escape').decode()}\n")
        for row in order.tolist():
            place = " ".join(repr(float(axis[row])) for axis in axes)
            file.write(f"{seconds(int(trace.t_us[row]))} {vehicle[row]} {place}\n")
    return lost_date(trace)
