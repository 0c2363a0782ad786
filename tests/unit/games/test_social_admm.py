"""Algorithm 1 of 002 against the game's own solver, which shares no code with it, and against closed forms."""

import inspect
import re
from dataclasses import replace

import numpy as np
import pytest

from simmig.errors import InputError, NoEquilibrium
from simmig.games._social import admm, admm_stage, admm_sweeps, maxima
from simmig.games._social.admm import followers_by_admm, solve_by_admm
from simmig.games._social.admm_stage import stage_at
from simmig.games._social.admm_sweeps import first_state, settled, sweep
from simmig.games.social import Game, SocialGame

BIT_PER_UNIT_S = 1e7 * 38.5  # 10^7 Hz at the 38.5 bit/s/Hz of 002, Section VI


def section_vi_game(inputs, seed, masked=False, **settings):
    """A game as 002, Section VI, draws it: 2 to 6 followers, 2 to 4 leaders; half of them with deadlines that bind."""
    rng = np.random.default_rng(seed)
    shape = followers, leaders = int(rng.integers(2, 7)), int(rng.integers(2, 5))
    ties = np.triu(rng.normal(5.0, 1.0, (followers, followers)), 1)
    wait_s = rng.normal(5e9, 5e8, (followers, 1)) / np.maximum(rng.normal(15e9, 5e9, leaders), 6e9)
    deadline_s = rng.uniform(2.0, 4.0, followers)
    return Game(**settings).build(
        inputs(
            rng.normal(30.0, 1.0, followers),
            rng.normal(30.0, 1.0, followers),
            ties + ties.T,
            np.maximum(rng.normal(1.0, 0.5, leaders), 0.1),
            np.full(leaders, 15.0),
            eligible=rng.random(shape) < 0.6 if masked else None,
            work=np.repeat(rng.uniform(10.0, 50.0, (followers, 1)) * 8e6 / BIT_PER_UNIT_S, leaders, axis=1),
            delay_s=wait_s,
            deadline_s=np.where(rng.random(followers) < 0.5, deadline_s, 0.5 * deadline_s),
        )
    )


def random_prices(game, seed):
    return np.random.default_rng(seed).uniform(game.cost, game.price_max)


def late(game, price, demand):
    """Whose deadline binds."""
    time_s = game.expected_delay_s(price, demand)
    return np.isfinite(game.deadline_s) & (np.abs(time_s - game.deadline_s) < 1e-7)


def test_demand_agrees_with_the_convex_solver_on_games_of_section_vi(inputs) -> None:
    binding = slack = 0
    for seed in range(120):
        game = section_vi_game(inputs, seed, masked=seed % 3 == 2)
        price = random_prices(game, seed)
        found, expected = followers_by_admm(game, price), game.best_demand(price)
        assert found.converged
        np.testing.assert_allclose(found.demand, expected, rtol=0.0, atol=1e-9)
        is_late = late(game, price, expected)
        assert (found.multiplier[~is_late] == 0.0).all()
        assert (found.multiplier[is_late] > 0.0).all()
        binding, slack = binding + is_late.sum(), slack + (~is_late).sum()
    assert binding > 100
    assert slack > 100


@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_demand_agrees_at_the_prices_of_the_equilibrium(inputs, leader_model) -> None:
    for seed in range(25):
        game = section_vi_game(inputs, seed, leader_model=leader_model)
        found = game.solve()
        answer = followers_by_admm(game, found.price)
        np.testing.assert_allclose(answer.demand, found.demand, rtol=0.0, atol=1e-9)


def test_demand_agrees_with_the_convex_solver_on_unfriendly_games(random_round) -> None:
    for seed in range(100):
        game = Game().build(random_round(seed))
        price = random_prices(game, seed)
        found = followers_by_admm(game, price)
        assert found.converged
        np.testing.assert_allclose(found.demand, game.best_demand(price), rtol=0.0, atol=1e-9)
        assert (found.demand[~game.eligible] == 0.0).all()


