"""The immersion game where capacities bind: the certificate's search, best prices, and cases the solver once missed."""

from dataclasses import replace

import numpy as np
import pytest
from test_immersion import check_gaps, make
from test_immersion_properties import capped, parameters, price_of

from simmig.errors import InputError
from simmig.games.immersion import ImmersionGame

STAR = [[True, False]] * 2  # both followers at leader 0 only


def full_leader() -> ImmersionGame:
    """A leader that serves two unlike followers and has less than they want."""
    return make(delta=[10.0, 20.0], efficiency=[[1.0, 1.0], [4.0, 1.0]], eligible=STAR, capacity=[2.0, np.inf])


def test_the_certificate_sees_that_a_full_leader_serves_the_wrong_follower() -> None:
    # Sales stay 2 while follower 0 gets more and follower 1 less: no single price, and no common factor, gains.
    game = full_leader()
    found = game.solve()
    check_gaps(found)
    price = found.price.copy()
    moved = found.demand[:, 0] + [0.1, -0.1]
    price[:, 0] = game.delta / (moved + 1.0 / game.efficiency[:, 0])
    certificate = game.certify(price, game.best_demand(price))
    lost = found.leader_utility[0] - game.leader_utility(price, game.best_demand(price))[0]
    assert lost > 1e-3
    assert 0.99 * lost < certificate.leader_gap[0] < lost * (1.0 + 1e-9)


@pytest.mark.parametrize(
    ("bought", "expected"),
    [
        # At 4 either would like 1.5. Where all is sold, nobody can have more, however the others share it.
        ([1.0, 1.0], [0.0, 0.0]),
        ([1.5, 0.5], [0.0, 0.0]),
        # A half is left for each: 10 ln(2.5 / 2) - 2 and 10 ln(2 / 1.5) - 2; then a tenth, and the first has enough.
        ([1.0, 0.5], [10 * np.log(1.25) - 2.0, 10 * np.log(4 / 3) - 2.0]),
        ([1.5, 0.4], [0.0, 10 * np.log(1.5 / 1.4) - 0.4]),
        # More than there is: no answer at all.
        ([1.5, 0.6], [np.inf, np.inf]),
    ],
)
def test_a_follower_may_only_take_what_the_others_leave(bought, expected) -> None:
    game = make(eligible=STAR, capacity=[2.0, np.inf])
    demand = np.stack([bought, np.zeros(2)], axis=1)
    gap = game.certify(np.full((2, 2), 4.0), demand).follower_gap
    np.testing.assert_allclose(gap, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", [1, 3, 7, 15, 32])
def test_a_best_price_within_the_capacity_beats_a_search(seed) -> None:
    rng = np.random.default_rng(seed)
    drawn = parameters(seed, share=1.0, most=(3, 3))
    game = ImmersionGame.make(**drawn)
    price, leader = price_of(game, seed), seed % len(drawn["cost"])
    row = price.copy()
    row[:, leader] = game.best_price(price)[:, leader]
    sold = game.best_demand(row)[:, leader].sum()
    capacity = np.where(np.arange(len(drawn["cost"])) == leader, sold * rng.uniform(0.3, 0.9), np.inf)
    limited = replace(game, capacity=capacity)

    def earned(tried):
        many = ImmersionGame.make(
            **{n: np.broadcast_to(getattr(limited, n), (len(tried), *getattr(limited, n).shape)) for n in drawn}
        )
        prices = np.repeat(price[None], len(tried), axis=0)
        prices[:, :, leader] = tried
        return many.leader_utility(prices, many.best_demand(prices))[:, leader]

    best = limited.best_price(price)[:, leader]
    row[:, leader] = best
    np.testing.assert_allclose(game.best_demand(row)[:, leader].sum(), capacity[leader], rtol=1e-12)
    most, low, high = earned(best[None])[0], game.cost[leader], game.price_max[:, leader]
    top = low + (high - low) * rng.random((2000, len(high)))
    for part in 0.3 * 0.6 ** np.arange(12):  # the best so far, then closer and closer to it
        top = top[[earned(top).argmax()]]
        top = np.clip(np.concatenate([top, top * np.exp(part * rng.normal(size=(150, len(high))))]), low, high)
    near = np.clip(best * np.exp(rng.normal(0.0, 0.01, (300, len(high)))), low, high)
    assert earned(np.concatenate([top, near])).max() <= most * (1.0 + 1e-12)
    assert earned(top).max() > most * 0.99


def test_a_best_price_of_a_leader_with_room_does_not_depend_on_its_capacity() -> None:
    game = make(budget=[3.0, 13.0])
    price = np.full((2, 2), 3.0)
    sold = [game.best_demand(np.where(np.eye(2)[j] > 0, game.best_price(price), price))[:, j].sum() for j in (0, 1)]
    roomy = replace(game, capacity=np.array(sold) * 1.01)
    np.testing.assert_array_equal(roomy.best_price(price), game.best_price(price))


def test_a_leader_that_is_full_at_its_caps_answers_with_them() -> None:
    game = make(eligible=STAR, capacity=[1.0, np.inf], price_max=[4.0, 30.0])
    np.testing.assert_array_equal(game.best_price(np.full((2, 2), 3.0))[:, 0], [4.0, 4.0])


def test_rivals_know_that_a_full_leader_is_dearer_than_it_looks() -> None:
    # Follower 1 has 3.01125 for leaders 1 and 2: x^2 = 2 (R + x) at x = 3.65, level R / 2 + x = 5.155625. Leader 0 asks
    # 5 and would enter at level 5, but has sold all to follower 0 at a shadow price of 5 / 3: only beyond 6.
    found = make(
        ssim=np.ones((2, 3)),
        efficiency=np.ones((2, 3)),
        budget=[np.inf, 3.01125],
        cost=[1.0, 2.0, 2.0],
        price_max=[5.0, 30.0, 30.0],
        capacity=[0.5, np.inf, np.inf],
        eligible=[[True, False, False], [True, True, True]],
    ).solve()
    np.testing.assert_allclose(found.price[1], [5.0, 3.65, 3.65], rtol=1e-12)
    np.testing.assert_allclose(found.demand, [[0.5, 0.0, 0.0], [0.0, 0.4125, 0.4125]], rtol=1e-12)
    np.testing.assert_allclose(found.shadow_price, [5 / 3, 0.0, 0.0], rtol=1e-12)
    check_gaps(found)


# In the first a leader without sales to a follower must not think that it is among those who share it; in the second
# a full leader must not mourn sales for which it has no bandwidth.
@pytest.mark.parametrize("seed", [100, 181])
def test_leaders_below_their_caps_meet_leaders_full_at_theirs(seed) -> None:
    found = capped(seed, "individual").solve()
    assert (found.shadow_price > 0.0).any()
    check_gaps(found, below=1e-9)


@pytest.mark.parametrize("capacity", [np.inf, 0.3])
def test_repriced_games_are_those_made_with_the_other_prices(capacity) -> None:
    drawn = parameters(6, (3,), most=(3, 3), capacity=capacity)
    individual, uniform = (ImmersionGame.make(**drawn, prices=prices) for prices in ("individual", "uniform"))
    for game, other in ((individual, uniform), (uniform, individual)):
        again = game.repriced(other.prices)
        assert again.individual_prices == other.individual_prices
        np.testing.assert_array_equal(again.solve().price, other.solve().price)
        np.testing.assert_array_equal(again.repriced(game.prices).solve().price, game.solve().price)
    with pytest.raises(InputError, match="prices is 'both', expected"):
        individual.repriced("both")
