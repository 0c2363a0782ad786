"""The social game with finite capacities: shadow prices, leaders who post what just fits, and the certificate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import NoEquilibrium
from simmig.games._papers import draw_002
from simmig.games._social.admission import first_lost
from simmig.games.social import Game, SocialGame

UNIT_HZ = 1e7
SEEDS = st.integers(0, 10**6)
QUICK = settings(deadline=None, max_examples=40, derandomize=True)


def capped(round_inputs, changed, seed, low=0.6, high=1.2, model="anticipating"):
    """A round whose leaders mostly have less, or a little more, to sell than they would; and the round without caps."""
    free = Game(leader_model=model).build(round_inputs)
    rng = np.random.default_rng(seed)
    found = free.solve()
    sold = found.demand.sum(axis=0)
    capacity = np.where(rng.random(len(sold)) < 0.7, sold * rng.uniform(low, high, len(sold)) + 1e-3, np.inf)
    return Game(leader_model=model).build(changed(round_inputs, capacity_hz=capacity * UNIT_HZ)), free, found


def test_one_full_leader_by_hand(inputs, changed) -> None:
    # Demand (30 - p) / 60 each, so (30 - p) / 30 in all: 0.4 units fit at p = 18, above the monopoly price 16.
    made = changed(inputs([30, 30], [30, 30], np.zeros((2, 2)), [2], [25]), capacity_hz=np.array([0.4 * UNIT_HZ]))
    game = Game().build(made)
    found = game.solve()
    np.testing.assert_allclose(found.price, [18.0], rtol=1e-12)
    np.testing.assert_allclose(found.demand, [[0.2], [0.2]], rtol=1e-12)
    np.testing.assert_allclose(found.shadow_price, [0.0], atol=1e-11)
    demand, shadow_price = game.respond(np.array([10.0]))
    np.testing.assert_allclose(demand, [[0.2], [0.2]], rtol=1e-12)
    np.testing.assert_allclose(shadow_price, [8.0], rtol=1e-12)
    np.testing.assert_allclose(game.follower_utility(np.array([10.0]), demand), [0.2 * (30 - 6 - 10)] * 2, rtol=1e-12)


def test_a_leader_rationed_at_its_cap(inputs, changed) -> None:
    made = changed(inputs([30, 30], [30, 30], np.zeros((2, 2)), [2], [15]), capacity_hz=np.array([0.4 * UNIT_HZ]))
    found = Game().build(made).solve()
    assert found.price.tolist() == [15.0]
    np.testing.assert_allclose(found.shadow_price, [3.0], rtol=1e-12)
    assert found.certificate.leader_gap_relative.max() < 1e-12
    assert found.certificate.follower_gap_relative.max() < 1e-12


@QUICK
@given(SEEDS)
def test_property_capacities_that_do_not_bind_change_no_bit(random_round, changed, seed) -> None:
    round_inputs = random_round(seed)
    free = Game().build(round_inputs)
    found = free.solve()
    capacity = np.array([free.best_demand(free.cost).sum() + found.demand.sum() + 1.0] * len(found.price))
    game = Game().build(changed(round_inputs, capacity_hz=capacity * UNIT_HZ))
    same = game.solve()
    for name in ("price", "demand", "shadow_price", "follower_utility", "leader_utility"):
        np.testing.assert_array_equal(getattr(same, name), getattr(found, name))
    price = np.random.default_rng(seed).uniform(free.cost, free.price_max)
    if (free.best_demand(price).sum(axis=0) <= capacity).all():
        np.testing.assert_array_equal(game.best_demand(price), free.best_demand(price))


@QUICK
@given(SEEDS)
def test_property_the_conditions_of_a_rationed_reply_hold(random_round, changed, seed) -> None:
    game, _, _ = capped(random_round(seed), changed, seed)
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    demand, shadow_price = game.respond(price)
    sold = demand.sum(axis=0)
    assert (sold <= game.capacity * (1 + 2e-12)).all()
    assert (shadow_price >= 0.0).all()
    full = shadow_price > 0.0
    np.testing.assert_allclose(sold[full], game.capacity[full], rtol=2e-12)
    marginal = game.alpha[:, None] + game.ties @ demand - 2 * game.beta[:, None] * demand - price - shadow_price
    time_s = game.expected_delay_s(price, demand)
    for i in np.flatnonzero(game.eligible.any(axis=1)):
        own = game.eligible[i]
        bought = own & (demand[i] > 0.0)
        nu = -marginal[i, bought] * demand[i, bought] ** 2 / game.work[i, bought]
        if np.isfinite(game.deadline_s[i]) and abs(time_s[i] / game.deadline_s[i] - 1.0) < 1e-9:
            np.testing.assert_allclose(nu, nu.mean(), rtol=1e-6, atol=1e-9)
            assert nu.mean() >= -1e-9
        else:
            np.testing.assert_allclose(nu, 0.0, atol=1e-8)
            assert (marginal[i, own & ~bought] <= 1e-9).all()


@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_without_deadlines_every_game_is_solved_and_certified(random_round, changed, leader_model) -> None:
    rationed = 0
    for seed in range(40):
        game, _, free = capped(random_round(seed, deadline_share=0.0), changed, seed, model=leader_model)
        found = game.solve()
        assert found.converged
        assert found.certificate.leader_gap_relative.max(initial=0.0) < 1e-9
        assert found.certificate.follower_gap_relative.max(initial=0.0) < 1e-9
        rationed += not np.array_equal(found.demand, free.demand)
    assert rationed > 20


@pytest.mark.slow
@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_with_deadlines_what_is_called_solved_is_certified(random_round, changed, leader_model) -> None:
    solved = unsolved = 0
    for seed in range(20):
        game, _, _ = capped(random_round(seed, deadline_share=0.5), changed, seed, model=leader_model)
        found = game.solve()
        certificate = found.certificate
        assert certificate.follower_gap_relative.max(initial=0.0) < 1e-9
        if found.converged:
            solved += 1
            assert certificate.leader_gap_relative.max(initial=0.0) < 1e-8
        else:
            unsolved += 1
            assert certificate.leader_gap_relative.max() > 1e-7
    assert solved > 10
    assert unsolved > 0


def test_leaders_who_chase_one_another_start_again_elsewhere(random_round, changed) -> None:
    game, _, free = capped(random_round(78, deadline_share=0.5), changed, 78)
    found = game.solve()
    assert found.converged
    assert found.price[0] == 15.0 > free.price[0]  # sold out even there, and so is no other
    assert found.shadow_price[0] > 0.0
    assert found.certificate.leader_gap_relative.max() < 1e-9


def test_a_game_has_the_same_bits_alone_and_among_others() -> None:
    drawn = draw_002(np.random.default_rng(0), (6,), 5, 3)
    made = {name: drawn[name] for name in ("alpha", "beta", "ties", "work_s", "delay_s", "cost", "price_max")}
    made["deadline_s"] = np.where(np.arange(6)[:, None] < 3, drawn["deadline_s"] * 0.7, np.inf)
    sold = SocialGame.make(**made).solve().demand.sum(axis=-2)
    made["capacity"] = np.where(np.arange(6)[:, None] % 3 == 2, np.inf, sold * np.array([0.8, 1.1, 1.0]))
    found = SocialGame.make(**made).solve()
    price = np.random.default_rng(1).uniform(made["cost"], made["price_max"])
    reply = SocialGame.make(**made).respond(price)
    assert (reply[1] > 0.0).any(axis=-1).sum() >= 2
    for b in range(6):
        alone = SocialGame.make(**{name: values[b] for name, values in made.items()})
        single = alone.solve()
        for name in ("price", "demand", "shadow_price", "leader_utility", "follower_utility", "converged"):
            np.testing.assert_array_equal(getattr(found, name)[b], getattr(single, name), err_msg=name)
        for one, other in zip(alone.respond(price[b]), reply, strict=True):
            np.testing.assert_array_equal(one, other[b])


def test_deadlines_are_kept_in_order_as_long_as_they_fit(inputs, changed) -> None:
    # Each needs 0.6 / (2 - 0.5) = 0.4 of one leader: of 1.0, the first two get theirs.
    made = inputs(
        [20] * 3, [30] * 3, np.zeros((3, 3)), [2], [15], work=[[0.6]] * 3, delay_s=[[0.5]] * 3, deadline_s=[2.0] * 3
    )
    made = changed(made, capacity_hz=np.array([1.0 * UNIT_HZ]))
    game = Game().build(made)
    demand, shadow_price = game.respond(np.array([10.0]))
    np.testing.assert_allclose(demand[:, 0], [0.4, 0.4, 10.0 / 60.0], rtol=1e-10)
    assert shadow_price.tolist() == [0.0]
    assert game.certify(np.array([10.0]), demand).follower_gap.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(
        NoEquilibrium, match=r"leave follower 2 too little to meet its deadline of 2 s .* at prices 10;"
    ):
        Game(infeasible_deadline="error").build(made).best_demand(np.array([10.0]))


@pytest.mark.parametrize("seed", range(12))
def test_room_for_deadlines_is_found_as_an_optimiser_finds_it(random_round, changed, seed) -> None:
    from scipy.optimize import linprog

    game, _, _ = capped(random_round(seed, deadline_share=1.0, least_leaders=2), changed, seed, 0.5, 0.9)
    pairs, price = game.rationed.market.pairs, 0.5 * (game.cost + game.price_max)
    lost = int(first_lost(pairs, price, game.capacity, 1)[0])
    theta, timed = pairs.theta(price), pairs.timed
    followers = pairs.follower[timed.pair[timed.start]]

    def load(count):
        """Least part of all capacities for the first `count`, by outer cuts of the convex times."""
        chosen = np.flatnonzero(np.isin(pairs.follower, followers[:count]))
        chosen = chosen[np.isin(chosen, timed.pair)]
        rows, limits, point = [], [], np.full(len(chosen), 1.0)
        for _ in range(80):
            for k, i in enumerate(followers[:count]):
                own = pairs.follower[chosen] == i
                weight = theta[chosen] * pairs.work[chosen] * own
                room = timed.deadline_s[k] - (theta * pairs.delay_s)[chosen[own]].sum()
                rows.append(np.append(-weight / point**2, 0.0))  # w / b >= 2 w / b0 - w b / b0^2
                limits.append(room - 2.0 * (weight / point).sum())
            fits = [
                np.append((pairs.leader[chosen] == j).astype(float), -game.capacity[j])
                for j in np.flatnonzero(np.isfinite(game.capacity))
            ]
            bounds = [(1e-6, 1e3)] * len(chosen) + [(0.0, None)]
            goal = np.append(np.zeros(len(chosen)), 1.0)
            found = linprog(goal, np.array(rows + fits), np.array([*limits, *[0.0] * len(fits)]), bounds=bounds)
            point = np.maximum(found.x[:-1], 1e-6)
        return found.fun

    is_last = lost < 0
    count = len(followers) if is_last else int(np.flatnonzero(followers == lost)[0])
    assert count == 0 or load(count) < 1.0
    assert is_last or load(count + 1) > 0.998


def test_a_deadline_that_must_not_be_dropped_fails_one_game_of_a_batch_and_no_other() -> None:
    # Each of three followers needs 0.6 / (2 - 0.5) = 0.4 at one leader, which has 1.0 in game 1 and 2.0 elsewhere.
    made = {
        "alpha": np.full((3, 3), 20.0),
        "beta": np.full((3, 3), 30.0),
        "ties": np.zeros((3, 3, 3)),
        "work_s": np.full((3, 3, 1), 0.6),
        "delay_s": np.full((3, 3, 1), 0.5),
        "deadline_s": np.full((3, 3), 2.0),
        "cost": np.full((3, 1), 2.0),
        "price_max": np.full((3, 1), 15.0),
        "capacity": np.array([[2.0], [1.0], [2.0]]),
    }
    game = SocialGame.make(**made, infeasible_deadline="error")
    for outcome in ("solve", "social_optimum", "simultaneous", "monopoly", "solve_by_admm"):
        found = getattr(game, outcome)()
        assert list(found.failures) == [(1,)], outcome
        assert "leave follower 2 too little to meet its deadline of 2 s" in found.failures[(1,)]
        assert np.isnan(found.price[1]).all()
        assert found.converged.tolist() == [True, False, True]
        for b in (0, 2):
            one = SocialGame.make(**{k: v[b] for k, v in made.items()}, infeasible_deadline="error")
            alone = getattr(one, outcome)()
            for name in ("price", "demand", "shadow_price", "leader_utility", "follower_utility"):
                np.testing.assert_array_equal(getattr(found, name)[b], getattr(alone, name), err_msg=outcome)
    assert np.isnan(game.solve().certificate.leader_gap[1]).all()
    price = np.full((3, 1), 10.0)
    for answer in (game.best_demand, game.best_demand_by_admm, game.best_price):
        with pytest.raises(
            NoEquilibrium, match=r"leave follower 2 too little .*; this is game \[1\] of the batch"
        ) as caught:
            answer(price)
        assert "\n" not in str(caught.value)
