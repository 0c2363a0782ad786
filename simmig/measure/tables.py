"""The tables of a run folder, built from the log and the world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.log import EventLog
from simmig.measure.blocks import order_by
from simmig.measure.events import events_table
from simmig.measure.experience import Experience, measure_experience, unmeasured
from simmig.mobility.positions import distance_m
from simmig.records import NEVER, Outcome
from simmig.units import NS_PER_S
from simmig.world import World

if TYPE_CHECKING:
    import pandas as pd

_MOMENTS = ("requested", "decided", "transfer_start", "transfer_end", "queued", "service_start", "completed", "ended")
_PATHS_KEPT = 500  # vehicles whose path is kept for the map
_POINTS_KEPT = 100  # points of a kept path
_POSITIONS_AT_ONCE = 16_384  # which the processor's cache holds, with what is made on the way to them


def build_tables(world: World, log: EventLog, end_ns: int, *, is_complete: bool = True) -> dict[str, pd.DataFrame]:
    """Return the tables by name: migrations, rounds, vehicles, rsus, events. Times in seconds since the start.

    Of a run that was interrupted only what is quickly told: no events, and nothing of what users experienced.
    """
    experience = measure_experience(world, log, end_ns) if is_complete else unmeasured(world, log)
    tables = {
        "migrations": _migrations(world, log, experience),
        "rounds": _rounds(log),
        "vehicles": _vehicles(world, log, experience),
        "rsus": _rsus(world, log, end_ns),
    }
    return {**tables, "events": events_table(log)} if is_complete else tables


def _seconds(time_ns: IntArray) -> FloatArray:
    time_s = time_ns / NS_PER_S
    time_s[time_ns == NEVER] = np.nan
    return time_s


def _names(codes: IntArray, names: tuple[str, ...]) -> pd.Categorical:
    """Return a categorical of the names; codes of -1 become missing."""
    import pandas as pd

    return pd.Categorical.from_codes(codes, categories=pd.Index(list(names), dtype=object))


def _migrations(world: World, log: EventLog, experience: Experience) -> pd.DataFrame:
    import pandas as pd

    rows = log.migration.columns()
    vehicle = rows["vehicle"]
    fleets = world.vehicles.fleets
    time_s = {f"{name}_s": _seconds(rows[f"{name}_ns"]) for name in _MOMENTS}
    xyz_m = _positions(world, vehicle, rows["requested_ns"])
    columns: dict[str, Any] = {
        "migration": rows["migration"],
        "vehicle": _names(vehicle, log.vehicle_id),
        "fleet": _names(world.vehicles.fleet[vehicle], tuple(name for name, _ in fleets)),
        "kind": _names(_kind_codes(world)[vehicle], ("av", "uav")),
        "source": _names(rows["source"], log.rsu_id),
        "target": _names(rows["target"], log.rsu_id),
        "outcome": _names(rows["outcome"].astype(np.int64), tuple(o.label for o in Outcome)),
        "attempt": rows["attempt"],
        "round": rows["round"],
        **time_s,
        **{name: rows[name] for name in ("data_bit", "sent_bit", "bandwidth_hz", "price", "payment")},
        "deadline_s": np.array(world.vehicles.deadline_s)[vehicle],
        "pairing_theta": rows["pairing_theta"],
        **_delays(time_s),
        "formula_delay_s": np.where(rows["decided_ns"] == NEVER, np.nan, rows["formula_delay_s"]),
        "interruption_s": experience.interruption_s,
        "immersion_before": experience.immersion_before,
        "immersion_loss": experience.immersion_loss,
        "x_m": xyz_m[0],
        "y_m": xyz_m[1],
        "z_m": xyz_m[2],
    }
    return pd.DataFrame(columns, copy=False)


def _positions(world: World, vehicle: IntArray, time_ns: IntArray) -> FloatArray:
    """Return where vehicles are at instants, xyz[3, K]."""
    xyz_m = np.empty((3, len(vehicle)))
    # Vehicle by vehicle: in order of time, each position is looked for at another end of the trace.
    order = order_by(vehicle)
    for start in range(0, len(order), _POSITIONS_AT_ONCE):
        part = order[start : start + _POSITIONS_AT_ONCE]
        xyz_m[:, part] = world.positions.at(vehicle[part], time_ns[part]).T
    return xyz_m


def _delays(time_s: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the parts of the delay; `paper_delay_s` is T_ij of 002 (3) and 003 (7), measured."""
    completed_s = time_s["completed_s"]
    transfer_s = time_s["transfer_end_s"] - time_s["transfer_start_s"]
    queue_s = time_s["service_start_s"] - time_s["queued_s"]
    return {
        "decision_delay_s": time_s["decided_s"] - time_s["requested_s"],
        "transfer_delay_s": transfer_s,
        "queue_delay_s": queue_s,
        "reinstantiation_delay_s": completed_s - time_s["service_start_s"],
        "paper_delay_s": transfer_s + queue_s + (completed_s - time_s["service_start_s"]),
        "total_delay_s": completed_s - time_s["requested_s"],
    }


