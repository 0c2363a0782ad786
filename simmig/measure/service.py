"""When each vehicle was served: its twin's RSU working, holding a running twin, and the vehicle inside its zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.log import EventLog
from simmig.measure.blocks import Block
from simmig.mobility.grouped import last_at, spread
from simmig.records import NEVER, FaultPhase, Outcome
from simmig.units import NS_PER_S

Outage = tuple[int, int, int]  # (rsu, down_ns, up_ns)


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


def hosting(block: Block, end_ns: int) -> Segments:
    """Return when a running twin was at which RSU.

    A twin runs from its placement or the end of a migration until the next copy starts: stop-and-copy halts it at
    the source; a migration that fails lets it run on there.
    """
    placed, rows = block.placements, block.migrations
    moved = np.flatnonzero(rows["transfer_start_ns"] != NEVER)
    done = np.isin(rows["outcome"], (Outcome.COMPLETED, Outcome.LATE))
    host = np.where(done, rows["target"], rows["source"])
    vehicle = np.concatenate([placed["vehicle"], rows["vehicle"][moved]]).astype(np.int64)
    rsu = np.concatenate([placed["rsu"], host[moved]]).astype(np.int64)
    start = np.concatenate([placed["placed_ns"], rows["ended_ns"][moved]])
    halt = np.concatenate([np.full(len(placed["vehicle"]), NEVER), rows["transfer_start_ns"][moved]])
    order = np.lexsort((start, halt, vehicle))
    vehicle, rsu, start, halt = vehicle[order], rsu[order], start[order], halt[order]
    end = np.full(len(start), end_ns)
    follows = vehicle[1:] == vehicle[:-1]
    end[:-1][follows] = halt[1:][follows]
    return Segments(vehicle, rsu, start, end)


def served(block: Block, cuts: list[Outage], end_ns: int) -> Segments:
    """Return when each vehicle was inside the zone of the RSU that ran its twin, unless an outage held that down."""
    episodes, visits = hosting(block, end_ns), block.visits
    rsus = 1 + max(int(visits.rsu.max(initial=0)), int(episodes.rsu.max(initial=0)))
    zone = visits.vehicle.astype(np.int64) * rsus + visits.rsu
    wanted = episodes.vehicle * rsus + episodes.rsu
    low, high = np.searchsorted(zone, wanted, side="left"), np.searchsorted(zone, wanted, side="right")
    first = last_at(visits.exit_ns, low, high, episodes.start_ns) + 1
    past = last_at(visits.enter_ns, low, high, episodes.end_ns - 1) + 1
    owner, index = spread(first, np.maximum(past - first, 0))
    start = np.maximum(episodes.start_ns[owner], visits.enter_ns[index])
    end = np.minimum(episodes.end_ns[owner], visits.exit_ns[index])
    keep = end > start
    inside = Segments(episodes.vehicle[owner][keep], episodes.rsu[owner][keep], start[keep], end[keep])
    return _without_outages(inside, cuts)


def outages(log: EventLog, end_ns: int) -> list[Outage]:
    """Return (rsu, down_ns, up_ns) of every stretch in which at least one fault held an RSU down."""
    found: list[Outage] = []
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


def _without_outages(segments: Segments, cuts: list[Outage]) -> Segments:
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


def interruptions_s(block: Block, segments: Segments) -> FloatArray:
    """Return the interruption of each migration of the block in seconds, shape [M].

    From the last instant at which the vehicle was served before the copy stopped its twin to the first at which it
    is served again, coverage gaps included. NaN if no copy started, if it was never served before or after, or if a
    later migration ended before service came back (the interruption is then counted there, once).
    """
    rows = block.migrations
    result = np.full(len(block.row), np.nan)
    started = np.flatnonzero(rows["transfer_start_ns"] != NEVER)
    vehicle = rows["vehicle"][started].astype(np.int64)
    low, high = segments.bounds(vehicle)
    after = last_at(segments.start_ns, low, high, rows["ended_ns"][started] - 1) + 1
    usable = (after > low) & (after < high)
    # A vehicle's migrations stand in the order of their ends.
    usable[:-1] &= (vehicle[1:] != vehicle[:-1]) | (after[1:] != after[:-1])
    index = after[usable]
    gap_ns = segments.start_ns[index] - segments.end_ns[index - 1]
    result[started[usable]] = gap_ns / NS_PER_S
    return result


def covered_s(block: Block, end_ns: int) -> FloatArray:
    """Return the time until `end_ns` that each vehicle of the block spent inside at least one zone, shape [V]."""
    visits = block.visits
    vehicle = visits.vehicle.astype(np.int64) - block.vehicles.start
    # One time line for all, the vehicles one behind the other: none reaches into the time of the next.
    begin = vehicle * (end_ns + 1)
    enter, leave = (begin + np.minimum(moment_ns, end_ns) for moment_ns in (visits.enter_ns, visits.exit_ns))
    order = np.argsort(enter, kind="stable")
    enter, leave = enter[order], leave[order]
    reached = np.maximum.accumulate(leave)
    enter[1:] = np.maximum(enter[1:], reached[:-1])
    new_s = np.maximum(leave - enter, 0) / NS_PER_S
    return np.bincount(vehicle[order], weights=new_s, minlength=len(block.vehicles)).astype(np.float64)
