"""The agents that ship, each in a run, and what they are shown."""

import numpy as np
import pytest
from roads import cars, market, road

from simmig.contracts import FollowerView, GameInputs, LeaderView
from simmig.errors import AgentError, NoEquilibrium
from simmig.games.social import Game
from simmig.plugins import available, load
from simmig.rng import Draws

# What each game needs to know of vehicles and of RSUs.
GAMES = {
    "social": ("alpha = 30.0, beta = 30.0", ""),
    "immersion": ("delta = 15.0, budget = 20.0, ssim = 0.9, ssim_threshold = 0.5", ""),
    "embodied": ("delta = 12.0, delay_cost = 1.5", "defaults = { offer = { quality = 0.9, quality_threshold = 0.5 } }"),
}
LEADERS = ("stackelberg", "greedy", "best_so_far", "monopoly", "social_optimum", "fixed_price", "random")
FOLLOWERS = ("best_response", "greedy", "social_optimum", "random")


def street(leaders='kind = "stackelberg"', followers='kind = "best_response"', game="social"):
    preferences, offer = GAMES[game]
    return road(
        market(f'kind = "{game}"', leaders, followers),
        fleet=f"preferences = {{ {preferences} }}",
        rsus=offer,
        places_m={"a": (0.0, 0.0), "b": (500.0, -10.0), "c": (500.0, 20.0)},
    )


def test_all_are_found():
    assert set(LEADERS) | set(FOLLOWERS) | {"admm"} <= set(available("agents"))


def play(simulate, leaders, followers, game):
    text = street(f'kind = "{leaders}"', f'kind = "{followers}"', game=game)
    run = simulate(text, cars_csv=cars(12))
    assert run.summary["market"]["rounds"] >= 12
    assert run.rounds["price"].between(1.0, 15.0).all()
    return run


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("leaders", LEADERS)
def test_every_leader_plays_every_game(simulate, leaders, game):
    run = play(simulate, leaders, "best_response", game)
    assert run.summary["outcomes"]["completed"] >= 6
    assert run.rounds["follower_gap_relative"].max() < 1e-8


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("followers", FOLLOWERS)
def test_every_follower_plays_every_game(simulate, followers, game):
    run = play(simulate, "stackelberg", followers, game)
    assert run.summary["outcomes"]["completed"] >= 6
    assert run.rounds["leader_gap_relative"].max() < 1e-6


def test_admm_finds_the_prices_and_the_demands_of_the_equilibrium(simulate):
    exact, admm = (play(simulate, *pair, "social") for pair in (("stackelberg", "best_response"), ("admm", "admm")))
    np.testing.assert_allclose(admm.rounds["price"], exact.rounds["price"], rtol=1e-6)
    np.testing.assert_allclose(admm.rounds["demand_hz"], exact.rounds["demand_hz"], rtol=1e-6)


def test_admm_refuses_another_game_in_one_line(simulate):
    with pytest.raises(AgentError, match=r"agent admm plays the social game \(002\)"):
        play(simulate, "admm", "best_response", "immersion")


def test_greedy_leaders_best_reply_to_the_last_round(simulate):
    # Two RSUs that answer each other's last price meet at the equilibrium, from the caps they start at.
    greedy = play(simulate, "greedy", "best_response", "social").rounds
    exact = play(simulate, "stackelberg", "best_response", "social").rounds
    first, last = greedy["round"].min(), greedy["round"].max()
    gap = greedy.groupby("round")["leader_gap_relative"].max()
    assert gap[first] > 1e-6
    assert gap[last] < 1e-6
    np.testing.assert_allclose(
        greedy[greedy["round"] == last]["price"], exact[exact["round"] == last]["price"], rtol=1e-4
    )


def test_the_stackelberg_leaders_gain_nothing_by_moving_and_others_do(simulate):
    best = simulate(street(), cars_csv=cars(6)).rounds
    fixed = simulate(street('kind = "fixed_price", share = 0.1'), cars_csv=cars(6)).rounds
    assert best["leader_gap_relative"].max() < 1e-6
    assert fixed["leader_gap_relative"].max() > 0.05