def test_no_code_is_shared_with_the_convex_solver(inputs, monkeypatch) -> None:
    game = section_vi_game(inputs, 0)
    expected = game.solve().price
    for name in ("best_demand", "solve", "certify"):
        monkeypatch.setattr(SocialGame, name, None)
    found, _ = solve_by_admm(game)
    np.testing.assert_allclose(found.price, expected, rtol=1e-5)
    own = "".join(inspect.getsource(module) for module in (admm, admm_stage, admm_sweeps, maxima))
    used = set(re.findall(r"from simmig\.games\.(?:_social\.)?(\w+) import", own))
    # `admission` is the rule by which deadlines are dropped, not a solver; `social` is for its type alone.
    assert used == {"admission", "admm_stage", "admm_sweeps", "maxima", "social"}


def test_a_late_follower_of_one_leader_buys_what_its_deadline_asks(inputs) -> None:
    # b = 0.6 / (2 - 0.5) = 0.4; there the marginal value is 20 + eta 0.6 / 0.4^2 - 60 * 0.4 - 8 = 0.
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15], work=[[0.6]], delay_s=[[0.5]], deadline_s=[2.0]))
    found = followers_by_admm(game, np.array([8.0]))
    np.testing.assert_allclose(found.demand, [[0.4]], rtol=1e-10)
    np.testing.assert_allclose(found.multiplier, [12.0 * 0.16 / 0.6], rtol=1e-9)


def test_late_friends_of_two_leaders_meet_the_conditions_of_optimality(inputs) -> None:
    game = Game().build(
        inputs(
            *([20, 24], [30, 25], [[0, 5], [5, 0]], [2, 1], [15, 15]),
            work=[[0.6, 0.3], [0.5, 0.9]],
            delay_s=[[0.2, 0.4], [0.1, 0.3]],
            deadline_s=[1.9, 2.2],
        )
    )
    price = np.array([9.0, 12.0])
    found = followers_by_admm(game, price)
    np.testing.assert_allclose(game.expected_delay_s(price, found.demand), [1.9, 2.2], rtol=1e-10)
    b, eta = found.demand, found.multiplier[:, None]
    marginal = game.alpha[:, None] - 2 * game.beta[:, None] * b + game.ties @ b - price + eta * game.work / b**2
    assert (found.multiplier > 0.0).all()
    np.testing.assert_allclose(marginal, 0.0, atol=1e-8)


def test_followers_who_are_not_late_solve_the_linear_system(section_vi) -> None:
    price = np.array([9.0, 8.0])
    matrix = np.full((3, 3), -5.0) + 65.0 * np.eye(3)
    expected = np.linalg.solve(matrix, np.array([30.0, 25.0, 35.0])[:, None] - price)
    found = followers_by_admm(section_vi(), price)
    np.testing.assert_allclose(found.demand, expected, rtol=1e-10)
    assert found.multiplier.tolist() == [0.0, 0.0, 0.0]


def test_a_price_too_high_ends_demand(inputs) -> None:
    game = Game().build(inputs([12, 30], [30, 30], np.zeros((2, 2)), [1], [15]))
    np.testing.assert_allclose(followers_by_admm(game, np.array([13.0])).demand, [[0.0], [17 / 60]], rtol=1e-10)


@pytest.mark.parametrize("rho", [0.01, 1.0, 100.0])
def test_any_penalty_leads_to_the_same_demand(random_round, rho) -> None:
    for seed in range(40):
        game = Game().build(random_round(seed))
        price = random_prices(game, seed)
        found = followers_by_admm(game, price, rho=rho)
        assert found.converged
        np.testing.assert_allclose(found.demand, game.best_demand(price), rtol=0.0, atol=1e-9)


def test_fewer_than_two_hundred_sweeps_settle_a_game_of_section_vi(inputs) -> None:
    sweeps = []
    for seed in range(60):
        game = section_vi_game(inputs, seed)
        sweeps.append(len(followers_by_admm(game, random_prices(game, seed)).history.primal))
    assert max(sweeps) < 200
    assert np.median(sweeps) < 60


def test_the_history_ends_when_both_residuals_are_small(inputs) -> None:
    game = section_vi_game(inputs, 0)
    price = random_prices(game, 0)
    found = followers_by_admm(game, price, tolerance=1e-9)
    history, steps = found.history, len(found.history.primal)
    assert found.multiplier.max() > 0.0
    worst = np.maximum(history.primal, history.dual)
    assert worst[-1] <= 1e-9
    assert (worst[:-1] > 1e-9).all()
    assert history.dual.shape == (steps,)
    assert history.follower_utility.shape == (steps, len(game.alpha))
    np.testing.assert_array_equal(history.follower_utility[-1], game.follower_utility(price, found.demand))


