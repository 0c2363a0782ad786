"""Matrix games: known games to their digits, hand cases, refusals."""

import subprocess
import sys

import numpy as np
import pytest

from simmig.errors import InputError
from simmig.games.matrix import (
    BimatrixGame,
    MatrixGame,
    asymmetric_coordination,
    different_order,
    penalty,
)
from simmig.plugins import available

MATCHING_PENNIES = [[1.0, -1.0], [-1.0, 1.0]]
CHICKEN = BimatrixGame.make([[6, 2], [7, 0]], [[6, 7], [2, 0]])
# The 3x2 example of von Stengel 2007.
VON_STENGEL = BimatrixGame.make([[3, 3], [2, 5], [0, 6]], [[3, 2], [2, 6], [3, 1]])


def commitment(game, ties="strong"):
    found = game.pure_commitment(ties)
    return (
        int(found.strategy.argmax()),
        int(found.response),
        float(found.leader_utility),
        float(found.follower_utility),
    )


def test_the_module_is_no_pricing_game_and_is_not_listed_as_one() -> None:
    assert "matrix" not in available("games")
    assert "social" in available("games")


def test_the_module_imports_neither_torch_nor_scipy() -> None:
    code = "import sys, simmig.games.matrix; assert not {'torch', 'scipy.optimize'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("k", [0.0, -25.0, -50.0, -75.0, -100.0, -1000.0])
def test_penalty_commitment_coordinates_where_nash_may_not(k) -> None:
    game = penalty(k, second=8.0)
    assert commitment(game) == (0, 2, 10.0, 10.0)
    nash = np.argwhere(game.pure_nash())
    assert nash.tolist() == [[0, 2], [1, 1], [2, 0]]
    assert [float(game.payoff[(0, *cell)]) for cell in nash] == [10.0, 2.0, 8.0]
    assert float(game.mixed_commitment().leader_utility) == pytest.approx(10.0, abs=1e-12)


def test_penalty_of_two_equal_cells() -> None:
    game = penalty(-30.0)
    assert game.payoff[0].tolist() == game.payoff[1].tolist() == [[-30, 0, 10], [0, 2, 0], [10, 0, -30]]
    assert commitment(game) == (0, 2, 10.0, 10.0)


def test_asymmetric_coordination_commitment_beats_both_nash_equilibria() -> None:
    game = asymmetric_coordination()
    assert commitment(game) == (0, 0, 20.0, 15.0)
    assert np.argwhere(game.pure_nash()).tolist() == [[1, 1], [2, 2]]
    # By hand: (x, 1 - x, 0) keeps the first column while 15 x >= 5 (1 - x), so x = 1/4 and the leader gets 27.5.
    mixed = game.mixed_commitment()
    np.testing.assert_allclose(mixed.strategy, [0.25, 0.75, 0.0], atol=1e-12)
    assert float(mixed.leader_utility) == pytest.approx(27.5, abs=1e-12)
    assert float(mixed.follower_utility) == pytest.approx(3.75, abs=1e-12)


def test_different_order_depends_on_who_leads() -> None:
    game = different_order()
    assert commitment(game) == (0, 0, 0.0, 5.0)
    assert commitment(game.swapped()) == (2, 0, 4.0, -8.0)
    assert np.argwhere(game.pure_nash()).tolist() == [[1, 1]]


def test_ties_of_the_follower_go_for_or_against_the_leader() -> None:
    game = BimatrixGame.make([[5, 0], [3, 3]], [[1, 1], [1, 1]])
    assert commitment(game, "strong") == (0, 0, 5.0, 1.0)
    assert commitment(game, "weak") == (1, 0, 3.0, 1.0)


def test_commitment_of_conitzer_and_sandholm() -> None:
    # The example of Conitzer and Sandholm 2006: down is dominated, yet committing to it half of the time gives 3.5.
    game = BimatrixGame.make([[2, 4], [1, 3]], [[1, 0], [0, 1]])
    assert commitment(game) == (1, 1, 3.0, 1.0)
    mixed = game.mixed_commitment()
    np.testing.assert_allclose(mixed.strategy, [0.5, 0.5], atol=1e-12)
    assert float(mixed.leader_utility) == pytest.approx(3.5, abs=1e-12)


