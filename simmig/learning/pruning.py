"""Dynamic structured pruning of 001, Algorithm 2: which hidden neurons matter, when they go, and the compact network.

Errata of 001: (50) sums all importances times the sparsity, which prunes the whole network at a few per cent; (52)
compares weights with it. The default prunes, in each layer, the least important neurons up to the sparsity of (51).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from simmig.errors import InputError
from simmig.learning.learner import Actor
from simmig.learning.networks import FlatNetwork
from simmig.learning.recipe import Pruning
from simmig.learning.weights import Layer, MaskedWeights


def importance(layers: list[Layer]) -> list[Tensor]:
    """Return how much each hidden neuron matters, [N, h] for each hidden layer.

    The sum of its squared incoming weights times that of its outgoing ones (Su et al. 2024, as 003 (36) restates it).
    """
    return [into.weight.square().sum(1) * out.weight.square().sum(2) for into, out in pairwise(layers)]


def sparsity_at(iteration: int, iterations: int, pruning: Pruning) -> float:
    """Return w(t) of 001 (51): cubic from `first` to `sparsity` between begin and end, in steps of `every`."""
    begin, end = pruning.begin * iterations, pruning.end * iterations
    stepped = begin + (iteration - begin) // pruning.every * pruning.every
    done = 1.0 if iteration >= end else max(stepped - begin, 0.0) / max(end - begin, 1e-12)
    return pruning.sparsity + (pruning.first - pruning.sparsity) * (1.0 - done) ** 3


def kept(scores: Tensor, sparsity: float, threshold: str) -> Tensor:
    """Return the mask [N, h] of the neurons that stay, by their importance [N, h].

    "quantile": the same number goes for every agent. "cumulative": the least important that together make up at most
    `sparsity` of the layer's importance. "literal": those not below `sparsity` times the sum of all, (50) as printed.
    """
    width = scores.shape[1]
    if threshold == "literal":
        return (scores >= sparsity * scores.sum(1, keepdim=True)).to(scores.dtype)
    order = scores.argsort(1)
    if threshold == "quantile":
        goes = torch.arange(width) < min(round(sparsity * width), width - 1)
        goes = goes.expand_as(order)
    else:
        share = scores.gather(1, order).cumsum(1) / scores.sum(1, keepdim=True).clamp(min=1e-30)
        goes = share <= sparsity
    mask = torch.ones_like(scores)
    return mask.scatter(1, order, 1.0 - goes.to(scores.dtype))


class Pruner:
    """Drops neurons of an actor while it learns; a neuron that went never comes back."""

    def __init__(self, actor: Actor, pruning: Pruning) -> None:
        body = actor.body
        assert isinstance(body, FlatNetwork)
        assert isinstance(body.weights, MaskedWeights)
        self._weights, self._pruning = body.weights, pruning

    @torch.no_grad()
    def step(self, iteration: int, iterations: int) -> None:
        """Update the masks after iteration `iteration` of `iterations`, 0-based, when a step is due."""
        pruning = self._pruning
        is_due = iteration >= pruning.begin * iterations and iteration % pruning.every == 0
        if not is_due and iteration + 1 < iterations:
            return
        sparsity = sparsity_at(iteration, iterations, pruning)
        for mask, scores in zip(self._weights.masks, importance(self._weights()), strict=True):
            mask.mul_(kept(scores * mask, sparsity, pruning.threshold))


def compact(layers: list[Layer], masks: list[Tensor]) -> list[list[Layer]]:
    """Return for each agent the layers without the masked neurons, N lists of layers with N = 1.

    A layer of which nothing is left keeps one neuron with outgoing weights 0. Raises InputError if masks do not fit.
    """
    if len(masks) != len(layers) - 1:
        raise InputError(f"{len(masks)} masks for {len(layers)} layers, expected one for each hidden layer")
    found = []
    for agent in range(len(layers[0].weight)):
        rows = torch.arange(layers[0].weight.shape[1])
        own = []
        for number, (weight, bias) in enumerate(layers):
            is_last = number == len(layers) - 1
            columns = torch.arange(weight.shape[2]) if is_last else masks[number][agent].nonzero()[:, 0]
            if not len(columns):
                columns = torch.zeros(1, dtype=torch.int64)
            own.append(
                Layer(
                    weight[agent : agent + 1, rows][:, :, columns].clone(), bias[agent : agent + 1, :, columns].clone()
                )
            )
            rows = columns
        found.append(own)
    return found
