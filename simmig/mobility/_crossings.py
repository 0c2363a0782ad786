"""Where paths cross the borders of zones: from boxes around runs of segments down to roots on single ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.geometry import ball_span, plane_crossing, slab_span
from simmig.mobility._blocks import Box, Level, Paths, descend, segment_box
from simmig.mobility._leg_borders import border_segments
from simmig.mobility._legs import Legs
from simmig.mobility._polygons import Faces, PolygonZones
from simmig.mobility._zones import RoundZones
from simmig.mobility.grouped import spread


@dataclass(frozen=True, slots=True)
class Crossings:
    """When paths change sides: the groups' path[G], zone[G] and whether they start inside, is_in[G].

    Change e is of group[e] at time_ns[e]; a group's changes are in order of time.
    """

    path: IntArray
    zone: IntArray
    is_in: BoolArray
    group: IntArray
    time_ns: IntArray


def round_crossings(paths: Paths, levels: list[Level], legs: Legs | None, zones: RoundZones) -> Crossings:
    """Return the crossings of paths with discs, spheres and cylinders."""
    path, zone = _groups(levels, zones)
    is_in = zones.contain([axis[paths.start[path]] for axis in paths.axes], zone)

    def straddle(box: Box, group: IntArray) -> BoolArray:
        return zones.straddle(box, zone[group])

    if legs is None:
        segment, group = descend(levels, path, np.arange(len(path)), straddle)
    else:
        segment, group = border_segments(legs, zones, path, zone)
    near = straddle(segment_box(paths, segment), group)
    segment, group = segment[near], group[near]
    share, happens = _turns(paths, zones, segment, zone[group])
    happens_flat = happens.ravel()
    time_ns = paths.time_ns(np.repeat(segment, 2)[happens_flat], share.ravel()[happens_flat])
    return Crossings(path, zone, is_in, np.repeat(group, 2)[happens_flat], time_ns)


def _turns(paths: Paths, zones: RoundZones, segment: IntArray, zone: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return the shares[K, 2] at which segments enter and leave their zones, and which of the two happen."""
    begin = [axis[segment] for axis in paths.axes]
    end = [axis[segment + 1] for axis in paths.axes]
    bend = zones.square_m2([b - a for a, b in zip(begin, end, strict=True)], zone)
    first, last = ball_span(zones.excess_m2(begin, zone), zones.excess_m2(end, zone), bend)
    if len(begin) == 3:
        enters, leaves = slab_span(begin[2], end[2], zones.low[zone], zones.high[zone])
        first, last = np.maximum(first, enters), np.minimum(last, leaves)
    starts_in, ends_in = zones.contain(begin, zone), zones.contain(end, zone)
    # Zones are convex: a segment with both ends inside stays inside, one with both outside visits at most once.
    visits = (starts_in ^ ends_in) | (~starts_in & ~ends_in & (first < last))
    return np.stack((first, last), axis=1), np.stack((visits & ~starts_in, visits & ~ends_in), axis=1)


def polygon_crossings(paths: Paths, levels: list[Level], zones: PolygonZones, faces: Faces) -> Crossings:
    """Return the crossings of paths with polygon zones.

    Segments are cut where they meet a face, and each piece is judged by its middle, far from every border: a cut too
    many, through a vertex or along an edge, does no harm.
    """
    path, zone = _groups(levels, zones)
    segment, group, share = _cuts(paths, levels, zones, faces, path, zone)
    is_last = np.append((segment[1:] != segment[:-1]) | (group[1:] != group[:-1]), True)[: len(segment)]
    until = np.where(is_last, 1.0, np.append(share[1:], 1.0)[: len(share)])
    begin_ns, end_ns = paths.time_ns(segment, share), paths.time_ns(segment, until)
    lasts = end_ns > begin_ns
    segment, group, begin_ns, middle = segment[lasts], group[lasts], begin_ns[lasts], (share + until)[lasts] / 2.0
    point = [axis[segment] + middle * (axis[segment + 1] - axis[segment]) for axis in paths.axes]
    inside = zones.contain(point, zone[group])
    is_first = np.ones(len(group), dtype=bool)
    is_first[1:] = group[1:] != group[:-1]
    is_in = np.zeros(len(path), dtype=bool)
    is_in[group[is_first]] = inside[is_first]
    changes = ~is_first
    changes[1:] &= inside[1:] != inside[:-1]
    return Crossings(path, zone, is_in, group[changes], begin_ns[changes])


def _groups(levels: list[Level], zones: RoundZones | PolygonZones) -> tuple[IntArray, IntArray]:
    """Return the (path, zone) pairs whose boxes meet, in order."""
    low, high = levels[-1].box
    paths, count = len(low[0]), len(zones.rsu)
    path, zone = np.repeat(np.arange(paths), count), np.tile(np.arange(count), paths)
    near = zones.reach(([axis[path] for axis in low], [axis[path] for axis in high]), zone)
    return path[near], zone[near]


def _cuts(
    paths: Paths, levels: list[Level], zones: PolygonZones, faces: Faces, path: IntArray, zone: IntArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return (segment, group, share) of every cut, in order of (group, segment, share).

    The start of every cut segment, and of every group's first segment, counts as a cut.
    """
    group, face = spread(faces.start[zone], faces.start[zone + 1] - faces.start[zone])
    segment, pair = descend(levels, path[group], np.arange(len(face)), lambda box, p: faces.reach(box, face[p]))
    near = faces.reach(segment_box(paths, segment), face[pair])
    segment, group, face = segment[near], group[pair[near]], face[pair[near]]
    begin = faces.distance([axis[segment] for axis in paths.axes], face)
    share = plane_crossing(begin, faces.distance([axis[segment + 1] for axis in paths.axes], face))
    cuts = (share >= 0.0) & (share <= 1.0)
    moves = np.flatnonzero(np.diff(paths.start)[path] > 1)
    segment = np.concatenate((paths.start[path[moves]], segment[cuts], segment[cuts]))
    group = np.concatenate((moves, group[cuts], group[cuts]))
    share = np.concatenate((np.zeros(len(moves) + np.count_nonzero(cuts)), share[cuts]))
    order = np.lexsort((share, segment, group))
    return segment[order], group[order], share[order]
