"""The immersion game with capacities, and its other outcomes: social optimum, monopoly, simultaneous moves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from test_immersion import check_gaps, make
from test_immersion_properties import parameters

from simmig.games.immersion import ImmersionGame


def test_a_full_leader_raises_its_prices_until_its_sales_fit() -> None:
    # Both followers buy 10 / p - 1; two of these make a capacity of 2 at p = 5.
    game = make(eligible=[[True, False], [True, False]], capacity=[2.0, np.inf])
    found = game.solve()
    np.testing.assert_allclose(found.price[:, 0], 5.0, rtol=1e-12)
    np.testing.assert_allclose(found.demand[:, 0], 1.0, rtol=1e-12)
    assert (found.shadow_price == 0.0).all()
    check_gaps(found, below=1e-10)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_a_leader_that_is_full_at_its_cap_leaves_followers_to_share(prices) -> None:
    # At the cap of 4 each would buy 1.5; a shadow price of 1 makes it 10 / 5 - 1.
    game = make(eligible=[[True, False]] * 2, capacity=[2.0, np.inf], price_max=[4.0, 30.0], prices=prices)
    found = game.solve()
    np.testing.assert_allclose(np.broadcast_to(found.price, (2, 2))[:, 0], 4.0, rtol=1e-15)
    np.testing.assert_allclose(found.demand[:, 0], 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.shadow_price, [1.0, 0.0], rtol=1e-12)
    check_gaps(found, below=1e-10)


def test_a_full_leader_has_nothing_left_for_a_follower_though_its_sales_are_a_rounding_below_its_capacity() -> None:
    # A follower has a millionth of the sales: 1e-12 of these is a million times as much of what it buys.
    game = make(
        delta=[10.0, 2e-5], efficiency=[[1.0, 1.0], [1e6, 1.0]], eligible=[[True, False]] * 2, capacity=[1.0, 1.0]
    )
    price = np.full((2, 2), 4.0)
    demand, _ = game.respond(price)
    short = demand * np.array([[1.0 - 1e-12], [1.0]])
    assert 0.0 < demand[1, 0] < 1e-5
    certificate = game.certify(price, short)
    assert certificate.follower_gap_relative[1] == 0.0


def test_a_shadow_price_is_not_paid_and_not_charged_to_a_budget() -> None:
    # Follower 0 has money for one unit at 4; of the 2 there are the other gets 1: 10 / (4 + s) - 1 = 1.
    game = make(budget=[4.0, np.inf], eligible=[[True, False]] * 2, capacity=[2.0, np.inf])
    demand, shadow_price = game.respond(np.full((2, 2), 4.0))
    np.testing.assert_allclose(demand[:, 0], [1.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(shadow_price, [1.0, 0.0], rtol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_rationed_demand_is_the_one_that_maximises_the_followers_sum(seed) -> None:
    game = ImmersionGame.make(**parameters(seed, share=1.0, most=(4, 3), capacity=0.4))
    price = 1.3 * game.cost + np.zeros(game.ssim.shape)
    demand = game.best_demand(price)
    shape = demand.shape

    def loss(flat):
        return -game.follower_utility(price, np.abs(flat.reshape(shape))).sum()

    limits = [
        {"type": "ineq", "fun": lambda flat: game.capacity - flat.reshape(shape).sum(axis=0)},
        {"type": "ineq", "fun": lambda f: np.minimum(game.budget, 1e6) - (price * f.reshape(shape)).sum(axis=1)},
    ]
    start = 0.5 * demand.ravel() + 1e-4
    best = minimize(
        loss, start, method="SLSQP", bounds=[(0, None)] * demand.size, constraints=limits, options={"maxiter": 500}
    )
    assert -loss(demand.ravel()) >= -best.fun - 1e-6 * abs(best.fun)
    np.testing.assert_allclose(-best.fun, -loss(demand.ravel()), rtol=1e-4)


def test_a_full_leader_that_shares_a_tight_follower_is_reported_as_no_equilibrium() -> None:
    found = make(budget=4.0, capacity=[0.5, np.inf]).solve()
    assert not found.converged
    assert found.certificate.leader_gap_relative.max() > 1e-3
    assert make(budget=4.0).solve().converged


def test_rivals_of_a_leader_that_is_full_at_its_cap_share_what_it_leaves_of_a_budget() -> None:
    # Leader 2 sells 0.2 at 3 whatever the others ask; of the 2 left, x^2 = e (R + x) with e = 1: they ask 4.
    game = make(
        delta=[10.0],
        ssim=np.ones((1, 3)),
        ssim_threshold=[np.exp(-1.0)],
        efficiency=np.full((1, 3), 2.0),
        budget=2.6,
        cost=[2.0, 2.0, 1.0],
        price_max=[30.0, 30.0, 3.0],
        capacity=[np.inf, np.inf, 0.2],
    )
    found = game.solve()
    np.testing.assert_allclose(found.price, [[4.0, 4.0, 3.0]], rtol=1e-12)
    np.testing.assert_allclose(found.demand, [[0.25, 0.25, 0.2]], rtol=1e-12)
    # The level is 3, so the third buys 3 / (3 + 0.3 s) - 0.5 = 0.2.
    np.testing.assert_allclose(found.shadow_price, [0.0, 0.0, (3 / 0.7 - 3) / 0.3], rtol=1e-10)
    check_gaps(found, below=1e-10)


def test_a_budget_that_is_just_spent_leaves_an_equilibrium() -> None:
    # Level 10 is delta: nobody would spend elsewhere what a dearer leader 1 no longer gets.
    found = make(budget=8.0, capacity=[0.5, np.inf]).solve()
    np.testing.assert_allclose(found.price, [[8.0, 4.0], [8.0, 4.0]], rtol=1e-10)
    check_gaps(found, below=1e-9)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_with_slack_budgets_capacities_leave_an_equilibrium(prices) -> None:
    drawn = parameters(11, (5,), most=(5, 3))
    free = ImmersionGame.make(**(drawn | {"budget": np.inf}), prices=prices)
    sold = free.solve().demand.sum(axis=-2)
    found = replace(free, capacity=0.6 * sold + 1e-6).solve()
    assert ((found.demand.sum(axis=-2)) <= (0.6 * sold + 1e-6) * (1.0 + 1e-12)).all()
    check_gaps(found, below=1e-9)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
@pytest.mark.parametrize("capacity", [np.inf, 0.2])
def test_the_outcomes_are_in_order_of_welfare_and_profit(prices, capacity) -> None:
    game = ImmersionGame.make(**parameters(21, (4,), capacity=capacity), prices=prices)
    check_order(game)


@pytest.mark.slow
@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_the_outcomes_of_many_games_are_in_order(prices) -> None:
    check_order(ImmersionGame.make(**parameters(21, (30,), capacity=0.2), prices=prices))


def check_order(game) -> None:
    optimum, monopoly, rivals, now = (
        game.social_optimum(),
        game.monopoly(),
        game.solve(),
        game.simultaneous(),
    )
    best = game.welfare(optimum.price, optimum.demand)
    profit = monopoly.leader_utility.sum(axis=-1)
    for other in (monopoly, rivals, now):
        assert (game.welfare(other.price, other.demand) <= best * (1.0 + 1e-10)).all()
        assert (other.leader_utility.sum(axis=-1) <= profit * (1.0 + 1e-9) + 1e-12).all()


def test_the_planner_sells_at_cost_and_ignores_budgets() -> None:
    found = make(budget=1.0, cost=[1.0, 2.0], capacity=[np.inf, 4.0]).social_optimum()
    # At 2 each would buy 4 of leader 1; 10 / (2 + s) - 1 = 2 at s = 4 / 3.
    np.testing.assert_allclose(found.demand, [[9.0, 2.0], [9.0, 2.0]], rtol=1e-12)
    np.testing.assert_allclose(found.price, [[1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_allclose(found.shadow_price, [0.0, 4 / 3], rtol=1e-12)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_at_once_everyone_asks_its_cap(prices) -> None:
    game = make(price_max=[5.0, 20.0], prices=prices)
    found = game.simultaneous()
    np.testing.assert_array_equal(np.broadcast_to(found.price, (2, 2)), [[5.0, 20.0]] * 2)
    np.testing.assert_allclose(found.demand, [[1.0, 0.0], [1.0, 0.0]])


def test_an_owner_takes_the_whole_budget_at_the_highest_prices_that_do() -> None:
    # Rivals ask 2 at R = 2; the owner asks 10 - 1 of both, and sells less for the same money.
    found = make(budget=2.0).monopoly()
    np.testing.assert_allclose(found.price, 9.0, rtol=1e-12)
    np.testing.assert_allclose(found.leader_utility, 2 * (1 - 1 / 9), rtol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_no_prices_near_or_far_earn_an_owner_more(seed) -> None:
    drawn = parameters(seed, share=1.0, most=(1, 4))
    rng = np.random.default_rng(seed)
    capped = {"budget": rng.uniform(2.0, 30.0, drawn["budget"].shape), "price_max": 1.3 * drawn["cost"]}
    for game in (ImmersionGame.make(**drawn), ImmersionGame.make(**(drawn | capped))):
        found = game.monopoly()
        near = found.price * np.exp(rng.normal(0.0, 0.02, (4000, *found.price.shape)))
        far = game.cost * (game.price_max / game.cost) ** rng.random((4000, *found.price.shape))
        tried = np.clip(np.concatenate([near, far]), game.cost, game.price_max)
        many = ImmersionGame.make(
            **{name: np.broadcast_to(getattr(game, name), (8000, *getattr(game, name).shape)) for name in drawn}
        )
        profit = many.leader_utility(tried, many.best_demand(tried)).sum(axis=-1)
        assert profit.max() <= found.leader_utility.sum() * (1.0 + 1e-10)
