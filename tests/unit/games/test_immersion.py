"""The immersion game: hand cases of its equilibrium, who can serve whom, the plug-in, and what it refuses."""

import re

import numpy as np
import pytest

from simmig.contracts import GameInputs
from simmig.errors import InputError
from simmig.games.immersion import Game, ImmersionGame

TABLES = ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "cost", "price_max", "capacity", "eligible")
ONE = np.exp(-1.0)  # an SSIM threshold that makes S = 1 at SSIM 1


def make(**changes):
    """Two followers and two leaders with S = 1, q = 1, delta = 10, c = 1, caps of 30 and no budget."""
    given = {
        "delta": [10.0, 10.0],
        "ssim": np.ones((2, 2)),
        "ssim_threshold": [ONE, ONE],
        "efficiency": np.ones((2, 2)),
        "budget": np.inf,
        "cost": [1.0, 1.0],
        "price_max": [30.0, 30.0],
    }
    return ImmersionGame.make(**(given | changes))


def check_gaps(found, below=1e-12) -> None:
    """Assert that nobody could gain, as far as the certificate sees."""
    certificate = found.certificate
    assert found.converged.all()
    assert certificate.follower_gap_relative.max() < below
    assert certificate.leader_gap_relative.max() < below


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_slack_budgets_give_equation_36(prices) -> None:
    game = make(delta=[10.0, 10.0], efficiency=np.full((2, 2), 4.0), cost=[1.0, 2.0], prices=prices)
    found = game.solve()
    expected = np.sqrt(10.0 * 1.0 * 4.0 * np.array([1.0, 2.0]))
    np.testing.assert_allclose(np.broadcast_to(found.price, (2, 2)), np.broadcast_to(expected, (2, 2)), rtol=1e-14)
    np.testing.assert_allclose(found.demand, np.broadcast_to(10.0 / expected - 0.25, (2, 2)), rtol=1e-14)
    check_gaps(found)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_two_equal_leaders_share_a_tight_budget(prices) -> None:
    # Equation (32) over the active set: x^2 = e (R + x) with e = 1, R = 2, so x = 2 and each sells for 1.
    found = make(budget=2.0, efficiency=np.full((2, 2), 2.0), cost=[2.0, 2.0], prices=prices).solve()
    np.testing.assert_allclose(found.price, 4.0, rtol=1e-13)
    np.testing.assert_allclose(found.demand, 0.25, rtol=1e-13)
    check_gaps(found)


def test_at_the_kink_both_leaders_ask_what_just_spends_the_budget() -> None:
    # (36) asks 3.16 each and oversells 13; (32) asks 4.14 and would leave money: 10 - x = 13 / 2 holds.
    found = make(budget=13.0).solve()
    np.testing.assert_allclose(found.price, 3.5, rtol=1e-13)
    check_gaps(found)


def test_the_only_leader_takes_the_whole_budget_at_the_highest_price_that_does() -> None:
    found = make(budget=4.0, eligible=[[True, False], [True, False]]).solve()
    np.testing.assert_allclose(found.price[:, 0], 6.0, rtol=1e-14)
    np.testing.assert_allclose(found.demand, [[4 / 6, 0.0], [4 / 6, 0.0]], rtol=1e-14)
    check_gaps(found)


def test_a_rival_priced_out_by_competition_stands_ready_at_its_cost() -> None:
    # Leader 0 keeps the level at 5, where leader 1 would enter: 5 - x = R.
    found = make(budget=1.0, cost=[1.0, 5.0]).solve()
    np.testing.assert_allclose(found.price, [[4.0, 5.0], [4.0, 5.0]], rtol=1e-13)
    assert (found.demand[:, 1] == 0.0).all()
    check_gaps(found)


