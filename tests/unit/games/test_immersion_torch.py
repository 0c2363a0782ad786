"""The immersion game on torch tensors: the same numbers as with NumPy, and exact gradients."""

from dataclasses import replace

import numpy as np
import pytest
from test_immersion import make
from test_immersion_properties import parameters, price_of

from simmig.games.immersion import ImmersionGame

torch = pytest.importorskip("torch")

DIFFERENTIABLE = ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "capacity")


@pytest.mark.parametrize("prices", ["individual", "uniform"])
@pytest.mark.parametrize("capacity", [np.inf, 0.3])
@pytest.mark.parametrize("share", [0.4, 1.0])
def test_torch_gives_the_numbers_of_numpy(prices, capacity, share) -> None:
    game = ImmersionGame.make(**parameters(31, (4,), share=share, capacity=capacity), prices=prices)
    price = price_of(game, 1)
    demand = game.best_demand(price)
    on_torch = torch.tensor(price)
    bought = game.best_demand(on_torch)
    assert isinstance(bought, torch.Tensor)
    np.testing.assert_allclose(bought.numpy(), demand, rtol=1e-11, atol=1e-13)
    for name in ("pairing", "follower_utility", "leader_utility", "welfare"):
        expected = getattr(game, name)(price, demand)
        np.testing.assert_allclose(getattr(game, name)(on_torch, torch.tensor(demand)).numpy(), expected, rtol=1e-11)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
@pytest.mark.parametrize("capacity", [1e6, 0.3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_demand_has_exact_gradients_in_prices_and_parameters(prices, capacity, seed) -> None:
    game = ImmersionGame.make(**parameters(seed, (2,), most=(4, 3), capacity=capacity), prices=prices)
    budget = np.where(np.isinf(game.budget), 3.0, game.budget)
    values = [torch.tensor(price_of(game, seed)), *(torch.tensor(getattr(game, name)) for name in DIFFERENTIABLE)]
    values[1 + DIFFERENTIABLE.index("budget")] = torch.tensor(budget)

    def demand(price, *tables):
        return replace(game, **dict(zip(DIFFERENTIABLE, tables, strict=True))).best_demand(price)

    assert demand(*values).sum() > 0.0
    assert torch.autograd.gradcheck(demand, [v.requires_grad_() for v in values], eps=1e-7, atol=1e-5, rtol=1e-4)


def test_gradients_hold_where_a_short_budget_meets_a_full_leader() -> None:
    # Follower 0 spends all it has at both leaders, follower 1 what it likes; leader 0 sells out.
    game = make(budget=[6.0, 1e6], capacity=[1.5, 1e6])
    price = np.array([[4.0, 3.0], [4.0, 3.0]])
    demand, shadow_price = game.respond(price)
    assert shadow_price[0] > 0.0
    assert (demand > 0.0).all()
    np.testing.assert_allclose((price * demand).sum(axis=1)[0], 6.0, rtol=1e-12)

    def bought(price, budget, capacity):
        return replace(game, budget=budget, capacity=capacity).best_demand(price)

    tables = (price, [6.0, 1e6], [1.5, 1e6])
    values = [torch.tensor(table, dtype=torch.float64, requires_grad=True) for table in tables]
    assert torch.autograd.gradcheck(bought, values, eps=1e-6, atol=1e-6, rtol=1e-5)


def test_a_follower_without_budget_or_leaders_has_a_gradient_without_nan() -> None:
    game = ImmersionGame.make(**parameters(4, share=0.3))
    game = replace(game, budget=np.full(game.budget.shape, np.inf))
    price = torch.tensor(price_of(game, 4), requires_grad=True)
    game.follower_utility(price, game.best_demand(price)).sum().backward()
    assert bool(torch.isfinite(price.grad).all())


def test_a_leaders_profit_has_no_slope_at_an_interior_equilibrium() -> None:
    drawn = parameters(9, share=1.0, most=(3, 3))
    game = ImmersionGame.make(**(drawn | {"budget": np.inf}))
    found = game.solve()
    inside = (found.price > 1.001 * game.cost) & (found.price < 0.999 * game.price_max) & (found.demand > 0.0)
    assert inside.any()
    for j in range(len(game.cost)):
        price = torch.tensor(found.price, requires_grad=True)
        game.leader_utility(price, game.best_demand(price))[j].backward()
        slope = price.grad.numpy()[:, j] * found.price[:, j]
        assert np.abs(slope[inside[:, j]]).max(initial=0.0) < 1e-9
