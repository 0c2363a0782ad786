"""What a few runs of an agent say, with an interval: the estimates of rliable.

Scores of one agent are an array [R, T]: R runs (seeds) on each of T tasks (scenarios, games), or [R] for a single
task. Tasks should be on one scale, such as a relative error, since scores are averaged over them. The definitions
are those of Agarwal, Schwarzer, Castro, Courville and Bellemare, "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", NeurIPS 2021 (arXiv 2108.13264), section 4; `tests/unit/compare` holds them to figures of its
package. A deviation is `Resampling.unit`, see there. Their percentile intervals are too narrow for few runs, see
`simmig.compare.intervals`, which has those of means that comparisons print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.rng import stream

Statistic = Callable[[FloatArray], FloatArray]  # of scores [..., R, T], one number [...] for each table
_MOST_NUMBERS = 2**21  # held at a time: 16 MiB of floats


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are drawn: seed, number of resamples, confidence, and what is drawn again as one piece.

    With unit "score" every task's runs are drawn for themselves, as the package does (stratified by task): right if
    no two scores have anything in common. With "run" a run keeps its scores on all tasks together, which is right
    also if a seed's scores depend on one another, because one trained policy was scored on every task or because
    the tasks share their luck; then "score" gives intervals that are too narrow. For one task both are the same.
    """

    seed: int
    resamples: int = 10_000
    confidence: float = 0.95
    unit: Literal["run", "score"] = "run"

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0.0 < self.confidence < 1.0 or self.unit not in ("run", "score"):
            raise InputError(f"{self}: expected resamples of 1 or more, confidence between 0 and 1, unit run or score")


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its interval; of this module's functions the percentile interval of the bootstrap."""

    estimate: float
    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A performance profile: `share[K]` of the scores is better than `thresholds[K]`; each with its own interval."""

    thresholds: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    confidence: float


def mean(scores: FloatArray) -> FloatArray:
    """Return the mean of scores [..., R, T], shape [...]."""
    return np.asarray(scores.mean(axis=(-2, -1)), dtype=np.float64)


def interquartile_mean(scores: FloatArray) -> FloatArray:
    """Return the mean of the middle half of all scores [..., R, T], shape [...]: section 4.3 of Agarwal et al.

    A quarter of the scores, rounded down, is left out at each end, as in scipy.stats.trim_mean.
    """
    flat = scores.reshape(*scores.shape[:-2], -1)
    cut = flat.shape[-1] // 4
    middle = np.partition(flat, (cut, flat.shape[-1] - cut - 1), axis=-1)[..., cut : flat.shape[-1] - cut]
    return np.asarray(middle.mean(axis=-1), dtype=np.float64)


def bootstrap_interval(
    scores: ArrayLike, resampling: Resampling, statistic: Statistic = interquartile_mean
) -> Interval:
    """Return a statistic of the scores [R, T] with its bootstrap interval; raises InputError for less than two runs."""
    table = checked(scores)
    rng = stream(resampling.seed, "compare", "bootstrap")
    estimates = [statistic(drawn) for drawn in _drawn(table, resampling, rng)]
    return _interval(float(statistic(table)), np.concatenate(estimates), resampling)


def paired_difference(a: ArrayLike, b: ArrayLike, resampling: Resampling, statistic: Statistic = mean) -> Interval:
    """Return a − b of scores [R, T] each, run by run, with its bootstrap interval.

    Run r of a and run r of b had the same seed, hence the same luck, most of which the difference cancels.
    """
    return bootstrap_interval(differences(a, b), resampling, statistic)


def probability_of_improvement(
    a: ArrayLike, b: ArrayLike, resampling: Resampling, *, lower_is_better: bool = False
) -> Interval:
    """Return the probability that a run of a beats a run of b on the same task, averaged over tasks.

    Scores are a[R, T] and b[S, T]. Section 4.3 of Agarwal et al.: the Mann-Whitney U of each task over R·S, a tie
    counting one half; the two agents' runs are drawn again independently of each other.
    """
    first, second = checked(a), checked(b)
    if first.shape[1] != second.shape[1]:
        raise InputError(f"scores on {first.shape[1]} and on {second.shape[1]} tasks; expected the same tasks")
    gain = first[:, None, :] - second[None, :, :]
    beats = np.heaviside(-gain if lower_is_better else gain, 0.5) / gain.size  # [R, S, T]
    rng = stream(resampling.seed, "compare", "improvement")
    estimates = []
    for count in chunks(resampling, beats.size):
        of_a = _weights(first.shape, count, resampling, rng)
        of_b = _weights(second.shape, count, resampling, rng)
        estimates.append(np.einsum("brt,rst,bst->b", of_a, beats, of_b, optimize=True))
    return _interval(float(beats.sum()), np.concatenate(estimates), resampling)


def performance_profile(
    scores: ArrayLike,
    thresholds: Sequence[float] | FloatArray,
    resampling: Resampling,
    *,
    lower_is_better: bool = False,
) -> Profile:
    """Return which share of all scores [R, T] is better than each threshold [K]: section 4.2 of Agarwal et al."""
    table, levels = checked(scores), np.asarray(thresholds, dtype=np.float64)
    is_better = table[..., None] < levels if lower_is_better else table[..., None] > levels  # [R, T, K]
    better = is_better.reshape(table.size, -1) / table.size
    rng = stream(resampling.seed, "compare", "profile")
    estimates = [
        _weights(table.shape, count, resampling, rng).reshape(count, -1) @ better
        for count in chunks(resampling, table.size + levels.size)
    ]
    low, high = _quantiles(np.concatenate(estimates), resampling)
    return Profile(levels, better.sum(axis=0), low, high, resampling.confidence)


def differences(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Return a − b, shape [R, T], of two agents' scores; raises InputError unless they have the same shape."""
    first, second = checked(a), checked(b)
    if first.shape != second.shape:
        raise InputError(f"scores of shapes {first.shape} and {second.shape}; expected the same runs and tasks in both")
    return first - second


