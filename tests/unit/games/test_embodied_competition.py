"""The embodied game in bulk: the short way agrees with the general search, and limits of both kinds are kept."""

import numpy as np
import pytest

from simmig.errors import NoEquilibrium
from simmig.games._embodied import leaders
from simmig.games._embodied.competition import competed
from simmig.games._embodied.curves import Curves
from simmig.games._embodied.stage import Stage
from simmig.games._embodied.trials import Trials
from simmig.games._papers import draw_003
from simmig.games.embodied import EmbodiedGame

EFFECTS = ["additive", "multiplicative"]


def drawn(seed: int, batch: tuple[int, ...] = (), followers=6, leaders=3, effects="additive", **changed):
    """Games as 003 has them, but without complements and deadlines unless told."""
    given = draw_003(np.random.default_rng(seed), batch, followers, leaders, effects=effects)
    given |= {"complement": 0.0 * given["complement"], "deadline_s": np.full((*batch, followers), np.inf)}
    return EmbodiedGame.make(**{**given, **changed}, effects=effects)


def undecided(stage, low, high):
    """What `competed` returns where it is not sure of any game."""
    return high.copy(), np.zeros(len(high), dtype=bool), np.zeros(len(high), dtype=np.int64)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
@pytest.mark.parametrize("capacity", [np.inf, 3.0])
def test_the_short_way_leads_where_the_general_search_does(monkeypatch, effects, leader_model, capacity) -> None:
    eligible = np.random.default_rng(1).random((6, 6, 3)) < 0.7
    games = drawn(2, (6,), effects=effects, leader_model=leader_model, capacity=capacity, eligible=eligible)
    decided = []

    def heard(*given):
        decided.append(competed(*given))
        return decided[0]

    monkeypatch.setattr(leaders, "competed", heard)
    short = games.solve()
    monkeypatch.setattr(leaders, "competed", undecided)
    general = games.solve()
    # What a myopic leader believes it can sell moves with its price: where that is rationed, the search decides.
    assert decided[0][1].all() == (leader_model == "anticipating" or capacity == np.inf)
    assert short.converged.all()
    assert general.converged.all()
    np.testing.assert_allclose(short.price, general.price, rtol=1e-7)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("leader_model", ["anticipating", "myopic"])
def test_the_higher_of_two_hills_is_found(effects, leader_model) -> None:
    # Followers unlike one another: earnings dip where one of them starts to buy, with hills on either side.
    rng = np.random.default_rng(0)
    games = drawn(
        *(0, (150,), 6, 3, effects),
        leader_model=leader_model,
        delta=np.exp(rng.uniform(np.log(2.0), np.log(80.0), (150, 6))),
        price_max=rng.uniform(8.0, 40.0, (150, 3)),
        eligible=rng.random((150, 6, 3)) < 0.7,
    )
    found = games.solve()
    assert found.converged.all()
    assert found.certificate.leader_gap_relative.max() < 1e-12


