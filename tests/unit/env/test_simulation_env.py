"""The simulation as an environment: the run's own numbers, the players' own sight, and the contracts of both APIs."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils import parallel_to_aec

from simmig.contracts import Agent
from simmig.engine.simulation import DemandDecision, PriceDecision
from simmig.env.simulation import SimulationEnv
from simmig.env.single import SinglePlayerEnv
from simmig.errors import AgentError, InputError, RunError, ScenarioError
from simmig.run.players import Players
from simmig.scenario import load_scenario

# Four RSUs whose zones overlap and five cars of different speeds, odd ones westbound: who plays, and whom each of them
# can buy from, differs from round to round.
CARS = "id,t,x,y\n" + "".join(
    f"v{k},{k},{0 if k % 2 == 0 else 600},0\nv{k},{7 * k + 60},{900 if k % 2 == 0 else 0},0\n" for k in range(5)
)
STREET = """
schema = 1
name = "street"
seed = 4
[[fleet]]
name = "cars"
kind = "av"
trace = { path = "cars.csv", format = "csv" }
twin = { size_bit = { uniform = [4e7, 8e7] }, cycles = { uniform = [4e9, 6e9] }, deadline_s = { uniform = [20, 40] } }
preferences = { alpha = { uniform = [25.0, 35.0] }, beta = 30.0 }
[rsus]
radius_m = 480.0
defaults = { bandwidth_hz = 20e6, cost = { uniform = [1.0, 3.0] }, price_max = 15.0 }
unit = [{ id = "a", x_m = 0.0, y_m = 0.0 }, { id = "b", x_m = 300.0, y_m = 0.0 },
        { id = "c", x_m = 600.0, y_m = 0.0 }, { id = "d", x_m = 900.0, y_m = 0.0 }]
