"""The immersion game against a second implementation, written from 001 alone.

The twin knows a price to 2e-6 (the top of a profit is flat), a profit or utility at given prices to rounding, and
demand within capacities to 1e-6 of what could be bought (a general optimiser).
"""

from functools import cache

import numpy as np
import pytest
from immersion_twin import Twin, highest
from scipy.optimize import minimize

from simmig.games.immersion import ImmersionGame

INDIVIDUAL, UNIFORM, CAPPED = range(200), range(200, 260), range(260, 300)


def random_twin(number: int) -> Twin:
    """A game in the ranges of 001, Table II, with q down to what a real link has; every fourth has masks.

    l, c, s on [0.75, 1] leave some S below 0 and most above.
    """
    rng = np.random.default_rng(number)
    i, j = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    delta, threshold = rng.uniform(10.0, 20.0, i), rng.uniform(0.5, 0.55, i)
    score = np.log(rng.uniform(0.75, 1.0, (3, i, j)).prod(axis=0) / threshold[:, None])
    worth = delta * np.maximum(score, 0.0).sum(axis=1)
    cap = np.full(j, np.inf)
    if number in CAPPED:
        cap = rng.uniform(0.05, 0.6, j) * (i + 1)
    return Twin(
        delta=delta,
        S=score,
        q=np.tile(rng.uniform(2.0, 40.0, j), (i, 1)),
        R=np.where(rng.random(i) < 0.25, np.inf, rng.uniform(0.25, 1.25, i) * worth + 0.1),
        c=rng.uniform(1.0, 4.0, j),
        top=np.tile(rng.uniform(5.0, 35.0, j), (i, 1)),
        may=rng.random((i, j)) < (0.7 if number % 4 == 0 else 2.0),
        cap=cap,
    )


@cache
def individual_prices(number: int):
    """The twin's equilibrium prices [I, J] of a random game."""
    return random_twin(number).individual_prices()


def product(twin: Twin, prices: str = "individual") -> ImmersionGame:
    return ImmersionGame.make(
        delta=twin.delta,
        ssim=0.5 * np.exp(twin.S),
        ssim_threshold=np.full(len(twin.delta), 0.5),
        efficiency=twin.q,
        budget=twin.R,
        cost=twin.c,
        price_max=twin.top,
        capacity=twin.cap,
        eligible=twin.may,
        prices=prices,
    )


def assert_utilities_agree(twin: Twin, found, price) -> None:
    demand = found.demand
    np.testing.assert_allclose(found.leader_utility, twin.leader_utility(price, demand), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.follower_utility, twin.follower_utility(price, demand), rtol=1e-9, atol=1e-11)


def random_prices(twin: Twin, seed: int):
    return twin.c + (twin.top - twin.c) * np.random.default_rng(seed).random(twin.top.shape)


@pytest.mark.parametrize("number", range(0, 300, 10))
def test_the_twin_agrees_with_a_general_optimiser(number) -> None:
    twin = random_twin(number)
    twin.cap = np.full(len(twin.c), np.inf)
    for seed in range(3):
        price = random_prices(twin, seed)
        demand, other = twin.buys(price), twin.buys_by_optimiser(price)
        np.testing.assert_allclose(demand, other, atol=1e-5 * max(demand.max(), 0.1))
        assert (twin.follower_utility(price, demand) >= twin.follower_utility(price, other) - 1e-8).all()


def test_the_twin_finds_the_printed_prices() -> None:
    # One UAV with money enough: (36). Two RSUs and a budget that binds: each price solves (32) given the other.
    wide = Twin(
        *(np.array([15.0]), np.array([[0.3]]), np.array([[30.0]]), np.array([np.inf]), np.array([2.0])),
        *(np.array([[35.0]]), np.array([[True]]), np.array([np.inf])),
    )
    np.testing.assert_allclose(wide.individual_prices(), [[np.sqrt(15 * 0.3 * 30 * 2)]], rtol=1e-6)
    q, c, score = np.array([[8.0, 5.0]]), np.array([2.0, 1.5]), np.array([[0.3, 0.4]])
    tight = Twin(np.array([15.0]), score, q, np.array([3.0]), c, np.full((1, 2), 35.0), q > 0.0, np.full(2, np.inf))
    p = tight.individual_prices()[0]
    other = p[::-1] / q[0, ::-1]
    np.testing.assert_allclose(p, np.sqrt(q[0] * c * score[0] * (3.0 + other) / score[0, ::-1]), rtol=1e-5)


