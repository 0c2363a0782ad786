"""Exactly when each vehicle is inside each RSU's zone, computed from the geometry and not by polling.

Between two fixes a vehicle moves in a straight line, so crossing times are roots of a quadratic (round zones) or of a
linear equation (polygons, heights). Zones are closed, and a visit that lasts no time is no visit: a path that touches
a border from outside, or two visits that touch in time, leave no trace of the touch. A vehicle that stops on a border
stays on the side that its fix is on, because a fix is judged once for the segments on both its sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility._blocks import Paths, blocks, chunks
from simmig.mobility._crossings import Crossings, polygon_crossings, round_crossings
from simmig.mobility._legs import find_legs
from simmig.mobility._polygons import polygon_zones
from simmig.mobility._zones import round_zones
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Int32Array, Trace


@dataclass(frozen=True, slots=True)
class Intervals:
    """K visits of vehicles to zones, sorted by (vehicle, rsu, enter_ns); visits to one zone never touch.

    Times are nanoseconds since the trace's epoch. starts_inside[K]: the trip began inside, and the visit with it;
    ends_inside[K]: the trip ended inside, and the visit with it.
    """

    vehicle: Int32Array
    rsu: Int32Array
    enter_ns: IntArray
    exit_ns: IntArray
    starts_inside: BoolArray
    ends_inside: BoolArray


def coverage_intervals(trace: Trace, sites: Sites, margin_m: float = 0.0) -> Intervals:
    """Return every visit of a vehicle to an RSU's zone, the zones' borders moved inwards by a margin.

    The margin leaves the heights of a zone as they are. The cost follows the fixes and the segments near borders.
    """
    dimensions = 2 if trace.z_m is None else 3
    rounds = round_zones(sites, margin_m, dimensions)
    polygons, faces = polygon_zones(sites, margin_m, dimensions)
    parts = []
    for paths in chunks(trace, sites.count):
        legs = find_legs(paths) if len(rounds.rsu) else None
        levels = blocks(paths, runs=legs is None or len(polygons.rsu) > 0)
        if len(rounds.rsu):
            parts.append(_visits(paths, rounds.rsu, round_crossings(paths, levels, legs, rounds)))
        if len(polygons.rsu):
            parts.append(_visits(paths, polygons.rsu, polygon_crossings(paths, levels, polygons, faces)))
    return _joined(trace, parts)


def _visits(paths: Paths, rsu: IntArray, found: Crossings) -> tuple[NDArray[Any], ...]:
    """Return the trip, rsu, times and flags of visits, from changes that alternate."""
    starts = np.flatnonzero(found.is_in)
    group = np.concatenate((starts, found.group))
    ends = np.flatnonzero(np.bincount(group, minlength=len(found.path)) % 2)
    time_ns = np.concatenate((paths.start_ns()[found.path[starts]], found.time_ns, paths.end_ns()[found.path[ends]]))
    group = np.concatenate((group, ends))
    kind = np.repeat(np.array([1, 0, 2], dtype=np.int8), (len(starts), len(found.group), len(ends)))
    order = np.argsort(group, kind="stable")  # starts, changes and ends already are in order of time
    group, time_ns, kind = group[order], time_ns[order], kind[order]
    owner, enter, leave = group[0::2], time_ns[0::2], time_ns[1::2]
    touches = (owner[1:] == owner[:-1]) & (enter[1:] == leave[:-1])
    begins, finishes = np.append(True, ~touches)[: len(owner)], np.append(~touches, True)[: len(owner)]
    owner, enter, leave = owner[begins], enter[begins], leave[finishes]
    flags = kind[0::2][begins] == 1, kind[1::2][finishes] == 2
    lasts = leave > enter
    columns = (paths.trip[found.path[owner]], rsu[found.zone[owner]], enter, leave, *flags)
    return tuple(column[lasts] for column in columns)


def _joined(trace: Trace, parts: list[tuple[NDArray[Any], ...]]) -> Intervals:
    nothing = np.empty(0, dtype=np.int64)
    columns = zip((nothing, nothing, nothing, nothing, nothing > 0, nothing > 0), *parts, strict=True)
    trip, rsu, *rest = (np.concatenate(column) for column in columns)
    vehicle = trace.trip_vehicle[trip]
    order = np.lexsort((trip, rsu, vehicle))
    return Intervals(vehicle[order], rsu.astype(np.int32)[order], *(column[order] for column in rest))


def covers(sites: Sites) -> Callable[[FloatArray], BoolArray]:
    """Return the function that says which zones contain points: xyz_m[K, 3] to [K, J], borders included.

    A point with NaN (a vehicle that is absent) is in no zone.
    """
    rounds = round_zones(sites, 0.0, 3)
    polygons, _ = polygon_zones(sites, 0.0, 3)

    round_zone, polygon_zone = np.arange(len(rounds.rsu)), np.arange(len(polygons.rsu))

    def contained(xyz_m: FloatArray) -> BoolArray:
        result = np.zeros((len(xyz_m), sites.count), dtype=bool)
        result[:, rounds.rsu] = rounds.contain([axis[:, None] for axis in xyz_m.T], round_zone)
        if len(polygon_zone):
            axes = [np.repeat(axis, len(polygon_zone)) for axis in xyz_m.T]
            inside = polygons.contain(axes, np.tile(polygon_zone, len(xyz_m)))
            result[:, polygons.rsu] = inside.reshape(len(xyz_m), len(polygon_zone))
        return result

    return contained


def first_service(intervals: Intervals, sites: Sites, positions: Positions) -> list[tuple[int, int, int]]:
    """Return (vehicle, time_ns, rsu) of every vehicle that is ever covered: when first, and the nearest RSU then.

    Of equally near RSUs the first is meant.
    """
    begins = np.unique(intervals.vehicle, return_index=True)[1]
    count = np.diff(np.append(begins, len(intervals.vehicle)))
    first_ns = np.minimum.reduceat(intervals.enter_ns, begins) if len(begins) else intervals.enter_ns
    at_first = intervals.enter_ns == np.repeat(first_ns, count)
    vehicle, rsu = intervals.vehicle[at_first].astype(np.int64), intervals.rsu[at_first]
    time_ns = intervals.enter_ns[at_first]
    offset_m = positions.at(vehicle, time_ns) - sites.xyz_m[rsu]
    square = offset_m[:, 0] ** 2 + offset_m[:, 1] ** 2 + offset_m[:, 2] ** 2
    order = np.lexsort((rsu, square, vehicle))
    order = order[np.unique(vehicle[order], return_index=True)[1]]
    return list(zip(vehicle[order].tolist(), time_ns[order].tolist(), rsu[order].tolist(), strict=True))
