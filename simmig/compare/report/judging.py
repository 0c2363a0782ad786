"""Verdicts of a study: every measure in every setting, corrected for all comparisons of the report, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from simmig.compare.intervals import mean_interval
from simmig.compare.measures import Direction, Measure
from simmig.compare.report.grouping import Study, together
from simmig.compare.statistics import Interval, Resampling
from simmig.compare.verdicts import Comparison, compare_many

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FEWEST = 2  # seeds: an interval needs two
_BETTER = {"lower": "better", "higher": "better", "neutral": "higher"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One measure in one setting: each agent's runs and mean (without an interval if there is one run only).

    `comparisons` are those of pairs with two seeds or more in common, whose values are in `pairs`.
    """

    setting: str
    measure: Measure
    runs: Mapping[str, int]
    means: Mapping[str, Interval]
    comparisons: Sequence[Comparison]


def judge(study: Study, resampling: Resampling) -> list[Judgement]:
    """Return every judgement of a study; a pair of agents is compared on the seeds that both have."""
    scores = {(s, m.name): study.scores(s, m) for s in study.settings for m in study.measures}
    questions: dict[tuple[str, str, str, str], dict[str, ArrayLike]] = {}
    for (setting, name), of in scores.items():
        for a, b in _pairs(study):
            first, second = together(of[a], of[b])
            if len(first) >= FEWEST:
                questions[setting, name, a, b] = {a: first, b: second}
    found = compare_many(questions, resampling)
    return [
        Judgement(
            setting,
            measure,
            {agent: len(values) for agent, values in scores[setting, measure.name].items()},
            {a: measure.within(_mean(v, resampling)) for a, v in scores[setting, measure.name].items() if v},
            [found[key][0] for a, b in _pairs(study) if (key := (setting, measure.name, a, b)) in found],
        )
        for setting in study.settings
        for measure in study.measures
    ]


def _pairs(study: Study) -> list[tuple[str, str]]:
    if study.reference is None:
        return list(combinations(study.agents, 2))
    return [(agent, study.reference) for agent in study.agents if agent != study.reference]


def _mean(values: Mapping[int, float], resampling: Resampling) -> Interval:
    scores = np.array(list(values.values()))
    if len(scores) >= FEWEST:
        return mean_interval(scores, resampling)
    return Interval(float(scores[0]), np.nan, np.nan, resampling.confidence)


def clear_winner(found: Comparison, direction: Direction) -> tuple[str, str] | None:
    """Return (better, worse) of two agents (higher, lower for a neutral measure), None if no difference was seen."""
    if found.verdict == "no difference seen":
        return None
    is_lower = found.difference.estimate < 0.0
    return (found.a, found.b) if is_lower == (direction == "lower") else (found.b, found.a)


def in_words(judged: Judgement) -> list[str]:
    """Return what one measure says in sentences: who is better than whom, and where no difference was seen."""
    if not judged.comparisons:
        return ["Nothing to compare: fewer than two agents with two seeds in common."]
    better: dict[str, list[str]] = {agent: [] for agent in _best_first(judged)}
    unclear: dict[str, list[str]] = {}
    for found in judged.comparisons:
        winner = clear_winner(found, judged.measure.direction)
        if winner is None:
            unclear.setdefault(found.a, []).append(found.b)
        else:
            better[winner[0]].append(winner[1])
    than = _BETTER[judged.measure.direction]
    order = list(better)
    sentences = [
        f"{agent} is {than} than {listed(sorted(beaten, key=order.index))}."
        for agent, beaten in better.items()
        if beaten
    ]
    if not sentences:
        return [f"No difference seen{_among(judged)}.{power_hint(judged)}"]
    if unclear:
        pairs = "; ".join(f"{a} and {listed(others)}" for a, others in unclear.items())
        sentences.append(f"No difference seen between {pairs}.")
    return sentences


def _best_first(judged: Judgement) -> list[str]:
    sign = 1.0 if judged.measure.direction == "lower" else -1.0
    return sorted(judged.means, key=lambda agent: sign * judged.means[agent].estimate)


def _among(judged: Judgement) -> str:
    agents = dict.fromkeys(agent for found in judged.comparisons for agent in (found.a, found.b))
    return "" if len(agents) < 3 else f" between any of {len(agents)} agents"


def power_hint(judged: Judgement) -> str:
    """Return how many seeds might tell, of the pair for which the fewest are needed; empty if none is in reach."""
    in_reach = [found for found in judged.comparisons if found.seeds_needed is not None]
    if not in_reach:
        return ""
    nearest = min(in_reach, key=lambda found: found.seeds_needed or 0)
    if (nearest.seeds_needed or 0) <= nearest.seeds:
        return ""
    return (
        f" A difference as large as that between {nearest.a} and {nearest.b} would show with about "
        f"{nearest.seeds_needed:,} seeds; there are {nearest.seeds}."
    )


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence: a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
