"""Numbers of a study's cells: how many runs are done, and the mean of each measure with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simmig.compare.intervals import mean_interval
from simmig.compare.measures import MEASURES
from simmig.compare.statistics import Interval, Resampling
from simmig.compare.studies.results import DONE, Row


@dataclass(frozen=True, slots=True)
class CellFigures:
    """One cell: how many of its runs are done, and for each measure how many have it and its mean.

    Of one run only, a mean has no interval: its ends are NaN.
    """

    labels: Mapping[str, str]
    done: int
    runs: int
    means: Mapping[str, tuple[int, Interval | None]]


def figures(rows: Sequence[Row], measures: Sequence[str], confidence: float = 0.95) -> list[CellFigures]:
    """Return the figures of every cell, in the order of the study."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.run.cell, []).append(row)
    return [
        CellFigures(
            group[0].run.labels,
            sum(row.status == DONE for row in group),
            len(group),
            {measure: _mean(group, measure, confidence) for measure in measures},
        )
        for group in groups.values()
    ]


def _mean(rows: Sequence[Row], measure: str, confidence: float) -> tuple[int, Interval | None]:
    values = np.array([row.value(measure) for row in rows])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0, None
    if len(values) == 1:
        return 1, Interval(float(values[0]), math.nan, math.nan, confidence)
    interval = mean_interval(values, Resampling(seed=0, confidence=confidence))
    return len(values), MEASURES[measure].within(interval)


def fewest_seeds(comparisons: int, confidence: float = 0.95) -> int:
    """Return with how many seeds a difference can be called one at all, among so many comparisons.

    Sign changes of n differences give no p-value below 2^(1−n), and Holm's correction multiplies the least of them by
    the number of comparisons; see `simmig.compare.verdicts`.
    """
    return math.ceil(1.0 + math.log2(comparisons / (1.0 - confidence)) - 1e-9)
