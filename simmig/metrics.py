"""Figures of merit: what the tables of a run say in a few numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.records import Outcome

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1  # of the dictionary that `summarise` returns
DONE = (Outcome.COMPLETED.label, Outcome.LATE.label)
GAP_TOLERANCE = 1e-6  # relative gain below which a player is said to have nothing to gain

Figures = dict[str, Any]


def summarise(tables: dict[str, pd.DataFrame], run: dict[str, Any]) -> Figures:
    """Return the figures of merit of a run: nested dictionaries of numbers, None where nothing was measured.

    `tables` and `run` are those of the run folder. No value is NaN or infinite, so the result is valid JSON.
    Every distribution has the keys of `distribution`; times are in seconds.
    """
    migrations, simulated_s = tables["migrations"], float(run["simulated_s"])
    done = is_done(migrations)
    return {
        "schema": SCHEMA,
        "vehicles": len(tables["vehicles"]),
        "rsus": len(tables["rsus"]),
        "simulated_s": simulated_s,
        **_requests(migrations),
        "delay_s": {name: distribution(values[done]) for name, values in delays_s(migrations).items()},
        "transfer": _transfer(tables, done),
        "interruption": _interruption(tables, simulated_s),
        "qoe": _qoe(tables, simulated_s),
        "coverage": _coverage(tables["vehicles"], simulated_s),
        "market": _market(tables, done),
    }


def is_done(migrations: pd.DataFrame) -> BoolArray:
    """Return which requests ended with the twin running at the target, in time or late, shape [N]."""
    done: BoolArray = migrations["outcome"].isin(DONE).to_numpy(dtype=bool)
    return done


def delays_s(migrations: pd.DataFrame) -> dict[str, FloatArray]:
    """Return the parts of every request's delay in seconds, each of shape [N], NaN where it got not that far.

    decision + other + paper = total and transfer + queue + reinstantiation = paper, the papers' T_ij (002,
    equation (3)); `other` is the time a decided migration was held up because an RSU was down. `formula` is
    T_ij as the papers compute it, `measured_minus_formula` what the simulation found beyond it.
    """
    parts = ("decision", "transfer", "queue", "reinstantiation", "paper", "total", "formula")
    found = {name: column(migrations, f"{name}_delay_s") for name in parts}
    # Moments are whole nanoseconds: what is less comes from subtracting seconds in floats.
    found["other"] = np.round(found["total"] - found["decision"] - found["paper"], 9)
    found["measured_minus_formula"] = found["paper"] - found["formula"]
    return found


def column(table: pd.DataFrame, name: str) -> FloatArray:
    """Return a column as floats."""
    values: FloatArray = table[name].to_numpy(dtype=np.float64)
    return values


def distribution(values: FloatArray) -> Figures:
    """Return n, mean, sd, min, median, p95, p99 and max of the finite values, None where undefined.

    sd is that of a sample; quantiles interpolate linearly between order statistics.
    """
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return {"n": 0, **dict.fromkeys(("mean", "sd", "min", "median", "p95", "p99", "max"))}
    median, p95, p99 = np.quantile(values, (0.5, 0.95, 0.99))
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "min": float(values.min()),
        "median": float(median),
        "p95": float(p95),
        "p99": float(p99),
        "max": float(values.max()),
    }


def present_s(vehicles: pd.DataFrame, simulated_s: float) -> FloatArray:
    """Return each vehicle's time from its first to its last fix, cut at the end of the run, shape [V]."""
    last_s = np.minimum(column(vehicles, "last_s"), simulated_s)
    return np.maximum(last_s - column(vehicles, "first_s"), 0.0)


def total(values: FloatArray) -> float:
    """Return the sum of the finite values."""
    return float(values[np.isfinite(values)].sum())


