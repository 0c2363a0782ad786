"""Dynamic structured pruning of 001, Algorithm 2: which hidden neurons matter, when they go, and the compact network.

Errata of 001: (50) sums the importances of all neurons times the sparsity, which leaves no neuron in some layer at a
sparsity of one per cent; (52) compares weights with it. The default prunes, in each layer, the least important neurons
up to the sparsity of (51).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor

from simmig.errors import InputError
from simmig.learning.learner import Actor, Learner
from simmig.learning.networks import FlatNetwork
from simmig.learning.recipe import Pruning
from simmig.learning.weights import FreeWeights, Layer, MaskedWeights


def importance(layers: list[Layer], masks: list[Tensor]) -> list[Tensor]:
    """Return how much each hidden neuron matters, [N, h] for each hidden layer, those that are masked included.

    The sum of its squared incoming weights times that of its outgoing ones (Su et al. 2024, as 003 (35) restates it),
    where weights from and to other masked neurons do not count.
    """
    first, last = layers[0].weight, layers[-1].weight
    there = [first.new_ones(first.shape[:2]), *masks, last.new_ones(last.shape[0], last.shape[2])]
    return [
        (into.weight.square() * there[number][:, :, None]).sum(1)
        * (out.weight.square() * there[number + 2][:, None, :]).sum(2)
        for number, (into, out) in enumerate(pairwise(layers))
    ]


def steps_of(iterations: int, pruning: Pruning) -> range:
    """Return the iterations, 0-based, after which neurons go until `sparsity` is reached: t_0 to t_0 + M Delta t."""
    last = max(iterations - 1, 0)
    begin = min(round(pruning.begin * iterations), last)
    end = min(max(round(pruning.end * iterations), begin), last)
    return range(begin, end + 1, pruning.every)


def sparsity_at(iteration: int, steps: range, pruning: Pruning) -> float:
    """Return w(t) of 001 (51), cubic from `first` to `sparsity`, as of the last of `steps` up to this iteration."""
    if iteration < steps.start:
        return pruning.first
    done = min((iteration - steps.start) // steps.step, len(steps) - 1)
    left = (1.0 - done / (len(steps) - 1)) ** 3 if len(steps) > 1 else 0.0
    return pruning.sparsity * (1.0 - left) + pruning.first * left


def remaining(scores: list[Tensor], masks: list[Tensor], sparsity: float, threshold: str) -> list[Tensor]:
    """Return the masks [N, h] of the neurons that stay, by the importance [N, h] and mask of each hidden layer.

    "quantile": the same number stays for every agent. "cumulative": those go that, with the neurons gone before, have
    at most `sparsity` of their layer's importance. Both leave every layer its most important neuron. "literal": those
    go that are below `sparsity` times the importance of all that were left in all layers, (50) as printed.
    """
    if threshold == "literal":
        bound = sparsity * sum((score * mask).sum(1, keepdim=True) for score, mask in zip(scores, masks, strict=True))
        return [mask * (score >= bound) for score, mask in zip(scores, masks, strict=True)]
    found = []
    for score, mask in zip(scores, masks, strict=True):
        order = score.masked_fill(mask == 0.0, -1.0).argsort(stable=True, dim=1)
        if threshold == "quantile":
            goes = (torch.arange(score.shape[1]) < round(sparsity * score.shape[1])).repeat(len(score), 1)
        else:
            goes = score.gather(1, order).cumsum(1) <= sparsity * score.sum(1, keepdim=True)
        goes[:, -1] = False
        found.append(mask * torch.ones_like(mask).scatter(1, order, 1.0 - goes.to(mask.dtype)))
    return found


class Pruner:
    """Drops neurons of the actors while they learn; a neuron that went never comes back.

    Its weights get no gradient any more, and what Adam still moves them by stays behind the mask.
    """

    def __init__(self, learner: Learner, pruning: Pruning) -> None:
        self._weights, self._average = _masked(learner.actor), _masked(learner.average)
        self._pruning = pruning

    @torch.no_grad()
    def step(self, iteration: int, iterations: int) -> None:
        """Update the masks after iteration `iteration` of `iterations`, 0-based, when a step is due.

        Steps go on after the last of the schedule, for a side that began to learn late. Raises InputError where the
        threshold "literal" leaves a layer without neurons: the policy would not depend on what it sees any more.
        """
        steps = steps_of(iterations, self._pruning)
        if iteration < steps.start or (iteration - steps.start) % steps.step:
            return
        masks, sparsity = self._weights.masks, sparsity_at(iteration, steps, self._pruning)
        scores = importance(self._weights.free(), masks)
        fresh = remaining(scores, masks, sparsity, self._pruning.threshold)
        for number, mask in enumerate(fresh):
            if not bool(mask.any(1).all()):
                raise InputError(
                    f'recipe.pruning: threshold = "{self._pruning.threshold}" leaves hidden layer {number} no neuron '
                    f'at a sparsity of {sparsity:.3g} (iteration {iteration}), expected "quantile" or "cumulative"'
                )
        for weights in (self._weights, self._average):
            for mask, now in zip(weights.masks, fresh, strict=True):
                mask.copy_(now)


def _masked(actor: Actor) -> MaskedWeights:
    """Return the weights of an actor that can be pruned."""
    assert isinstance(actor.body, FlatNetwork)
    weights = actor.body.weights
    if not isinstance(weights, MaskedWeights):
        raise InputError('recipe: pruning with weights = "generated", expected weights = "own" or "shared"')
    return weights


def compact(layers: list[Layer], masks: list[Tensor]) -> list[list[Layer]]:
    """Return for each of N agents its layers without the masked neurons: N lists of layers with N = 1.

    The output is that of the masked network, because a masked neuron's output is 0. Raises InputError if there is not
    a mask [N, h] for each hidden layer, or if one leaves a layer without neurons.
    """
    found, last = [], len(layers) - 1
    shapes, expected = [mask.shape for mask in masks], [layer.weight.shape[::2] for layer in layers[:-1]]
    if shapes != expected:
        raise InputError(f"masks have shapes {_shown(shapes)}, expected {_shown(expected)}")
    for agent in range(len(layers[0].weight)):
        rows = torch.arange(layers[0].weight.shape[1])
        own = []
        for number, (weight, bias) in enumerate(layers):
            columns = torch.arange(weight.shape[2]) if number == last else masks[number][agent].nonzero()[:, 0]
            if not len(columns):
                raise InputError(f"masks: none of agent {agent} in hidden layer {number} is left, expected at least 1")
            own.append(Layer(weight[agent, rows][:, columns][None].clone(), bias[agent, :, columns][None].clone()))
            rows = columns
        found.append(own)
    return found


def rebuilt(actor: Actor) -> Actor:
    """Return the same policy without the neurons that were pruned: in each layer as wide as the agent that kept most.

    001, Algorithm 2, line 12. An actor that cannot be pruned is returned as it is.
    """
    if not isinstance(actor.body, FlatNetwork) or not isinstance(actor.body.weights, MaskedWeights):
        return actor
    weights = actor.body.weights
    agents = compact(weights(), weights.masks)
    hidden = [max(own[number].weight.shape[2] for own in agents) for number in range(len(weights.masks))]
    found = copy.copy(actor)
    found._modules = dict(actor._modules)
    found.body = of_widths(len(agents), weights.sizes[0], hidden, weights.sizes[-1])
    with torch.no_grad():
        for number, layer in enumerate(found.body.weights()):
            for place, own in enumerate(agents):
                rows, columns = own[number].weight.shape[1:]
                layer.weight[place, :rows, :columns] = own[number].weight[0]
                layer.bias[place, :, :columns] = own[number].bias[0]
    return found


def hidden_of(actor: Actor) -> list[int] | None:
    """Return the widths of an actor's hidden layers where pruning may have changed them: of a perceptron."""
    body = actor.body
    return list(body.weights.sizes[1:-1]) if isinstance(body, FlatNetwork) else None


def of_widths(networks: int, inputs: int, hidden: Sequence[int], outputs: int) -> FlatNetwork:
    """Return perceptrons with these hidden layers, all weights 0."""
    weights = FreeWeights(networks, (inputs, *hidden, outputs), Generator())
    with torch.no_grad():
        for parameter in weights.parameters():
            parameter.zero_()
    return FlatNetwork(weights)


def _shown(shapes: list[torch.Size]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes) or "none"
