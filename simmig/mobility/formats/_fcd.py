"""What SUMO's floating-car data have in common in XML, CSV and Parquet."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import TraceError
from simmig.mobility.frame import Coordinates, check_crs
from simmig.mobility.raw import RawTrace

CoordinateSetting = Literal["auto", "lonlat", "metres"]
ROLES = ("time", "id", "x", "y", "z", "speed", "lane", "edge")
_PREFIXES = (
    "timestep_vehicle_",
    "vehicle_",
    "timestep_",
    "",
)  # --output.column-header full, tag and auto, plain
_SIGNATURE = ("angle", "pos", "lane", "edge", "slope")  # plain names alone could be anyone's


def columns_of(names: Sequence[str]) -> dict[str, int] | None:
    """Return the index of each role's column, or None if there is none for time or id."""
    found: dict[str, int] = {}
    for index, name in enumerate(names):
        found.setdefault(_bare(name), index)
    return {role: found[role] for role in ROLES if role in found} if {"time", "id"} <= found.keys() else None


def is_fcd(names: Sequence[str]) -> bool:
    """Return whether columns are so named that only SUMO can have written them."""
    is_prefixed = any(name.strip().startswith("timestep_") for name in names)
    bare = set(map(_bare, names))
    return {"time", "id"} <= bare and (is_prefixed or not bare.isdisjoint(_SIGNATURE))


def _bare(name: str) -> str:
    name = name.strip()
    return name.removeprefix(next(prefix for prefix in _PREFIXES if name.startswith(prefix)))


def require_positions(source: str, roles: Container[str]) -> None:
    """Raise TraceError if x or y were switched off when SUMO wrote the file."""
    missing = [name for name in ("x", "y") if name not in roles]
    if missing:
        raise TraceError(
            f"{source}: vehicles have no {' and no '.join(missing)}; let SUMO write them: "
            "--fcd-output.attributes must include x and y"
        )


def ignored(person_count: int) -> dict[str, int]:
    """Return the note about rows that are no vehicles, if there are any."""
    return {"persons_ignored": person_count} if person_count else {}


def located(raw: RawTrace, setting: CoordinateSetting, crs: str | None, speed_m_s: FloatArray | None) -> RawTrace:
    """Return the rows with their kind of coordinates known, metres in `crs` if that is given.

    The kind is as set, or told by the range of x and y, or by the speeds beside them. Raises TraceError where
    nothing tells: small numbers, and no vehicle that moves.
    """
    kind = _kind_of(raw, speed_m_s) if setting == "auto" else setting
    return replace(raw, kind=kind, crs=check_crs(crs) if crs and kind == "metres" else None)


def _kind_of(raw: RawTrace, speed_m_s: FloatArray | None) -> Coordinates:
    is_finite = np.isfinite(raw.a) & np.isfinite(raw.b)
    if ((np.abs(raw.a) > 180.0) | (np.abs(raw.b) > 90.0))[is_finite].any():
        return "metres"
    scale = None if speed_m_s is None else _metres_driven_per_unit(raw, speed_m_s)
    if scale is not None and 0.1 < scale < 10.0:
        return "metres"
    if scale is not None and scale > 1e4:  # a degree has 111 km, of longitude less
        return "lonlat"
    raise TraceError(f'{raw.source}: x, y could be degrees or metres; set coordinates = "lonlat" or "metres"')


def _metres_driven_per_unit(raw: RawTrace, speed_m_s: FloatArray) -> float | None:
    """Return the metres that the speeds amount to for each unit of x and y travelled, None if nothing moves."""
    order = np.lexsort((raw.t_us, raw.vehicle))
    is_next = np.diff(raw.vehicle[order]) == 0
    steps = np.hypot(np.diff(raw.a[order]), np.diff(raw.b[order]))[is_next]
    driven_m = (speed_m_s[order][1:] * np.diff(raw.t_us[order]) / 1e6)[is_next]
    moved = np.isfinite(steps) & np.isfinite(driven_m) & (steps > 0.0)
    return float(driven_m[moved].sum() / steps[moved].sum()) if moved.any() else None
