"""Measures that the files of a run folder already hold: its summary, and columns of its tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.compare._measures.columns import column_reader
from simmig.compare._measures.returns import returned
from simmig.contracts import FloatArray
from simmig.metrics import column, first_of_round, is_done

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("decision", "transfer", "queue", "reinstantiation", "total")  # of the delay, as in metrics.delays_s
STATISTICS = ("mean", "median", "p95")

_MIGRATIONS = ("vehicle", "source", "target", "outcome", "decided_s", "completed_s", "bandwidth_hz")
_ROUNDS = ("round", "rsu", "leader_utility", "leader_gap", "follower_utility", "follower_gap")


def from_summary(summary: dict[str, Any]) -> dict[str, float | None]:
    """Return what the summary of a run says; None where nothing was measured."""
    outcomes, market, qoe = summary["outcomes"], summary["market"], summary["qoe"]
    done = outcomes["completed"] + outcomes["late"]
    utilities = market["leader_utility_per_round"], market["follower_utility_per_round"]
    return {
        **{
            f"{part}_delay_{statistic}_s": summary["delay_s"][part][statistic]
            for part in PARTS
            for statistic in STATISTICS
        },
        "deadline_miss_share": outcomes["late"] / done if done else None,
        "on_time_share": summary["on_time_share"],
        "served_share": summary["served_share"],
        "interruption_mean_s": summary["interruption"]["per_migration_s"]["mean"],
        "interruption_share": summary["interruption"]["share_of_presence"],
        "immersion": qoe["immersion_mean"],
        "immersion_loss": qoe["immersion_loss_per_migration"]["mean"],
        "price": market["price"]["demand_weighted_mean"],
        "demand_hz": market["demand_hz_per_round"],
        "leader_utility": utilities[0],
        "follower_utility": utilities[1],
        "welfare": None if None in utilities else sum(utilities),
        "leader_gap_max": market["leader_gap"]["relative_max"],
        "follower_gap_max": market["follower_gap"]["relative_max"],
    }


def from_tables(folder: Path) -> dict[str, float]:
    """Return what takes more than the summary: gaps as shares, fairness, returns; NaN where there is nothing."""
    with column_reader() as read:
        migrations, rounds = read(folder, "migrations", _MIGRATIONS), read(folder, "rounds", _ROUNDS)
        rsus = read(folder, "rsus", ("rsu", "revenue"))
    done = is_done(migrations)
    once = first_of_round(rounds)
    revenue = column(rsus, "revenue")[rsus["rsu"].astype(str).isin(set(rounds["rsu"].astype(str))).to_numpy()]
    return {
        "leader_gap": share_to_gain(column(rounds, "leader_utility"), column(rounds, "leader_gap")),
        "follower_gap": share_to_gain(column(rounds, "follower_utility")[once], column(rounds, "follower_gap")[once]),
        "fairness_vehicles": jain(_bandwidth_per_request(migrations)),
        "fairness_rsus": jain(revenue),
        "ping_pong_share": float(returned(migrations).sum() / done.sum()) if done.any() else np.nan,
    }


def share_to_gain(utility: FloatArray, gap: FloatArray) -> float:
    """Return what players could still gain over what they would then have, both summed; NaN if that is nothing.

    A mean of relative gains would hang on the players who earn next to nothing. Gaps that are not finite are left out.
    """
    known = np.isfinite(gap)
    best = float((utility + gap)[known].sum())
    return float(gap[known].sum()) / best if best > 0.0 else np.nan


def jain(shares: FloatArray) -> float:
    """Return Jain's index (sum x)^2 / (n sum x^2): 1 if all have the same, 1/n if one has everything; NaN for none.

    Jain, Chiu and Hawe 1984, "A quantitative measure of fairness", equation (1).
    """
    most = float(np.abs(shares).max(initial=0.0))
    if most == 0.0:
        return np.nan
    scaled = shares / most  # whose squares are neither too large nor too small for a float
    return float(scaled.sum() ** 2 / (len(scaled) * (scaled * scaled).sum()))


def _bandwidth_per_request(migrations: pd.DataFrame) -> FloatArray:
    """Return what each vehicle bought on average in the requests that came to a decision, in Hz, shape [vehicles]."""
    decided = migrations[np.isfinite(column(migrations, "decided_s"))]
    bought: FloatArray = decided.groupby("vehicle", observed=True)["bandwidth_hz"].mean().to_numpy(dtype=np.float64)
    return bought
