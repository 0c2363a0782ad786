"""The gradient of a side's loss: what PPO or A2C wants of densities and values, and how it reaches the weights.

PPO: Schulman et al. 2017, as 001 (40), (41) and 002 (21)-(27) use it. Tensors are [N, M, ...], N players and M
transitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from simmig.learning.actions import HALF_LOG_TWO_PI
from simmig.learning.learner import Learner
from simmig.learning.networks import FlatNetwork, is_many, look
from simmig.learning.recipe import Recipe
from simmig.learning.weights import FreeWeights, Layer

if TYPE_CHECKING:
    from simmig.learning.updates import Batch


@torch.no_grad()
def find_gradient(learner: Learner, part: Batch, recipe: Recipe) -> None:
    """Put the gradient of the loss on some transitions where the learner keeps it, clipped for each player.

    The loss is the sum over players of the mean over transitions and rewards of value_weight (V - target)^2 less what
    is won and less the entropy's share; what is won is the clipped ratio times the advantage, or log density times it.
    """
    plain = _perceptrons(learner) if recipe.distribution == "squashed" and not is_many(part.raw.shape[1]) else None
    found = _by_autograd(learner, part, recipe) if plain is None else _by_hand(learner, *plain, part, recipe)
    torch._foreach_copy_(learner.tables.slopes, found)
    clip_by_player(learner, recipe.most_gradient)


@torch.no_grad()
def clip_by_player(learner: Learner, most: float) -> None:
    """Scale down each player's gradient to a norm of `most`: one player's noise must not slow the others."""
    for rows in learner.tables.rows:
        norm = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        rows.mul_((most / norm.clamp_(min=1e-6)).clamp_(max=1.0))


def judged(density: Tensor, value: Tensor, part: Batch, recipe: Recipe) -> tuple[Tensor, Tensor, Tensor]:
    """Return the slopes of the loss by log density [N, M, A], value [N, M, K] and entropy [N, M, K].

    Beyond the bound of PPO's ratio there is nothing to be won by moving on; everywhere else the slope of a won ratio is
    ratio times advantage, because d exp(x) = exp(x) dx.
    """
    weight, slope = part.weight, part.advantage
    share = weight / (weight.sum(1, keepdim=True).clamp_(min=1.0) * weight.shape[-1])
    if recipe.algorithm == "ppo":
        moved = density - part.log_density
        if weight.shape[-1] < moved.shape[-1]:  # an action is judged as a whole
            moved = moved.sum(-1, keepdim=True)
        ratio = moved.exp_()
        slope = ratio * part.advantage
        bounded = ratio.clamp_(1.0 - recipe.clip, 1.0 + recipe.clip).mul_(part.advantage)
        slope = torch.where(slope <= bounded, slope, 0.0)
    by_density = (slope * share).neg_().expand_as(density)
    return by_density, (value - part.target).mul_(share).mul_(2.0 * recipe.value_weight), share * -recipe.entropy


def _by_autograd(learner: Learner, part: Batch, recipe: Recipe) -> list[Tensor]:
    """Return the gradient by each parameter of the learner's tables."""
    with torch.enable_grad():
        law = learner.actor(part.seen)
        found = [law.log_density(part.raw), learner.critic(part.seen)]
        spread = law.entropy() if recipe.entropy > 0.0 else None
    slopes = judged(found[0].detach(), found[1].detach(), part, recipe)
    if spread is not None:
        found.append(spread)
    wanted = [slope.expand_as(of) for slope, of in zip(slopes, found, strict=False)]
    return list(torch.autograd.grad(found, learner.tables.learned, wanted))


def _perceptrons(learner: Learner) -> tuple[list[Layer], list[Layer]] | None:
    """Return the layers of actors and critics if they are perceptrons with free weights."""
    found = []
    for body in (learner.actor.body, learner.critic.body):
        if not isinstance(body, FlatNetwork) or not isinstance(body.weights, FreeWeights):
            return None
        found.append(body.weights())
    return found[0], found[1]


def _by_hand(learner: Learner, actor: list[Layer], critic: list[Layer], part: Batch, recipe: Recipe) -> list[Tensor]:
    """Return what `_by_autograd` returns for perceptrons and squashed normals, in half the time where rows are few.

    Autograd spends longer on its own account than on products of this size (tests/benchmarks/bench_learning.py).
    """
    networks = len(actor[0].weight)
    acted = _run(_for_networks(look(part.seen), networks), actor)
    thought = _run(_for_networks(look(learner.critic.hears(part.seen)), networks), critic)
    log_deviation = learner.actor.head.log_deviation
    inverse = torch.exp(-log_deviation)
    scaled = (part.raw - acted[-1].view_as(part.raw)).mul_(inverse)  # d log density / d mean = scaled inverse
    squared = scaled.square()
    density = torch.add(-log_deviation - HALF_LOG_TWO_PI, squared, alpha=-0.5)
    by_density, by_value, by_entropy = judged(density, thought[-1].view_as(part.target), part, recipe)
    by_deviation = squared.sub_(1.0).mul_(by_density)
    if recipe.entropy > 0.0:
        by_deviation += by_entropy
    by_mean = scaled.mul_(inverse).mul_(by_density)
    return [
        _for_networks(by_deviation, networks).sum(1, keepdim=True),
        *_back(acted, actor, _for_networks(by_mean, networks)),
        *_back(thought, critic, _for_networks(by_value, networks)),
    ]


def _for_networks(table: Tensor, networks: int) -> Tensor:
    """Return [N, M, ...] as one network for each player takes it, or [1, N M, ...] for one network that all share."""
    return table if networks > 1 else table.flatten(0, 1)[None]


def _run(x: Tensor, layers: list[Layer]) -> list[Tensor]:
    """Return x and what each layer makes of it, tanh between the layers."""
    found = [x]
    for number, (weight, bias) in enumerate(layers):
        found.append(torch.baddbmm(bias, found[-1].tanh_() if number else x, weight))
    return found


def _back(found: list[Tensor], layers: list[Layer], slope: Tensor) -> list[Tensor]:
    """Return the slopes by all weights, then by all biases, from that by the last output."""
    weights, biases = [], []
    for number in reversed(range(len(layers))):
        weights.append(torch.bmm(found[number].mT, slope))
        biases.append(slope.sum(1, keepdim=True))
        if number:
            slope = torch.bmm(slope, layers[number].weight.mT)
            slope = slope.addcmul_(slope * found[number], found[number], value=-1.0)  # tanh' = 1 - tanh^2
    return [*reversed(weights), *reversed(biases)]