def test_a_loop_cut_short_says_so(inputs) -> None:
    game = section_vi_game(inputs, 0)
    found = followers_by_admm(game, random_prices(game, 0), most=3)
    assert not found.converged
    assert len(found.history.primal) == 3


def test_a_penalty_too_small_to_move_a_multiplier_is_not_taken_for_success(inputs) -> None:
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15], work=[[0.6]], delay_s=[[0.5]], deadline_s=[2.0]))
    stage = stage_at(game, np.array([[8.0]]))
    start = replace(first_state(stage, 1.0), multiplier=np.array([[1.0]]), penalty=np.array([[1e-20]]))
    state = sweep(stage, start, adapt=False)
    assert state.multiplier.tolist() == [[1.0]]  # 3.2 would be right
    assert state.primal[0, 0] > 0.1


def test_a_price_out_of_bounds_is_refused(section_vi) -> None:
    with pytest.raises(ValueError, match="price of leader 1 is"):
        followers_by_admm(section_vi(), np.array([9.0, 15.5]))


def test_many_price_vectors_at_once_are_as_one_at_a_time(random_round) -> None:
    game = Game().build(random_round(2))
    price = np.random.default_rng(2).uniform(game.cost, game.price_max, (7, len(game.cost)))
    together = stage_at(game, price)
    demand, _ = settled(together, first_state(together, 3.0), 1e-10, 5_000)
    for row in range(7):
        alone = stage_at(game, price[row : row + 1])
        np.testing.assert_array_equal(demand[:, row], settled(alone, first_state(alone, 3.0), 1e-10, 5_000)[0][:, 0])


@pytest.mark.parametrize(
    ("leader_model", "expected"), [("anticipating", [13.036, 11.542]), ("myopic", [14.137, 12.704])]
)
def test_prices_of_002_fig_3(section_vi, leader_model, expected) -> None:
    game = section_vi(leader_model=leader_model)
    found, history = solve_by_admm(game)
    assert found.converged
    np.testing.assert_allclose(found.price, expected, atol=5e-4)
    np.testing.assert_allclose(found.price, game.solve().price, rtol=2e-6)
    np.testing.assert_allclose(found.leader_utility, game.leader_utility(found.price, found.demand), rtol=1e-14)
    assert found.certificate.leader_gap_relative.max() < 1e-9
    assert found.iterations == len(history.price)


@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_prices_agree_with_the_solver(inputs, random_round, leader_model) -> None:
    games = [section_vi_game(inputs, seed, masked=seed % 2 == 1, leader_model=leader_model) for seed in range(6)]
    games += [Game(leader_model=leader_model).build(random_round(seed)) for seed in [*range(8), 1000]]
    inside = 0
    for game in games:
        expected = game.solve()
        found, _ = solve_by_admm(game)
        assert found.converged
        np.testing.assert_allclose(found.price, expected.price, rtol=2e-6)
        np.testing.assert_allclose(found.demand, expected.demand, rtol=0.0, atol=1e-6)
        inside += ((found.price > game.cost) & (found.price < game.price_max)).sum()
    assert inside > 10


def test_the_outer_loop_runs_until_18_holds(inputs) -> None:
    game = section_vi_game(inputs, 7)
    found, history = solve_by_admm(game, threshold=1e-5)
    total = history.leader_utility.sum(axis=1)
    assert found.converged
    assert np.isnan(history.change[0])
    np.testing.assert_array_equal(history.change[1:], np.abs(total[1:] - total[:-1]))
    assert history.change[-1] <= 1e-5 * total[-1]
    assert (history.change[1:-1] > 1e-5 * total[1:-1]).any()
    np.testing.assert_array_equal(history.price[0], 0.5 * (game.cost + game.price_max))
    np.testing.assert_array_equal(history.price[-1], found.price)
    np.testing.assert_array_equal(history.follower_utility[-1], found.follower_utility)
    assert np.maximum(history.primal, history.dual).max() <= 1e-11
    assert history.sweeps.shape == history.primal.shape == total.shape


def test_leaders_who_chase_one_another_do_not_converge(chasing) -> None:
    found, history = solve_by_admm(Game().build(chasing))
    assert not found.converged
    assert 3 < len(history.price) < 50