@pytest.mark.parametrize("effects", EFFECTS)
def test_the_derivatives_of_demand_are_exact(effects) -> None:
    game = drawn(3, (2,), effects=effects, delta=np.linspace(9.0, 30.0, 12).reshape(2, 6))
    stage, price = Stage.of(game), np.array([[4.0, 5.0, 6.0], [3.0, 9.0, 2.0]])
    curves, step = Curves(stage.market), 1e-4

    def demand(moved):
        return stage.reply(moved)[0]

    sales = curves.at(price, demand(price))
    for _ in range(20):  # the second derivatives settle by and by
        sales = curves.at(price, sales.demand, sales)
    left, right = demand(price - step), demand(price + step)
    assert sales.is_found.all()
    assert (sales.demand > 0.0).any()
    assert (sales.demand == 0.0).any()
    np.testing.assert_allclose(sales.demand, demand(price), rtol=1e-13)
    np.testing.assert_allclose(sales.slope, (right - left) / (2.0 * step), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(sales.bend, (right - 2.0 * sales.demand + left) / step**2, rtol=1e-4, atol=1e-5)


def test_a_leader_with_little_to_sell_asks_what_just_sells_it() -> None:
    games = drawn(4, (20,), capacity=np.array([1.0, 50.0, 2.0]))
    found = games.solve()
    sales = found.demand.sum(axis=-2)
    np.testing.assert_allclose(sales[:, [0, 2]], np.tile([1.0, 2.0], (20, 1)), rtol=1e-12)
    assert (found.shadow_price == 0.0).all()
    assert found.certificate.leader_gap_relative.max() < 1e-10


@pytest.mark.parametrize("effects", EFFECTS)
def test_capacities_and_deadlines_are_kept_together(effects) -> None:
    game = drawn(
        *(5, (), 4, 2, effects),
        capacity=np.array([2.0, 40.0]),
        deadline_s=np.array([0.9, 1.1, np.inf, 0.75]),
        work_s=np.full((4, 2), 0.3),
        delay_s=np.full((4, 2), 0.2),
    )
    price = np.array([4.0, 9.0])
    demand, shadow_price = game.respond(price)
    late_s = game.expected_delay_s(price, demand)
    is_late = np.array([True, True, False, True])
    np.testing.assert_allclose(demand[:, 0].sum(), 2.0, rtol=1e-12)
    np.testing.assert_allclose(late_s[is_late], game.deadline_s[is_late], rtol=1e-12)
    assert shadow_price[0] > 0.0
    assert shadow_price[1] == 0.0
    # What a deadline adds to the worth of one more unit is mu w / b^2 at both leaders, with one mu.
    gain = game.ties @ demand
    worth = game.delta[:, None] / (demand + np.e - game.delay_cost[:, None])
    worth = worth * (1.0 + gain) if effects == "multiplicative" else worth + gain
    multiplier = (price + shadow_price - worth) * demand**2 / game.work_s
    np.testing.assert_allclose(multiplier[:, 0], multiplier[:, 1], rtol=1e-9, atol=1e-10)
    assert (multiplier[is_late] > 0.0).all()
    np.testing.assert_allclose(multiplier[2], 0.0, atol=1e-10)


PRICE = np.array([15.0, 8.0])


def nearly_clashing(slack: float) -> EmbodiedGame:
    """Two alike: the tightest deadline at PRICE is the time to send on half of each capacity, `slack` is beyond it."""
    capacity, theta, delay_s = np.array([2.5, 3.2]), (1.0 / PRICE) / (1.0 / PRICE).sum(), np.array([0.2, 3.0])
    tightest_s = float((theta * (delay_s + 0.4 / (capacity / 2.0))).sum())
    return EmbodiedGame.make(
        delta=np.array([11.0, 14.0]),
        delay_cost=np.ones(2),
        ties=np.array([[0.0, 0.003], [0.003, 0.0]]),
        complement=np.zeros((2, 2)),
        quality=np.full(2, 0.5),
        cost=np.ones(2),
        price_max=np.full(2, 15.0),
        work_s=np.full((2, 2), 0.4),
        delay_s=np.tile(delay_s, (2, 1)),
        deadline_s=np.full(2, tightest_s * (1.0 + slack)),
        capacity=capacity,
    )


@pytest.mark.parametrize("slack", [1e-2, 1e-4, 1e-6])
def test_limits_are_kept_together_up_to_where_they_clash(slack) -> None:
    game = nearly_clashing(slack)
    demand = game.best_demand(PRICE)
    assert (demand.sum(axis=0) <= game.capacity * (1.0 + 1e-12)).all()
    assert (game.expected_delay_s(PRICE, demand) <= game.deadline_s * (1.0 + 1e-12)).all()


@pytest.mark.parametrize("slack", [-1e-8, -1e-4])
def test_limits_clash_beyond_the_tightest_deadline(slack) -> None:
    with pytest.raises(NoEquilibrium, match="deadlines and capacities cannot be kept together"):
        nearly_clashing(slack).best_demand(PRICE)


@pytest.mark.parametrize(("slack", "is_next_to_it"), [(1e-2, False), (1e-6, True)])
def test_a_leader_next_to_prices_at_which_limits_clash_is_known(slack, is_next_to_it) -> None:
    trials = Trials(Stage.of(nearly_clashing(slack)))
    on_brink = leaders._is_on_brink(trials, PRICE[None], np.ones((1, 2)), np.full((1, 2), 15.0))
    assert on_brink.tolist() == [is_next_to_it]


def test_capacities_and_deadlines_that_clash_are_named() -> None:
    game = drawn(
        *(6, (), 4, 2),
        capacity=np.array([0.5, 0.5]),
        deadline_s=np.full(4, 1.0),
        work_s=np.full((4, 2), 0.5),
        delay_s=np.full((4, 2), 0.2),
    )
    with pytest.raises(NoEquilibrium, match="deadlines and capacities cannot be kept together"):
        game.best_demand(np.array([4.0, 5.0]))


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("deadline_s", [np.inf, 1.2])
def test_the_certificate_of_a_batch_is_that_of_its_games(effects, deadline_s) -> None:
    limits = {"deadline_s": deadline_s, "capacity": np.array([9.0, 3.0, 4.0])}
    limits |= {"work_s": np.full((6, 3), 0.2), "delay_s": np.full((6, 3), 0.1)}
    games = drawn(7, (3,), effects=effects, **limits)
    price = np.array([[4.0, 5.0, 6.0], [np.nan, 4.0, 4.0], [8.0, 3.0, 7.0]])
    demand = games.best_demand(np.nan_to_num(price, nan=4.0))
    together = games.certify(price, demand)
    assert np.isnan(together.leader_gap[1]).all()
    assert np.isnan(together.follower_gap[1]).all()
    for k in (0, 2):
        one = drawn(7, (3,), effects=effects, **limits)
        values = {name: getattr(one, name)[k] for name in ("delta", "delay_cost", "ties", "complement", "quality")}
        values |= {name: getattr(one, name)[k] for name in ("cost", "price_max", "work_s", "delay_s", "deadline_s")}
        alone = EmbodiedGame.make(**values, capacity=one.capacity[k], effects=effects)
        certificate = alone.certify(price[k], demand[k])
        np.testing.assert_allclose(together.leader_gap[k], certificate.leader_gap, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(together.follower_gap[k], certificate.follower_gap, rtol=1e-9, atol=1e-12)
        assert certificate.leader_gap.max() > 1e-3  # these prices are no equilibrium


@pytest.mark.slow
@pytest.mark.parametrize(
    ("effects", "limit", "largest"),
    [
        ("additive", "none", 200),
        ("additive", "capacity", 20),
        ("additive", "deadline", 20),
        ("multiplicative", "capacity", 20),
        ("multiplicative", "none", 20),
    ],
)
def test_equilibria_of_many_sizes_are_certified(effects, limit, largest) -> None:
    rng = np.random.default_rng(11)
    for _ in range(200):
        leaders = int(np.exp(rng.uniform(0.0, np.log(min(20, largest // 4)))) + 0.5)
        followers = int(np.exp(rng.uniform(0.0, np.log(largest))) + 0.5)
        given = draw_003(rng, (), followers, leaders, effects=effects)
        if limit != "deadline":
            given["deadline_s"] = np.full(followers, np.inf)
        if limit == "capacity":
            given["capacity"] = rng.uniform(0.1, 1.5, leaders) * followers
            given["ties"] = given["ties"] * rng.uniform(1.0, 20.0)
        found = EmbodiedGame.make(**given, effects=effects).solve()
        assert found.converged
        assert found.certificate.leader_gap_relative.max() < 1e-8
        assert found.certificate.follower_gap_relative.max() < 1e-8
