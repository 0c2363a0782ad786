"""One player's policy as a small network of its own, for devices without simmig: compact layers, ONNX files, sizes.

A player sees one flat row, `Observation.flat`: the history, the oldest slot first, and what holds now. It answers with
its action in [0, 1], without exploring.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from simmig.env.observations import ObservationSizes
from simmig.errors import InputError
from simmig.learning._columns import Terms, columns_seen, meaning_of_action
from simmig.learning._onnx_file import checked_onnx
from simmig.learning.learner import Actor
from simmig.learning.networks import FlatNetwork, RecurrentNetwork
from simmig.learning.pruning import compact
from simmig.learning.recipe import Recipe
from simmig.learning.weights import Layer, MaskedWeights

SCHEMA = 1


class Best(nn.Module):
    """The action to take without exploring, as `Squashed.best` and `Beta.best`: outputs [B, O] to shares [B, A]."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, outputs: Tensor) -> Tensor:
        """Return shares in [0, 1]."""
        if self.kind == "squashed":
            return torch.sigmoid(outputs)
        first, second = nn.functional.softplus(outputs + 1.0).chunk(2, -1)
        return first / (first + second).clamp(min=1e-6)


class PlayerNetwork(nn.Module):
    """The policy of one player: rows[B, inputs] to shares[B, A].

    A recurrent network has besides `outward` the parts before it, and `columns[L, F + S]`: which inputs each of the L
    slots remembered is made of.
    """

    columns: Tensor

    def __init__(
        self, outward: nn.Sequential, kind: str, memory: tuple[nn.Sequential, nn.LSTM, Tensor] | None = None
    ) -> None:
        super().__init__()
        self.outward, self.best = outward, Best(kind)
        self.is_recurrent = memory is not None
        if memory is not None:
            self.inward, self.memory = memory[:2]
            self.register_buffer("columns", memory[2], persistent=False)
        self.requires_grad_(False)

    @property
    def inputs(self) -> int:
        """How many numbers are seen."""
        return int(self.columns.max()) + 1 if self.is_recurrent else linears(self.outward)[0].in_features

    @property
    def actions(self) -> int:
        """A."""
        outputs = linears(self.outward)[-1].out_features
        return outputs if self.best.kind == "squashed" else outputs // 2

    def forward(self, rows: Tensor) -> Tensor:
        """Return shares [B, A] in [0, 1]."""
        if self.is_recurrent:
            rows = self.memory(self.inward(rows[:, self.columns]))[0][:, -1]
        shares: Tensor = self.best(self.outward(rows))
        return shares

    def parameter_count(self) -> int:
        """Return how many weights and biases there are."""
        return sum(parameter.numel() for parameter in self.parameters())

    def safetensors_bytes(self) -> int:
        """Return the size of a file of the weights alone."""
        return len(safetensors.torch.save({key: value.contiguous() for key, value in self.state_dict().items()}))

    def to_onnx(self, path: Path) -> int:
        """Write the network as ONNX, input "seen" and output "share"; return the file's bytes.

        Raises InputError if the extra `export` is not installed or the file cannot be written, and RunError if
        onnxruntime does not find the same shares to 1e-6.
        """
        data = checked_onnx(self)
        _write(path, data)
        return len(data)


def players_of(actor: Actor, sizes: ObservationSizes) -> list[PlayerNetwork]:
    """Return the network of each player of a side, pruned neurons left out; one for all if weights are shared.

    Raises InputError for network = "set", which does not see a row of fixed length.
    """
    body, kind = actor.body, actor.head.kind
    if isinstance(body, FlatNetwork):
        layers = body.weights()
        masks = body.weights.masks if isinstance(body.weights, MaskedWeights) else _nothing_masked(layers)
        return [PlayerNetwork(perceptron(own), kind) for own in compact(layers, masks)]
    if not isinstance(body, RecurrentNetwork):
        raise InputError('export: a policy with network = "set", expected network = "mlp" or "lstm"')
    past = sizes.slots * sizes.step
    now = (past + torch.arange(sizes.now)).expand(sizes.slots, sizes.now)
    columns = torch.cat([torch.arange(past).view(sizes.slots, sizes.step), now], 1)
    inward, outward = (compact(layers, _nothing_masked(layers)) for layers in (body.inward(), body.outward()))
    return [
        PlayerNetwork(perceptron(after), kind, (perceptron(before).append(nn.Tanh()), _copy_of(memory), columns))
        for before, memory, after in zip(inward, body.memory, outward, strict=True)
    ]


def export_side(folder: Path, name: str, actor: Actor, market: Terms, recipe: Recipe) -> Path:
    """Write the policies of a side, "leaders" or "followers", trained in such a market; return the JSON's path.

    `name-3.onnx` is the policy of player 3, `name.onnx` one that all share; `name.json` says what the columns of a row
    mean, how an action becomes a price or a demand, and what each file weighs. Raises as `PlayerNetwork.to_onnx`.
    """
    sizes, columns = columns_seen(name, market, recipe)
    networks = players_of(actor, sizes)
    if networks[0].inputs != len(columns):
        raise InputError(
            f"export: this policy sees {networks[0].inputs} numbers, a player of this market {len(columns)}; expected "
            "the market and the recipe that it was trained with"
        )
    files = []
    for player, network in enumerate(networks):
        is_shared = recipe.weights == "shared"
        path = folder / (f"{name}.onnx" if is_shared else f"{name}-{player}.onnx")
        size = network.to_onnx(path)
        files.append(
            {
                "file": path.name,
                "player": "all" if is_shared else player,
                "parameters": network.parameter_count(),
                "bytes": size,
                "sha256": sha256(path.read_bytes()).hexdigest(),
            }
        )
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "side": name,
        "input": {"name": "seen", "shape": ["batch", len(columns)], "dtype": "float32", "columns": columns},
        "output": {
            "name": "share",
            "shape": ["batch", networks[0].actions],
            "dtype": "float32",
            "range": [0.0, 1.0],
            "meaning": meaning_of_action(name, market, recipe),
        },
        "demand_max": market.demand_max,
        "price_scale": market.price_scale,
        "files": files,
    }
    path = folder / f"{name}.json"
    _write(path, (json.dumps(document, indent=1) + "\n").encode())
    return path


def perceptron(layers: list[Layer]) -> nn.Sequential:
    """Return one network's layers, N = 1, as linear modules with tanh between them."""
    return nn.Sequential(*_modules(layers))


def linears(network: nn.Sequential) -> list[nn.Linear]:
    """Return the linear modules."""
    return [module for module in network if isinstance(module, nn.Linear)]


def _modules(layers: list[Layer]) -> Iterator[nn.Module]:
    for number, (weight, bias) in enumerate(layers):
        if number:
            yield nn.Tanh()
        linear = nn.Linear(weight.shape[1], weight.shape[2], device="meta")  # draws no weights
        linear.weight = nn.Parameter(weight[0].detach().T.contiguous())
        linear.bias = nn.Parameter(bias[0, 0].detach().clone())
        yield linear


def _nothing_masked(layers: list[Layer]) -> list[Tensor]:
    return [torch.ones(layer.weight.shape[::2]) for layer in layers[:-1]]


def _copy_of(memory: nn.Module) -> nn.LSTM:
    """Return an LSTM of its own that takes its batch first."""
    assert isinstance(memory, nn.LSTM)
    own = copy.deepcopy(memory)
    own.batch_first = True
    return own


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
