"""The update of a side from what was played: generalised advantages, and steps of PPO or A2C on stacked policies.

Tensors are [T, N, B, ...] while played and [N, M, ...] when learned from, M = T B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from simmig.env.observations import Observation
from simmig.learning.gradient import find_gradient
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

    def take(self, place: Tensor) -> Batch:
        """Return the transitions `place`, in that order."""
        return Batch(self.seen.take(place), *(table[:, place] for table in self._tables()))

    def parts(self, count: int) -> list[Batch]:
        """Return `count` parts, one after the other."""
        looks = zip(*(_chunks(table, count) for table in self.seen), strict=True)
        tables = zip(*(table.chunk(count, 1) for table in self._tables()), strict=True)
        return [Batch(Observation(*look), *rest) for look, rest in zip(looks, tables, strict=False)]

    def _tables(self) -> tuple[Tensor, ...]:
        return self.raw, self.log_density, self.advantage, self.target, self.weight


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


def learn(learner: Learner, optimiser: torch.optim.Optimizer, batch: Batch, recipe: Recipe, draw: Generator) -> None:
    """Update the learner: passes over shuffled parts for PPO, one step on everything for A2C."""
    if recipe.algorithm != "ppo":
        step(learner, optimiser, batch, recipe)
        return
    size = batch.raw.shape[1]
    for _ in range(recipe.epochs):
        for part in batch.take(torch.randperm(size, generator=draw)).parts(recipe.minibatches):
            step(learner, optimiser, part, recipe)


def step(learner: Learner, optimiser: torch.optim.Optimizer, part: Batch, recipe: Recipe) -> None:
    """Move the learner by its gradient on some transitions, clipped for each player."""
    find_gradient(learner, part, recipe)
    optimiser.step()
    learner.keep_average()


def _chunks(table: Tensor | None, count: int) -> Sequence[Tensor | None]:
    return [None] * count if table is None else table.chunk(count, 1)
