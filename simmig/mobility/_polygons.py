"""Polygon coverage zones as arrays: edges to tell inside from outside, planes to find the crossings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.geometry import ray_crosses
from simmig.mobility._blocks import Box
from simmig.mobility.grouped import spread
from simmig.mobility.sites import Rings, Sites


@dataclass(frozen=True, slots=True)
class PolygonZones:
    """Z prisms over polygons: even-odd rule over all edges, height in [low[Z], high[Z]].

    Zone k owns edges edge_start[k]:edge_start[k + 1], which run from (x0, y0) up to (x1, y1).
    """

    rsu: IntArray
    box: Box
    low: FloatArray
    high: FloatArray
    edge_start: IntArray
    x0: FloatArray
    y0: FloatArray
    x1: FloatArray
    y1: FloatArray

    def contain(self, axes: Sequence[FloatArray], zone: IntArray) -> BoolArray:
        """Return whether points are inside their zones."""
        point, edge = spread(self.edge_start[zone], self.edge_start[zone + 1] - self.edge_start[zone])
        x, y = axes[0][point], axes[1][point]
        is_crossed = ray_crosses(x, y, (self.x0[edge], self.y0[edge]), (self.x1[edge], self.y1[edge]))
        inside = np.bincount(point[is_crossed], minlength=len(zone)) % 2 == 1
        if len(axes) == 3:
            inside &= (axes[2] >= self.low[zone]) & (axes[2] <= self.high[zone])
        return np.asarray(inside, dtype=np.bool_)

    def reach(self, box: Box, zone: IntArray) -> BoolArray:
        """Return whether boxes meet the boxes of their zones."""
        return boxes_meet(box, self.box, zone)


@dataclass(frozen=True, slots=True)
class Faces:
    """The F planes that bound polygon zones: walls on the edges, and floors and ceilings where the height is bounded.

    Zone k owns faces start[k]:start[k + 1]. A face lies in the plane through point[D][F] with normal[D][F], inside box.
    """

    start: IntArray
    box: Box
    point: list[FloatArray]
    normal: list[FloatArray]

    def reach(self, box: Box, face: IntArray) -> BoolArray:
        """Return whether boxes meet the boxes of their faces."""
        return boxes_meet(box, self.box, face)

    def distance(self, axes: Sequence[FloatArray], face: IntArray) -> FloatArray:
        """Return the signed distances of points from the planes of their faces, in lengths of the normals."""
        terms = zip(axes, self.point, self.normal, strict=True)
        return np.asarray(sum((axis - point[face]) * normal[face] for axis, point, normal in terms))


def boxes_meet(box: Box, others: Box, other: IntArray) -> BoolArray:
    """Return whether each box shares a point with others[other], borders included."""
    meet = np.ones(len(other), dtype=bool)
    for low, high, other_low, other_high in zip(*box, *others, strict=True):
        meet &= (low <= other_high[other]) & (high >= other_low[other])
    return meet


def polygon_zones(sites: Sites, margin_m: float, dimensions: int) -> tuple[PolygonZones, Faces]:
    """Return the polygon zones of the sites, their borders moved inwards by a margin, and their faces.

    Zones with nothing left are left out, and so are, on the ground plane, those that do not reach height 0.
    """
    found: list[tuple[int, FloatArray]] = []
    for index, rings in enumerate(sites.rings):
        bottom_m, top_m = sites.z_range_m[index]
        if rings is None or (dimensions == 2 and not bottom_m <= 0.0 <= top_m):
            continue
        edges = _edges(rings if margin_m == 0.0 else _shrunk(rings, margin_m))
        if len(edges):
            found.append((index, edges))
    rsu = np.array([index for index, _ in found], dtype=np.int64)
    low, high = sites.z_range_m[rsu].T
    start = np.concatenate(([0], np.cumsum([len(edges) for _, edges in found], dtype=np.int64)))
    edges = np.concatenate([np.empty((0, 4)), *(edges for _, edges in found)])
    bounds = [np.minimum.reduceat(edges, start[:-1]), np.maximum.reduceat(edges, start[:-1])] if found else [edges] * 2
    box = (
        [np.minimum(bounds[0][:, 0], bounds[0][:, 2]), bounds[0][:, 1], low][:dimensions],
        [np.maximum(bounds[1][:, 0], bounds[1][:, 2]), bounds[1][:, 3], high][:dimensions],
    )
    zones = PolygonZones(rsu, box, low, high, start, *(column.copy() for column in edges.T))
    return zones, _faces(zones)


def _edges(rings: Rings) -> FloatArray:
    """Return the edges [E, 4] as x0, y0, x1, y1, the lower end first: neighbours then share equal edges."""
    pieces = [np.empty((0, 4))]
    for ring in rings:
        edges = np.concatenate((ring, np.roll(ring, -1, axis=0)), axis=1)
        edges = edges[(edges[:, :2] != edges[:, 2:]).any(axis=1)]  # a closed ring repeats its first vertex
        is_down = edges[:, 1] > edges[:, 3]
        pieces.append(np.where(is_down[:, None], edges[:, [2, 3, 0, 1]], edges))
    return np.concatenate(pieces)


def _shrunk(rings: Rings, margin_m: float) -> Rings:
    """Return the rings around all points of the polygon that are at least the margin away from its border."""
    import shapely

    area = shapely.Polygon()
    for ring in rings:
        area = area.symmetric_difference(shapely.make_valid(shapely.Polygon(ring)))
    inner = shapely.get_rings(shapely.get_parts(area.buffer(-margin_m)))
    return tuple(shapely.get_coordinates(ring) for ring in inner)


def _faces(zones: PolygonZones) -> Faces:
    """Return the zones' walls, one on each edge, and in three dimensions their floors and ceilings."""
    dimensions, every = len(zones.box[0]), np.arange(len(zones.rsu))
    wall = np.repeat(every, np.diff(zones.edge_start))
    x0, y0, x1, y1 = zones.x0, zones.y0, zones.x1, zones.y1
    flat = np.zeros(len(wall))
    low = [np.minimum(x0, x1), y0, zones.low[wall]]
    high = [np.maximum(x0, x1), y1, zones.high[wall]]
    parts = [_stack(wall, low, high, [x0, y0, flat], [y1 - y0, x0 - x1, flat], dimensions=dimensions)]
    for height in (zones.low, zones.high) if dimensions == 3 else ():
        at = every[np.isfinite(height)]
        low, high = ([*(axis[at] for axis in corner[:2]), height[at]] for corner in zones.box)
        zero = np.zeros(len(at))
        parts.append(_stack(at, low, high, low, [zero, zero, zero + 1.0], dimensions=dimensions))
    rows = np.concatenate(parts, axis=1)
    rows = rows[:, np.argsort(rows[0], kind="stable")]
    start = np.searchsorted(rows[0], np.arange(len(zones.rsu) + 1))
    low, high, point, normal = (list(group) for group in np.split(rows[1:], 4))
    return Faces(start, (low, high), point, normal)


def _stack(zone: IntArray, *groups: list[FloatArray], dimensions: int) -> FloatArray:
    return np.stack([zone.astype(np.float64), *(axis for group in groups for axis in group[:dimensions])])
