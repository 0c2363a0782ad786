"""The embodied game in torch: the same numbers as NumPy, and exact gradients of the followers' response."""

import numpy as np
import pytest

from simmig.games.embodied import EmbodiedGame

torch = pytest.importorskip("torch")

BASE = {
    "delta": np.array([10.0, 12.0, 15.0]),
    "delay_cost": np.array([1.0, 1.2, 0.8]),
    "ties": np.array([[0.0, 0.05, 0.02], [0.05, 0.0, 0.0], [0.02, 0.0, 0.0]]),
    "complement": np.array([[0.0, 0.04], [0.04, 0.0]]),
    "quality": np.array([0.5, 0.6]),
    "cost": np.array([1.0, 1.5]),
    "price_max": np.array([15.0, 15.0]),
    "work_s": np.array([[0.5, 0.4], [0.3, 0.6], [0.7, 0.2]]),
    "delay_s": np.array([[0.3, 0.2], [0.1, 0.2], [0.2, 0.3]]),
}
PRICE = np.array([5.0, 4.4])
LIMITS = {
    "free": {},
    "full": {"capacity": np.array([2.0, np.inf])},
    "late": {"deadline_s": np.array([0.55, np.inf, 0.5])},
    "full and late": {"capacity": np.array([2.4, 30.0]), "deadline_s": np.array([0.6, np.inf, np.inf])},
}


@pytest.mark.parametrize("effects", ["additive", "multiplicative"])
def test_torch_gives_the_numbers_of_numpy(effects) -> None:
    game = EmbodiedGame.make(**BASE, effects=effects)
    price = torch.tensor(PRICE)
    demand = game.best_demand(PRICE)
    np.testing.assert_allclose(game.best_demand(price).numpy(), demand, rtol=1e-12)
    for name in ("pairing", "follower_utility", "leader_utility", "welfare", "expected_delay_s"):
        expected = getattr(game, name)(PRICE, demand)
        np.testing.assert_allclose(getattr(game, name)(price, torch.tensor(demand)).numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("effects", ["additive", "multiplicative"])
@pytest.mark.parametrize("limits", LIMITS)
def test_gradients_are_exact(effects, limits) -> None:
    given = {**BASE, **LIMITS[limits]}
    names = ("delta", "delay_cost", "quality", "work_s") if limits != "full and late" else ("capacity",)

    def respond(price, *values):
        game = EmbodiedGame.make(**{**given, **dict(zip(names, values, strict=True))}, effects=effects)
        return game.best_demand(price)

    tensors = [torch.tensor(given[name], requires_grad=True) for name in names]
    price = torch.tensor(PRICE, requires_grad=True)
    demand, shadow_price = EmbodiedGame.make(**given, effects=effects).respond(PRICE)
    binds = (shadow_price > 0.0).any(), limits.endswith("late")
    assert binds[0] == limits.startswith("full")
    if binds[1]:
        late_s = EmbodiedGame.make(**given, effects=effects).expected_delay_s(PRICE, demand)
        np.testing.assert_allclose(late_s[0], given["deadline_s"][0], rtol=1e-12)
    torch.autograd.gradcheck(respond, (price, *tensors), eps=1e-6, atol=1e-6, rtol=1e-5)


def test_a_batch_carries_the_gradients_of_its_games() -> None:
    batch = {name: np.stack([value, 1.1 * value if name == "delta" else value]) for name, value in BASE.items()}
    price = torch.tensor(np.stack([PRICE, PRICE + 0.3]), requires_grad=True)
    EmbodiedGame.make(**batch).best_demand(price).sum().backward()
    for k in range(2):
        alone = torch.tensor(price.detach().numpy()[k], requires_grad=True)
        EmbodiedGame.make(**{name: value[k] for name, value in batch.items()}).best_demand(alone).sum().backward()
        np.testing.assert_allclose(price.grad.numpy()[k], alone.grad.numpy(), rtol=1e-10)
