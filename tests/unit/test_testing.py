"""`check_agent`: the agents that ship keep every promise, and for each promise an agent that breaks it is caught."""

import os
import re
from collections import Counter
from textwrap import indent

import numpy as np
import pytest

from simmig.contracts import Agent as Player
from simmig.errors import InputError, PluginError
from simmig.plugins import available, plugin_class
from simmig.testing import BrokenPromise, check_agent, opponent
from simmig.testing.markets import MARKETS, open_market, play

HEADER = """
import random, time
import numpy as np
from simmig.contracts import Agent as Player
from simmig.errors import AgentError
from pydantic import PrivateAttr

SEEN = []

class Agent(Player):
"""
NEEDS_NOTHING = [
    name
    for name in available("agents")
    if not any(field.is_required() for field in plugin_class("agents", name).model_fields.values())
]


class Cheap(Player):
    """Sells at cost; stands at the top of a file, so that another process finds it."""

    def price(self, view):
        return view.cost


@pytest.fixture
def agent_in(tmp_path):
    """agent_in(body): the path of a file whose class Agent has this body."""

    def write(body):
        file = tmp_path / "mine.py"
        file.write_text(HEADER + indent(body, "    "))
        return file

    return write


def price(*lines, fields=""):
    return f"{fields}\ndef price(self, view):\n" + indent("\n".join(lines), "    ")


def demand(*lines, fields=""):
    return f"{fields}\ndef demand(self, view):\n" + indent("\n".join(lines), "    ")


MIDDLE = "return (view.cost + view.price_max) / 2.0"
LONE = "return view.alone().best_demand(view.price)"


@pytest.mark.parametrize("name", NEEDS_NOTHING)
def test_every_agent_that_ships_keeps_its_promises(name):
    played = check_agent(name, rounds=6)
    sides = {"leaders": "price", "followers": "demand"}
    found = plugin_class("agents", name)
    own = {side for side, method in sides.items() if getattr(found, method) is not getattr(Player, method)}
    markets = ["social"] if name == "admm" else list(MARKETS)
    assert set(played) == {(side, market) for side in own for market in markets}


@pytest.mark.parametrize(
    ("promise", "body", "text"),
    [
        ("answers", price("raise ValueError('no idea\\nat all')"), "round 0: ValueError at mine.py:13: no idea at all"),
        ("answers", price("return view.cost[0]"), "RSU 'rsu1': price(view) returned shape (), expected (1,)"),
        ("answers", price("return view.price_max * 1.01"), "price 12.12 is outside cost 2 and price_max 12"),
        # At the first round nothing is known.
        ("answers", price("return np.clip(view.last_price, view.cost, view.price_max)"), "returned nan"),
        ("answers", price("if view.round == 7: raise IndexError()", MIDDLE), "round 7: IndexError at mine.py:13"),
        ("answers", demand("return np.ones(view.eligible.shape)"), "expected 0 where not eligible"),
        ("answers", demand("return -0.1 * view.eligible"), "returned -0.1, expected numbers >= 0"),
        ("answers", "pass", "it has no method price(view) or demand(view)"),
        (
            "views",
            price("view.cost[0] = 2.5", "return view.price_max"),
            "mine.py:13: assignment destination is read-only",
        ),
        ("views", demand("view.preferences['wish'] = view.size_bit", LONE), "view.preferences['wish'] is not what"),
        ("views", demand("view.preferences['delta'][0] = 1.0", LONE), "is read-only; copy an array to change it"),
        ("views", price("view.market_price[:] = 5", MIDDLE, fields="information = 'full'"), "is read-only"),
        (
            "views",
            price(
                "view.game.ssim.flags.writeable = True",
                "view.game.ssim[:] = 0.9",
                MIDDLE,
                fields="information = 'full'",
            ),
            "view.game.ssim is not what",
        ),
        ("chance", price("random.random()", MIDDLE), "it drew from the global generator of random;"),
        ("chance", price("np.random.uniform()", MIDDLE), "global generator of numpy.random; draw from view.draws"),
        ("chance", price("import torch", "torch.rand(1)", MIDDLE), "global generator of torch;"),
        (
            "repeats",
            price("return view.cost + np.random.default_rng().uniform(size=1)"),
            "in a second run, with the same seed",
        ),
        ("repeats", price("return view.cost + time.perf_counter_ns() % 997 / 997"), "in a second run"),
        ("memory", price("SEEN.append(0)", "return view.cost + len(SEEN) / 1e6"), "in a second run"),
        ("process", price("return view.cost + hash(view.rsu[0]) % 997 / 997.0"), "in another process"),
        ("seed", price("view.draws.uniform()", MIDDLE), "it draws from view.draws, and answers the same with 8 other"),
        ("information", price("return view.market_price[:1]"), "'own' does not show view.market_price"),
        ("information", price("assert view.game is not None", MIDDLE), "'own' does not show view.game"),
        (
            "information",
            price("return view.game.solve().price", fields="information = 'public'"),
            "'public' does not show view.game",
        ),
        ("information", price(MIDDLE, fields="information = 'everything'"), "information = 'everything', expected one"),
        (
            "information",
            price(
                "self._paid.append(np.nan_to_num(view.last_utility[0]))",
                "return view.price_max - max(self._paid) % 1.0",
                fields="_paid: list = PrivateAttr(default_factory=list)",
            ),
            'keep it by name, or declare "public" or "full"',
        ),
        ("settings", price(MIDDLE, fields="levels: tuple[float, ...] = (0.5,)"), "as run.json has them, they cannot"),
        ("settings", price(MIDDLE, fields="level: float | None = 0.5"), "reads back as something else"),
    ],
)
def test_an_agent_that_breaks_a_promise_is_caught_by_its_name(agent_in, promise, body, text):
    file = agent_in(body)
    settings = {"level": None} if "level:" in body else {}
    with pytest.raises(BrokenPromise) as caught:
        check_agent(file, settings=settings, game="immersion_uniform", rounds=10)
    assert str(caught.value).startswith(f"agent '{file}'")
    assert f"broken promise '{promise}': " in str(caught.value)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_run_left_behind_in_an_earlier_check_is_caught_too(agent_in):
    file = agent_in(price("SEEN.append(0)", "return view.cost + len(SEEN) / 1e6"))
    for promise in ("memory", "repeats"):
        with pytest.raises(BrokenPromise, match=promise):
            check_agent(file, game="immersion", rounds=3)


