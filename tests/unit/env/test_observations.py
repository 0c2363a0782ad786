"""By hand: two followers, three leaders, two slots remembered, one market.

Costs 1, 2, 4, caps 5, 8, 10; follower 0 may buy from leaders 0 and 1, follower 1 from 0 and 2.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from simmig.env.market import Market, Rules, Scales
from simmig.env.observations import Observation, followers_see, leaders_see, squashed, summary_of
from simmig.env.sources import FixedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame

COST, CAP = [1.0, 2.0, 4.0], [5.0, 8.0, 10.0]
ELIGIBLE = [[True, True, False], [True, False, True]]
PRICES = [[0.5, 0.25, 0.0], [0.75, 0.5, 1.0]]  # shares, of slots t-2 and t-1
DEMANDS = [[[0.2, 0.4, 0.0], [0.6, 0.0, 0.1]], [[0.3, 0.5, 0.0], [0.1, 0.0, 0.8]]]


def social(order=(0, 1, 2), more: int = 0, signals: bool = False) -> Market:
    """The market of this page; leaders in another order, or with `more` leaders that nobody can reach at the end."""
    cost, cap = ([*np.take(values, order), *[7.0] * more] for values in (COST, CAP))
    eligible = np.pad(np.take(ELIGIBLE, order, 1), ((0, 0), (0, more)))
    shape = eligible.shape
    game = SocialGame.make(
        alpha=[30.0, 25.0],
        beta=[20.0, 20.0],
        ties=np.zeros((2, 2)),
        work_s=np.ones(shape),
        delay_s=np.zeros(shape),
        cost=cost,
        price_max=cap,
        eligible=eligible,
    )
    source = FixedGame(game, np.array([[0.1], [0.2], [0.3]]) if signals else None)
    market = Market(source, 1, Rules(history=2), 1, scales=Scales(2.0, 10.0))
    market.past_price = padded(torch.from_numpy(np.take(PRICES, order, 1)[None]), more)
    market.past_demand = padded(torch.from_numpy(np.take(DEMANDS, order, 2)[None]), more, 0.0)
    return market


def padded(table: Tensor, more: int, value: float = 0.9) -> Tensor:
    return torch.nn.functional.pad(table, (0, more), value=value)


def individual() -> Market:
    game = ImmersionGame.make(
        delta=[10.0, 12.0],
        ssim=np.full((2, 3), 0.9),
        ssim_threshold=[0.5, 0.5],
        efficiency=np.full((2, 3), 4.0),
        budget=[9.0, 9.0],
        cost=COST,
        price_max=[[5.0, 8.0, 10.0], [7.0, 8.0, 6.0]],
        eligible=ELIGIBLE,
    )
    market = Market(FixedGame(game), 1, Rules(history=2), 1, scales=Scales(2.0, 10.0))
    wide = [[[0.5, 0.25, 0.0], [0.1, 0.35, 0.2]], [[0.75, 0.5, 1.0], [0.25, 0.7, 0.4]]]
    market.past_price = torch.tensor([wide], dtype=torch.float64)
    market.past_demand = torch.tensor([DEMANDS], dtype=torch.float64)
    return market


def assert_is(found: Tensor, expected) -> None:
    np.testing.assert_allclose(found.numpy(), np.array(expected), rtol=1e-6, atol=1e-7)
    assert found.dtype == torch.float32


def test_a_leader_sees_its_own_prices_and_mean_sales() -> None:
    seen = leaders_see(social(), "own")
    assert_is(seen.history[0, 0], [[0.5, 0.4], [0.75, 0.2]])  # two can buy: (0.2 + 0.6) / 2
    assert_is(seen.history[1, 0], [[0.25, 0.4], [0.5, 0.5]])
    assert_is(seen.history[2, 0], [[0.0, 0.1], [1.0, 0.8]])
    assert_is(seen.now[:, 0], [[0.2, 0.5, 2 / 3], [0.25, 0.8, 0.5], [0.4, 1.0, 0.5]])
    assert seen.others is None
    assert seen.sizes == (2, 2, 3, 0)


def test_public_adds_the_rivals_mean_price_mean_sales_and_lowest_price() -> None:
    """Prices over 10: slot t-2 (0.3, 0.35, 0.4), slot t-1 (0.4, 0.5, 1.0); sales x / (1 + x) of the totals."""
    seen = leaders_see(social(), "public")
    sales = [[0.8 / 1.8, 0.4 / 1.4, 0.1 / 1.1], [0.4 / 1.4, 0.5 / 1.5, 0.8 / 1.8]]
    assert_is(
        seen.history[0, 0],
        [
            [0.5, 0.4, 0.375, (sales[0][1] + sales[0][2]) / 2, 0.35],
            [0.75, 0.2, 0.75, (sales[1][1] + sales[1][2]) / 2, 0.5],
        ],
    )
    assert_is(
        seen.history[2, 0],
        [
            [0.0, 0.1, 0.325, (sales[0][0] + sales[0][1]) / 2, 0.3],
            [1.0, 0.8, 0.45, (sales[1][0] + sales[1][1]) / 2, 0.4],
        ],
    )
    assert torch.equal(seen.now, leaders_see(social(), "own").now)


def test_a_set_lists_each_rival_slot_by_slot() -> None:
    seen = leaders_see(social(), "set")
    assert seen.others is not None
    assert seen.is_other is not None
    assert_is(
        seen.others[1, 0],
        [[0.3, 0.8 / 1.8, 0.4, 0.4 / 1.4], [0.0, 0.0, 0.0, 0.0], [0.4, 0.1 / 1.1, 1.0, 0.8 / 1.8]],
    )
    assert seen.is_other[:, 0].tolist() == [[False, True, True], [True, False, True], [True, True, False]]
    assert torch.equal(seen.history, leaders_see(social(), "own").history)
    assert seen.sizes == (2, 2, 3, 4)


def test_full_is_every_price_and_purchase_for_everybody() -> None:
    seen = leaders_see(social(), "full")
    for leader in range(3):
        assert_is(seen.history[leader, 0], [[*PRICES[t], *DEMANDS[t][0], *DEMANDS[t][1]] for t in range(2)])


def test_the_signals_of_the_source_come_last_and_only_to_their_leader() -> None:
    now = leaders_see(social(signals=True), "own").now
    assert_is(now[:, 0, 3:], [[0.1], [0.2], [0.3]])


def test_with_individual_prices_a_leader_sees_each_follower() -> None:
    seen = leaders_see(individual(), "own")
    assert_is(seen.history[0, 0], [[0.5, 0.1, 0.2, 0.6], [0.75, 0.25, 0.3, 0.1]])
    assert_is(seen.history[2, 0], [[0.0, 0.2, 0.0, 0.1], [1.0, 0.4, 0.0, 0.8]])
    # Cost over cap, the cap over 10: means over those who may buy, caps (5 + 7) / 2, 8, 6.
    assert_is(seen.now[:, 0], [[1 / 6, 0.6, 2 / 3], [0.25, 0.8, 0.5], [4 / 6, 0.6, 0.5]])


def test_a_leader_with_one_price_for_all_sees_one() -> None:
    market = individual()
    market.past_price = market.past_price[:, :, :1].expand(1, 2, 2, 3)
    seen = leaders_see(market, "own", individual=False)
    assert_is(seen.history[0, 0], [[0.5, 0.4], [0.75, 0.2]])
    assert_is(seen.history[1, 0], [[0.25, 0.4], [0.5, 0.5]])


def test_a_rival_with_individual_prices_is_known_by_its_mean_price_to_those_who_may_buy() -> None:
    seen = leaders_see(individual(), "set")
    assert seen.others is not None
    first = [(3.0 + 1.6) / 2, (4.0 + 2.5) / 2]  # leader 0 asks 1 + 0.5 * 4 and 1 + 0.1 * 6, then 4 and 2.5
    assert_is(seen.others[1, 0, 0], [first[0] / 10, 0.8 / 1.8, first[1] / 10, 0.4 / 1.4])
    assert_is(seen.others[0, 0, 1], [(2 + 0.25 * 6) / 10, 0.4 / 1.4, (2 + 0.5 * 6) / 10, 0.5 / 1.5])


@pytest.mark.parametrize("make", [social, individual])
def test_own_sight_shows_nothing_of_what_rivals_do(make) -> None:
    before, market = leaders_see(make(), "own"), make()
    market.past_price[..., 1] = 0.123
    market.past_demand[..., 1] = 0.456
    after = leaders_see(market, "own")
    assert torch.equal(before.now, after.now)
    for leader, is_same in enumerate((True, False, True)):
        assert torch.equal(before.history[leader], after.history[leader]) == is_same
    for sight in ("public", "set"):
        was, now = leaders_see(make(), sight).flat(), leaders_see(market, sight).flat()
        assert not any(torch.equal(was[leader], now[leader]) for leader in range(3))


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_the_rivals_does_not_matter(order) -> None:
    straight, permuted = social(), social(order)
    for sight in ("own", "public"):
        one, other = leaders_see(straight, sight), leaders_see(permuted, sight)
        torch.testing.assert_close(other.flat(), one.flat()[list(order)])
    one, other = leaders_see(straight, "set"), leaders_see(permuted, "set")
    assert one.others is not None
    assert other.others is not None
    torch.testing.assert_close(other.others, one.others[list(order)][:, :, list(order)])


def test_leaders_that_nobody_can_reach_are_nobody_s_rivals() -> None:
    straight, wider = social(), social(more=2)
    for sight in ("own", "public"):
        torch.testing.assert_close(leaders_see(wider, sight).flat()[:3], leaders_see(straight, sight).flat())
    one, other = leaders_see(straight, "set"), leaders_see(wider, "set")
    assert one.others is not None
    assert other.others is not None
    assert other.is_other is not None
    torch.testing.assert_close(other.others[:3, :, :3], one.others)
    assert not other.others[:, :, 3:].any()
    assert not other.is_other[:, :, 3:].any()


def test_followers_see_all_prices_and_their_own_purchases_and_what_is_posted_now() -> None:
    market = social()
    market.post(torch.tensor([[0.5, 0.5, 0.25]]))  # prices 3, 5, 5.5
    seen = followers_see(market, "own")
    for follower in range(2):
        assert_is(seen.history[follower, 0], [[*PRICES[t], *DEMANDS[t][follower]] for t in range(2)])
    assert_is(seen.now[:, 0], [[0.3, 0.5, 0.0], [0.3, 0.0, 0.55]])


def test_followers_in_public_see_total_sales_and_in_full_every_purchase() -> None:
    market = social()
    market.post(torch.tensor([[0.5, 0.5, 0.25]]))
    totals = [[0.8, 0.4, 0.1], [0.4, 0.5, 0.8]]
    public, full = followers_see(market, "public"), followers_see(market, "full")
    for follower in range(2):
        own = [[*PRICES[t], *DEMANDS[t][follower]] for t in range(2)]
        assert_is(public.history[follower, 0], [[*own[t], *totals[t]] for t in range(2)])
        assert_is(full.history[follower, 0], [[*own[t], *DEMANDS[t][0], *DEMANDS[t][1]] for t in range(2)])


def test_now_shows_a_follower_the_prices_posted_and_nothing_of_the_past() -> None:
    market = social()
    market.post(torch.tensor([[0.5, 0.5, 0.25]]))
    seen = followers_see(market, "now")
    assert seen.sizes == (2, 0, 3, 0)
    assert torch.equal(seen.flat(), followers_see(market, "own").now)


def test_a_follower_sees_only_the_prices_that_it_is_asked() -> None:
    market = individual()
    market.post(torch.tensor([[[0.5, 0.5, 0.5], [0.25, 0.5, 0.5]]]))
    seen = followers_see(market, "own")
    assert_is(seen.history[0, 0, 1], [0.75, 0.5, 1.0, *DEMANDS[1][0]])
    assert_is(seen.history[1, 0, 1], [0.25, 0.7, 0.4, *DEMANDS[1][1]])
    assert_is(seen.now[:, 0], [[0.3, 0.5, 0.0], [0.25, 0.0, 0.5]])


@pytest.mark.parametrize("sight", ["own", "public", "set", "full"])
def test_what_is_seen_in_a_market_is_seen_there_alone(sight) -> None:
    """Three markets side by side: taking one of them gives what its numbers alone give."""
    game = social().game
    single = SocialGame.make(
        **{
            name: getattr(game, name)[0]
            for name in ("alpha", "beta", "ties", "delay_s", "cost", "price_max", "eligible")
        },
        work_s=game.work[0],  # type: ignore[attr-defined]
    )
    market = Market(FixedGame(single), 3, Rules(history=2), 1, scales=Scales(2.0, 10.0))
    market.past_price[1], market.past_demand[1] = social().past_price[0], social().past_demand[0]
    alone, found = leaders_see(social(), sight), leaders_see(market, sight).take(torch.tensor([1]))
    assert torch.equal(alone.flat(), found.flat())
    assert not torch.equal(leaders_see(market, sight).take(torch.tensor([2])).flat(), alone.flat())


def test_places_are_taken_from_all_that_is_seen() -> None:
    history, now, others = torch.rand(2, 5, 4, 5), torch.rand(2, 5, 6), torch.rand(2, 5, 7, 8)
    is_other = torch.rand(2, 5, 7) < 0.5
    found = Observation(history, now, others, is_other).take(torch.tensor([3, 0]))
    for ours, theirs in zip(found, (history, now, others, is_other), strict=True):
        assert ours is not None
        assert torch.equal(ours, torch.stack([theirs[:, 3], theirs[:, 0]], 1))


def test_flat_has_history_now_and_others_in_one_row() -> None:
    history, now, others = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 6), torch.rand(2, 3, 7, 8)
    flat = Observation(history, now, others, torch.ones(2, 3, 7, dtype=torch.bool)).flat()
    assert torch.equal(flat, torch.cat([history.reshape(2, 3, 20), now, others.reshape(2, 3, 56)], -1))


def test_the_summary_of_nobody_is_zero() -> None:
    others = torch.tensor([[0.4, 0.2], [0.6, 0.1]])
    assert_is(summary_of(others, torch.tensor([True, True])), [0.5, 0.15, 0.4])
    assert_is(summary_of(others, torch.tensor([False, True])), [0.6, 0.1, 0.6])
    assert_is(summary_of(others, torch.tensor([False, False])), [0.0, 0.0, 0.0])


def test_squashed_sales_stay_between_0_and_1() -> None:
    assert_is(squashed(torch.tensor([0.0, 1.0, 3.0])), [0.0, 0.5, 0.75])
