"""Tables of a run that never was, with plausible numbers, for the tests of what is made of tables."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from simmig.records import Outcome
from simmig.rng import stream

OUTCOME_SHARES = (0.86, 0.04, 0.03, 0.02, 0.01, 0.02, 0.01, 0.01)  # in the order of Outcome
DURATION_S = 3600.0


def make_tables(
    migrations: int = 2000,
    *,
    vehicles: int = 120,
    rsus: int = 9,
    rounds: int = 300,
    names: Sequence[str] = ("rsu-{}",),
    seed: int = 1,
) -> dict[str, pd.DataFrame]:
    """Tables with this many rows; `names` are patterns of RSU and vehicle ids, taken in turn."""
    rng = stream(seed, "synthetic")
    side = max(1, round(rsus**0.5))
    rsu_xy = np.array([(500.0 * (j % side), 450.0 * (j // side)) for j in range(rsus)]).reshape(-1, 2)
    rsu_names = np.array([names[j % len(names)].format(j) for j in range(rsus)], dtype=object)
    vehicle_names = np.array([names[v % len(names)].format(f"v{v}") for v in range(vehicles)], dtype=object)
    paths = [_path(rng, rsu_xy) for _ in range(min(vehicles, 500))]
    return {
        "migrations": _migrations(rng, migrations, vehicle_names, rsu_names, rsu_xy),
        "rounds": _rounds(rng, rounds, rsu_names),
        "vehicles": _vehicles(rng, vehicle_names, paths),
        "rsus": _rsus(rng, rsu_names, rsu_xy),
        "events": pd.DataFrame({key: [] for key in ("time_s", "event", "vehicle", "rsu", "migration")}),
    }


def _path(rng, rsu_xy):
    width, height = rsu_xy.max(axis=0) + 200.0 if len(rsu_xy) else (1000.0, 1000.0)
    steps = rng.normal(0.0, 60.0, (80, 2)).cumsum(axis=0)
    start = np.array([rng.uniform(0, width), rng.uniform(0, height)])
    return start + 0.4 * steps + np.linspace(0, 1, 80)[:, None] * rng.normal(0, 400, 2)


def _migrations(rng, count, vehicle_names, rsu_names, rsu_xy):
    outcome = rng.choice(len(Outcome), count, p=OUTCOME_SHARES)
    done = outcome <= Outcome.LATE
    decided = (outcome != Outcome.REFUSED) & (outcome != Outcome.OUT_OF_COVERAGE)
    requested = np.sort(rng.uniform(0, DURATION_S - 30, count))
    decision = rng.uniform(0, 0.5, count)
    other = np.where(rng.uniform(size=count) < 0.02, rng.exponential(3.0, count), 0.0)
    transfer = rng.lognormal(0.0, 0.5, count)
    queue = np.where(rng.uniform(size=count) < 0.1, 0.0, rng.exponential(0.018, count))
    service = rng.lognormal(np.log(0.33), 0.1, count)
    start = requested + decision + other
    source = rng.integers(0, max(len(rsu_names), 1), count)
    target = (source + 1) % max(len(rsu_names), 1)
    at = rsu_xy[source] + rng.normal(0.0, 90.0, (count, 2)) + 220.0 if count else np.empty((0, 2))
    data = rng.uniform(8e7, 4e8, count)
    bandwidth = rng.uniform(4e6, 1.2e7, count)
    price = rng.uniform(0.4, 1.2, count)
    interruption = np.where(decided, transfer + queue + service + rng.exponential(2.0, count) * (source == 0), np.nan)
    before = np.where(decided, rng.normal(2.0, 0.3, count), np.nan)
    vehicle = rng.integers(0, max(len(vehicle_names), 1), count)

    def when(mask, values):
        return np.where(mask, values, np.nan)

    return pd.DataFrame(
        {
            "migration": np.arange(count),
            "vehicle": pd.Categorical.from_codes(vehicle, vehicle_names) if count else [],
            "fleet": pd.Categorical.from_codes(vehicle % 2, ["cars", "drones"]),
            "kind": pd.Categorical.from_codes(vehicle % 2, ["av", "uav"]),
            "source": pd.Categorical.from_codes(source, rsu_names) if count else [],
            "target": pd.Categorical.from_codes(np.where(decided, target, -1), rsu_names) if count else [],
            "outcome": pd.Categorical.from_codes(outcome, [o.label for o in Outcome]),
            "attempt": np.zeros(count, dtype=int),
            "round": np.arange(count) // 7,
            "requested_s": requested,
            "decided_s": when(decided, requested + decision),
            "transfer_start_s": when(decided, start),
            "transfer_end_s": when(done, start + transfer),
            "queued_s": when(done, start + transfer),
            "service_start_s": when(done, start + transfer + queue),
            "completed_s": when(done, start + transfer + queue + service),
            "ended_s": start + transfer + queue + service,
            "data_bit": data,
            "sent_bit": np.where(done, data, np.where(decided, 0.4 * data, 0.0)),
            "bandwidth_hz": bandwidth,
            "price": price,
            "payment": price * bandwidth / 1e7,
            "deadline_s": np.full(count, 3.0),
            "pairing_theta": rng.uniform(0.3, 0.7, count),
            "decision_delay_s": when(decided, decision),
            "transfer_delay_s": when(done, transfer),
            "queue_delay_s": when(done, queue),
            "reinstantiation_delay_s": when(done, service),
            "paper_delay_s": when(done, transfer + queue + service),
            "total_delay_s": when(done, decision + other + transfer + queue + service),
            "formula_delay_s": when(decided, transfer * rng.normal(1.0, 0.05, count) + 0.018 + service),
            "interruption_s": interruption,
            "immersion_before": before,
            "immersion_loss": before * interruption,
            "x_m": at[:, 0],
            "y_m": at[:, 1],
            "z_m": np.zeros(count),
        }
    )


def _rounds(rng, count, rsu_names):
    if not len(rsu_names):
        count = 0
    width = min(4, max(len(rsu_names), 1))
    number = np.repeat(np.arange(count), width)
    rsu = (number * 3 + np.tile(np.arange(width), count)) % max(len(rsu_names), 1)
    size = len(number)
    time = number * (DURATION_S / max(count, 1))
    price = 0.6 + 0.05 * rsu + 0.15 * np.sin(time / 500.0 + rsu) + rng.normal(0, 0.02, size)
    gap = 10.0 ** rng.normal(-10.0, 1.5, size)
    return pd.DataFrame(
        {
            "round": number,
            "time_s": time,
            "rsu": pd.Categorical.from_codes(rsu, rsu_names) if size else [],
            "price": price,
            "demand_hz": np.clip(2e7 * (1.5 - price) + rng.normal(0, 1e6, size), 0, None),
            "eligible": rng.integers(1, 6, size),
            "buyers": rng.integers(1, 6, size),
            "leader_utility": rng.uniform(1.0, 4.0, size),
            "leader_gap": gap,
            "leader_gap_relative": gap / 3.0,
            "follower_gap": np.repeat(10.0 ** rng.normal(-12.0, 1.0, count), width),
            "follower_gap_relative": np.repeat(10.0 ** rng.normal(-12.0, 1.0, count), width),
            "follower_utility": np.repeat(rng.uniform(5.0, 9.0, count), width),
            "converged": np.ones(size, dtype=bool),
            "iterations": rng.integers(4, 30, size),
        }
    )


def _vehicles(rng, names, paths):
    count = len(names)
    texts = [json.dumps(path.round(1).tolist()) for path in paths] + [None] * (count - len(paths))
    first = rng.uniform(0, 600, count)
    return pd.DataFrame(
        {
            "vehicle": names,
            "fleet": pd.Categorical.from_codes(np.arange(count) % 2, ["cars", "drones"]),
            "kind": pd.Categorical.from_codes(np.arange(count) % 2, ["av", "uav"]),
            "first_s": first,
            "last_s": rng.uniform(3000, DURATION_S + 100, count),
            "distance_m": rng.uniform(5e3, 4e4, count),
            "path_xy_m": texts,
            "requests": rng.integers(5, 30, count),
            "completed": rng.integers(5, 25, count),
            "covered_s": rng.uniform(1500, 2400, count),
            "interruption_s": rng.uniform(5, 60, count),
            "immersion_mean": rng.normal(1.8, 0.2, count),
            "immersion_loss": rng.uniform(10, 90, count),
            "payment": rng.uniform(1, 9, count),
        }
    )


def _rsus(rng, names, xy):
    count = len(names)
    is_polygon = np.arange(count) % 4 == 3
    return pd.DataFrame(
        {
            "rsu": names,
            "x_m": xy[:, 0],
            "y_m": xy[:, 1],
            "z_m": np.full(count, 8.0),
            "shape": np.where(is_polygon, "polygon", "disc"),
            "radius_m": np.where(is_polygon, np.nan, 280.0),
            "zone_wkt": [_wkt(*point) if flag else None for point, flag in zip(xy, is_polygon, strict=True)],
            "twins_in": rng.integers(0, 200, count),
            "twins_out": rng.integers(0, 200, count),
            "sold_hz_s": rng.uniform(1e8, 1e9, count),
            "revenue": rng.uniform(10, 90, count),
            "down_s": np.where(np.arange(count) == 1, 30.0, 0.0),
        }
    )


def _wkt(x, y):
    """A square zone with a square hole, both rings written the same way round."""
    rings = ("(" + ", ".join(f"{x + a * r} {y + b * r}" for a, b in _CORNERS) + ")" for r in (260.0, 70.0))
    return "POLYGON (" + ", ".join(rings) + ")"


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))


def make_run(**changes):
    """The run.json of the same run."""
    run = {
        "schema": 1,
        "simmig_version": "0.1.0",
        "results_version": 1,
        "python": "3.11.7",
        "versions": {"numpy": "2.4.6", "simpy": "4.1.2"},
        "git_revision": None,
        "scenario": {"name": "synthetic-street", "description": "Cars and drones over nine RSUs.", "seed": 7},
        "seed": 7,
        "agents": {"leaders": "stackelberg", "followers": "best_response"},
        "wall_s": 2.5,
        "simulated_s": DURATION_S,
        "status": "complete",
        "digest": "0123456789abcdef" * 4,
        "started_utc": "2026-01-02T03:04:05+00:00",
    }
    return {**run, **changes}
