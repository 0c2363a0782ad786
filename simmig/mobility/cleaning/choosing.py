"""Parts of a trace: an area, some of the vehicles, trips that become vehicles of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from simmig.contracts import BoolArray
from simmig.errors import InputError, TraceError
from simmig.mobility.cleaning.rows import taken
from simmig.mobility.trace import Trace
from simmig.rng import stream


def crop_area(trace: Trace, is_inside: BoolArray) -> Trace:
    """Return the fixes is_inside[N]; a trip that leaves the area ends there, and a new one begins where it returns.

    Between the last fix inside and the border nothing is made up. Notes: dropped_out_of_area.
    """
    returns = is_inside.copy()
    returns[1:] &= ~is_inside[:-1]
    return taken(trace, is_inside, returns, note="dropped_out_of_area")


def choose_vehicles(
    trace: Trace,
    patterns: Iterable[str] = (),
    *,
    fewest_fixes: int = 1,
    shortest_s: float = 0.0,
    most: int | None = None,
    seed: int = 0,
) -> Trace:
    """Return vehicles whose id fits one of the patterns (* and ? as in file names), if any are given.

    And that have so many fixes and are there for so long, from first fix to last; at most `most` of them, drawn at
    random with the seed. Notes: dropped_not_chosen (fixes).
    """
    wanted = list(patterns)
    fixes = np.bincount(np.repeat(trace.trip_vehicle, np.diff(trace.trip_start)), minlength=trace.vehicle_count)
    present_s = (trace.last_us() - trace.first_us()) / 1e6
    chosen = (fixes >= fewest_fixes) & (present_s >= shortest_s)
    if wanted:
        fits = [any(fnmatchcase(name, pattern) for pattern in wanted) for name in trace.vehicle_id]
        chosen &= np.array(fits)
    if most is not None:
        if most < 1:
            raise InputError(f"at most {most} vehicles; expected 1 or more")
        found = np.flatnonzero(chosen)
        drawn = stream(seed, "trace", "vehicles").permutation(len(found))[:most]
        chosen = np.zeros(trace.vehicle_count, dtype=bool)
        chosen[found[drawn]] = True
    if not chosen.any():
        raise TraceError(f"none of {trace.vehicle_count} vehicles is chosen; expected weaker conditions")
    keep = np.repeat(chosen[trace.trip_vehicle], np.diff(trace.trip_start))
    return taken(trace, keep, note="dropped_not_chosen")


def trips_as_vehicles(trace: Trace) -> Trace:
    """Return the trace in which every trip is a vehicle, called after its own and the trip's number: "cab7/3".

    For data sets whose ids are those of drivers or devices, while a simulation wants journeys. Vehicles stay in
    lexicographic order. A vehicle with one trip keeps its name.
    """
    trips = np.bincount(trace.trip_vehicle, minlength=trace.vehicle_count)
    width = [len(str(count)) for count in trips.tolist()]
    number = np.arange(len(trace.trip_vehicle)) - np.searchsorted(trace.trip_vehicle, trace.trip_vehicle)
    names = [
        trace.vehicle_id[v] if trips[v] == 1 else f"{trace.vehicle_id[v]}/{k + 1:0{width[v]}d}"
        for v, k in zip(trace.trip_vehicle.tolist(), number.tolist(), strict=True)
    ]
    if len(set(names)) < len(names):
        raise TraceError("a trip's new name is that of another vehicle already; rename vehicles that have / in theirs")
    order = sorted(range(len(names)), key=names.__getitem__)
    rows = np.concatenate([np.arange(trace.trip_start[k], trace.trip_start[k + 1]) for k in order])
    counts = np.diff(trace.trip_start)[order]
    return replace(
        trace,
        vehicle_id=tuple(names[k] for k in order),
        trip_vehicle=np.arange(len(names), dtype=np.int32),
        trip_start=np.append(0, np.cumsum(counts)),
        t_us=trace.t_us[rows],
        x_m=trace.x_m[rows],
        y_m=trace.y_m[rows],
        z_m=None if trace.z_m is None else trace.z_m[rows],
    )
