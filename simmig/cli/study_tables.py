"""The tables of studies on a terminal, and the same as JSON values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simmig.cli.common import print_table

if TYPE_CHECKING:
    from simmig.compare.report.judging import Judgement
    from simmig.compare.statistics import Interval
    from simmig.compare.studies.tabulating import CellFigures

_BETTER = {"lower": "lower is better", "higher": "higher is better", "neutral": ""}


def print_cells(cells: Sequence[CellFigures], measures: Sequence[str]) -> None:
    """Print a row for each cell: what varies, how many runs are done, the mean of each measure with its interval."""
    from simmig.compare.measures import MEASURES

    rows = [[*cells[0].labels, "runs", *(_heading(name) for name in measures)]]
    for cell in cells:
        done = str(cell.done) if cell.done == cell.runs else f"{cell.done} of {cell.runs}"
        means = [_mean(cell.means[name][1], MEASURES[name].scale) for name in measures]
        rows.append([*cell.labels.values(), done, *means])
    print_table(rows)


def cell_document(cell: CellFigures) -> dict[str, Any]:
    """Return a cell as JSON values."""
    means = {name: {"n": count, **_interval(interval)} for name, (count, interval) in cell.means.items()}
    return {"labels": dict(cell.labels), "runs": cell.runs, "done": cell.done, "means": means}


def print_judgement(judgement: Judgement, seeds: int) -> None:
    """Print how the agents compare on one measure: means, verdicts, and where less than all `seeds` could count."""
    from simmig.compare.report.judging import in_words

    measure = judgement.measure
    hint = _BETTER[measure.direction]
    print(f"{_heading(measure.name)}{f', {hint}' if hint else ''}")
    runs = [f"{count} run{'' if count == 1 else 's'}" for count in judgement.runs.values()]
    means = [_mean(judgement.means.get(agent), measure.scale) for agent in judgement.runs]
    print_table(list(zip(judgement.runs, means, runs, strict=True)), indent="  ")
    for comparison in judgement.comparisons:
        if comparison.seeds < seeds:
            pair = f"{comparison.a} and {comparison.b}"
            print(f"  {pair}: {seeds - comparison.seeds} of {seeds} seeds dropped, which not both have")
    for sentence in in_words(judgement):
        print(f"  {sentence}")


def judgement_document(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON values."""
    return {
        "setting": judgement.setting,
        "measure": judgement.measure.name,
        "runs": dict(judgement.runs),
        "means": {agent: _interval(mean) for agent, mean in judgement.means.items()},
        "comparisons": [
            {
                "a": comparison.a,
                "b": comparison.b,
                "seeds": comparison.seeds,
                "difference": _interval(comparison.difference),
                "p_value": comparison.p_value,
                "p_corrected": comparison.p_corrected,
                "verdict": comparison.verdict,
                "seeds_needed": comparison.seeds_needed,
            }
            for comparison in judgement.comparisons
        ],
    }


def _heading(name: str) -> str:
    from simmig.compare.measures import MEASURES

    measure = MEASURES[name]
    return f"{measure.label} ({measure.unit})" if measure.unit else measure.label


def _mean(interval: Interval | None, scale: float) -> str:
    return "-" if interval is None else with_interval(interval, scale)


def with_interval(interval: Interval, scale: float = 1.0) -> str:
    """Return an estimate with its interval, or alone where that has no width."""
    low, middle, high = (f"{scale * value:.4g}" for value in (interval.low, interval.estimate, interval.high))
    return middle if low == high or math.isnan(interval.low) else f"{middle} [{low}, {high}]"


def _interval(interval: Interval | None) -> dict[str, float | None]:
    if interval is None:
        return {"mean": None, "low": None, "high": None}
    values = {"mean": interval.estimate, "low": interval.low, "high": interval.high}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
