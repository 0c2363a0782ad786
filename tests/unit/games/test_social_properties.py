"""What must hold for every social game: certificates, symmetries, units, masks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.games.social import Game

SEEDS = st.integers(0, 10**6)
QUICK = settings(deadline=None, max_examples=30, derandomize=True)


@QUICK
@given(SEEDS, st.sampled_from(["anticipating", "myopic"]))
def test_property_solutions_carry_their_certificate(random_round, seed, leader_model) -> None:
    game = Game(leader_model=leader_model).build(random_round(seed))
    found = game.solve()
    certificate = game.certify(found.price, found.demand)
    assert certificate.follower_gap_relative.max() < 1e-9
    assert not found.converged or certificate.leader_gap_relative.max() < 1e-6
    assert ((game.cost <= found.price) & (found.price <= game.price_max)).all()
    assert (found.demand >= 0.0).all()
    is_on_time = game.expected_delay_s(found.price, found.demand) <= game.deadline_s * (1 + 1e-12)
    assert is_on_time[game.eligible.any(axis=1)].all()


def test_nearly_every_random_game_is_solved(random_round) -> None:
    assert sum(Game().build(random_round(seed)).solve().converged for seed in range(60)) >= 59


@QUICK
@given(SEEDS, st.floats(0.05, 3.0))
def test_property_demand_falls_in_the_price_it_pays(random_round, seed, rise) -> None:
    game = Game().build(random_round(seed, deadline_share=0.0))
    rng = np.random.default_rng(seed)
    price = rng.uniform(game.cost, game.price_max)
    j = int(rng.integers(len(price)))
    dearer = price.copy()
    dearer[j] = min(price[j] + rise, game.price_max[j])
    before, after = game.best_demand(price), game.best_demand(dearer)
    assert (after[:, j] <= before[:, j] + 1e-14).all()
    if dearer[j] > price[j]:
        assert (after[:, j] < before[:, j])[before[:, j] > 0].all()
    others = np.arange(len(price)) != j
    np.testing.assert_allclose(after[:, others], before[:, others], rtol=1e-12)


@QUICK
@given(SEEDS)
def test_property_names_do_not_matter(random_round, changed, seed) -> None:
    given = random_round(seed)
    rng = np.random.default_rng(seed)
    i, j = rng.permutation(len(given.deadline_s)), rng.permutation(len(given.cost))
    both = np.ix_(i, j)
    shuffled = changed(
        given,
        preferences={name: x[i] for name, x in given.preferences.items()},
        ties=given.ties[np.ix_(i, i)],
        size_bit=given.size_bit[i],
        efficiency_bit_s_hz=given.efficiency_bit_s_hz[both],
        delay_s=given.delay_s[both],
        deadline_s=given.deadline_s[i],
        cost=given.cost[j],
        price_max=given.price_max[j],
        eligible=given.eligible[both],
    )
    found, other = Game().build(given).solve(), Game().build(shuffled).solve()
    assert found.converged == other.converged
    if found.converged:
        np.testing.assert_allclose(other.price, found.price[j], rtol=1e-8)
        np.testing.assert_allclose(other.demand, found.demand[both], rtol=1e-7, atol=1e-12)


@QUICK
@given(SEEDS, st.floats(0.01, 100.0))
def test_property_the_unit_of_bandwidth_does_not_matter(random_round, changed, seed, scale) -> None:
    given = random_round(seed)
    alpha, beta = given.preferences["alpha"], given.preferences["beta"]
    coarser = changed(
        given,
        preferences={"alpha": alpha * scale, "beta": beta * scale * scale},
        ties=given.ties * (scale * scale),
        cost=given.cost * scale,
        price_max=given.price_max * scale,
    )
    found = Game().build(given).solve()
    other = Game(bandwidth_unit_hz=1e7 * scale).build(coarser).solve()
    assert found.converged == other.converged
    if found.converged:
        np.testing.assert_allclose(other.price, found.price * scale, rtol=1e-8)
        np.testing.assert_allclose(other.demand, found.demand / scale, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(other.leader_utility, found.leader_utility, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(other.follower_utility, found.follower_utility, rtol=1e-7, atol=1e-9)


@QUICK
@given(SEEDS, st.floats(0.01, 100.0))
def test_property_the_unit_of_money_does_not_matter(random_round, changed, seed, scale) -> None:
    given = random_round(seed)
    dearer = changed(
        given,
        preferences={name: x * scale for name, x in given.preferences.items()},
        ties=given.ties * scale,
        cost=given.cost * scale,
        price_max=given.price_max * scale,
    )
    found, other = Game().build(given).solve(), Game().build(dearer).solve()
    assert found.converged == other.converged
    if found.converged:
        np.testing.assert_allclose(other.price, found.price * scale, rtol=1e-8)
        np.testing.assert_allclose(other.demand, found.demand, rtol=1e-7, atol=1e-12)


@QUICK
@given(SEEDS)
def test_property_players_who_cannot_trade_change_nothing(random_round, inputs, seed) -> None:
    given = random_round(seed)
    followers, leaders = given.eligible.shape

    def wider(values, fill):
        return np.pad(values, ((0, 1), (0, 1)), constant_values=fill)

    stranger = inputs(
        [*given.preferences["alpha"], 33.0],
        [*given.preferences["beta"], 20.0],
        np.pad(given.ties, ((0, 1), (0, 1)), constant_values=1.0) * (1.0 - np.eye(followers + 1)),
        [*given.cost, 0.5],
        [*given.price_max, 15.0],
        eligible=wider(given.eligible, False),
        work=wider(1.0 / given.efficiency_bit_s_hz, 1.0),
        delay_s=wider(given.delay_s, 0.1),
        deadline_s=[*given.deadline_s, 1.0],
    )
    found, other = Game().build(given).solve(), Game().build(stranger).solve()
    np.testing.assert_allclose(other.price, [*found.price, 15.0], rtol=1e-12)
    np.testing.assert_allclose(other.demand[:followers, :leaders], found.demand, rtol=1e-12)
    assert other.demand[followers].tolist() == [0.0] * (leaders + 1)
    assert other.leader_utility[leaders] == 0.0


@QUICK
@given(SEEDS)
def test_property_separate_markets_do_not_touch(random_round, inputs, seed) -> None:
    """Two rounds side by side, nobody of one eligible in the other: the answers are those of each alone."""
    one, two = random_round(seed), random_round(seed + 1)
    rows, columns = one.eligible.shape

    def blocks(a, b, fill):
        joined = np.full((len(a) + len(b), len(a[0]) + len(b[0])), fill)
        joined[: len(a), : len(a[0])], joined[len(a) :, len(a[0]) :] = a, b
        return joined

    joined = inputs(
        np.concatenate([one.preferences["alpha"], two.preferences["alpha"]]),
        np.concatenate([one.preferences["beta"], two.preferences["beta"]]),
        blocks(one.ties, two.ties, 0.0),
        np.concatenate([one.cost, two.cost]),
        np.concatenate([one.price_max, two.price_max]),
        eligible=blocks(one.eligible, two.eligible, False),
        work=blocks(1.0 / one.efficiency_bit_s_hz, 1.0 / two.efficiency_bit_s_hz, 1.0),
        delay_s=blocks(one.delay_s, two.delay_s, 0.0),
        deadline_s=np.concatenate([one.deadline_s, two.deadline_s]),
    )
    game = Game().build(joined)
    price = np.random.default_rng(seed).uniform(game.cost, game.price_max)
    demand = game.best_demand(price)
    np.testing.assert_allclose(demand[:rows, :columns], Game().build(one).best_demand(price[:columns]), rtol=1e-12)
    np.testing.assert_allclose(demand[rows:, columns:], Game().build(two).best_demand(price[columns:]), rtol=1e-12)
