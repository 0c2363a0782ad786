import math

import numpy as np
import pytest
import torch
from random_games import KINDS, random_games, random_plays

from simmig.env.payoffs import payoffs_of, shares
from simmig.errors import InputError
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.matrix import MatrixGame
from simmig.games.social import SocialGame

SEEDS = (1, 2, 3)


def in_tensors(game, seed=2):
    price, demand = random_plays(game, seed)
    return payoffs_of(game), torch.from_numpy(price), torch.from_numpy(demand), price, demand


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_utilities_are_those_of_the_game(kind, seed) -> None:
    game = random_games(kind, seed)
    payoffs, *tensors, price, demand = in_tensors(game, seed)
    profit = payoffs.profit(*tensors).numpy()
    assert profit.shape == price.shape
    brought = profit.sum(-2) if kind == "individual" else profit
    np.testing.assert_allclose(brought, game.leader_utility(price, demand), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        payoffs.purchases(*tensors).sum(-1).numpy(), game.follower_utility(price, demand), rtol=1e-12, atol=1e-12
    )


def test_an_individual_profit_is_what_each_follower_brings() -> None:
    game = random_games("individual")
    payoffs, *tensors, price, demand = in_tensors(game)
    np.testing.assert_allclose(
        payoffs.profit(*tensors).numpy(), (price - game.cost[:, None, :]) * demand, rtol=1e-12, atol=0.0
    )


def waits_s(game, price, demand):
    """sum_j theta_ij (work_ij / b_ij + delay_ij), pair by pair, over the leaders that follower i may buy from."""
    work_s = game.work if isinstance(game, SocialGame) else game.work_s
    theta = game.pairing(price)
    found = np.zeros(demand.shape[:-1])
    for b, i, j in np.argwhere(game.eligible):
        sent_s = work_s[b, i, j] / demand[b, i, j] if demand[b, i, j] > 0.0 else np.inf
        found[b, i] += theta[b, i, j] * (sent_s + game.delay_s[b, i, j])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_where_purchases_are_separable_one_changes_no_other_of_its_follower(kind) -> None:
    game = random_games(kind)
    payoffs, price, demand, *_ = in_tensors(game)
    more = demand.clone()
    more[..., 1] += 0.3 * payoffs.eligible[..., 1]
    before, after = payoffs.purchases(price, demand), payoffs.purchases(price, more)
    assert not torch.isclose(before, after)[..., 1][payoffs.eligible[..., 1]].any()
    others = [0, 2]
    assert torch.equal(before[..., others], after[..., others]) == payoffs.is_separable
    assert payoffs.is_separable == (kind != "multiplicative")


@pytest.mark.parametrize("kind", ["social", "additive"])
def test_late_is_who_waits_longer_than_the_deadline(kind) -> None:
    for seed in SEEDS:
        game = random_games(kind, seed, (200,))
        payoffs, *tensors, price, demand = in_tensors(game, seed)
        expected = waits_s(game, price, demand) > game.deadline_s
        assert 0.02 < expected.mean() < 0.98
        np.testing.assert_array_equal(payoffs.is_late(*tensors).numpy(), expected)


@pytest.mark.parametrize("kind", ["individual", "uniform"])
def test_in_the_immersion_game_late_is_who_overspends(kind) -> None:
    game = random_games(kind, batch=(200,))
    payoffs, *tensors, price, demand = in_tensors(game)
    posted = price if kind == "individual" else price[:, None, :]
    spent = np.einsum("bij,bij->bi", np.broadcast_to(posted, demand.shape), demand)
    expected = spent > game.budget
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(payoffs.is_late(*tensors).numpy(), expected)


@pytest.mark.parametrize("kind", ["social", "individual", "additive", "multiplicative"])
def test_a_best_reply_is_never_late_and_a_hundredth_beyond_a_bound_that_binds_is(kind) -> None:
    game = random_games(kind, 4, (150,))
    payoffs = payoffs_of(game)
    price = torch.lerp(payoffs.cost, payoffs.price_max, torch.tensor(0.3, dtype=torch.float64))
    demand = game.best_demand(price.numpy())
    assert not payoffs.is_late(price, torch.from_numpy(demand)).any()
    if kind == "individual":
        binds = np.isclose((price.numpy() * demand).sum(-1), game.budget, rtol=1e-9)
        beyond = demand * 1.01
    else:
        binds = np.isclose(waits_s(game, price.numpy(), demand), game.deadline_s, rtol=1e-9)
        beyond = demand * 0.99
    assert binds.sum() > 5
    assert payoffs.is_late(price, torch.from_numpy(beyond)).numpy()[binds].all()


def test_who_buys_nothing_is_late_only_with_a_deadline() -> None:
    game = SocialGame.make(
        alpha=[[30.0, 30.0]],
        beta=[[30.0, 30.0]],
        ties=np.zeros((1, 2, 2)),
        work_s=np.ones((1, 2, 2)),
        delay_s=np.zeros((1, 2, 2)),
        deadline_s=[[np.inf, 3.0]],
        cost=[[1.0, 1.0]],
        price_max=[[15.0, 15.0]],
    )
    late = payoffs_of(game).is_late(torch.full((1, 2), 5.0), torch.zeros(1, 2, 2))
    assert late.tolist() == [[False, True]]