def _kind_codes(world: World) -> IntArray:
    kinds = np.array([("av", "uav").index(kind) for _, kind in world.vehicles.fleets])
    return kinds[world.vehicles.fleet]


def _rounds(log: EventLog) -> pd.DataFrame:
    import pandas as pd

    rows = log.round.rows()
    columns: dict[str, Any] = {"round": rows["round"], "time_s": _seconds(rows["closed_ns"])}
    columns["rsu"] = _names(rows["rsu"], log.rsu_id)
    taken = {"round", "rsu", "closed_ns"}
    columns.update({name: rows[name] for name in rows.dtype.names or () if name not in taken})
    return pd.DataFrame(columns)


def _vehicles(world: World, log: EventLog, experience: Experience) -> pd.DataFrame:
    import pandas as pd

    trace, rows = world.trace, log.migration.rows()
    count = trace.vehicle_count
    codes = np.arange(count)
    done = np.isin(rows["outcome"], (Outcome.COMPLETED, Outcome.LATE))

    def total(weights: FloatArray) -> FloatArray:
        return np.bincount(rows["vehicle"], weights=np.nan_to_num(weights), minlength=count).astype(np.float64)

    return pd.DataFrame(
        {
            "vehicle": _names(codes, log.vehicle_id),
            "fleet": _names(world.vehicles.fleet, tuple(name for name, _ in world.vehicles.fleets)),
            "kind": _names(_kind_codes(world), ("av", "uav")),
            "first_s": trace.first_us() / 1e6,
            "last_s": trace.last_us() / 1e6,
            "distance_m": distance_m(trace),
            "path_xy_m": _paths(world),
            "requests": np.bincount(rows["vehicle"], minlength=count),
            "completed": np.bincount(rows["vehicle"][done], minlength=count),
            "covered_s": experience.covered_s,
            "interruption_s": total(experience.interruption_s),
            "immersion_mean": experience.immersion_mean,
            "immersion_loss": total(experience.immersion_loss),
            "payment": total(np.where(done, rows["payment"], 0.0)),
        }
    )


def _paths(world: World) -> list[str | None]:
    """Return JSON lists of [x, y] for the map: at most 100 fixes of the first 500 vehicles, others None."""
    trace = world.trace
    paths: list[str | None] = [None] * trace.vehicle_count
    for vehicle in range(min(_PATHS_KEPT, trace.vehicle_count)):
        trips = trace.trips_of(vehicle)
        first, last = int(trace.trip_start[trips.start]), int(trace.trip_start[trips.stop])
        index = np.unique(np.linspace(first, last - 1, min(_POINTS_KEPT, last - first)).astype(np.int64))
        points = np.column_stack([trace.x_m[index], trace.y_m[index]]).round(1)
        paths[vehicle] = json.dumps(points.tolist())
    return paths


def _rsus(world: World, log: EventLog, end_ns: int) -> pd.DataFrame:
    import pandas as pd

    from simmig.measure.service import outages

    sites, rows = world.rsus.sites, log.migration.rows()
    done = np.isin(rows["outcome"], (Outcome.COMPLETED, Outcome.LATE))
    target, source = rows["target"][done], rows["source"][done]
    copied_s = (rows["transfer_end_ns"] - rows["transfer_start_ns"])[done] / NS_PER_S
    down_s = np.zeros(sites.count)
    for rsu, from_ns, to_ns in outages(log, end_ns):
        down_s[rsu] += (min(to_ns, end_ns) - from_ns) / NS_PER_S
    return pd.DataFrame(
        {
            "rsu": list(sites.rsu_id),
            "x_m": sites.xyz_m[:, 0],
            "y_m": sites.xyz_m[:, 1],
            "z_m": sites.xyz_m[:, 2],
            "shape": list(sites.shape),
            "radius_m": sites.radius_m,
            "zone_wkt": [None if rings is None else _wkt(rings) for rings in sites.rings],
            "twins_in": np.bincount(target, minlength=sites.count),
            "twins_out": np.bincount(source, minlength=sites.count),
            "sold_hz_s": np.bincount(target, rows["bandwidth_hz"][done] * copied_s, sites.count),
            "revenue": np.bincount(target, rows["payment"][done], sites.count),
            "down_s": down_s,
        }
    )


def _wkt(rings: tuple[FloatArray, ...]) -> str:
    """Return the rings as one WKT polygon (the even-odd rule makes inner rings holes)."""
    closed = [ring if (ring[0] == ring[-1]).all() else np.vstack([ring, ring[:1]]) for ring in rings]
    parts = ("(" + ", ".join(f"{x:.3f} {y:.3f}" for x, y in ring) + ")" for ring in closed)
    return "POLYGON (" + ", ".join(parts) + ")"
