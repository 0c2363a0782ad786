"""One small agent for each way to misbehave: each is named in one line, in a process of its own or in the run's."""

import json
import time
from dataclasses import fields
from textwrap import indent

import numpy as np
import pytest
from roads import cars, market, road

from simmig.cli.main import main
from simmig.contracts import Agent
from simmig.engine.simulation import Simulation
from simmig.errors import AgentError
from simmig.plugins import load
from simmig.run.interrupt import interrupts
from simmig.run.isolation import IsolatedAgent, Limits, Named
from simmig.run.players import Players
from simmig.testing.markets import MARKETS, open_market

HEADER = """
import ctypes, mmap, os, random, signal, sys, threading, time
import numpy as np
from simmig.contracts import Agent as Player

class Odd(BaseException):
    def __str__(self):
        raise ValueError

class Agent(Player):
    def price(self, view):
"""
LIMITS = Limits(call_s=1.0, memory_byte=300_000_000)
LINE = "leader agent 'mine.py', round 0: "
FIND_SOCKET = """
from pathlib import Path
from simmig.run.isolation import wire
fd = next(int(file.name) for file in Path("/proc/self/fd").iterdir() if file.is_socket())
"""


@pytest.fixture(scope="module")
def world():
    return open_market("social", 2, 1)


@pytest.fixture
def play(world, tmp_path):
    """play(body, isolate): the first prices of an agent with this body, and the remarks on it."""
    seated = []

    def first(body, isolate):
        (tmp_path / "mine.py").write_text(HEADER + indent(body, "        "))
        leader: Agent | IsolatedAgent = load("agents", "mine.py", {}, tmp_path)
        if isolate:
            leader = IsolatedAgent(Named("mine.py", {}), Named("social", {}), tmp_path, LIMITS)
            leader.prepare()
        follower = load("agents", "simmig.testing.opponent:Agent")
        players = Players(leader, follower, ("mine.py", "opponent"), 1, world.market.game)
        seated.append(players)
        players.meet(world.trace.vehicle_id, world.rsus.sites.rsu_id)
        with interrupts():
            return players.answer(next(Simulation(world).decisions())), players.finish()

    yield first
    for players in seated:
        players.close()


BOTH = {
    "raises": ("raise ValueError('no idea\\nat all')", "ValueError at mine.py:12: no idea at all"),
    "raises to the terminal": ("raise ValueError('\\x1b[2J')", "ValueError at mine.py:12: \\x1b[2J"),
    "raises at length": ("raise ValueError('x' * 10**6)", "ValueError at mine.py:12: " + 500 * "x"),
    "raises what has no text": ("raise Odd", "Odd at mine.py:12 (its text cannot be shown)"),
    "recurses": ("def f(): f()\nf()", "RecursionError at mine.py:12: maximum recursion depth exceeded"),
    "exits": ("sys.exit(3)", "SystemExit at mine.py:12: 3"),
    "raises an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt at mine.py:12"),
    "needs too much memory at once": ("np.ones(10**13)", "MemoryError at"),
    "answers a word": ("return 'dear'", "returned str, expected"),
    "answers nothing": ("return None", "returned shape (), expected (1,)"),
    "answers NaN": ("return view.cost * np.nan", "returned nan, expected finite numbers"),
    "answers too little": ("return view.cost / 2", "is outside cost"),
    "answers too many": ("return [1.0, 2.0]", "returned shape (2,), expected (1,)"),
    "changes what it sees": ("view.cost[0] = 0.0", "ValueError at mine.py:12: assignment destination is read-only"),
    "changes the view": ("view.round = 7", "FrozenInstanceError at"),
}
ISOLATED = {
    "hangs": ("while True: pass", "no answer within 1 s"),
    "sleeps": ("time.sleep(60)", "no answer within 1 s"),
    "hangs and takes no signal": ("signal.pthread_sigmask(0, range(1, 65)); time.sleep(60)", "no answer within 1 s"),
    "allocates": ("np.ones(10**8)", "(agents.memory_limit_byte is 3e+08)"),
    "fills memory that is not its own": (
        "m = mmap.mmap(-1, 4 * 10**8)\nfor k in range(0, 4 * 10**8, 4096): m[k] = 1\ntime.sleep(60)",
        "byte of memory (agents.memory_limit_byte is 3e+08)",
    ),
    "ends the process": ("os._exit(3)", "its process ended with exit code 3"),
    "ends the process as if all were well": ("os._exit(0)", "its process ended with exit code 0"),
    "crashes": ("ctypes.string_at(0)", "its process died of SIGSEGV"),
    "aborts": ("os.abort()", "its process died of SIGABRT"),
    "ends while its twin lives on": (
        "if os.fork() == 0: time.sleep(60)\nos._exit(3)",
        "its process ended with exit code 3",
    ),
    "hangs up": ("os.closerange(3, 99); time.sleep(60)", "its process closed the connection"),
    "answers far too much": ("return np.ones(10**6)", "returned shape (1000000,), expected at most"),
    "answers in far too many axes": ("return np.ones((1,) * 30)", "returned an array of 30 axes"),
    "sends noise": (f"{FIND_SOCKET}os.write(fd, b'noise' * 99)", "its process answered what it was not asked"),
    "promises more than there is": (
        f"{FIND_SOCKET}os.write(fd, wire.HEADER.pack(wire.ANSWER, 2, 1, 8) + b'\\xff' * 16)",
        "returned shape (18446744073709551615, 18446744073709551615), expected at most",
    ),
    "sends other numbers than it says": (
        f"{FIND_SOCKET}os.write(fd, wire.HEADER.pack(wire.ANSWER, 1, 1, 99) + b'\\1' + b'\\0' * 7)",
        "its process sent what is no answer",
    ),
    "sends a text without end": (
        f"{FIND_SOCKET}os.write(fd, wire.HEADER.pack(wire.FAILURE, 0, 1, 2**60))",
        "its process sent what is no message",
    ),
    "sends a deep text": (
        f"{FIND_SOCKET}os.write(fd, wire.HEADER.pack(wire.FAILURE, 0, 1, 90_000) + b'[' * 90_000)",
        "its process sent what is no message",
    ),
}