[radio]
preset = "paper-002"
[migration]
trigger = { kind = "nearest" }
[market]
game = { kind = "social" }
round_s = 6.0
[social]
generator = { kind = "complete_graph" }
weight = 5.0
[agents]
leaders = { kind = "stackelberg" }
followers = { kind = "best_response" }
"""

# The same street with the game of 001, where a leader may ask another price of each vehicle.
INDIVIDUAL = (
    (
        "{ alpha = { uniform = [25.0, 35.0] }, beta = 30.0 }",
        "{ delta = 15.0, budget = 12.0, ssim = { uniform = [0.75, 0.95] }, ssim_threshold = 0.5 }",
    ),
    ('kind = "social"', 'kind = "immersion", prices = "individual"'),
)
# RSUs with so little to sell that some rounds are rationed.
SCARCE = (("round_s = 6.0", "round_s = 6.0\nfinite_bandwidth = true"), ("bandwidth_hz = 20e6", "bandwidth_hz = 8e6"))


@pytest.fixture
def street(tmp_path):
    """The scenario as a file, `text` changed by (old, new) pairs."""

    def write(*changes):
        text = STREET
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "cars.csv").write_text(CARS)
        path = tmp_path / f"street{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(text)
        return path

    return write


def middling(env):
    return {agent: np.full(env.action_space(agent).shape, 0.5) for agent in env.agents}


def play(env, seed=None, policy=middling):
    """Play an episode; return (turn, rewards, infos) of each step."""
    env.reset(seed=seed)
    steps = []
    while env.agents:
        turn = env.turn
        _, rewards, _, _, infos = env.step(policy(env))
        steps.append((turn, rewards, infos))
    return steps


# --- the same run ---------------------------------------------------------------------------------------------


def test_prices_given_as_actions_make_the_run_of_the_plug_in_that_gives_them(street, simulate_file, tmp_path):
    plug_in = ('leaders = { kind = "stackelberg" }', 'leaders = { kind = "fixed_price", share = 0.5 }')
    run = simulate_file(street(*INDIVIDUAL, plug_in), tmp_path / "run")
    env = SimulationEnv(street(*INDIVIDUAL))  # whose own leaders would play the equilibrium
    play(env)
    assert env.result.digest() == run.digest
    assert env.summary() == run.summary
    assert len(run.rounds) > 8


def test_exact_answers_make_the_run_of_the_plug_ins_with_another_seed_too(street, simulate_file, tmp_path):
    run = simulate_file(street(), tmp_path / "run", ("seed=9",))
    env = SimulationEnv(street(), "both")
    env.reset(seed=9)
    while env.agents:
        asked = env.decision
        is_price = isinstance(asked, PriceDecision)
        env.step_answer(asked.round.game.solve().price if is_price else asked.round.game.best_demand(asked.price))
    assert env.result.digest() == run.digest
    assert env.summary() == run.summary


def test_an_episode_is_its_seed(street):
    env, again = SimulationEnv(street()), SimulationEnv(street())
    digests = {}
    for seed in (None, None, None, 7, None, 7, None):
        play(env, seed)
        digests.setdefault(env.seed, set()).add(env.result.digest())
        play(again, env.seed)
        assert again.result.digest() == env.result.digest()
    assert next(iter(digests)) == 4  # the scenario's
    assert len(digests) == len(set.union(*digests.values())) == 5  # 4, the two after it, 7, the one after that


def test_demands_given_as_actions_are_shares_of_the_largest_demand(street):
    env = SimulationEnv(street(), "followers", demand_max_hz=4e6)
    steps = play(env, policy=lambda env: {a: np.full(4, 0.25) for a in env.turn})
    rows = env.result.round.columns()
    np.testing.assert_allclose(rows["demand_hz"], rows["eligible"] * 0.25 * 4e6, rtol=1e-12)
    bought = [infos[a]["demand"] for turn, _, infos in steps for a in turn]
    assert {float(x) for x in np.unique(bought)} == {0.0, 0.25 * 4e6 / 1e7}
    assert SimulationEnv(street(), "followers").demand_max_hz == 20e6


# --- who plays, what it gets, what it sees --------------------------------------------------------------------


def test_the_players_differ_from_round_to_round_and_are_those_of_the_engine(street):
    env = SimulationEnv(street(), "both")
    observations, infos = env.reset()
    turns = set()
    while env.agents:
        round_ = env.decision.round
        vehicles = {f"vehicle_{m.vehicle}" for m in round_.migrations}
        expected = {f"rsu_{j}" for j in round_.rsu} if isinstance(env.decision, PriceDecision) else vehicles
        playing = {a for a in env.agents if observations[a][env.fields(a)["is_playing"]] == 1.0}
        assert playing == set(env.turn) == expected
        assert env.agents == env.possible_agents
        assert {info["round"] for info in infos.values()} == {round_.index}
        turns.add(env.turn)
        observations, *_, infos = env.step(
            {a: action * (0.5 + 0.2 * round_.index) for a, action in middling(env).items()}
        )
    for agent, info in infos.items():  # of the last round, which no other shows
        if "utility" in info and agent.startswith("rsu_"):
            found = observations[agent][env.fields(agent)["last_utility"]]
            assert found == pytest.approx(info["utility"] / (15.0 * 20e6 / 1e7), rel=1e-6)
    assert not any(observations[a][env.fields(a)["is_playing"]] for a in env.possible_agents)
    assert len(turns) > 8
    assert {len(turn) for turn in turns} >= {1, 2, 3}


@pytest.mark.parametrize("changes", [(), SCARCE, INDIVIDUAL])
def test_rewards_are_the_utilities_of_the_round_and_come_when_it_is_closed(street, changes):
    env = SimulationEnv(street(*changes), "both", demand_max_hz=10e6)
    steps = play(env)
    assert all(not any(rewards.values()) for _, rewards, _ in steps[::2])  # leaders have moved, followers not yet
    rows = env.result.round.columns()
    for index, (turn, rewards, infos) in enumerate(steps[1::2]):
        of_round = rows["round"] == index
        earned = dict(zip((f"rsu_{j}" for j in rows["rsu"][of_round]), rows["leader_utility"][of_round], strict=True))
        assert {a: r for a, r in rewards.items() if a.startswith("rsu_") and r} == pytest.approx(earned, rel=1e-12)
        together = sum(rewards[a] for a in turn)
        assert together == pytest.approx(rows["follower_utility"][of_round][0], rel=1e-12)
        assert all(infos[a]["utility"] == rewards[a] for a in (*turn, *earned))
        posted = dict(zip(earned, rows["price"][of_round], strict=True))
        assert {a: infos[a]["price"] for a in earned} == posted
        sold = np.sum([infos[a]["demand"] for a in turn], axis=0)
        assert {a: infos[a]["demand"] for a in earned} == pytest.approx({a: sold[int(a[4:])] for a in earned})
        if changes == SCARCE:
            assert sold.max() <= 0.8 * (1.0 + 1e-12)
        assert {infos[a]["name"] for a in earned} <= set("abcd")


class Recorder(Agent):
    """Plays nothing of interest and keeps what it is shown."""

    seen: list

    def price(self, view):
        self.seen.append(view)
        return view.cost

    def demand(self, view):
        self.seen.append(view)
        return np.zeros(view.eligible.shape)


def recorder(information):
    return type("Recorder", (Recorder,), {"information": information})(seen=[])


@pytest.mark.parametrize("information", ["own", "public"])
def test_an_observation_is_what_a_plug_in_of_that_information_is_shown(street, information):
    env = SimulationEnv(street(), "both", information=information, demand_max_hz=5e6)
    observations, _ = env.reset()
    world = env._world
    game = env._scenario.market.game.plugin
    checked = 0
    while env.agents:
        asked, spy = env.decision, recorder(information)
        players = Players(spy, spy, ("spy", "spy"), env.seed, game)
        players.meet(world.trace.vehicle_id, world.rsus.sites.rsu_id)
        players.answer(asked)
        assert len(spy.seen) == len(env.turn)
        for agent, view in zip(env.turn, spy.seen, strict=True):
            expected = (
                leader_fields(view) if isinstance(asked, PriceDecision) else follower_fields(view, asked.round, world)
            )
            found = {name: observations[agent][place] for name, place in env.fields(agent).items()}
            assert found.keys() == expected.keys()
            for name, values in expected.items():
                np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=f"{agent} {name}")
            checked += 1
        observations, *_ = env.step(middling(env))
        assert all(env.observation_space(a).contains(seen) for a, seen in observations.items())
    assert checked > 20


def leader_fields(view):
    """What the docstrings of SimulationEnv and its observations promise, from the view of a leader plug-in."""
    end_s, unit = 88.0, 5e6 / 1e7
    fields = {
        "is_playing": 1.0,
        "time": view.time_s / end_s,
        "cost": view.cost / 15.0,
        "price_max": view.price_max / 15.0,
        "eligible_count": view.eligible_count,
        "followers": view.followers,
        "is_known": np.isfinite(view.last_price),
        "last_price": np.nan_to_num(view.last_price) / 15.0,
        "last_demand": np.nan_to_num(view.last_demand) / unit,
        "last_utility": np.nan_to_num(view.last_utility) / (15.0 * unit),
    }
    if view.market_price is not None:
        fields["market_is_known"] = np.isfinite(view.market_price)
        fields["market_price"] = np.nan_to_num(view.market_price) / 15.0
        fields["market_demand"] = np.nan_to_num(view.market_demand) / unit
    return fields


def follower_fields(view, round_, world):
    """The same of a follower plug-in; what a view has for the round's RSUs stands at their places on the map."""

    def on_map(values):
        return [dict(zip(round_.rsu.tolist(), values, strict=True)).get(j, 0.0) for j in range(4)]

    vehicles = world.vehicles
    fields = {
        "is_playing": 1.0,
        "time": view.time_s / 88.0,
        "preferences.alpha": view.preferences["alpha"] / vehicles.preferences["alpha"].max(),
        "preferences.beta": 1.0,
        "size": view.size_bit / max(vehicles.size_bit),
        "has_deadline": 1.0,
        "deadline": view.deadline_s / max(vehicles.deadline_s),
        "eligible": on_map(view.eligible[0]),
        "price": on_map(view.price / 15.0),
        "efficiency_bit_s_hz": on_map(view.efficiency_bit_s_hz[0]),
        "delay_s": on_map(view.delay_s[0]),
    }
    if view.market_demand is not None:
        fields["market_is_known"] = on_map(np.isfinite(view.market_demand))
        fields["market_demand"] = on_map(np.nan_to_num(view.market_demand) / (5e6 / 1e7))
    return fields


