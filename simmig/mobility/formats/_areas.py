"""Areas in GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simmig.errors import TraceError

_MOST_BYTES = 50_000_000


def read_polygons(path: Path) -> list[Any]:
    """Return the shapely polygons of a GeoJSON file; raises TraceError if it is none, or has no polygon."""
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
