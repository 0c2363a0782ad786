"""Every agent that learns: trains by its own recipe, plays in simulations, and refuses what does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from roads import cars, market, road
from safetensors.torch import load_file, save_file

from simmig.cli.main import main
from simmig.contracts import LeaderView
from simmig.env.market import Market, Rules
from simmig.env.observations import leaders_see
from simmig.env.sources import FixedGame
from simmig.errors import AgentError, InputError
from simmig.learning.agent import LearnedAgent
from simmig.learning.networks_at_play import NetworkPlayer
from simmig.learning.recipe import Recipe
from simmig.learning.session import run_training
from simmig.learning.trainer import Trainer
from simmig.learning.venue import venue_of
from simmig.plugins import available, plugin_class
from simmig.rng import Draws
from simmig.testing import check_agent

BY_NETWORKS = ("ippo", "mappo", "malppo", "malppo_rf", "malppo_rl", "maa2c", "maa3c", "tiny_madrl")
QUICK = {"games": 8, "steps": 2, "iterations": 3, "width": 8, "cells": 4}
LEADERS = tuple(name for name in BY_NETWORKS if name != "malppo_rl")  # its leaders draw their prices


def quick(name: str, **changes: object) -> Recipe:
    recipe = plugin_class("agents", name).recipe
    return Recipe.model_validate({**recipe.model_dump(), **QUICK, **changes})


def policy(folder: Path, file: Path, name: str, **changes: object) -> Path:
    run_training(plugin_class("agents", name), name, venue_of(file, []), quick(name, **changes), 1, folder)
    return folder


GAME = """
schema = 1
game = { kind = "social" }
[followers]
count = 3
preferences = { alpha = 30, beta = 30 }
[leaders]
names = ["a", "b"]
cost = [1, 2]
price_max = 15
"""
ANY_RSU = {"weights": "shared", "individual": False}


@pytest.fixture(scope="module")
def game_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("game") / "game.toml"
    file.write_text(GAME, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("street")
    (folder / "cars.csv").write_text(cars(6), encoding="utf-8")
    places = {"a": (0.0, 0.0), "b": (500.0, -10.0), "c": (500.0, 20.0)}
    text = road(market(), fleet="preferences = { alpha = 30.0, beta = 30.0 }", places_m=places)
    (folder / "street.toml").write_text(text, encoding="utf-8")
    return folder / "street.toml"


def lead_by(name: str, folder: Path) -> str:
    return f'agents.leaders={{ kind = "{name}", policy = "{folder}" }}'


def test_all_that_learn_are_found() -> None:
    learned = [name for name in available("agents") if issubclass(plugin_class("agents", name), LearnedAgent)]
    assert set(BY_NETWORKS) <= set(learned)


@pytest.mark.parametrize("name", LEADERS)
def test_it_learns_in_a_game_and_prices_in_a_simulation(name, game_file, street, tmp_path, capsys) -> None:
    folder = policy(tmp_path / "policy", game_file, name, **ANY_RSU, pruning=None)
    digests = []
    for run in ("first", "second"):
        assert main(["run", str(street), "--json", "--out", str(tmp_path / run), "--set", lead_by(name, folder)]) == 0
        digests.append(json.loads(capsys.readouterr().out)["digest"])
    assert digests[0] == digests[1]
    document = json.loads((tmp_path / "first" / "run.json").read_text())
    sha256 = json.loads((folder / "policy.json").read_text())["sha256"]
    assert document["agent_files"]["leaders"] == {"policy": str(folder), "policy_sha256": sha256}


def test_it_keeps_the_promises_of_an_agent(game_file, tmp_path) -> None:
    folder = policy(tmp_path / "policy", game_file, "ippo", **ANY_RSU, leaders_see="public")
    check_agent("ippo", side="leaders", settings={"policy": str(folder)})


def test_a_leader_of_random_prices_has_no_policy_to_lead_by(game_file, street, tmp_path, capsys) -> None:
    folder = policy(tmp_path / "policy", game_file, "malppo_rl")
    assert main(["run", str(street), "--out", str(tmp_path / "run"), "--set", lead_by("malppo_rl", folder)]) == 1
    assert "has learned to follow only" in capsys.readouterr().err


def test_it_learns_in_the_rounds_of_a_scenario_each_rsu_in_its_own_place(street, tmp_path, capsys) -> None:
    folder = policy(tmp_path / "policy", street, "ippo")
    assert json.loads((folder / "policy.json").read_text())["meta"]["facts"]["leaders"] == ["a", "b", "c"]
    assert main(["run", str(street), "--out", str(tmp_path / "run"), "--set", lead_by("ippo", folder)]) == 0
    other = policy(tmp_path / "other", street, "ippo")
    capsys.readouterr()
    renamed = street.parent / "renamed.toml"
    renamed.write_text(street.read_text().replace('id = "c"', 'id = "d"'), encoding="utf-8")
    assert main(["run", str(renamed), "--out", str(tmp_path / "run2"), "--set", lead_by("ippo", other)]) == 1
    assert "knows RSUs a, b, c, not 'd'; train with weights=shared" in capsys.readouterr().err


@pytest.mark.parametrize("changes", [{"leaders_see": "full"}, {}])
def test_a_policy_bound_to_its_players_is_refused_on_a_map(changes, street, tmp_path, capsys) -> None:
    text = GAME.replace('kind = "social"', 'kind = "immersion"').replace(
        "alpha = 30, beta = 30", "delta = 15, ssim = 0.9, ssim_threshold = 0.5"
    )
    file = tmp_path / "immersion.toml"
    file.write_text(text, encoding="utf-8")
    folder = policy(tmp_path / "policy", file, "ippo", **changes)
    assert main(["run", str(street), "--out", str(tmp_path / "run"), "--set", lead_by("ippo", folder)]) == 1
    assert "bound to the players it was trained with" in capsys.readouterr().err


def damaged(folder: Path, how: str) -> None:
    [weights] = folder.glob("policy-*.safetensors")
    if how == "missing":
        weights.unlink()
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "tampered":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    elif how == "pickle":
        torch.save({"x": torch.zeros(1)}, weights)
    else:  # another network, hashed as if it were this one
        tensors = load_file(weights)
        key = sorted(tensors)[0]
        tensors[key] = torch.zeros(3, 3)
        save_file(tensors, weights)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("missing", "there is no such file"),
        ("truncated", "was cut short or changed"),
        ("tampered", "was cut short or changed"),
        ("pickle", "is a pickle"),
        ("reshaped", "was cut short or changed"),
    ],
)
def test_a_damaged_policy_is_refused_in_one_line_before_anything_is_written(
    how, told, game_file, street, tmp_path, capsys
) -> None:
    folder = policy(tmp_path / "policy", game_file, "ippo", **ANY_RSU)
    damaged(folder, how)
    capsys.readouterr()
    assert main(["run", str(street), "--out", str(tmp_path / "run"), "--set", lead_by("ippo", folder)]) == 2
    error = capsys.readouterr().err.strip()
    assert told in error
    assert "agents.leaders" in error
    assert "\n" not in error
    assert not (tmp_path / "run").exists()


def test_weights_of_another_shape_than_the_policy_says_are_refused(game_file, tmp_path) -> None:
    folder = policy(tmp_path / "policy", game_file, "ippo", **ANY_RSU)
    from simmig.learning.policy import load_policy

    tensors, facts, _ = load_policy(folder, "ippo")
    key = "leaders.head.log_deviation"
    for wrong in ({**tensors, key: torch.zeros(2, 2)}, {k: v for k, v in tensors.items() if k != key}):
        with pytest.raises(InputError, match=r"tensor leaders\.head\.log_deviation does not fit"):
            NetworkPlayer(wrong, facts)
    with pytest.raises(InputError, match="facts are not those of a network"):
        NetworkPlayer(tensors, {"recipe": {}})


@pytest.mark.parametrize("sight", ["own", "public", "set"])
def test_what_a_leader_sees_at_play_is_what_it_saw_in_training(sight, game_file) -> None:
    venue = venue_of(game_file, [])
    recipe = quick("ippo", leaders_see=sight, network="set" if sight == "set" else "mlp", **ANY_RSU)
    market = Market(venue.source, 1, Rules(recipe.history, 50), 1)
    trainer = Trainer(market, recipe, 1)
    tensors, facts = trainer.policy()
    player = NetworkPlayer(tensors, {**facts, "leaders": list(venue.leaders)})
    game = venue.source.game
    unknown = np.full(2, np.nan)
    price, sold = unknown, unknown
    for round_ in range(6):
        shares = torch.rand(1, 2, generator=torch.Generator().manual_seed(round_), dtype=torch.float64)
        for j, name in enumerate(("a", "b")):
            view = LeaderView(
                round=round_, time_s=0.0, rsu=(name,), cost=game.cost[j : j + 1], price_max=game.price_max[j : j + 1],
                eligible_count=np.array([3]), followers=3, has_individual_prices=False,
                last_price=price[j : j + 1], last_demand=sold[j : j + 1], last_utility=unknown[j : j + 1],
                draws=Draws(1, "x"), market_price=price.copy(), market_demand=sold.copy(),
            )  # fmt: skip
            asked = player.price(view)
            if round_ >= recipe.history:  # before, training has a random past and play an unknown one
                seen = leaders_see(market, sight)
                law = trainer.sides["leaders"].learner.average(seen)
                expected = float(market.price_at(law.best()[..., 0].T.double())[0, j])
                np.testing.assert_allclose(asked, [expected], rtol=1e-6)
        market.post(shares)
        played = market.buy()
        price, sold = played.price[0].numpy(), played.demand[0].sum(0).numpy()


def test_an_agent_that_was_not_prepared_says_so() -> None:
    agent = plugin_class("agents", "ippo")(policy="nowhere")
    with pytest.raises(AgentError, match="call prepare"):
        agent.price(None)
    with pytest.raises(InputError, match="no policy here; expected a folder that `simmig train --agent ippo` wrote"):
        agent.prepare(Path())


def test_one_leader_and_one_follower_learn_the_closed_form() -> None:
    from simmig.games.immersion import ImmersionGame

    game = ImmersionGame.make(
        delta=[15.0],
        ssim=[[0.9]],
        ssim_threshold=[0.5],
        efficiency=[[6.0]],
        budget=[np.inf],
        cost=[2.0],
        price_max=[30.0],
    )
    recipe = Recipe(games=64, steps=4, iterations=60, width=16)
    market = Market(FixedGame(game), recipe.games, Rules(recipe.history), 1)
    trainer = Trainer(market, recipe, 1)
    while trainer.iteration < recipe.iterations:
        trainer.iterate()
    price, _ = trainer.answer(FixedGame(game))
    np.testing.assert_allclose(price, np.sqrt(15.0 * np.log(1.8) * 6.0 * 2.0), rtol=0.02)


def test_a_pruned_policy_is_kept_and_played_without_the_neurons_that_went(game_file, tmp_path) -> None:
    recipe = quick("tiny_madrl", width=40, iterations=10, **ANY_RSU)
    venue = venue_of(game_file, [])
    trainer = Trainer(venue.market(recipe.games, Rules(recipe.history), 1), recipe, 1)
    while trainer.iteration < recipe.iterations:
        trainer.iterate()
    tensors, facts = trainer.policy()
    assert facts["sides"]["leaders"]["hidden"] == [6, 6]  # 85 % of 40 went
    assert sum(x.numel() for x in tensors.values()) < 0.1 * sum(
        x.numel() for x in trainer.sides["leaders"].learner.average.state_dict().values()
    )
    player = NetworkPlayer(tensors, {**facts, "leaders": list(venue.leaders)})
    market = Market(venue.source, 30, Rules(recipe.history), 2)
    seen = leaders_see(market, recipe.leaders_see)
    masked = trainer.sides["leaders"].learner.average(seen).best()
    torch.testing.assert_close(player._leaders(seen).best(), masked, rtol=0.0, atol=1e-6)
    assert float(masked.detach().std()) > 1e-5  # it depends on what is seen


def test_check_looks_at_policies_too(street, tmp_path, capsys) -> None:
    assert main(["check", str(street), "--set", lead_by("malppo", tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err.strip()
    assert "agents.leaders" in error
    assert "no policy here; expected a folder that `simmig train --agent malppo` wrote" in error
    assert "\n" not in error