def test_demand_outside_the_logarithm_s_domain_breaks_the_rules_of_the_embodied_game() -> None:
    """003 (9) needs b + e - alpha T > 0; here e - alpha T = e - 3, about -0.28."""
    game = EmbodiedGame.make(
        delta=[[10.0, 10.0]],
        delay_cost=[[3.0, 3.0]],
        ties=np.zeros((1, 2, 2)),
        complement=np.zeros((1, 1, 1)),
        quality=[[[0.5], [0.5]]],
        cost=[[[1.0], [1.0]]],
        price_max=[[15.0]],
        work_s=np.ones((1, 2, 1)),
        delay_s=np.zeros((1, 2, 1)),
    )
    late = payoffs_of(game).is_late(torch.full((1, 1), 5.0), torch.tensor([[[0.2], [0.4]]]))
    assert late.tolist() == [[True, False]]


def test_a_worked_social_game() -> None:
    """Prices 2 and 6: theta = (3/4, 1/4). Follower 0 buys (1, 2), its friend (3, 0) with tie 0.5."""
    game = SocialGame.make(
        alpha=[[10.0, 8.0]],
        beta=[[2.0, 1.0]],
        ties=[[[0.0, 0.5], [0.5, 0.0]]],
        work_s=np.ones((1, 2, 2)),
        delay_s=np.zeros((1, 2, 2)),
        cost=[[1.0, 4.0]],
        price_max=[[9.0, 9.0]],
    )
    payoffs = payoffs_of(game)
    price = torch.tensor([[2.0, 6.0]], dtype=torch.float64)
    demand = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]], dtype=torch.float64)
    utility = [0.75 * 1 * (10 - 2 + 0.5 * 3 - 2) + 0.25 * 2 * (10 - 4 - 6), 0.75 * 3 * (8 - 3 + 0.5 - 2)]
    np.testing.assert_allclose(payoffs.purchases(price, demand).sum(-1), [utility], rtol=1e-14)
    np.testing.assert_allclose(payoffs.profit(price, demand), [[0.75 * 4 * 1, 0.25 * 2 * 2]], rtol=1e-14)


def test_a_worked_immersion_game() -> None:
    game = ImmersionGame.make(
        delta=[[10.0]],
        ssim=[[[0.9, 0.6]]],
        ssim_threshold=[[0.5]],
        efficiency=[[[4.0, 2.0]]],
        budget=[[100.0]],
        cost=[[1.0, 2.0]],
        price_max=[[9.0, 9.0]],
    )
    payoffs = payoffs_of(game)
    price = torch.tensor([[[3.0, 5.0]]], dtype=torch.float64)
    demand = torch.tensor([[[2.0, 1.0]]], dtype=torch.float64)
    first, second = payoffs.purchases(price, demand)[0, 0].tolist()
    assert first == pytest.approx(10 * math.log(1.8) * math.log(9.0) - 6, rel=1e-14)
    assert second == pytest.approx(10 * math.log(1.2) * math.log(3.0) - 5, rel=1e-14)
    assert payoffs.profit(price, demand).tolist() == [[[4.0, 3.0]]]


def test_a_uniform_price_ends_at_the_least_cap_of_those_who_may_buy() -> None:
    game = ImmersionGame.make(
        delta=[[10.0, 10.0]],
        ssim=[[[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]]],
        ssim_threshold=[[0.5, 0.5]],
        efficiency=np.full((1, 2, 3), 4.0),
        budget=[[9.0, 9.0]],
        cost=[[1.0, 1.0, 1.0]],
        price_max=[[[5.0, 7.0, 4.0], [6.0, 3.0, 8.0]]],
        eligible=[[[True, True, False], [True, False, False]]],
        prices="uniform",
    )
    payoffs = payoffs_of(game)
    assert payoffs.price_max[0, :2].tolist() == [5.0, 7.0]
    assert payoffs.price_max[0, 2] >= payoffs.cost[0, 2]  # nobody may buy: any interval will do


@pytest.mark.parametrize("kind", KINDS)
def test_prices_and_caps_have_the_shape_of_prices_and_never_cross(kind) -> None:
    game = random_games(kind, batch=(50,))
    payoffs = payoffs_of(game)
    shape = game.eligible.shape if kind == "individual" else game.capacity.shape
    assert payoffs.cost.shape == payoffs.price_max.shape == shape
    assert (payoffs.cost <= payoffs.price_max).all()
    assert payoffs.cost.isfinite().all()


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_an_embodied_leader_never_sells_below_its_cost_for_anybody(kind) -> None:
    game = random_games(kind, batch=(50,))
    payoffs = payoffs_of(game)
    dearest = np.where(game.eligible, game.cost, -np.inf).max(-2)
    is_open = game.eligible.any(-2)
    np.testing.assert_array_equal(payoffs.cost.numpy()[is_open], dearest[is_open])


def test_shares_add_to_one_and_a_row_of_zeros_stays_one() -> None:
    found = shares(torch.tensor([[1.0, 3.0], [0.0, 0.0], [1e-300, 0.0]], dtype=torch.float64))
    assert found.tolist() == [[0.25, 0.75], [0.0, 0.0], [1.0, 0.0]]


def test_tensors_are_copies_in_double_precision() -> None:
    game = random_games("social")
    payoffs = payoffs_of(game)
    payoffs.cost.fill_(0.0)
    assert (game.cost > 0.0).all()
    assert payoffs.price_max.dtype == torch.float64


def test_other_kinds_of_game_are_refused_by_name() -> None:
    game = MatrixGame.make([[[1.0, 0.0], [0.0, 1.0]]] * 2)
    with pytest.raises(InputError, match="MatrixGame: learners cannot play it, expected a social, immersion or embod"):
        payoffs_of(game)  # type: ignore[arg-type]
