"""The followers' stage against simple replies in turn, and each reply against bisection."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.games._social.followers import derivative, respond
from simmig.games._social.slopes import own_slopes
from simmig.games.social import Game

SEEDS = st.integers(0, 10**6)
QUICK = settings(deadline=None, max_examples=40, derandomize=True)


def cubic_root(value, beta, need):
    """The positive root of 2 beta b^3 - value b^2 = need, by bisection."""
    low, high = 0.0, max(value, 0.0) / (2 * beta) + (need / (2 * beta)) ** (1 / 3) + 1e-9
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if 2 * beta * middle**3 - value * middle**2 < need else (low, middle)
    return 0.5 * (low + high)


def reply_of_one(value, beta, work, delay, theta, deadline):
    """The best purchase of one follower, by bisection on the multiplier of its deadline."""

    def at(nu):
        return [
            cubic_root(v, beta, nu * w) if nu else max(v, 0.0) / (2 * beta) for v, w in zip(value, work, strict=True)
        ]

    def time(demand):
        rows = zip(demand, work, delay, theta, strict=True)
        return sum(t * (w / b + d if b > 0 else math.inf) for b, w, d, t in rows)

    if time(at(0.0)) <= deadline:
        return at(0.0)
    low, high = 0.0, 1.0
    while time(at(high)) > deadline:
        high *= 2.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if time(at(middle)) > deadline else (low, middle)
    return at(high)


def replies_in_turn(game, price):
    """The followers' equilibrium, everyone replying in turn until nobody moves."""
    demand = np.zeros(game.eligible.shape)
    theta = game.pairing(price)
    for _ in range(500):
        before = demand.copy()
        for i in range(len(game.alpha)):
            j = np.flatnonzero(game.eligible[i])
            value = game.alpha[i] + game.ties[i] @ demand[:, j] - price[j]
            deadline = game.deadline_s[i]
            args = value, game.beta[i], game.work[i, j], game.delay_s[i, j], theta[i, j], deadline
            demand[i, j] = reply_of_one(*args)
        if np.abs(demand - before).max() < 1e-13:
            return demand
    raise AssertionError("no equilibrium among the followers")


@pytest.mark.parametrize("seed", range(25))
def test_demand_is_where_replies_in_turn_end(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    np.testing.assert_allclose(game.best_demand(price), replies_in_turn(game, price), rtol=1e-8, atol=1e-11)


def test_hard_deadlines_over_nine_decades_are_met_exactly(inputs) -> None:
    rng = np.random.default_rng(5)
    followers, leaders = 400, 4
    game = Game().build(
        inputs(
            rng.normal(10, 20, followers),
            10.0 ** rng.uniform(-1, 2, followers),
            np.zeros((followers, followers)),
            *([0.5] * leaders, [30.0] * leaders),
            eligible=rng.random((followers, leaders)) < 0.6,
            work=10.0 ** rng.uniform(-3, 3, (followers, leaders)),
            deadline_s=10.0 ** rng.uniform(-3, 3, followers),
        )
    )
    price = rng.uniform(0.5, 30.0, leaders)
    demand = game.best_demand(price)
    served = game.eligible.any(axis=1)
    time_s = game.expected_delay_s(price, demand)[served]
    assert (time_s <= game.deadline_s[served] * (1 + 1e-12)).all()
    # Either the deadline binds to the last bits, or the demand is that of a follower without one.
    free = game.eligible * np.maximum(game.alpha[:, None] - price, 0.0) / (2 * game.beta[:, None])
    is_free = np.isclose(demand, free, rtol=1e-12, atol=0.0).all(axis=1)[served]
    assert (is_free | (time_s > game.deadline_s[served] * (1 - 1e-12))).all()
    assert 100 < (~is_free).sum() < served.sum() - 10


@QUICK
@given(SEEDS)
def test_property_first_order_conditions_hold(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    demand = game.best_demand(price)
    value = game.alpha[:, None] + game.ties @ demand - price - 2 * game.beta[:, None] * demand
    assert (demand[~game.eligible] == 0.0).all()
    for i in range(len(game.alpha)):
        j = np.flatnonzero(game.eligible[i])
        if not len(j):
            continue
        # One multiplier nu >= 0 explains every pair: value = -nu a / b^2 where bought, value <= 0 where not.
        bought = demand[i, j] > 0
        nu = -value[i, j][bought] * demand[i, j][bought] ** 2 / game.work[i, j][bought]
        if len(nu):
            assert nu.min() > -1e-9
            np.testing.assert_allclose(nu, nu.mean(), rtol=1e-6, atol=1e-9)
            is_just_in_time = game.expected_delay_s(price, demand)[i] > game.deadline_s[i] * (1 - 1e-9)
            assert nu.max() < 1e-9 or is_just_in_time
        assert (value[i, j][~bought] <= 1e-12).all()


@QUICK
@given(SEEDS)
def test_property_slopes_are_those_of_finite_differences(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    pairs, rng = game.market.pairs, np.random.default_rng(seed)
    price = rng.uniform(game.cost + 0.1, game.price_max - 0.1)
    theta, posted = pairs.theta(price), price[pairs.leader]
    reply = respond(game.market, posted, theta)
    slope = own_slopes(game.market, posted, theta, reply)
    step = 1e-5
    for j in range(len(price)):
        moved = [price + sign * step * (np.arange(len(price)) == j) for sign in (-1, 1)]
        demand = [respond(game.market, p[pairs.leader], pairs.theta(p)) for p in moved]
        own = pairs.leader == j
        if (
            demand[0].late.tolist() != demand[1].late.tolist()
            or ((demand[0].demand > 0) != (demand[1].demand > 0)).any()
        ):
            continue  # a kink lies between
        expected = (demand[1].demand - demand[0].demand)[own] / (2 * step)
        np.testing.assert_allclose(slope[own], expected, rtol=1e-5, atol=1e-7)


@QUICK
@given(SEEDS)
def test_property_a_start_nearby_changes_nothing(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    pairs, rng = game.market.pairs, np.random.default_rng(seed)
    price, other = rng.uniform(game.cost, game.price_max, (2, len(game.cost)))
    cold = respond(game.market, price[pairs.leader], pairs.theta(price))
    warm = respond(
        *(game.market, price[pairs.leader], pairs.theta(price)),
        respond(game.market, other[pairs.leader], pairs.theta(other)),
    )
    np.testing.assert_allclose(warm.demand, cold.demand, rtol=1e-11, atol=1e-13)


def test_a_late_follower_with_one_leader_cannot_be_moved(inputs) -> None:
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15], delay_s=[[0.5]], deadline_s=[1.5]))
    pairs, price = game.market.pairs, np.array([9.0])
    reply = respond(game.market, price, pairs.theta(price))
    assert len(reply.late) == 1
    np.testing.assert_allclose(derivative(pairs, reply, pairs.theta(price)).apply(np.array([1.0])), [0.0], atol=1e-15)
    np.testing.assert_allclose(own_slopes(game.market, price, pairs.theta(price), reply), [0.0], atol=1e-15)
