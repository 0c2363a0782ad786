"""What runs are compared by: figures of merit with their unit and which way is better, read from a run folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from simmig.compare._measures.recorded import PARTS, from_summary, from_tables
from simmig.compare._measures.replayed import MOST_ROUNDS, from_replay
from simmig.compare._measures.returns import PING_PONG_S
from simmig.compare.statistics import Interval
from simmig.run.folder import read_json

Direction = Literal["lower", "higher", "neutral"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of merit of one run.

    `direction` is which way is better. A report shows `scale` times the value, in `unit` (empty: a plain number).
    `is_costly` are those for which rounds are played again and solved. No value lies outside `span`, so no interval
    need reach beyond it.
    """

    name: str
    label: str
    unit: str
    direction: Direction
    meaning: str
    scale: float = 1.0
    is_costly: bool = False
    span: tuple[float, float] = (-math.inf, math.inf)

    def within(self, interval: Interval) -> Interval:
        """Return an interval without what lies outside the span; an end that is NaN stays so."""
        low, high = self.span
        return replace(interval, low=float(np.maximum(interval.low, low)), high=float(np.minimum(interval.high, high)))


def read_measures(run_folder: Path, costly: bool = False) -> dict[str, float]:
    """Return the measures of a run by name, those that are costly only if asked for; NaN where a run has none.

    Raises InputError for a folder that is no run folder, or whose scenario can no longer be played (costly only).
    """
    found: dict[str, float | None] = {**from_summary(read_json(run_folder, "summary.json")), **from_tables(run_folder)}
    if costly:
        found |= from_replay(run_folder)
    return {name: _number(found.get(name)) for name, of in MEASURES.items() if costly or not of.is_costly}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _share(name: str, label: str, direction: Direction, meaning: str) -> Measure:
    return Measure(name, label, "%", direction, meaning, 100.0, span=(0.0, 1.0))


_LABELS = {
    "decision": "wait for the decision",
    "transfer": "transfer",
    "queue": "queue",
    "reinstantiation": "re-instantiation",
    "total": "total delay",
}
_STATISTICS = {"mean": "mean", "median": "median", "p95": "95th percentile"}
_DELAYS = [
    Measure(
        f"{part}_delay_{statistic}_s",
        f"{_LABELS[part]}, {_STATISTICS[statistic]}",
        "s",
        "lower",
        f"{_STATISTICS[statistic]} over the completed migrations, late ones included",
        span=(0.0, math.inf),
    )
    for part in PARTS
    for statistic in _STATISTICS
]

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        _share(
            "leader_gap",
            "leaders: left to gain",
            "lower",
            "what single leaders could still gain by another price, over what they would then earn, both summed over "
            "all leaders and rounds",
        ),
        Measure(
            "leader_gap_max",
            "leaders: largest relative gap",
            "",
            "lower",
            "largest gain of one leader in one round, relative to what it earned",
        ),
        _share(
            "follower_gap",
            "followers: left to gain",
            "lower",
            "largest gain of a single follower in each round, over what all followers of the round would then have, "
            "both summed over the rounds",
        ),
        Measure(
            "follower_gap_max",
            "followers: largest relative gap",
            "",
            "lower",
            "largest gain of one follower in one round, relative to its utility",
        ),
        Measure(
            "regret",
            "leaders: regret",
            "%",
            "lower",
            "how much more the leaders would have earned at the equilibrium of the same rounds, followers replying as "
            f"is best for them, relative to that; over {MOST_ROUNDS} rounds at most, spread evenly; below 0 where they "
            "earned more than at the equilibrium",
            scale=100.0,
            is_costly=True,
        ),
        Measure(
            "price_of_anarchy",
            "price of anarchy",
            "",
            "lower",
            f"welfare of the social optimum over the welfare reached, in {MOST_ROUNDS} rounds at most, spread evenly",
            is_costly=True,
        ),
        Measure("welfare", "social welfare", "", "higher", "sum of all utilities of a round, mean over the rounds"),
        Measure("leader_utility", "utility of the leaders", "", "higher", "sum over the leaders, mean over the rounds"),
        Measure(
            "follower_utility", "utility of the followers", "", "higher", "sum over the followers, mean over the rounds"
        ),
        Measure(
            "fairness_vehicles",
            "fairness among vehicles",
            "",
            "higher",
            "Jain's index of the bandwidth that each vehicle bought in a request, mean over its decided requests",
        ),
        Measure(
            "fairness_rsus",
            "fairness among RSUs",
            "",
            "higher",
            "Jain's index of the revenue of the RSUs that took part in a round",
        ),
        *_DELAYS,
        _share("deadline_miss_share", "late", "lower", "share of the completed migrations that missed their deadline"),
        _share("on_time_share", "completed in time", "higher", "share of all requests"),
        _share("served_share", "completed", "higher", "share of all requests, late ones included"),
        _share(
            "ping_pong_share",
            "ping-pong",
            "lower",
            "share of the completed migrations that brought a twin back to the RSU it had left, less than "
            f"{PING_PONG_S:g} s after it ran at the other",
        ),
        Measure(
            "interruption_mean_s", "interruption, mean", "s", "lower", "mean over the migrations that stopped a service"
        ),
        _share("interruption_share", "time interrupted", "lower", "share of the time that vehicles were there"),
        Measure("immersion", "immersion", "", "higher", "mean over the vehicles' time, 0 while unserved"),
        Measure(
            "immersion_loss",
            "immersion lost",
            "immersion × s",
            "lower",
            "mean over the migrations that stopped a service",
        ),
        Measure("price", "price", "", "neutral", "mean price of a unit of bandwidth, weighted by what was bought"),
        Measure("demand_hz", "bandwidth sold", "MHz", "neutral", "sum over the RSUs, mean over the rounds", 1e-6),
    )
}
# Judged where nobody says which: one for each thing that a user of such a system asks.
MAIN = ("leader_gap", "welfare", "total_delay_mean_s", "deadline_miss_share", "interruption_mean_s", "immersion")
