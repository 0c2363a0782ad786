"""Do a trace and a layout of RSUs fit together: who is covered, for how long, and where nobody is."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.mobility.coverage import Intervals, coverage_intervals
from simmig.mobility.grouped import last_at
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace

_QUANTILES = {"min": 0.0, "q05": 0.05, "median": 0.5, "q95": 0.95, "max": 1.0}


def overlap(trace: Trace, sites: Sites) -> dict[str, Any]:
    """Return covered share of the vehicles' time, gaps, dwell times, changes of RSU and problems, ready for JSON.

    `covered_share` is of the time in which vehicles are there; a gap is a time between two visits of one trip in
    which no zone holds the vehicle; `dwell_s` the time from entering a zone to leaving it, of visits that neither
    began nor ended with the trip; `handovers` counts the times that a vehicle leaves a zone within another one.
    """
    visits = coverage_intervals(trace, sites)
    present_s = _present_ns(trace) / 1e9
    covered, gaps_s = _covered(trace, visits)
    whole = ~visits.starts_inside & ~visits.ends_inside
    dwell_s = (visits.exit_ns - visits.enter_ns)[whole] / 1e9
    visited = np.bincount(visits.rsu, minlength=sites.count)
    found = {
        "vehicles": trace.vehicle_count,
        "vehicles_covered": len(np.unique(visits.vehicle)),
        "rsus": sites.count,
        "rsus_visited": int((visited > 0).sum()),
        "visits": len(visits.vehicle),
        "present_s": present_s,
        "covered_s": covered / 1e9,
        "covered_share": covered / 1e9 / present_s if present_s else None,
        "gap_s": _spread(gaps_s),
        "dwell_s": _spread(dwell_s),
        "handovers": _handovers(visits),
        "never_visited": [sites.rsu_id[j] for j in np.flatnonzero(visited == 0)[:20]],
    }
    return {**found, "problems": _problems(found)}


def _present_ns(trace: Trace) -> float:
    return float((trace.t_us[trace.trip_start[1:] - 1] - trace.t_us[trace.trip_start[:-1]]).sum()) * 1e3


def _covered(trace: Trace, visits: Intervals) -> tuple[float, FloatArray]:
    """Return the nanoseconds in which vehicles are in some zone, and the gaps between visits of one trip in seconds."""
    if not len(visits.vehicle):
        return 0.0, np.empty(0)
    order = np.lexsort((visits.enter_ns, visits.vehicle))
    vehicle = visits.vehicle[order].astype(np.int64)
    enter, leave = visits.enter_ns[order], visits.exit_ns[order]
    reach = _reach(vehicle, leave)
    is_new = np.append(True, (np.diff(vehicle) != 0) | (enter[1:] > reach[:-1]))
    begin, end = enter[is_new], reach[np.append(np.flatnonzero(is_new)[1:] - 1, len(reach) - 1)]
    owner = vehicle[is_new]
    same = (owner[1:] == owner[:-1]) & (_trip_at(trace, owner[1:], begin[1:]) == _trip_at(trace, owner[:-1], end[:-1]))
    return float((end - begin).sum()), (begin[1:] - end[:-1])[same] / 1e9


def _reach(vehicle: IntArray, leave: IntArray) -> IntArray:
    """Return the latest exit so far of each vehicle's visits, which are in order."""
    reach = leave.copy()
    for first, end in _runs(vehicle):
        np.maximum.accumulate(leave[first:end], out=reach[first:end])
    return reach


def _runs(vehicle: IntArray) -> list[tuple[int, int]]:
    cuts = np.flatnonzero(np.diff(vehicle)) + 1
    return list(zip([0, *cuts.tolist()], [*cuts.tolist(), len(vehicle)], strict=True))


def _trip_at(trace: Trace, vehicle: IntArray, time_ns: IntArray) -> IntArray:
    """Return the last trip of each vehicle that has begun by a time."""
    first_us = trace.t_us[trace.trip_start[:-1]]
    low, high = np.searchsorted(trace.trip_vehicle, vehicle), np.searchsorted(trace.trip_vehicle, vehicle, side="right")
    return last_at(first_us, low, high, time_ns // 1000)


def _handovers(visits: Intervals) -> int:
    """Return how often a vehicle leaves a zone while in another one."""
    count = 0
    for first, end in _runs(visits.vehicle.astype(np.int64)) if len(visits.vehicle) else ():
        part = slice(first, end)
        leaves = np.sort(visits.exit_ns[part][~visits.ends_inside[part]])
        inside = np.searchsorted(np.sort(visits.enter_ns[part]), leaves, side="left")
        gone = np.searchsorted(np.sort(visits.exit_ns[part]), leaves, side="right")
        count += int((inside > gone).sum())
    return count


def _spread(values: FloatArray) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys(_QUANTILES)
    found = np.quantile(values, [*_QUANTILES.values()])
    return {name: float(value) for name, value in zip(_QUANTILES, found, strict=True)}


def _problems(found: dict[str, Any]) -> list[str]:
    problems = []
    if not found["visits"]:
        problems.append("no vehicle is ever in a zone: do trace and RSUs belong to the same place and CRS?")
    elif found["covered_share"] is not None and found["covered_share"] < 0.5:
        problems.append(f"vehicles are out of coverage {1.0 - found['covered_share']:.0%} of their time")
    if found["visits"] and not found["handovers"]:
        problems.append("no vehicle leaves a zone within another one: nothing will migrate without an interruption")
    unvisited = found["rsus"] - found["rsus_visited"]
    if unvisited and found["visits"]:
        problems.append(f"{unvisited} of {found['rsus']} RSUs are never visited")
    return problems