@pytest.mark.parametrize("isolate", [False, True], ids=["here", "isolated"])
@pytest.mark.parametrize("case", BOTH)
def test_it_is_named_in_one_line_wherever_it_plays(play, case, isolate):
    body, expected = BOTH[case]
    with pytest.raises(AgentError) as caught:
        play(body, isolate)
    line = str(caught.value)
    assert line.startswith(LINE.removesuffix(": "))
    assert expected in line
    assert len(line) < 700
    assert line.isprintable()


@pytest.mark.parametrize("case", ISOLATED)
def test_only_its_own_process_pays_for_it(play, case):
    body, expected = ISOLATED[case]
    with pytest.raises(AgentError) as caught:
        play(body, True)
    started_s = time.monotonic()
    assert str(caught.value).startswith(LINE)
    assert expected in str(caught.value)
    assert time.monotonic() - started_s < 1.0


HARMLESS = {
    "starts a thread": ("threading.Thread(target=time.sleep, args=(60,)).start()", []),
    "forks": ("os.fork()", []),
    "forks and waits": ("if os.fork() == 0: time.sleep(60)", []),
    "prints": ("print('hello', '\\x1b[2J'); os.write(1, b'you')", ["hello \\x1b[2J youhello"]),
    "prints without end": ("for _ in range(400): print('x' * 10_000)", ["xxx"]),
    "reseeds": ("np.random.seed(1)", ["numpy.random"]),
    "draws": ("random.random(); np.random.rand()", ["random and numpy.random"]),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_a_process_does_beside_answering_harms_nobody(play, case):
    body, expected = HARMLESS[case]
    price, remarks = play(f"{body}\nreturn view.cost", True)
    assert np.isfinite(price).all()
    assert len(remarks) == len(expected)
    for remark, part in zip(remarks, expected, strict=True):
        assert remark.startswith("leader agent 'mine.py': ")
        assert part in remark
        assert remark.isprintable()


@pytest.fixture
def global_generator():
    """The state of NumPy's global generator, which is put back afterwards."""
    state = np.random.get_state()  # noqa: NPY002  # what the test is about
    yield state[1].copy()
    np.random.set_state(state)  # noqa: NPY002


@pytest.mark.usefixtures("global_generator")
def test_global_generators_are_watched_in_the_run_too(play):
    _, remarks = play("np.random.seed(1); return view.cost", False)
    assert remarks == [
        "agent 'mine.py' or 'opponent', or another plug-in: drew from or reseeded the global generator of "
        "numpy.random: the same seed may not give the same run again; draw from view.draws"
    ]


@pytest.mark.parametrize("market_name", MARKETS)
def test_an_agent_that_sees_the_game_cannot_change_it(market_name):
    game = next(Simulation(open_market(market_name, 1, 1)).decisions()).round.game
    values = {field.name: getattr(game, field.name) for field in fields(game)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    assert arrays
    assert [name for name, value in arrays.items() if value.flags.writeable] == []


def test_ctrl_c_while_an_agent_thinks_is_no_fault_of_the_agent(play):
    with pytest.raises(KeyboardInterrupt):
        play("for _ in range(2): os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)", False)


@pytest.mark.usefixtures("global_generator")
@pytest.mark.parametrize("isolate", ["false", "true"])
def test_what_plug_ins_print_does_not_mix_with_the_json(tmp_path, capfd, isolate):
    body = "print('hello'); os.write(1, b'you')\nnp.random.seed(1)\nreturn view.cost"
    (tmp_path / "mine.py").write_text("print('at import')\n" + HEADER + indent(body, "        "))
    (tmp_path / "cars.csv").write_text(cars(2))
    scenario = tmp_path / "street.toml"
    scenario.write_text(road(market(leaders='kind = "mine.py"'), fleet="preferences = { alpha = 30.0, beta = 30.0 }"))
    code = main(["run", str(scenario), "--json", "--out", str(tmp_path / "out"), "--set", f"agents.isolate={isolate}"])
    captured = capfd.readouterr()
    assert code == 0
    assert json.loads(captured.out)["status"] == "complete"
    assert "at import" in captured.err
    assert "you" in captured.err
    assert "numpy.random" in captured.err
    assert ("it begins with 'at import hello you" in captured.err) == (isolate == "true")
    remarks = json.loads((tmp_path / "out" / "run.json").read_text())["remarks"]
    assert all(f"remark: {remark}" in captured.err for remark in remarks)