def weighted_mean(values: FloatArray, weight: FloatArray) -> float | None:
    """Return the mean of the finite values under the weights, None if they weigh nothing."""
    usable = np.isfinite(values) & (weight > 0.0)
    return ratio(float((values[usable] * weight[usable]).sum()), float(weight[usable].sum()))


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, None if there is no whole or the part is not a number."""
    return part / whole if whole > 0.0 and math.isfinite(part) else None


def _requests(migrations: pd.DataFrame) -> Figures:
    counts = migrations["outcome"].value_counts()
    outcomes = {outcome.label: int(counts.get(outcome.label, 0)) for outcome in Outcome}
    completed, late = (outcomes[label] for label in DONE)
    return {
        "requests": len(migrations),
        "outcomes": outcomes,
        "on_time_share": ratio(completed, len(migrations)),
        "served_share": ratio(completed + late, len(migrations)),
    }


def _transfer(tables: dict[str, pd.DataFrame], done: BoolArray) -> Figures:
    """Return bits delivered (twins that arrived) and sent (failed copies too), and the bandwidth in use."""
    migrations = tables["migrations"]
    return {
        "delivered_bit": total(column(migrations, "data_bit")[done]),
        "sent_bit": total(column(migrations, "sent_bit")),
        "sold_hz_s": total(column(tables["rsus"], "sold_hz_s")),
    }


def _interruption(tables: dict[str, pd.DataFrame], simulated_s: float) -> Figures:
    """Return the interruptions of all requests that stopped the service, however they ended."""
    values = column(tables["migrations"], "interruption_s")
    total_s = total(values)
    share = ratio(total_s, total(present_s(tables["vehicles"], simulated_s)))
    return {"per_migration_s": distribution(values), "total_s": total_s, "share_of_presence": share}


def _qoe(tables: dict[str, pd.DataFrame], simulated_s: float) -> Figures:
    vehicles, loss = tables["vehicles"], column(tables["migrations"], "immersion_loss")
    return {
        "immersion_mean": weighted_mean(column(vehicles, "immersion_mean"), present_s(vehicles, simulated_s)),
        "immersion_per_vehicle": distribution(column(vehicles, "immersion_mean")),
        "immersion_loss_per_migration": distribution(loss),
        "immersion_loss_total": total(loss),
    }


def _coverage(vehicles: pd.DataFrame, simulated_s: float) -> Figures:
    covered_s = total(column(vehicles, "covered_s"))
    whole_s = total(present_s(vehicles, simulated_s))
    return {"covered_s": covered_s, "present_s": whole_s, "share": ratio(covered_s, whole_s)}


def _market(tables: dict[str, pd.DataFrame], done: BoolArray) -> Figures:
    """Return prices, sales, utilities and gaps: leaders from every row, followers once for each round."""
    rows = tables["rounds"]
    once = first_of_round(rows)
    rounds = int(once.sum())
    price, demand_hz = column(rows, "price"), column(rows, "demand_hz")
    spread = distribution(price)
    return {
        "rounds": rounds,
        "price": {
            "demand_weighted_mean": weighted_mean(price, demand_hz),
            **{key: spread[key] for key in ("n", "mean", "min", "max")},
        },
        "demand_hz_per_round": ratio(float(demand_hz.sum()), rounds),
        "payment": total(column(tables["migrations"], "payment")[done]),
        "leader_utility_per_round": ratio(float(column(rows, "leader_utility").sum()), rounds),
        "follower_utility_per_round": ratio(float(column(rows, "follower_utility")[once].sum()), rounds),
        "converged_share": ratio(float(rows["converged"][once].sum()), rounds) if "converged" in rows else None,
        "leader_gap": _gap(column(rows, "leader_gap"), column(rows, "leader_gap_relative")),
        "follower_gap": _gap(column(rows, "follower_gap")[once], column(rows, "follower_gap_relative")[once]),
    }


def first_of_round(rounds: pd.DataFrame) -> BoolArray:
    """Return which rows are the first of their round: what holds for the whole round is read there."""
    number = rounds["round"].to_numpy(dtype=np.int64)
    first = np.zeros(len(number), dtype=bool)
    first[np.unique(number, return_index=True)[1]] = True
    return first


def _gap(absolute: FloatArray, relative: FloatArray) -> Figures:
    found, known = distribution(relative), relative[np.isfinite(relative)]
    return {
        "n": found["n"],
        "max": distribution(absolute)["max"],
        "relative_p99": found["p99"],
        "relative_max": found["max"],
        "share_below_1e_6": ratio(float((known < GAP_TOLERANCE).sum()), len(known)),
    }
