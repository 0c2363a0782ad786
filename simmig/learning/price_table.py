"""Leaders that learn one number for each price, its share of the interval from cost to cap: training and play.

A table has one share for each RSU. Where a single game with individual prices is played over and over, it has one for
each RSU and follower instead; in a simulation, where followers come and go, an RSU then posts their mean.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor

from simmig.errors import AgentError, InputError
from simmig.learning.stage import Stage
from simmig.rng import stream

if TYPE_CHECKING:
    from simmig.contracts import FloatArray, FollowerView, LeaderView
    from simmig.env.sources import FixedGame
    from simmig.learning.recipe import TableRecipe
    from simmig.learning.venue import Venue


class Estimate(NamedTuple):
    """What each price of a batch earns, the slope of it by its share, a push out of where there is none, and plays.

    A push is -1 where nothing is sold, so that the price falls, 1 where demand has no bound, and 0 elsewhere.
    """

    profit: Tensor
    slope: Tensor
    push: Tensor
    plays: int


class Estimator(Protocol):
    """Says where a price should go. `progress` runs from 0 to 1; slopes are over `scale`, the most ever earned."""

    def __call__(self, stage: Stage, share: Tensor, scale: Tensor, rate: float, progress: float) -> Estimate:
        """Return the estimate at shares [B, ...], each slope already divided by its scale."""

    def state(self) -> dict[str, Any]:
        """Return what it remembers."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what it remembered."""


def sorted_out(slope: Tensor, is_idle: Tensor) -> tuple[Tensor, Tensor]:
    """Return slopes that are numbers, and pushes as in `Estimate`, where a price is idle or has no slope."""
    is_sound = slope.isfinite()
    push = torch.where(is_sound, -is_idle.double(), 1.0)
    return torch.where(is_sound, slope, 0.0), push


def mean_of(values: Tensor, is_there: Tensor) -> Tensor:
    """Return the mean along the first axis of the values that are there, 0 where none is."""
    return torch.where(is_there, values, 0.0).sum(0) / is_there.sum(0).clamp(min=1)


