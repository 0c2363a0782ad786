"""Matrix games on torch tensors: the same numbers as on NumPy arrays, and exact gradients."""

import numpy as np
import pytest

from simmig.games.matrix import BimatrixGame

torch = pytest.importorskip("torch")

METHODS = ("leader_utility", "follower_utility")


def game_and_strategies(seed=3, batch=(4,)):
    rng = np.random.default_rng(seed)
    game = BimatrixGame.make(*rng.normal(size=(2, *batch, 3, 5)))
    return game, rng.dirichlet(np.ones(3), batch), rng.dirichlet(np.ones(5), batch)


@pytest.mark.parametrize("method", METHODS)
def test_torch_gives_what_numpy_gives(method) -> None:
    game, x, y = game_and_strategies()
    found = getattr(game, method)(torch.tensor(x), torch.tensor(y))
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), getattr(game, method)(x, y), rtol=0, atol=1e-15)


def test_the_worth_of_actions_agrees_and_precision_is_kept() -> None:
    game, x, y = game_and_strategies()
    ours, theirs = game.leader_action_utility(torch.tensor(y)), game.follower_action_utility(torch.tensor(x))
    np.testing.assert_allclose(ours.numpy(), game.leader_action_utility(y), rtol=0, atol=1e-15)
    np.testing.assert_allclose(theirs.numpy(), game.follower_action_utility(x), rtol=0, atol=1e-15)
    assert game.leader_action_utility(torch.tensor(y, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_exact(method) -> None:
    game, x, y = game_and_strategies()
    inputs = torch.tensor(x, requires_grad=True), torch.tensor(y, requires_grad=True)
    assert torch.autograd.gradcheck(getattr(game, method), inputs)


def test_the_gradient_of_a_utility_is_the_worth_of_actions() -> None:
    game, x, y = game_and_strategies()
    leader, follower = torch.tensor(x, requires_grad=True), torch.tensor(y, requires_grad=True)
    game.leader_utility(leader, torch.tensor(y)).sum().backward()
    game.follower_utility(torch.tensor(x), follower).sum().backward()
    np.testing.assert_allclose(leader.grad.numpy(), game.leader_action_utility(y), rtol=0, atol=1e-15)
    np.testing.assert_allclose(follower.grad.numpy(), game.follower_action_utility(x), rtol=0, atol=1e-15)


def test_payoffs_and_strategies_may_be_tensors_with_gradients() -> None:
    payoff = torch.tensor([[2.0, 4.0], [1.0, 3.0]], requires_grad=True)
    game = BimatrixGame.make(payoff, torch.eye(2))
    assert game.payoff[0].tolist() == [[2, 4], [1, 3]]
    half = torch.tensor([0.5, 0.5], requires_grad=True)
    regret = game.certify_nash(half, torch.tensor([0.0, 1.0]))
    np.testing.assert_allclose(regret.gap, [0.5, 0.0], atol=1e-15)
