"""Batches of social games: each is solved as if it were alone, and bad ones spoil nothing."""

import re

import numpy as np
import pytest

from simmig.errors import InputError, NoEquilibrium
from simmig.games._papers import draw_002
from simmig.games.social import SocialGame

NAMES = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")
FOUND = ("price", "demand", "shadow_price", "follower_utility", "leader_utility", "converged", "iterations")


def parameters(seed, batch, followers, leaders, hurry=0.65, spread=(1.0, 2.0)):
    """Games of the paper's parameters, some with tight deadlines, masks, and caps that end demand."""
    rng = np.random.default_rng(seed)
    drawn = draw_002(rng, batch, followers, leaders)
    made = {name: drawn[name] for name in NAMES}
    made["deadline_s"] = np.where(rng.random((*batch, followers)) < 0.6, hurry * made["deadline_s"], np.inf)
    made["price_max"] = made["price_max"] * rng.choice(spread, (*batch, 1))
    made["alpha"] = made["alpha"] * rng.uniform(0.3, 1.2, (*batch, followers))
    made["eligible"] = rng.random((*batch, followers, leaders)) < 0.8
    return made


def one(made, place):
    return {name: values[place] for name, values in made.items()}


@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
@pytest.mark.parametrize(
    ("batch", "followers", "leaders"), [((12,), 6, 3), ((2, 3), 15, 5), ((9,), 1, 1), ((5,), 3, 1)]
)
def test_a_game_has_the_same_bits_alone_and_among_others(batch, followers, leaders, leader_model) -> None:
    made = parameters(followers, batch, followers, leaders)
    found = SocialGame.make(**made, leader_model=leader_model).solve()
    assert found.converged.shape == batch
    for place in np.ndindex(*batch):
        alone = SocialGame.make(**one(made, place), leader_model=leader_model).solve()
        for name in FOUND:
            np.testing.assert_array_equal(getattr(found, name)[place], getattr(alone, name), err_msg=name)


def test_games_that_search_far_away_are_in_the_batch() -> None:
    made = parameters(6, (12,), 6, 3)
    found = SocialGame.make(**made).solve()
    assert found.iterations.max() >= 2 * found.iterations.min()  # nobody waits for the slowest
    assert (found.demand == 0.0)[made["eligible"]].any()


def test_blocks_of_games_do_not_show(monkeypatch) -> None:
    made = parameters(3, (20,), 5, 3)
    whole = SocialGame.make(**made).solve()
    monkeypatch.setattr("simmig.games._social.search._BLOCK", 50)
    monkeypatch.setattr("simmig.games._social.search._BLOCK_TRIALS", 500)
    parts = SocialGame.make(**made).solve()
    for name in FOUND:
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), err_msg=name)


def test_certificates_and_utilities_are_those_of_each_game() -> None:
    made = parameters(2, (2, 2), 4, 3)
    game = SocialGame.make(**made)
    found = game.solve()
    certificate = found.certificate
    theta, delay_s = game.pairing(found.price), game.expected_delay_s(found.price, found.demand)
    for place in np.ndindex(2, 2):
        alone = SocialGame.make(**one(made, place))
        price, demand = found.price[place], found.demand[place]
        np.testing.assert_array_equal(certificate.leader_gap[place], alone.certify(price, demand).leader_gap)
        np.testing.assert_array_equal(certificate.follower_gap[place], alone.certify(price, demand).follower_gap)
        np.testing.assert_array_equal(theta[place], alone.pairing(price))
        np.testing.assert_array_equal(delay_s[place], alone.expected_delay_s(price, demand))
        assert game.welfare(found.price, found.demand)[place] == alone.welfare(price, demand)
    assert found.converged.all()
    assert certificate.leader_gap_relative.max() < 1e-8
    assert certificate.follower_gap_relative.max() < 1e-8


