"""Training: play some slots, update each side that learns, again; every number follows from recipe, market and seed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from simmig.contracts import FloatArray
from simmig.env.market import Market, Played
from simmig.env.observations import Observation, followers_see, leaders_see
from simmig.env.sources import FixedGame
from simmig.learning._columns import terms_of
from simmig.learning.evaluate import play, to_shares
from simmig.learning.late_workers import LateWorkers
from simmig.learning.learner import Learner, Shape
from simmig.learning.pruning import Pruner, hidden_of, rebuilt
from simmig.learning.recipe import FollowersPart, LeadersPart, Recipe
from simmig.learning.updates import Rollout, batch_of, learn
from simmig.rng import stream


@dataclass(slots=True)
class Side:
    """One side that learns: what it sees, its learner, and how it is updated."""

    name: str
    see: Callable[[], Observation]
    learner: Learner
    optimiser: torch.optim.Optimizer
    workers: LateWorkers | None
    pruner: Pruner | None


class _Note(NamedTuple):
    """What a side saw in a slot, its network's outputs, and what was drawn."""

    seen: Observation
    outputs: Tensor
    raw: Tensor


class Trainer:
    """A training run: call `iterate` until `iteration` reaches the recipe's, then keep `sides`."""

    def __init__(self, market: Market, recipe: Recipe, seed: int) -> None:
        self.market, self.recipe, self._seed = market, recipe, seed
        self.draw = Generator().manual_seed(int(stream(seed, "learner").integers(2**62)))
        self.iteration, self.plays = 0, 0
        wide = market.has_individual_prices and recipe.individual
        actions = market.followers if wide else 1
        rewards = actions if wide and recipe.credit == "each" else 1
        self.sides: dict[str, Side] = {}
        if recipe.leaders == "learn":
            self._add(
                "leaders",
                lambda: leaders_see(market, recipe.leaders_see, individual=recipe.individual),
                (market.leaders, actions, rewards),
            )
        if recipe.followers == "learn":
            market.post(torch.full_like(market.payoffs.cost, 0.5))  # so that followers have something to look at
            see = partial(followers_see, market, recipe.followers_see)
            is_each = recipe.credit == "each" and market.payoffs.is_separable
            self._add("followers", see, (market.followers, market.leaders, market.leaders if is_each else 1))

    @property
    def iterations(self) -> int:
        """How many iterations the recipe asks for."""
        return self.recipe.iterations

    def policy(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the mean actors, without the neurons that were pruned, and what `NetworkPlayer` needs to know."""
        actors = {name: rebuilt(side.learner.average) for name, side in self.sides.items()}
        tensors = {
            f"{name}.{key}": value.clone()
            for name, actor in actors.items()
            for key, value in actor.state_dict().items()
        }
        facts = {
            "recipe": self.recipe.model_dump(mode="json"),
            "scales": list(self.market.scales),
            "market": terms_of(self.market)._asdict(),
            "is_bound": self._is_bound(),
            "sides": {
                name: {**side.learner.shape._asdict(), "hidden": hidden_of(actors[name])}
                for name, side in self.sides.items()
            },
        }
        return tensors, facts

    def answer(self, single: FixedGame) -> tuple[FloatArray, FloatArray]:
        """Return the prices and demands, without batch axes, that the mean actors come to in this game."""
        market = Market(single, 1, self.market.rules, self._seed, scales=self.market.scales)
        actors = {name: side.learner.average for name, side in self.sides.items()}
        price, demand = play(market, actors, self.recipe)
        return price[0].numpy(), demand[0].numpy()

    def state(self) -> dict[str, Any]:
        """Return all that goes on from here to the same weights."""
        tensors, facts = self.market.state()
        return {
            "counts": [self.iteration, self.plays],
            "draw": self.draw.get_state(),
            "market": tensors,
            "market_facts": facts,
            "sides": {
                name: {
                    "learner": side.learner.state_dict(),
                    "optimiser": side.optimiser.state_dict(),
                    "workers": None if side.workers is None else side.workers.state(),
                }
                for name, side in self.sides.items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a training with the same recipe and market."""
        self.iteration, self.plays = state["counts"]
        self.draw.set_state(state["draw"])
        self.market.restore(state["market"], state["market_facts"])
        for name, kept in state["sides"].items():
            side = self.sides[name]
            side.learner.load_state_dict(kept["learner"])
            side.optimiser.load_state_dict(kept["optimiser"])
            if side.workers is not None:
                side.workers.restore(kept["workers"])

    def _is_bound(self) -> bool:
        """Whether the leaders' policy can only play in markets of this one's players."""
        wide = self.market.has_individual_prices and self.recipe.individual
        return wide or self.recipe.leaders_see == "full" or self.market.signals.shape[-1] > 0

    def iterate(self) -> dict[str, Any]:
        """Play, learn, and return what happened as a row of the learning curve."""
        started = time.process_time()
        recipe = self.recipe
        rate = 1.0 - (1.0 - recipe.final_rate) * self.iteration / max(recipe.iterations, 1)
        for side in self.sides.values():
            if side.workers is not None:
                side.workers.take_up(side.learner, self.iteration)
        rollouts, means = self._play()
        for name in rollouts:
            side = self.sides[name]
            for group in side.optimiser.param_groups:
                group["lr"] = recipe.learning_rate * rate
            batch = batch_of(side.learner, rollouts[side.name], recipe)
            if side.workers is not None:
                side.workers.learn(side.learner, side.optimiser, batch, recipe)
            else:
                learn(side.learner, side.optimiser, batch, recipe, self.draw)
            if side.pruner is not None:
                side.pruner.step(self.iteration, recipe.iterations)
        self.iteration += 1
        self.plays += self.market.count * recipe.steps
        return {
            "iteration": self.iteration,
            "plays": self.plays,
            "cpu_s": time.process_time() - started,
            **means,
        }

    @torch.no_grad()
    def _play(self) -> tuple[dict[str, Rollout], dict[str, Any]]:
        """Play `steps` slots with the present policies; return what each learning side saw, did and got, and means."""
        market, recipe = self.market, self.recipe
        notes: dict[str, list[_Note]] = {name: [] for name in self.sides}
        slots: list[Played] = []
        eligible: list[Tensor] = []
        for _ in range(recipe.steps):
            eligible.append(market.payoffs.eligible)
            price = self._act("leaders", recipe.leaders, notes, market.payoffs.cost.shape)
            assert price is not None  # a recipe lets followers reply, leaders cannot
            market.post(price)
            slots.append(market.buy(self._act("followers", recipe.followers, notes, eligible[-1].shape)))
        means = {key: table.mean((0, 1)).tolist() for key, table in _told(slots).items()}
        is_over, who = [slot.is_over for slot in slots], torch.stack(eligible)
        rollouts = {}
        for name, side in self.sides.items():
            if not notes[name]:  # it did not act
                continue
            seen, outputs, raw = zip(*notes[name], strict=True)
            reward, is_active = self._paid(name, slots, who)
            drawn = torch.stack(raw)
            density = side.learner.actor.head(torch.stack(outputs)).log_density(drawn)
            rollouts[name] = Rollout(list(seen), drawn, density, reward, is_over, is_active, last=side.see())
        return rollouts, means

    def _act(
        self, name: str, part: LeadersPart | FollowersPart, notes: dict[str, list[_Note]], shape: torch.Size
    ) -> Tensor | None:
        """Return the shares of one side, [B, J], [B, I, J], or None for the followers' best reply."""
        if part == "best_reply":
            return None
        if part == "random" or (name == "leaders" and self._is_lead_in()):
            return torch.rand(shape, generator=self.draw, dtype=torch.float64)
        side = self.sides[name]
        seen = side.see()
        outputs = side.learner.actor.body(seen)
        law = side.learner.actor.head(outputs)
        raw = law.draw(self.draw)
        notes[name].append(_Note(seen, outputs, raw))
        return to_shares(name, law.share(raw), shape)

    def _is_lead_in(self) -> bool:
        recipe = self.recipe
        return recipe.followers == "learn" and self.iteration < recipe.lead_in * recipe.iterations

    def _paid(self, name: str, slots: list[Played], eligible: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rewards of a side and who took part, [T, N, B, K]; `eligible` is [T, B, I, J]."""
        is_joint = self.sides[name].learner.shape.rewards == 1
        if name == "followers":
            bought = torch.stack([slot.purchases for slot in slots])
            if is_joint:
                return bought.sum(-1).mT[..., None], eligible.any(3).mT[..., None]
            return bought.transpose(1, 2), eligible.transpose(1, 2)
        profit = torch.stack([slot.profit for slot in slots])
        if profit.ndim == 4 and not is_joint:
            return profit.permute(0, 3, 1, 2), eligible.permute(0, 3, 1, 2)
        whole = profit.sum(2) if profit.ndim == 4 else profit
        return whole.mT[..., None], eligible.any(2).mT[..., None]

    def _add(self, name: str, see: Callable[[], Observation], numbers: tuple[int, int, int]) -> None:
        recipe = self.recipe
        agents, actions, rewards = numbers
        learner = Learner(recipe, Shape(agents, see().sizes, actions, rewards), self.draw)
        optimiser = torch.optim.Adam([learner.tables.whole()], lr=recipe.learning_rate, eps=1e-5, fused=True)
        workers = LateWorkers(learner, recipe.workers) if recipe.algorithm == "a3c" else None
        pruner = Pruner(learner, recipe.pruning) if recipe.pruning is not None else None
        self.sides[name] = Side(name, see, learner, optimiser, workers, pruner)


def _told(slots: list[Played]) -> dict[str, Tensor]:
    """Return profit and price of each leader, utility and demand of each follower, [T, B, ...]."""
    profit, price = (torch.stack([getattr(slot, name) for slot in slots]) for name in ("profit", "price"))
    purchases, demand = (torch.stack([getattr(slot, name) for slot in slots]) for name in ("purchases", "demand"))
    return {
        "profit": profit.sum(2) if profit.ndim == 4 else profit,
        "price": price.mean(2) if price.ndim == 4 else price,
        "utility": purchases.sum(3).nan_to_num_(nan=0.0),
        "demand": demand.nan_to_num_(nan=0.0).sum(3),
    }
