"""The players of one side as one module: stacked actors and critics."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from simmig.env.observations import Observation, ObservationSizes
from simmig.errors import InputError
from simmig.learning.actions import ActionHead, Distribution
from simmig.learning.networks import Body, FlatNetwork, network_for
from simmig.learning.recipe import Recipe
from simmig.learning.tables import Owned, in_tables
from simmig.learning.weights import FreeWeights, GeneratedWeights, MaskedWeights

_FIRST_ACTION_GAIN = 0.01  # of the last actor layer: a policy starts near the middle of its interval


class Shape(NamedTuple):
    """A side: N players, what each sees, A components of an action, K rewards it is judged by (1 or A)."""

    agents: int
    seen: ObservationSizes
    actions: int
    rewards: int


class Actor(nn.Module):
    """A policy for every player of a side; what is kept of training."""

    def __init__(self, recipe: Recipe, shape: Shape, draw: Generator) -> None:
        super().__init__()
        networks = 1 if recipe.weights == "shared" else shape.agents
        self.head = ActionHead(recipe.distribution, networks, shape.actions, recipe.deviation)
        body = network_for(
            _body_for(recipe, shape.seen),
            networks,
            shape.seen,
            self.head.outputs,
            width=recipe.width,
            cells=recipe.cells,
            draw=draw,
            last_gain=_FIRST_ACTION_GAIN,
        )
        if recipe.weights == "generated" or recipe.pruning is not None:
            body = _with_other_weights(body, recipe, networks, draw)
        self.body = body

    def forward(self, seen: Observation) -> Distribution:
        """Return the law of the actions, [N, B, A]."""
        return self.head(self.body(seen))  # type: ignore[no-any-return]


class Critic(nn.Module):
    """The value of what is seen, [N, B, K]: of one's own, or of all players' of the side together (MAPPO)."""

    def __init__(self, recipe: Recipe, shape: Shape, draw: Generator) -> None:
        super().__init__()
        self.is_central = recipe.critic == "central"
        networks = 1 if recipe.weights == "shared" else shape.agents
        seen = shape.seen
        if self.is_central:
            own = seen.slots * seen.step + seen.now + seen.other * max(shape.agents, 1)
            # One network for all has to be told whose value is asked for.
            self.is_told = recipe.weights == "shared"
            sizes = (own * (shape.agents + self.is_told), recipe.width, recipe.width, shape.rewards)
            self.body: nn.Module = FlatNetwork(FreeWeights(networks, sizes, draw))
        else:
            self.body = network_for(
                _body_for(recipe, seen),
                networks,
                seen,
                shape.rewards,
                width=recipe.width,
                cells=recipe.cells,
                draw=draw,
                last_gain=1.0,
            )

    def forward(self, seen: Observation) -> Tensor:
        """Return values, [N, B, K]."""
        values: Tensor = self.body(self.hears(seen))
        return values

    def hears(self, seen: Observation) -> Observation:
        """Return what the body is shown: what each player sees, or what all see."""
        if not self.is_central:
            return seen
        flat = seen.flat()
        agents, games = flat.shape[:2]
        everything = flat.transpose(0, 1).flatten(1).expand(agents, games, -1)
        if self.is_told:
            everything = torch.cat([flat, everything], -1)
        return Observation(everything[:, :, None, :0], everything)


class Learner(nn.Module):
    """Actors and critics, the mean of the actors so far, and the scale of the rewards.

    `tables` hold the weights of actors and critics, one table for each that is clipped by itself.
    """

    updates: Tensor
    count: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, recipe: Recipe, shape: Shape, draw: Generator) -> None:
        super().__init__()
        self.shape, self.is_shared = shape, recipe.weights == "shared"
        self.actor, self.critic = Actor(recipe, shape, draw), Critic(recipe, shape, draw)
        self.average = copy.deepcopy(self.actor).requires_grad_(False)
        self._share_kept = recipe.average
        # Listed once: a walk through the modules at every update takes as long as a small network.
        parts = (*_owned(self.actor, self.is_shared), *_owned(self.critic, self.is_shared))
        self.tables = in_tables(parts)
        self._mean = in_tables(_owned(self.average, self.is_shared)).weights
        self._present = self.tables.weights[: len(self._mean)]
        self._masks = list(zip(self.average.buffers(), self.actor.buffers(), strict=True))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(shape.agents, 1, shape.rewards, dtype=torch.float64))
        self.register_buffer("spread", torch.zeros(shape.agents, 1, shape.rewards, dtype=torch.float64))

    def scaled(self, reward: Tensor) -> Tensor:
        """Return rewards [T, N, B, K] less their mean so far over their standard deviation so far, per player.

        Welford's sums; utilities differ by orders of magnitude between players and games.
        """
        fresh = reward.transpose(0, 1).flatten(1, 2).to(torch.float64)  # [N, T B, K]
        size = fresh.shape[1]
        mean = fresh.mean(1, keepdim=True)
        gap = mean - self.mean
        total = self.count + size
        self.spread += (fresh - mean).square().sum(1, keepdim=True) + gap.square() * self.count * size / total
        self.mean += gap * size / total
        self.count.copy_(total)
        deviation = (self.spread / total).sqrt().clamp(min=1e-8)
        scaled: Tensor = ((reward - self.mean) / deviation).float()
        return scaled

    @torch.no_grad()
    def keep_average(self) -> None:
        """Take the present actors into the mean; the first steps count as a plain mean, so that the start fades."""
        self.updates.add_(1)
        kept = min(self._share_kept, 1.0 - 1.0 / int(self.updates))
        self._mean.lerp_(self._present, 1.0 - kept)
        for old, new in self._masks:
            old.copy_(new)


def _owned(part: nn.Module, is_shared: bool) -> list[Owned]:
    """Return who owns which parameters of an actor or a critic."""
    stacked: list[nn.Parameter] = []
    common: list[nn.Parameter] = []
    own: dict[str, list[nn.Parameter]] = {}
    for name, parameter in part.named_parameters():
        places = name.split(".")
        if is_shared or "trunk" in places or "heads" in places:  # those of a hypernetwork
            common.append(parameter)
        elif "memory" in places:
            own.setdefault(places[places.index("memory") + 1], []).append(parameter)
        else:
            stacked.append(parameter)
    by_player = [Owned(stacked, list(own.values()))] if stacked else []
    return [*by_player, Owned([], [common])] if common else by_player


def _body_for(recipe: Recipe, seen: ObservationSizes) -> Body:
    """Return the recipe's network, or a perceptron for a side that sees no past to remember, or no rivals."""
    has_use = {"mlp": True, "lstm": seen.step > 0, "set": seen.other > 0}
    return recipe.network if has_use[recipe.network] else "mlp"


def _with_other_weights(body: nn.Module, recipe: Recipe, networks: int, draw: Generator) -> nn.Module:
    """Return a perceptron whose weights are generated, or can be masked."""
    if not isinstance(body, FlatNetwork) or not isinstance(body.weights, FreeWeights):
        what = "generated weights" if recipe.weights == "generated" else "pruning"
        raise InputError(f'recipe: {what} with network = "{recipe.network}", expected network = "mlp"')
    if recipe.weights == "generated":
        if recipe.pruning is not None:
            raise InputError('recipe: pruning with weights = "generated", expected weights = "own" or "shared"')
        return FlatNetwork(GeneratedWeights(networks, body.weights.sizes, draw, _FIRST_ACTION_GAIN))
    return FlatNetwork(MaskedWeights(body.weights))
