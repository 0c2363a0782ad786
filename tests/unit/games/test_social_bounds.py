"""Who can be late or stop buying at all: bounds that save work must leave nobody out, and leave out whom they can."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from simmig.games._social.certificate_concave import concave_gains
from simmig.games._social.certificate_scenes import whole_scene
from simmig.games._social.followers import respond
from simmig.games._social.leaders import Leaders
from simmig.games.social import Game

SEEDS = st.integers(0, 10**6)
QUICK = settings(deadline=None, max_examples=40, derandomize=True)


def admissible_prices(game, rng):
    """Every corner of the admissible prices, and some inside."""
    corners = itertools.product(*zip(game.cost, game.price_max, strict=True))
    return [*map(np.array, corners), *rng.uniform(game.cost, game.price_max, (20, len(game.cost)))]


@QUICK
@given(SEEDS)
def test_property_whoever_is_late_at_some_price_is_expected(random_round, changed, seed) -> None:
    given = random_round(seed)
    game = Game().build(given)
    patient = Game().build(changed(given, deadline_s=np.full(len(given.deadline_s), np.inf)))
    pairs = game.market.pairs
    expected = np.isin(np.arange(len(game.alpha)), pairs.follower[pairs.timed.pair])
    served = game.eligible.any(axis=1)
    for price in admissible_prices(game, np.random.default_rng(seed)):
        late = game.expected_delay_s(price, patient.best_demand(price)) > game.deadline_s
        assert not (late & served & ~expected).any()


def test_a_slow_rsu_makes_nobody_late_where_the_other_makes_up_for_it(inputs) -> None:
    # At the caps 0.25 units are bought and take 0.4 s and 3.2 s, 1.8 s on average. At cost 1 it is 29/60 units and the
    # pull is 15 times as strong: 0.39 s with the first at cost, 1.58 s with the second.
    def timed(deadline_s):
        made = inputs([30], [30], [[0.0]], [1, 1], [15, 15], work=[[0.1, 0.8]], deadline_s=[deadline_s])
        return len(Game().build(made).market.pairs.timed.pair)

    assert timed(1.8 * (1 + 1e-9)) == 0
    assert timed(1.8 * (1 - 1e-9)) == 2


def test_a_follower_late_only_when_the_slow_rsu_is_cheap_is_found(inputs) -> None:
    # 0.04 s and 2.4 s at the caps, 1.22 s on average; with the second at cost, 0.04 s and 2.014 s, 1.89 s on average.
    made = inputs(*([30], [30], [[0.0]], [1, 1], [15, 15]), work=[[0.01, 0.2]], delay_s=[[0.0, 1.6]], deadline_s=[1.7])
    game, caps = Game().build(made), np.array([15.0, 15.0])
    assert len(game.market.pairs.timed.pair) == 2
    assert Leaders(game.market, game.cost, game.price_max, False).bent(caps, game.market).tolist() == [False, True]
    _, is_concave, may_be_late = concave_gains(game, whole_scene(game), caps)
    assert is_concave.tolist() == [True, False]
    assert may_be_late.tolist() == [True]


@QUICK
@given(SEEDS, st.sampled_from([9.0, 28.0]))
def test_property_the_certificate_expects_whoever_is_late(random_round, changed, seed, price_max) -> None:
    given = random_round(seed, price_max=price_max)
    game = Game().build(given)
    patient = Game().build(changed(given, deadline_s=np.full(len(given.deadline_s), np.inf)))
    stood = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    served = game.eligible.any(axis=1)
    _, _, may_be_late = concave_gains(game, whole_scene(game), stood)
    for j in range(len(stood)):
        for tried in np.linspace(game.cost[j], game.price_max[j], 9):
            price = np.where(np.arange(len(stood)) == j, tried, stood)
            late = game.expected_delay_s(price, patient.best_demand(price)) > game.deadline_s
            assert not (late[served] & ~may_be_late).any()


@QUICK
@given(SEEDS, st.sampled_from([15.0, 28.0]))
def test_property_pairs_that_are_not_bent_keep_to_their_line(random_round, seed, price_max) -> None:
    game = Game().build(random_round(seed, price_max=price_max))
    market, pairs, rng = game.market, game.market.pairs, np.random.default_rng(seed)
    stood = rng.uniform(game.cost, game.price_max)
    bent = Leaders(market, game.cost, game.price_max, False).bent(stood, market)
    for j in range(len(stood)):
        own = pairs.leader == j
        straight = own & (np.bincount(market.component, bent & own) == 0)[market.component]
        for tried in np.linspace(game.cost[j], game.price_max[j], 9):
            price = np.where(np.arange(len(stood)) == j, tried, stood)
            demand = respond(market, price[pairs.leader], pairs.theta(price)).demand
            np.testing.assert_allclose(
                demand[straight], (pairs.intercept - pairs.slope * tried)[straight], rtol=1e-10, atol=1e-13
            )


def test_most_pairs_of_patient_followers_are_straight(random_round) -> None:
    bent = total = 0
    for seed in range(40):
        game = Game().build(random_round(seed, deadline_share=1.0, price_max=9.0))
        price = game.solve().price
        bent += Leaders(game.market, game.cost, game.price_max, False).bent(price, game.market).sum()
        total += len(game.market.pairs.leader)
    assert 0.1 * total < bent < 0.75 * total


@pytest.mark.parametrize(("deadline_share", "price_max"), [(0.0, 9.0), (0.5, 9.0), (0.0, 20.0)])
def test_gaps_of_concave_leaders_are_exact(random_round, deadline_share, price_max) -> None:
    found = 0
    for seed in range(30):
        game = Game().build(random_round(seed, deadline_share=deadline_share, price_max=price_max))
        price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
        demand = game.best_demand(price)
        gap, utility = game.certify(price, demand).leader_gap, game.leader_utility(price, demand)
        _, is_concave, _ = concave_gains(game, whole_scene(game), price)
        for j in np.flatnonzero(is_concave & game.eligible.any(axis=0)):

            def loss(p, j=j, price=price, game=game):
                moved = np.where(np.arange(len(price)) == j, p, price)
                return -game.leader_utility(moved, game.best_demand(moved))[j]

            low, high = game.cost[j], game.price_max[j]
            inside = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
            best = max(-inside.fun, -loss(high), *(-loss(p) for p in np.linspace(low, high, 25)))
            np.testing.assert_allclose(gap[j], best - utility[j], rtol=1e-7, atol=1e-12 * best)
            found += 1
    assert found > 10
