"""Exactly when the RSU that is nearest to a vehicle, or the strongest at its place, changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.mobility._blocks import Level, Paths, blocks, chunks, segment_box
from simmig.mobility._envelope import Rows, envelope
from simmig.mobility._leg_contests import leg_contests
from simmig.mobility._legs import cut_out, find_legs
from simmig.mobility._rivals import Contests, Rivals, make_rivals, open_contests, strength_weight
from simmig.mobility.trace import Int32Array, Trace


@dataclass(frozen=True, slots=True)
class Changes:
    """K instants at which another RSU becomes the nearest, in order of (vehicle, time_ns).

    Times are nanoseconds since the trace's epoch. A trip's first row is its start, with the nearest RSU there.
    """

    vehicle: Int32Array
    time_ns: IntArray
    rsu: Int32Array


def nearest_changes(
    trace: Trace, xyz_m: FloatArray, bonus_db: FloatArray | None = None, exponent: float = 2.0
) -> Changes:
    """Return every change of the nearest of the RSUs at xyz_m[J, 3].

    With bonus_db[J], differences of transmit power, it is the strongest RSU that counts, under a path loss with this
    exponent. Equally near RSUs (to 1e-12 of the squared distance) count as the first of them, so that a vehicle on
    their border does not change back and forth.
    """
    dimensions = 2 if trace.z_m is None else 3
    weight = strength_weight(np.zeros(len(xyz_m)) if bonus_db is None else bonus_db, exponent)
    rivals, rsu_of = make_rivals(xyz_m, weight, dimensions)
    parts = []
    for paths in chunks(trace, len(xyz_m)):
        starts = _at_starts(paths, rivals)
        parts.append(_changes(paths, starts, envelope(paths, rivals, _contests(paths, rivals))))
    trip, time_ns, rival = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Changes(trace.trip_vehicle[trip], time_ns, rsu_of[rival].astype(np.int32))


def _at_starts(paths: Paths, rivals: Rivals) -> IntArray:
    """Return the rival nearest at the first fix of each path."""
    everyone = _everyone(len(paths.trip), len(rivals.weight))
    point = [axis[paths.start[everyone.owner]] for axis in paths.axes]
    return everyone.rsu[everyone.winner(rivals.value(point, everyone.rsu))]


def _everyone(subjects: int, rivals: int) -> Contests:
    start = np.arange(subjects + 1) * rivals
    return Contests(np.arange(subjects), start, np.tile(np.arange(rivals), subjects))


def _contests(paths: Paths, rivals: Rivals) -> Contests:
    """Return segments with the rivals that may be the nearest along them; along no others does the nearest change."""
    legs = find_legs(paths) if rivals.are_equal else None
    if legs is None:
        return _open_segments(paths, blocks(paths), rivals)
    contests, unclear = leg_contests(legs, rivals)
    if not len(unclear):
        return contests
    rest, row = cut_out(paths, legs, unclear)
    others = _open_segments(rest, blocks(rest), rivals)
    return contests.and_also(replace(others, subject=row[others.subject]))


def _open_segments(paths: Paths, levels: list[Level], rivals: Rivals) -> Contests:
    """Return the segments along which more than one rival may be the nearest."""
    contests = open_contests(rivals, levels[-1].box, _everyone(len(paths.trip), len(rivals.weight)))
    for level, below in zip(levels[:0:-1], levels[-2::-1], strict=True):
        contests = contests.over(level.first[contests.subject], level.count[contests.subject])
        low, high = below.box
        box = [axis[contests.subject] for axis in low], [axis[contests.subject] for axis in high]
        contests = open_contests(rivals, box, contests)
    contests = contests.over(levels[0].first[contests.subject], levels[0].count[contests.subject])
    return open_contests(rivals, segment_box(paths, contests.subject), contests)


def _changes(paths: Paths, starts: IntArray, rows: Rows) -> tuple[IntArray, IntArray, IntArray]:
    """Return the trip, time and rival of every change, from rows in no order that may repeat each other."""
    segment, share, rival = rows
    time_ns = np.concatenate((paths.start_ns(), paths.time_ns(segment, share)))
    segment = np.concatenate((paths.start[:-1], segment))
    share = np.concatenate((np.full(len(starts), -1.0), share))
    rival = np.concatenate((starts, rival))
    order = np.lexsort((share, segment))
    segment, time_ns, rival = segment[order], time_ns[order], rival[order]
    path = np.searchsorted(paths.start, segment, side="right") - 1
    lasts = np.append((path[1:] != path[:-1]) | (time_ns[1:] != time_ns[:-1]), True)
    path, time_ns, rival = path[lasts], time_ns[lasts], rival[lasts]
    changes = np.append(True, (path[1:] != path[:-1]) | (rival[1:] != rival[:-1]))
    return paths.trip[path[changes]], time_ns[changes], rival[changes]