def test_a_vehicle_that_is_not_asked_sees_no_round(street):
    env = SimulationEnv(street(), "followers", information="public")
    observations, _ = env.reset()
    for _ in range(5):
        absent = [a for a in env.agents if a not in env.turn]
        for agent in absent:
            places = env.fields(agent)
            of_round = [name for name in places if name.startswith(("eligible", "price", "eff", "delay", "market"))]
            assert len(of_round) == 6
            assert not any(observations[agent][places[name]].any() for name in of_round)
            assert observations[agent][places["size"]] > 0.0
        observations, *_ = env.step(middling(env))


def test_named_learners_play_among_the_scenario_s_own_agents(street):
    env = SimulationEnv(street(), ("rsu_1", "vehicle_1"))
    env.reset()
    posted, sold = {}, {}
    while env.agents:
        asked, closed = env.decision, env.decision.round
        answer = env._episode.plugin_answer().copy()
        if isinstance(asked, PriceDecision):
            column = closed.rsu.tolist().index(1)
            answer[column] = closed.inputs.cost[column] + 0.3 * (15.0 - closed.inputs.cost[column])
            posted[closed.index] = answer
        else:
            row = [migration.vehicle for migration in closed.migrations].index(1)
            answer[row] = closed.inputs.eligible[row] * 0.3 * 20e6 / 1e7
            sold[closed.index] = answer.sum(axis=0)
        env.step({agent: [0.3] * env.action_space(agent).shape[0] for agent in env.turn})
    rows = env.result.round.columns()
    for index, price in posted.items():
        np.testing.assert_array_equal(rows["price"][rows["round"] == index], price)
    for index, demand in sold.items():
        np.testing.assert_allclose(rows["demand_hz"][rows["round"] == index], demand * 1e7, rtol=1e-12)
    assert (list(posted), list(sold)) == ([0, 1, 2, 3], [1, 3])
    assert len(np.unique(rows["round"])) == 6


