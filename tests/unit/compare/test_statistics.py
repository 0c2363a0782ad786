from itertools import product

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm, trim_mean

from simmig.compare.statistics import (
    Resampling,
    bootstrap_interval,
    interquartile_mean,
    mean,
    paired_difference,
    performance_profile,
    probability_of_improvement,
)
from simmig.errors import InputError
from simmig.rng import stream

RUN, TASK = np.arange(12)[:, None], np.arange(5)[None, :]
A = np.round(1.0 + 0.3 * np.sin(1.7 * RUN + 2.3 * TASK) + 0.1 * TASK, 2)  # [12, 5]
B = np.round(0.9 + 0.35 * np.cos(1.1 * RUN + 0.9 * TASK * TASK) + 0.1 * TASK, 2)[:9]  # [9, 5]
BY_SCORE = Resampling(seed=1, unit="score", resamples=20_000)
BY_RUN = Resampling(seed=1)


# The figures are those of rliable 1.2.0 for A and B, with 50,000 resamples for the first and 20,000 for the others;
# its own ends move by 0.002 (0.002, 0.02) from one of its seeds to the next.
def test_interquartile_mean_and_its_interval_are_those_of_rliable() -> None:
    found = bootstrap_interval(A, BY_SCORE)
    assert found.estimate == pytest.approx(1.20533333, abs=1e-8)
    assert (found.low, found.high) == pytest.approx((1.1323, 1.2773), abs=2.5e-3)
    found = bootstrap_interval(B, BY_SCORE)
    assert found.estimate == pytest.approx(1.06478261, abs=1e-8)
    assert (found.low, found.high) == pytest.approx((0.9780, 1.1590), abs=2.5e-3)


def test_probability_of_improvement_is_that_of_rliable() -> None:
    found = probability_of_improvement(A, B, BY_SCORE)
    assert found.estimate == pytest.approx(0.674074074074, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((0.5635, 0.776), abs=4e-3)


def test_performance_profile_is_that_of_rliable() -> None:
    found = performance_profile(A, [0.7, 0.95, 1.2, 1.4], BY_SCORE)
    assert found.share == pytest.approx([1.0, 0.8, 31 / 60, 0.25], abs=1e-12)
    one_score = 1 / 60  # the ends move by steps of one score
    assert found.low == pytest.approx([1.0, 0.7, 0.4, 1 / 6], abs=one_score + 1e-9)
    assert found.high == pytest.approx([1.0, 53 / 60, 38 / 60, 0.35], abs=one_score + 1e-9)


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 5, 7, 8, 30, 999])
@pytest.mark.parametrize("tasks", [1, 3])
def test_interquartile_mean_is_the_trimmed_mean_of_scipy(runs: int, tasks: int) -> None:
    many = stream(1, "tables").normal(size=(6, runs, tasks))
    expected = [trim_mean(table, 0.25, axis=None) for table in many]
    assert interquartile_mean(many) == pytest.approx(expected, abs=1e-14)


def test_a_quarter_of_outliers_at_each_end_moves_nothing() -> None:
    table = np.array([[-1e9], [1.0], [2.0], [1e9]])
    assert interquartile_mean(table) == 1.5
    assert mean(table) == 0.75


@pytest.mark.parametrize("unit", ["run", "score"])
def test_the_bootstrap_of_a_mean_is_that_of_all_resamples(unit: str) -> None:
    table = np.array([[0.0, 1.0], [2.0, 5.0], [4.0, 0.0]])
    rows = list(product(range(3), repeat=3))
    if unit == "run":
        every = [table[list(rows_of_all)].mean() for rows_of_all in rows]
    else:
        every = [(table[list(r), 0].mean() + table[list(s), 1].mean()) / 2 for r in rows for s in rows]
    resampling = Resampling(seed=3, resamples=200_000, confidence=0.8, unit=unit)
    found = bootstrap_interval(table, resampling, mean)
    assert (found.low, found.high) == pytest.approx(np.quantile(every, [0.1, 0.9]), abs=1e-9)
    assert found.estimate == 2.0


def test_runs_that_rise_and_fall_together_need_the_run_as_unit() -> None:
    together = stream(2, "runs").normal(size=(12, 1)) + np.zeros((12, 40))
    one_task = bootstrap_interval(together[:, :1], BY_RUN, mean)
    by_run, by_score = (bootstrap_interval(together, resampling, mean) for resampling in (BY_RUN, BY_SCORE))
    assert by_run.high - by_run.low == pytest.approx(one_task.high - one_task.low, rel=1e-12)
    assert by_score.high - by_score.low < 0.25 * (by_run.high - by_run.low)


def test_for_one_task_both_units_are_the_same_bootstrap() -> None:
    low, high = zip(
        *((i.low, i.high) for i in (bootstrap_interval(A[:, 0], r) for r in (BY_RUN, BY_SCORE))), strict=True
    )
    assert low[0] == pytest.approx(low[1], abs=0.02)
    assert high[0] == pytest.approx(high[1], abs=0.02)


