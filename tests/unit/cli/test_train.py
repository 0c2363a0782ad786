"""`simmig train`: what it prints and leaves, Ctrl-C and kill, and what it refuses in one line."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from roads import FIG3

from simmig.cli.main import main

QUICK = ["--set", "games=8", "--set", "steps=2", "--set", "width=8"]


@pytest.fixture
def game(tmp_path: Path) -> str:
    file = tmp_path / "game.toml"
    file.write_text(FIG3, encoding="utf-8")
    return str(file)


def test_it_prints_the_score_and_where_the_policy_is(game, tmp_path, capsys) -> None:
    out = tmp_path / "policy"
    assert main(["train", game, "--agent", "ippo", "--out", str(out), *QUICK, "--set", "iterations=5"]) == 0
    told = capsys.readouterr().out
    assert "ippo: 5 iterations, 80 plays" in told
    assert "mean price error 0." in told
    assert f"policy    {out}" in told


def test_json_has_it_all(game, tmp_path, capsys) -> None:
    out = str(tmp_path / "policy")
    assert main(["train", game, "--agent", "ippo", "--out", out, "--json", *QUICK, "--set", "iterations=2"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "complete"
    assert (document["iterations"], document["plays"]) == (2, 32)
    assert set(document["score"]) == {"price_error", "nash_conv", "follower_regret", "collusion"}


def test_the_recipe_can_be_looked_at_and_changed(game, tmp_path, capsys) -> None:
    changes = ["--set", "clip=0.1", "--set", "pruning.sparsity=0.5", "--set", "network=mlp"]
    out = tmp_path / "policy"
    assert main(["train", game, "--agent", "tiny_madrl", "--out", str(out), "--recipe", *changes]) == 0
    recipe = json.loads(capsys.readouterr().out)
    assert (recipe["clip"], recipe["pruning"]["sparsity"], recipe["pruning"]["every"]) == (0.1, 0.5, 5)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--agent", "malpo"], 'did you mean "malppo"'),
        (["--agent", "greedy"], "does not learn; expected an agent with a recipe"),
        (["--agent", "ippo", "--set", "clips=1"], 'clips: 1: unknown key (did you mean "clip"?)'),
        (["--agent", "ippo", "--set", "clip=-1"], "clip: -1: expected more than 0"),
        (["--agent", "ippo", "--set", "clip"], "expected KEY=VALUE"),
        (["--agent", "ippo", "--set", "network=cnn"], "network: 'cnn': expected 'mlp', 'lstm' or 'set'"),
        (["--agent", "tiny_madrl", "--set", "pruning.begin=0.9"], "begin is 0.9, expected at most end, 0.7"),
        (["--agent", "tiny_madrl", "--set", "network=lstm"], 'pruning with network = "lstm", expected network = "mlp"'),
        (["--agent", "ippo", "--with", "leaders.cost=99"], "cost"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(arguments, told, game, tmp_path, capsys) -> None:
    out = tmp_path / "policy"
    assert main(["train", game, "--out", str(out), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert told in error
    assert "\n" not in error
    assert not out.exists()


def test_files_that_are_neither_scenario_nor_game_are_refused(tmp_path, capsys) -> None:
    file = tmp_path / "nothing.toml"
    file.write_text("schema = 1\n", encoding="utf-8")
    for path in (file, tmp_path / "missing.toml"):
        assert main(["train", str(path), "--agent", "ippo", "--out", str(tmp_path / "policy")]) == 2
        assert path.name in capsys.readouterr().err


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_training_that_was_interrupted_or_killed_can_be_gone_on_with(sign, game, tmp_path) -> None:
    out = tmp_path / "policy"
    command = [sys.executable, "-m", "simmig", "train", game, "--agent", "ippo", "--out", str(out), *QUICK]
    command += ["--set", "iterations=800"]
    running = subprocess.Popen([*command, "--save-every-s", "0.2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (out / "training.json").exists() and sign == signal.SIGKILL:
        assert time.monotonic() < deadline, running.communicate()
        time.sleep(0.05)
    while not (out / "curve.jsonl").exists() or (out / "curve.jsonl").stat().st_size < 5000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(sign)
    running.communicate(timeout=120)
    assert running.returncode == (130 if sign == signal.SIGINT else -signal.SIGKILL)
    done = json.loads((out / "training.json").read_text())["meta"]["form"]
    assert done
    again = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, check=False, timeout=280)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["iterations"] == 800
    rows = [json.loads(line)["iteration"] for line in (out / "curve.jsonl").read_text().splitlines()]
    assert rows == list(range(1, 801))


def test_a_training_killed_at_once_can_be_gone_on_with(game, tmp_path) -> None:
    out = tmp_path / "policy"
    command = [sys.executable, "-m", "simmig", "train", game, "--agent", "ippo", "--out", str(out), *QUICK]
    command += ["--set", "iterations=20"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not out.exists():
        assert time.monotonic() < deadline, running.communicate()
    running.kill()
    running.communicate(timeout=120)
    assert running.returncode == -signal.SIGKILL
    assert not (out / "policy.json").exists()
    again = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, check=False, timeout=280)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["iterations"] == 20
