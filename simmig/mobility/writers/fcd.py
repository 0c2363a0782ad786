"""SUMO's floating car data as XML: vehicles in every time step, with their speed and direction."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from simmig.contracts import FloatArray
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import check_xml_names, in_time_order, lost_date, seconds

# The comment is SUMO's manner to say that coordinates are metres, which readers look for.
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- written by simmig
<configuration><fcd-output.geo value="false"/></configuration>
-->
<fcd-export>
"""


def write(trace: Trace, path: Path, _: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write metres with two decimals, as SUMO does by default; angles are degrees clockwise from north.

    Speed and angle are those of the way to the next fix; on the last fix of a trip those of the way before.
    """
    check_xml_names(trace)
    order, vehicle = in_time_order(trace)
    names = [quoteattr(name) for name in trace.vehicle_id]
    speed_m_s, angle_deg = _motion(trace)
    z_m = trace.z_m
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        for t_us, rows in groupby(order.tolist(), key=trace.t_us.__getitem__):
            file.write(f'    <timestep time="{seconds(int(t_us))}">\n')
            for row in rows:
                height = "" if z_m is None else f' z="{z_m[row]:.2f}"'
                file.write(
                    f'        <vehicle id={names[vehicle[row]]} x="{trace.x_m[row]:.2f}" y="{trace.y_m[row]:.2f}"'
                    f'{height} angle="{angle_deg[row]:.2f}" speed="{speed_m_s[row]:.2f}"/>\n'
                )
            file.write("    </timestep>\n")
        file.write("</fcd-export>\n")
    return lost_date(trace)


def _motion(trace: Trace) -> tuple[FloatArray, FloatArray]:
    """Return the speed and the angle at each fix, shape [N] both; 0 where there is but one."""
    ends = trace.trip_start[1:] - 1
    begin = np.arange(trace.fix_count)
    begin[ends] -= 1
    begin = np.maximum(begin, np.repeat(trace.trip_start[:-1], np.diff(trace.trip_start)))
    after = np.minimum(begin + 1, np.repeat(ends, np.diff(trace.trip_start)))
    east_m, north_m = trace.x_m[after] - trace.x_m[begin], trace.y_m[after] - trace.y_m[begin]
    time_s = np.maximum((trace.t_us[after] - trace.t_us[begin]) / 1e6, 1e-6)
    angle_deg = np.degrees(np.arctan2(east_m, north_m)) % 360.0
    return np.asarray(np.hypot(east_m, north_m) / time_s), np.asarray(angle_deg)
