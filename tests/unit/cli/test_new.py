"""`simmig new agent`: what it writes works, is tested, is clean, and hides nothing."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simmig.cli.main import main
from simmig.contracts import Agent
from simmig.plugins import plugin_class
from simmig.run.folder import read_json

SIDES = {"leaders": {"price"}, "followers": {"demand"}, "both": {"price", "demand"}}
CAR = "id,t,x,y\n" + "".join(f"v,{40 * leg},{500 * (leg % 2)},0\n" for leg in range(81))
STREET = """
schema = 1
name = "alone"
[[fleet]]
name = "cars"
kind = "av"
trace = { path = "cars.csv" }
twin = { size_bit = 8e7, cycles = 5e9 }
preferences = { alpha = 30.0, beta = 30.0 }
[rsus]
radius_m = 600.0
unit = [{ id = "a", x_m = 0.0, y_m = 0.0 }, { id = "b", x_m = 500.0, y_m = 0.0 }]
defaults = { cost = 4.0, price_max = 32.0 }
[radio]
preset = "paper-002"
[migration]
trigger = { kind = "nearest" }
[market]
game = { kind = "social" }
round_s = 0.5
[agents]
leaders = { kind = "hunch.py" }
followers = { kind = "best_response" }
"""
RULES = "E,F,W,I,B,UP,SIM,C4,RUF,NPY,PT,RET,PIE,ANN,D1,DTZ"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["new", "agent", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip()


def module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize("side", SIDES)
def test_the_agent_plays_its_side_with_its_settings(side: str) -> None:
    assert main(["new", "agent", "hunch", "--side", side]) == 0
    found = plugin_class("agents", "hunch.py")
    assert {name for name in ("price", "demand") if getattr(found, name) is not getattr(Agent, name)} == SIDES[side]
    wanted = {"leaders": {"step", "explore"}, "followers": {"share"}}
    assert set(found.model_fields) == wanted.get(side, wanted["leaders"] | wanted["followers"])
    assert all(field.description for field in found.model_fields.values())


def test_its_test_passes_as_written(folder: Path) -> None:
    assert main(["new", "agent", "hunch", "--side", "both", "--out", "mine/agents"]) == 0
    done = module("pytest", "-q", "-p", "no:cacheprovider", "mine/agents")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("width", ["88", "120"])
@pytest.mark.parametrize("side", SIDES)
def test_both_files_are_clean(side: str, width: str) -> None:
    assert main(["new", "agent", "hunch", "--side", side]) == 0
    for arguments in (["check", "--select", RULES], ["format", "--check"]):
        done = module("ruff", *arguments, "--isolated", "--line-length", width, ".")
        assert done.returncode == 0, done.stdout


def test_both_files_are_typed(repository: Path) -> None:
    for side in SIDES:
        assert main(["new", "agent", f"hunch_{side}", "--side", side]) == 0
    config = ["--config-file", str(repository / "pyproject.toml")]
    files = [str(file.resolve()) for file in sorted(Path().glob("*.py"))]
    assert len(files) == 6
    done = module("mypy", *config, "--follow-imports=silent", "--cache-dir", "cache", *files)
    assert done.returncode == 0, done.stdout


def test_a_scenario_runs_with_it_as_the_command_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "agent", "hunch", "--side", "both", "--out", "my agents"]) == 0
    told = capsys.readouterr().out
    assert 'leaders = { kind = "hunch.py" }' in told
    assert 'followers = { kind = "hunch.py" }' in told
    [line] = [line for line in told.splitlines() if line.startswith("use")]
    changes = shlex.split(line)[4:]
    (folder / "cars.csv").write_text(CAR)
    (folder / "street.toml").write_text(STREET.replace("hunch.py", "random"))
    assert main(["run", "street.toml", *changes, "--out", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["outcomes"]["completed"] > 10
    agent = str(folder / "my agents" / "hunch.py")
    assert read_json(Path("run"), "run.json")["agents"] == {"leaders": agent, "followers": agent}


def test_it_climbs_towards_the_price_that_pays_best(simulate: Callable[..., Any]) -> None:
    assert main(["new", "agent", "hunch"]) == 0
    rounds = simulate(STREET, "agents.leaders.step=0.05", "agents.leaders.explore=0.0", cars_csv=CAR).rounds
    # An RSU alone with one vehicle earns (30 - p) (p - 4) / 60 from it: best at 17, and it starts at 18.
    price = rounds.groupby("rsu")["price"]
    assert (price.first() == 18.0).all()
    settled = rounds[rounds["round"] >= 10]["price"]
    assert settled.between(17.0 - 2.0 * 1.4, 17.0 + 2.0 * 1.4).all()
    assert abs(settled.mean() - 17.0) < 0.7


def test_it_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("hunch.py", "test_hunch.py"):
        (folder / name).write_text("mine")
        line = refused(capsys, "hunch")
        assert line == f"simmig new agent hunch: {name}: exists already; expected a name or --out without it"
        assert [(file.name, file.read_text()) for file in folder.iterdir()] == [(name, "mine")]
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["3x"], "simmig new agent '3x': expected a Python identifier without a leading _"),
        (["a-b"], "simmig new agent 'a-b': expected a Python identifier without a leading _"),
        (["../x"], "simmig new agent '../x': expected a Python identifier without a leading _"),
        (["class"], "simmig new agent 'class': expected a Python identifier without a leading _"),
        (["_own"], "simmig new agent '_own': expected a Python identifier without a leading _"),
        (["json"], "simmig new agent json: json.py would hide the module of this name; expected another"),
        (["hunch", "--out", "file"], "simmig new agent hunch: file: "),
        (["hunch", "--side", "up"], "simmig: Invalid value for '--side'"),
    ],
)
def test_a_name_or_place_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: list[str], line: str
) -> None:
    (folder / "file").write_text("")
    assert refused(capsys, *arguments).startswith(line)
    assert [file.name for file in folder.iterdir()] == ["file"]


def test_the_name_of_an_installed_agent_is_taken(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    line = refused(capsys, "stackelberg")
    assert line.startswith("simmig new agent stackelberg: an agent has this name (")
    assert line.endswith("stackelberg.py); expected another")
    assert list(folder.iterdir()) == []