def test_changing_an_agent_leaves_the_luck_of_requests_untouched(simulate):
    # The wait in the queue is drawn for (vehicle, attempt): whoever prices, it is the same.
    one = simulate(street(), cars_csv=cars(12)).migrations
    other = simulate(street('kind = "fixed_price"'), cars_csv=cars(12)).migrations
    keys = ["vehicle", "attempt"]
    both = one.merge(other, on=keys, suffixes=("_one", "_other"))
    done = both["completed_s_one"].notna() & both["completed_s_other"].notna()
    assert done.sum() >= 10
    # Moments are whole nanoseconds, so their difference is exact only to that.
    difference_s = (both["queue_delay_s_one"] - both["queue_delay_s_other"])[done].abs()
    assert difference_s.max() < 2e-9
    assert (both["transfer_delay_s_one"] - both["transfer_delay_s_other"])[done].abs().max() > 1e-3


def leader_view(**changes):
    shown = {
        "round": 0,
        "time_s": 0.0,
        "rsu": ("a",),
        "cost": np.array([1.0]),
        "price_max": np.array([15.0]),
        "eligible_count": np.array([2]),
        "followers": 2,
        "has_individual_prices": False,
        "last_price": np.array([np.nan]),
        "last_demand": np.array([np.nan]),
        "last_utility": np.array([np.nan]),
        "draws": Draws(1, "x"),
    }
    return LeaderView(**{**shown, **changes})


def test_best_so_far_tries_evenly_spaced_prices_then_keeps_the_best():
    agent = load("agents", "best_so_far", {"trials": 5})
    utility, posted = np.nan, []
    for round_ in range(8):
        price = float(agent.price(leader_view(round=round_, last_utility=np.array([utility])))[0])
        posted.append(price)
        utility = 10.0 - (price - 8.0) ** 2 / 10.0
    assert posted[:5] == pytest.approx([1.0, 4.5, 8.0, 11.5, 15.0])
    assert posted[5:] == [8.0, 8.0, 8.0]


def lone_game():
    ones = np.ones((1, 3))
    return Game().build(
        GameInputs(
            preferences={"alpha": np.array([30.0]), "beta": np.array([30.0])},
            ties=np.zeros((1, 1)),
            size_bit=np.array([8e7]),
            efficiency_bit_s_hz=38.5 * ones,
            delay_s=0.0 * ones,
            deadline_s=np.array([np.inf]),
            cost=np.array([6.0, 12.0, 40.0]),
            price_max=np.array([6.0, 12.0, 40.0]),
            capacity_hz=np.full(3, np.inf),
            eligible=np.array([[True, False, True]]),
        )
    )


def follower_view():
    return FollowerView(
        round=0,
        time_s=0.0,
        vehicle=("v",),
        preferences={"alpha": np.array([30.0]), "beta": np.array([30.0])},
        size_bit=np.array([8e7]),
        deadline_s=np.array([np.inf]),
        efficiency_bit_s_hz=np.array([[38.5, 38.5, 38.5]]),
        delay_s=np.zeros((1, 3)),
        price=np.array([6.0, 12.0, 40.0]),
        eligible=np.array([[True, False, True]]),
        bandwidth_unit_hz=1e7,
        offers={},
        alone=lone_game,
        draws=Draws(1, "x"),
    )


def test_greedy_followers_buy_the_lone_optimum():
    # (30 - 6) / 60 = 0.4; not eligible; too dear.
    assert load("agents", "greedy").demand(follower_view()).tolist() == [[0.4, 0.0, 0.0]]


def test_random_followers_draw_up_to_twice_the_lone_optimum():
    agent = load("agents", "random")
    view = follower_view()
    drawn = np.array([agent.demand(view)[0] for _ in range(400)])
    assert (drawn[:, 1:] == 0.0).all()
    assert drawn[:, 0].max() < 0.8
    assert abs(drawn[:, 0].mean() - 0.4) < 4.0 * 0.8 / np.sqrt(12.0 * 400)


def test_a_fixed_price_stays_inside_cost_and_cap():
    assert load("agents", "fixed_price", {"price_per_unit": 99.0}).price(leader_view()).tolist() == [15.0]
    assert load("agents", "fixed_price", {"share": 0.25}).price(leader_view()).tolist() == [4.5]


def test_a_round_without_an_equilibrium_names_its_vehicles(simulate):
    # Ties of 80 against 2 beta = 60: what two friends gain from one another outgrows what bandwidth costs them.
    ties = '\n[social]\nweight = 80.0\ngenerator = { kind = "complete_graph" }\n'
    rows = "id,t,x,y\n" + "".join(f"v{k},0,0,0\nv{k},60,600,0\n" for k in range(2))
    with pytest.raises(NoEquilibrium, match=r"round 0, followers v0, v1: "):
        simulate(street() + ties, cars_csv=rows)
