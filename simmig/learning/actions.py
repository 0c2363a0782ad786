"""Distributions over actions that stay in their interval: shares in [0, 1], one for each component of an action.

A network's outputs are turned into parameters; `raw` is what was drawn, of which `share` makes the action. Both
distributions are independent over components, so that credit can be given to each.
"""

from __future__ import annotations

import math
from typing import Any, Literal, Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus

Kind = Literal["squashed", "beta"]
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)  # of the density of a normal variable
_SMALLEST = 1e-6  # of a Beta draw: its density at 0 and 1 may be infinite


class Distribution(Protocol):
    """A distribution with batch shape [N, B, A]."""

    def draw(self, generator: Generator) -> Tensor:
        """Return raw draws."""

    def share(self, raw: Tensor) -> Tensor:
        """Return the actions in [0, 1] that these draws stand for."""

    def log_density(self, raw: Tensor) -> Tensor:
        """Return the log density of raw draws, up to a term without parameters."""

    def entropy(self) -> Tensor:
        """Return the entropy of raw draws."""

    def best(self) -> Tensor:
        """Return the action to take without exploring."""


class Squashed:
    """A normal variable through the logistic function: Haarnoja et al. 2018, appendix C, with its own squashing."""

    def __init__(self, mean: Tensor, log_deviation: Tensor) -> None:
        self.mean, self.log_deviation = mean, log_deviation

    def draw(self, generator: Generator) -> Tensor:
        """Return mean + deviation times a standard normal draw."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + self.log_deviation.exp() * noise

    def share(self, raw: Tensor) -> Tensor:
        """Return 1 / (1 + exp(-raw))."""
        return torch.sigmoid(raw)

    def log_density(self, raw: Tensor) -> Tensor:
        """Return that of the normal variable: the squashing has no parameters and cancels in every ratio."""
        scaled = (raw - self.mean) * torch.exp(-self.log_deviation)
        return -0.5 * scaled.square() - self.log_deviation - HALF_LOG_TWO_PI

    def entropy(self) -> Tensor:
        """Return that of the normal variable."""
        return (self.log_deviation + (0.5 + HALF_LOG_TWO_PI)).expand_as(self.mean)

    def best(self) -> Tensor:
        """Return the median, the squashed mean."""
        return torch.sigmoid(self.mean)


class Beta:
    """Beta(1 + a, 1 + b), with one peak: Chou, Maturana and Scherer 2017."""

    def __init__(self, first: Tensor, second: Tensor) -> None:
        self.first, self.second = first, second

    def draw(self, generator: Generator) -> Tensor:
        """Return X / (X + Y) of two gamma draws."""
        with torch.no_grad():
            x = torch._standard_gamma(self.first, generator=generator)
            y = torch._standard_gamma(self.second, generator=generator)
            return (x / (x + y)).clamp(_SMALLEST, 1.0 - _SMALLEST)

    def share(self, raw: Tensor) -> Tensor:
        """Return the draw itself."""
        return raw

    def log_density(self, raw: Tensor) -> Tensor:
        """Return the log density of Beta."""
        density: Tensor = self._law().log_prob(raw)
        return density

    def entropy(self) -> Tensor:
        """Return the differential entropy."""
        entropy: Tensor = self._law().entropy()
        return entropy

    def _law(self) -> Any:  # noqa: ANN401  torch does not type its distributions
        return torch.distributions.Beta(self.first, self.second, validate_args=False)

    def best(self) -> Tensor:
        """Return the mode."""
        return (self.first - 1.0) / (self.first + self.second - 2.0).clamp(min=_SMALLEST)


class ActionHead(nn.Module):
    """Turns outputs [N, B, `outputs`] into a distribution over `actions` components."""

    def __init__(self, kind: Kind, agents: int, actions: int, deviation: float) -> None:
        super().__init__()
        self.kind, self.outputs = kind, actions if kind == "squashed" else 2 * actions
        if kind == "squashed":
            self.log_deviation = nn.Parameter(torch.full((agents, 1, actions), math.log(deviation)))

    def forward(self, outputs: Tensor) -> Distribution:
        """Return the distribution."""
        if self.kind == "squashed":
            return Squashed(outputs, self.log_deviation)
        first, second = outputs.chunk(2, -1)
        return Beta(1.0 + softplus(first + 1.0), 1.0 + softplus(second + 1.0))