def test_caps_hold() -> None:
    found = make(price_max=[2.0, 30.0]).solve()
    np.testing.assert_allclose(found.price, [[2.0, np.sqrt(10)], [2.0, np.sqrt(10)]], rtol=1e-14)
    check_gaps(found)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_leaders_that_nobody_can_or_wants_to_buy_from_ask_their_caps(prices) -> None:
    ssim = np.array([[1.0, 1.0, 0.2], [1.0, 1.0, 0.2]])
    eligible = [[True, False, True], [True, False, True]]
    game = make(
        ssim=ssim,
        eligible=eligible,
        efficiency=np.ones((2, 3)),
        cost=[1.0, 1.0, 1.0],
        price_max=[30.0, 20.0, 10.0],
        prices=prices,
    )
    found = game.solve()
    np.testing.assert_array_equal(np.broadcast_to(found.price, (2, 3))[:, 1:], [[20.0, 10.0]] * 2)
    assert (found.demand[:, 1:] == 0.0).all()
    assert (found.leader_utility[1:] == 0.0).all()
    check_gaps(found)


def test_a_follower_without_leaders_buys_nothing_and_hurts_nobody() -> None:
    alone = make(budget=[2.0, 3.0]).solve()
    found = make(budget=[2.0, 3.0], eligible=[[True, True], [False, False]]).solve()
    np.testing.assert_array_equal(found.price[0], alone.price[0])
    np.testing.assert_array_equal(found.price[1], [30.0, 30.0])
    assert (found.demand[1] == 0.0).all()
    assert found.follower_utility[1] == 0.0


def test_water_filling_keeps_to_the_leaders_that_are_worth_their_price() -> None:
    # nu = (R + 1) / 1 = 3 with leader 0 alone, below the threshold 4 of leader 1; with 30 to spend, nu is delta.
    game = make(budget=[2.0, 30.0])
    np.testing.assert_allclose(game.best_demand(np.array([[1.0, 4.0], [1.0, 4.0]])), [[2.0, 0.0], [9.0, 1.5]])


def test_pairing_follows_the_bandwidth_bought() -> None:
    demand = np.array([[[3.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.25, 0.75]]])
    theta = make().pairing(np.ones((2, 2, 2)), demand)
    np.testing.assert_array_equal(theta, [[[0.75, 0.25], [0.0, 0.0]], [[0.5, 0.5], [0.25, 0.75]]])


def test_utilities_are_equations_8_and_11() -> None:
    game = make(efficiency=np.full((2, 2), 2.0))
    price, demand = np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([[1.0, 0.5], [0.0, 0.25]])
    followers = [10 * np.log(3) + 10 * np.log(2) - 5.0, 10 * np.log(1.5) - 1.5]
    np.testing.assert_allclose(game.follower_utility(price, demand), followers, rtol=1e-14)
    np.testing.assert_allclose(game.leader_utility(price, demand), [2.0, 1.5 + 1.25], rtol=1e-14)
    np.testing.assert_allclose(game.welfare(price, demand), sum(followers) + 4.75, rtol=1e-14)


def test_table_ii_of_001_gives_35_to_40_bit_per_hertz() -> None:
    # m in [20, 25] dBm, g in [-25, -22] dB, sigma^2 in [-116, -112] dBm: the presets of the paper.
    low, high = np.log2(1.0 + 10.0 ** (np.array([20 - 25 + 112, 25 - 22 + 116]) / 10.0))
    found = make(efficiency=[[low, high], [high, low]], budget=[5.0, 50.0]).solve()
    assert (low > 35.5) & (high < 39.6)
    check_gaps(found)


def test_the_certificate_sees_a_gain_that_is_left() -> None:
    game = make(budget=[2.0, 13.0])
    found = game.solve()
    price = found.price.copy()
    price[0, 0] *= 1.2
    certificate = game.certify(price, game.best_demand(price))
    assert certificate.leader_gap_relative[0] > 1e-3
    assert certificate.follower_gap_relative.max() < 1e-12
    less = game.certify(found.price, 0.9 * found.demand)
    assert less.follower_gap_relative.min() > 1e-3
    more = game.certify(found.price, 1.1 * found.demand)
    assert np.isinf(more.follower_gap).all()