class TableTraining:
    """Steps along estimated slopes, all prices at once, each projected to its interval."""

    _share: Tensor  # [J], or [I, J]
    _kept: Tensor  # the policy: the shares or their running mean
    _scale: Tensor  # the most that each price ever earned
    _is_known: Tensor  # whether anybody could ever buy at this price

    def __init__(self, venue: Venue, recipe: TableRecipe, estimator: Estimator, seed: int, *, copies: int = 1) -> None:
        """Learn in a venue; an estimate is over `copies` of its game, or over the recipe's number of rounds."""
        self._source, self._names, self._recipe, self._estimator = venue.source, venue.leaders, recipe, estimator
        self._draw = stream(seed, "rounds")
        self._count = copies if self._source.is_fixed else recipe.games
        self._fixed = self._stage() if self._source.is_fixed else None
        self.iteration, self.plays = 0, 0
        self._begin(self._fixed or self._stage())
        self._optimiser: torch.optim.Optimizer
        if recipe.optimiser == "adam":  # a short memory: slopes are far steeper where demand begins than at the end
            self._optimiser = torch.optim.Adam([self._share], lr=1.0, betas=(0.9, 0.99))
        else:
            self._optimiser = torch.optim.SGD([self._share], lr=1.0)

    @property
    def iterations(self) -> int:
        """How many steps the recipe asks for."""
        return self._recipe.iterations

    def iterate(self) -> dict[str, Any]:
        """Play, step, and return what happened as a row of the learning curve."""
        started = time.process_time()
        progress = self.iteration / max(self.iterations, 1)
        rate = self._recipe.rate * self._recipe.final_rate**progress
        stage = self._fixed or self._stage()
        given, is_open = self._share.expand(stage.is_open.shape), stage.is_open
        found = self._estimator(stage, given, torch.where(self._scale > 0.0, self._scale, 1.0), rate, progress)
        self._note(found.profit, is_open)
        slope = mean_of(found.slope, is_open)
        self._share.grad = -(slope if self._recipe.optimiser == "adam" else slope.clamp(-1.0, 1.0))
        self._optimiser.param_groups[0]["lr"] = rate
        self._optimiser.step()
        self._share.add_(mean_of(found.push, is_open), alpha=rate).clamp_(0.0, 1.0)
        keep = min(self._recipe.average, self.iteration / (self.iteration + 1.0))
        self._kept = torch.lerp(self._share, self._kept, keep)
        self.iteration += 1
        self.plays += found.plays
        earned = torch.where(is_open, found.profit, 0.0).mean(0)
        return {
            "iteration": self.iteration,
            "plays": self.plays,
            "cpu_s": time.process_time() - started,
            "profit": (earned.sum(0) if earned.ndim == 2 else earned).tolist(),
            "share": self._table().tolist(),
        }

    def policy(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the shares [J], and those of each follower [I, J] where they were learned."""
        tensors = {"share": self._table()}
        return tensors if self._kept.ndim == 1 else {**tensors, "each": self._kept.clone()}, {}

    def answer(self, single: FixedGame) -> tuple[FloatArray, FloatArray]:
        """Return the prices and demands, without batch axes, that the table comes to in this game."""
        stage = Stage(single.games(1, self._draw).game, individual=self._kept.ndim == 2)
        return stage.answer(self._kept[None])

    def state(self) -> dict[str, Any]:
        """Return all that goes on from here to the same table."""
        return {
            "counts": [self.iteration, self.plays],
            "tensors": [self._share.clone(), self._kept.clone(), self._scale.clone(), self._is_known.clone()],
            "optimiser": self._optimiser.state_dict(),
            "estimator": self._estimator.state(),
            "draw": self._draw.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a training with the same recipe and venue."""
        self.iteration, self.plays = state["counts"]
        share, self._kept, self._scale, self._is_known = state["tensors"]
        self._share.copy_(share)
        self._optimiser.load_state_dict(state["optimiser"])
        self._estimator.restore(state["estimator"])
        self._draw.bit_generator.state = state["draw"]

    def _stage(self) -> Stage:
        """Return games of the source: where the players are always the same, each follower may have its own price."""
        return Stage(self._source.games(self._count, self._draw).game, individual=self._source.is_fixed)

    def _begin(self, stage: Stage) -> None:
        """Try some shares and start from those that paid best; the middle where none paid."""
        shape = stage.is_open.shape[1:]
        best, self._share = torch.zeros(shape).double(), torch.full(shape, 0.5).double()
        self._scale, self._is_known = torch.zeros(shape).double(), torch.zeros(shape, dtype=torch.bool)
        count = self._recipe.trials
        for trial in range(count if count > 1 else 0):
            share = torch.full(shape, trial / (count - 1)).double()
            profit = stage.profit(share.expand(stage.is_open.shape))
            self._note(profit, stage.is_open)
            self.plays += len(profit)
            paid = mean_of(profit.nan_to_num(nan=-torch.inf, posinf=-torch.inf), stage.is_open)
            self._share, best = torch.where(paid > best, share, self._share), torch.maximum(paid, best)
        self._kept = self._share.clone()

    def _note(self, profit: Tensor, is_open: Tensor) -> None:
        """Remember who ever took part, and the most that each price earned."""
        self._is_known |= is_open.any(0)
        finite = torch.where(is_open & profit.isfinite(), profit, 0.0)
        self._scale = torch.maximum(self._scale, finite.amax(0))

    def _table(self) -> Tensor:
        """Return the share of each RSU, [J]; one that no follower could buy from gets the mean of the others."""
        weight = self._is_known.double()
        if self._kept.ndim == 2:
            share, weight = mean_of(self._kept, self._is_known), self._is_known.any(0).double()
        else:
            share = self._kept
        mean = (share * weight).sum() / weight.sum().clamp(min=1.0)
        return torch.where(weight > 0.0, share, mean)


class TablePlayer:
    """Posts the share that each RSU learned, by name, whatever the round: the price is cost + share (cap - cost)."""

    def __init__(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        names, share = facts.get("leaders"), tensors.get("share")
        if not isinstance(names, list) or share is None or share.shape != (len(names),):
            raise InputError("policy: expected a share of the price interval for each of its RSUs; train it again")
        if not bool(((share >= 0.0) & (share <= 1.0)).all()):
            raise InputError("policy: a share of the price interval is not in [0, 1]; train it again")
        self._share = dict(zip(map(str, names), share.double().tolist(), strict=True))

    def price(self, view: LeaderView) -> FloatArray:
        """Return the price of the RSU in the view, shape [1]; AgentError for one that it was not trained with."""
        name = view.rsu[0]
        if name not in self._share:
            known = ", ".join(sorted(self._share)[:5])
            raise AgentError(f"the policy knows RSUs {known}, not {name!r}; train it with the RSUs of this scenario")
        share = self._share[name]
        price: FloatArray = (1.0 - share) * view.cost + share * view.price_max
        return price.clip(view.cost, view.price_max)

    def demand(self, view: FollowerView) -> FloatArray:
        """Refuse: a table of prices does not follow."""
        raise AgentError('the policy has learned to lead only; expected followers = { kind = "best_response" }')
