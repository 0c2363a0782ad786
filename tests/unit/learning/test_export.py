"""Policies as small networks of their own: the same answers as the actors, in torch and in onnxruntime."""

import json
import re
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
from torch import Generator, nn

from simmig.env.market import Market, Rules
from simmig.env.observations import Observation, ObservationSizes, followers_see, leaders_see
from simmig.env.sources import FixedGame
from simmig.errors import InputError, RunError
from simmig.games._papers import draw_001
from simmig.games.immersion import ImmersionGame
from simmig.learning._columns import columns_seen, terms_of
from simmig.learning.export import export_side, linears, players_of
from simmig.learning.learner import Actor, Shape
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.weights import MaskedWeights
from simmig.rng import stream

SIZES = ObservationSizes(slots=3, step=4, now=2, other=0)
KINDS = {
    "plain": {},
    "beta": {"distribution": "beta"},
    "pruned": {"pruning": Pruning()},
    "shared and pruned": {"pruning": Pruning(), "weights": "shared"},
    "generated": {"weights": "generated"},
    "lstm": {"network": "lstm"},
    "shared lstm, beta": {"network": "lstm", "weights": "shared", "distribution": "beta"},
}


def actor_of(agents: int = 2, actions: int = 5, sizes: ObservationSizes = SIZES, **settings) -> Actor:
    """An actor with random weights, a third of its neurons pruned if it can be."""
    draw = Generator().manual_seed(7)
    actor = Actor(Recipe(**{"width": 12, "cells": 9, **settings}), Shape(agents, sizes, actions, 1), draw)
    for parameter in actor.parameters():
        parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    if isinstance(getattr(actor.body, "weights", None), MaskedWeights):
        for mask in actor.body.weights.masks:
            mask.copy_((torch.rand(mask.shape, generator=draw) > 1 / 3).float())
    return actor


def market(individual: bool = True) -> Market:
    drawn = draw_001(stream(1, "export"), (), 3, 2, positive=True)
    game = ImmersionGame.make(**drawn, prices="individual" if individual else "uniform")
    found = Market(FixedGame(game), 4, Rules(history=2, slots=50), 1)
    found.post(torch.rand(found.payoffs.cost.shape, generator=Generator().manual_seed(1)))
    return found


def seen(agents: int, games: int = 50) -> Observation:
    draw = Generator().manual_seed(11)
    return Observation(
        torch.rand(agents, games, SIZES.slots, SIZES.step, generator=draw),
        torch.rand(agents, games, SIZES.now, generator=draw),
    )


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_each_player_answers_as_in_the_stack_in_torch_and_in_onnxruntime(kind: str, tmp_path: Path) -> None:
    actor = actor_of(**KINDS[kind])
    looks = seen(2)
    expected = actor(looks).best()
    networks = players_of(actor, SIZES)
    is_shared = KINDS[kind].get("weights") == "shared"
    assert len(networks) == (1 if is_shared else 2)
    for player in range(2):
        network = networks[0 if is_shared else player]
        rows = looks.flat()[player]
        assert (network.inputs, network.actions) == (rows.shape[1], 5)
        torch.testing.assert_close(network(rows), expected[player], rtol=0, atol=1e-6)
        size = network.to_onnx(tmp_path / "p.onnx")
        assert size == (tmp_path / "p.onnx").stat().st_size
        session = onnxruntime.InferenceSession(tmp_path / "p.onnx", providers=["CPUExecutionProvider"])
        (found,) = session.run(["share"], {"seen": rows.numpy()})
        np.testing.assert_allclose(found, expected[player].numpy(), rtol=0, atol=1e-6)
        (one,) = session.run(["share"], {"seen": rows[:1].numpy()})
        np.testing.assert_allclose(one, found[:1], rtol=0, atol=1e-6)


def test_a_player_keeps_what_the_actor_learns_later_to_itself() -> None:
    actor = actor_of(network="lstm")
    network, rows = players_of(actor, SIZES)[0], seen(2).flat()[0]
    before = network(rows)
    with torch.no_grad():
        for parameter in actor.parameters():
            parameter.mul_(2.0)
    assert torch.equal(network(rows), before)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    plain = actor_of()
    network, before = players_of(plain, SIZES)[0], players_of(plain, SIZES)[0](rows)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.mul_(2.0)
    assert torch.equal(network(rows), before)


