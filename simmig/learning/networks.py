"""Networks of many agents at once: stacked layers, a recurrent encoder, a set encoder.

Tensors are agents first: x[N, M, in]. A provider with N = 1 serves any number of agents.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor, nn

from simmig.env.observations import Observation, ObservationSizes
from simmig.learning.weights import FreeWeights, Layer, Weights

Body = Literal["mlp", "lstm", "set"]

_MANY = 1024  # rows from which a product for each network beats a stacked one, because it stays in the cache


def mlp(x: Tensor, layers: list[Layer]) -> Tensor:
    """Return the output [N, M, out] of stacked layers for x[N, M, in]; tanh between the layers."""
    if len(layers[0].weight) == 1:  # one network for many agents: large products
        only = [Layer(weight[0], bias[0]) for weight, bias in layers]
        return _alone(x.flatten(0, 1), only).view(*x.shape[:2], -1)
    if is_many(x.shape[1]):
        stacked = [[Layer(*own) for own in zip(*layer, strict=True)] for layer in layers]
        return torch.stack([_alone(own, network) for own, *network in zip(x, *stacked, strict=True)])
    for number, (weight, bias) in enumerate(layers):
        x = torch.baddbmm(bias, x.tanh_() if number else x, weight)  # in place: nobody else has the product
    return x


def is_many(rows: int) -> bool:
    """Return whether rows are so many that a product takes longer than what is done about it."""
    return rows >= _MANY


def _alone(x: Tensor, layers: list[Layer]) -> Tensor:
    """Return the output [M, out] of one network, layers `weight[in, out]` and `bias[1, out]`, for x[M, in]."""
    for number, (weight, bias) in enumerate(layers):
        x = torch.addmm(bias, x.tanh_() if number else x, weight)
    return x


def look(seen: Observation) -> Tensor:
    """Return what a perceptron is shown of what is seen, [N, B, in]."""
    return torch.cat([seen.history.flatten(2), seen.now], -1)


class FlatNetwork(nn.Module):
    """A multi-layer perceptron over everything that is seen."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, seen: Observation) -> Tensor:
        """Return [N, B, out]."""
        return mlp(look(seen), self.weights())


class RecurrentNetwork(nn.Module):
    """The network of 002, section V-B: a perceptron, two LSTM layers, a perceptron, over the L slots remembered.

    A slot's history goes in with what holds now. The state starts at 0 with the oldest slot, so that transitions may
    be shuffled as Algorithm 2 does. `nn.LSTM` for each agent is three times as fast on a CPU as one stacked cell.
    """

    def __init__(
        self, agents: int, inputs: int, outputs: int, width: int, cells: int, draw: Generator, last_gain: float
    ) -> None:
        super().__init__()
        self.inward = FreeWeights(agents, (inputs, width, width), draw)
        with torch.random.fork_rng(devices=()):  # nn.LSTM draws weights, which are drawn again below
            self.memory = nn.ModuleList(nn.LSTM(width, cells, num_layers=2) for _ in range(agents))
        self.outward = FreeWeights(agents, (cells, width, outputs), draw, last_gain)
        bound = cells**-0.5
        with torch.no_grad():
            for parameter in self.memory.parameters():
                parameter.uniform_(-bound, bound, generator=draw)

    def forward(self, seen: Observation) -> Tensor:
        """Return [N, B, out]."""
        history, now = seen.history, seen.now
        agents, games, slots = history.shape[:3]
        each = torch.cat([history, now[:, :, None].expand(agents, games, slots, now.shape[-1])], -1)
        features = torch.tanh(mlp(each.flatten(1, 2), self.inward())).view(agents, games, slots, -1)
        if len(self.memory) == 1:
            last = self.memory[0](features.flatten(0, 1).transpose(0, 1))[0][-1].view(agents, games, -1)
        else:
            last = torch.stack([own(x.transpose(0, 1))[0][-1] for own, x in zip(self.memory, features, strict=True)])
        return mlp(last, self.outward())


class SetNetwork(nn.Module):
    """Sees any number of rivals: each through one small network, their mean and largest outputs beside one's own past.

    Deep sets (Zaheer et al. 2017); the answer does not depend on the rivals' order, and one without any sees zeros.
    """

    def __init__(
        self, agents: int, own: int, other: int, outputs: int, width: int, draw: Generator, last_gain: float
    ) -> None:
        super().__init__()
        self.each = FreeWeights(agents, (other, width, width), draw)
        self.outward = FreeWeights(agents, (own + 2 * width, width, width, outputs), draw, last_gain)

    def forward(self, seen: Observation) -> Tensor:
        """Return [N, B, out]."""
        assert seen.others is not None
        assert seen.is_other is not None
        games, rivals = seen.is_other.shape[1:]
        known = torch.tanh(mlp(seen.others.flatten(1, 2), self.each()))
        known = known.view(len(known), games, rivals, -1)
        is_there = seen.is_other[..., None]
        count = is_there.sum(2).clamp(min=1)
        mean = torch.where(is_there, known, 0.0).sum(2) / count
        most = torch.where(is_there, known, -1.0).amax(2)  # tanh is above -1
        most = torch.where(is_there.any(2), most, 0.0)
        own = torch.cat([seen.history.flatten(2), seen.now, mean, most], -1)
        return mlp(own, self.outward())


def network_for(
    body: Body,
    agents: int,
    sizes: ObservationSizes,
    outputs: int,
    *,
    width: int,
    cells: int,
    draw: Generator,
    last_gain: float,
) -> nn.Module:
    """Return a network of this kind for what `sizes` says is seen."""
    if body == "lstm":
        return RecurrentNetwork(agents, sizes.step + sizes.now, outputs, width, cells, draw, last_gain)
    own = sizes.slots * sizes.step + sizes.now
    if body == "set":
        return SetNetwork(agents, own, sizes.other, outputs, width, draw, last_gain)
    return FlatNetwork(FreeWeights(agents, (own, width, width, outputs), draw, last_gain))
