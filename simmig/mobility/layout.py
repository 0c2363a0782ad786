"""RSU layouts: read from CSV or GeoJSON, checked row by row, and placed among the traces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import TraceError
from simmig.mobility.formats._sites import OVERRIDES, SiteRow, read_rows
from simmig.mobility.frame import Coordinates, Frame, aeqd
from simmig.mobility.raw import MAX_ID_LENGTH, shortened
from simmig.mobility.sites import Rings, Sites, ZoneShape

FAR_M = 100e3  # a layout this far from every trace is that of another town
_SHOWN = 20  # mistakes in one message
_AXES = {"lonlat": ("lon", "lat"), "metres": ("x", "y")}
_POSITIVE = (1e-9, 1e18)
_RANGES = {  # what is not here may be any finite number
    "lon": (-180.0, 180.0),
    "lat": (-90.0, 90.0),
    "radius_m": (1e-3, 1e6),
    "compute_hz": _POSITIVE,
    "arrival_per_s": (0.0, 1e12),
    "service_per_s": _POSITIVE,
    "bandwidth_hz": _POSITIVE,
    "cost": (0.0, 1e9),
    "price_max": (0.0, 1e9),
    "tx_power_dbm": (-100.0, 100.0),
}
Box = tuple[float, float, float, float]  # least x, least y, greatest x, greatest y


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One RSU: a, b are lon, lat or x, y; what is None takes the scenario's default.

    `rings` are the corners of a polygon zone, [K, 2] each, in the coordinates of a and b.
    """

    rsu_id: str
    a: float
    b: float
    z_m: float = 0.0
    radius_m: float | None = None
    shape: ZoneShape | None = None
    z_min_m: float | None = None
    z_max_m: float | None = None
    rings: Rings | None = None
    overrides: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """J RSUs in the coordinates of their file; `source` names it in messages."""

    source: str
    kind: Coordinates
    units: tuple[Unit, ...]
    crs: str | None = None

    @property
    def a(self) -> FloatArray:
        """Longitude or x, shape [J]."""
        return np.array([unit.a for unit in self.units])

    @property
    def b(self) -> FloatArray:
        """Latitude or y, shape [J]."""
        return np.array([unit.b for unit in self.units])


def read_layout(path: Path, columns: Mapping[str, str] | None = None) -> Layout:
    """Return the RSUs of a CSV or GeoJSON file, told apart by content.

    `columns` names the column (or GeoJSON property) of a role where the usual names do not fit. A row that repeats
    another one word for word is left out. Raises TraceError with a line for each mistake.
    """
    kind, rows, mistakes = read_rows(path, columns or {})
    units: list[Unit] = []
    seen: dict[str, SiteRow] = {}
    for row in rows:
        unit, wrong = _unit(row, kind)
        first = seen.setdefault(unit.rsu_id, row)
        if first is not row and (first.cells, first.rings) == (row.cells, row.rings):
            continue
        if first is not row and unit.rsu_id:
            wrong.append(f"id {shortened(unit.rsu_id)} stands already in {first.place}")
        units.append(unit)
        mistakes += [f"{row.place}: {text}" for text in wrong]
    if len(mistakes) > _SHOWN:
        mistakes[_SHOWN:] = [f"{path}: and {len(mistakes) - _SHOWN} more"]
    if mistakes:
        raise TraceError("\n".join(mistakes))
    if not units:
        raise TraceError(f"{path}: there is no RSU in it")
    return Layout(str(path), kind, tuple(units))


def _unit(row: SiteRow, kind: Coordinates) -> tuple[Unit, list[str]]:
    """Return the RSU of a row and what is wrong with it; a number that is wrong is NaN."""
    wrong: list[str] = []
    cells = {role: cell for role, cell in row.cells.items() if cell not in ("", None)}
    numbers = {role: _number(role, cell, wrong) for role, cell in cells.items() if role not in ("id", "shape")}
    wrong += [f"{role} is missing" for role in _AXES[kind] if role not in cells]
    a, b = (numbers.get(role, math.nan) for role in _AXES[kind])
    shape = cells.get("shape", None if row.rings is None else "polygon")
    unit = Unit(
        rsu_id=str(cells.get("id", "")).strip(),
        a=a,
        b=b,
        z_m=numbers.get("z_m", 0.0),
        radius_m=numbers.get("radius_m"),
        shape=shape,
        z_min_m=numbers.get("z_min_m"),
        z_max_m=numbers.get("z_max_m"),
        rings=None if row.rings is None else tuple(np.array(ring) for ring in row.rings),
        overrides={role: numbers[role] for role in OVERRIDES if role in numbers},
    )
    return unit, wrong + _contradictions(unit)


