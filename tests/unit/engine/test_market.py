"""Rounds of the market with a game of the user's: individual prices, offers, and bandwidth that runs out."""

import numpy as np
import pytest
from roads import cars, market, road

from simmig.errors import AgentError

GAME = """
import numpy as np
from simmig.contracts import Certificate, Equilibrium, Game as Base


class Game(Base):
    '''Everybody wants one unit of 1 MHz from every RSU, whatever it costs.'''

    individual: bool = True

    def build(self, inputs):
        assert inputs.offers["rank"].shape == inputs.cost.shape
        return Wants(inputs, self.individual)


class Wants:
    bandwidth_unit_hz = 1e6

    def __init__(self, inputs, individual):
        self.inputs, self.individual_prices = inputs, individual

    def pairing(self, price, demand):
        return demand / np.maximum(demand.sum(axis=1, keepdims=True), 1e-12)

    def follower_utility(self, price, demand):
        return demand.sum(axis=1)

    def leader_utility(self, price, demand):
        return (np.broadcast_to(price, demand.shape) * demand).sum(axis=0)

    def best_demand(self, price):
        return np.where(self.inputs.eligible, 1.0, 0.0)

    def solve(self):
        raise NotImplementedError

    def certify(self, price, demand):
        i, j = np.zeros(len(demand)), np.zeros(demand.shape[1])
        return Certificate(i, j, i, j)
"""
AGENT = """
import numpy as np
from simmig.contracts import Agent as Player


class Agent(Player):
    information = "{information}"

    def price(self, view):
        assert view.has_individual_prices
        return {price}

    def demand(self, view):
        assert view.price.shape == (len(view.vehicle), len(view.offers["rank"]))
        return view.alone().best_demand(view.price)
"""
SCENARIO = road(
    market('kind = "wants.py:Game"', 'kind = "agent.py:Agent"', 'kind = "agent.py:Agent"'),
    rsus="defaults = { bandwidth_hz = 3e6, offer = { rank = 1.0 } }",
    radio='preset = "physical"',
)
ROWS = "np.linspace(2.0, 5.0, view.followers)[:, None] * np.ones((1, len(view.rsu)))"


def play(simulate, *overrides, price=ROWS, information="own", game=GAME):
    agent = AGENT.format(information=information, price=price)
    return simulate(SCENARIO, *overrides, cars_csv=cars(4, every_s=0.0), wants_py=game, agent_py=agent)


@pytest.mark.parametrize("information", ["own", "full"])
def test_every_vehicle_pays_its_own_price(simulate, information):
    run = play(simulate, information=information)
    bought = run.migrations.sort_values("vehicle")
    assert bought["price"].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert bought["payment"].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert run.rounds["price"].tolist() == [3.5]  # the mean over what was bought


def test_one_price_for_all_is_accepted_for_individual_prices(simulate):
    run = play(simulate, price="view.cost * 3.0")
    assert run.migrations["price"].tolist() == [3.0] * 4


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("np.ones((2, len(view.rsu)))", r"returned shape \(2, 1\), expected \(4, 1\) or \(1,\)"),
        ("np.full((view.followers, 1), 99.0)", "RSU 'b': price 99 is outside cost 1 and price_max 15"),
    ],
)
def test_wrong_individual_prices_are_named(simulate, price, expected):
    with pytest.raises(AgentError, match=expected):
        play(simulate, price=price)


def test_any_amount_is_sold_without_a_limit(simulate):
    run = play(simulate)
    assert run.rounds["demand_hz"].tolist() == [4e6]
    assert run.migrations["bandwidth_hz"].tolist() == [1e6] * 4


def test_a_limit_is_shared_by_all_who_ask(simulate):
    run = play(simulate, "market.finite_bandwidth=true")
    assert run.rounds["demand_hz"].iloc[0] == pytest.approx(3e6)
    assert run.migrations["bandwidth_hz"].tolist() == pytest.approx([0.75e6] * 4)


def test_a_full_rsu_refuses_until_a_copy_ends(simulate):
    # Three vehicles take all of b's 3 MHz at 25 s, for 2e7 bit / (1 MHz x 3.105 bit/s/Hz) = 6.4 s. The fourth asks at
    # 26 s, is refused, and asks again every second.
    late_cars = "id,t,x,y\n" + "".join(f"v{k},{k // 3},0,0\nv{k},{k // 3 + 60},600,0\n" for k in range(4))
    agent = AGENT.format(information="own", price=ROWS)
    overrides = ("market.finite_bandwidth=true", "fleet.cars.twin.size_bit=2e7")
    run = simulate(SCENARIO, *overrides, cars_csv=late_cars, wants_py=GAME, agent_py=agent)
    is_late = run.migrations["vehicle"] == "v3"
    late, others = run.migrations[is_late], run.migrations[~is_late]
    assert set(others["decided_s"]) == {25.0}
    assert others["transfer_end_s"].max() == pytest.approx(31.441, abs=1e-3)
    assert late["outcome"].tolist() == ["refused"] * 6 + ["completed"]
    assert late["requested_s"].tolist() == [26.0, 27.0, 28.0, 29.0, 30.0, 31.0, 32.0]
    assert late["bandwidth_hz"].iloc[-1] == 1e6


def test_an_rsu_without_an_offer_that_others_have_is_named(simulate):
    text = SCENARIO.replace(", offer = { rank = 1.0 }", "").replace('id = "b"', 'id = "b"\noffer = { rank = 2.0 }')
    from simmig.errors import ScenarioError

    with pytest.raises(ScenarioError, match=r"RSU 'a' has no offer\.rank"):
        simulate(text, cars_csv="id,t,x,y\nv,0,0,0\nv,9,9,0\n", wants_py=GAME, agent_py=AGENT)


def test_a_leader_earns_the_sum_of_what_each_pays(simulate):
    assert np.isclose(play(simulate).rounds["leader_utility"].iloc[0], 14.0)