def test_counts_and_bytes_are_those_of_the_neurons_that_are_left(tmp_path: Path) -> None:
    actor = actor_of(pruning=Pruning())
    inputs = SIZES.slots * SIZES.step + SIZES.now
    for player, network in enumerate(players_of(actor, SIZES)):
        first, second = (int(mask[player].sum()) for mask in actor.body.weights.masks)
        assert 0 < first < 12
        expected = (inputs + 1) * first + (first + 1) * second + (second + 1) * 5
        assert network.parameter_count() == expected
        weights = {key: value.contiguous() for key, value in network.state_dict().items()}
        safetensors.torch.save_file(weights, tmp_path / "p.safetensors")
        assert network.safetensors_bytes() == (tmp_path / "p.safetensors").stat().st_size
        assert 4 * expected < network.safetensors_bytes() < 4 * expected + 1000
        assert 4 * expected < network.to_onnx(tmp_path / "p.onnx") < 4 * expected + 1000
    memory = players_of(actor_of(network="lstm"), SIZES)[0]
    per_slot, width, cells = SIZES.step + SIZES.now, 12, 9
    lstm = 4 * cells * (width + cells + 2) + 4 * cells * (2 * cells + 2)
    around = (per_slot + 1) * width + (width + 1) * width + (cells + 1) * width + (width + 1) * 5
    assert memory.parameter_count() == lstm + around


def test_a_file_needs_no_more_than_a_runtime_of_2022(tmp_path: Path) -> None:
    for kind in KINDS:
        players_of(actor_of(**KINDS[kind]), SIZES)[0].to_onnx(tmp_path / "p.onnx")
        model = onnx.load(tmp_path / "p.onnx")
        onnx.checker.check_model(model, full_check=True)
        assert (model.ir_version, [each.version for each in model.opset_import]) == (8, [17])
        assert {node.domain for node in model.graph.node} == {""}
        assert not model.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")  # any batch