def checked(scores: ArrayLike) -> FloatArray:
    """Return scores as an array [R, T]; raises InputError unless they are finite, of two runs or more."""
    table = np.asarray(scores, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or len(table) < 2 or not table.shape[1]:
        raise InputError(f"scores of shape {np.shape(scores)}; expected (runs, tasks) with two runs or more")
    if not np.isfinite(table).all():
        run, task = np.argwhere(~np.isfinite(table))[0]
        raise InputError(f"score of run {run} on task {task} is {table[run, task]}; expected a finite number")
    return table


def chunks(resampling: Resampling, numbers: int) -> Iterator[int]:
    """Yield how many resamples, of so many numbers each, to take at a time: all of them in parts that fit in memory."""
    most, left = max(1, _MOST_NUMBERS // numbers), resampling.resamples
    while left:
        yield min(most, left)
        left -= min(most, left)


def _drawn(table: FloatArray, resampling: Resampling, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield resampled tables [B, R, T], chunk by chunk."""
    runs, tasks = table.shape
    for count in chunks(resampling, table.size):
        if resampling.unit == "run":
            yield table[rng.integers(runs, size=(count, runs))]
        else:
            yield table[rng.integers(runs, size=(count, runs, tasks)), np.arange(tasks)]


def _weights(shape: tuple[int, ...], count: int, resampling: Resampling, rng: np.random.Generator) -> FloatArray:
    """Return how often each score of a table of this shape [R, T] is drawn in `count` resamples [B, R, T]."""
    runs, tasks = shape
    drawn_tasks = 1 if resampling.unit == "run" else tasks
    times = rng.multinomial(runs, np.full(runs, 1.0 / runs), size=(count, drawn_tasks))
    return np.broadcast_to(times.swapaxes(1, 2), (count, runs, tasks)).astype(np.float64)


def _interval(estimate: float, estimates: FloatArray, resampling: Resampling) -> Interval:
    low, high = _quantiles(estimates, resampling)
    return Interval(estimate, float(low), float(high), resampling.confidence)


def _quantiles(estimates: FloatArray, resampling: Resampling) -> tuple[FloatArray, FloatArray]:
    tail = (1.0 - resampling.confidence) / 2.0
    low, high = np.quantile(estimates, (tail, 1.0 - tail), axis=0)
    return low, high