def test_leaders_with_uniform_prices_who_chase_one_another_are_reported() -> None:
    # Leader 0 either serves follower 0 alone, dearly, or both, cheaply; which one pays depends on the rival.
    rng = np.random.default_rng(1)
    outcomes = []
    for _ in range(40):
        game = ImmersionGame.make(
            delta=rng.uniform(10, 20, 3),
            ssim=rng.uniform(0.6, 1.0, (3, 5)),
            ssim_threshold=rng.uniform(0.5, 0.55, 3),
            efficiency=np.full((3, 5), 37.0),
            budget=np.exp(rng.uniform(-0.7, 4.0, 3)),
            cost=rng.uniform(1, 4, 5),
            price_max=35.0 * np.ones(5),
            prices="uniform",
        )
        found = game.solve()
        outcomes.append((bool(found.converged), found.certificate.leader_gap_relative.max() < 1e-8))
    assert all(settled == certified for settled, certified in outcomes)
    assert {settled for settled, _ in outcomes} == {True, False}


def inputs(**changes) -> GameInputs:
    """A round of two vehicles and one RSU that sells 1 MHz in all."""
    given = {
        "preferences": {
            "delta": np.array([10.0, 12.0]),
            "ssim": np.array([1.0, 0.9]),
            "ssim_threshold": np.array([0.5, 0.55]),
        },
        "ties": np.zeros((2, 2)),
        "size_bit": np.ones(2),
        "efficiency_bit_s_hz": np.array([[4.0], [5.0]]),
        "delay_s": np.zeros((2, 1)),
        "deadline_s": np.full(2, np.inf),
        "cost": np.array([1.0]),
        "price_max": np.array([30.0]),
        "capacity_hz": np.array([1e6]),
        "eligible": np.ones((2, 1), dtype=bool),
        "offers": {"ssim": np.array([0.95])},
    }
    return GameInputs(**(given | changes))


def test_the_plug_in_builds_the_game_of_a_round() -> None:
    game = Game(bandwidth_unit_hz=1e5).build(inputs())
    np.testing.assert_allclose(game.ssim, [[0.95], [0.855]])
    np.testing.assert_array_equal(game.capacity, [10.0])
    assert np.isinf(game.budget).all()
    assert game.individual_prices
    assert game.solve().price.shape == (2, 1)
    uniform = Game(prices="uniform").build(inputs(offers={}))
    np.testing.assert_array_equal(uniform.ssim, [[1.0], [0.9]])
    assert not uniform.individual_prices
    assert uniform.solve().price.shape == (1,)


