"""`simmig solve`: a game file, a round of a run, the plot, and what is wrong with them."""

import json
import math
import re

import numpy as np
import pytest

from simmig.cli.main import main

GAME = """schema = 1
name = "fig3"
game = { kind = "social" }
ties = 5.0
[followers]
names = ["u1", "u2", "u3"]
preferences = { alpha = [30.0, 25.0, 35.0], beta = 30.0 }
[leaders]
names = ["r1", "r2"]
cost = [3.0, 1.0]
price_max = 15.0
"""
IMMERSION = """schema = 1
name = "uavs"
game = { kind = "immersion" }
efficiency_bit_s_hz = 6.0
[followers]
names = ["u1", "u2"]
preferences = { delta = [10.0, 20.0], ssim = 0.9, ssim_threshold = 0.5 }
[leaders]
names = ["r1"]
cost = 1.0
price_max = 30.0
"""
EMBODIED = """schema = 1
game = { kind = "embodied" }
ties = 0.01
[followers]
count = 3
preferences = { delta = [10.0, 12.0, 15.0] }
[leaders]
count = 2
cost = 2.0
price_max = 15.0
offer = { quality = [0.9, 0.8], quality_threshold = 0.5 }
"""
# A game that can be solved and certified, and no more.
PLAIN = """
from simmig.games.immersion import Game as Immersion

NAMES = "individual_prices bandwidth_unit_hz pairing follower_utility leader_utility best_demand solve certify"

class Plain:
    def __init__(self, game):
        for name in NAMES.split():
            setattr(self, name, getattr(game, name))

class Game(Immersion):
    def build(self, inputs):
        return Plain(super().build(inputs))
"""


@pytest.fixture
def game_file(tmp_path):
    path = tmp_path / "game.toml"
    path.write_text(GAME)
    return path


