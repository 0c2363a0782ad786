"""Where the weights of stacked networks come from: free parameters, masked ones, or a hypernetwork's output.

N agents hold N networks of one shape, side by side: a layer is `weight[N, in, out]` and `bias[N, 1, out]`, and N = 1
stands for one network that all share. A provider returns its layers anew at each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Generator, Tensor, nn


class Layer(NamedTuple):
    """`weight[N, in, out]`, `bias[N, 1, out]`."""

    weight: Tensor
    bias: Tensor


class Weights(Protocol):
    """A module that provides the layers of N networks; `sizes` are the widths from input to output."""

    sizes: tuple[int, ...]

    def __call__(self) -> list[Layer]:
        """Return the layers."""


def gains(sizes: Sequence[int], last_gain: float) -> list[float]:
    """Return how large each layer of these widths starts: sqrt(2), the last one `last_gain`."""
    return [2.0**0.5] * (len(sizes) - 2) + [last_gain]


class FreeWeights(nn.Module):
    """Parameters of their own: orthogonal at the start, the last layer `last_gain` times as large."""

    def __init__(self, agents: int, sizes: Sequence[int], draw: Generator, last_gain: float = 1.0) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for (wide, narrow), gain in zip(pairwise(self.sizes), gains(self.sizes, last_gain), strict=True):
            weight = torch.empty(agents, wide, narrow)
            for each in weight:
                nn.init.orthogonal_(each, gain, generator=draw)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(agents, 1, narrow)))
        # Listed once: to index a ParameterList takes as long as a small product.
        self._layers = [Layer(weight, bias) for weight, bias in zip(self.weights, self.biases, strict=True)]

    def forward(self) -> list[Layer]:
        """Return the layers."""
        return list(self._layers)


class MaskedWeights(nn.Module):
    """Free weights of which some hidden neurons are switched off: `masks[l][N, h]` is 0 for a neuron without effect.

    001, equation (46). A masked neuron has no incoming weight, and no outgoing one either, so that its output is 0 for
    every activation that maps 0 to 0, and nothing it would learn comes back when it is switched on.
    """

    def __init__(self, free: FreeWeights) -> None:
        super().__init__()
        self.free, self.sizes = free, free.sizes
        agents = len(free.weights[0])
        for number, width in enumerate(self.sizes[1:-1]):
            self.register_buffer(f"mask{number}", torch.ones(agents, width))

    @property
    def masks(self) -> list[Tensor]:
        """The masks of the hidden layers, [N, h] each."""
        return [getattr(self, f"mask{number}") for number in range(len(self.sizes) - 2)]

    def forward(self) -> list[Layer]:
        """Return the layers with the masked neurons' weights at 0."""
        layers: list[Layer] = self.free()
        for number, mask in enumerate(self.masks):
            weight, bias = layers[number]
            layers[number] = Layer(weight * mask[:, None, :], bias * mask[:, None, :])
            weight, bias = layers[number + 1]
            layers[number + 1] = Layer(weight * mask[:, :, None], bias)
        return layers


class GeneratedWeights(nn.Module):
    """One hypernetwork that makes the weights of every agent from its embedding (004): `embedding[N, E]` is learned.

    An embedding goes through one hidden layer to a linear head for each layer of the target network. Sizes of 004 are
    not public; heads start so that a generated layer has the variance of a free one, the last one included.
    """

    def __init__(
        self,
        agents: int,
        sizes: Sequence[int],
        draw: Generator,
        last_gain: float = 1.0,
        *,
        embedding: int = 16,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.embedding = nn.Parameter(torch.randn(agents, embedding, generator=draw))
        self.trunk = FreeWeights(1, (embedding, hidden), draw)
        self.heads = nn.ModuleList()
        with torch.no_grad():
            spread = self._codes().square().mean().sqrt()
        for (wide, narrow), gain in zip(pairwise(self.sizes), gains(self.sizes, last_gain), strict=True):
            head = FreeWeights(1, (hidden, wide * narrow + narrow), draw)
            with torch.no_grad():  # the variance of an orthogonal matrix is 1 / the larger of its sides
                deviation = gain * max(wide, narrow) ** -0.5 / (hidden**0.5 * spread)
                head.weights[0].copy_(torch.randn(head.weights[0].shape, generator=draw) * deviation)
                head.weights[0][..., wide * narrow :] = 0.0
            self.heads.append(head)

    def _codes(self) -> Tensor:
        """Return what the heads see of each agent, [N, hidden]."""
        (trunk,) = self.trunk()
        return torch.tanh(self.embedding @ trunk.weight[0] + trunk.bias[0])

    def forward(self) -> list[Layer]:
        """Return the layers that the embeddings stand for."""
        code, layers = self._codes(), []
        for head, (wide, narrow) in zip(self.heads, pairwise(self.sizes), strict=True):
            (made,) = head()
            flat = code @ made.weight[0] + made.bias[0]
            layers.append(Layer(flat[:, : wide * narrow].unflatten(1, (wide, narrow)), flat[:, None, wide * narrow :]))
        return layers
