"""A plug-in agent that misbehaves ends the run with one line that names it; it sees what it declared, no more."""

import pytest
from roads import cars, market, road

from simmig.cli.main import main

AGENT = """
import numpy as np
from simmig.contracts import Agent as Player

class Agent(Player):
    def price(self, view):
        {body}
"""
CARS = cars(3)


def street(leaders):
    return road(market(leaders=f'kind = "{leaders}"'), fleet="preferences = { alpha = 30.0, beta = 30.0 }")


@pytest.fixture
def run_with(tmp_path, capsys):
    def run(body, leaders="mine.py:Agent"):
        (tmp_path / "mine.py").write_text(AGENT.format(body=body))
        (tmp_path / "cars.csv").write_text(CARS)
        scenario = tmp_path / "scenario.toml"
        scenario.write_text(street(leaders))
        code = main(["run", str(scenario), "--out", str(tmp_path / "out")])
        captured = capsys.readouterr()
        return code, captured.err.strip(), tmp_path / "out"

    return run


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("raise ValueError('no idea\\nat all')", "ValueError at mine.py:7: no idea at all"),
        ("return view.nonsense", "AttributeError at mine.py:7"),
        ("return np.array([np.nan])", "returned nan, expected finite numbers"),
        ("return np.array([np.inf])", "returned inf, expected finite numbers"),
        ("return np.array([1.0, 2.0])", "returned shape (2,), expected (1,)"),
        ("return 'dear'", "returned str, expected numbers of shape (1,)"),
        ("return None", "returned"),
        ("return np.array([-1.0])", "returned -1, expected numbers >= 0"),
        ("return np.array([99.0])", "price 99 is outside cost 1 and price_max 15"),
        ("return np.array([0.5])", "price 0.5 is outside cost 1 and price_max 15"),
        # The bounds are not to be moved.
        ("view.cost[0] = 0.0; return view.cost", "ValueError at mine.py:7: assignment destination is read-only"),
    ],
)
def test_a_leader_that_misbehaves_is_named_in_one_line(run_with, body, what):
    code, line, out = run_with(body)
    assert code == 1
    assert len(line.splitlines()) == 1
    assert "leader agent 'mine.py:Agent', round 0" in line
    assert what in line
    assert not out.exists()


def test_information_own_shows_no_market_and_no_game(run_with):
    body = "assert view.game is None and view.market_price is None and len(view.rsu) == 1; return view.cost"
    assert run_with(body)[0] == 0


def test_a_plugin_file_and_an_installed_one_play_alike(run_with, tmp_path, simulate):
    code, _, out = run_with("return view.cost + 0.5 * (view.price_max - view.cost)")
    assert code == 0
    from simmig.run.folder import read_json

    here = simulate(street("fixed_price"), cars_csv=CARS)
    assert read_json(out, "run.json")["digest"] == here.digest


def test_an_agent_on_the_wrong_side_is_refused_before_the_run(run_with):
    code, line, out = run_with("return view.cost", leaders="best_response")
    assert code == 2
    assert "agents.leaders.kind: 'best_response': expected an agent that plays leaders" in line
    assert not out.exists()