def test_nash_equilibria_of_chicken_are_exact() -> None:
    found = CHICKEN.every_nash()
    assert found.leader.tolist() == [[1, 0], [0, 1], [2 / 3, 1 / 3]]
    assert found.follower.tolist() == [[0, 1], [1, 0], [2 / 3, 1 / 3]]
    assert not found.is_degenerate


def test_nash_equilibria_of_von_stengel_and_the_paths_to_them() -> None:
    found = VON_STENGEL.every_nash()
    assert found.leader.tolist() == [[1, 0, 0], [4 / 5, 1 / 5, 0], [0, 1 / 3, 2 / 3]]
    assert found.follower.tolist() == [[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3]]
    ends = [tuple(VON_STENGEL.nash(dropped).leader) for dropped in range(5)]
    # By hand: row 0 is answered by column 0, that by row 0. Row 1 is answered by column 1, that by row 2, whose mixture
    # with row 1 makes column 0 as good; columns mix until row 1 is as good as row 2.
    assert ends[0] == (1.0, 0.0, 0.0)
    assert ends[1] == (0.0, 1 / 3, 2 / 3)


def test_a_degenerate_game_lists_its_extreme_equilibria_and_says_so() -> None:
    # The follower does not care: every y with a best reply of the leader is an equilibrium.
    game = BimatrixGame.make([[1, 0], [0, 1]], [[1, 1], [1, 1]])
    found = game.every_nash()
    assert found.is_degenerate
    pairs = {(tuple(x), tuple(y)) for x, y in zip(found.leader, found.follower, strict=True)}
    assert pairs == {((1, 0), (1, 0)), ((1, 0), (0.5, 0.5)), ((0, 1), (0, 1)), ((0, 1), (0.5, 0.5))}
    for dropped in range(4):
        end = game.nash(dropped)
        assert (tuple(end.leader), tuple(end.follower)) in pairs


def test_extreme_equilibria_are_those_that_lrslib_lists() -> None:
    # The example in the documentation of jlgametheory.lrsnash: an isolated equilibrium and the ends of a segment.
    found = BimatrixGame.make([[3, 3], [2, 5], [0, 6]], [[3, 3], [2, 6], [3, 1]]).every_nash()
    assert found.is_degenerate
    assert found.leader.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1 / 3, 2 / 3]]
    assert found.follower.tolist() == [[1, 0], [2 / 3, 1 / 3], [1 / 3, 2 / 3]]


@pytest.mark.timeout(20)
def test_lemke_and_howson_end_where_ties_broken_by_row_would_cycle() -> None:
    # Found among random games of many ties: with the first of the tied rows the path from action 2 never ends.
    game = BimatrixGame.make(
        [[0, 1, 2, 1, 2], [2, 2, 2, 1, 2], [0, 1, 1, 0, 2]], [[0, 0, 2, 2, 2], [1, 1, 0, 2, 0], [1, 2, 2, 2, 1]]
    )
    found = game.nash(dropped=2)
    assert game.certify_nash(found.leader, found.follower).gap.max() < 1e-14


def test_matching_pennies() -> None:
    game = BimatrixGame.make(MATCHING_PENNIES, np.negative(MATCHING_PENNIES))
    for found in (game.nash(), game.zero_sum()):
        np.testing.assert_allclose(found.leader, [0.5, 0.5], atol=1e-12)
        np.testing.assert_allclose(found.follower, [0.5, 0.5], atol=1e-12)
    assert not game.pure_nash().any()
    assert commitment(game)[2:] == (-1.0, 1.0)
    assert float(game.mixed_commitment().leader_utility) == pytest.approx(0.0, abs=1e-12)


def test_three_agents_in_priority_order() -> None:
    # Agent 2 copies agent 0; agent 1 wants to differ from agent 2; agent 0 wants agents 1 and 2 to play 1 and 0.
    a = np.arange(2)
    first, second, third = (given.astype(float) for given in np.meshgrid(a, a, a, indexing="ij"))
    game = MatrixGame.make([10 * second + (1 - third), 1.0 * (second != third), 1.0 * (third == first)])
    assert game.play().action.tolist() == [0, 1, 0]
    assert game.play().utility.tolist() == [11.0, 1.0, 1.0]
    last = game.play(order=(2, 1, 0))
    assert last.action.tolist() == [0, 1, 0]
    assert last.plan[2].tolist() == [[0, 0], [1, 1]]  # agent 0 does not mind what it does, and so helps agent 2
    weak = game.play(order=(2, 1, 0), ties="weak")
    assert weak.plan[2].tolist() == [[1, 1], [0, 0]]
    assert weak.utility[2] == 0.0


