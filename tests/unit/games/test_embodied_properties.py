"""What holds for every embodied game: limits are kept, names do not matter, units scale, a batch is its games."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.games.embodied import EmbodiedGame

SEEDS = st.integers(min_value=0, max_value=10**6)
FEW = settings(max_examples=25, deadline=None)
EFFECTS = ["additive", "multiplicative"]


def random_parameters(seed: int, capped=False, full=False, scale=0.01) -> dict[str, np.ndarray]:
    """A game of 1 to 5 followers and 1 to 3 leaders with weak ties, or strong ones where capacities are finite."""
    rng = np.random.default_rng(seed)
    followers, leaders = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    ties = np.triu(rng.uniform(0.0, scale * (20.0 if capped else 1.0), (followers, followers)), 1)
    complement = np.triu(rng.uniform(0.0, scale, (leaders, leaders)), 1) * capped
    return {
        "delta": rng.uniform(10.0, 15.0, followers),
        "delay_cost": rng.uniform(1.0, 2.0, followers),
        "ties": ties + ties.T,
        "complement": complement + complement.T,
        "quality": rng.uniform(0.3, 0.6, leaders),
        "cost": rng.uniform(1.5, 3.0, leaders),
        "price_max": np.full(leaders, 15.0),
        "work_s": rng.uniform(0.2, 1.0, (followers, leaders)),
        "delay_s": rng.uniform(0.0, 0.4, (followers, leaders)),
        "capacity": rng.uniform(0.5, 5.0, leaders) if capped else np.full(leaders, np.inf),
        "eligible": np.ones((followers, leaders), bool) if full else rng.random((followers, leaders)) < 0.8,
    }


def prices(seed: int, parameters: dict[str, np.ndarray]) -> np.ndarray:
    return np.random.default_rng(seed + 1).uniform(3.0, 8.0, len(parameters["price_max"]))


@pytest.mark.parametrize("effects", EFFECTS)
@FEW
@given(seed=SEEDS)
def test_property_capacities_are_kept_and_priced(effects, seed) -> None:
    parameters = random_parameters(seed, capped=True)
    price = prices(seed, parameters)
    demand, shadow_price = EmbodiedGame.make(**parameters, effects=effects).respond(price)
    sales = demand.sum(axis=0)
    assert (demand >= 0.0).all()
    assert (demand[~parameters["eligible"]] == 0.0).all()
    assert (sales <= parameters["capacity"] * (1.0 + 1e-9)).all()
    assert (shadow_price >= 0.0).all()
    np.testing.assert_allclose(shadow_price * (parameters["capacity"] - sales), 0.0, atol=1e-8)


@pytest.mark.parametrize("effects", EFFECTS)
@FEW
@given(seed=SEEDS)
def test_property_no_follower_gains_alone(effects, seed) -> None:
    parameters = random_parameters(seed)
    game, price = EmbodiedGame.make(**parameters, effects=effects), prices(seed, parameters)
    assert game.certify(price, game.best_demand(price)).follower_gap_relative.max() < 1e-12


@pytest.mark.parametrize("effects", EFFECTS)
@FEW
@given(seed=SEEDS, rise=st.floats(min_value=1.001, max_value=2.0))
def test_property_demand_falls_in_the_own_price_and_grows_with_ties(effects, seed, rise) -> None:
    parameters = random_parameters(seed)
    price = prices(seed, parameters)
    demand = EmbodiedGame.make(**parameters, effects=effects).best_demand(price)
    dearer = price * np.where(np.arange(len(price)) == 0, rise, 1.0)
    less = EmbodiedGame.make(**parameters, effects=effects).best_demand(dearer)
    assert (less[:, 0] <= demand[:, 0]).all()
    assert less[:, 1:].tobytes() == demand[:, 1:].tobytes()
    more = EmbodiedGame.make(**{**parameters, "ties": 1.1 * parameters["ties"]}, effects=effects).best_demand(price)
    assert (more >= demand * (1.0 - 1e-14)).all()


@pytest.mark.parametrize("effects", EFFECTS)
@FEW
@given(seed=SEEDS)
def test_property_the_order_of_players_does_not_matter(effects, seed) -> None:
    parameters = random_parameters(seed, capped=True)
    price = prices(seed, parameters)
    i = np.random.default_rng(seed).permutation(len(parameters["delta"]))
    j = np.random.default_rng(seed).permutation(len(price))
    moved = {name: parameters[name][i] for name in ("delta", "delay_cost")}
    moved |= {name: parameters[name][j] for name in ("quality", "cost", "price_max", "capacity")}
    moved |= {name: parameters[name][np.ix_(i, j)] for name in ("work_s", "delay_s", "eligible")}
    moved |= {"ties": parameters["ties"][np.ix_(i, i)], "complement": parameters["complement"][np.ix_(j, j)]}
    demand = EmbodiedGame.make(**parameters, effects=effects).best_demand(price)
    np.testing.assert_allclose(
        EmbodiedGame.make(**moved, effects=effects).best_demand(price[j]), demand[np.ix_(i, j)], rtol=1e-8, atol=1e-9
    )


@pytest.mark.parametrize("effects", EFFECTS)
@FEW
@given(seed=SEEDS, unit=st.floats(min_value=0.5, max_value=3.0))
def test_property_money_has_no_unit(effects, seed, unit) -> None:
    # In the additive game all money scales; in the multiplicative one delta does and the effects are pure numbers.
    parameters = random_parameters(seed)
    price = prices(seed, parameters)
    scaled = {**parameters, **{name: unit * parameters[name] for name in ("delta", "cost", "price_max")}}
    if effects == "additive":
        scaled["ties"] = unit * parameters["ties"]
    one, other = EmbodiedGame.make(**parameters, effects=effects), EmbodiedGame.make(**scaled, effects=effects)
    np.testing.assert_allclose(other.best_demand(unit * price), one.best_demand(price), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(other.solve().price, unit * one.solve().price, rtol=1e-6)


@pytest.mark.parametrize("effects", EFFECTS)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, capped=st.booleans())
def test_property_a_batch_is_its_games(effects, seed, capped) -> None:
    parameters = random_parameters(seed, capped=capped, full=True)
    rng = np.random.default_rng(seed)
    batch = {
        name: np.stack([value if value.dtype == bool or np.isinf(value).all() else rng.uniform(0.9, 1.1) * value] * 3)
        for name, value in parameters.items()
        if name not in ("delta", "eligible")
    }
    batch["delta"] = parameters["delta"] * rng.uniform(0.9, 1.1, (3, 1))
    batch["eligible"] = rng.random((3, *parameters["eligible"].shape)) < 0.7
    price = np.stack([prices(seed + k, parameters) for k in range(3)])
    together = EmbodiedGame.make(**batch, effects=effects).best_demand(price)
    for k in range(3):
        alone = EmbodiedGame.make(**{name: value[k] for name, value in batch.items()}, effects=effects)
        np.testing.assert_allclose(together[k], alone.best_demand(price[k]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("effects", EFFECTS)
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_property_equilibria_are_certified(effects, seed) -> None:
    found = EmbodiedGame.make(**random_parameters(seed, scale=0.002), effects=effects).solve()
    assert found.converged
    assert found.certificate.leader_gap_relative.max() < 1e-8
    assert found.certificate.follower_gap_relative.max() < 1e-8


def test_the_same_game_has_the_same_bits() -> None:
    parameters = random_parameters(17, capped=True)
    first, second = (EmbodiedGame.make(**parameters).solve() for _ in range(2))
    assert first.price.tobytes() == second.price.tobytes()
    assert first.demand.tobytes() == second.demand.tobytes()
