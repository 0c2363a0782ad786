"""The matrix games against a second implementation that knows only the definitions."""

import numpy as np
import pytest
from matrix_twin import (
    mixed_commitment_on_a_grid,
    mixed_commitment_value,
    pure_commitment,
    pure_nash,
    sequential,
    support_enumeration,
)

from simmig.games.matrix import BimatrixGame, MatrixGame

GAMES = 300
# The twin solves small linear systems in floats: what is left is their condition, on payoffs of about 1.
TWIN = 1e-8


def payoffs(seed, sizes, agents=2):
    """Payoffs of 3 in 10 games are whole numbers, so that many tie."""
    rng = np.random.default_rng(seed)
    if seed % 10 < 3:
        return rng.integers(-2, 3, (agents, *sizes)).astype(float)
    return rng.normal(size=(agents, *sizes))


def sizes_of(seed, count=2, most=4):
    return tuple(np.random.default_rng([seed, 1]).integers(1, most + 1, count))


@pytest.mark.parametrize("ties", ["strong", "weak"])
def test_pure_commitments_agree(ties) -> None:
    for seed in range(GAMES):
        a, b = payoffs(seed, sizes_of(seed))
        found = BimatrixGame.make(a, b).pure_commitment(ties)
        i, j = pure_commitment(a, b, ties)
        assert (found.strategy.argmax(), found.response) == (i, j), seed
        assert (found.leader_utility, found.follower_utility) == (a[i, j], b[i, j])


def test_pure_nash_equilibria_agree() -> None:
    for seed in range(GAMES):
        agents = 2 + seed % 2
        given = payoffs(seed, sizes_of(seed, agents, 3), agents)
        found = [tuple(map(int, joint)) for joint in np.argwhere(MatrixGame.make(given).pure_nash())]
        assert found == pure_nash(given), seed


@pytest.mark.parametrize("ties", ["strong", "weak"])
def test_play_in_priority_order_agrees(ties) -> None:
    for seed in range(GAMES):
        agents = 1 + seed % 4
        given = payoffs(seed, sizes_of(seed, agents, 3), agents)
        order = tuple(int(k) for k in np.random.default_rng(seed).permutation(agents))
        found = MatrixGame.make(given).play(order, ties)
        assert tuple(found.action[list(order)]) == sequential(given, order, ties), seed


def test_mixed_commitments_agree() -> None:
    for seed in range(GAMES):
        a, b = payoffs(seed, sizes_of(seed))
        found = BimatrixGame.make(a, b).mixed_commitment()
        assert float(found.leader_utility) == pytest.approx(mixed_commitment_value(a, b), abs=TWIN), seed


def test_no_commitment_on_a_grid_is_better_and_a_fine_one_is_nearly_as_good() -> None:
    shortfall = []
    for seed in range(40):
        a, b = payoffs(seed, sizes_of(seed, most=3))
        value = float(BimatrixGame.make(a, b).mixed_commitment().leader_utility)
        on_grid = mixed_commitment_on_a_grid(a, b, 40)
        assert on_grid <= value + TWIN, seed
        shortfall.append(value - on_grid)
    # Some best commitments lie in a corner that the grid misses; half of the games have none of that.
    assert np.median(shortfall) < 0.02


def test_nash_equilibria_agree() -> None:
    for seed in range(GAMES):
        a, b = payoffs(seed, sizes_of(seed))
        found = BimatrixGame.make(a, b).every_nash()
        listed = [np.concatenate(pair) for pair in zip(found.leader, found.follower, strict=True)]
        by_support = [np.concatenate(pair) for pair in support_enumeration(a, b)]
        for pair in by_support:
            assert min(np.abs(pair - other).max() for other in listed) < TWIN, seed
        if not found.is_degenerate:  # otherwise there are equilibria that no two supports of one size give
            assert len(by_support) == len(listed), seed


def test_lemke_and_howson_end_in_a_listed_equilibrium() -> None:
    for seed in range(GAMES):
        a, b = payoffs(seed, sizes_of(seed))
        game = BimatrixGame.make(a, b)
        every = game.every_nash()
        for dropped in range(sum(a.shape)):
            found = game.nash(dropped)
            far = np.abs(every.leader - found.leader).max(axis=1) + np.abs(every.follower - found.follower).max(axis=1)
            assert far.min() == 0.0, (seed, dropped)


def test_zero_sum_games_have_the_value_of_their_equilibria() -> None:
    for seed in range(GAMES):
        a = payoffs(seed, sizes_of(seed))[0]
        game = BimatrixGame.make(a, 1.0 - a)
        found = game.zero_sum()
        value = float(game.leader_utility(found.leader, found.follower))
        for x, y in support_enumeration(a, 1.0 - a):
            assert x @ a @ y == pytest.approx(value, abs=TWIN), seed
