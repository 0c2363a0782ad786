"""What the figures of a study share: colours of agents, panels, and marks that the page can fade out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simmig.compare.intervals import mean_interval
from simmig.compare.measures import Measure
from simmig.compare.statistics import Resampling
from simmig.contracts import FloatArray
from simmig.report.drawing import SERIES, Key
from simmig.report.numbers import shorten

_STYLES = ("solid", (0, (5, 1.5)), (0, (1.5, 1.2)))  # once for each round of the colours
_SIGNS = ("━", "╌", "┈")
NAME = 28  # characters of an agent's name in a figure


@dataclass(frozen=True)
class Look:
    """How the agents of a study are drawn: each has its colour and line in every figure."""

    agents: Sequence[str]
    _number: Any = field(default_factory=count)

    def line(self, agent: str) -> dict[str, Any]:
        """Return colour and line style of an agent, and the name by which the page finds what was drawn with it."""
        place = list(self.agents).index(agent)
        style = _STYLES[(place // len(SERIES)) % len(_STYLES)]
        return {"color": SERIES[place % len(SERIES)], "linestyle": style, "gid": self.name(agent)}

    def colour(self, agent: str) -> str:
        """Return the colour of an agent."""
        return SERIES[list(self.agents).index(agent) % len(SERIES)]

    def name(self, agent: str) -> str:
        """Return a new id for a mark of this agent."""
        return f"a{list(self.agents).index(agent)}-{next(self._number)}"

    def legend(self) -> list[Key]:
        """Return the legend of all agents, in their order."""
        return [
            Key(shorten(agent, 60), self.colour(agent), _SIGNS[(place // len(SERIES)) % len(_SIGNS)])
            for place, agent in enumerate(self.agents)
        ]


def panels(figure: Figure, names: Sequence[str], paint: Callable[[Axes, int], None], columns: int = 2) -> None:
    """Paint one panel for each name, two in a row."""
    rows = -(-len(names) // columns)
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for place, axes in enumerate(grid):
        if place >= len(names):
            axes.set_axis_off()
            continue
        axes.set_title(names[place])
        paint(axes, place)


def titled(measure: Measure) -> str:
    """Return a measure with its unit, and which way is better."""
    unit = f" ({measure.unit})" if measure.unit else ""
    return f"{measure.label}{unit}{'' if measure.direction == 'neutral' else f', {measure.direction} is better'}"


def band(axes: Axes, x: FloatArray, rows: FloatArray, look: Look, agent: str, resampling: Resampling) -> None:
    """Draw the mean of rows [R, X], NaN where a row has nothing, and its interval where two rows have something."""
    known = np.isfinite(rows)
    some = known.any(axis=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        axes.plot(x[some], np.nanmean(rows[:, some], axis=0), linewidth=1.4, **look.line(agent))
    both = np.flatnonzero(known.sum(axis=0) > 1)
    found = [mean_interval(rows[known[:, k], k], resampling) for k in both]
    axes.fill_between(
        x[both],
        [interval.low for interval in found],
        [interval.high for interval in found],
        color=look.colour(agent),
        alpha=0.16,
        linewidth=0,
        gid=look.name(agent),
    )
