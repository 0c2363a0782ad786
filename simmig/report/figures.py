"""The figures of delay, experience and equilibrium; each returns None where there is nothing to show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simmig.contracts import FloatArray
from simmig.metrics import GAP_TOLERANCE, column, delays_s, first_of_round, is_done
from simmig.report.drawing import (
    BLUE,
    DARK,
    DASHED,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RASTER_FROM,
    SKY,
    VERMILLION,
    Drawing,
    Key,
    draw,
    evenly,
    log_x,
    log_y,
    paint_cumulative,
    share_axis,
)
from simmig.report.numbers import decade, duration, number, power_of_ten, tick_duration

if TYPE_CHECKING:
    import pandas as pd

PARTS = {
    "decision": ("decision", SKY),
    "other": ("held up by an RSU that was down", FAINT),
    "transfer": ("transfer", BLUE),
    "queue": ("queue", ORANGE),
    "reinstantiation": ("re-instantiation", GREEN),
}
_DECADES = 5  # of the logarithmic delay axis; what is shorter has no bearing on the total
_GAP_FLOOR = 1e-16  # no double can show a smaller relative gain
_SHORTEST_S = 1e-4  # where the logarithmic axis of interruptions starts at the latest
_SCATTER = 4000  # marks of the scatter plot


def delay_figure(migrations: pd.DataFrame) -> Drawing | None:
    """Return the mean delay split into its parts, above the distribution of each part."""
    done = is_done(migrations)
    if not done.any():
        return None
    delay_s = {name: values[done] for name, values in delays_s(migrations).items()}
    shown = {name: look for name, look in PARTS.items() if name != "other" or delay_s[name].max() > 1e-6}

    def paint(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, height_ratios=(1, 5))
        _stack_means(top, {name: float(delay_s[name].mean()) for name in shown})
        high = 10.0 ** math.ceil(math.log10(max(float(np.quantile(delay_s["total"], 0.999)), 1e-6)))
        low = high * 10.0**-_DECADES
        for name, (_, colour) in (*shown.items(), ("total", ("", INK))):
            paint_cumulative(bottom, delay_s[name], (low, high), colour, 2.2 if name == "total" else 1.4)
        log_x(bottom, low, high, tick_duration)
        bottom.set_xlabel("delay (logarithmic)")
        share_axis(bottom, "share of migrations up to it")

    return Drawing(
        "delay",
        draw("delay", "Mean delay by part, and cumulative distribution of each part", 3.9, paint),
        f"Above: the mean delay and its parts. Below: which share of the migrations took at most so long. "
        f"n = {number(int(done.sum()))} completed or late; the {number(int((~done).sum()))} requests that "
        f"ended otherwise are left out.",
        [*(Key(label, colour) for label, colour in shown.values()), Key("total", INK)],
    )


def _stack_means(axes: Axes, mean_s: dict[str, float]) -> None:
    start, whole = 0.0, sum(mean_s.values())
    for name, value in mean_s.items():
        axes.barh(0, value, left=start, color=PARTS[name][1], height=0.9, edgecolor="none")
        if value > 0.08 * whole:
            colour = "#ffffff" if PARTS[name][1] in DARK else "#000000"
            axes.text(start + value / 2, 0, duration(value), ha="center", va="center", color=colour)
        start += value
    axes.set_title(f"mean total {duration(whole)}")
    axes.set_xlim(0.0, max(whole, 1e-9))
    axes.set_axis_off()


def formula_figure(migrations: pd.DataFrame) -> Drawing | None:
    """Return measured delays against the papers' formula, one mark for each migration."""
    delay_s = delays_s(migrations)
    formula_s, measured_s = delay_s["formula"], delay_s["paper"]
    usable = is_done(migrations) & np.isfinite(formula_s) & (formula_s > 0.0) & (measured_s > 0.0)
    count = int(usable.sum())
    if count == 0:
        return None
    index = np.flatnonzero(usable)[evenly(count, _SCATTER)]
    x, y = formula_s[index], measured_s[index]

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
        _paint_agreement(left, x, y)
        _paint_differences(right, measured_s[usable] - formula_s[usable])

    return Drawing(
        "formula",
        draw("formula", "Delay measured against delay by the papers' formula", 3.0, paint),
        f"Transfer, queue and re-instantiation as measured, beside the papers' expected T_ij. Left: "
        f"{_of(len(x), count)} completed migrations, on the line the two agree. Right: all {number(count)}, "
        f"the outermost 1 % in the end bars; dashed: the mean.",
    )


def _paint_agreement(axes: Axes, x: FloatArray, y: FloatArray) -> None:
    low, high = _range(np.concatenate([x, y]))
    axes.plot([low, high], [low, high], color=MUTED, linewidth=1.0)
    axes.scatter(x, y, s=5, color=BLUE, alpha=0.35, linewidths=0, rasterized=len(x) > RASTER_FROM)
    log_x(axes, low, high, tick_duration)
    log_y(axes, low, high, tick_duration)
    axes.set_box_aspect(1.0)
    axes.set_xlabel("by the formula")
    axes.set_ylabel("measured")


