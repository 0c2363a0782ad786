import numpy as np
import pytest
import torch
from random_games import make, parameters, random_games
from torch import Tensor

from simmig.env.market import Market, Played, Rules, Scales
from simmig.env.sources import DrawnGames, FixedGame, Games
from simmig.errors import InputError
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame


def drawn(kind: str = "social") -> DrawnGames:
    def law(draw: np.random.Generator, batch: tuple[int, ...]) -> Games:
        game = make(kind, parameters(kind, draw, batch))
        return Games(game, draw.random((*batch, 3, 2)))

    return DrawnGames(law)


def fixed(kind: str = "social") -> FixedGame:
    return FixedGame(make(kind, parameters(kind, np.random.default_rng(5), ())))


def shares(market: Market, seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    shapes = market.payoffs.cost.shape, market.payoffs.eligible.shape
    price, demand = (torch.rand(shape, generator=draw, dtype=torch.float64) for shape in shapes)
    return price, demand


def play(market: Market, slots: int, *, replies: bool = False, first: int = 0) -> list[Played]:
    found = []
    for slot in range(first, first + slots):
        price, demand = shares(market, slot)
        market.post(price)
        found.append(market.buy(None if replies else demand))
    return found


def assert_same_plays(ones: list[Played], others: list[Played]) -> None:
    assert len(ones) == len(others)
    for one, other in zip(ones, others, strict=True):
        for name in ("price", "demand", "profit", "purchases", "utility"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
        assert one.is_over == other.is_over


@pytest.mark.parametrize("kind", ["social", "individual", "uniform", "additive"])
def test_a_share_of_0_is_the_cost_and_of_1_the_cap_and_beyond_is_clipped(kind) -> None:
    market = Market(drawn(kind), 4, Rules(), 1)
    low, high = market.payoffs.cost, market.payoffs.price_max
    for share, expected in ((0.0, low), (1.0, high), (-3.0, low), (7.0, high), (0.25, low + 0.25 * (high - low))):
        posted = market.post(torch.full_like(low, share))
        torch.testing.assert_close(posted, expected, rtol=1e-14, atol=0.0)
    assert ((market.post(shares(market, 1)[0]) >= low) & (market.price <= high)).all()


def test_what_is_bought_is_a_share_of_the_most_and_nothing_from_those_out_of_reach() -> None:
    market = Market(drawn(), 4, Rules(), 1)
    price, demand = shares(market, 1)
    market.post(price)
    played = market.buy(demand)
    eligible = market.payoffs.eligible
    torch.testing.assert_close(played.demand[eligible], demand[eligible] * market.demand_max, rtol=1e-14, atol=0.0)
    assert not played.demand[~eligible].any()
    market.post(price)
    most = market.buy(torch.full_like(demand, 5.0)).demand
    assert (most[eligible] == market.demand_max).all()


@pytest.mark.parametrize("kind", ["social", "individual", "multiplicative"])
def test_without_shares_followers_give_their_best_reply(kind) -> None:
    market = Market(fixed(kind), 2, Rules(), 1)
    price = market.post(shares(market, 3)[0])
    played = market.buy()
    np.testing.assert_array_equal(played.demand.numpy(), market.game.best_demand(price.numpy()))
    torch.testing.assert_close(
        played.utility, market.payoffs.purchases(price, played.demand).sum(-1), rtol=0.0, atol=0.0
    )
    torch.testing.assert_close(played.profit, market.payoffs.profit(price, played.demand), rtol=0.0, atol=0.0)


def one_deadline(deadline_s: float) -> FixedGame:
    game = SocialGame.make(
        alpha=[30.0, 30.0],
        beta=[10.0, 10.0],
        ties=np.zeros((2, 2)),
        work_s=np.full((2, 1), 1.5),
        delay_s=np.full((2, 1), 0.5),
        deadline_s=[deadline_s, np.inf],
        cost=[2.0],
        price_max=[12.0],
    )
    return FixedGame(game)


def test_a_follower_that_misses_its_deadline_gets_nothing_but_still_pays_the_leader() -> None:
    """002, equation (20). With 1 unit bought, T = 1.5 + 0.5 s: on time for 2.01 s, late for 1.99 s."""
    for deadline_s, expected in ((2.01, 30.0 - 10.0 - 7.0), (1.99, 0.0)):
        market = Market(one_deadline(deadline_s), 1, Rules(), 1, scales=Scales(1.0, 12.0))
        market.post(torch.tensor([[0.5]]))
        played = market.buy(torch.ones(1, 2, 1))
        assert played.utility[0].tolist() == pytest.approx([expected, 13.0])
        assert played.profit.item() == pytest.approx(2.0 * (7.0 - 2.0))


def test_a_follower_that_overspends_gets_nothing() -> None:
    game = ImmersionGame.make(
        delta=[10.0],
        ssim=[[0.9]],
        ssim_threshold=[0.5],
        efficiency=[[4.0]],
        budget=[6.0],
        cost=[1.0],
        price_max=[5.0],
    )
    market = Market(FixedGame(game), 1, Rules(), 1, scales=Scales(4.0, 5.0))
    found = []
    for bought in (0.49, 0.51):  # at price 3: 5.88 and 6.12
        market.post(torch.full((1, 1, 1), 0.5))
        found.append(market.buy(torch.full((1, 1, 1), bought)).utility.item())
    assert found[0] > 1.0
    assert found[1] == 0.0


def test_the_most_a_follower_may_ask_for_has_headroom_over_its_wish_at_the_lowest_prices() -> None:
    market = Market(fixed(), 1, Rules(), 1)
    assert market.demand_max == pytest.approx(1.25 * float(market.reply(market.payoffs.cost).max()), rel=1e-14)
    assert market.price_scale == float(market.payoffs.price_max.max())


def friends(price_max: float) -> FixedGame:
    """Two friends and one leader: they buy b with 10 / (b + e - 1) + b = p, which exists for p above 4.607."""
    game = EmbodiedGame.make(
        delta=[10.0, 10.0],
        delay_cost=[1.0, 1.0],
        ties=[[0.0, 1.0], [1.0, 0.0]],
        complement=[[0.0]],
        quality=[0.5],
        cost=[2.0],
        price_max=[price_max],
        work_s=np.ones((2, 1)),
        delay_s=np.zeros((2, 1)),
    )
    return FixedGame(game)


def test_where_demand_has_no_bound_the_lowest_price_with_one_sets_the_most() -> None:
    market = Market(friends(8.0), 1, Rules(), 1)  # no bound at 2 and 3.5, one at 5
    bought = market.demand_max / 1.25
    assert 10.0 / (bought + np.e - 1.0) + bought == pytest.approx(5.0, rel=1e-9)


def test_there_is_no_trade_at_prices_at_which_demand_has_no_bound() -> None:
    market = Market(friends(8.0), 1, Rules(), 1)
    market.post(torch.tensor([[0.25]]))
    assert not market.reply(market.price).isfinite().any()
    played = market.buy()
    assert not played.demand.any()
    assert not played.profit.any()
    assert played.utility.isfinite().all()
    market.post(torch.tensor([[0.5]]))
    assert market.buy().profit > 0.1


def test_a_market_in_which_demand_never_has_a_bound_is_refused() -> None:
    with pytest.raises(InputError, match="market: demand has no bound at any price; the game needs a capacity"):
        Market(friends(4.5), 1, Rules(), 1)


def test_a_market_needs_a_game() -> None:
    with pytest.raises(InputError, match="market: 0 games, expected at least 1"):
        Market(fixed(), 0, Rules(), 1)


def test_given_scales_hold() -> None:
    market = Market(fixed(), 1, Rules(), 1, scales=Scales(3.5, 20.0))
    price, demand = shares(market, 1)
    market.post(price)
    played = market.buy(demand)
    torch.testing.assert_close(played.demand, 3.5 * demand * market.payoffs.eligible, rtol=1e-14, atol=0.0)


def test_the_past_holds_the_last_slots_as_shares_the_last_one_last() -> None:
    market = Market(fixed(), 2, Rules(history=2, slots=9), 1)
    done = [shares(market, slot) for slot in range(3)]
    play(market, 3)
    for back, (price, demand) in zip((-2, -1), done[1:], strict=True):
        assert torch.equal(market.past_price[:, back], price)
        torch.testing.assert_close(market.past_demand[:, back], demand * market.payoffs.eligible, rtol=1e-14, atol=0.0)


def test_a_past_is_played_at_random_within_what_is_possible() -> None:
    market = Market(fixed(), 400, Rules(history=3), 1)
    eligible = market.payoffs.eligible[:, None].expand_as(market.past_demand)
    assert market.past_price.shape == (400, 3, 3)
    assert not market.past_demand[~eligible].any()
    for values in (market.past_price.flatten(), market.past_demand[eligible]):
        assert 0.0 <= values.min() < 0.01
        assert 0.99 < values.max() < 1.0
        assert abs(float(values.mean()) - 0.5) < 5 * (12 * len(values)) ** -0.5


@pytest.mark.parametrize("redraw", ["never", "episode", "slot"])
def test_same_seed_same_plays_bit_for_bit_and_another_seed_others(redraw) -> None:
    rules = Rules(history=2, slots=3, redraw=redraw)
    one, same, other = (Market(drawn(), 3, rules, seed) for seed in (4, 4, 5))
    torch.manual_seed(0)
    np.random.default_rng(0)
    ones = play(one, 8)
    torch.manual_seed(99)  # nobody's luck is that of the process
    assert_same_plays(ones, play(same, 8))
    assert torch.equal(one.past_price, same.past_price)
    assert torch.equal(one.signals, same.signals)
    assert not torch.equal(play(other, 1)[0].price, ones[0].price)


def test_an_episode_ends_after_its_slots_with_a_fresh_past() -> None:
    market = Market(fixed(), 2, Rules(history=2, slots=3), 1)
    done = play(market, 7)
    assert [each.is_over for each in done] == [False, False, True, False, False, True, False]
    assert market.slot == 1
    ended = Market(fixed(), 2, Rules(history=2, slots=3), 1)
    play(ended, 2)
    before = ended.past_price.clone()
    play(ended, 1, first=2)
    assert ended.slot == 0
    assert not torch.isin(ended.past_price, before).any()
    assert not torch.isin(ended.past_price, shares(ended, 2)[0]).any()


@pytest.mark.parametrize(
    ("redraw", "changes"),
    [("never", []), ("episode", [3, 6]), ("slot", [1, 2, 3, 4, 5, 6, 7])],
)
def test_fresh_games_come_when_the_rules_say(redraw, changes) -> None:
    market = Market(drawn(), 2, Rules(history=1, slots=3, redraw=redraw), 1)
    found, signals, game = [], market.signals, market.game
    for slot in range(1, 8):
        play(market, 1, first=slot)
        if not torch.equal(signals, market.signals):
            found.append(slot)
            assert not np.array_equal(game.alpha, market.game.alpha)  # type: ignore[attr-defined]
            assert torch.equal(market.payoffs.eligible, torch.tensor(market.game.eligible))  # type: ignore[attr-defined]
        signals, game = market.signals, market.game
    assert found == changes


def test_one_slot_is_paid_by_the_game_that_it_was_played_in() -> None:
    market = Market(drawn(), 2, Rules(slots=3, redraw="slot"), 1)
    game = market.game
    (played,) = play(market, 1, replies=True)
    assert market.game is not game
    np.testing.assert_array_equal(played.demand.numpy(), game.best_demand(played.price.numpy()))


@pytest.mark.parametrize("redraw", ["never", "episode", "slot"])
@pytest.mark.parametrize("after", [0, 2, 3, 4])
def test_a_market_goes_on_from_its_state_to_the_same_numbers(redraw, after) -> None:
    rules = Rules(history=2, slots=3, redraw=redraw)
    market = Market(drawn(), 3, rules, 4)
    play(market, after)
    tensors, facts = market.state()
    tensors = {name: value.clone() for name, value in tensors.items()}
    expected = play(market, 8, first=after)
    other = Market(drawn(), 3, rules, 77, scales=market.scales)
    play(other, 5)
    other.restore(tensors, facts)
    assert torch.equal(other.signals, tensors["signals"])
    assert_same_plays(expected, play(other, 8, first=after))
    assert torch.equal(market.past_price, other.past_price)
    assert torch.equal(market.past_demand, other.past_demand)


def test_purchases_without_a_bound_leave_no_nan_in_the_past() -> None:
    market = Market(fixed(), 2, Rules(), 1)
    market.post(shares(market, 1)[0])
    market.remember(torch.full(market.payoffs.eligible.shape, torch.nan))
    assert market.past_demand.isfinite().all()


def test_the_sizes_are_those_of_the_games() -> None:
    for kind in ("social", "individual", "uniform", "additive"):
        market = Market(drawn(kind), 2, Rules(), 1)
        assert (market.followers, market.leaders) == (4, 3)
        assert market.has_individual_prices == (kind == "individual")
        assert market.signals.shape == (2, 3, 2)


def test_a_batch_of_one_plays_as_that_place_of_a_larger_batch() -> None:
    game = random_games("social", 3, (5,))
    wide = Market(DrawnGames(lambda draw, batch: Games.silent(game)), 5, Rules(), 1, scales=Scales(2.0, 15.0))
    price, demand = shares(wide, 3)
    wide.post(price)
    played = wide.buy(demand)
    for place in range(5):
        given = {name: getattr(game, name)[place] for name in ("alpha", "beta", "ties", "delay_s", "deadline_s")}
        single = SocialGame.make(
            **given,
            work_s=game.work[place],
            cost=game.cost[place],
            price_max=game.price_max[place],
            eligible=game.eligible[place],
        )
        market = Market(FixedGame(single), 1, Rules(), 1, scales=Scales(2.0, 15.0))
        market.post(price[place : place + 1])
        alone = market.buy(demand[place : place + 1])
        torch.testing.assert_close(alone.utility[0], played.utility[place], rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(alone.profit[0], played.profit[place], rtol=1e-13, atol=1e-13)
