"""The update of a side from what was played: generalised advantages, and PPO or A2C on stacked policies.

PPO: Schulman et al. 2017, as 001 (40), (41) and 002 (21)-(27) use it. Tensors are [T, N, B, ...] while played and
[N, M, ...] when learned from, M = T B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from simmig.env.observations import Observation
from simmig.learning.learner import Learner
from simmig.learning.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Rollout:
    """T slots of one side: `seen` for each, `raw` draws and their `log_density` [T, N, B, A], `reward` [T, N, B, K].

    `is_over[T]` marks the last slot of an episode; `is_active[T, N, B, K]` who took part; `last` is what is seen next.
    """

    seen: list[Observation]
    raw: Tensor
    log_density: Tensor
    reward: Tensor
    is_over: list[bool]
    is_active: Tensor
    last: Observation


@dataclass(frozen=True, slots=True)
class Batch:
    """Transitions to learn from: [N, M, ...]."""

    seen: Observation
    raw: Tensor
    log_density: Tensor
    advantage: Tensor
    target: Tensor
    weight: Tensor


def advantages(reward: Tensor, value: Tensor, is_over: list[bool], discount: float, trace: float) -> Tensor:
    """Return generalised advantages [T, ...] from rewards [T, ...] and values [T + 1, ...]; Schulman et al. 2016, (16).

    Errata of 001 (42) and 002 (23): what comes after the last slot is the discounted value of where one is. An episode
    ends by the clock alone, so its last slot is worth going on from as well, by the value of the slot itself: the game
    is the same, and what follows belongs to another episode.
    """
    gain = torch.zeros_like(reward[0])
    found = torch.empty_like(reward)
    for step in reversed(range(len(reward))):
        after = value[step] if is_over[step] else value[step + 1]
        gain = reward[step] + discount * after - value[step] + discount * trace * (0.0 if is_over[step] else 1.0) * gain
        found[step] = gain
    return found


@torch.no_grad()
def batch_of(learner: Learner, played: Rollout, recipe: Recipe) -> Batch:
    """Return the transitions with advantages, normalised for each player and reward, and targets of the critic."""
    reward = learner.scaled(played.reward)
    past = joined(played.seen)
    value = learner.critic(joined([past, played.last])).unflatten(1, (len(reward) + 1, -1)).transpose(0, 1)
    gain = advantages(reward, value, played.is_over, recipe.discount, recipe.trace)
    target = gain + value[:-1]
    weight = played.is_active.to(gain.dtype)
    count = weight.sum((0, 2), keepdim=True).clamp(min=1.0)
    mean = (gain * weight).sum((0, 2), keepdim=True) / count
    spread = (((gain - mean) * weight).square().sum((0, 2), keepdim=True) / count).sqrt()
    return Batch(
        past,
        raw=_by_player(played.raw),
        log_density=_by_player(played.log_density),
        advantage=_by_player((gain - mean) / (spread + 1e-8)),
        target=_by_player(target),
        weight=_by_player(weight),
    )


def joined(seen: Sequence[Observation]) -> Observation:
    """Return what was seen in one slot after the other as one observation, [N, T B, ...]."""
    parts = zip(*((s.history, s.now, s.others, s.is_other) for s in seen), strict=True)
    return Observation(*(None if part[0] is None else torch.cat(part, 1) for part in parts))  # type: ignore[arg-type]


def _by_player(table: Tensor) -> Tensor:
    """Return [N, T B, ...] from [T, N, B, ...]."""
    return table.transpose(0, 1).flatten(1, 2)


def loss_of(learner: Learner, batch: Batch, place: Tensor, recipe: Recipe) -> Tensor:
    """Return the sum over players of the mean losses of actor, critic and entropy on the transitions `place`."""
    seen, weight = batch.seen.take(place), batch.weight[:, place]
    law = learner.actor(seen)
    density, old = law.log_density(batch.raw[:, place]), batch.log_density[:, place]
    is_joint = weight.shape[-1] == 1  # an action is judged as a whole
    if is_joint:
        density, old = density.sum(-1, keepdim=True), old.sum(-1, keepdim=True)
    gain = batch.advantage[:, place]
    if recipe.algorithm == "ppo":
        ratio = (density - old).exp()
        won = torch.minimum(ratio * gain, ratio.clamp(1.0 - recipe.clip, 1.0 + recipe.clip) * gain)
    else:
        won = density * gain
    error = (learner.critic(seen) - batch.target[:, place]).square()
    total = recipe.value_weight * error - won
    if recipe.entropy > 0.0:
        spread = law.entropy()
        total = total - recipe.entropy * (spread.sum(-1, keepdim=True) if is_joint else spread)
    mean: Tensor = ((total * weight).sum(1) / weight.sum(1).clamp(min=1.0)).mean(-1).sum()
    return mean


def learn(learner: Learner, optimiser: torch.optim.Optimizer, batch: Batch, recipe: Recipe, draw: Generator) -> None:
    """Update the learner: passes over shuffled parts for PPO, one step on everything for A2C."""
    size = batch.raw.shape[1]
    is_ppo = recipe.algorithm == "ppo"
    for _ in range(recipe.epochs if is_ppo else 1):
        order = torch.randperm(size, generator=draw)
        for place in order.chunk(recipe.minibatches) if is_ppo else [order]:
            optimiser.zero_grad(set_to_none=True)
            loss_of(learner, batch, place, recipe).backward()  # type: ignore[no-untyped-call]
            clip_by_player(learner, recipe.most_gradient)
            optimiser.step()
            learner.keep_average()


@torch.no_grad()
def clip_by_player(learner: Learner, most: float) -> None:
    """Scale down each player's gradient to a norm of `most`: one player's noise must not slow the others."""
    for stacked, alone in learner.owned:
        tables = [p.grad for p in stacked if p.grad is not None]
        own = [[p.grad for p in parameters if p.grad is not None] for parameters in alone]
        rows = [table.flatten(1) for table in tables]
        if own:
            rows.append(torch.stack([torch.cat([grad.flatten() for grad in grads]) for grads in own]))
        norm = torch.linalg.vector_norm(torch.cat(rows, 1), dim=1)
        scale = (most / norm.clamp(min=1e-6)).clamp(max=1.0)
        for table in tables:
            table.mul_(scale.view(-1, *[1] * (table.ndim - 1)))
        for grads, factor in zip(own, scale.unbind(), strict=False):
            torch._foreach_mul_(grads, factor)
