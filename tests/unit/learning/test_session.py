"""Training from start to end: resume, the folder it leaves, what is refused."""

import json
from pathlib import Path

import pytest

from simmig.errors import InputError
from simmig.learning.agent import LearnedAgent
from simmig.learning.checkpoint import read_checkpoint
from simmig.learning.curves import read_curve
from simmig.learning.policy import load_policy
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.session import run_training
from simmig.learning.venue import venue_of

SMALL = {"games": 8, "steps": 4, "iterations": 6, "width": 8, "cells": 4}
RECIPES = {
    "ppo": Recipe(**SMALL, slots=7),
    "both sides, lstm": Recipe(**SMALL, network="lstm", followers="learn", lead_in=0.4, leaders_see="public"),
    "late workers": Recipe(**SMALL, algorithm="a3c", workers=3, critic="central", followers="learn"),
    "pruned": Recipe(**SMALL, pruning=Pruning(sparsity=0.5, begin=0.2, end=0.9, every=1)),
    "generated": Recipe(**SMALL, weights="generated"),
}


def trained(folder: Path, file: Path, recipe: Recipe, *, resume: bool = False, most: int = 1000):
    count = iter(range(most + 1))
    return run_training(
        LearnedAgent, "agent", venue_of(file, []), recipe, 3, folder,
        resume=resume, is_stopped=lambda: next(count) >= most,
    )  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(fig3, tmp_path, recipe) -> None:
    whole = trained(tmp_path / "whole", fig3, recipe)
    first = trained(tmp_path / "parts", fig3, recipe, most=2)
    assert not first.is_complete
    assert first.iterations == 2
    second = trained(tmp_path / "parts", fig3, recipe, resume=True)
    assert whole.is_complete
    assert second.is_complete
    digests = [load_policy(tmp_path / name, "agent")[2] for name in ("whole", "parts")]
    assert digests[0] == digests[1]
    curves = [read_curve(tmp_path / name / "curve.jsonl").drop(columns="cpu_s") for name in ("whole", "parts")]
    assert curves[0].equals(curves[1])
    assert curves[0]["plays"].tolist() == [32 * k for k in range(1, 7)]
    states = [read_checkpoint(tmp_path / name, "training")[0] for name in ("whole", "parts")]
    assert states[0].keys() == states[1].keys()
    assert all((states[0][key] == states[1][key]).all() for key in states[0])


def test_another_seed_or_recipe_is_another_policy(fig3, tmp_path) -> None:
    venue, recipe = venue_of(fig3, []), RECIPES["ppo"]
    digests = set()
    for name, changed, seed in (("a", {}, 3), ("b", {}, 4), ("c", {"learning_rate": 1e-3}, 3)):
        run_training(LearnedAgent, "agent", venue, recipe.model_copy(update=changed), seed, tmp_path / name)
        digests.add(load_policy(tmp_path / name, "agent")[2])
    assert len(digests) == 3


def test_a_training_is_not_overwritten_and_not_gone_on_with_under_other_settings(fig3, tmp_path) -> None:
    folder = tmp_path / "policy"
    trained(folder, fig3, RECIPES["ppo"])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match="exists already"):
        trained(folder, fig3, RECIPES["ppo"])
    with pytest.raises(InputError, match="other settings"):
        trained(folder, fig3, RECIPES["ppo"].model_copy(update={"clip": 0.1}), resume=True)
    other = tmp_path / "other.toml"
    other.write_text(fig3.read_text().replace("cost = [3, 1]", "cost = [3, 2]"), encoding="utf-8")
    with pytest.raises(InputError, match="other settings"):
        trained(folder, other, RECIPES["ppo"], resume=True)
    with pytest.raises(InputError, match="no such file"):
        trained(tmp_path / "nowhere", fig3, RECIPES["ppo"], resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("left", ["nothing", "a curve", "half a state"])
def test_a_training_killed_before_it_said_what_it_was_begins_anew(left, fig3, tmp_path) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    if left != "nothing":
        (folder / "curve.jsonl").write_bytes(b"")
    if left == "half a state":
        (folder / ".training.json.tmp-12").write_bytes(b"{")
        (folder / f"training-{'0' * 16}.safetensors").write_bytes(b"?")
    with pytest.raises(InputError, match="exists already"):
        trained(folder, fig3, RECIPES["ppo"])
    whole = trained(tmp_path / "whole", fig3, RECIPES["ppo"])
    done = trained(folder, fig3, RECIPES["ppo"], resume=True)
    assert done.score == whole.score
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in whole.folder.iterdir())


def test_a_training_stopped_before_its_first_iteration_goes_on_only_under_its_own_settings(fig3, tmp_path) -> None:
    folder = tmp_path / "policy"
    trained(folder, fig3, RECIPES["ppo"], most=0)
    (folder / "policy.json").unlink()
    with pytest.raises(InputError, match="other settings"):
        trained(folder, fig3, RECIPES["ppo"].model_copy(update={"clip": 0.1}), resume=True)
    assert trained(folder, fig3, RECIPES["ppo"], resume=True).is_complete


def test_a_folder_of_something_else_is_not_begun_in(fig3, tmp_path) -> None:
    (tmp_path / "curve.jsonl").write_bytes(b"")
    (tmp_path / "thesis.tex").write_text("dear diary")
    with pytest.raises(InputError, match="no such file"):
        trained(tmp_path, fig3, RECIPES["ppo"], resume=True)


def test_a_policy_says_how_it_came_about(fig3, tmp_path) -> None:
    done = trained(tmp_path / "policy", fig3, RECIPES["ppo"])
    meta = json.loads((tmp_path / "policy" / "policy.json").read_text())["meta"]
    assert meta["agent"] == "agent"
    assert meta["facts"]["leaders"] == ["r1", "r2"]
    origin = meta["origin"]
    assert origin["recipe"]["games"] == 8
    assert (origin["seed"], origin["iterations"], origin["is_complete"]) == (3, 6, True)
    assert origin["score"] == done.score
    assert done.score is not None
    assert 0.0 < done.score["price_error"] < 0.5
    assert done.plays == 6 * 8 * 4


def test_a_policy_of_another_agent_is_refused(fig3, tmp_path) -> None:
    trained(tmp_path / "policy", fig3, RECIPES["ppo"])
    with pytest.raises(InputError, match="a policy of agent 'agent'; expected one of 'malppo'"):
        load_policy(tmp_path / "policy", "malppo")
    with pytest.raises(InputError, match="no policy here"):
        load_policy(tmp_path / "nowhere", "agent")
