import math

import numpy as np
import pytest
import torch
from torch import Generator

from simmig.env.market import Market, Rules, Scales
from simmig.env.observations import followers_see, leaders_see
from simmig.env.sources import FixedGame
from simmig.games._papers import draw_001, draw_003
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame
from simmig.learning.evaluate import FIGURES, Yardstick, play, to_shares
from simmig.learning.learner import Actor, Shape
from simmig.learning.recipe import Recipe


def fig_3() -> SocialGame:
    """The game of 002, Fig. 3."""
    return SocialGame.make(
        alpha=[30.0, 25.0, 35.0],
        beta=[30.0, 30.0, 30.0],
        ties=5.0 * (1.0 - np.eye(3)),
        work_s=np.ones((3, 2)),
        delay_s=np.zeros((3, 2)),
        cost=[3.0, 1.0],
        price_max=[15.0, 15.0],
    )


def one_pair(budget: float = np.inf) -> ImmersionGame:
    return ImmersionGame.make(
        delta=[15.0],
        ssim=[[0.9]],
        ssim_threshold=[0.5],
        efficiency=[[8.0]],
        budget=[budget],
        cost=[2.0],
        price_max=[30.0],
    )


GAMES = {
    "social": fig_3(),
    "individual": ImmersionGame.make(**draw_001(np.random.default_rng(1), (), 3, 2, positive=True)),
    "uniform": ImmersionGame.make(**draw_001(np.random.default_rng(1), (), 3, 2, positive=True), prices="uniform"),
    "embodied": EmbodiedGame.make(**draw_003(np.random.default_rng(1), (), 3, 2)),
}


@pytest.fixture(scope="module")
def yardsticks() -> dict[str, Yardstick]:
    return {name: Yardstick(game) for name, game in GAMES.items()}


@pytest.mark.parametrize("name", GAMES)
def test_the_equilibrium_scores_zero(name, yardsticks) -> None:
    yardstick = yardsticks[name]
    score = yardstick.score(yardstick.found.price, yardstick.found.demand)
    assert score.price_error == 0.0
    assert score.collusion == pytest.approx(0.0, abs=1e-9)
    assert 0.0 <= score.nash_conv < 1e-6
    assert 0.0 <= score.follower_regret < 1e-6
    np.testing.assert_allclose(score.profit, yardstick.found.leader_utility, rtol=1e-12)


@pytest.mark.parametrize("name", GAMES)
def test_what_leaders_gain_most_from_together_is_collusion_of_one(name, yardsticks) -> None:
    yardstick = yardsticks[name]
    best = GAMES[name].monopoly()
    score = yardstick.score(best.price, best.demand)
    assert score.collusion == pytest.approx(1.0, rel=1e-9)
    assert score.price_error > 0.001
    assert score.nash_conv > 1e-6


def test_prices_are_clipped_to_what_the_market_admits(yardsticks) -> None:
    for name, game in GAMES.items():
        market = Market(FixedGame(game), 1, Rules(), 1)
        for share in (0.0, 1.0):
            price = market.price_at(torch.full_like(market.payoffs.cost, share))
            demand = market.reply(price)[0].numpy()
            edge = price[0].numpy()
            score = yardsticks[name].score(edge * (1.0 + (2 * share - 1) * 1e-7), demand)
            np.testing.assert_array_equal(score.price, edge)


def test_the_price_error_is_the_mean_over_prices_that_sell() -> None:
    """Nobody may buy from the second leader: its price is of no account."""
    game = SocialGame.make(
        alpha=[30.0, 25.0],
        beta=[30.0, 30.0],
        ties=np.zeros((2, 2)),
        work_s=np.ones((2, 3)),
        delay_s=np.zeros((2, 3)),
        cost=[3.0, 1.0, 2.0],
        price_max=[15.0, 15.0, 15.0],
        eligible=[[True, False, True], [True, False, True]],
    )
    yardstick = Yardstick(game)
    best = yardstick.found.price
    price = np.array([best[0] * 1.1, 14.0, best[2] * 0.96])
    score = yardstick.score(price, game.best_demand(price))
    assert score.price_error == pytest.approx((0.1 + 0.04) / 2, rel=1e-9)


def test_nash_conv_and_regret_against_a_search_by_hand() -> None:
    """002, Fig. 3 at prices 12 and 9: what each leader gains by its best price on a fine grid, over the profits."""
    game = fig_3()
    yardstick = Yardstick(game)
    price = np.array([12.0, 9.0])
    demand = game.best_demand(price)
    wrong = demand * 0.8
    profit = game.leader_utility(price, demand)
    gained = 0.0
    for leader in range(2):
        tried = np.linspace(game.cost[leader], 15.0, 4001)
        table = np.tile(price, (len(tried), 1))
        table[:, leader] = tried
        best = max(float(game.leader_utility(each, game.best_demand(each))[leader]) for each in table[::20])
        gained += best - profit[leader]
    value = yardstick.found.leader_utility.sum()
    score = yardstick.score(price, wrong)
    assert score.nash_conv == pytest.approx(gained / value, rel=1e-3)
    np.testing.assert_allclose(score.profit, game.leader_utility(price, wrong), rtol=1e-12)
    joint = game.monopoly().leader_utility.sum()
    assert score.collusion == pytest.approx((score.profit.sum() - value) / (joint - value), rel=1e-9)
    # A follower alone: the others' demands stay; without a deadline it buys (alpha + w b_others - p) / (2 beta).
    regret = 0.0
    theta = (1 / price) / (1 / price).sum()
    for i in range(3):
        others = wrong.sum(0) - wrong[i]
        worth = game.alpha[i] + 5.0 * others - price
        best_b = np.maximum(worth / 60.0, 0.0)
        regret += (theta * (worth * best_b - 30 * best_b**2 - worth * wrong[i] + 30 * wrong[i] ** 2)).sum()
    assert score.follower_regret == pytest.approx(regret / np.abs(yardstick.found.follower_utility).sum(), rel=1e-6)


