"""simmig's own trace file: Parquet with vehicle_id, trip, t_us, x, y, perhaps z, by vehicle and time.

The text `simmig.trace` kept in the file (JSON) says what the columns are: schema, time_kind, epoch_utc and
crs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import TraceError
from simmig.mobility.formats._duck import MAGIC, Columns, Parquet, connect, open_parquet, sql_name, sql_text
from simmig.mobility.formats._rows import finish
from simmig.mobility.formats._times import iso_to_us
from simmig.mobility.frame import PLAIN, Frame, check_crs
from simmig.mobility.raw import RawTrace, TraceFormat, show_time
from simmig.mobility.trace import Trace

_KEY = "simmig.trace"
_SCHEMA = 1


class Format(TraceFormat):
    """The canonical trace. `coordinates` chooses between x, y (metres) and lon, lat where a file has both."""

    coordinates: Literal["metres", "lonlat"] = "metres"
    crs: str | None = None  # of x and y, where the file does not name one

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the file is Parquet with vehicle_id and t_us."""
        if not head.startswith(MAGIC):
            return False
        with open_parquet(path) as table:
            return {"vehicle_id", "t_us"} <= table.types.keys()

    def read(self, path: Path) -> RawTrace:
        """Return the fixes, in the order of the file."""
        a, b, z = ("x", "y", "z") if self.coordinates == "metres" else ("lon", "lat", "alt")
        with open_parquet(path) as table:
            _require(table, ("vehicle_id", "t_us", a, b))
            about = _about(table)
            columns: Columns = {"t_us": (table.integer("t_us", "BIGINT"), np.int64)}
            runs = table.runs("vehicle_id")  # a file that is sorted, as it should be, needs no code for each row
            if runs is None:
                vehicle, names = table.codes("vehicle_id")
                columns["vehicle"] = (vehicle, np.int32)
            columns |= {name: (table.number(name), np.float64) for name in (a, b, z) if name in table.types}
            trip = table.integer("trip", "INTEGER") if "trip" in table.types else None
            if trip is not None and not table.is_zero("trip"):
                columns["trip"] = (trip, np.int32)
            data = table.arrays(columns)
            if runs is not None:
                names, counts = runs
                data["vehicle"] = np.repeat(np.arange(len(names), dtype=np.int32), counts)
            raw = RawTrace(
                source=str(path),
                kind=self.coordinates,
                vehicle_id=names,
                vehicle=data["vehicle"],
                t_us=data["t_us"],
                a=data[a],
                b=data[b],
                z=_altitude(data.get(z)),
                trip=data.get("trip"),
                crs=self._crs(path, about) if self.coordinates == "metres" else None,
                epoch_us=_epoch(path, about),
            )
            return finish(raw, table.places)

    def _crs(self, path: Path, about: dict[str, Any]) -> str | None:
        crs = self.crs or about.get("crs")
        try:
            return check_crs(crs) if crs else None
        except TraceError as error:
            raise TraceError(f'{path}: {error}, or read lon and lat: coordinates = "lonlat"') from None


def write_canonical(trace: Trace, path: Path, frame: Frame = PLAIN, provenance: dict[str, Any] | None = None) -> None:
    """Write a trace in `frame` to a Parquet file; reading it back gives the same trace.

    `provenance` is kept in the file: where the trace comes from, and what was done to it.
    """
    import pandas as pd

    counts = np.diff(trace.trip_start)
    first_trip = np.searchsorted(trace.trip_vehicle, trace.trip_vehicle)
    vehicle = np.repeat(trace.trip_vehicle, counts)
    columns = {
        "vehicle_id": pd.Categorical.from_codes(vehicle, pd.Index(trace.vehicle_id, dtype=object)),
        "trip": np.repeat((np.arange(len(counts)) - first_trip).astype(np.int32), counts),
        "t_us": trace.t_us,
        "x": trace.x_m,
        "y": trace.y_m,
    }
    if trace.z_m is not None:
        columns["z"] = trace.z_m
    about = {
        "schema": _SCHEMA,
        "time_kind": "absolute" if trace.epoch_us else "relative",
        "epoch_utc": show_time(0, trace.epoch_us) if trace.epoch_us else None,
        "crs": frame.crs,
        "notes": trace.notes,
        **({"provenance": provenance} if provenance else {}),
    }
    kept = f"{{{sql_name(_KEY)}: {sql_text(json.dumps(about))}}}"
    rows = "SELECT * REPLACE (vehicle_id::VARCHAR AS vehicle_id) FROM fixes"
    options = f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {kept})"
    with connect() as connection:
        connection.register("fixes", pd.DataFrame(columns, copy=False))
        connection.execute(f"COPY ({rows}) TO {sql_text(str(path))} {options}")


def read_about(path: Path) -> dict[str, Any]:
    """Return what a canonical file says about itself: schema, time_kind, epoch_utc, crs, notes, provenance."""
    with open_parquet(path) as table:
        return _about(table)


def _require(table: Parquet, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in table.types]
    if missing:
        raise TraceError(f"{table.path}: no column {', '.join(missing)}; it has {', '.join(table.types)}")


def _about(table: Parquet) -> dict[str, Any]:
    text = table.metadata(_KEY)
    try:
        about = json.loads(text) if text else {}
    except (json.JSONDecodeError, RecursionError) as error:
        raise TraceError(f"{table.path}: the text {_KEY} in the file is not JSON: {error}") from None
    if not isinstance(about, dict) or about.get("schema", _SCHEMA) != _SCHEMA:
        raise TraceError(f"{table.path}: {_KEY} has schema {about!r:.60}; this version reads schema {_SCHEMA}")
    return about


def _epoch(path: Path, about: dict[str, Any]) -> int | None:
    if about.get("time_kind", "relative") != "absolute":
        return None
    try:
        return iso_to_us(str(about.get("epoch_utc")), None)
    except ValueError as error:
        raise TraceError(f"{path}: epoch_utc {about.get('epoch_utc')!r:.40} {error}") from None


def _altitude(z: FloatArray | None) -> FloatArray | None:
    return None if z is None or np.isnan(z).all() else z
