"""Prices and sales over time, one line for each RSU that matters, the others in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simmig.contracts import FloatArray, IntArray
from simmig.metrics import column
from simmig.report.drawing import FAINT, SERIES, Drawing, Key, draw, evenly
from simmig.report.numbers import number, shorten

if TYPE_CHECKING:
    import pandas as pd

_POINTS = (20, 150)  # fewest and most points of a line that shows means
_FEW = 60  # rounds: up to so many each is a point
_ROWS = 8  # rounds of an RSU in one mean, or its line is noise
_BACKGROUND = 40  # most lines in the background
_HZ_PER_MHZ = 1e6


@dataclass(frozen=True, slots=True)
class _Series:
    """Means by RSU and stretch of time, shape [J, B]; NaN where the RSU took no part."""

    rsu: list[str]
    sold_hz: FloatArray  # [J], over all rounds
    time_s: FloatArray  # [B], the middle of each stretch
    price: FloatArray
    demand_mhz: FloatArray
    rounds: int


def market_figure(rounds: pd.DataFrame) -> Drawing | None:
    """Return the prices and the bandwidth sold over time, or None if no round was held."""
    if len(rounds) == 0:
        return None
    series = _binned(rounds)
    order = np.argsort(-series.sold_hz, kind="stable")
    named, others = order[: len(SERIES)], order[len(SERIES) :]
    background = others[evenly(len(others), _BACKGROUND)]

    def paint(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True)
        for axes, values in ((top, series.price), (bottom, series.demand_mhz)):
            for row in background:
                _line(axes, series.time_s, values[row], FAINT, 0.6)
            for row, colour in reversed(list(zip(named, SERIES, strict=False))):
                _line(axes, series.time_s, values[row], colour, 1.3)
        top.set_ylabel("price per unit")
        bottom.set_ylabel("sold per round (MHz)")
        bottom.set_ylim(bottom=0.0)
        bottom.set_xlabel("time since the start (s)")

    legend = [Key(shorten(series.rsu[row]), colour) for row, colour in zip(named, SERIES, strict=False)]
    return Drawing(
        "market",
        draw("market", "Prices and bandwidth sold over time by RSU", 3.8, paint),
        f"{number(series.rounds)} rounds. {_binning(series)}{_others(len(others), len(background))}",
        [*legend, Key("other RSUs", FAINT)] if len(others) else legend,
    )


def _others(count: int, shown: int) -> str:
    if not count:
        return ""
    whom = "the others" if shown == count else f"{number(shown)} of the {number(count)} others"
    return f" In colour: the {len(SERIES)} RSUs that sold most; grey: {whom}."


def _binned(rounds: pd.DataFrame) -> _Series:
    import pandas as pd

    codes, names = pd.factorize(rounds["rsu"].astype(str), sort=True)
    time_s = column(rounds, "time_s")
    instants = np.unique(time_s)
    count = _points(len(instants), len(rounds) // len(names))
    edges = _edges(instants, count)
    bin_ = np.searchsorted(edges, time_s, side="right") - 1
    cell: IntArray = codes.astype(np.int64) * count + bin_
    size, shape = len(names) * count, (len(names), count)
    rows = np.bincount(cell, minlength=size).astype(np.float64)

    def mean(values: FloatArray) -> FloatArray:
        total = np.bincount(cell, weights=values, minlength=size)
        found: FloatArray = np.divide(total, rows, out=np.full(size, np.nan), where=rows > 0.0)
        return found.reshape(shape)

    middle = np.bincount(bin_, weights=time_s, minlength=count) / np.bincount(bin_, minlength=count)
    demand_hz = column(rounds, "demand_hz")
    sold_hz = np.bincount(codes, weights=demand_hz, minlength=len(names)).astype(np.float64)
    means = mean(column(rounds, "price")), mean(demand_hz / _HZ_PER_MHZ)
    return _Series([str(name) for name in names], sold_hz, middle, *means, len(instants))


def _points(instants: int, rows_per_rsu: int) -> int:
    """Return how many points a line has: each round one if they are few, else means that are no noise."""
    if instants <= _FEW:
        return instants
    return min(instants, max(_POINTS[0], min(_POINTS[1], rows_per_rsu // _ROWS)))


def _edges(instants: FloatArray, count: int) -> FloatArray:
    """Return the first instant of each of `count` groups of instants, equally many in each."""
    first: FloatArray = instants[evenly(len(instants), count)]
    return first


def _binning(series: _Series) -> str:
    if series.rounds == len(series.time_s):
        return "Each point is a round."
    return f"Each point is a mean over about {number(round(series.rounds / len(series.time_s)))} rounds."


def _line(axes: Axes, time_s: FloatArray, values: FloatArray, colour: str, width: float) -> None:
    there = np.isfinite(values)
    marker = "o" if there.sum() <= _FEW else ""
    axes.plot(time_s[there], values[there], color=colour, linewidth=width, marker=marker, markersize=1.6 * width)