def test_one_leader_has_nobody_to_collude_with() -> None:
    yardstick = Yardstick(one_pair())
    score = yardstick.score(np.array([[10.0]]), one_pair().best_demand(np.array([[10.0]])))
    assert math.isnan(score.collusion)
    assert score.price_error == pytest.approx(1.0 - 10.0 / math.sqrt(15.0 * math.log(1.8) * 8.0 * 2.0), rel=1e-9)


@pytest.mark.parametrize("seed", [0, 2])
def test_what_one_leader_gains_by_rounding_is_no_collusion(seed) -> None:
    game = EmbodiedGame.make(**draw_003(np.random.default_rng(seed), (), 4, 1))
    yardstick = Yardstick(game)
    alone = yardstick.found.leader_utility.sum()
    assert game.monopoly().leader_utility.sum() == pytest.approx(alone, rel=1e-12)  # often the last bit more
    assert math.isnan(yardstick.score(yardstick.found.price, yardstick.found.demand).collusion)


def test_a_game_without_trade_has_no_ratios() -> None:
    game = ImmersionGame.make(
        delta=[15.0], ssim=[[0.4]], ssim_threshold=[0.5], efficiency=[[8.0]], budget=[9.0], cost=[2.0], price_max=[30.0]
    )
    score = Yardstick(game).score(np.array([[10.0]]), np.zeros((1, 1)))
    assert score.price_error == 0.0
    assert all(math.isnan(value) for name, value in score.figures().items() if name != "price_error")
    assert tuple(score.figures()) == FIGURES


def actor(market: Market, recipe: Recipe, name: str = "leaders") -> Actor:
    wide = market.has_individual_prices and recipe.individual
    if name == "leaders":
        shape = Shape(
            market.leaders, leaders_see(market, "own", individual=recipe.individual).sizes, 2 if wide else 1, 1
        )
    else:
        shape = Shape(market.followers, followers_see(market, "own").sizes, market.leaders, 1)
    made = Actor(recipe, shape, Generator().manual_seed(1))
    with torch.no_grad():
        for number, parameter in enumerate(made.parameters()):
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=Generator().manual_seed(number)))
    return made


def test_a_play_explores_nothing_and_forgets_where_it_began() -> None:
    recipe = Recipe(width=8)
    found = []
    for seed in (1, 2):
        market = Market(FixedGame(fig_3()), 2, Rules(), seed)
        price, demand = play(market, {"leaders": actor(market, recipe)}, recipe)
        np.testing.assert_array_equal(demand.numpy(), market.game.best_demand(price.numpy()))
        found.append(price)
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=0.0)
    assert not torch.allclose(found[0][0], market.price_at(torch.full_like(found[0], 0.5))[0], rtol=1e-3)


def test_a_long_memory_is_forgotten_too() -> None:
    recipe = Recipe(width=8, history=30)
    found = []
    for seed in (1, 2):
        market = Market(FixedGame(fig_3()), 1, Rules(history=30, slots=4), seed)  # nor does an end of episodes matter
        found.append(play(market, {"leaders": actor(market, recipe)}, recipe)[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=0.0)


def test_without_actors_leaders_post_the_middle_and_followers_reply() -> None:
    market = Market(FixedGame(fig_3()), 1, Rules(), 1)
    price, demand = play(market, {}, Recipe())
    assert price.tolist() == [[9.0, 8.0]]
    np.testing.assert_array_equal(demand.numpy(), market.game.best_demand(price.numpy()))


def test_followers_who_learned_buy_by_what_they_see() -> None:
    recipe = Recipe(width=8, followers="learn", followers_see="own")
    market = Market(FixedGame(fig_3()), 1, Rules(), 1, scales=Scales(2.0, 15.0))
    market.post(torch.full((1, 2), 0.5))
    buyers = actor(market, recipe, "followers")
    _, demand = play(market, {"followers": buyers}, recipe)
    # Once the past is what it always is, the policy's answer to it is the last demand.
    share = buyers(followers_see(market, "own")).best()
    torch.testing.assert_close(demand, 2.0 * share.transpose(0, 1).double(), rtol=1e-4, atol=1e-6)


def test_shares_go_to_where_the_market_takes_them() -> None:
    table = torch.arange(24.0).view(2, 3, 4)  # [N, B, A]
    assert torch.equal(to_shares("followers", table, torch.Size((3, 2, 4))), table.permute(1, 0, 2))
    assert to_shares("leaders", table, torch.Size((3, 2))).tolist() == [[0.0, 12.0], [4.0, 16.0], [8.0, 20.0]]
    wide = to_shares("leaders", table, torch.Size((3, 4, 2)))
    assert all(wide[b, i, j] == table[j, b, i] for b in range(3) for i in range(4) for j in range(2))
    spread = to_shares("leaders", table[..., :1], torch.Size((3, 5, 2)))
    assert all(spread[b, i, j] == table[j, b, 0] for b in range(3) for i in range(5) for j in range(2))
