"""What must hold for every matrix game: order of values, symmetries, units, batches."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.games.matrix import BimatrixGame, MatrixGame

SEEDS = st.integers(0, 10**6)
TIES = st.sampled_from(["strong", "weak"])
QUICK = settings(deadline=None, max_examples=40, derandomize=True)
FEW = settings(QUICK, max_examples=12)  # each is many games


def payoffs(seed, agents=2, most=5, batch=()):
    """Payoffs [agents, *batch, m_1, ..., m_N]: whole numbers, so that ties are many and exact, or normal ones."""
    rng = np.random.default_rng(seed)
    sizes = tuple(rng.integers(1, most + 1, agents))
    if seed % 2:
        return rng.integers(-3, 4, (agents, *batch, *sizes)).astype(float)
    return rng.normal(size=(agents, *batch, *sizes))


def nash_utilities(game):
    every = game.every_nash()
    return [float(game.leader_utility(x, y)) for x, y in zip(every.leader, every.follower, strict=True)]


@QUICK
@given(SEEDS)
def test_property_commitment_is_worth_at_least_every_nash_equilibrium(seed) -> None:
    # von Stengel and Zamir 2010, and pure strategies are mixed ones.
    game = BimatrixGame.make(*payoffs(seed))
    mixed = float(game.mixed_commitment().leader_utility)
    strong, weak = (float(game.pure_commitment(ties).leader_utility) for ties in ("strong", "weak"))
    assert mixed >= max(nash_utilities(game)) - 1e-9
    assert mixed >= strong - 1e-9
    assert strong >= weak
    assert all(strong >= value for value in game.payoff[0][game.pure_nash()])


@QUICK
@given(SEEDS)
def test_property_a_nash_equilibrium_is_worth_at_least_the_maximin(seed) -> None:
    game = BimatrixGame.make(*payoffs(seed))
    security = BimatrixGame.make(game.payoff[0], -game.payoff[0])
    found = security.zero_sum()
    value = float(security.leader_utility(found.leader, found.follower))
    assert min(nash_utilities(game)) >= value - 1e-9
    # Where interests oppose one another, committing first is no advantage.
    assert abs(float(security.mixed_commitment().leader_utility) - value) < 1e-9


@QUICK
@given(SEEDS)
def test_property_the_number_of_equilibria_is_odd_or_the_game_degenerate(seed) -> None:
    found = BimatrixGame.make(*payoffs(seed)).every_nash()
    assert found.is_degenerate or len(found.leader) % 2 == 1


@QUICK
@given(SEEDS, TIES)
def test_property_names_of_actions_do_not_matter(seed, ties) -> None:
    given_payoff = payoffs(seed - seed % 2)  # without ties, which are broken by number
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(size) for size in given_payoff.shape[1:])
    game = BimatrixGame.make(*given_payoff)
    renamed = BimatrixGame.make(*given_payoff[:, rows][:, :, columns])
    before, after = game.pure_commitment(ties), renamed.pure_commitment(ties)
    assert (after.strategy == before.strategy[rows]).all()
    assert columns[after.response] == before.response
    mixed, again = game.mixed_commitment(), renamed.mixed_commitment()
    np.testing.assert_allclose(again.strategy, mixed.strategy[rows], atol=1e-8)
    assert columns[again.response] == mixed.response
    listed, other = game.every_nash(), renamed.every_nash()
    pairs = {(tuple(x[rows]), tuple(y[columns])) for x, y in zip(listed.leader, listed.follower, strict=True)}
    assert pairs == {(tuple(x), tuple(y)) for x, y in zip(other.leader, other.follower, strict=True)}
    assert (renamed.pure_nash() == game.pure_nash()[rows][:, columns]).all()


@QUICK
@given(SEEDS, TIES, st.tuples(st.integers(-8, 8), st.integers(-8, 8)), st.tuples(st.integers(-5, 5), SEEDS))
def test_property_scale_and_zero_of_a_utility_do_not_matter(seed, ties, exponents, shifts) -> None:
    # Whole numbers, moved by whole numbers and stretched by powers of two: nothing is rounded.
    ours, theirs = payoffs(seed | 1)
    game = BimatrixGame.make(ours, theirs)
    moved = BimatrixGame.make(ours * 2.0 ** exponents[0] + shifts[0], (theirs + shifts[1]) * 2.0 ** exponents[1])
    before, after = game.pure_commitment(ties), moved.pure_commitment(ties)
    assert (after.strategy == before.strategy).all()
    assert after.response == before.response
    listed, other = game.every_nash(), moved.every_nash()
    assert (listed.leader == other.leader).all()
    assert (listed.follower == other.follower).all()
    end, again = game.nash(), moved.nash()
    assert (end.leader == again.leader).all()
    assert (end.follower == again.follower).all()
    value = float(game.mixed_commitment().leader_utility) * 2.0 ** exponents[0] + shifts[0]
    np.testing.assert_allclose(moved.mixed_commitment().leader_utility, value, rtol=1e-9, atol=1e-9)


@FEW
@given(SEEDS, TIES)
def test_property_a_batch_gives_what_its_games_give_alone(seed, ties) -> None:
    given_payoff = payoffs(seed, batch=(2, 2), most=4)
    game = BimatrixGame.make(*given_payoff)
    pure, mixed, end, nash = game.pure_commitment(ties), game.mixed_commitment(), game.nash(), game.pure_nash()
    certificate = game.certify_mixed_commitment(mixed)
    for place in np.ndindex(2, 2):
        alone = BimatrixGame.make(*given_payoff[(slice(None), *place)])
        for batch, one in ((pure, alone.pure_commitment(ties)), (mixed, alone.mixed_commitment())):
            for name in ("strategy", "response", "leader_utility", "follower_utility"):
                assert np.array_equal(getattr(batch, name)[place], getattr(one, name)), name
        assert np.array_equal(nash[place], alone.pure_nash())
        assert np.array_equal(end.leader[place], alone.nash().leader)
        assert np.array_equal(end.follower[place], alone.nash().follower)
        assert np.array_equal(certificate.gap[place], alone.certify_mixed_commitment(alone.mixed_commitment()).gap)


@QUICK
@given(SEEDS, TIES)
def test_property_a_batch_of_sequential_games_gives_what_they_give_alone(seed, ties) -> None:
    given_payoff = payoffs(seed, agents=3, most=3, batch=(4,))
    order = tuple(int(k) for k in np.random.default_rng(seed).permutation(3))
    play = MatrixGame.make(given_payoff).play(order, ties)
    for k in range(4):
        alone = MatrixGame.make(given_payoff[:, k]).play(order, ties)
        assert np.array_equal(play.action[k], alone.action)
        assert np.array_equal(play.utility[k], alone.utility)
        assert all(np.array_equal(mine[k], one) for mine, one in zip(play.plan, alone.plan, strict=True))


@QUICK
@given(SEEDS, TIES)
def test_property_a_team_that_acts_in_turn_reaches_its_best(seed, ties) -> None:
    payoff = payoffs(seed, agents=4, most=3)[0]
    order = tuple(int(k) for k in np.random.default_rng(seed).permutation(4))
    game = MatrixGame.team(payoff, 4)
    play = game.play(order, ties)
    assert (play.utility == payoff.max()).all()
    assert payoff[tuple(play.action)] == payoff.max()
    assert game.pure_nash()[tuple(play.action)]


@QUICK
@given(SEEDS, TIES)
def test_property_utilities_are_those_of_the_actions(seed, ties) -> None:
    payoff = payoffs(seed, agents=3, most=4)
    play = MatrixGame.make(payoff).play((2, 0, 1), ties)
    assert play.utility.tolist() == [table[tuple(play.action)] for table in payoff]
    two = BimatrixGame.make(*payoff[:2, ..., 0])
    first = MatrixGame.make(two.payoff).play(ties=ties)
    pure = two.pure_commitment(ties)
    assert first.action.tolist() == [pure.strategy.argmax(), pure.response]
    assert pure.leader_utility == two.leader_utility(pure.strategy, np.eye(payoff.shape[2])[pure.response])
