"""`simmig export`: networks as ONNX that answer as the policy plays, curves for TensorBoard, refusals in one line."""

import builtins
import json
from pathlib import Path

import numpy as np
import pytest
from roads import FIG3

from simmig.cli.main import main
from simmig.env.market import Market, Rules
from simmig.env.observations import leaders_see
from simmig.learning.networks_at_play import actor_of
from simmig.learning.policy import read_policy
from simmig.learning.recipe import Recipe
from simmig.learning.venue import venue_of

QUICK = [f"--set={change}" for change in ("games=4", "steps=2", "width=8", "iterations=3")]


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("game") / "game.toml"
    file.write_text(FIG3, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def policies(game: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One policy of leaders alone, one of both sides, one that is a table of prices."""
    folder = tmp_path_factory.mktemp("policies")
    for agent in ("ippo", "mappo", "gradient_play"):
        changes = QUICK if agent != "gradient_play" else ["--set=iterations=3"]
        assert main(["train", str(game), "--agent", agent, "--out", str(folder / agent), *changes]) == 0
    return {agent: folder / agent for agent in ("ippo", "mappo", "gradient_play")}


@pytest.mark.parametrize("agent", ["ippo", "mappo"])
def test_networks_answer_what_the_policy_plays(agent, policies, game, tmp_path, capsys) -> None:
    import onnxruntime

    out = tmp_path / "onnx"
    assert main(["export", str(policies[agent]), "--onnx", str(out), "--side", "leaders", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["written"]
    assert written == [str(out / "leaders.json")]
    document = json.loads((out / "leaders.json").read_text())
    tensors, facts, _ = read_policy(policies[agent])
    recipe = Recipe.model_validate(facts["recipe"])
    actor = actor_of("leaders", tensors, facts, recipe)
    assert actor is not None
    market = Market(venue_of(game, []).source, 5, Rules(recipe.history, recipe.slots), 2)
    seen = leaders_see(market, recipe.leaders_see)
    for number, file in enumerate(document["files"]):
        session = onnxruntime.InferenceSession(str(out / file["file"]), providers=["CPUExecutionProvider"])
        (share,) = session.run(None, {"seen": seen.flat()[number].numpy()})
        np.testing.assert_allclose(share, actor(seen).best()[number], rtol=0.0, atol=1e-6)


def test_without_a_side_all_that_learned_are_written(policies, tmp_path, capsys) -> None:
    for agent, sides in (("ippo", ["leaders"]), ("mappo", ["leaders", "followers"])):
        out = tmp_path / agent
        assert main(["export", str(policies[agent]), "--onnx", str(out)]) == 0
        assert capsys.readouterr().out.split() == [word for side in sides for word in ("written", f"{out}/{side}.json")]
        assert len(list(out.glob("leaders-*.onnx"))) == 2
        assert len(list(out.glob("followers-*.onnx"))) == 3 * (len(sides) - 1)


def test_a_curve_becomes_events(policies, tmp_path, capsys) -> None:
    out = tmp_path / "board"
    assert main(["export", str(policies["ippo"]), "--tensorboard", str(out)]) == 0
    (events,) = out.iterdir()
    assert capsys.readouterr().out == f"written   {events}\n"
    data = events.read_bytes()
    assert data.count(b"price/0") == data.count(b"profit/1") == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "expected one of --onnx DIR and --tensorboard DIR"),
        (["--onnx", "x", "--tensorboard", "y"], "expected one of --onnx DIR and --tensorboard DIR"),
        (["--tensorboard", "y", "--side", "leaders"], "--side is for --onnx"),
        (["--onnx", "x", "--side", "followers"], "followers have not learned; expected --side leaders"),
        (["--onnx", "."], "exists already; expected a new folder"),
        (["--tensorboard", "events"], "has TensorBoard events already"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(arguments, told, policies, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "events.out.tfevents.1").touch()
    assert main(["export", str(policies["ippo"]), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert told in error
    assert "\n" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["events"]


def test_folders_without_what_is_asked_for_are_refused(policies, tmp_path, capsys) -> None:
    for folder, option, told in (
        (policies["gradient_play"], "--onnx", "agent gradient_play has no network for each player"),
        (tmp_path, "--onnx", "no policy here"),
        (tmp_path, "--tensorboard", "no learning curve here"),
        (tmp_path / "nowhere", "--onnx", "no such folder"),
    ):
        assert main(["export", str(folder), option, str(tmp_path / "out")]) == 2
        assert told in capsys.readouterr().err


def test_a_policy_that_does_not_know_its_market_is_refused(policies, tmp_path, capsys) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for path in policies["ippo"].iterdir():
        (old / path.name).write_bytes(path.read_bytes())
    document = json.loads((old / "policy.json").read_text())
    del document["meta"]["facts"]["market"]
    (old / "policy.json").write_text(json.dumps(document))
    assert main(["export", str(old), "--onnx", str(tmp_path / "out")]) == 2
    assert "does not say what market it was trained in; train it again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "option", "extra"), [("onnx", "--onnx", "export"), ("tensorboardX", "--tensorboard", "track")]
)
def test_a_missing_extra_is_named(package, option, extra, policies, tmp_path, capsys, monkeypatch) -> None:
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["export", str(policies["ippo"]), option, str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert f"simmig[{extra}]" in error
    assert "\n" not in error
