"""Which agent is better, in words: paired tests, corrected for their number, and how many seeds it would take.

Every test compares the runs of two agents seed by seed. Scores are arrays [R, T] as in `simmig.compare.statistics`;
intervals are those of `simmig.compare.intervals`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from simmig.compare.intervals import mean_interval
from simmig.compare.statistics import Interval, Resampling, chunks, differences
from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.rng import stream

Question = TypeVar("Question", bound=Hashable)

POWER = 0.8  # chance to see a difference that exists; the customary value, Cohen 1988
_MOST_ENUMERATED = 14  # pairs whose 2^14 sign changes are all tried; more are drawn at random
_MOST_EFFECT = 10.0  # standard deviations; beyond it the fewest seeds that can show anything are enough
_LEAST_EFFECT = 0.003  # standard deviations; below it nearly a million seeds would be needed


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two agents compared: mean paired difference a − b, p-values before and after Holm's correction, the verdict.

    `seeds` is how many were compared, `seeds_needed` how many in all it takes to see a difference as large as the
    one found in four of five tries, None if that is out of reach.
    """

    a: str
    b: str
    difference: Interval
    p_value: float
    p_corrected: float
    verdict: str
    seeds: int
    seeds_needed: int | None


def compare_all(scores: Mapping[str, ArrayLike], resampling: Resampling) -> tuple[Comparison, ...]:
    """Return the comparison of every pair of agents; their scores [R, T] are of the same seeds on the same tasks.

    See `compare_many`, of which this is the case of one question.
    """
    return compare_many({"": scores}, resampling)[""]


def compare_many(
    questions: Mapping[Question, Mapping[str, ArrayLike]], resampling: Resampling, reference: str | None = None
) -> dict[Question, tuple[Comparison, ...]]:
    """Return the comparisons of agents on several questions, such as measures, or measures in several settings.

    For every question the agents' scores [R, T] are of the same seeds on the same tasks; other questions may have
    other seeds, tasks and agents. With a reference only it is compared with each of the others, as the second one; a
    question that the reference has no scores for has no comparisons.

    A difference is called one only if its interval leaves out zero and its p-value is at most 1 − confidence after
    Holm's correction for all comparisons returned together: so the chance of even one false alarm among all of them is
    at most 1 − confidence. Raises InputError for scores of different shapes.
    """
    asked = [(question, a, b) for question, scores in questions.items() for a, b in _pairs(scores, reference)]
    gaps = [_named_differences(a, b, questions[question]) for question, a, b in asked]
    p_values = [permutation_p_value(gap, resampling) for gap in gaps]
    found: dict[Question, list[Comparison]] = {question: [] for question in questions}
    level = (1.0 - resampling.confidence) / max(len(asked), 1)
    for (question, a, b), gap, p_value, p_corrected in zip(asked, gaps, p_values, holm(p_values), strict=True):
        interval = mean_interval(gap, resampling)
        words = verdict(a, b, interval, float(p_corrected))
        needed = seeds_needed(gap, interval.estimate, level)
        found[question].append(Comparison(a, b, interval, p_value, float(p_corrected), words, len(gap), needed))
    return {question: tuple(comparisons) for question, comparisons in found.items()}


def _pairs(scores: Mapping[str, ArrayLike], reference: str | None) -> list[tuple[str, str]]:
    if reference is None:
        return list(combinations(scores, 2))
    return [(agent, reference) for agent in scores if agent != reference] if reference in scores else []


def verdict(a: str, b: str, difference: Interval, p_corrected: float) -> str:
    """Return 'a is lower than b', 'a is higher than b' or 'no difference seen', from a − b and its p-value."""
    is_clear = p_corrected <= 1.0 - difference.confidence + 1e-12  # 1 − 0.95 is a little more than 0.05, 1 − 0.9 less
    if is_clear and difference.high < 0.0:
        return f"{a} is lower than {b}"
    if is_clear and difference.low > 0.0:
        return f"{a} is higher than {b}"
    return "no difference seen"


def permutation_p_value(gaps: FloatArray, resampling: Resampling) -> float:
    """Return the two-sided p-value that paired differences [R, T] have mean zero, by changing their signs.

    Were the agents equal, every difference could as well be its negative: Fisher 1935, section 21. All sign changes
    are tried if they are few; else `resampling.resamples` are drawn, and the unchanged one is counted among them
    (Phipson and Smyth 2010), so that p is never 0. The unit whose sign changes is that of the resampling.
    """
    units = gaps.sum(axis=1) if resampling.unit == "run" else gaps.ravel()
    # Sums that are equal in exact arithmetic differ by rounding.
    least = abs(units.sum()) - 1e-12 * np.abs(units).sum()
    if len(units) <= _MOST_ENUMERATED:
        signs = 1.0 - 2.0 * (np.arange(2 ** len(units))[:, None] >> np.arange(len(units)) & 1)
        return float(np.mean(np.abs(signs @ units) >= least))
    rng = stream(resampling.seed, "compare", "permutation")
    as_extreme = 0
    for count in chunks(resampling, len(units)):
        changed = np.where(rng.random((count, len(units))) < 0.5, units, -units)
        as_extreme += int(np.count_nonzero(np.abs(changed.sum(axis=1)) >= least))
    return (1 + as_extreme) / (1 + resampling.resamples)


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """Return p-values [M] corrected for their number: Holm 1979, "A simple sequentially rejective multiple test"."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = np.minimum(values[order] * np.arange(len(values), 0, -1), 1.0)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(steps)
    return corrected


def seeds_needed(gaps: FloatArray, difference: float, alpha: float = 0.05, power: float = POWER) -> int | None:
    """Return how many seeds in all would show a mean difference of this size with this power, at level alpha.

    None stands for hundreds of thousands: a difference of zero, or one that is lost in the scatter.

    Paired differences [R, T] say how much seeds scatter. The power is that of the paired t-test, from the noncentral
    t distribution; and sign changes of n seeds give no p-value below 2^(1−n). Take it as
    a hint: the scatter of a few seeds is itself uncertain.
    """
    fewest = math.ceil(1.0 + math.log2(1.0 / alpha))
    scatter = float(gaps.mean(axis=1).std(ddof=1))
    if abs(difference) <= _LEAST_EFFECT * scatter:
        return None
    effect = abs(difference) / scatter if scatter else math.inf
    return fewest if effect > _MOST_EFFECT else max(fewest, _seeds_of_t_test(effect, alpha, power))


def _seeds_of_t_test(effect: float, alpha: float, power: float) -> int:
    """Return the fewest pairs with which a two-sided t-test sees this effect, in standard deviations, with its sign."""
    from scipy.special import nctdtr, ndtri, stdtrit

    # The normal approximation is a little too low, so the search is short.
    seeds = max(2, int(((ndtri(1.0 - alpha / 2.0) + ndtri(power)) / effect) ** 2))
    while True:
        critical, shift = stdtrit(seeds - 1, 1.0 - alpha / 2.0), effect * math.sqrt(seeds)
        if nctdtr(seeds - 1, shift, critical) <= 1.0 - power:
            return seeds
        seeds += 1


def _named_differences(a: str, b: str, scores: Mapping[str, ArrayLike]) -> FloatArray:
    try:
        return differences(scores[a], scores[b])
    except InputError as error:
        raise InputError(f"agents {a} and {b}: {error}") from None
