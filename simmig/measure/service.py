"""When each vehicle was served: its twin's RSU working, holding a running twin, and the vehicle inside its zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.log import EventLog
from simmig.mobility.coverage import Intervals
from simmig.mobility.grouped import last_at, spread
from simmig.records import NEVER, FaultPhase, Outcome
from simmig.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Segments:
    """Stretches of time with a vehicle and an RSU, S of them, sorted by (vehicle, start)."""

    vehicle: IntArray
    rsu: IntArray
    start_ns: IntArray
    end_ns: IntArray

    def bounds(self, vehicle: IntArray) -> tuple[IntArray, IntArray]:
        """Return the first and past-the-last segment of each of these vehicles."""
        return (
            np.searchsorted(self.vehicle, vehicle, side="left"),
            np.searchsorted(self.vehicle, vehicle, side="right"),
        )


def hosting(log: EventLog, end_ns: int) -> Segments:
    """Return when a running twin was at which RSU.

    A twin runs from its placement or the end of a migration until the next copy starts: stop-and-copy halts it at
    the source; a migration that fails lets it run on there.
    """
    placed, rows = log.placement.rows(), log.migration.rows()
    done = np.isin(rows["outcome"], (Outcome.COMPLETED, Outcome.LATE))
    moved = rows["transfer_start_ns"] != NEVER
    vehicle = np.concatenate([placed["vehicle"], rows["vehicle"][moved]]).astype(np.int64)
    rsu = np.concatenate([placed["rsu"], np.where(done, rows["target"], rows["source"])[moved]]).astype(np.int64)
    start = np.concatenate([placed["placed_ns"], rows["ended_ns"][moved]])
    halt = np.concatenate([np.full(len(placed), NEVER), rows["transfer_start_ns"][moved]])
    order = np.lexsort((start, halt, vehicle))
    vehicle, rsu, start, halt = vehicle[order], rsu[order], start[order], halt[order]
    end = np.full(len(start), end_ns)
    follows = vehicle[1:] == vehicle[:-1]
    end[:-1][follows] = halt[1:][follows]
    return Segments(vehicle, rsu, start, end)


def served(log: EventLog, coverage: Intervals, end_ns: int) -> Segments:
    """Return when each vehicle was inside the zone of the working RSU that ran its twin."""
    episodes = hosting(log, end_ns)
    rsus = len(log.rsu_id)
    zone = coverage.vehicle.astype(np.int64) * rsus + coverage.rsu
    wanted = episodes.vehicle * rsus + episodes.rsu
    low, high = np.searchsorted(zone, wanted, side="left"), np.searchsorted(zone, wanted, side="right")
    first = last_at(coverage.exit_ns, low, high, episodes.start_ns) + 1
    past = last_at(coverage.enter_ns, low, high, episodes.end_ns - 1) + 1
    owner, index = spread(first, np.maximum(past - first, 0))
    start = np.maximum(episodes.start_ns[owner], coverage.enter_ns[index])
    end = np.minimum(episodes.end_ns[owner], coverage.exit_ns[index])
    keep = end > start
    inside = Segments(episodes.vehicle[owner][keep], episodes.rsu[owner][keep], start[keep], end[keep])
    return _without_outages(inside, outages(log, end_ns))


def outages(log: EventLog, end_ns: int) -> list[tuple[int, int, int]]:
    """Return (rsu, down_ns, up_ns) of every stretch in which at least one fault held an RSU down."""
    found: list[tuple[int, int, int]] = []
    rows = log.fault.rows()
    for rsu in np.unique(rows["rsu"]):
        depth, down_ns = 0, 0
        for row in rows[rows["rsu"] == rsu]:
            is_down = row["phase"] == FaultPhase.DOWN
            if is_down and depth == 0:
                down_ns = int(row["at_ns"])
            depth += 1 if is_down else -1
            if depth == 0:
                found.append((int(rsu), down_ns, int(row["at_ns"])))
        if depth > 0:
            found.append((int(rsu), down_ns, end_ns))
    return found


def _without_outages(segments: Segments, cuts: list[tuple[int, int, int]]) -> Segments:
    for rsu, down_ns, up_ns in cuts:
        hit = (segments.rsu == rsu) & (segments.start_ns < up_ns) & (segments.end_ns > down_ns)
        head, tail = (
            np.flatnonzero(hit & (segments.start_ns < down_ns)),
            np.flatnonzero(hit & (segments.end_ns > up_ns)),
        )
        kept = np.flatnonzero(~hit)
        index = np.concatenate([kept, head, tail])
        start = segments.start_ns[index].copy()
        end = segments.end_ns[index].copy()
        end[len(kept) : len(kept) + len(head)] = down_ns
        start[len(kept) + len(head) :] = up_ns
        order = np.lexsort((start, segments.vehicle[index]))
        index = index[order]
        segments = Segments(segments.vehicle[index], segments.rsu[index], start[order], end[order])
    return segments


def interruptions_s(log: EventLog, segments: Segments) -> FloatArray:
    """Return each migration's interruption in seconds, one for each row of the log's migrations.

    From the last instant at which the vehicle was served before the copy stopped its twin to the first at which it
    is served again, coverage gaps included. NaN if no copy started, if it was never served before or after, or if a
    later migration ended before service came back (the interruption is then counted there, once).
    """
    rows = log.migration.rows()
    result = np.full(len(rows), np.nan)
    started = np.flatnonzero(rows["transfer_start_ns"] != NEVER)
    vehicle = rows["vehicle"][started].astype(np.int64)
    resumed = rows["ended_ns"][started]
    low, high = segments.bounds(vehicle)
    after = last_at(segments.start_ns, low, high, resumed - 1) + 1
    usable = (after > low) & (after < high)
    order = np.lexsort((resumed, vehicle))
    is_last = np.ones(len(order), dtype=bool)
    same = (vehicle[order][1:] == vehicle[order][:-1]) & (after[order][1:] == after[order][:-1])
    is_last[:-1] = ~same
    usable[order] &= is_last
    index = after[usable]
    gap_ns = segments.start_ns[index] - segments.end_ns[index - 1]
    result[started[usable]] = gap_ns / NS_PER_S
    return result


def covered_s(coverage: Intervals, vehicles: int, end_ns: int) -> FloatArray:
    """Return for each vehicle the time until `end_ns` that it spent inside at least one zone, shape [V]."""
    order = np.lexsort((coverage.enter_ns, coverage.vehicle))
    vehicle = coverage.vehicle[order].astype(np.int64)
    enter, leave = coverage.enter_ns[order], np.minimum(coverage.exit_ns[order], end_ns)
    reached = _running_maximum(vehicle, leave)
    new = np.maximum(leave - np.maximum(enter, reached), 0)
    return np.bincount(vehicle, weights=new / NS_PER_S, minlength=vehicles).astype(np.float64)


def _running_maximum(group: IntArray, values: IntArray) -> IntArray:
    """Return for every row the largest value before it in its group, NEVER at the group's first row."""
    rank = np.empty(len(values), dtype=np.int64)
    order = np.argsort(values, kind="stable")
    rank[order] = np.arange(len(values))
    # Ranks are below the row count, so group and rank fit one key whatever the times are.
    key = np.maximum.accumulate(group * len(values) + rank)
    before = np.full(len(values), NEVER)
    same = group[1:] == group[:-1]
    before[1:][same] = values[order][(key[:-1] % len(values))][same]
    return before