def test_same_seed_same_interval() -> None:
    assert bootstrap_interval(A, BY_RUN) == bootstrap_interval(A, BY_RUN)
    assert bootstrap_interval(A, BY_RUN) != bootstrap_interval(A, Resampling(seed=2))


def test_resampling_in_parts_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [bootstrap_interval(A, r) for r in (BY_RUN, BY_SCORE)], probability_of_improvement(A, B, BY_RUN)
    monkeypatch.setattr("simmig.compare.statistics._MOST_NUMBERS", 100_000)
    parts = [bootstrap_interval(A, r) for r in (BY_RUN, BY_SCORE)], probability_of_improvement(A, B, BY_RUN)
    assert parts[0] == whole[0]
    assert (parts[1].low, parts[1].high) == pytest.approx((whole[1].low, whole[1].high), abs=0.01)


def test_a_paired_difference_forgets_the_luck_that_both_share() -> None:
    luck = 100.0 * stream(4, "luck").normal(size=(9, 5))
    found = paired_difference(luck + 1.0, luck, BY_RUN)
    assert (found.estimate, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0), abs=1e-9)
    other = paired_difference(B, A[:9], BY_RUN)
    mirrored = paired_difference(A[:9], B, BY_RUN)
    assert (other.estimate, other.low, other.high) == pytest.approx((-mirrored.estimate, -mirrored.high, -mirrored.low))
    assert other.estimate == pytest.approx((B - A[:9]).mean())


def test_probability_of_improvement_is_mann_whitney_with_ties() -> None:
    a, b = np.round(A, 1), np.round(B, 1)  # many ties
    expected = np.mean([mannwhitneyu(a[:, t], b[:, t]).statistic / (12 * 9) for t in range(5)])
    by_hand = np.mean([(x > y) + 0.5 * (x == y) for t in range(5) for x in a[:, t] for y in b[:, t]])
    assert expected == pytest.approx(by_hand)
    found = probability_of_improvement(a, b, BY_RUN)
    assert found.estimate == pytest.approx(expected, abs=1e-12)
    lower = probability_of_improvement(a, b, BY_RUN, lower_is_better=True)
    assert (lower.estimate, lower.low, lower.high) == pytest.approx(
        (1 - found.estimate, 1 - found.high, 1 - found.low), abs=1e-12
    )
    same = probability_of_improvement(a, a, BY_RUN)
    assert same.estimate == pytest.approx(0.5, abs=1e-12)
    assert same.low < 0.5 < same.high


def test_probability_of_improvement_of_two_normals() -> None:
    a, b = stream(5, "a").normal(0.7, 1.0, size=1500), stream(5, "b").normal(0.0, 1.0, size=1500)
    resampling = Resampling(seed=1, resamples=2)
    found = probability_of_improvement(a, b, resampling)
    assert found.estimate == pytest.approx(norm.cdf(0.7 / np.sqrt(2)), abs=0.025)


def test_a_profile_of_errors_counts_what_is_lower() -> None:
    errors = np.array([[0.1, 0.2], [0.3, 0.4]])
    found = performance_profile(errors, [0.1, 0.25, 1.0], BY_RUN, lower_is_better=True)
    assert found.share == pytest.approx([0.0, 0.5, 1.0])
    # With two runs the first is drawn twice, or the second, a quarter of the time each.
    assert (found.low[1], found.high[1]) == pytest.approx((0.0, 1.0))
    assert (found.low[2], found.high[2]) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[1.0, 2.0]], r"shape \(1, 2\); expected \(runs, tasks\) with two runs or more"),
        (np.zeros((3, 0)), "two runs or more"),
        (np.zeros((3, 2, 2)), "two runs or more"),
        ([[1.0, 2.0], [3.0, np.nan]], "score of run 1 on task 1 is nan"),
        ([np.inf, 1.0], "score of run 0 on task 0 is inf"),
    ],
)
def test_scores_that_say_nothing_are_refused(scores: list[list[float]], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        bootstrap_interval(scores, BY_RUN)


def test_agents_with_other_runs_or_tasks_are_not_compared() -> None:
    with pytest.raises(InputError, match=r"\(12, 5\) and \(9, 5\); expected the same runs and tasks"):
        paired_difference(A, B, BY_RUN)
    with pytest.raises(InputError, match="on 5 and on 4 tasks"):
        probability_of_improvement(A, B[:, :4], BY_RUN)


@pytest.mark.parametrize("wrong", [{"confidence": 95.0}, {"resamples": 0}, {"unit": "task"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected resamples of 1 or more"):
        Resampling(seed=1, **wrong)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """10 runs of 4 tasks. A percentile bootstrap of ten is known to be too narrow: sqrt(9/10) and no Student's t."""
    trials, covered = 2000, 0
    rng = stream(6, "coverage")
    for trial in range(trials):
        found = bootstrap_interval(rng.normal(size=(10, 4)), Resampling(seed=trial, resamples=1000))
        covered += found.low <= 0.0 <= found.high
    # 0.95 in the limit; for a mean of ten normals P(|t9| <= 1.96 sqrt(0.9)) = 0.904.
    assert 0.88 < covered / trials < 0.95
