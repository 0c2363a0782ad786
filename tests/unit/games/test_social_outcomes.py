"""Outcomes of the social game against closed forms, grids and one another."""

import itertools
import re

import numpy as np
import pytest
from scipy.optimize import minimize

from simmig.errors import InputError, NoEquilibrium
from simmig.games._social.outcomes import best_price, monopoly, simultaneous, social_optimum, welfare
from simmig.games._social.planner import Planner, check_bounded, is_bounded
from simmig.games.social import Game, SocialGame

UNTIED = np.zeros((2, 2))


def welfare_by_the_book(game, price, demand):
    """The sum of 002, (1) and (2), over all players."""
    theta = game.pairing(price)
    total = 0.0
    for i, j in itertools.product(range(len(game.alpha)), range(len(price))):
        b = demand[i, j]
        social = sum(game.ties[i, k] * demand[k, j] for k in range(len(game.alpha)))
        total += theta[i, j] * b * (game.alpha[i] - game.beta[i] * b + social - price[j])
        total += theta[i, j] * b * (price[j] - game.cost[j])
    return total


def planned_by_slsqp(game, price):
    """The largest welfare at these prices, by a general solver."""
    theta, where = game.pairing(price), np.nonzero(game.eligible)
    due = np.flatnonzero(np.isfinite(game.deadline_s) & game.eligible.any(axis=1))

    def demand_of(x):
        demand = np.zeros(game.eligible.shape)
        demand[where] = x
        return demand

    def slack_s(x):
        time = np.where(game.eligible, game.work / np.maximum(demand_of(x), 1e-9) + game.delay_s, 0.0)
        return (game.deadline_s - (theta * time).sum(axis=1))[due]

    def loss(x):
        b = demand_of(x)
        return -(theta * b * (game.alpha[:, None] - game.cost - game.beta[:, None] * b + game.ties @ b)).sum()

    count = len(where[0])
    found = minimize(
        *(loss, np.full(count, 2.0)),
        method="SLSQP",
        bounds=[(1e-6, None)] * count,
        constraints=[{"type": "ineq", "fun": slack_s}] if len(due) else [],
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert (slack_s(found.x) > -1e-6).all()
    return -found.fun


def bounded_game(random_round, seed, **changes):
    """A random game whose welfare is bounded at all prices, or None."""
    game = Game().build(random_round(seed, **changes))
    return game if is_bounded(game) else None


def assert_outcome(game, found):
    """The fields fit one another, and the point is admissible."""
    np.testing.assert_array_equal(found.follower_utility, game.follower_utility(found.price, found.demand))
    np.testing.assert_array_equal(found.leader_utility, game.leader_utility(found.price, found.demand))
    assert ((found.price >= game.cost) & (found.price <= game.price_max)).all()
    assert (found.demand[~game.eligible] == 0.0).all()
    assert (found.demand >= 0.0).all()
    assert found.shadow_price.tolist() == [0.0] * len(game.cost)  # there is no capacity
    served = game.eligible.any(axis=1)
    assert (game.expected_delay_s(found.price, found.demand) <= game.deadline_s * (1 + 1e-9))[served].all()


def test_payments_cancel_in_welfare(random_round) -> None:
    for seed in range(10):
        game = Game().build(random_round(seed))
        rng = np.random.default_rng(seed)
        price = rng.uniform(game.cost, game.price_max)
        demand = game.eligible * rng.uniform(0.0, 1.0, game.eligible.shape)
        np.testing.assert_allclose(welfare(game, price, demand), welfare_by_the_book(game, price, demand), rtol=1e-12)


def test_outcomes_of_one_leader_and_one_follower(inputs) -> None:
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15]))
    optimum, owner, at_once = social_optimum(game), monopoly(game), simultaneous(game)
    np.testing.assert_allclose(optimum.demand, [[18 / 60]], rtol=1e-10)
    np.testing.assert_allclose(welfare(game, optimum.price, optimum.demand), 18.0**2 / 120.0, rtol=1e-10)
    assert optimum.price.tolist() == [2.0]
    np.testing.assert_allclose(owner.price, [11.0], rtol=1e-7)
    np.testing.assert_allclose(owner.demand, [[9 / 60]], rtol=1e-6)
    np.testing.assert_allclose(best_price(game, np.array([4.0])), [11.0], rtol=1e-8)
    assert at_once.price.tolist() == [15.0]
    np.testing.assert_allclose(at_once.demand, [[5 / 60]], rtol=1e-12)
    for found in (optimum, owner, at_once):
        assert found.converged
        assert_outcome(game, found)