def at_the_kink(twin: Twin, price):
    """Return for which UAVs what they would buy with money enough costs exactly their budget: shape [I].

    There an RSU that asks less loses by the lower price and one that asks more by the budget that then binds. Two RSUs
    may both stand so, at many pairs of prices: 001, Theorem 1 has one equilibrium for each regime, not one in all.
    """
    wanted = np.maximum(twin.delta[:, None] * np.where(twin.may, twin.S, 0.0) - price / twin.q, 0.0).sum(axis=1)
    return np.abs(wanted / twin.R - 1.0) < 1e-7


@pytest.mark.parametrize("number", INDIVIDUAL)
def test_individual_prices_and_demands_agree(number) -> None:
    twin = random_twin(number)
    found = product(twin).solve()
    assert found.converged
    price = individual_prices(number)
    is_free = at_the_kink(twin, price) & at_the_kink(twin, found.price)
    sells = twin.may & (twin.S > 0.0) & ~is_free[:, None]
    np.testing.assert_allclose(found.price[sells], price[sells], rtol=2e-5)
    np.testing.assert_allclose(found.demand[sells], twin.buys(price)[sells], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.demand, twin.buys(found.price), rtol=1e-9, atol=1e-12)
    assert_utilities_agree(twin, found, found.price)


@pytest.mark.parametrize("number", INDIVIDUAL)
def test_no_rsu_leaves_one_of_its_individual_prices(number) -> None:
    twin = random_twin(number)
    price = product(twin).solve().price
    for j in range(len(twin.c)):
        other = price.copy()
        other[:, j] = twin.replies_to_each(price, j)
        now, then = ((x[:, j] - twin.c[j]) * twin.buys(x)[:, j] for x in (price, other))
        assert (then <= now * (1.0 + 1e-9) + 1e-12).all()


def test_few_uavs_leave_prices_open() -> None:
    is_free = np.concatenate([at_the_kink(random_twin(number), individual_prices(number)) for number in INDIVIDUAL])
    assert 0.01 < is_free.mean() < 0.1


@pytest.mark.parametrize("number", UNIFORM)
def test_no_rsu_leaves_its_uniform_price(number) -> None:
    twin = random_twin(number)
    found = product(twin, prices="uniform").solve()
    assert found.converged
    np.testing.assert_allclose(
        found.demand, twin.buys(np.tile(found.price, (len(twin.delta), 1))), rtol=1e-9, atol=1e-12
    )
    for j in range(len(twin.c)):
        best = twin.reply_to_all(found.price, j)[1]
        assert found.leader_utility[j] >= best * (1.0 - 1e-9) - 1e-12
    assert_utilities_agree(twin, found, found.price)


@pytest.mark.parametrize("number", UNIFORM)
def test_uniform_prices_agree(number) -> None:
    twin = random_twin(number)
    sells = (twin.may & (twin.S > 0.0)).any(axis=0)
    np.testing.assert_allclose(
        product(twin, prices="uniform").solve().price[sells], twin.uniform_prices()[sells], rtol=2e-5
    )


@pytest.mark.parametrize("number", CAPPED)
def test_demand_within_capacities_agrees(number) -> None:
    twin = random_twin(number)
    for seed in range(3):
        price = random_prices(twin, seed)
        demand, shadow = product(twin).respond(price)
        other = twin.buys_by_optimiser(price)
        np.testing.assert_allclose(demand, other, atol=2e-5 * max(twin.buys(price).max(), 0.1))
        assert (demand.sum(axis=0) <= twin.cap * (1 + 1e-9)).all()
        assert (shadow[demand.sum(axis=0) < twin.cap * (1 - 1e-6)] <= 1e-9).all()


def gain_of_other_prices(twin: Twin, price, j: int, seed: int) -> float:
    """Return the most that RSU j gains, as a part of its profit, by other prices to one, some, or all UAVs."""
    rng = np.random.default_rng(seed)

    def profit(own):
        tried = price.copy()
        tried[:, j] = np.clip(own, twin.c[j], twin.top[:, j])
        return twin.leader_utility(tried, twin.buys_by_optimiser(tried))[j]

    now, low, high = profit(price[:, j]), twin.c[j], twin.top[:, j]
    tried = [low + (high - low) * rng.random(len(high)) for _ in range(6)]
    tried += [
        price[:, j] * (1 + scale * rng.standard_normal(len(high))) for scale in (0.1, 0.01, 1e-3) for _ in range(4)
    ]
    tried += [price[:, j] * (1 + scale) for scale in (-0.1, -0.01, 0.01, 0.1)]
    best = max(tried, key=profit)
    climbed = minimize(lambda own: -profit(own), best, method="Nelder-Mead", options={"maxfev": 60})
    return (max(profit(best), -climbed.fun) - now) / max(abs(now), 1e-3)


