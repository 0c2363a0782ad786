"""Which fixes are inside an area."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simmig.contracts import BoolArray
from simmig.errors import TraceError
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace


def in_box(trace: Trace, box: Sequence[float], frame: Frame | None) -> BoolArray:
    """Return which fixes are inside west, south, east, north, borders included, shape [N].

    The box is in degrees, which `frame` turns fixes into, or in the trace's own metres if that is None. Raises
    TraceError for a box without inside.
    """
    west, south, east, north = box
    if not (west < east and south < north):
        raise TraceError(f"box {list(box)}; expected west < east and south < north")
    a, b = (trace.x_m, trace.y_m) if frame is None else frame.inverse(trace.x_m, trace.y_m)
    return np.asarray((a >= west) & (a <= east) & (b >= south) & (b <= north))


def in_polygons(trace: Trace, polygons: Sequence[Any], frame: Frame) -> BoolArray:
    """Return which fixes are inside one of the shapely polygons, which are in degrees, shape [N]; holes are outside."""
    import shapely

    area = shapely.union_all(polygons)
    shapely.prepare(area)
    lon, lat = frame.inverse(trace.x_m, trace.y_m)
    return np.asarray(shapely.intersects_xy(area, lon, lat))
