"""GeoParquet 1.1: a point in WKB for each fix, for geographic information systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from simmig.contracts import FloatArray
from simmig.mobility.formats._duck import connect, sql_name, sql_text
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import degrees, iso_times

_POINT, _POINT_Z = 1, 1001  # ISO WKB


def write(trace: Trace, path: Path, frame: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write vehicle_id, trip, t_utc (or t_s without dates) and geometry in WGS84 degrees, the format's default CRS."""
    import pandas as pd

    lon, lat = degrees(trace, frame)
    axes = [lon, lat] + ([] if trace.z_m is None else [trace.z_m])
    counts = np.diff(trace.trip_start)
    first_trip = np.searchsorted(trace.trip_vehicle, trace.trip_vehicle)
    vehicle = np.repeat(trace.trip_vehicle, counts)
    times = {"t_utc": list(iso_times(trace, "GeoParquet"))} if trace.epoch_us else {"t_s": trace.t_us / 1e6}
    table = pd.DataFrame(
        {
            "vehicle_id": np.array(trace.vehicle_id, dtype=object)[vehicle],
            "trip": np.repeat((np.arange(len(counts)) - first_trip).astype(np.int32), counts),
            **times,
            "geometry": _points(axes),
        }
    )
    box = [float(bound) for found in (np.min, np.max) for bound in (found(axis) for axis in axes)]
    kind = "Point" if len(axes) == 2 else "Point Z"
    about = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": {"encoding": "WKB", "geometry_types": [kind], "bbox": box}},
    }
    time = "t_utc::TIMESTAMPTZ AS t_utc" if trace.epoch_us else "t_s"
    rows = f"SELECT vehicle_id, trip, {time}, geometry::BLOB AS geometry FROM fixes"
    options = f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{sql_name('geo')}: {sql_text(json.dumps(about))}}})"
    with connect() as connection:
        connection.register("fixes", table)
        connection.execute(f"COPY ({rows}) TO {sql_text(str(path))} {options}")
    return []


def _points(axes: list[FloatArray]) -> list[bytes]:
    """Return points in little-endian WKB."""
    kind = np.dtype([("order", "u1"), ("type", "<u4"), ("place", "<f8", (len(axes),))])
    points = np.empty(len(axes[0]), dtype=kind)
    points["order"], points["type"] = 1, _POINT if len(axes) == 2 else _POINT_Z
    points["place"] = np.stack(axes, axis=1)
    data = points.tobytes()
    return [data[at : at + kind.itemsize] for at in range(0, len(data), kind.itemsize)]
