"""`simmig reproduce`: the figures at hand, one of them tried out, the page of tables, and what is wrong."""

import json
from pathlib import Path

import pytest

from simmig.cli.main import main

PLAN = """schema = 1
paper = "002"
figure = "Fig. 0"
title = "A duopoly"
[game]
kind = "social"
followers = 2
leaders = 2
parameters = { alpha = 30.0, beta = 30.0, cost = 1.0, price_max = 15.0 }
[full]
seeds = 2
[quick]
seeds = 2
[curves]
record = "played"
[[agent]]
label = "PPO"
name = "ippo"
recipe = { games = 4, steps = 2, iterations = 4 }
quick = { iterations = 2 }
[[agent]]
label = "Solver"
name = "stackelberg"
[[panel]]
y = ["leader_utility"]
label = "average utility"
[[statement]]
text = "The solver is at the equilibrium."
check = { kind = "solved", agent = "Solver", measures = ["price", "leader_utility"] }
[[statement]]
text = "PPO is at the equilibrium."
check = { kind = "solved", agent = "PPO", measures = ["price"], within = 1e-6 }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def test_the_list_has_every_numeric_figure_of_both_papers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--list", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert [entry["name"] for entry in figures][::9] == ["001-fig3", "002-fig8"]
    assert main(["reproduce", "--list"]) == 0
    assert "001-fig5  Average reward of RSUs against the bandwidth cost" in capsys.readouterr().out


def test_plans_are_not_listed_as_scenarios(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    assert main(["list", "scenarios"]) == 0
    assert "papers" not in capsys.readouterr().out


def test_a_plan_of_one_s_own_leaves_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "mine.toml", "--quick", "--out", "there", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in document["rows"]] == ["reproduced", "not reproduced"]
    assert document["trainings"] == 2
    names = sorted(path.name for path in (folder / "there").iterdir())
    assert names == ["curves.csv", "figure.png", "figure.svg", "points.csv", "table.json", "table.md"]
    curve = (folder / "there" / "curves.csv").read_text(encoding="utf-8").splitlines()
    assert curve[0] == "agent,seed,iteration,measure,value"
    assert curve[2].startswith("PPO,0,0.03125,")
    first = (folder / "there" / "points.csv").read_bytes()
    assert main(["reproduce", "mine.toml", "--quick", "--out", "again"]) == 0
    assert "REPRODUCED: The solver is at the equilibrium." in capsys.readouterr().out
    assert (folder / "again" / "points.csv").read_bytes() == first
    assert main(["reproduce", "--docs", "there"]) == 0
    assert "| mine | quick, 2 seeds | 1 | 0 | 1 |" in capsys.readouterr().out


def test_full_and_the_number_of_seeds(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMMIG_RUNS", "runs-here")
    assert main(["reproduce", "mine.toml", "--seeds", "1"]) == 0
    document = json.loads((folder / "runs-here" / "mine" / "table.json").read_text(encoding="utf-8"))
    assert (document["size"], document["seeds"], document["trainings"]) == ("full", 1, 1)
    curve = (folder / "runs-here" / "mine" / "curves.csv").read_text(encoding="utf-8")
    assert "PPO,0,0.0625," in curve  # four iterations of 8 games, not two


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "simmig reproduce: expected a figure, such as 001-fig3 (see simmig reproduce --list)"),
        (["001-fig33"], '(did you mean "001-fig3"?)'),
        (["none.toml"], "none.toml: no such file"),
        (["--docs", "nowhere"], "nowhere/table.json: cannot be read"),
        (["mine.toml", "--out", "mine.toml"], "mine.toml: cannot be created"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["reproduce", *arguments]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1