def test_without_the_absent_agents_are_whose_turn_it_is_and_the_run_is_the_same(street):
    listed, short = SimulationEnv(street(), "both"), SimulationEnv(street(), "both", list_absent=False)
    short.reset()
    listed.reset()
    while short.agents:
        assert short.agents == list(listed.turn)
        actions = middling(short)
        entries, full = short.step(actions), listed.step(actions)
        named = set(entries[0])
        assert all(set(entry) == named for entry in entries)
        assert set(short.agents) <= named
        assert all(np.array_equal(entries[0][a], full[0][a]) for a in named)
        assert entries[1] == {a: full[1][a] for a in named}
        assert all(r == 0.0 for a, r in full[1].items() if a not in named)
    assert listed.agents == []
    assert short.result.digest() == listed.result.digest()


# --- the contracts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("learners", "information"), [("leaders", "own"), ("followers", "public"), ("both", "public")])
def test_pettingzoo_accepts_the_environment(street, learners, information):
    scenario = street()

    def make():
        return SimulationEnv(scenario, learners, information=information)

    parallel_api_test(make(), num_cycles=100)
    parallel_seed_test(make, num_cycles=50)


# An RSU and a vehicle see different things: what the test warns of is meant to be so.
@pytest.mark.filterwarnings("ignore:Agents have different observation space sizes", "ignore:Observations are different")
@pytest.mark.parametrize("learners", ["leaders", "followers", "both"])
def test_pettingzoo_accepts_the_view_with_one_agent_after_the_other(street, learners):
    api_test(parallel_to_aec(SimulationEnv(street(), learners)), num_cycles=60)


def test_one_agent_after_the_other_makes_the_same_run(street):
    env = SimulationEnv(street(), "both")
    earned = sum(sum(rewards.values()) for _, rewards, _ in play(env))
    in_turn = SimulationEnv(street(), "both")
    view = parallel_to_aec(in_turn)
    view.reset()
    total = 0.0
    for agent in view.agent_iter():
        _, reward, is_over, _, _ = view.last()
        total += reward
        view.step(None if is_over else np.full(view.action_space(agent).shape, 0.5))
    assert in_turn.result.digest() == env.result.digest()
    assert total == pytest.approx(earned, rel=1e-12)


