"""An agent in a process of its own: the same numbers, within its limits, and gone when the run is."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from roads import FIG3, cars, market, road

from simmig.contracts import FollowerView
from simmig.engine.simulation import Simulation
from simmig.errors import InputError
from simmig.plugins import load, plugin_class
from simmig.run.isolation import IsolatedAgent, Limits, Named, wire
from simmig.run.players import load_players
from simmig.run.views import follower_view, leader_view
from simmig.scenario import load_scenario
from simmig.testing.markets import MARKETS, open_market, play

LIMITS = Limits(60.0, 2_000_000_000)
ROUNDS = 4
PREFERENCES = "preferences = { alpha = 30.0, beta = 30.0 }"
STREET = road(market(), fleet=PREFERENCES)


@pytest.fixture(scope="module")
def worlds():
    return {name: open_market(name, ROUNDS, 3) for name in MARKETS}


def isolated(agent: str, name: str, folder: Path = Path()) -> IsolatedAgent:
    game = dict(MARKETS[name]["game"])
    seated = IsolatedAgent(Named(agent, {}), Named(game.pop("kind"), game), folder, LIMITS)
    seated.prepare()
    return seated


def children(process: int = os.getpid()) -> list[psutil.Process]:
    """The agents' processes; other tests may have left helpers of Python's own."""
    found = psutil.Process(process).children()
    return [child for child in found if "simmig.run.isolation.child" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("agent", "side", "name"),
    [
        ("stackelberg", "leaders", "social"),  # sees the whole game
        ("stackelberg", "leaders", "immersion"),  # individual prices
        ("best_so_far", "leaders", "embodied"),  # remembers and draws
        ("best_response", "followers", "embodied"),  # sees the whole game
        ("random", "followers", "immersion"),  # draws
        ("simmig.testing.opponent:Agent", "followers", "social"),  # plays its lone game
        ("simmig.testing.opponent:Agent", "followers", "immersion"),
    ],
)
def test_answers_are_the_same_to_the_last_bit(worlds, agent, side, name):
    seated = isolated(agent, name)
    elsewhere = play(worlds[name], side, seated, ROUNDS, 5)
    assert seated.finish() == []
    here = play(worlds[name], side, load("agents", agent), ROUNDS, 5)
    assert len(here) == ROUNDS
    assert elsewhere == here


@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.parametrize("information", ["own", "public", "full"])
def test_a_view_arrives_as_it_was_sent(worlds, name, information):
    world = worlds[name]
    game = world.market.game
    round_ = next(Simulation(world).decisions()).round
    price = round_.inputs.cost * 2.0
    if round_.game.individual_prices:
        price = np.tile(price, (len(round_.migrations), 1))
    price.flags.writeable = False
    ids = world.trace.vehicle_id, world.rsus.sites.rsu_id
    columns, rows = np.arange(len(round_.rsu)), np.arange(len(round_.migrations))
    if information != "full":
        columns, rows = columns[:1], rows[-1:]
    for view in (
        leader_view(round_, columns, ids[1], information, 7),
        follower_view(round_, rows, price, ids[0], information, 7, game),
    ):
        content = wire.marshal.loads(wire.question(9, view, round_.inputs)[wire.LENGTH.size :])
        number, found = wire.asked(content, game)
        assert number == 9
        assert type(found) is type(view)
        assert_alike(found, view)


def assert_alike(found, view):
    for key in type(view).__dataclass_fields__:
        one, other = getattr(found, key), getattr(view, key)
        if key == "draws":
            assert one.uniform() == other.uniform()
        elif key == "alone":
            np.testing.assert_array_equal(one().best_demand(view.price), other().best_demand(view.price))
        elif key == "game" and one is not None:
            price = view.price if isinstance(view, FollowerView) else one.solve().price
            np.testing.assert_array_equal(one.best_demand(price), other.best_demand(price))
        else:
            np.testing.assert_equal(one, other)
            for array, original in zip(arrays(one), arrays(other), strict=True):
                assert array.dtype == original.dtype
                assert not array.flags.writeable
                assert not original.flags.writeable
                assert array.flags.f_contiguous == original.flags.f_contiguous


def arrays(value):
    inner = value.values() if isinstance(value, dict) else [value]
    return [array for array in inner if isinstance(array, np.ndarray)]


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_order_in_memory(order):
    sent = np.asarray(np.arange(6.0).reshape(2, 3), order=order)
    found = wire._restored(wire._flat(sent))
    np.testing.assert_array_equal(found, sent)
    assert found.flags.f_contiguous == (order == "F")


def test_a_run_is_the_same_isolated_or_not_and_leaves_no_process(simulate):
    here = simulate(STREET, cars_csv=cars(6))
    elsewhere = simulate(STREET, "agents.isolate=true", cars_csv=cars(6))
    assert elsewhere.digest == here.digest
    assert elsewhere.run["scenario"]["agents"]["isolate"] is True
    assert "remarks" not in elsewhere.run
    assert children() == []


def test_the_processes_live_until_the_players_are_closed_or_forgotten(tmp_path):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "street.toml").write_text(STREET)
    scenario = load_scenario(tmp_path / "street.toml", ["agents.isolate=true"])
    players = load_players(scenario)
    assert len(children()) == 2
    players.close()
    players.close()
    assert children() == []
    players = load_players(scenario)
    assert len(children()) == 2
    del players
    assert children() == []


FILES = """
from simmig.contracts import Agent as Player
from simmig.errors import InputError

