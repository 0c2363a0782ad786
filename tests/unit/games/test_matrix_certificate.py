"""Certificates of matrix games: nothing to gain at an answer, the right gain elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from simmig.errors import InputError
from simmig.games.matrix import BimatrixGame, MatrixGame, asymmetric_coordination, penalty

GAME = asymmetric_coordination()


def random_game(seed, batch=()):
    rng = np.random.default_rng(seed)
    sizes = tuple(rng.integers(1, 7, 2))
    if seed % 3 == 0:  # many ties
        return BimatrixGame.make(*rng.integers(-3, 4, (2, *batch, *sizes)))
    return BimatrixGame.make(*rng.normal(10.0 ** (seed % 5), 1.0, (2, *batch, *sizes)))


def test_a_wrong_action_shows_in_the_regret_of_its_player() -> None:
    found = GAME.pure_commitment()
    assert GAME.certify_pure_commitment(found).gap.tolist() == [0.0, 0.0]
    # Row 1 is answered by column 1: 10 for the leader instead of 20, and the payoffs range over 30.
    other = replace(found, strategy=np.array([0.0, 1.0, 0.0]), response=np.array(1))
    np.testing.assert_allclose(GAME.certify_pure_commitment(other).gap, [10.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(GAME.certify_pure_commitment(other).gap_relative, [1 / 3, 0.0], atol=1e-12)
    # Row 0 with column 2 as the answer: the follower gives 15 away, the leader 20.
    wrong = replace(found, response=np.array(2))
    np.testing.assert_allclose(GAME.certify_pure_commitment(wrong).gap, [20.0, 15.0], atol=1e-12)


def test_a_pessimistic_leader_is_judged_by_its_own_rule() -> None:
    game = BimatrixGame.make([[5, 0], [3, 3]], [[1, 1], [1, 1]])
    weak = game.pure_commitment("weak")
    assert game.certify_pure_commitment(weak).gap.tolist() == [0.0, 0.0]
    assert game.certify_pure_commitment(replace(weak, ties="strong")).gap.tolist() == [2.0, 0.0]


def test_the_pure_commitment_falls_short_of_the_mixed_one_by_the_bound() -> None:
    pure = GAME.pure_commitment()
    np.testing.assert_allclose(GAME.certify_mixed_commitment(pure).gap, [7.5, 0.0], atol=1e-9)
    # A strategy that does not induce its response: the follower gets 15/8 and could have 35/8.
    slack = replace(pure, strategy=np.array([0.125, 0.875, 0.0]))
    np.testing.assert_allclose(GAME.certify_mixed_commitment(slack).gap, [0.0, 7 / 8 * 5 - 15 / 8], atol=1e-9)


def test_nash_regret_is_the_best_deviation() -> None:
    found = penalty(-10.0).certify_nash([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
    np.testing.assert_allclose(found.gap, [5.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found.gap_relative, [0.25, 0.0], atol=1e-12)


def test_sequential_regret_is_that_of_one_agent_with_its_inferiors_answering() -> None:
    game = MatrixGame.make(GAME.payoff)
    play = game.play()
    assert game.certify(play).gap.tolist() == [0.0, 0.0]
    wrong = replace(play, action=np.array([1, 1]))
    np.testing.assert_allclose(game.certify(wrong).gap, [10.0, 0.0], atol=1e-12)
    # With the other one leading, (1, 1) is what it commits to against (2, 2): 5 instead of 10.
    np.testing.assert_allclose(game.certify(replace(wrong, order=(1, 0))).gap, [0.0, 5.0], atol=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_every_answer_of_random_games_carries_its_certificate(seed) -> None:
    game = random_game(seed)
    assert game.certify_mixed_commitment(game.mixed_commitment()).gap_relative.max() < 1e-11
    for ties in ("strong", "weak"):
        assert game.certify_pure_commitment(game.pure_commitment(ties)).gap.max() == 0.0
    end = game.nash()
    assert game.certify_nash(end.leader, end.follower).gap_relative.max() < 1e-14
    every = game.every_nash()
    wide = BimatrixGame.make(*np.broadcast_to(game.payoff[:, None], (2, len(every.leader), *game.payoff.shape[1:])))
    assert wide.certify_nash(every.leader, every.follower).gap_relative.max() < 1e-14


@pytest.mark.parametrize("ties", ["strong", "weak"])
def test_sequential_play_of_random_teams_and_rivals_is_certified(ties) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sizes = tuple(rng.integers(1, 4, 4))
        game = MatrixGame.make(rng.integers(-2, 3, (4, 3, *sizes)))
        order = [int(k) for k in rng.permutation(4)]
        assert game.certify(game.play(order, ties)).gap.max() == 0.0, seed


def test_zero_sum_equilibria_are_certified() -> None:
    for seed in range(40):
        a = random_game(seed).payoff[0]
        game = BimatrixGame.make(a, 3.0 - a)
        found = game.zero_sum()
        assert game.certify_nash(found.leader, found.follower).gap_relative.max() < 1e-9, seed


def test_what_cannot_be_certified_is_refused() -> None:
    found = GAME.pure_commitment()
    with pytest.raises(InputError, match="strategy of the leader is mixed, expected one action of probability 1"):
        GAME.certify_pure_commitment(GAME.mixed_commitment())
    with pytest.raises(InputError, match=r"responses of shape \(\), int64, expected shape \(\) of actions from 0 to 2"):
        GAME.certify_mixed_commitment(replace(found, response=np.array(3)))
    with pytest.raises(InputError, match="ties is 'none'"):
        GAME.certify_pure_commitment(replace(found, ties="none"))
    two = BimatrixGame.make(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    with pytest.raises(InputError, match=r"game \(1,\) of the batch: strategy of the leader is \[0.0, 0.0\]"):
        two.certify_nash(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([1.0, 0.0]))
