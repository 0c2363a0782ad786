"""Asynchronous workers, made repeatable: gradients that come late, always in the same order.

A3C (Mnih et al. 2016) lets workers run free; what matters to the outcome is that a gradient is computed with weights
that the others have changed since. Here workers take turns, each with the weights of its last turn.
"""

from __future__ import annotations

from typing import Any

import torch

from simmig.learning.gradient import find_gradient
from simmig.learning.learner import Learner
from simmig.learning.recipe import Recipe
from simmig.learning.updates import Batch


class LateWorkers:
    """W workers: `take_up` puts a worker's old weights in, `learn` moves the shared ones by its gradient."""

    def __init__(self, learner: Learner, count: int) -> None:
        self.shared = learner.tables.weights.clone()
        self.copies = [self.shared.clone() for _ in range(count)]
        self._turn = 0

    def take_up(self, learner: Learner, iteration: int) -> None:
        """Put the weights of the worker whose turn it is into the learner: it plays and learns with them."""
        self._turn = iteration % len(self.copies)
        learner.tables.weights.copy_(self.copies[self._turn])

    def learn(self, learner: Learner, optimiser: torch.optim.Optimizer, batch: Batch, recipe: Recipe) -> None:
        """Take one step of the shared weights along the worker's gradient, which then takes them over."""
        find_gradient(learner, batch, recipe)
        learner.tables.weights.copy_(self.shared)
        optimiser.step()
        learner.keep_average()
        self.shared = learner.tables.weights.clone()
        self.copies[self._turn] = self.shared.clone()

    def state(self) -> dict[str, Any]:
        """Return all weights."""
        return {"shared": self.shared, "copies": list(self.copies), "turn": self._turn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.shared, self.copies, self._turn = state["shared"], list(state["copies"]), state["turn"]
