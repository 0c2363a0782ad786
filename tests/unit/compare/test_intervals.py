"""Intervals of means: known cases, other implementations, symmetries, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mstats, ttest_1samp

from simmig.compare.intervals import (
    _transformed,
    difference_interval,
    interquartile_mean_interval,
    mean_interval,
)
from simmig.compare.statistics import Resampling, interquartile_mean
from simmig.errors import InputError
from simmig.rng import stream

BY_RUN = Resampling(seed=1)
BY_SCORE = Resampling(seed=1, unit="score")
SKEWED = stream(1, "skewed").lognormal(size=12)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_symmetric_scatter_has_students_interval(confidence):
    half = stream(1, "half").normal(size=5)
    scores = 3.0 + np.concatenate([half, -half])
    found = mean_interval(scores, Resampling(1, confidence=confidence))
    expected = ttest_1samp(scores, 0.0).confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert (found.estimate, found.confidence) == (pytest.approx(3.0), confidence)


def test_two_runs_have_students_interval():
    found = mean_interval([1.0, 2.0], BY_RUN)
    assert (found.low, found.high) == pytest.approx((1.5 - 12.7062 * 0.5, 1.5 + 12.7062 * 0.5), rel=1e-5)


def test_the_long_side_of_skewed_scatter_is_halls_and_the_short_one_halfway_to_it():
    n, quantile = len(SKEWED), 2.2009851600829  # of Student's t with 11 degrees of freedom
    error = SKEWED.std(ddof=1) / np.sqrt(n)
    third = n * ((SKEWED - SKEWED.mean()) ** 3).sum() / ((n - 1) * (n - 2))  # unbiased third cumulant
    a = third / SKEWED.std(ddof=1) ** 3 / np.sqrt(n)

    def cubic(t):
        return t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6

    found = mean_interval(SKEWED, BY_RUN)
    above, below = (found.high - SKEWED.mean()) / error, (SKEWED.mean() - found.low) / error
    assert cubic(-above) == pytest.approx(-quantile, rel=1e-9)
    assert cubic(2 * below - quantile) == pytest.approx(quantile, rel=1e-9)
    assert above > quantile > below


@given(st.floats(-5.0, 5.0), st.floats(-3.0, 3.0))
def test_property_the_transformation_solves_its_cubic(quantile, skewness):
    t = _transformed(quantile, skewness)
    # Below 1e-6 it is taken to be straight.
    assert t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6 == pytest.approx(quantile, abs=2e-5)


@pytest.mark.parametrize("interval", [mean_interval, interquartile_mean_interval])
@pytest.mark.parametrize("resampling", [BY_RUN, BY_SCORE])
def test_the_unit_and_the_sign_of_a_measure_do_not_matter(interval, resampling):
    scores = stream(2, "scores").lognormal(size=(11, 3))
    found, turned = interval(scores, resampling), interval(5.0 - 100.0 * scores, resampling)
    expected = (5.0 - 100.0 * found.estimate, 5.0 - 100.0 * found.high, 5.0 - 100.0 * found.low)
    assert (turned.estimate, turned.low, turned.high) == pytest.approx(expected, rel=1e-9)


def test_runs_that_rise_and_fall_together_need_the_run_as_unit():
    together = stream(2, "runs").normal(size=(12, 1)) + np.zeros((12, 40))
    by_run, by_score = mean_interval(together, BY_RUN), mean_interval(together, BY_SCORE)
    alone = mean_interval(together[:, 0], BY_RUN)
    assert (by_run.low, by_run.high) == pytest.approx((alone.low, alone.high))
    assert by_score.high - by_score.low < 0.25 * (by_run.high - by_run.low)


def test_independent_tasks_have_welchs_degrees_of_freedom():
    half = stream(3, "tasks").normal(size=(4, 2)) * [1.0, 3.0]
    scores = np.concatenate([half, -half])
    found = mean_interval(scores, BY_SCORE)
    # The mean of both tasks is half the difference of one and the other's negative: Welch's test of two samples.
    from scipy.stats import ttest_ind

    expected = ttest_ind(scores[:, 0], -scores[:, 1], equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low / 2, expected.high / 2), rel=1e-9)


@pytest.mark.parametrize("runs", [8, 12, 20])
def test_the_interquartile_mean_of_symmetric_scatter_has_the_interval_of_tukey_and_mclaughlin(runs):
    half = stream(4, "half", str(runs)).standard_t(3, size=runs // 2)
    scores = np.concatenate([half, -half])
    found = interquartile_mean_interval(scores, BY_RUN)
    low, high = mstats.trimmed_mean_ci(scores, limits=(0.25, 0.25))
    assert found.estimate == pytest.approx(float(interquartile_mean(scores[:, None])), abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_scores_that_are_all_alike_leave_no_doubt():
    for interval in (mean_interval, interquartile_mean_interval):
        found = interval(np.full((6, 2), 0.1), BY_RUN)
        assert (found.low, found.high) == (found.estimate, found.estimate) == pytest.approx((0.1, 0.1))
    assert mean_interval(np.zeros(3), BY_RUN).high == 0.0


def test_differences_are_taken_run_by_run():
    luck = 1e6 * stream(5, "luck").normal(size=(9, 2))
    own = stream(5, "own").normal(size=(9, 2))
    found, expected = difference_interval(luck + own, luck, BY_RUN), mean_interval(own, BY_RUN)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    with pytest.raises(InputError, match="expected the same runs and tasks"):
        difference_interval(luck, luck[:8], BY_RUN)


def test_one_run_has_no_interval():
    with pytest.raises(InputError, match="two runs or more"):
        mean_interval([1.0], BY_RUN)


LAWS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "heavy tails": (lambda rng, shape: rng.standard_t(3, size=shape), 0.0),
    "skewed": (lambda rng, shape: rng.lognormal(0.0, 0.5, size=shape), np.exp(0.125)),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("runs", [10, 30])
def test_a_95_per_cent_interval_holds_the_truth_in_94_to_96_per_cent(law, runs):
    draw, truth = LAWS[law]
    trials = 3000
    found = [mean_interval(scores, BY_RUN) for scores in draw(stream(6, "coverage", law), (trials, runs))]
    share = np.mean([interval.low <= truth <= interval.high for interval in found])
    luck = 3 * np.sqrt(0.05 * 0.95 / trials)
    assert 0.94 - luck < share < 0.96 + luck


def test_the_interval_of_an_interquartile_mean_holds_the_truth_as_often():
    trials = 3000
    for shape in ((10, 1), (10, 4)):
        drawn = stream(7, "coverage", str(shape)).normal(size=(trials, *shape))
        found = [interquartile_mean_interval(scores, BY_RUN) for scores in drawn]
        share = np.mean([interval.low <= 0.0 <= interval.high for interval in found])
        assert 0.94 - 0.012 < share < 0.96 + 0.012
