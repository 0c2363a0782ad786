"""The rows of an RSU layout, from delimited text or GeoJSON, each with its place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simmig.mobility.formats._cells import is_cells, read_cells
from simmig.mobility.formats._columns import find_columns, require_columns
from simmig.mobility.formats._content import read_head
from simmig.mobility.formats._json import read_features
from simmig.mobility.formats._table import open_table
from simmig.mobility.frame import Coordinates

OVERRIDES = ("compute_hz", "arrival_per_s", "service_per_s", "bandwidth_hz", "cost", "price_max", "tx_power_dbm")
USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "rsu_id", "site_id", "location_id", "unit_id"),
    "x": ("x_m", "x", "easting"),
    "y": ("y_m", "y", "northing"),
    "lon": ("lon", "longitude", "lng", "long"),
    "lat": ("lat", "latitude"),
    "z_m": ("z_m", "z", "height_m"),
    **{name: (name,) for name in ("radius_m", "shape", "z_min_m", "z_max_m", *OVERRIDES)},
}
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SiteRow:
    """What a row says: cells by role, as texts or numbers, and the corners of its zone if that is a polygon."""

    place: str
    cells: Mapping[str, Any]
    rings: list[list[Point]] | None = None


def read_rows(path: Path, columns: Mapping[str, str]) -> tuple[Coordinates, list[SiteRow], list[str]]:
    """Return the kind of coordinates, the rows, and a line for each row that cannot be read."""
    head = read_head(path).removeprefix(b"\xef\xbb\xbf").lstrip()
    if is_cells(head) and not columns:
        return "lonlat", *_cell_rows(path)
    if head[:1] == b"{" and b'"prototypes"' in head:
        return "lonlat", *_mosaic_rows(path)
    if head[:1] == b"{" or path.suffix.lower() in (".geojson", ".json"):
        return "lonlat", *_geojson_rows(path, columns)
    return _csv_rows(path, columns)


def _cell_rows(path: Path) -> tuple[list[SiteRow], list[str]]:
    sites, mistakes = read_cells(path)
    rows = [
        SiteRow(site.place, {"id": site.site_id, "lon": site.lon, "lat": site.lat, "radius_m": site.radius_m})
        for site in sites
    ]
    return rows, mistakes


def _mosaic_rows(path: Path) -> tuple[list[SiteRow], list[str]]:
    """Return the RSUs of an Eclipse MOSAIC mapping; those without a name of their own are numbered."""
    rows, mistakes = [], []
    [document] = read_features(path)
    listed = document.get("rsus", [])
    for number, rsu in enumerate(listed if isinstance(listed, list) else [], 1):
        place = f"{path}, rsus {number}"
        try:
            position = rsu.get("position", rsu)
            lon, lat = float(position["longitude"]), float(position["latitude"])
        except (AttributeError, KeyError, TypeError, ValueError):
            mistakes.append(f"{place}: expected a position of latitude and longitude")
            continue
        name = str(rsu.get("name", "rsu"))
        rows.append(
            SiteRow(place, {"id": name if len(listed) == 1 else f"{name}_{number - 1}", "lon": lon, "lat": lat})
        )
    return rows, mistakes


def _csv_rows(path: Path, columns: Mapping[str, str]) -> tuple[Coordinates, list[SiteRow], list[str]]:
    table = open_table(path)
    roles = find_columns(f"{path}:1", table.names, USUAL_NAMES, columns)
    for needed in ("id", "lon,lat|x,y"):
        require_columns(f"{path}:1", table.names, roles, USUAL_NAMES, needed)
    rows, mistakes = [], []
    for line, record in table.numbered():
        if len(record) == len(table.names):
            rows.append(SiteRow(f"{path}:{line}", {role: record[index].strip() for role, index in roles.items()}))
        else:
            mistakes.append(f"{path}:{line}: {len(record)} fields, expected {len(table.names)} as in the header")
    return "lonlat" if {"lon", "lat"} <= roles.keys() else "metres", rows, mistakes


def _geojson_rows(path: Path, columns: Mapping[str, str]) -> tuple[list[SiteRow], list[str]]:
    rows, mistakes = [], []
    for number, feature in enumerate(read_features(path), 1):
        place = f"{path}, feature {number}"
        try:
            rows.append(_feature_row(place, feature, columns))
        except (IndexError, KeyError, TypeError, ValueError):
            mistakes.append(f"{place}: expected a Point, Polygon or MultiPolygon of longitudes and latitudes")
    return rows, mistakes


def _feature_row(place: str, feature: dict[str, Any], columns: Mapping[str, str]) -> SiteRow:
    properties = feature["properties"] or {}
    usual = {role: names for role, names in USUAL_NAMES.items() if role not in ("x", "y")}
    roles = find_columns(place, list(properties), usual, columns)
    cells = {role: list(properties.values())[index] for role, index in roles.items()}
    cells.setdefault("id", feature.get("id", ""))
    kind, coordinates = feature["geometry"]["type"], feature["geometry"]["coordinates"]
    if kind == "Point":
        lon, lat = _point(coordinates)
        return SiteRow(place, cells | {"lon": lon, "lat": lat})
    polygons = {"Polygon": [coordinates], "MultiPolygon": coordinates}[kind]
    rings = [[_point(corner) for corner in ring] for polygon in polygons for ring in polygon]
    lon, lat = _middle(rings[0])
    return SiteRow(place, {"lon": lon, "lat": lat} | cells, rings)


def _point(coordinates: list[Any]) -> Point:
    lon, lat = coordinates[:2]
    return float(lon), float(lat)


def _middle(ring: list[Point]) -> Point:
    """Return the middle of a ring's bounding box, where the RSU stands unless its properties say otherwise."""
    lons, lats = zip(*ring, strict=True)
    return (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