class Agent(Player):
    def prepare(self, folder):
        {body}

    def price(self, view):
        return view.price_max
"""


def prepared(simulate, tmp_path, body, isolate):
    (tmp_path / "mine.py").write_text(FILES.format(body=body))
    (tmp_path / "number.txt").write_text("12")
    text = road(market(leaders='kind = "mine.py"'), fleet=PREFERENCES)
    return simulate(text, f"agents.isolate={isolate}", cars_csv=cars(3))


@pytest.mark.parametrize("isolate", ["true", "false"])
def test_what_an_agent_says_of_its_files_is_kept(simulate, tmp_path, isolate):
    run = prepared(simulate, tmp_path, "return {'read': (folder / 'number.txt').read_text()}", isolate).run
    assert run["agent_files"] == {"leaders": {"read": "12"}}


@pytest.mark.parametrize("isolate", ["true", "false"])
@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise InputError('number.txt: expected a word')", "agents.leaders: number.txt: expected a word"),
        ("raise ValueError('no')", "ValueError at mine.py:7: no"),
        ("raise SystemExit(3)", "SystemExit at mine.py:7: 3"),
        ("return {'gap': float('nan')}", "ValueError at .*: Out of range float values are not JSON compliant"),
        ("return {'gap': {1, 2}}", "TypeError at .*: Object of type set is not JSON serializable"),
    ],
)
def test_an_agent_that_cannot_prepare_is_named_before_the_run(simulate, tmp_path, body, line, isolate):
    with pytest.raises(
        InputError, match=rf"scenario0\.toml: agents\.leaders: .*{line.removeprefix('agents.leaders: ')}"
    ):
        prepared(simulate, tmp_path, body, isolate)
    assert children() == []


SLEEPER = """
import sys, time
from pathlib import Path
from simmig.run.isolation import IsolatedAgent, Limits, Named
agent = IsolatedAgent(Named("mine.py", {}), Named("social", {}), Path(sys.argv[1]), Limits(60.0, 2_000_000_000))
while "busy" not in agent._channel.printed:
    time.sleep(0.01)
    agent._channel._look_at_output()
print(agent._channel._process.pid, flush=True)
time.sleep(60)
"""


def test_the_process_dies_with_its_run_even_while_it_is_busy(tmp_path):
    (tmp_path / "mine.py").write_text(FILES.format(body="print('busy')\n        while True: pass"))
    run = subprocess.Popen([sys.executable, "-c", SLEEPER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    found = int(run.stdout.readline())
    assert psutil.pid_exists(found)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    end_s = time.monotonic() + 5.0
    while psutil.pid_exists(found) and time.monotonic() < end_s:
        time.sleep(0.01)
    assert not psutil.pid_exists(found)


ISOLATED = """
import sys
from simmig.cli.main import main
assert main(["run", *sys.argv[1:], "--json", "--set", "agents.isolate=true"]) == 0
assert "torch" not in sys.modules
"""


def test_a_policy_plays_the_same_in_a_process_of_its_own_and_only_there_with_torch(simulate, tmp_path):
    from simmig.learning.session import run_training
    from simmig.learning.venue import venue_of

    kind = plugin_class("agents", "ippo")
    quick = {"games": 8, "steps": 2, "iterations": 1, "width": 8, "weights": "shared", "individual": False}
    recipe = type(kind.recipe).model_validate({**kind.recipe.model_dump(), **quick})
    (tmp_path / "game.toml").write_text(FIG3)
    run_training(kind, "ippo", venue_of(tmp_path / "game.toml", []), recipe, 1, tmp_path / "policy")
    street = road(market(leaders='kind = "ippo", policy = "policy"'), fleet=PREFERENCES)
    here = simulate(street, cars_csv=cars(3))
    command = [sys.executable, "-c", ISOLATED, str(tmp_path / "scenario0.toml"), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == here.digest
    assert json.loads((tmp_path / "out" / "run.json").read_text())["agent_files"] == here.run["agent_files"]
