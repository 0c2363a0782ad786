"""The certificate must find what there is to gain, anywhere, and nothing where there is nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.games.social import Game

SEEDS = st.integers(0, 10**6)
QUICK = settings(deadline=None, max_examples=30, derandomize=True)


def utilities_by_the_book(game, price, demand):
    """002, equation (1), player by player."""
    theta = game.pairing(price)
    utility = np.zeros(len(game.alpha))
    for i in range(len(utility)):
        for j in range(len(price)):
            b = demand[i, j]
            social = sum(game.ties[i, k] * b * demand[k, j] for k in range(len(utility)))
            utility[i] += theta[i, j] * (game.alpha[i] * b - game.beta[i] * b * b + social - price[j] * b)
    return utility


@QUICK
@given(SEEDS)
def test_property_utilities_are_those_of_the_paper(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    rng = np.random.default_rng(seed)
    price = rng.uniform(game.cost, game.price_max)
    demand = game.eligible * rng.uniform(0, 1, game.eligible.shape)
    np.testing.assert_allclose(
        game.follower_utility(price, demand), utilities_by_the_book(game, price, demand), rtol=1e-12, atol=1e-12
    )
    earned = (game.pairing(price) * demand * (price - game.cost)).sum(axis=0)
    np.testing.assert_allclose(game.leader_utility(price, demand), earned, rtol=1e-12)


@QUICK
@given(SEEDS, st.floats(0.7, 1.4))
def test_property_a_wrong_purchase_costs_what_the_certificate_says(random_round, seed, factor) -> None:
    game = Game().build(random_round(seed, deadline_share=0.0))
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    best = game.best_demand(price)
    buyers = np.flatnonzero(best.sum(axis=1) > 0)
    if not len(buyers):
        return
    i = int(buyers[seed % len(buyers)])
    demand = best.copy()
    demand[i] *= factor
    certificate = game.certify(price, demand)
    lost = game.follower_utility(price, best)[i] - game.follower_utility(price, demand)[i]
    np.testing.assert_allclose(certificate.follower_gap[i], lost, rtol=1e-9, atol=1e-13)
    relative = lost / abs(game.follower_utility(price, demand)[i])
    np.testing.assert_allclose(certificate.follower_gap_relative[i], relative, rtol=1e-9, atol=1e-13)


@QUICK
@given(SEEDS)
def test_property_buying_too_much_for_a_deadline_is_a_finite_loss(random_round, seed) -> None:
    game = Game().build(random_round(seed, deadline_share=1.0, tie_share=0.0))
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    best = game.best_demand(price)
    certificate = game.certify(price, 1.1 * best)
    lost = game.follower_utility(price, best) - game.follower_utility(price, 1.1 * best)
    np.testing.assert_allclose(certificate.follower_gap, lost, rtol=1e-8, atol=1e-12)


def test_buying_too_little_for_a_deadline_is_no_equilibrium(inputs) -> None:
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15], delay_s=[[0.5]], deadline_s=[1.5]))
    price = np.array([15.0])
    assert game.certify(price, np.array([[1.0]])).follower_gap.tolist() == [0.0]
    for short in (0.999, 0.0):
        certificate = game.certify(price, np.array([[short]]))
        assert certificate.follower_gap.tolist() == [np.inf]
        assert certificate.follower_gap_relative.tolist() == [np.inf]


def largest_on_a_grid(game, price, j, utility):
    tried = np.linspace(game.cost[j], game.price_max[j], 150)
    own = np.arange(len(price)) == j
    return max(utility(np.where(own, x, price)) for x in tried)


@pytest.mark.parametrize("seed", range(15))
def test_gaps_of_anticipating_leaders_are_those_of_a_fine_grid(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    demand = game.best_demand(price)
    gap, utility = game.certify(price, demand).leader_gap, game.leader_utility(price, demand)
    for j in range(len(price)):
        best = largest_on_a_grid(game, price, j, lambda p, j=j: game.leader_utility(p, game.best_demand(p))[j])
        np.testing.assert_allclose(utility[j] + gap[j], max(best, utility[j]), rtol=2e-3, atol=1e-12)
        assert utility[j] + gap[j] >= best * (1 - 1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_gaps_of_myopic_leaders_take_the_social_gain_for_given(random_round, changed, seed) -> None:
    game = Game(leader_model="myopic").build(random_round(seed, tie_share=1.0, deadline_share=0.0))
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    demand = game.best_demand(price)
    gap, utility = game.certify(price, demand).leader_gap, game.leader_utility(price, demand)
    value = game.alpha[:, None] + game.ties @ demand

    def believed(tried, j):
        bought = np.maximum(value - tried, 0.0) / (2 * game.beta[:, None])
        return (game.pairing(tried) * bought * (tried - game.cost))[:, j].sum()

    for j in range(len(price)):
        best = largest_on_a_grid(game, price, j, lambda p, j=j: believed(p, j))
        np.testing.assert_allclose(utility[j] + gap[j], max(best, utility[j]), rtol=2e-3, atol=1e-12)
        assert utility[j] + gap[j] >= best * (1 - 1e-4)


@QUICK
@given(SEEDS, st.floats(0.02, 0.2))
def test_property_a_moved_price_is_found_out(random_round, seed, part) -> None:
    game = Game().build(random_round(seed, deadline_share=0.0))
    found = game.solve()
    for j in np.flatnonzero(found.leader_utility > 0.0):
        span = game.price_max[j] - game.cost[j]
        price = found.price.copy()
        price[j] += part * span if price[j] < 0.5 * (game.cost[j] + game.price_max[j]) else -part * span
        demand = game.best_demand(price)
        certificate = game.certify(price, demand)
        lost = found.leader_utility[j] - game.leader_utility(price, demand)[j]
        assert lost > 0.0
        np.testing.assert_allclose(certificate.leader_gap[j], lost, rtol=1e-3)


def test_a_leader_is_not_blamed_for_its_followers(section_vi) -> None:
    game = section_vi()
    found = game.solve()
    certificate = game.certify(found.price, 0.5 * found.demand)
    assert certificate.leader_gap.max() < 1e-12
    assert certificate.follower_gap_relative.min() > 0.01