def test_a_deadline_binds_the_planner_and_serves_the_monopoly(inputs) -> None:
    # Only b >= 0.6 / (2 - 0.5) = 0.4 is in time, more than the 0.3 that the planner would choose.
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15], work=[[0.6]], delay_s=[[0.5]], deadline_s=[2.0]))
    optimum, owner = social_optimum(game), monopoly(game)
    np.testing.assert_allclose(optimum.demand, [[0.4]], rtol=1e-10)
    np.testing.assert_allclose(welfare(game, optimum.price, optimum.demand), 18 * 0.4 - 30 * 0.16, rtol=1e-10)
    np.testing.assert_allclose(owner.price, [15.0])
    assert_outcome(game, optimum)


def test_two_friends_count_twice_for_the_planner(inputs) -> None:
    game = Game().build(inputs([20, 26], [30, 25], [[0, 6], [6, 0]], [2], [15]))
    expected = np.linalg.solve([[60.0, -12.0], [-12.0, 50.0]], [18.0, 24.0])
    np.testing.assert_allclose(social_optimum(game).demand[:, 0], expected, rtol=1e-10)


def test_the_planner_sends_everyone_to_the_best_leaders(random_round) -> None:
    """Without deadlines welfare is a mean of what each leader is worth, weighted by 1/price: prices are at bounds."""
    for seed in range(25):
        given = random_round(seed, deadline_share=0.0, full=True, tie_share=0.3)
        game = Game().build(given)
        if not is_bounded(game):
            continue
        found = social_optimum(game)
        matrix = 2.0 * np.diag(game.beta) - 2.0 * game.ties
        demand = np.linalg.solve(matrix, game.alpha[:, None] - game.cost)
        assert (demand > 0.0).all()
        worth = 0.5 * (demand * (game.alpha[:, None] - game.cost)).sum(axis=0)
        corners = itertools.product(*zip(1.0 / game.price_max, 1.0 / game.cost, strict=True))
        best = max(float((np.array(pull) * worth).sum() / sum(pull)) for pull in corners)
        assert found.converged
        np.testing.assert_allclose(welfare(game, found.price, found.demand), best, rtol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_a_plan_is_the_best_at_its_prices(random_round, seed) -> None:
    game = Game().build(random_round(seed))
    if not is_bounded(game):
        pytest.skip("welfare has no bound at some prices")
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    plan = Planner(game, True).plan(price)
    np.testing.assert_allclose(plan.value, welfare(game, price, plan.demand), rtol=1e-12)
    np.testing.assert_allclose(plan.value, planned_by_slsqp(game, price), rtol=2e-5, atol=2e-5)


def test_the_slope_of_a_plan_is_that_of_finite_differences(random_round) -> None:
    late = masked = 0
    for seed in range(60):
        game = bounded_game(random_round, seed)
        if game is None:
            continue
        price = np.random.default_rng(seed).uniform(game.cost + 0.1, game.price_max - 0.1)
        planner = Planner(game, True)
        slope = planner.plan(price).slope
        late += (planner.last.multiplier > 0.0).any()
        masked += not game.eligible.all()
        for j in range(len(price)):
            moved = [price * np.exp(sign * 1e-4 * (np.arange(len(price)) == j)) for sign in (-1, 1)]
            below, above = (planner.plan(p).value for p in moved)
            np.testing.assert_allclose(slope[j], (above - below) / 2e-4, rtol=1e-5, atol=1e-6)
    assert min(late, masked) > 10


@pytest.mark.parametrize("full", [True, False])
def test_no_grid_of_prices_beats_the_planner(random_round, full) -> None:
    """Two to three leaders, deadlines, and masks or not: the optimum is at least as good as any node, and near one."""
    seen = 0
    for seed in range(30):
        game = bounded_game(random_round, seed, full=full, least_leaders=2)
        if game is None or len(game.cost) > 3:
            continue
        found = social_optimum(game)
        assert found.converged
        assert_outcome(game, found)
        value = welfare(game, found.price, found.demand)
        planner = Planner(game, True)
        axes = [np.geomspace(game.cost[j], game.price_max[j], 9) for j in range(len(game.cost))]
        best = max(planner.plan(np.array(p)).value for p in itertools.product(*axes))
        assert value >= best - 1e-9 * abs(best)
        np.testing.assert_allclose(value, best, rtol=2e-2)
        seen += 1
    assert seen >= 6


def test_welfare_of_the_optimum_is_the_largest_and_a_monopoly_earns_most(random_round) -> None:
    compared = 0
    for seed in range(12):
        game = Game().build(random_round(seed))
        equilibrium, owner, at_once = game.solve(), monopoly(game), simultaneous(game)
        assert_outcome(game, owner)
        assert_outcome(game, at_once)
        assert owner.leader_utility.sum() >= equilibrium.leader_utility.sum() * (1 - 1e-12)
        assert owner.leader_utility.sum() >= at_once.leader_utility.sum() * (1 - 1e-12)
        if is_bounded(game):
            optimum = social_optimum(game)
            best = welfare(game, optimum.price, optimum.demand)
            for other in (equilibrium, owner, at_once):
                assert best >= welfare(game, other.price, other.demand) - 1e-9 * abs(best)
            compared += 1
    assert compared > 6


def test_no_grid_of_prices_beats_the_monopoly(random_round) -> None:
    seen = inside = 0
    for seed in range(48):
        game = Game().build(random_round(seed, price_max=25.0, deadline_share=0.3))
        if len(game.cost) != 2:
            continue
        found = monopoly(game)
        assert found.converged
        axes = [np.linspace(game.cost[j], game.price_max[j], 20) for j in range(2)]
        points = [np.array(p) for p in itertools.product(*axes)]
        best = max(float(game.leader_utility(p, game.best_demand(p)).sum()) for p in points)
        earned = found.leader_utility.sum()
        assert earned >= best * (1 - 1e-12)
        np.testing.assert_allclose(earned, best, rtol=2e-2)
        inside += bool(((found.price > game.cost) & (found.price < game.price_max)).any())
        seen += 1
    assert seen >= 8
    assert inside >= 4


def test_a_monopoly_of_separate_markets_asks_what_each_leader_would(inputs) -> None:
    game = Game().build(inputs([20, 26], [30, 25], UNTIED, [2, 4], [25, 25], eligible=np.eye(2)))
    np.testing.assert_allclose(monopoly(game).price, [11.0, 15.0], rtol=1e-6)


def test_nobody_gains_alone_when_all_move_at_once(random_round) -> None:
    for seed in range(20):
        game = Game().build(random_round(seed))
        found = simultaneous(game)
        assert found.certificate.follower_gap_relative.max() < 1e-9
        for j in range(len(game.cost)):
            for tried in np.linspace(game.cost[j], game.price_max[j], 60):
                price = np.where(np.arange(len(game.cost)) == j, tried, found.price)
                assert game.leader_utility(price, found.demand)[j] <= found.leader_utility[j] * (1 + 1e-12)


def test_no_grid_of_prices_beats_the_best_price_of_a_leader(random_round) -> None:
    for seed in range(6):
        game = Game().build(random_round(seed, price_max=25.0))
        price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
        best = best_price(game, price)
        for j in range(len(price)):

            def utility(tried, game=game, price=price, j=j):
                moved = np.where(np.arange(len(price)) == j, tried, price)
                return game.leader_utility(moved, game.best_demand(moved))[j]

            highest = max(utility(p) for p in np.linspace(game.cost[j], game.price_max[j], 100))
            assert utility(best[j]) >= highest * (1 - 1e-12)
            np.testing.assert_allclose(utility(best[j]), highest, rtol=2e-3, atol=1e-12)


@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_the_certificate_finds_no_better_price_for_a_leader(random_round, leader_model) -> None:
    improved = 0
    for seed in range(12):
        game = Game(leader_model=leader_model).build(random_round(seed, price_max=25.0, tie_share=0.8))
        price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
        bought, best = game.best_demand(price), best_price(game, price)
        before = game.certify(price, bought).leader_gap
        for j in range(len(price)):
            moved = np.where(np.arange(len(price)) == j, best, price)
            gap = game.certify(moved, bought).leader_gap[j]
            assert gap <= 1e-9 * (before[j] + game.leader_utility(price, bought)[j]) + 1e-12
            improved += before[j] > 0.01
    assert improved > 10


def test_the_best_price_is_the_closed_form_where_nobody_is_late(section_vi) -> None:
    game, price = section_vi(), np.array([9.0, 12.0])
    matrix, one = 2.0 * np.diag(game.beta) - game.ties, np.ones(3)
    a, g = one @ np.linalg.solve(matrix, game.alpha), one @ np.linalg.solve(matrix, one)
    y, c = 1.0 / price[::-1], game.cost
    expected = (-g + np.sqrt(g * g + g * y * (a + g * c + y * a * c))) / (g * y)
    np.testing.assert_allclose(best_price(game, price), expected, rtol=1e-8)


@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_equilibrium_prices_are_everyones_best(random_round, leader_model) -> None:
    for seed in range(15):
        game = Game(leader_model=leader_model).build(random_round(seed))
        found = game.solve()
        if found.converged:
            np.testing.assert_allclose(best_price(game, found.price), found.price, rtol=1e-6)


def test_a_leader_without_customers_posts_its_cap_but_for_the_planner(inputs) -> None:
    game = Game().build(inputs([20, 30], [30, 25], UNTIED, [2, 3, 1], [15, 15, 9], eligible=[[1, 1, 0]] * 2))
    assert best_price(game, np.array([8.0, 9.0, 4.0]))[2] == 9.0
    assert monopoly(game).price[2] == 9.0
    assert social_optimum(game).price[2] == 1.0


def test_a_planner_may_find_no_bound_where_the_followers_do(inputs) -> None:
    ties = [[0, 0, 0], [0, 0, 27], [0, 27, 0]]
    game = Game().build(inputs([20, 20, 20], [30, 24, 30], ties, [2, 1], [15, 15], eligible=[[1, 1], [0, 1], [0, 1]]))
    assert game.solve().converged
    message = (
        "welfare is unbounded at leader 1, most of all in the demand of follower 1: .* add up to 54 against 2 beta = 48"
    )
    with pytest.raises(NoEquilibrium, match=message):
        social_optimum(game)


def test_ties_just_weak_enough_leave_the_planner_a_bound(inputs) -> None:
    def built(weight):
        return Game().build(inputs([20, 20], [30, 24], [[0, weight], [weight, 0]], [2], [15]))

    edge = np.sqrt(30.0 * 24.0)
    found = social_optimum(built(0.999 * edge))
    expected = np.linalg.solve([[60.0, -1.998 * edge], [-1.998 * edge, 48.0]], [18.0, 18.0])
    np.testing.assert_allclose(found.demand[:, 0], expected, rtol=1e-8)
    with pytest.raises(NoEquilibrium):
        social_optimum(built(1.001 * edge))


def test_pairings_far_apart_take_the_bound_away(inputs) -> None:
    """Friends with different leaders: bounded where they are paired alike, not where their pairings differ most."""
    game = Game().build(
        inputs([20, 20], [30, 30], [[0, 20], [20, 0]], [1, 1, 1], [15, 15, 15], eligible=[[1, 1, 0], [1, 0, 1]])
    )
    even = Planner(game, False).plan(np.array([5.0, 5.0, 5.0]))
    assert np.isfinite(even.value)
    assert not is_bounded(game)
    with pytest.raises(NoEquilibrium, match=re.escape("at prices 15, 1, 15")):
        social_optimum(game)


def test_the_prices_at_which_friends_are_paired_furthest_apart_are_tried(inputs) -> None:
    """A rich follower draws the search to leader 0; the friends' welfare has no bound where 1 and 3 are cheap."""
    ties = [[0, 19.2, 0], [19.2, 0, 0], [0, 0, 0]]
    eligible = [[1, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 1]]
    game = Game().build(inputs([3, 3, 300], [30] * 3, ties, [0.5, 2, 2, 2], [15] * 4, eligible=eligible))
    for price in ([0.5, 15, 15, 15], [15, 2, 15, 15], [15, 15, 15, 2]):
        check_bounded(game, np.array(price, float))
    with pytest.raises(NoEquilibrium, match=re.escape("at prices 15, 2, 15, 2;")):
        social_optimum(game)


def test_a_price_that_no_pairing_depends_on_is_reported_at_cost(random_round) -> None:
    game = Game().build(random_round(4022, least_leaders=3))  # nobody may buy from leader 0
    found = social_optimum(game)
    assert found.price[0] == game.cost[0]
    assert (found.price[1:] > game.cost[1:]).any()


def test_a_capacity_binds_the_followers_of_a_monopoly_and_of_leaders_who_move_at_once() -> None:
    # 0.1 units sold at p need 20 - 60 * 0.1 = 14 = p + s.
    game = SocialGame.make(
        alpha=[20.0],
        beta=[30.0],
        ties=[[0.0]],
        work_s=[[0.6]],
        delay_s=[[0.5]],
        cost=[2.0],
        price_max=[13.0],
        capacity=[0.1],
    )
    for found in (monopoly(game), simultaneous(game)):
        np.testing.assert_allclose(found.price, [13.0], rtol=1e-9)
        np.testing.assert_allclose(found.demand, [[0.1]], rtol=1e-9)
        np.testing.assert_allclose(found.shadow_price, [1.0], rtol=1e-8)
    np.testing.assert_allclose(best_price(game, np.array([4.0])), [13.0])


def test_a_capacity_binds_the_planner() -> None:
    # One more unit is worth 20 - 2 - 60 * 0.1 = 12 to the planner, who would choose 0.3.
    game = SocialGame.make(
        alpha=[20.0],
        beta=[30.0],
        ties=[[0.0]],
        work_s=[[0.6]],
        delay_s=[[0.5]],
        cost=[2.0],
        price_max=[13.0],
        capacity=0.1,
    )
    found = social_optimum(game)
    np.testing.assert_allclose(found.demand, [[0.1]], rtol=1e-10)
    np.testing.assert_allclose(found.shadow_price, [12.0], rtol=1e-9)


def planned_within(random_round, changed, seed):
    """A game in which some capacities bind the planner at the prices returned; None if welfare has no bound."""
    free = bounded_game(random_round, seed)
    if free is None:
        return None
    rng = np.random.default_rng(seed)
    price = rng.uniform(free.cost + 0.1, free.price_max - 0.1)
    sold = Planner(free, True).plan(price).demand.sum(axis=0)
    capacity = np.where(rng.random(len(sold)) < 0.8, sold * rng.uniform(0.8, 1.1, len(sold)) + 1e-3, np.inf)
    return Game().build(changed(random_round(seed), capacity_hz=capacity * 1e7)), price


def test_a_plan_within_capacities_has_the_slopes_and_shadow_prices_of_finite_differences(random_round, changed) -> None:
    full = 0
    for seed in range(30):
        made = planned_within(random_round, changed, seed)
        if made is None:
            continue
        game, price = made
        plan, planner = Planner(game, True).plan(price), Planner(game, True)
        assert (plan.demand.sum(axis=0) <= game.capacity * (1 + 1e-9)).all()
        np.testing.assert_allclose(plan.value, welfare(game, price, plan.demand), rtol=1e-12)
        for j in range(len(price)):
            moved = [price * np.exp(sign * 1e-4 * (np.arange(len(price)) == j)) for sign in (-1, 1)]
            below, above = (planner.plan(p).value for p in moved)
            np.testing.assert_allclose(plan.slope[j], (above - below) / 2e-4, rtol=1e-5, atol=1e-6)
        for j in np.flatnonzero(plan.shadow_price > 0.0):
            more = np.where(np.arange(len(price)) == j, game.capacity * (1 + 1e-6), game.capacity)
            wider = Game().build(changed(random_round(seed), capacity_hz=more * 1e7))
            gain = (Planner(wider, True).plan(price).value - plan.value) / (1e-6 * game.capacity[j])
            np.testing.assert_allclose(gain, plan.shadow_price[j], rtol=1e-3, atol=1e-3)
            full += 1
    assert full > 20


def test_no_outcome_within_capacities_beats_the_planner(random_round, changed) -> None:
    full = 0
    for seed in range(8):
        made = planned_within(random_round, changed, seed)
        if made is None:
            continue
        game, _ = made
        found, equilibrium = social_optimum(game), game.solve()
        assert (found.demand.sum(axis=0) <= game.capacity * (1 + 1e-9)).all()
        best = welfare(game, found.price, found.demand)
        assert best >= welfare(game, equilibrium.price, equilibrium.demand) - 1e-9 * abs(best)
        full += bool(found.shadow_price.any())
    assert full > 2


@pytest.mark.parametrize(("leader_model", "seed"), [("anticipating", 4), ("myopic", 6), ("myopic", 11)])
def test_prices_at_a_kink_are_everyones_best(random_round, changed, leader_model, seed) -> None:
    made, rng = random_round(seed, deadline_share=0.0), np.random.default_rng(seed)
    sold = Game(leader_model=leader_model).build(made).solve().demand.sum(axis=0)
    capacity = sold * rng.uniform(0.6, 1.2, len(sold)) + 1e-3
    game = Game(leader_model=leader_model).build(changed(made, capacity_hz=capacity * 1e7))
    found = game.solve()
    is_full = found.demand.sum(axis=0) >= game.capacity * (1 - 1e-9)
    assert (is_full & (found.price < game.price_max)).any()
    np.testing.assert_allclose(best_price(game, found.price), found.price, rtol=1e-6)
    off = np.where(is_full, np.minimum(found.price * (1 + 1e-5), game.price_max), found.price)
    assert game.certify(off, game.best_demand(off)).leader_gap_relative.max() > 1e-6


def test_a_batch_is_refused() -> None:
    known = {"alpha": [20.0], "beta": [30.0], "ties": [[0.0]], "work_s": [[0.6]], "delay_s": [[0.5]]}
    batch = SocialGame.make(**known, cost=[[2.0], [3.0]], price_max=[15.0])
    for answer in (monopoly, simultaneous, social_optimum, lambda game: best_price(game, game.cost)):
        with pytest.raises(InputError, match=r"a batch of shape \(2,\), expected one game"):
            answer(batch)