def test_one_game_answers_many_prices() -> None:
    made = parameters(4, (), 6, 3)
    game = SocialGame.make(**made)
    price = np.random.default_rng(0).uniform(game.cost, game.price_max, (4, 5, 3))
    demand, theta = game.best_demand(price), game.pairing(price)
    utility = game.follower_utility(price, demand), game.leader_utility(price, demand)
    assert demand.shape == (4, 5, 6, 3)
    for place in np.ndindex(4, 5):
        np.testing.assert_array_equal(demand[place], game.best_demand(price[place]))
        np.testing.assert_array_equal(theta[place], game.pairing(price[place]))
        np.testing.assert_array_equal(utility[0][place], game.follower_utility(price[place], demand[place]))
        np.testing.assert_array_equal(utility[1][place], game.leader_utility(price[place], demand[place]))


def test_a_batch_answers_a_price_for_all_its_games() -> None:
    game = SocialGame.make(**parameters(5, (3,), 4, 2))
    price = np.full(2, 9.0)
    np.testing.assert_array_equal(game.best_demand(price), game.best_demand(np.full((3, 2), 9.0)))
    np.testing.assert_array_equal(game.best_demand(np.full((7, 1, 2), 9.0))[6], game.best_demand(price))


def test_a_game_without_equilibrium_spoils_no_other() -> None:
    made = parameters(7, (5,), 4, 2)
    made["ties"] = made["ties"].copy()
    made["ties"][3] *= 30.0
    game = SocialGame.make(**made)
    found = game.solve()
    assert list(found.failures) == [(3,)]
    assert re.match(
        r"game social: 2 diag\(beta\) - W is not positive definite among the followers of leader \d, ",
        found.failures[(3,)],
    )
    for name in ("price", "demand", "shadow_price", "follower_utility", "leader_utility"):
        assert np.isnan(getattr(found, name)[3]).all()
        assert not np.isnan(np.delete(getattr(found, name), 3, axis=0)).any()
    assert found.converged.tolist() == [True, True, True, False, True]
    assert np.isnan(found.certificate.leader_gap[3]).all()
    for b in (0, 1, 2, 4):
        np.testing.assert_array_equal(found.price[b], SocialGame.make(**one(made, b)).solve().price)
    with pytest.raises(NoEquilibrium) as caught:
        SocialGame.make(**one(made, 3))
    assert str(caught.value) == found.failures[(3,)]
    price = np.where(np.isnan(found.price), 1.0, found.price)
    assert np.isnan(game.best_demand(price)[3]).all()
    np.testing.assert_array_equal(game.best_demand(price)[4], found.demand[4])


def test_a_deadline_that_cannot_be_met_fails_one_game_or_is_dropped_in_it() -> None:
    made = parameters(8, (3,), 4, 2)
    made["deadline_s"] = made["deadline_s"].copy()
    made["deadline_s"][1, 2] = 1e-3
    made["eligible"][1, 2] = True
    assert SocialGame.make(**made).is_relaxed[1].tolist() == [False, False, True, False]
    found = SocialGame.make(**made, infeasible_deadline="error").solve()
    assert list(found.failures) == [(1,)]
    assert "follower 2 has a deadline of 0.001 s" in found.failures[(1,)]
    assert np.isfinite(found.price[[0, 2]]).all()


def test_outcomes_are_those_of_each_game() -> None:
    made = parameters(9, (2,), 3, 2)
    game = SocialGame.make(**made)
    for name in ("social_optimum", "monopoly", "simultaneous", "solve_by_admm"):
        found = getattr(game, name)()
        assert found.game is game
        for b in range(2):
            alone = getattr(SocialGame.make(**one(made, b)), name)()
            np.testing.assert_array_equal(found.price[b], alone.price)
            np.testing.assert_array_equal(found.demand[b], alone.demand)
    price = game.solve().price
    np.testing.assert_allclose(game.best_price(price), price, rtol=1e-4)
    np.testing.assert_allclose(game.best_demand_by_admm(price), game.best_demand(price), atol=1e-6)


