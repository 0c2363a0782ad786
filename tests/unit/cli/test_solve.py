"""`simmig solve`: a game file, a round of a run, the plot, and what is wrong with them."""

import json

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
        (["{file}", "--plot", "x.nonsense"], "x.nonsense: cannot be written"),
        (["{file}", "--plot", "x.png", "--leaders", "r1,r9"], "--leaders r1,r9: expected two of r1, r2"),
        (["{file}", "--set", "leaders.cost=[20.0, 1.0]"], "game social: price_max of leader 0 is 15.0"),
        (["{file}", "--set", "followers.preferences.beta=1.0"], "not positive definite"),
        (["{folder}"], "expected a game file, or a run folder with --round N"),
        (["{folder}", "--round", "1"], "has no rounds.parquet"),
        (["{folder}/none.toml"], "no such file"),
    ],
)
def test_wrong_input_is_one_line(game_file, tmp_path, monkeypatch, arguments, expected, capsys):
    monkeypatch.chdir(tmp_path)
    filled = [text.format(file=game_file, folder=tmp_path) for text in arguments]
    assert main(["solve", *filled]) in (1, 2)
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1