def test_a_missing_preference_is_named() -> None:
    with pytest.raises(InputError, match="delta, ssim; expected ssim_threshold among them"):
        Game().build(inputs(preferences={"delta": np.ones(2), "ssim": np.ones(2)}))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"delta": [10.0, np.nan]}, "delta of follower 1 is nan, expected a number above 0"),
        ({"delta": [0.0, 1.0]}, "delta of follower 0 is 0.0, expected a number above 0"),
        ({"ssim": [[1.0, 1.0], [1.0, 1.5]]}, "ssim of follower 1 and leader 1 is 1.5, expected above 0, at most 1"),
        ({"ssim_threshold": [0.5, 0.0]}, "ssim_threshold of follower 1 is 0.0, expected above 0, at most 1"),
        ({"efficiency": [[1.0, -1.0], [1.0, 1.0]]}, "efficiency of follower 0 and leader 1 is -1.0"),
        ({"budget": [1.0, -1.0]}, "budget of follower 1 is -1.0, expected 0 or more, or inf for none"),
        ({"budget": [[1.0, 1.0], [1.0, np.nan]]}, "budget of follower 1 of game [1] is nan"),
        ({"cost": [1.0, 0.0]}, "cost of leader 1 is 0.0, expected a number above 0"),
        ({"price_max": [30.0, 0.5]}, "price_max of follower 0 and leader 1 is 0.5, expected a finite number not below"),
        ({"price_max": np.inf}, "price_max of follower 0 and leader 0 is inf"),
        ({"capacity": [0.0, 1.0]}, "capacity of leader 0 is 0.0, expected above 0, or inf for none"),
        ({"cost": [1.0, 1.0, 1.0]}, "shapes do not fit together"),
        ({"prices": "both"}, "prices is 'both'"),
        ({"bandwidth_unit_hz": 0.0}, "bandwidth_unit_hz is 0.0"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(changes, line) -> None:
    with pytest.raises(InputError, match=re.escape(line)) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("odd", [np.nan, -3.0])
@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_numbers_of_pairs_that_are_not_eligible_do_not_matter(prices, odd) -> None:
    eligible = np.array([[True, False], [True, True], [False, False]])
    given = {"delta": [10.0] * 3, "ssim_threshold": [ONE] * 3, "eligible": eligible, "prices": prices}
    tables = {"efficiency": 1.5, "ssim": 0.9, "price_max": 30.0}
    for budget, capacity in ((3.0, np.inf), (np.inf, 0.6)):
        spoilt, plain = (
            make(
                **given,
                budget=budget,
                capacity=capacity,
                **{name: np.where(eligible, value, other) for name, value in tables.items()},
            )
            for other in (odd, 1.0)
        )
        for outcome in ("solve", "social_optimum", "monopoly", "simultaneous"):
            found, expected = getattr(spoilt, outcome)(), getattr(plain, outcome)()
            for name in ("demand", "shadow_price", "follower_utility", "leader_utility", "converged"):
                np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            serves = eligible if prices == "individual" else eligible.any(axis=0)
            np.testing.assert_array_equal(found.price[serves], expected.price[serves])
            assert np.isfinite(found.price).all()
        certificate, expected = (game.solve().certificate for game in (spoilt, plain))
        np.testing.assert_array_equal(certificate.follower_gap, expected.follower_gap)
        np.testing.assert_array_equal(certificate.leader_gap, expected.leader_gap)


def test_prices_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("price has shape [2], expected [2, 2]")):
        make().best_demand(np.array([3.0, 3.0]))


def test_parameters_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make().cost[0] = 2.0


@pytest.mark.parametrize("prices", ["individual", "uniform"])
def test_best_prices_beat_every_other_price_on_a_grid(prices):
    rng = np.random.default_rng(8)
    for _ in range(12):
        followers, leaders = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        game = ImmersionGame.make(
            delta=rng.uniform(10.0, 20.0, followers),
            ssim=rng.uniform(0.55, 1.0, (followers, leaders)),
            ssim_threshold=0.52,
            efficiency=rng.uniform(3.0, 40.0, (followers, leaders)),
            budget=rng.uniform(1.0, 15.0, followers),
            cost=rng.uniform(1.0, 4.0, leaders),
            price_max=rng.uniform(10.0, 35.0, leaders),
            eligible=rng.random((followers, leaders)) < 0.8,
            prices=prices,
        )
        shape = (followers, leaders) if prices == "individual" else (leaders,)
        price = game.cost + rng.random(shape) * (game.price_max.min(axis=0) - game.cost)
        best = game.best_price(price)
        assert ((best >= game.cost) & (best <= game.price_max.max(axis=0))).all()
        for place in np.ndindex(shape):
            tried = np.linspace(game.cost[place[-1]], game.price_max[:, place[-1]].min(), 400)
            earned = _earned(game, price, place, np.append(tried, best[place]))
            assert earned[-1] >= earned.max() - 1e-9 * max(1.0, abs(earned[-1]))


def _earned(game, price, place, values):
    """What the leader at `place` earns, for each value, if it alone changes this price."""
    changed = np.repeat(price[None], len(values), axis=0)
    changed[:, *place] = values
    many = ImmersionGame.make(
        **{name: np.broadcast_to(getattr(game, name), (len(values), *getattr(game, name).shape)) for name in TABLES},
        prices=game.prices,
    )
    return many.leader_utility(changed, many.best_demand(changed))[:, place[-1]]