def test_an_agent_alone_takes_its_best_action() -> None:
    assert MatrixGame.make([[3.0, 7.0, 5.0]]).play().action.tolist() == [1]


def test_utilities_of_mixed_strategies() -> None:
    x, y = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    assert CHICKEN.leader_utility(x, y) == pytest.approx(0.25 * 4 + 0.75 * 3.5)
    assert CHICKEN.follower_utility(x, y) == pytest.approx(0.25 * 6.5 + 0.75 * 1)
    assert CHICKEN.leader_action_utility(y).tolist() == [4.0, 3.5]
    assert CHICKEN.follower_action_utility(x).tolist() == [3.0, 1.75]


@pytest.mark.parametrize(
    ("leader", "follower", "message"),
    [
        ([[1, 2]], [[1], [2]], r"payoff of the follower is over \(2, 1\) actions, that of the leader over \(1, 2\)"),
        ([[1, np.nan]], [[1, 2]], r"^matrix game: payoff of the leader at actions \(0, 1\) is nan"),
        ([[1, 2]], [[np.inf, 2]], r"payoff of the follower at actions \(0, 0\) is inf, expected a number of at most"),
        (np.ones((3, 2, 2)), np.full((3, 2, 2), np.nan), r"game \(0,\) of the batch: payoff of the follower"),
        (np.ones((2, 0)), np.ones((2, 0)), r"payoff of the leader has shape \(2, 0\), expected \[\.\.\., m_1, m_2\]"),
        ([1, 2], [1, 2], r"payoff of the leader has shape \(2,\)"),
        ([[1, 2], [3]], [[1, 2]], "what the leader has is not one rectangular array of numbers"),
        ([["a"]], [[1]], "what the leader has is not one rectangular array of numbers"),
        (np.ones((2, 1, 1)), np.ones((3, 1, 1)), r"batch shapes \(2,\), \(3,\) of the payoffs do not fit together"),
    ],
)
def test_bad_payoffs_are_refused_in_one_line(leader, follower, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        BimatrixGame.make(leader, follower)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MatrixGame.make([]), "no payoffs"),
        (lambda: MatrixGame.make([[[1.0]], [[np.nan]]]), r"payoff of agent 1 at actions \(0, 0\) is nan"),
        (
            lambda: MatrixGame.team(np.ones((2, 2)), 2).play((0, 0)),
            r"order \(0, 0\), expected each of the agents 0 to 1",
        ),
        (lambda: MatrixGame.team(np.ones((2, 2)), 2).play(ties="best"), "ties is 'best', expected \"strong\" or"),
        (lambda: CHICKEN.pure_commitment("optimistic"), "ties is 'optimistic'"),
        (lambda: CHICKEN.nash(4), "dropped is 4, expected an action, 0 to 3"),
        (lambda: CHICKEN.zero_sum(), "payoffs add up to 0 and to 12, expected the same sum"),
        (lambda: CHICKEN.certify_nash([0.5, 0.4], [1, 0]), r"strategy of the leader is \[0.5, 0.4\], expected prob"),
        (lambda: CHICKEN.certify_nash([1, 0], [1.5, -0.5]), r"strategy of the follower is \[1.5, -0.5\]"),
        (lambda: CHICKEN.certify_nash([1, 0, 0], [1, 0]), r"the leader has shape \(3,\), expected \(2,\)"),
        (
            lambda: BimatrixGame.make(np.ones((3, 2, 2)), np.ones((3, 2, 2))).every_nash(),
            r"every_nash takes one game, this is a batch \(3,\)",
        ),
        (
            lambda: BimatrixGame.make(np.ones((11, 10)), np.ones((11, 10))).every_nash(),
            r"every_nash of 11 by 10 actions, expected at most 20 together; nash\(\) finds one",
        ),
    ],
)
def test_bad_questions_are_refused_in_one_line(call, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_payoffs_are_copied_and_cannot_be_changed() -> None:
    given = np.eye(2)
    game = BimatrixGame.make(given, given)
    given[0, 0] = 7.0
    assert game.payoff[0, 0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        game.payoff[0, 0, 0] = 2.0
