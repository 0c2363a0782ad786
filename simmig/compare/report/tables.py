"""The tables of the report of a study, as text ready to be set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simmig.compare.measures import MEASURES, Measure
from simmig.compare.report.grouping import Study, together
from simmig.compare.report.judging import Judgement, in_words
from simmig.compare.report.painting import titled
from simmig.compare.statistics import Resampling, probability_of_improvement
from simmig.compare.verdicts import Comparison
from simmig.report.numbers import NOTHING, number, percent, shorten
from simmig.report.tables import Table

_DIGITS = 3
_MOST_DIGITS = 5
MOST_RUNS = 300  # rows of the tables of runs and of failures
_KEY = 12  # characters of a run's name
_MESSAGE = 400
COMPARISONS_NOTE = (
    "Mean difference: first minus second agent of the pair at the same seed; beside it as a share of the second one's "
    "mean. p: two-sided, by changing the signs of the differences; corrected: by Holm for all comparisons of this "
    "report. Seeds: how many were compared, and how many in all would show a difference as large as this one in four "
    "of five studies. P better: probability that a run of the first agent is better than one of the second, or higher "
    "where that is no question of better."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """The mean of an agent in words: the value, its interval, and how many runs it is of."""

    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Line:
    """One measure in the table of verdicts: its name, what the verdict is, a cell for each agent."""

    title: str
    meaning: str
    words: Sequence[str]
    cells: Sequence[Cell]


def verdict_lines(judged: Sequence[Judgement], agents: Sequence[str]) -> list[Line]:
    """Return the lines of the table of verdicts of one setting."""
    lines = []
    for of in judged:
        digits = _telling([of.measure.scale * mean.estimate for mean in of.means.values()])
        cells = [_cell(of, agent, digits) for agent in agents]
        lines.append(Line(titled(of.measure), of.measure.meaning, in_words(of), cells))
    return lines


def _telling(values: Sequence[float]) -> int:
    """Return with how many digits values that differ are told apart, unless that takes too many."""
    different = len({number(value, _MOST_DIGITS) for value in values})
    return next(d for d in range(_DIGITS, _MOST_DIGITS + 1) if len({number(v, d) for v in values}) == different)


def _cell(judged: Judgement, agent: str, digits: int) -> Cell:
    found = judged.means.get(agent)
    if found is None:
        return Cell(NOTHING, "no run has it")
    scale = judged.measure.scale
    value = number(scale * found.estimate, digits)
    if np.isnan(found.low):
        return Cell(value, "1 run")
    interval = _range(scale * found.low, scale * found.high, digits)
    return Cell(value, f"{interval}, n = {judged.runs[agent]}")


def _range(low: float, high: float, digits: int = _DIGITS) -> str:
    return f"{number(low, digits)} to {number(high, digits)}"


def comparison_tables(study: Study, judged: Sequence[Judgement], resampling: Resampling) -> list[Table]:
    """Return every comparison of a setting in numbers, a table for each measure."""
    tables = []
    for of in judged:
        scores, rows = study.scores(of.setting, of.measure), []
        for found in of.comparisons:
            first, second = together(scores[found.a], scores[found.b])
            rows.append(_numbers(of.measure, found, first, second, resampling))
        unit = f" ({of.measure.unit})" if of.measure.unit else ""
        head = (f"{of.measure.label}{unit}", "mean difference", "of the second", "p", "p corrected", "seeds, needed")
        tables.append(Table((*head, "P better"), rows))
    return [table for table in tables if table.rows]


def _numbers(
    measure: Measure, found: Comparison, first: np.ndarray, second: np.ndarray, resampling: Resampling
) -> tuple[str, ...]:
    scale, base = measure.scale, float(second.mean())
    share = found.difference.estimate / abs(base) if base else np.nan
    better = probability_of_improvement(first, second, resampling, lower_is_better=measure.direction == "lower")
    return (
        f"{shorten(found.a, 40)} − {shorten(found.b, 40)}",
        f"{number(scale * found.difference.estimate, _DIGITS)} "
        f"({_range(scale * found.difference.low, scale * found.difference.high)})",
        NOTHING if np.isnan(share) else f"{number(100 * share, _DIGITS)} %",
        number(found.p_value, 2),
        number(found.p_corrected, 2),
        f"{number(found.seeds)}, {NOTHING if found.seeds_needed is None else number(found.seeds_needed)}",
        f"{number(better.estimate, 2)} ({number(better.low, 2)} to {number(better.high, 2)})",
    )


def other_measures_table(study: Study, setting: str) -> Table | None:
    """Return the means of the measures that are not judged, None if no run has one."""
    judged = {measure.name for measure in study.measures}
    rows = []
    for name, measure in MEASURES.items():
        if name in judged:
            continue
        scores = study.scores(setting, measure)
        if any(scores.values()):
            means = [np.mean(list(values.values())) if values else np.nan for values in scores.values()]
            rows.append((titled(measure), *(number(float(measure.scale * mean), _DIGITS) for mean in means)))
    if not rows:
        return None
    head = ("measure", *(shorten(agent, 40) for agent in study.agents))
    return Table(head, rows, "Means over the runs; not judged, so that the judged ones are corrected for fewer.")


def failure_table(study: Study) -> Table:
    """Return the runs without a result."""
    failed = [k for k in range(len(study.rows)) if not study.is_done[k]]
    messages = study.rows["message"].tolist() if "message" in study.rows.columns else [""] * len(study.rows)
    rows = [
        (*_labels(study, k), _text(study.rows["status"].iloc[k], 40), _text(messages[k], _MESSAGE), _key(study, k))
        for k in failed[:MOST_RUNS]
    ]
    note = "" if len(failed) <= MOST_RUNS else f"The first {MOST_RUNS} of {number(len(failed))}."
    return Table((*study.labels, "seed", "what", "message", "key"), rows, note)


def run_table(study: Study) -> Table:
    """Return the runs that are done, with their names in the store."""
    done = [k for k in range(len(study.rows)) if study.is_done[k]]
    rows = [(*_labels(study, k), _key(study, k)) for k in done[:MOST_RUNS]]
    note = "" if len(done) <= MOST_RUNS else f"The first {MOST_RUNS} of {number(len(done))}."
    return Table((*study.labels, "seed", "key"), rows, note)


def _labels(study: Study, k: int) -> tuple[str, ...]:
    return (*(_text(study.rows[label].iloc[k], 60) for label in study.labels), str(study.rows["seed"].iloc[k]))


def _key(study: Study, k: int) -> str:
    return str(study.rows["key"].iloc[k])[:_KEY]


def _text(value: object, most: int) -> str:
    return shorten(" ".join(str(value).split()), most)


def share_done(study: Study) -> str:
    """Return how many runs have a result."""
    done = sum(study.is_done)
    return f"{number(done)} of {number(len(study.rows))} ({percent(done / len(study.rows))})"
