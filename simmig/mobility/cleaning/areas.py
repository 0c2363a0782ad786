"""Which fixes are inside an area."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simmig.contracts import BoolArray
from simmig.errors import TraceError
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace

_MOST_BYTES = 50_000_000


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


def in_polygons(trace: Trace, path: str, frame: Frame) -> BoolArray:
    """Return which fixes are inside one of the polygons of a GeoJSON file in degrees, shape [N]; holes are outside.

    Raises TraceError if the file is no GeoJSON or has no polygon.
    """
    import shapely

    area = shapely.union_all(_polygons(Path(path)))
    shapely.prepare(area)
    lon, lat = frame.inverse(trace.x_m, trace.y_m)
    return np.asarray(shapely.intersects_xy(area, lon, lat))


def _polygons(path: Path) -> list[Any]:
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise TraceError(f"{path}: more than {_MOST_BYTES} bytes; expected a few polygons")
        document = json.loads(path.read_text(encoding="utf-8"))
        members = document.get("features", [document])
        shapes = [shape(member.get("geometry") or member) for member in members]
    except OSError as error:
        raise TraceError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError, ShapelyError) as error:
        raise TraceError(f"{path}: not GeoJSON with polygons ({' '.join(str(error).split())[:80]})") from None
    found = [member for member in shapes if member.geom_type in ("Polygon", "MultiPolygon") and not member.is_empty]
    if not found:
        raise TraceError(f"{path}: has no polygon; expected GeoJSON with a Polygon or MultiPolygon in degrees")
    return found