@pytest.mark.parametrize("kind", ["plain", "pruned", "lstm", "shared and pruned"])
def test_a_side_is_one_file_for_each_player_and_a_description(kind: str, tmp_path: Path) -> None:
    place = market()
    recipe = Recipe(width=12, cells=9, history=2, **KINDS[kind])
    looks = leaders_see(place, "own")
    actor = actor_of(agents=2, actions=3, sizes=looks.sizes, **KINDS[kind])
    path = export_side(tmp_path / "out", "leaders", actor, terms_of(place), recipe)
    document = json.loads(path.read_text())
    assert path == tmp_path / "out" / "leaders.json"
    assert (document["demand_max"], document["price_scale"]) == tuple(place.scales)
    assert document["input"]["shape"] == ["batch", looks.flat().shape[-1]]
    assert document["output"]["meaning"] == "cost + share k (price_max - cost) is the price for follower k"
    expected = actor(looks).best().detach().numpy()
    is_shared = recipe.weights == "shared"
    assert [each["player"] for each in document["files"]] == (["all"] if is_shared else [0, 1])
    assert {each.name for each in path.parent.iterdir()} == {path.name, *(f["file"] for f in document["files"])}
    for player in range(2):
        entry = document["files"][0 if is_shared else player]
        data = (path.parent / entry["file"]).read_bytes()
        assert (len(data), sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        rows = {document["input"]["name"]: looks.flat()[player].numpy()}
        (found,) = session.run([document["output"]["name"]], rows)
        np.testing.assert_allclose(found, expected[player], rtol=0, atol=1e-6)


NUMBERED = re.compile(r"(follower|leader) (\d+)")


@pytest.mark.parametrize("prices", ["individual", "individual, one posted", "uniform"])
@pytest.mark.parametrize(
    ("side", "sight"),
    [
        *(("leaders", sight) for sight in ("own", "public", "full")),
        *(("followers", sight) for sight in ("now", "own", "public", "full")),
    ],
)
def test_every_column_is_what_its_name_says(side: str, sight: str, prices: str) -> None:
    place = market(prices != "uniform")
    recipe = Recipe.model_validate({"history": 2, f"{side}_see": sight, "individual": prices == "individual"})
    sizes, names = columns_seen(side, terms_of(place), recipe)
    if side == "leaders":
        looks = leaders_see(place, sight, individual=recipe.individual)
    else:
        looks = followers_see(place, sight)
    assert sizes == looks.sizes
    row = looks.flat()[1, 0]  # of player 1 in market 0
    assert len(names) == len(set(names)) == len(row)
    for name, value in zip(names, row.tolist(), strict=True):
        assert value == pytest.approx(known(name, place, side), abs=1e-6), name


def known(name: str, place: Market, side: str) -> float:
    """What the column of player 1 in market 0 holds, looked up by its name; there are 3 followers and 2 leaders."""
    of = {"follower": 1} if side == "followers" else {"leader": 1}
    of.update({kind: int(number) for kind, number in NUMBERED.findall(name)})
    i, j = of.get("follower"), of.get("leader")
    wide = place.has_individual_prices
    ago = re.search(r", (\d+) slots ago$", name)
    cost, cap = (table[0] if wide else table[0].expand(3, 2) for table in (place.payoffs.cost, place.payoffs.price_max))
    if ago is None:
        if name.startswith("price of leader"):
            return float((place.price[0, i] if wide else place.price[0])[j] / place.price_scale)
        return {
            "cost / price_max": float(cost[:, j].mean() / cap[:, j].mean()),
            "price_max / price_scale": float(cap[:, j].mean() / place.price_scale),
            "n / (1 + n), n who may buy": 0.75,
        }[name]
    price, demand = place.past_price[0, -int(ago[1])].expand(3, 2), place.past_demand[0, -int(ago[1])]
    rival = float(torch.lerp(cost, cap, price)[:, 0].mean() / place.price_scale)
    summaries = {
        "own price share, mean over followers": lambda: float(price[:, j].mean()),
        "demand share, mean over who may buy": lambda: float(demand[:, j].mean()),
        "rivals' mean price / price_scale": lambda: rival,
        "rivals' least price / price_scale": lambda: rival,
        "rivals' mean x / (1 + x), x sales": lambda: float(demand[:, 0].sum() / (1.0 + demand[:, 0].sum())),
        f"sum of demand shares at leader {j}": lambda: float(demand[:, j].sum()),
    }
    what = name[: ago.start()]
    if what in summaries:
        return summaries[what]()
    table = {"price share": price, "demand share": demand}[" ".join(what.removeprefix("own ").split()[:2])]
    return float(table[0 if i is None else i, j])


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = players_of(actor_of(), SIZES)[0]
    for name in ("onnx", "onnxruntime"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(InputError, match=rf"^ONNX export: .*{name}.*\(pip install 'simmig\[export\]'\)$"):
                network.to_onnx(tmp_path / "p.onnx")
    assert not (tmp_path / "p.onnx").exists()


def test_a_runtime_that_answers_otherwise_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = players_of(actor_of(), SIZES)[0]
    answer = type(network).forward
    monkeypatch.setattr(type(network), "forward", lambda self, rows: answer(self, rows) + 2e-6)
    with pytest.raises(
        RunError, match=r"^ONNX export: onnxruntime answers 2\.\de-06 away from torch, expected at most"
    ):
        network.to_onnx(tmp_path / "p.onnx")
    monkeypatch.setattr(type(network), "forward", lambda self, rows: answer(self, rows) * torch.nan)
    with pytest.raises(RunError, match=r"answers nan away"):
        network.to_onnx(tmp_path / "p.onnx")
    assert not (tmp_path / "p.onnx").exists()


def test_what_cannot_be_exported_is_refused_in_one_line(tmp_path: Path) -> None:
    sizes = ObservationSizes(3, 4, 2, 6)
    with pytest.raises(
        InputError, match=r'^export: a policy with network = "set", expected network = "mlp" or "lstm"$'
    ):
        players_of(actor_of(sizes=sizes, network="set", leaders_see="set"), sizes)
    with pytest.raises(InputError, match=r"^export: this policy sees 14 numbers, a player of this market 15; expected"):
        export_side(tmp_path, "leaders", actor_of(), terms_of(market()), Recipe(history=2))
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match=r"file/p\.onnx: cannot be written \(.*\); choose another folder$"):
        players_of(actor_of(), SIZES)[0].to_onnx(file / "p.onnx")


def test_the_layers_are_plain_linear_modules() -> None:
    network = players_of(actor_of(pruning=Pruning()), SIZES)[0]
    assert [type(module) for module in network.outward] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert all(linear.weight.is_contiguous() for linear in linears(network.outward))
