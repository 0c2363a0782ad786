"""Learning curves of the policies that played in a study, where their trainings left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simmig.compare.report.origin import Source
from simmig.compare.report.painting import Look, panels
from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.report.drawing import Drawing, draw
from simmig.report.numbers import shorten

if TYPE_CHECKING:
    import pandas as pd

_CURVE = "curve.jsonl"  # beside the policy, as `simmig train` writes it
_SHOWN = {"profit": "profit of a leader", "price": "price", "utility": "utility of a follower", "demand": "demand"}
_POINTS = 200  # of a line
_SMOOTH = 0.02  # of a curve: the running mean that is drawn


@dataclass(frozen=True, slots=True)
class _Curve:
    agent: str
    policy: str
    iteration: FloatArray
    values: Mapping[str, FloatArray]


def curves_figure(sources: Sequence[Source], look: Look, name: str) -> Drawing | None:
    """Return the learning curves of all policies, None if no policy played or none has its curve beside it."""
    found = _curves(sources)
    shown = [key for key in _SHOWN if any(key in curve.values for curve in found)]
    if not shown:
        return None

    def paint(figure: Figure) -> None:
        def panel(axes: Axes, k: int) -> None:
            for curve in found:
                if shown[k] in curve.values:
                    axes.plot(curve.iteration, curve.values[shown[k]], linewidth=1.3, **look.line(curve.agent))
            axes.set_xlabel("iteration")
            axes.margins(y=0.08)

        panels(figure, [_SHOWN[key] for key in shown], panel)

    policies = dict.fromkeys(f"{shorten(curve.agent, 40)}: {shorten(curve.policy, 60)}" for curve in found)
    return Drawing(
        name,
        draw(name, "Learning curves of the policies", -(-len(shown) // 2) * 2.2, paint),
        f"Training of each policy that played: means over players, and over the last {100 * _SMOOTH:g} % of the "
        f"iterations. {'; '.join(policies)}.",
        look.legend(),
    )


def _curves(sources: Sequence[Source]) -> list[_Curve]:
    """Return the curve of every different policy."""
    found: dict[tuple[str, str], _Curve] = {}
    for source in sources:
        for policy, digest in source.policies:
            if (source.agent, digest) not in found:
                curve = _read((source.scenario_folder / policy).parent / _CURVE, source.agent, policy)
                if curve is not None:
                    found[source.agent, digest] = curve
    return list(found.values())


def _read(file: Path, agent: str, policy: str) -> _Curve | None:
    from simmig.learning.curves import read_curve

    try:
        table = read_curve(file)
    except InputError:  # a policy may come without the curve of its training
        return None
    if not len(table):
        return None
    at = np.unique(np.linspace(0, len(table) - 1, _POINTS).astype(np.int64))
    values = {key: _smooth(mean)[at] for key in _SHOWN if (mean := _mean(table, key)) is not None}
    return _Curve(agent, policy, table["iteration"].to_numpy(dtype=np.float64)[at], values)


def _mean(table: pd.DataFrame, key: str) -> FloatArray | None:
    """Return the mean over the players of a quantity, None if the curve has none."""
    columns = [column for column in table.columns if column == key or str(column).startswith(f"{key}.")]
    if not columns:
        return None
    found: FloatArray = table[columns].mean(axis=1).to_numpy(dtype=np.float64)
    return found if np.isfinite(found).any() else None


def _smooth(values: FloatArray) -> FloatArray:
    """Return the running mean of what is known."""
    width = max(1, round(_SMOOTH * len(values)))
    known = np.isfinite(values)
    sums = np.cumsum(np.concatenate([[0.0], np.where(known, values, 0.0)]))
    counts = np.cumsum(np.concatenate([[0.0], known]))
    start = np.maximum(np.arange(1, len(values) + 1) - width, 0)
    number = counts[1:] - counts[start]
    found: FloatArray = np.divide(sums[1:] - sums[start], number, out=np.full(len(values), np.nan), where=number > 0)
    return found