def _paint_differences(axes: Axes, difference_s: FloatArray) -> None:
    low, high = np.quantile(difference_s, (0.005, 0.995))
    if high - low < 1e-9:  # a rounding, which must not fill the axis
        low, high = low - 1e-3, high + 1e-3
    axes.hist(np.clip(difference_s, low, high), bins=_bins(len(difference_s)), range=(low, high), color=BLUE)
    axes.axvline(float(difference_s.mean()), color=INK, linewidth=1.0, linestyle=DASHED)
    axes.set_xlabel("measured − formula (s)")
    axes.set_ylabel("migrations")
    axes.grid(visible=False, axis="x")


def _range(values: FloatArray) -> tuple[float, float]:
    """Return the range of a logarithmic axis: the values and a little air."""
    return float(values.min()) / 1.3, float(values.max()) * 1.3


def _bins(count: int) -> int:
    """Return a number of bars that suits so many values."""
    return min(50, max(5, math.isqrt(count)))


def _of(shown: int, count: int) -> str:
    return f"all {number(count)}" if shown == count else f"{number(shown)} of {number(count)} (evenly spread)"


def gap_figure(rounds: pd.DataFrame) -> Drawing | None:
    """Return how far from an equilibrium the rounds were: the distribution of the largest relative gains."""
    sides = {
        "leaders (each RSU of each round)": (column(rounds, "leader_gap_relative"), BLUE),
        "followers (the largest of each round)": (
            column(rounds, "follower_gap_relative")[first_of_round(rounds)],
            VERMILLION,
        ),
    }
    known = {label: (gap[np.isfinite(gap)], colour) for label, (gap, colour) in sides.items()}
    known = {label: side for label, side in known.items() if len(side[0])}
    if not known:
        return None
    highest = max(float(gap.max()) for gap, _ in known.values())
    high = 10.0 ** math.ceil(math.log10(max(highest, 10 * GAP_TOLERANCE)))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(GAP_TOLERANCE, color=MUTED, linewidth=1.0, linestyle=DASHED)
        for gap, colour in known.values():
            paint_cumulative(axes, gap, (_GAP_FLOOR, high), colour)
        log_x(axes, _GAP_FLOOR, high, decade)
        axes.set_xlabel("largest gain of a single player, relative to its utility (logarithmic)")
        share_axis(axes, "share up to it")

    counts = ", ".join(f"n = {number(len(gap))} {label}" for label, (gap, _) in known.items())
    return Drawing(
        "gap",
        draw("gap", "Cumulative distribution of the relative equilibrium gaps", 2.5, paint),
        f"What any single player could still have gained by another decision, found by a global search: "
        f"{counts}. Dashed: {power_of_ten(-6)}. Gains below {power_of_ten(-16)} are drawn there.",
        [Key(label, colour) for label, (_, colour) in known.items()],
    )


def experience_figure(tables: dict[str, pd.DataFrame]) -> Drawing | None:
    """Return the distributions of interruptions and of the vehicles' mean immersion."""
    interruption_s = column(tables["migrations"], "interruption_s")
    interruption_s = interruption_s[np.isfinite(interruption_s)]
    immersion = column(tables["vehicles"], "immersion_mean")
    immersion = immersion[np.isfinite(immersion)]
    if len(interruption_s) == 0 and len(immersion) == 0:
        return None

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _paint_interruptions(left, interruption_s)
        right.set_title(f"mean immersion per vehicle, n = {number(len(immersion))}")
        if len(immersion):
            right.hist(immersion, bins=_bins(len(immersion)), color=BLUE)
        right.set_xlabel("immersion")
        right.set_ylabel("vehicles")
        right.grid(visible=False, axis="x")

    without = len(tables["migrations"]) - len(interruption_s)
    return Drawing(
        "experience",
        draw("experience", "Interruptions per migration and mean immersion per vehicle", 2.4, paint),
        f"Left: {number(len(interruption_s))} interruptions; the other {number(without)} requests stopped no "
        f"service, or service had not come back yet. Right: mean over a vehicle's time in the trace, 0 while "
        f"it is not served.",
    )


def _paint_interruptions(axes: Axes, interruption_s: FloatArray) -> None:
    axes.set_title(f"interruption per migration, n = {number(len(interruption_s))}")
    if len(interruption_s):
        median = float(np.median(interruption_s))
        low, high = _range(np.maximum(interruption_s, _SHORTEST_S))
        paint_cumulative(axes, interruption_s, (low, high), VERMILLION)
        axes.axvline(max(median, low), color=MUTED, linewidth=1.0, linestyle=DASHED)
        log_x(axes, low, high, tick_duration)
        axes.set_xlabel(f"interruption (logarithmic; dashed: median {duration(median)})")
    share_axis(axes, "share up to it")