def test_json_has_the_players_the_certificate_and_the_outcomes(game_file, capsys):
    assert main(["solve", str(game_file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["converged"]
    assert [round(of["price"], 3) for of in document["leaders"]] == [13.036, 11.542]
    assert [round(of["utility"], 3) for of in document["followers"]] == [3.79, 2.329, 5.607]
    assert max(of["gap_relative"] for of in document["leaders"] + document["followers"]) < 1e-9
    outcomes = document["outcomes"]
    assert outcomes["social_optimum"]["welfare"] > outcomes["stackelberg"]["welfare"]
    assert outcomes["monopoly"]["leader_utility"] >= outcomes["stackelberg"]["leader_utility"] - 1e-9
    assert document["price_of_anarchy"] == pytest.approx(
        outcomes["social_optimum"]["welfare"] / outcomes["stackelberg"]["welfare"]
    )


def test_the_table_names_every_player_and_rounds_nothing_away(game_file, capsys):
    assert main(["solve", str(game_file)]) == 0
    told = capsys.readouterr().out
    for text in ("fig3: converged", "13.0365", "11.5416", "u1", "r2", "relative gap", "price of anarchy"):
        assert text in told


def test_best_responses_cross_at_the_equilibrium(game_file, tmp_path):
    from simmig.report.best_responses import best_responses
    from simmig.scenario.game_file import load_game

    game = load_game(game_file).build()
    found = game.solve()
    curves = best_responses(game, found, (0, 1), (np.array([3.0, 1.0]), np.array([15.0, 15.0])), 0)
    assert np.interp(found.price[0], curves[0], curves[1]) == pytest.approx(found.price[1], abs=2e-3)
    assert np.interp(found.price[1], curves[2], curves[3]) == pytest.approx(found.price[0], abs=2e-3)
    assert np.ptp(curves[1]) > 0.5  # it does answer


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_plot_is_written(game_file, tmp_path, ending, capsys):
    picture = tmp_path / f"curves.{ending}"
    assert main(["solve", str(game_file), "--plot", str(picture), "--leaders", "r2,r1"]) == 0
    assert picture.stat().st_size > 3000
    assert str(picture) in capsys.readouterr().out


@pytest.fixture
def uavs(tmp_path):
    path = tmp_path / "uavs.toml"
    path.write_text(IMMERSION)
    return path


@pytest.mark.parametrize(("played", "other"), [("individual", "uniform"), ("uniform", "individual")])
def test_an_immersion_game_is_shown_beside_the_other_kind_of_prices(uavs, played, other, capsys):
    # One RSU, money to spare: u buys delta S / p - 1/q, so sqrt(delta S q c) is best for u alone, (36) of 001, and for
    # both together the same with the mean of delta.
    s, q, delta = math.log(0.9 / 0.5), 6.0, (10.0, 20.0)
    prices = {
        "individual": [[math.sqrt(d * s * q)] for d in delta],
        "uniform": [math.sqrt(15.0 * s * q)],
    }
    each = {
        "individual": [row[0] for row in prices["individual"]],
        "uniform": prices["uniform"] * 2,
    }
    arguments = ["solve", str(uavs), "--set", f"game.prices={played}"]
    assert main([*arguments, "--json"]) == 0
    outcomes = json.loads(capsys.readouterr().out)["outcomes"]
    for name, kind in (("stackelberg", played), (f"{other}_prices", other)):
        bought = [d * s / p - 1 / q for d, p in zip(delta, each[kind], strict=True)]
        worth = [d * s * math.log1p(b * q) for d, b in zip(delta, bought, strict=True)]
        paid = [p * b for p, b in zip(each[kind], bought, strict=True)]
        np.testing.assert_allclose(outcomes[name]["price"], prices[kind], rtol=1e-9)
        assert outcomes[name]["demand"] == pytest.approx(sum(bought), rel=1e-9)
        assert outcomes[name]["leader_utility"] == pytest.approx(sum(paid) - sum(bought), rel=1e-9)
        assert outcomes[name]["follower_utility"] == pytest.approx(sum(worth) - sum(paid), rel=1e-9)
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert re.search(rf"^stackelberg .*\n{other} prices  +{outcomes[f'{other}_prices']['welfare']:.6g} ", told, re.M)
    assert f"\n{played} prices" not in told


def test_an_outcome_that_did_not_settle_says_so(uavs, capsys):
    # Two RSUs with one price for all chase one another round a poor and a rich UAV.
    changes = (
        'leaders.names=["r1", "r2"]',
        "leaders.cost=[4.0, 1.0]",
        "leaders.price_max=20.0",
        "followers.preferences.delta=[15.0, 9.0]",
        "followers.preferences.ssim=[0.83, 0.87]",
        "followers.preferences.budget=[7.0, 1.0]",
    )
    assert main(["solve", str(uavs), *(word for change in changes for word in ("--set", change))]) == 0
    assert "\nuniform prices, not converged " in capsys.readouterr().out


def test_an_outcome_that_does_not_exist_is_explained_below_the_table(tmp_path, capsys):
    path = tmp_path / "embodied.toml"
    path.write_text(EMBODIED)
    assert main(["solve", str(path)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^social optimum +none$", told, re.M)
    assert "\nno social optimum: game embodied: the sum of utilities grows without bound" in told
    assert "price of anarchy" not in told


def test_individual_prices_are_plotted_towards_the_first_follower(uavs, tmp_path):
    picture = tmp_path / "curves.svg"
    more = ("--set", 'leaders.names=["r1", "r2", "r3"]', "--leaders", "r3, r1")
    assert main(["solve", str(uavs), *more, "--plot", str(picture)]) == 0
    text = picture.read_text()
    for axis in ("price of r3 for u1", "price of r1 for u1"):
        assert f">{axis}<" in text


def test_a_game_that_only_solves_has_no_other_outcomes_and_no_plot(uavs, tmp_path, capsys):
    (tmp_path / "plain.py").write_text(PLAIN)
    arguments = ["solve", str(uavs), "--set", "game.kind=plain.py:Game"]
    assert main([*arguments, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["outcomes"]) == {"stackelberg"}
    assert main([*arguments, "--plot", str(tmp_path / "x.png")]) == 2
    assert "--plot: this game does not say what a leader's best price is" in capsys.readouterr().err


def test_a_round_of_a_run_is_solved_and_shown_as_played(repository, simulate_file, tmp_path, capsys):
    out = tmp_path / "run"
    scenario = repository / "scenarios" / "demo.toml"
    run = simulate_file(scenario, out, ("duration_s=120.0", 'agents.leaders={ kind = "fixed_price", share = 0.1 }'))
    assert main(["solve", str(out), "--round", "0", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    recorded = run.rounds[run.rounds["round"] == 0]
    played, solved = document["played"]["leaders"], document["leaders"]
    assert [of["price"] for of in played] == recorded["price"].tolist()
    assert [of["gap"] for of in played] == pytest.approx(recorded["leader_gap"].tolist())
    assert max(of["gap_relative"] for of in played) > 0.01
    assert max(of["gap_relative"] for of in solved) < 1e-9


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{file}", "--plot", "x.nonsense"], "x.nonsense: cannot be written; expected a name that ends in .png"),
        (["{file}", "--plot", "no/x.png"], "no/x.png: cannot be written: No such file or directory"),
        (["{file}", "--leaders", "r1,r2"], "--leaders: expected only with --plot"),
        (["{file}", "--scenario", "s.toml"], "--scenario: expected only with --round"),
        (["{folder}", "--round", "0", "--set", "seed=2"], "--set: expected only with a game file"),
        (["{scenario}"], "street.toml: this is a scenario, for `simmig run`; expected a game"),
        (["{file}", "--plot", "x.png", "--leaders", "r1,r9"], "--leaders r1,r9: expected two of r1, r2"),
        (["{file}", "--set", "leaders.cost=[20.0, 1.0]"], "game social: price_max of leader 0 is 15.0"),
        (["{file}", "--set", "followers.preferences.beta=1.0"], "not positive definite"),
        (["{folder}"], "expected a game file, or a run folder with --round N"),
        (["{folder}", "--round", "1"], "has no rounds.parquet"),
        (["{folder}/none.toml"], "no such file"),
    ],
)
def test_wrong_input_is_one_line(game_file, repository, tmp_path, monkeypatch, arguments, expected, capsys):
    monkeypatch.chdir(tmp_path)
    scenario = repository / "scenarios" / "street.toml"
    filled = [text.format(file=game_file, folder=tmp_path, scenario=scenario) for text in arguments]
    assert main(["solve", *filled]) in (1, 2)
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1
