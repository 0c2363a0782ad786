from itertools import product

import numpy as np
import pytest
from scipy.stats import false_discovery_control, permutation_test, ttest_1samp

from simmig.compare.intervals import mean_interval
from simmig.compare.statistics import Interval, Resampling
from simmig.compare.verdicts import compare_all, compare_many, holm, permutation_p_value, seeds_needed, verdict
from simmig.errors import InputError
from simmig.rng import stream

BY_RUN = Resampling(seed=1)
BY_SCORE = Resampling(seed=1, unit="score")


def enumerated(units: np.ndarray) -> float:
    """The p-value of all sign changes, one after the other."""
    sums = [abs(sum(s * d for s, d in zip(signs, units, strict=True))) for signs in product((1, -1), repeat=len(units))]
    return sum(total >= abs(units.sum()) - 1e-9 for total in sums) / len(sums)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sign_changes_are_all_tried(seed: int) -> None:
    gaps = np.round(stream(seed, "gaps").normal(0.4, 1.0, size=(5, 2)), 1)
    assert permutation_p_value(gaps, BY_RUN) == enumerated(gaps.sum(axis=1))
    assert permutation_p_value(gaps, BY_SCORE) == enumerated(gaps.ravel())
    scipys = permutation_test(
        (gaps.sum(axis=1), np.zeros(5)),
        lambda x, y, axis: (x - y).sum(axis),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert permutation_p_value(gaps, BY_RUN) == pytest.approx(scipys.pvalue)


def test_known_p_values() -> None:
    assert permutation_p_value(np.full((6, 1), 2.0), BY_RUN) == 2 / 2**6
    assert permutation_p_value(np.array([[0.1], [0.2], [0.3], [-0.6]]), BY_RUN) == 1.0  # the sum is 0 but for rounding
    assert permutation_p_value(np.zeros((4, 3)), BY_RUN) == 1.0
    # 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 are not the same float.
    assert permutation_p_value(np.array([[0.1], [0.2], [0.3]]), BY_RUN) == 0.25


def test_drawn_sign_changes_agree_with_all_of_them() -> None:
    gaps = stream(2, "gaps").normal(0.35, 1.0, size=(16, 1))
    signs = 1.0 - 2.0 * (np.arange(2**16)[:, None] >> np.arange(16) & 1)
    exact = float(np.mean(np.abs(signs @ gaps[:, 0]) >= abs(gaps.sum()) - 1e-9))
    assert 0.01 < exact < 0.6
    resampling = Resampling(seed=1, resamples=40_000)
    found = permutation_p_value(gaps, resampling)
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 40_000))
    assert found == permutation_p_value(gaps, resampling)


def test_drawn_sign_changes_never_give_zero() -> None:
    assert permutation_p_value(np.full((60, 1), 1.0), Resampling(seed=1, resamples=999)) == 1 / 1000


def test_holm_by_hand() -> None:
    # Four tests: 4 x 0.005, 3 x 0.01, 2 x 0.03, 1 x 0.04 raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([0.2]) == pytest.approx([0.2])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_holm_rejects_step_by_step(seed: int) -> None:
    values = stream(seed, "p").random(7) ** 3
    corrected, alpha = holm(values), 0.05
    rejected, left = set(), sorted(range(7), key=lambda k: values[k])
    while left and values[left[0]] <= alpha / len(left):
        rejected.add(left.pop(0))
    assert {k for k in range(7) if corrected[k] <= alpha} == rejected
    assert (corrected >= values).all()
    assert (corrected >= false_discovery_control(values) - 1e-12).all()  # Holm is never laxer than Benjamini-Hochberg


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_seeds_needed_are_those_of_the_paired_t_test(effect: float, seeds: int) -> None:
    """The sample sizes of a two-sided paired t-test, alpha 0.05, power 0.8, as every power table has them."""
    gaps = np.array([[-1.0], [1.0]]) / np.sqrt(2)  # standard deviation 1
    assert seeds_needed(gaps, effect) == seeds
    assert seeds_needed(10 * gaps, -10 * effect) == seeds


