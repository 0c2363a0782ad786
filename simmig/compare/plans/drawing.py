"""The picture of a plan's results, on the axes of the paper."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from simmig.compare.plans.results import CURVES, Results
from simmig.compare.plans.schema import Panel
from simmig.compare.statistics import Resampling, bootstrap_interval, mean
from simmig.contracts import FloatArray
from simmig.errors import RunError
from simmig.report.drawing import DASHED, INK, RASTER_DPI, SERIES, STYLE

_PANEL_IN = (4.4, 3.1)
_LEAST_IN = 6.0  # width of the title
_LINES = "lines: the equilibrium"
_MARKS = ("o", "^", "s", "D", "v", "P")
_FEW = 400  # resamples of an interval that is only drawn
_BAND = 40  # places of a curve at which its interval is computed


def draw_results(results: Results, folder: Path) -> list[Path]:
    """Write figure.svg and figure.png into the folder and return them."""
    panels = results.plan.panel
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(max(_PANEL_IN[0] * columns, _LEAST_IN), _PANEL_IN[1] * rows + 0.3), layout="constrained"
        )
        FigureCanvasAgg(figure)
        figure.suptitle(f"{results.plan.paper}, {results.plan.figure}: {results.plan.title}", fontsize=9)
        for axes, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=False):
            (_paint_curves if panel.sweep is None else _paint_sweep)(axes, panel, results)
            axes.set_title(panel.title)
            axes.set_ylabel(panel.label)
        for axes in figure.axes[len(panels) :]:
            axes.set_axis_off()
        written = [folder / "figure.svg", folder / "figure.png"]
        try:
            figure.savefig(written[0], metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
            figure.savefig(written[1], dpi=RASTER_DPI, metadata={"Software": None})
        except OSError as error:
            raise RunError(f"{folder}: cannot be written ({error.strerror})") from None
    return written


def _paint_curves(axes: Axes, panel: Panel, results: Results) -> None:
    """Draw the learning curves, means with intervals over the seeds; dashed: the equilibrium."""
    assert results.plan.curves is not None
    many = len(panel.y) > 1
    lines = [(agent.label, k) for agent in results.plan.agent for k in range(len(panel.y))]
    longest = max(
        (float(e[0].x[-1]) for (_, place), e in results.ended.items() if place == CURVES and len(e[0].x)), default=1.0
    )
    for number, (agent, k) in enumerate(lines):
        ended = results.ended[agent, CURVES]
        colour = SERIES[(k if many else number) % len(SERIES)]
        label = (panel.names[k] if k < len(panel.names) else panel.y[k]) if many else agent
        x = ended[0].x
        if not len(x):  # it plays by a rule
            axes.axhline(float(results.ends(agent, CURVES, panel.y[k]).mean()), color=colour, label=label)
            continue
        rows = np.array([end.curves[panel.y[k]] for end in ended])
        axes.plot(x, rows.mean(axis=0), color=colour, label=label)
        _paint_band(axes, x, rows, colour)
        if x[-1] < longest:  # it was done earlier: where it ended
            axes.plot([x[-1], longest], [rows[:, -1].mean()] * 2, color=colour, linewidth=0.7)
    for k, measure in enumerate(panel.y):
        colour = SERIES[k % len(SERIES)] if many else INK
        level = float(results.equilibrium(CURVES, measure).mean())
        axes.axhline(level, color=colour, linestyle=DASHED, linewidth=1.0, label=None if many else "equilibrium")
    axes.set_xlabel(results.plan.curves.label)
    axes.legend(fontsize=6.5, frameon=False)


def _paint_band(axes: Axes, x: FloatArray, rows: FloatArray, colour: str) -> None:
    if len(rows) < 2:
        return
    at = np.unique(np.linspace(0, len(x) - 1, _BAND).astype(np.int64))
    found = [bootstrap_interval(rows[:, k], Resampling(0, _FEW), mean) for k in at]
    axes.fill_between(x[at], [f.low for f in found], [f.high for f in found], color=colour, alpha=0.2, linewidth=0)


def _paint_sweep(axes: Axes, panel: Panel, results: Results) -> None:
    """Draw the equilibrium along the axis, and as marks with intervals where agents were trained."""
    assert panel.sweep is not None
    sweep = results.sweep(panel.sweep)
    x = np.array(sweep.x.values) * sweep.x.scale
    lines = [(line, k) for line in range(len(sweep.series)) for k in range(len(panel.y))]
    named = set()
    for number, (line, k) in enumerate(lines):
        measure, colour = panel.y[k], SERIES[number % len(SERIES)]
        places = [(sweep.name, line, place) for place in range(len(x))]
        exact = [float(results.equilibrium(place, measure).mean()) for place in places]
        label = panel.names[k] if k < len(panel.names) else sweep.series[line].label
        axes.plot(x, exact, color=colour, linestyle=DASHED if len(lines) == 1 else "-", marker=".", label=label)
        for mark, agent in enumerate(results.plan.agent):
            at = [n for n, place in enumerate(places) if (agent.label, place) in results.ended]
            ends = [results.ends(agent.label, places[n], measure) for n in at]
            if not at:
                continue
            gaps = [each - results.equilibrium(places[n], measure) for n, each in zip(at, ends, strict=True)]
            bars = np.array([_bars(gap) for gap in gaps]).T  # of the gap: games that differ are no uncertainty
            of_agent = SERIES[(mark + 1) % len(SERIES)] if len(lines) == 1 else colour
            axes.errorbar(
                x[at],
                [values.mean() for values in ends],
                yerr=bars,
                fmt=_MARKS[mark % len(_MARKS)],
                color=of_agent,
                markerfacecolor="none",
                label=None if agent.label in named else agent.label,
            )
            named.add(agent.label)
    axes.set_xticks(x)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.set_xlabel(sweep.x.label)
    axes.legend(fontsize=6.5, frameon=False, title=_LINES if len(lines) > 1 else None, title_fontsize=6.5)


def _bars(values: FloatArray) -> tuple[float, float]:
    """Return how far the interval of the mean reaches below and above it."""
    if len(values) < 2:
        return 0.0, 0.0
    found = bootstrap_interval(values, Resampling(0, _FEW), mean)
    return max(found.estimate - found.low, 0.0), max(found.high - found.estimate, 0.0)
