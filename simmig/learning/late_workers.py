"""Asynchronous workers, made repeatable: gradients that come late, always in the same order.

A3C (Mnih et al. 2016) lets workers run free; what matters to the outcome is that a gradient is computed with weights
that the others have changed since. Here workers take turns, each with the weights of its last turn.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn

from simmig.learning.learner import Learner
from simmig.learning.recipe import Recipe
from simmig.learning.updates import Batch, clip_by_player, loss_of


class LateWorkers:
    """W workers: `take_up` puts a worker's old weights in, `learn` moves the shared ones by its gradient."""

    def __init__(self, learner: Learner, count: int) -> None:
        self.shared = _weights_of(learner)
        self.copies = [_weights_of(learner) for _ in range(count)]
        self._turn = 0

    def take_up(self, learner: Learner, iteration: int) -> None:
        """Put the weights of the worker whose turn it is into the learner: it plays and learns with them."""
        self._turn = iteration % len(self.copies)
        _put(learner, self.copies[self._turn])

    def learn(
        self, learner: Learner, optimiser: torch.optim.Optimizer, batch: Batch, recipe: Recipe, draw: Generator
    ) -> None:
        """Take one step of the shared weights along the worker's gradient, which then takes them over."""
        optimiser.zero_grad(set_to_none=True)
        everything = torch.randperm(batch.raw.shape[1], generator=draw)
        loss_of(learner, batch, everything, recipe).backward()  # type: ignore[no-untyped-call]
        clip_by_player(learner, recipe.most_gradient)
        _put(learner, self.shared)
        optimiser.step()
        learner.keep_average()
        self.shared = _weights_of(learner)
        self.copies[self._turn] = _weights_of(learner)

    def state(self) -> dict[str, Any]:
        """Return all weights."""
        return {"shared": self.shared, "copies": list(self.copies), "turn": self._turn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.shared, self.copies, self._turn = state["shared"], list(state["copies"]), state["turn"]


def _parameters(learner: Learner) -> list[nn.Parameter]:
    return [*learner.actor.parameters(), *learner.critic.parameters()]


def _weights_of(learner: Learner) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in _parameters(learner)]


@torch.no_grad()
def _put(learner: Learner, weights: list[Tensor]) -> None:
    for parameter, value in zip(_parameters(learner), weights, strict=True):
        parameter.copy_(value)
