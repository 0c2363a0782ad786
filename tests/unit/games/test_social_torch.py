"""The social game with torch: the same numbers as with NumPy, and exact gradients."""

import subprocess
import sys

import numpy as np
import pytest

from simmig.games.social import SocialGame

torch = pytest.importorskip("torch")
gradcheck = torch.autograd.gradcheck

CASES = [((), False), ((), True), ((2,), False), ((2,), True)]


def parameters(seed, batch, is_capped):
    """Games in which some are late and, if `is_capped`, some leaders are full; and prices inside their bounds."""
    rng = np.random.default_rng(seed)
    ties = np.triu(rng.uniform(0.0, 4.0, (*batch, 4, 4)), 1)
    made = {
        "alpha": rng.uniform(25.0, 35.0, (*batch, 4)),
        "beta": rng.uniform(25.0, 35.0, (*batch, 4)),
        "ties": ties + np.swapaxes(ties, -1, -2),
        "work_s": rng.uniform(0.3, 1.0, (*batch, 4, 3)),
        "delay_s": rng.uniform(0.0, 0.3, (*batch, 4, 3)),
        "deadline_s": rng.uniform(1.0, 2.5, (*batch, 4)),
        "cost": rng.uniform(1.0, 3.0, (*batch, 3)),
        "price_max": np.full((*batch, 3), 15.0),
        "eligible": rng.random((*batch, 4, 3)) < 0.85,
    }
    price = rng.uniform(made["cost"] + 0.5, 14.0)
    if is_capped:
        made["capacity"] = np.maximum(SocialGame.make(**made).best_demand(price).sum(axis=-2) * 0.9, 0.01)
    return made, price


def tensor(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(("batch", "is_capped"), CASES)
def test_tensors_give_the_same_numbers(batch, is_capped) -> None:
    made, price = parameters(1, batch, is_capped)
    game = SocialGame.make(**made)
    given = {name: torch.tensor(values) if values.dtype == float else values for name, values in made.items()}
    theirs, posted = SocialGame.make(**given), torch.tensor(price)
    demand = game.best_demand(price)
    bought = theirs.best_demand(posted)
    np.testing.assert_allclose(bought.numpy(), demand, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(game.best_demand(posted).numpy(), demand, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(theirs.best_demand(price).numpy(), demand, rtol=1e-12, atol=1e-13)
    for name in ("pairing", "follower_utility", "leader_utility", "expected_delay_s", "welfare"):
        for asked, tensors in ((theirs, (posted, bought)), (game, (posted, bought)), (theirs, (price, demand))):
            found = getattr(asked, name)(*tensors)
            if name != "pairing":
                assert isinstance(found, torch.Tensor)
            np.testing.assert_allclose(np.asarray(found), getattr(game, name)(price, demand), rtol=1e-12)
    np.testing.assert_array_equal(theirs.solve().price, game.solve().price)
    assert theirs.solve().game is theirs
    np.testing.assert_array_equal(theirs.certify(posted, bought).leader_gap, game.certify(price, demand).leader_gap)


@pytest.mark.parametrize(("batch", "is_capped"), CASES)
def test_gradients_of_demand_are_exact(batch, is_capped) -> None:
    made, price = parameters(1, batch, is_capped)
    names = ["alpha", "beta", "work_s", "deadline_s", "delay_s", "ties", *(["capacity"] if is_capped else [])]
    game = SocialGame.make(**made)
    demand, shadow_price = game.respond(price)
    is_late = game.expected_delay_s(price, demand) > game.deadline_s * (1 - 1e-9)
    assert is_late.any()
    assert is_capped == bool(shadow_price.any())

    def respond(posted, *values):
        given = made | dict(zip(names, values, strict=True))
        upper = torch.triu(given["ties"], 1)
        given["ties"] = upper + upper.transpose(-1, -2)
        return SocialGame.make(**given).best_demand(posted)

    values = [tensor(price), *(tensor(made[name]) for name in names)]
    assert gradcheck(respond, values, eps=1e-6, atol=1e-5, rtol=1e-4)


def test_gradients_of_utilities_are_exact() -> None:
    made, price = parameters(2, (2,), False)
    demand = SocialGame.make(**made).best_demand(price)
    names = ["alpha", "beta", "cost"]

    def utilities(posted, bought, *values):
        game = SocialGame.make(**made | dict(zip(names, values, strict=True)))
        return game.follower_utility(posted, bought), game.leader_utility(posted, bought), game.pairing(posted)

    values = [tensor(price), tensor(np.where(made["eligible"], demand + 0.1, 0.0)), *(tensor(made[n]) for n in names)]
    assert gradcheck(utilities, values, eps=1e-6, atol=1e-6, rtol=1e-5)


def test_gradients_hold_for_many_prices_of_one_game() -> None:
    made, price = parameters(3, (), False)
    game = SocialGame.make(**made)
    prices = tensor(np.stack([price, 0.9 * price, 0.8 * price]))
    assert gradcheck(game.best_demand, [prices], eps=1e-6, atol=1e-5, rtol=1e-4)


def test_who_buys_nothing_has_no_gradient_and_refused_games_give_nan() -> None:
    made, price = parameters(4, (2,), False)
    made["alpha"] = np.where(np.arange(4) == 0, 1e-3, made["alpha"])
    made["deadline_s"] = np.full((2, 4), np.inf)
    made["ties"] = made["ties"] * np.array([0.0, 20.0])[:, None, None]
    game = SocialGame.make(**made)
    assert list(game.refused) == [(1,)]
    posted = tensor(price)
    bought = game.best_demand(posted)
    assert torch.isnan(bought[1]).all()
    bought[0].sum().backward()
    expected = -(made["eligible"][0, 1:] * 0.5 / made["beta"][0, 1:, None]).sum(axis=0)
    np.testing.assert_allclose(posted.grad[0].numpy(), expected, rtol=1e-12)


def test_torch_is_not_imported_by_us() -> None:
    code = (
        "import sys, numpy as np\n"
        "from simmig.games.social import SocialGame\n"
        "game = SocialGame.make(alpha=[30.0], beta=[30.0], ties=[[0.0]], work_s=[[0.1]], delay_s=0.0, cost=[1.0],"
        " price_max=[15.0])\n"
        "game.certify(game.solve().price, game.best_demand(np.array([9.0])))\n"
        "assert 'torch' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