def test_parameters_are_broadcast_copied_and_read_only() -> None:
    ties, cost = np.zeros((3, 3)), np.array([1.0, 2.0])
    game = SocialGame.make(
        alpha=[30.0] * 3, beta=30.0, ties=ties, work_s=np.ones((4, 1, 2)), delay_s=0.0, cost=cost, price_max=15.0
    )
    assert (game.beta.shape, game.ties.shape, game.cost.shape) == ((4, 3), (4, 3, 3), (4, 2))
    assert (game.capacity == np.inf).all()
    assert game.eligible.all()
    cost[:] = 99.0
    assert game.cost.max() == 2.0
    for name in (*NAMES, "capacity", "eligible", "is_relaxed"):
        assert not getattr(game, name.replace("work_s", "work")).flags.writeable, name


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("alpha", (1, 0, 2), np.inf, "alpha of follower 2 of game [1, 0] is inf"),
        ("beta", (0, 1, 1), 0.0, "beta of follower 1 of game [0, 1] is 0.0"),
        ("cost", (1, 1, 1), np.nan, "cost of leader 1 of game [1, 1] is nan, expected above 0"),
        (
            "price_max",
            (0, 0, 0),
            0.01,
            "price_max of leader 0 of game [0, 0] is 0.01, expected a finite number not below",
        ),
        ("capacity", (1, 0, 1), 0.0, "capacity of leader 1 of game [1, 0] is 0.0, expected above 0, or inf"),
        ("deadline_s", (0, 1, 0), -1.0, "deadline_s of follower 0 of game [0, 1] is -1.0"),
        ("work_s", (0, 1, 2, 1), 0.0, "work_s of follower and leader 2 and 1 of game [0, 1] is 0.0"),
        ("delay_s", (1, 1, 0, 0), np.nan, "delay_s of follower and leader 0 and 0 of game [1, 1] is nan"),
        ("ties", (1, 0, 0, 1), -1.0, "tie of followers 0 and 1 of game [1, 0] is -1.0, expected finite, not negative"),
        ("ties", (1, 0, 2, 2), 1.0, "tie of followers 2 and 2 of game [1, 0] is 1.0"),
    ],
)
def test_parameters_outside_the_model_are_refused_with_their_place(name, place, value, message) -> None:
    made = parameters(1, (2, 2), 3, 2) | {"capacity": np.ones((2, 2, 2)), "eligible": np.array(True)}
    made[name] = made[name].copy()
    made[name][place] = value
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        SocialGame.make(**made)
    assert "\n" not in str(caught.value)


def test_shapes_and_settings_are_checked() -> None:
    made = parameters(1, (2,), 3, 2)
    with pytest.raises(
        InputError, match=r"shapes do not fit together: alpha \[2, 3\], .*work_s \[2, 3, 2\].*cost \[2, 4\]"
    ):
        SocialGame.make(**made | {"cost": np.ones((2, 4))})
    with pytest.raises(InputError, match="leader_model is 'clever', expected anticipating or myopic"):
        SocialGame.make(**made, leader_model="clever")
    with pytest.raises(InputError, match="bandwidth_unit_hz is 0, expected a number above 0"):
        SocialGame.make(**made, bandwidth_unit_hz=0)
    with pytest.raises(ValueError, match=r"price of leader 1 of game \[0\] is 99.0, expected "):
        SocialGame.make(**made).best_demand(np.array([[5.0, 99.0], [5.0, 5.0]]))


def test_empty_games_of_a_batch_are_solved() -> None:
    made = parameters(2, (3,), 4, 2)
    made["eligible"][1] = False
    made["eligible"][2] = False
    found = SocialGame.make(**made).solve()
    np.testing.assert_array_equal(found.price[1:], made["price_max"][1:])
    assert (found.demand[1:] == 0.0).all()
    np.testing.assert_array_equal(found.price[0], SocialGame.make(**one(made, 0)).solve().price)


def test_a_quick_sample_of_the_papers_games_carries_its_certificate() -> None:
    for seed, (followers, leaders) in enumerate([(1, 1), (2, 4), (6, 4), (30, 3)]):
        drawn = draw_002(np.random.default_rng(seed), (6,), followers, leaders)
        found = SocialGame.make(**{name: drawn[name] for name in NAMES}).solve()
        certificate = found.certificate
        assert found.converged.all()
        assert max(certificate.leader_gap_relative.max(), certificate.follower_gap_relative.max()) < 1e-8