@pytest.mark.parametrize("player", ["rsu_1", "vehicle_2"])
def test_gymnasium_accepts_the_view_of_one_player(street, player):
    check_env(SinglePlayerEnv(street(), player), skip_render_check=True)


def test_one_player_that_answers_as_its_plug_in_makes_the_plug_in_s_run(street, simulate_file, tmp_path):
    fixed = ('leaders = { kind = "stackelberg" }', 'leaders = { kind = "fixed_price", share = 0.25 }')
    run = simulate_file(street(fixed), tmp_path / "run")
    env = SinglePlayerEnv(street(fixed), "rsu_1")
    env.reset()
    earned, is_over, rounds = [], False, []
    while not is_over:
        rounds.append(env.simulation.decision.round.index)
        _, reward, is_over, _, _ = env.step(np.array([0.25]))
        earned.append(reward)
    assert env.simulation.result.digest() == run.digest
    mine = run.rounds[run.rounds["rsu"] == "b"]
    assert rounds == mine["round"].tolist()
    np.testing.assert_allclose(earned, mine["leader_utility"], rtol=1e-12)
    assert len(mine) < run.rounds["round"].nunique()


# --- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "what"),
    [
        ({}, "rsu_1, round 0: no action"),
        ({"rsu_1": None}, "rsu_1, round 0: no action"),
        ({"rsu_1": [0.5, 0.5]}, r"rsu_1, round 0: action of shape \(2,\), expected \(1,\)"),
        ({"rsu_1": [1.5]}, "rsu_1, round 0: action 1.5, expected numbers from 0 to 1"),
        ({"rsu_1": [np.nan]}, "rsu_1, round 0: action nan"),
    ],
)
def test_an_action_that_is_none_is_named(street, actions, what):
    env = SimulationEnv(street(), ("rsu_1",))
    env.reset()
    with pytest.raises(AgentError, match=what):
        env.step(actions)
    env.step({"rsu_1": [0.5]})  # and the run goes on where it was


def test_an_exact_answer_is_held_to_what_plug_ins_are_held_to(street):
    env = SimulationEnv(street(), "both")
    env.reset()
    size = len(env.decision.round.rsu)
    with pytest.raises(AgentError, match=r"leaders, round 0, RSU 'b': price 16 is outside cost .* and price_max 15"):
        env.step_answer([16.0] * size)
    with pytest.raises(AgentError, match=r"leaders, round 0: the prices given returned shape \(9,\)"):
        env.step_answer([5.0] * 9)
    env.step_answer([5.0] * size)
    assert isinstance(env.decision, DemandDecision)
    with pytest.raises(AgentError, match="followers, round 0: the demands given returned -1"):
        env.step_answer(np.full(env.decision.round.inputs.eligible.shape, -1.0))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"learners": "leader"}, "learners: 'leader': expected leaders, followers, both, .*did you mean .leaders"),
        ({"learners": ("rsu_4",)}, "learners: 'rsu_4': expected .* rsu_0 to rsu_3 and vehicle_0 to vehicle_4"),
        ({"learners": ()}, "learners: none"),
        ({"information": "full"}, "information: 'full': expected one of own, public"),
        ({"demand_max_hz": 0.0}, "demand_max_hz: 0.0: expected a finite number above 0"),
    ],
)
def test_a_wrong_argument_is_named(street, arguments, what):
    with pytest.raises(InputError, match=what):
        SimulationEnv(street(), **arguments)


def test_calls_out_of_order_and_scenarios_without_a_turn_are_refused(street):
    env = SimulationEnv(street())
    with pytest.raises(RunError, match="no run is under way"):
        env.step({})
    env.reset()
    with pytest.raises(RunError, match="no run has come to its end"):
        env.summary()
    with pytest.raises(InputError, match="seed: -1: expected 0 to"):
        env.reset(seed=-1)
    play(env)
    with pytest.raises(RunError, match="no run is under way"):
        env.step({})
    early = SimulationEnv(load_scenario(street(), ("duration_s=5",)))
    with pytest.raises(RunError, match="street, seed 4: no learner is ever asked"):
        early.reset()
    with pytest.raises(ScenarioError, match="market: missing, expected one"):
        SimulationEnv(street((STREET[STREET.index("[market]") :], "")))
