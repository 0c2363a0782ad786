"""What must hold in every immersion game, whatever its parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.games._immersion_certificate import follower_gaps
from simmig.games._immersion_leaders import _BLOCK
from simmig.games.immersion import ImmersionGame

TABLES = ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "cost", "price_max", "capacity", "eligible")
SEEDS = st.integers(0, 2**32 - 1)
PRICES = st.sampled_from(["individual", "uniform"])


def parameters(seed: int, batch=(), share=0.7, most=(8, 5), capacity=np.inf) -> dict:
    """Draw a game of Table II of 001 with 1 to 8 followers and 1 to 5 leaders, some without budget."""
    rng = np.random.default_rng(seed)
    followers, leaders = int(rng.integers(1, most[0] + 1)), int(rng.integers(1, most[1] + 1))
    pairs = (*batch, followers, leaders)
    budget = np.exp(rng.uniform(-1.0, 4.0, pairs[:-1]))
    return {
        "delta": rng.uniform(10, 20, pairs[:-1]),
        "ssim": rng.uniform(0.4, 1.0, pairs),
        "ssim_threshold": rng.uniform(0.5, 0.55, pairs[:-1]),
        "efficiency": np.where(rng.random() < 0.5, rng.uniform(35, 40, pairs), rng.uniform(1, 9, pairs)),
        "budget": np.where(rng.random(pairs[:-1]) < 0.2, np.inf, budget),
        "cost": rng.uniform(1, 4, (*batch, leaders)),
        "price_max": rng.uniform(5, 35, (*batch, leaders)),
        "eligible": rng.random(pairs) < share,
        "capacity": capacity,
    }


def price_of(game: ImmersionGame, seed: int) -> np.ndarray:
    """Draw admissible prices."""
    rng = np.random.default_rng(seed + 1)
    shape = game.eligible.shape if game.individual_prices else game.cost.shape
    low = game.cost[..., None, :] if game.individual_prices else game.cost
    high = game.price_max if game.individual_prices else game.price_max.min(axis=-2)
    return low + (high - low) * rng.random(shape)


@settings(max_examples=150, deadline=None)
@given(SEEDS, PRICES)
def test_property_equilibrium_is_certified_and_keeps_its_bounds(seed, prices) -> None:
    game = ImmersionGame.make(**parameters(seed), prices=prices)
    found = game.solve()
    price = game.spread_price(found.price)
    assert ((price >= game.cost) & (price <= game.price_max)).all()
    assert (found.demand >= 0.0).all()
    assert (found.demand[~game.eligible] == 0.0).all()
    assert ((price * found.demand).sum(axis=-1) <= game.budget * (1.0 + 1e-12)).all()
    assert found.certificate.follower_gap_relative.max() < 1e-12
    # Individual prices always have an equilibrium; uniform ones that chase one another are reported.
    assert bool(found.converged) == bool(found.certificate.leader_gap_relative.max() < 1e-9)
    assert found.converged or prices == "uniform"


@settings(max_examples=100, deadline=None)
@given(SEEDS, PRICES, st.floats(0.01, 2.0))
def test_property_response_is_the_followers_best_within_capacities(seed, prices, capacity) -> None:
    game = ImmersionGame.make(**parameters(seed, capacity=capacity), prices=prices)
    price = price_of(game, seed)
    demand, shadow_price = game.respond(price)
    sales = demand.sum(axis=0)
    assert (sales <= capacity * (1.0 + 1e-12)).all()
    assert ((shadow_price == 0.0) | (sales >= capacity * (1.0 - 1e-10))).all()
    assert ((game.spread_price(price) * demand).sum(axis=1) <= game.budget * (1.0 + 1e-12)).all()
    gap = follower_gaps(game, game.spread_price(price), demand)
    assert (gap <= 1e-8 * game.follower_utility(price, demand) + 1e-12).all()
    np.testing.assert_array_equal(game.best_demand(price), demand)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.floats(0.01, 1.0) | st.just(np.inf))
def test_property_demand_falls_in_its_own_price_and_rises_in_others(seed, capacity) -> None:
    game = ImmersionGame.make(**parameters(seed, capacity=capacity, share=1.0), prices="uniform")
    price = price_of(game, seed)
    dearer = price.copy()
    dearer[0] *= 1.1
    before, after = game.best_demand(price).sum(axis=0), game.best_demand(dearer).sum(axis=0)
    assert after[0] <= before[0] * (1.0 + 1e-10) + 1e-12
    # A full leader sells as much at a higher price, and leaves its buyers less money for the others.
    assert np.isfinite(capacity) or (after[1:] >= before[1:] * (1.0 - 1e-10) - 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(SEEDS, PRICES)
def test_property_names_of_players_do_not_matter(seed, prices) -> None:
    given_ = parameters(seed)
    rng = np.random.default_rng(seed)
    rows, columns = (rng.permutation(n) for n in given_["ssim"].shape)
    shuffled = {
        "delta": given_["delta"][rows],
        "ssim_threshold": given_["ssim_threshold"][rows],
        "budget": given_["budget"][rows],
        "cost": given_["cost"][columns],
        "price_max": given_["price_max"][columns],
        **{name: given_[name][np.ix_(rows, columns)] for name in ("ssim", "efficiency", "eligible")},
    }
    plain = ImmersionGame.make(**given_, prices=prices).solve()
    if prices == "uniform":
        # Leaders move in turn, so at a kink, where equilibria are many, the order of leaders decides between them.
        price = plain.price[columns]
        np.testing.assert_allclose(
            ImmersionGame.make(**shuffled, prices=prices).best_demand(price),
            plain.demand[np.ix_(rows, columns)],
            rtol=1e-9,
            atol=1e-12,
        )
        return
    found = ImmersionGame.make(**shuffled, prices=prices).solve()
    np.testing.assert_allclose(found.price, plain.price[np.ix_(rows, columns)], rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(SEEDS, PRICES, st.sampled_from([1e-3, 10.0, 1e6]))
def test_property_units_of_bandwidth_and_money_scale_through(seed, prices, factor) -> None:
    given_ = parameters(seed, capacity=0.5)
    plain = ImmersionGame.make(**given_, prices=prices).solve()
    per_unit = {name: given_[name] * factor for name in ("efficiency", "cost", "price_max")}
    finer = ImmersionGame.make(**(given_ | per_unit | {"capacity": 0.5 / factor}), prices=prices).solve()
    np.testing.assert_allclose(finer.price, plain.price * factor, rtol=1e-7)
    np.testing.assert_allclose(finer.demand, plain.demand / factor, rtol=1e-6, atol=1e-9 / factor)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
@pytest.mark.parametrize("capacity", [np.inf, 0.3])
def test_a_batch_is_its_games_one_at_a_time(prices, capacity) -> None:
    batch = ImmersionGame.make(**parameters(5, (2, 20), most=(8, 5), capacity=capacity), prices=prices)
    together = batch.solve()
    for place in np.ndindex(2, 20):
        one = ImmersionGame.make(**{name: getattr(batch, name)[place] for name in TABLES}, prices=prices)
        alone = one.solve()
        np.testing.assert_allclose(together.price[place], alone.price, rtol=1e-12)
        np.testing.assert_allclose(together.demand[place], alone.demand, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(together.shadow_price[place], alone.shadow_price, rtol=1e-12, atol=1e-15)
        assert together.converged[place] == alone.converged
        assert together.iterations[place] == alone.iterations


def test_individual_prices_are_the_same_bits_in_any_batch_and_with_any_empty_slots() -> None:
    batch = ImmersionGame.make(**parameters(7, (_BLOCK,), share=0.6, most=(3, 5)))
    found = batch.solve()
    for g in (0, 1, _BLOCK - 1):
        alone = ImmersionGame.make(**{name: getattr(batch, name)[g] for name in TABLES}).solve()
        np.testing.assert_array_equal(found.price[g], alone.price)


def test_capacities_that_do_not_bind_change_no_bit() -> None:
    free = ImmersionGame.make(**parameters(3, (50,)))
    found = free.solve()
    wide = replace(free, capacity=found.demand.sum(axis=-2) * 1.5 + 1e-6).solve()
    np.testing.assert_array_equal(found.price, wide.price)
    np.testing.assert_array_equal(found.demand, wide.demand)
    assert (wide.shadow_price == 0.0).all()
