"""OGC Moving Features JSON: a MovingPoint for each trip."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import degrees, iso_times


def write(trace: Trace, path: Path, frame: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write WGS84 degrees with nine decimals, heights if there are any, times in UTC; TraceError without dates."""
    lon, lat = degrees(trace, frame)
    times = iso_times(trace, "MF-JSON")
    axes = [lon.round(9), lat.round(9)] + ([] if trace.z_m is None else [trace.z_m.round(3)])
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [\n')
        for trip, vehicle in enumerate(trace.trip_vehicle.tolist()):
            rows = slice(int(trace.trip_start[trip]), int(trace.trip_start[trip + 1]))
            feature = {
                "type": "Feature",
                "properties": {"id": trace.vehicle_id[vehicle], "trip": trip - trace.trips_of(vehicle).start},
                "temporalGeometry": {
                    "type": "MovingPoint",
                    "datetimes": list(islice(times, rows.stop - rows.start)),
                    "coordinates": [list(place) for place in zip(*(axis[rows].tolist() for axis in axes), strict=True)],
                    "interpolation": "Linear",
                },
            }
            file.write((",\n" if trip else "") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")
    return []