@pytest.mark.parametrize(
    "body",
    [
        # Explores once in twenty times: with another seed it most often answers the same.
        price("explores = view.draws.uniform() < 0.05", "return view.price_max if explores else view.cost"),
        demand(LONE, fields="levels: list[float] = [0.5]"),
    ],
)
def test_what_is_allowed_passes(agent_in, body):
    file = agent_in(body)
    [(side, market)] = check_agent(file, game="immersion_uniform", rounds=6)
    assert (side, market) == ("followers" if "demand" in body else "leaders", "immersion_uniform")


def test_an_agent_may_decline_a_market_at_the_first_question_only(agent_in):
    refusal = "if view.has_individual_prices and view.round >= {}: raise AgentError('one price for all, please')"
    kept = check_agent(agent_in(price(refusal.format(0), MIDDLE)), rounds=3)
    assert {market for _, market in kept} == set(MARKETS) - {"immersion"}
    with pytest.raises(BrokenPromise, match=r"leaders of the immersion market: .*'answers': round 2: AgentError: one "):
        check_agent(agent_in(price(refusal.format(2), MIDDLE)), rounds=3)
    with pytest.raises(BrokenPromise, match=r"the immersion market: .*'answers': round 0: AgentError: one price"):
        check_agent(agent_in(price(refusal.format(0), MIDDLE)), rounds=3, game="immersion")
    with pytest.raises(BrokenPromise, match="'answers': it plays no market at all: never"):
        check_agent(agent_in(price("raise AgentError('never')")), rounds=3)


def test_the_second_process_has_another_hash_seed_and_must_not_fail(agent_in, monkeypatch):
    elsewhere = f"if os.getpid() != {os.getpid()}: raise OSError(os.environ['PYTHONHASHSEED'])"
    file = agent_in(price("import os", elsewhere, MIDDLE))
    for here, there in (("1", "2"), ("2", "1")):
        monkeypatch.setenv("PYTHONHASHSEED", here)
        with pytest.raises(BrokenPromise, match=rf"'process': it fails in a second process: .*OSError at .*: {there}$"):
            check_agent(file, game="immersion_uniform", rounds=1)


def test_an_agent_is_named_by_its_class_its_module_or_its_file(agent_in, monkeypatch, tmp_path):
    only = {"game": "immersion_uniform", "rounds": 2}
    assert check_agent(Cheap, **only) == (("leaders", "immersion_uniform"),)
    assert check_agent(opponent.Agent, side="followers", **only) == (("followers", "immersion_uniform"),)
    agent_in(price(MIDDLE))
    monkeypatch.chdir(tmp_path)
    assert check_agent("mine.py:Agent", **only) == (("leaders", "immersion_uniform"),)


def test_settings_reach_the_agent(agent_in):
    file = agent_in(price("return view.cost + self.extra", fields="extra: float = 0.0"))
    with pytest.raises(BrokenPromise, match="is outside cost"):
        check_agent(file, settings={"extra": 99.0}, game="immersion_uniform", rounds=2)
    with pytest.raises(PluginError, match=r"extr: 1\.0: unknown key \(did you mean \"extra\"\?\)"):
        check_agent(file, settings={"extr": 1.0})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"agent": "randon"}, 'no agent has this name (did you mean "random"?)'),
        ({"agent": "random", "game": "socal"}, "game 'socal': expected immersion, immersion_uniform, social, embodied"),
        ({"agent": "random", "rounds": 0}, "rounds 0: expected at least 1"),
        ({"agent": "none.py"}, "No such file"),
        ({"agent": type("Inside", (Player,), {"__qualname__": "f.<locals>.Inside"})}, "expected one at the top of a"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, text):
    with pytest.raises(InputError, match=re.escape(text)) as caught:
        check_agent(**arguments)
    assert "\n" not in str(caught.value)


def test_a_side_that_it_does_not_play_is_refused():
    with pytest.raises(BrokenPromise, match=r"agent 'stackelberg': broken promise 'answers': it has no method demand"):
        check_agent("stackelberg", side="followers")


@pytest.mark.parametrize("market", MARKETS)
def test_a_market_shows_players_that_differ_from_round_to_round(market):
    class Watcher:
        information = "full"

        def price(self, view):
            views.append(view)
            return view.price_max

    views, watcher = [], Watcher()
    answers = play(open_market(market, 12, 1), "leaders", watcher, 12, 1)
    assert [answer.place for answer in answers] == [f"round {number}" for number in range(12)]
    sizes = Counter((view.followers, len(view.rsu)) for view in views)
    assert {1, 2, 3} <= {followers for followers, _ in sizes}
    assert len({leaders for _, leaders in sizes}) >= 2
    assert np.isnan(views[0].last_price).all()
    assert all(np.isnan(view.market_price[-1]) for view in views)  # nobody ever comes to the last RSU
    assert not all(view.game.eligible.all() for view in views)
    assert {view.has_individual_prices for view in views} == {market == "immersion"}
