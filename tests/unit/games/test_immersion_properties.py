"""What must hold in every immersion game, whatever its parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_immersion import TABLES

from simmig.games._immersion.certificate import follower_gaps
from simmig.games._immersion.leaders import _BLOCK
from simmig.games.immersion import ImmersionGame

SEEDS = st.integers(0, 2**32 - 1)
# Full leaders at their caps share followers short of money.
RATIONED = (23, 63, 202, 412, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (33, 117, 197, 305, 397, 461)))
OPEN = (125, 398, 491)  # bounds do not exclude that some leader asks more
LEAVING = (*((seed, "individual") for seed in (78, 106, 445, 844)), (259, "uniform"))
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


def equilibrium_is_certified_and_keeps_its_bounds(seed, prices) -> None:
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


def capped(seed: int, prices: str) -> ImmersionGame:
    """Draw a game whose capacities are near what would be sold, and caps, in every third, near costs."""
    rng = np.random.default_rng(10_000 + seed)
    drawn = parameters(seed, most=(4, 3), share=(0.7, 1.0)[seed % 2])
    sold = ImmersionGame.make(**drawn, prices=prices).solve().demand.sum(axis=0)
    leaders = len(sold)
    if seed % 3 == 0:
        capacity = sold * rng.uniform(0.3, 1.5, leaders) + 1e-6
    elif seed % 3 == 1:
        capacity = np.where(rng.random(leaders) < 0.5, sold * rng.uniform(0.7, 1.4, leaders) + 1e-6, np.inf)
        drawn["price_max"] = np.maximum(drawn["price_max"] * rng.uniform(0.25, 1, leaders), drawn["cost"] * 1.05)
    else:
        capacity = rng.uniform(0.02, 0.4, leaders) * (len(drawn["delta"]) + 1)
    return ImmersionGame.make(**(drawn | {"capacity": capacity}), prices=prices)


def an_equilibrium_within_capacities_is_certified(seed, prices) -> None:
    game = capped(seed, prices)
    found = game.solve()
    certificate = found.certificate
    assert certificate.follower_gap_relative.max() < 1e-9
    assert not found.converged or certificate.leader_gap_relative.max() < 1e-9


# Full leaders at their caps whose rivals share followers short of money with them, or one another's.
@pytest.mark.parametrize("seed", RATIONED)
def test_rivals_anticipate_leaders_that_are_full_at_their_caps(seed) -> None:
    found = capped(seed, "individual").solve()
    assert (found.shadow_price > 0.0).any()
    assert found.converged
    assert found.certificate.leader_gap_relative.max() < 1e-9


@pytest.mark.parametrize("seed", OPEN)
def test_prices_that_no_leader_would_leave_are_an_equilibrium_though_bounds_are_above(seed) -> None:
    found = capped(seed, "individual").solve()
    assert found.converged
    assert found.certificate.leader_gap_relative.max() < 1e-9


# In these someone would rather undercut a full leader, or ask so much that another is full.
@pytest.mark.parametrize(("seed", "prices"), LEAVING)
def test_prices_that_some_leader_would_leave_are_no_equilibrium(seed, prices) -> None:
    found = capped(seed, prices).solve()
    assert not found.converged
    assert found.certificate.leader_gap_relative.max() > 1e-6


def response_is_the_followers_best_within_capacities(seed, prices, capacity) -> None:
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


def demand_falls_in_its_own_price_and_rises_in_others(seed, capacity) -> None:
    game = ImmersionGame.make(**parameters(seed, capacity=capacity, share=1.0), prices="uniform")
    price = price_of(game, seed)
    dearer = price.copy()
    dearer[0] *= 1.1
    before, after = game.best_demand(price).sum(axis=0), game.best_demand(dearer).sum(axis=0)
    assert after[0] <= before[0] * (1.0 + 1e-10) + 1e-12
    # A full leader sells as much at a higher price, and leaves its buyers less money for the others.
    assert np.isfinite(capacity) or (after[1:] >= before[1:] * (1.0 - 1e-10) - 1e-12).all()


def names_of_players_do_not_matter(seed, prices) -> None:
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


def units_of_bandwidth_and_money_scale_through(seed, prices, factor) -> None:
    given_ = parameters(seed, most=(4, 3), capacity=0.5)
    plain = ImmersionGame.make(**given_, prices=prices).solve()
    per_unit = {name: given_[name] * factor for name in ("efficiency", "cost", "price_max")}
    finer = ImmersionGame.make(**(given_ | per_unit | {"capacity": 0.5 / factor}), prices=prices).solve()
    np.testing.assert_allclose(finer.price, plain.price * factor, rtol=1e-7)
    np.testing.assert_allclose(finer.demand, plain.demand / factor, rtol=1e-6, atol=1e-9 / factor)


@pytest.mark.parametrize("prices", ["individual", "uniform"])
@pytest.mark.parametrize("capacity", [np.inf, 0.3])
def test_a_batch_is_its_games_one_at_a_time(prices, capacity) -> None:
    batch = ImmersionGame.make(**parameters(5, (2, 4), most=(8, 5), capacity=capacity), prices=prices)
    together = batch.solve()
    for place in np.ndindex(2, 4):
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


@pytest.mark.parametrize("examples", [12, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("check", "drawn"),
    [
        (an_equilibrium_within_capacities_is_certified, [st.integers(0, 10**6), PRICES]),
        (equilibrium_is_certified_and_keeps_its_bounds, [SEEDS, PRICES]),
        (response_is_the_followers_best_within_capacities, [SEEDS, PRICES, st.floats(0.01, 2.0)]),
        (demand_falls_in_its_own_price_and_rises_in_others, [SEEDS, st.floats(0.01, 1.0) | st.just(np.inf)]),
        (names_of_players_do_not_matter, [SEEDS, PRICES]),
        (units_of_bandwidth_and_money_scale_through, [SEEDS, PRICES, st.sampled_from([1e-3, 10.0, 1e6])]),
    ],
)
def test_property(check, drawn, examples) -> None:
    settings(max_examples=examples, deadline=None)(given(*drawn)(check))()