def test_seeds_needed_give_the_power_they_promise() -> None:
    gaps = np.array([[-1.0], [1.0]]) / np.sqrt(2)
    seeds = seeds_needed(gaps, 0.6, alpha=0.01, power=0.9)
    draws = stream(1, "power").normal(0.6, 1.0, size=(20_000, seeds))
    seen = (ttest_1samp(draws, 0.0, axis=1).pvalue <= 0.01).mean()
    assert seen == pytest.approx(0.9, abs=0.015)


def test_fewest_seeds_are_those_whose_sign_changes_reach_alpha() -> None:
    certain = np.ones((3, 2))
    assert seeds_needed(certain, 1.0) == 6  # 2 / 2^6 = 0.031, 2 / 2^5 = 0.0625
    assert seeds_needed(certain, 1.0, alpha=1 / 32) == 6
    assert seeds_needed(certain + np.array([[-1e-6], [0.0], [1e-6]]), 1.0, alpha=0.05 / 10) == 9


def test_a_difference_that_is_lost_in_the_scatter_is_out_of_reach() -> None:
    gaps = np.array([[-1.0], [1.0]]) / np.sqrt(2)
    assert [seeds_needed(gaps, effect) for effect in (0.0, 1e-17, 0.0029)] == [None, None, None]
    assert seeds_needed(np.zeros((3, 1)), 0.0) is None
    by_normal_law = ((1.959964 + 0.841621) / 0.0031) ** 2
    assert seeds_needed(gaps, 0.0031) == pytest.approx(by_normal_law, abs=3)


@pytest.mark.parametrize(
    ("low", "high", "p_value", "words"),
    [
        (-2.0, -0.1, 0.01, "ppo is lower than admm"),
        (0.1, 2.0, 0.05, "ppo is higher than admm"),
        (-0.1, 2.0, 0.01, "no difference seen"),
        (0.1, 2.0, 0.051, "no difference seen"),
        (-2.0, 0.0, 0.01, "no difference seen"),
    ],
)
def test_a_verdict_needs_interval_and_p_value(low: float, high: float, p_value: float, words: str) -> None:
    assert verdict("ppo", "admm", Interval((low + high) / 2, low, high, 0.95), p_value) == words


@pytest.mark.parametrize(("confidence", "alpha"), [(0.9, 0.1), (0.95, 0.05), (0.99, 0.01)])
def test_a_p_value_of_exactly_alpha_is_clear(confidence: float, alpha: float) -> None:
    assert verdict("a", "b", Interval(1.0, 0.5, 1.5, confidence), alpha) == "a is higher than b"


def test_all_pairs_are_compared_and_corrected_for_their_number() -> None:
    luck = stream(1, "luck").normal(size=(10, 3))
    small = 0.3 * stream(1, "noise").normal(size=(10, 3))
    agents = {"best": luck, "worse": luck + 1.0 + small, "same": luck + small - small.mean()}
    found = {(c.a, c.b): c for c in compare_all(agents, BY_RUN)}
    assert list(found) == [("best", "worse"), ("best", "same"), ("worse", "same")]
    assert [c.verdict for c in found.values()] == [
        "best is lower than worse",
        "no difference seen",
        "worse is higher than same",
    ]
    first = found["best", "worse"]
    assert first.difference.estimate == pytest.approx(-1.0 - small.mean())
    assert first.p_value == 2 / 2**10
    assert first.p_corrected == pytest.approx(3 * 2 / 2**10)
    assert (first.seeds, first.seeds_needed) == (10, 7)  # 2 / 2^7 is the first below 0.05 / 3


def test_five_seeds_cannot_show_anything_and_the_hint_says_so() -> None:
    a = np.arange(5.0)
    (found,) = compare_all({"a": a, "b": a + 1.0 + 0.01 * np.arange(5)}, BY_RUN)
    assert (found.verdict, found.p_value, found.seeds_needed) == ("no difference seen", 0.0625, 6)


def test_equal_agents_have_no_difference_to_look_for() -> None:
    a = np.arange(6.0)
    (found,) = compare_all({"a": a, "b": a}, BY_RUN)
    assert (found.verdict, found.p_corrected, found.seeds_needed) == ("no difference seen", 1.0, None)