def _number(role: str, cell: object, wrong: list[str]) -> float:
    try:
        number = float(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else math.nan
    except ValueError:
        number = math.nan
    low, high = _RANGES.get(role, (-math.inf, math.inf))
    if not math.isfinite(number) or not low <= number <= high:
        expected = "a number" if math.isinf(high) else f"a number from {low:g} to {high:g}"
        wrong.append(f"{role} = {shortened(str(cell))}, expected {expected}")
        return math.nan
    return number


def _contradictions(unit: Unit) -> list[str]:
    offer = unit.overrides
    is_polygon = unit.rings is not None
    checks = {
        "id is missing": not unit.rsu_id,
        f"id {shortened(unit.rsu_id)} is longer than {MAX_ID_LENGTH} characters": len(unit.rsu_id) > MAX_ID_LENGTH,
        f"shape = {unit.shape!r}, expected disc, sphere or cylinder, or polygon with its corners": (
            unit.shape not in (None, *get_args(ZoneShape)) or is_polygon != (unit.shape == "polygon")
        ),
        "a polygon has corners, no radius_m": is_polygon and unit.radius_m is not None,
        "a ring of the polygon has fewer than 3 corners": any(len(_open(ring)) < 3 for ring in unit.rings or ()),
        "z_min_m must be below z_max_m": _reaches(unit.z_min_m, unit.z_max_m),
        "arrival_per_s must be below service_per_s": _reaches(offer.get("arrival_per_s"), offer.get("service_per_s")),
        "cost must not exceed price_max": offer.get("cost", -math.inf) > offer.get("price_max", math.inf),
    }
    return [text for text, is_wrong in checks.items() if is_wrong]


def _reaches(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low >= high


def _open(ring: FloatArray) -> FloatArray:
    return ring[:-1] if len(ring) > 1 and (ring[0] == ring[-1]).all() else ring


def place(
    layout: Layout,
    frame: Frame,
    *,
    trace_box: Box | None = None,
    default_radius_m: float | None = None,
    default_shape: ZoneShape = "disc",
    recentre: bool = False,
) -> Sites:
    """Return the RSUs in `frame`; what they offer stays in `layout.units`.

    `trace_box` is the box of the traces in the frame. With `recentre` the layout keeps its shape and its middle is
    moved to the middle of that box. Raises TraceError for a layout more than 100 km away from the box, or an RSU
    without a radius.
    """
    if recentre:
        frame = aeqd(*_middle(layout.a, layout.b)) if layout.kind == "lonlat" else Frame("metres", layout.crs)
    x_m, y_m, rings = _in_frame(layout, frame)
    if recentre and trace_box is not None:
        middle_m, box_m = np.array(_middle(x_m, y_m)), np.array(trace_box)
        shift_m = (box_m[:2] + box_m[2:]) / 2 - middle_m
        x_m, y_m = x_m + shift_m[0], y_m + shift_m[1]
        rings = [None if corners is None else tuple(ring + shift_m for ring in corners) for corners in rings]
    if trace_box is not None:
        _check_distance(layout, x_m, y_m, trace_box)
    return Sites(
        rsu_id=tuple(unit.rsu_id for unit in layout.units),
        xyz_m=np.column_stack([x_m, y_m, [unit.z_m for unit in layout.units]]),
        shape=tuple(unit.shape or default_shape for unit in layout.units),
        radius_m=np.array([_radius_m(layout, unit, default_radius_m) for unit in layout.units]),
        z_range_m=np.array([_z_range_m(unit) for unit in layout.units]),
        rings=tuple(rings),
    )


def _in_frame(layout: Layout, frame: Frame) -> tuple[FloatArray, FloatArray, list[Rings | None]]:
    """Return x_m[J], y_m[J] and the zones' corners in metres, all projected in one go."""
    corners = [ring for unit in layout.units for ring in unit.rings or ()]
    points = np.concatenate([np.column_stack([layout.a, layout.b]), *corners])
    if layout.kind == "lonlat":
        x_m, y_m = frame.forward(points[:, 0], points[:, 1])
    else:
        x_m, y_m = frame.from_crs(points[:, 0], points[:, 1], layout.crs)
    ends = np.cumsum([len(layout.units), *map(len, corners)])[:-1]
    (first, *moved) = np.split(np.column_stack([x_m, y_m]), ends)
    left = iter(moved)
    rings = [None if unit.rings is None else tuple(islice(left, len(unit.rings))) for unit in layout.units]
    return first[:, 0], first[:, 1], rings


def _middle(a: FloatArray, b: FloatArray) -> tuple[float, float]:
    return (float(a.min()) + float(a.max())) / 2, (float(b.min()) + float(b.max())) / 2


def _radius_m(layout: Layout, unit: Unit, default_m: float | None) -> float:
    if unit.rings is not None:
        return math.nan
    radius_m = default_m if unit.radius_m is None else unit.radius_m
    if radius_m is None:
        name = shortened(unit.rsu_id)
        raise TraceError(f"{layout.source}: RSU {name} has no radius; add a column radius_m or set radius_m in [rsus]")
    return radius_m


def _z_range_m(unit: Unit) -> tuple[float, float]:
    low_m, high_m = unit.z_min_m, unit.z_max_m
    return -math.inf if low_m is None else low_m, math.inf if high_m is None else high_m


def _check_distance(layout: Layout, x_m: FloatArray, y_m: FloatArray, box: Box) -> None:
    gap_x_m = max(float(x_m.min()) - box[2], box[0] - float(x_m.max()), 0.0)
    gap_y_m = max(float(y_m.min()) - box[3], box[1] - float(y_m.max()), 0.0)
    gap_m = math.hypot(gap_x_m, gap_y_m)
    if gap_m > FAR_M:
        raise TraceError(
            f"{layout.source}: the RSUs are {gap_m / 1000:.0f} km away from the traces; are latitude and longitude "
            "swapped? To use the layout of another town, set recentre = true in [rsus]"
        )