@pytest.mark.parametrize("number", CAPPED[:12])
def test_no_rsu_leaves_its_prices_within_capacities(number) -> None:
    twin = random_twin(number)
    found = product(twin).solve()
    assert found.converged
    np.testing.assert_allclose(
        found.demand, twin.buys_by_optimiser(found.price), atol=2e-5 * max(twin.buys(found.price).max(), 0.1)
    )
    for j in range(len(twin.c)):
        assert gain_of_other_prices(twin, found.price, j, number) < 1e-5
    assert_utilities_agree(twin, found, found.price)


@pytest.mark.slow
@pytest.mark.parametrize("number", CAPPED[12:])
def test_no_rsu_leaves_its_prices_within_more_capacities(number) -> None:
    test_no_rsu_leaves_its_prices_within_capacities(number)


@pytest.mark.parametrize("number", INDIVIDUAL[::5])
def test_the_social_optimum_agrees(number) -> None:
    twin = random_twin(number)
    found = product(twin).social_optimum()
    expected = twin.social_optimum()
    np.testing.assert_allclose(found.demand, expected, rtol=1e-9, atol=1e-12)
    game = product(twin)
    gain = np.where(twin.may, twin.delta[:, None] * np.log1p(expected * twin.q) * twin.S, 0.0) - twin.c * expected
    np.testing.assert_allclose(game.welfare(found.price, found.demand), gain.sum(), rtol=1e-9)


@pytest.mark.parametrize("number", CAPPED[::4])
def test_the_social_optimum_within_capacities_agrees(number) -> None:
    # Where every price is the cost and money is no object, the sum of the followers' utilities is the welfare.
    twin = random_twin(number)
    twin.R = np.full(len(twin.delta), np.inf)
    cost = np.tile(twin.c, (len(twin.delta), 1))
    expected = twin.buys_by_optimiser(cost)
    found = product(random_twin(number)).social_optimum()
    np.testing.assert_allclose(found.demand, expected, atol=2e-5 * max(twin.buys(cost).max(), 0.1))


@pytest.mark.parametrize("number", INDIVIDUAL[::5])
def test_all_at_once_everybody_pays_the_cap(number) -> None:
    # Given what is bought, a higher price is better: whoever sells sells at the cap.
    twin = random_twin(number)
    found = product(twin).simultaneous()
    expected = twin.buys(twin.top)
    np.testing.assert_allclose(found.demand, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.price[expected > 0.0], twin.top[expected > 0.0], rtol=1e-12)


@pytest.mark.parametrize("number", INDIVIDUAL[::5])
def test_a_single_owner_earns_what_a_search_finds(number) -> None:
    twin = random_twin(number)
    found = product(twin).monopoly()
    price = found.price.copy()
    total = twin.leader_utility(found.price, twin.buys(found.price)).sum()
    np.testing.assert_allclose(found.leader_utility.sum(), total, rtol=1e-10, atol=1e-12)
    for start in (found.price, np.sqrt(twin.c * twin.top), twin.top.copy()):
        price, most = start.copy(), 0.0
        for _ in range(12):  # one RSU's prices after another, for every UAV by itself, all profits counted
            for j in range(len(twin.c)):
                price[:, j], best = highest(
                    owner_profit(twin, price, j), np.full(len(price), twin.c[j]), twin.top[:, j]
                )
                most = best.sum()
        assert total >= most * (1.0 - 1e-9) - 1e-12


def owner_profit(twin: Twin, price, j: int):
    """Return the profit at every UAV, [G, I], as a function of the prices of RSU j, [G, I]."""

    def profit(tried):
        prices = np.repeat(price[None], len(tried), axis=0)
        prices[:, :, j] = tried
        return ((prices - twin.c) * twin.buys(prices)).sum(axis=-1)

    return profit


def test_these_games_have_every_regime() -> None:
    tight = slack = idle = late = 0
    for number in INDIVIDUAL:
        twin = random_twin(number)
        price = individual_prices(number)
        spent = (price * twin.buys(price)).sum(axis=1)
        tight += int((spent > twin.R * (1 - 1e-9)).sum())
        slack += int((spent < twin.R * (1 - 1e-6)).sum())
        idle += int((twin.buys(price)[twin.may & (twin.S > 0.0)] == 0.0).sum())
        late += int((price < twin.top * (1 - 1e-6))[twin.may & (twin.S > 0.0)].sum())
    assert min(tight, slack, late) > 100
    assert idle > 0