def test_agents_with_other_seeds_are_named() -> None:
    with pytest.raises(InputError, match=r"agents ppo and admm: scores of shapes \(3, 1\) and \(4, 1\)"):
        compare_all({"ppo": np.arange(3.0), "admm": np.arange(4.0)}, BY_RUN)


def test_many_questions_are_corrected_together() -> None:
    noise = stream(3, "noise").normal(size=(2, 3, 9))
    delay = {name: 3.0 * k + noise[0, k] for k, name in enumerate("abc")}
    welfare = {name: 0.4 * k + noise[1, k] for k, name in enumerate("abc")}
    found = compare_many({"delay": delay, "welfare": welfare}, BY_RUN)
    together = [c for comparisons in found.values() for c in comparisons]
    assert [c.p_corrected for c in together] == pytest.approx(holm([c.p_value for c in together]))
    alone = compare_all(delay, BY_RUN)
    assert [c.p_value for c in alone] == [c.p_value for c in found["delay"]]
    assert max(c.p_corrected for c in alone) < max(c.p_corrected for c in found["delay"])
    # With more comparisons it takes more seeds.
    assert all(c.seeds_needed < d.seeds_needed for c, d in zip(alone, found["delay"], strict=True))


def test_a_question_may_have_seeds_and_agents_of_its_own() -> None:
    questions = {
        ("delay", 1.0): {"a": np.arange(6.0), "b": np.arange(6.0) + 1.0},
        ("delay", 2.0): {"b": np.arange(4.0), "c": np.arange(4.0)},
        ("price", 1.0): {"c": np.arange(3.0)},
    }
    found = compare_many(questions, BY_RUN)
    assert {question: [(c.a, c.b, c.seeds) for c in of] for question, of in found.items()} == {
        ("delay", 1.0): [("a", "b", 6)],
        ("delay", 2.0): [("b", "c", 4)],
        ("price", 1.0): [],
    }


def test_with_a_reference_it_is_the_second_of_every_pair() -> None:
    scores = {name: stream(4, name).normal(size=8) for name in "abc"}
    found = compare_many({0: scores, 1: {"a": scores["a"], "c": scores["c"]}}, BY_RUN, reference="b")
    assert [(c.a, c.b) for c in found[0]] == [("a", "b"), ("c", "b")]
    assert found[1] == ()
    assert [c.p_corrected for c in found[0]] == pytest.approx(holm([c.p_value for c in found[0]]))


def test_the_interval_of_a_comparison_is_that_of_its_mean_difference() -> None:
    a, b = stream(5, "a").lognormal(size=12), stream(5, "b").normal(size=12)
    (found,) = compare_all({"a": a, "b": b}, BY_RUN)
    assert found.difference == mean_interval(a - b, BY_RUN)


@pytest.mark.slow
@pytest.mark.parametrize("measures", [1, 3])
@pytest.mark.parametrize("law", ["normal", "lognormal"])
def test_an_agent_is_told_apart_from_itself_no_more_often_than_alpha(measures: int, law: str) -> None:
    """Four agents that are the same: any false alarm among 6 pairs on so many measures, in 2,000 studies."""
    rng, trials, wrong = stream(8, "itself", law), 2000, 0
    for trial in range(trials):
        luck = rng.normal(size=(measures, 1, 10))
        own = rng.normal(size=(measures, 4, 10)) if law == "normal" else rng.lognormal(size=(measures, 4, 10))
        questions = {k: dict(zip("abcd", luck[k] + own[k], strict=True)) for k in range(measures)}
        found = compare_many(questions, Resampling(seed=trial, resamples=500))
        wrong += any(c.verdict != "no difference seen" for of in found.values() for c in of)
    assert wrong / trials <= 0.055


@pytest.mark.slow
def test_equal_agents_are_told_apart_no_more_often_than_alpha() -> None:
    rng, trials = stream(7, "null"), 1000
    wrong = 0
    for trial in range(trials):
        scores = {name: rng.normal(size=(8, 2)) for name in ("a", "b", "c")}
        found = compare_all(scores, Resampling(seed=trial, resamples=500))
        wrong += any(c.verdict != "no difference seen" for c in found)
    assert wrong / trials < 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)
