"""Intervals that hold the truth as often as they say at ten runs as well: of a mean, and of an interquartile mean.

The percentile bootstrap of `simmig.compare.statistics`, which is that of rliable, is too narrow for few runs: of ten
normal differences it holds the true mean in 90 % of all cases instead of 95 %. Two intervals do better, each where the
other fails. Student's is right for symmetric scatter, heavy tails included, and leaves out one side of what is skewed.
Hall's (1992, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, the
monotone cubic), at Student's quantile, is right there and too narrow for heavy tails, whose skewness is only luck. So
an end is Hall's where that lies further out, and halfway between both where it lies further in.

`tests/benchmarks/bench_statistics.py` measures how often the truth is inside 95 % intervals of 10, 30 and 100 runs.
Mean: 94.3 to 95.7 % for normal and Laplace scatter, Student's t with 3 degrees of freedom, an exponential law and a
lognormal one with sigma 0.5; as skewed as a lognormal law with sigma 1, ten runs show too little for any interval:
91.7, 93.6 and 94.8 %. Interquartile mean: 94.3 to 95.5 % for the symmetric laws, for the skewed ones 93.2 to 94.8 %.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from simmig.compare.statistics import Interval, Resampling, checked, differences, interquartile_mean, mean
from simmig.contracts import FloatArray

_STRAIGHT = 1e-6  # skewness of an estimate below which Hall's transformation is the identity to ten digits


def mean_interval(scores: ArrayLike, resampling: Resampling) -> Interval:
    """Return the mean of scores [R, T] with its interval; nothing is drawn, only unit and confidence count.

    Raises InputError for less than two runs.
    """
    table = checked(scores)
    return _interval(float(mean(table)), table, resampling)


def difference_interval(a: ArrayLike, b: ArrayLike, resampling: Resampling) -> Interval:
    """Return the mean of a − b for scores [R, T] each, run by run, with its interval; see `mean_interval`."""
    return mean_interval(differences(a, b), resampling)


def interquartile_mean_interval(scores: ArrayLike, resampling: Resampling) -> Interval:
    """Return the interquartile mean of scores [R, T] with its interval; see `mean_interval`.

    The error of a trimmed mean is that of the mean of its influence values: scores moved to the edges of the middle
    half, over the share that is kept (Tukey and McLaughlin 1963, whose degrees of freedom count what is kept).
    """
    table = checked(scores)
    ordered = np.sort(table, axis=None)
    cut = len(ordered) // 4
    kept = len(ordered) - 2 * cut
    moved = np.clip(table, ordered[cut], ordered[len(ordered) - cut - 1])
    estimate = float(interquartile_mean(table))
    return _interval(estimate, moved * (len(ordered) / kept), resampling, most_freedom=kept - 1.0)


def _interval(estimate: float, values: FloatArray, resampling: Resampling, most_freedom: float = math.inf) -> Interval:
    """Return the interval of an estimate that errs as the mean of these values [R, T] does."""
    from scipy.special import stdtrit

    runs, tasks = values.shape
    units = values.mean(axis=1, keepdims=True) if resampling.unit == "run" else values / tasks
    off = units - units.mean(axis=0)
    variances = (off * off).sum(axis=0) / ((runs - 1.0) * runs)  # of the mean of each column; they add up
    error = math.sqrt(variances.sum())
    if error <= 1e-14 * float(np.abs(units).max()):  # all alike but for rounding
        return Interval(estimate, estimate, estimate, resampling.confidence)
    freedom = variances.sum() ** 2 / (variances**2 / (runs - 1.0)).sum()  # Welch 1947; R − 1 for one column
    # Third cumulant of the estimate, as unbiased as that of a sample; of two runs there is none.
    third = float((off**3).sum()) / (runs * (runs - 1.0) * max(runs - 2.0, 1.0))
    skewness = third / error**3
    quantile = float(stdtrit(min(freedom, most_freedom), (1.0 + resampling.confidence) / 2.0))
    below = _end(quantile, _transformed(quantile, skewness))
    above = _end(quantile, -_transformed(-quantile, skewness))
    return Interval(estimate, estimate - below * error, estimate + above * error, resampling.confidence)


def _end(students: float, halls: float) -> float:
    """Return how far an end is from the estimate, in standard errors."""
    return max(halls, (students + halls) / 2.0)


def _transformed(quantile: float, skewness: float) -> float:
    """Return t for which Hall's cubic t + a t²/3 + a² t³/27 + a/6 is the quantile, with a the skewness."""
    if abs(skewness) < _STRAIGHT:
        return quantile
    return 3.0 / skewness * (float(np.cbrt(1.0 + skewness * (quantile - skewness / 6.0))) - 1.0)