def test_a_leader_that_cannot_earn_posts_its_cap(inputs) -> None:
    game = Game().build(inputs([20, 30], [30, 30], np.zeros((2, 2)), [2, 25, 1], [15, 28, 9], eligible=[[1, 1, 0]] * 2))
    found, _ = solve_by_admm(game)
    assert found.price[2] == 9.0
    np.testing.assert_allclose(found.price, game.solve().price, rtol=2e-6)


def capped_game(random_round, seed, deadline_share, low=0.6, **settings):
    """A random game whose leaders mostly have less, or a little more, to sell than they would."""
    made = random_round(seed, deadline_share=deadline_share)
    free, rng = Game(**settings).build(made), np.random.default_rng(seed)
    sold = free.solve().demand.sum(axis=0)
    capacity = np.where(rng.random(len(sold)) < 0.7, sold * rng.uniform(low, 1.2, len(sold)) + 1e-3, np.inf)
    return Game(**settings).build(replace(made, capacity_hz=capacity * 1e7))


def test_demand_and_shadow_prices_agree_within_capacities(random_round) -> None:
    full = dropped = unsettled = 0
    for seed in range(30):
        game = capped_game(random_round, seed, 0.6, low=0.7)
        price = random_prices(game, seed)
        demand, shadow_price = game.respond(price)
        found = followers_by_admm(game, price)
        if not found.converged:  # deadlines take nearly all there is: shadow prices far above any price
            assert shadow_price.max() > 5.0 * game.price_max.max()
            unsettled += 1
            continue
        np.testing.assert_allclose(found.demand, demand, rtol=0.0, atol=1e-9)
        np.testing.assert_allclose(found.shadow_price, shadow_price, rtol=1e-6, atol=1e-7)
        full += (shadow_price > 0.0).sum()
        served = game.eligible.any(axis=1)
        dropped += (game.expected_delay_s(price, demand) > game.deadline_s * (1 + 1e-9))[served].any()
    assert full > 20
    assert dropped > 0
    assert unsettled < 3


def test_a_full_leader_by_hand() -> None:
    # 0.1 units sold at 4 need 20 - 60 * 0.1 = 14 = 4 + s.
    known = {"alpha": [20.0], "beta": [30.0], "ties": [[0.0]], "work_s": [[0.6]], "delay_s": [[0.5]]}
    game = SocialGame.make(**known, cost=[2.0], price_max=[13.0], capacity=[0.1])
    found = followers_by_admm(game, np.array([4.0]))
    np.testing.assert_allclose(found.demand, [[0.1]], rtol=1e-10)
    np.testing.assert_allclose(found.shadow_price, [10.0], rtol=1e-9)


@pytest.mark.parametrize(
    ("leader_model", "deadline_share", "seeds"),
    [("anticipating", 0.0, (1,)), ("anticipating", 0.5, (11,)), ("myopic", 0.0, (6,)), ("myopic", 0.5, (8,))],
)
def test_prices_agree_with_the_solver_within_capacities(random_round, leader_model, deadline_share, seeds) -> None:
    for seed in seeds:
        game = capped_game(random_round, seed, deadline_share, leader_model=leader_model)
        expected = game.solve()
        found, _ = solve_by_admm(game)
        assert expected.converged
        assert found.converged
        np.testing.assert_allclose(found.price, expected.price, rtol=2e-6)  # a kink is found as exactly as a maximum
        np.testing.assert_allclose(found.demand, expected.demand, rtol=0.0, atol=1e-6)
        np.testing.assert_allclose(found.shadow_price, expected.shadow_price, rtol=1e-5, atol=1e-5)


def test_a_batch_or_a_deadline_that_must_not_be_dropped_is_refused(inputs) -> None:
    known = {"alpha": [20.0], "beta": [30.0], "ties": [[0.0]], "work_s": [[0.6]], "delay_s": [[0.5]]}
    batch = SocialGame.make(**known, cost=[[2.0], [3.0]], price_max=[15.0])
    tight = SocialGame.make(
        **known, cost=[2.0], price_max=[15.0], capacity=[0.3], deadline_s=[2.0], infeasible_deadline="error"
    )
    for answer in (solve_by_admm, lambda game: followers_by_admm(game, game.cost)):
        with pytest.raises(InputError, match=r"a batch of shape \(2,\), expected one game"):
            answer(batch)
        with pytest.raises(NoEquilibrium, match="leave follower 0 too little to meet its deadline of 2 s"):
            answer(tight)
