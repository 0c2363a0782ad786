"""Trained networks that play in a simulation: what a player is shown becomes what its network was trained on."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Generator, Tensor

from simmig.contracts import FloatArray, FollowerView, LeaderView
from simmig.env.market import Scales
from simmig.env.observations import Observation, ObservationSizes, squashed, summary_of
from simmig.errors import AgentError, InputError
from simmig.learning.learner import Actor, Shape
from simmig.learning.networks import FlatNetwork
from simmig.learning.pruning import of_widths
from simmig.learning.recipe import Recipe

_UNKNOWN_SHARE = 0.5  # of a price before the first one was posted


def actor_of(side: str, tensors: dict[str, Tensor], facts: dict[str, Any], recipe: Recipe) -> Actor | None:
    """Return the actor of one side with its trained weights, or None if it has not learned that side.

    Raises InputError if the weights are not those of the network that the facts describe.
    """
    if side not in facts["sides"]:
        return None
    given = facts["sides"][side]
    shape = Shape(given["agents"], ObservationSizes(*given["seen"]), given["actions"], given["rewards"])
    actor = Actor(recipe.model_copy(update={"pruning": None}), shape, Generator())
    if given["hidden"] is not None and recipe.weights != "generated":
        assert isinstance(actor.body, FlatNetwork)
        sizes = actor.body.weights.sizes
        networks = 1 if recipe.weights == "shared" else shape.agents
        actor.body = of_widths(networks, sizes[0], [int(width) for width in given["hidden"]], sizes[-1])
    own = {key.removeprefix(f"{side}."): value for key, value in tensors.items() if key.startswith(f"{side}.")}
    expected = actor.state_dict()
    wrong = [key for key in sorted({*own, *expected}) if key not in own or key not in expected]
    wrong += [key for key, value in own.items() if key in expected and value.shape != expected[key].shape]
    if wrong:
        raise InputError(f"policy: tensor {side}.{wrong[0]} does not fit the network it says it is; train it again")
    actor.load_state_dict(own)
    return actor.requires_grad_(False).eval()


class NetworkPlayer:
    """Plays both sides without exploring; a side that has not learned refuses to play.

    With weights of its own for each RSU a policy plays the RSUs it was trained with, by name; with shared weights it
    plays any. Rounds before the first one that an RSU took part in are remembered as half its interval and no sales.
    """

    def __init__(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        try:
            self._recipe = recipe = Recipe.model_validate(facts["recipe"])
            self._scales = Scales(*(float(x) for x in facts["scales"]))
            self._names = {str(name): k for k, name in enumerate(facts["leaders"])}
            self._leaders = actor_of("leaders", tensors, facts, recipe)
            self._followers = actor_of("followers", tensors, facts, recipe)
        except (KeyError, TypeError, ValidationError, ValueError) as error:
            raise InputError(
                f"policy: facts are not those of a network ({' '.join(str(error).split())[:120]})"
            ) from None
        self._is_bound = facts["is_bound"]
        self._own: dict[str, deque[tuple[float, float]]] = {}
        self._buyers: dict[str, int] = {}
        self._market: deque[tuple[FloatArray, FloatArray]] = deque(maxlen=recipe.history)
        self._round = -1

    @torch.no_grad()
    def price(self, view: LeaderView) -> FloatArray:
        """Return the price of the RSU in the view, shape [1]."""
        if self._leaders is None:
            raise AgentError("the policy has learned to follow only; expected one that was trained to lead")
        if self._is_bound or self._recipe.leaders_see == "full":
            raise AgentError(
                "the policy is bound to the players it was trained with; train it with individual=false and "
                "leaders_see=public, set or own to play on a map"
            )
        seen = self._see(view)
        law = self._leaders(seen) if self._recipe.weights == "shared" else self._one_of(view.rsu[0], seen)
        share = law.best()[0, 0].double().numpy()
        price: FloatArray = view.cost + share * (view.price_max - view.cost)
        return np.clip(price, view.cost, view.price_max)

    @torch.no_grad()
    def demand(self, view: FollowerView) -> FloatArray:
        """Return the demands of the vehicle in the view, shape [1, J]."""
        if self._followers is None:
            raise AgentError('the policy has learned to lead only; expected followers = { kind = "best_response" }')
        raise AgentError(
            "the policy's followers are bound to the market they were trained in; expected followers = "
            '{ kind = "best_response" } in a simulation'
        )

    def _one_of(self, name: str, seen: Observation) -> Any:  # noqa: ANN401
        if name not in self._names:
            known = ", ".join(sorted(self._names)[:5])
            raise AgentError(f"the policy knows RSUs {known}, not {name!r}; train with weights=shared to play any RSU")
        assert self._leaders is not None
        place, agents = self._names[name], len(self._names)
        wide = Observation(*(None if x is None else x.expand(agents, *x.shape[1:]) for x in seen))  # type: ignore[arg-type]
        law = self._leaders(wide)
        return type(law)(*(x[place : place + 1] for x in vars(law).values()))

    def _see(self, view: LeaderView) -> Observation:
        """Return what `leaders_see` shows a leader in training, from what this one is shown now."""
        name, steps = view.rsu[0], self._recipe.history
        self._note(view)
        past = list(self._own[name])
        past = [(_UNKNOWN_SHARE, 0.0)] * (steps - len(past)) + past
        history = torch.tensor(past, dtype=torch.float32)[None, None]  # [1, 1, L, 2]
        count = float(view.eligible_count[0])
        now = torch.tensor(
            [[[view.cost[0] / view.price_max[0], view.price_max[0] / self._scales.price_scale, count / (count + 1.0)]]],
            dtype=torch.float32,
        )
        if self._recipe.leaders_see == "own":
            return Observation(history, now)
        rivals, is_rival = self._rivals(view)
        if self._recipe.leaders_see == "set":
            return Observation(history, now, rivals.flatten(3), is_rival)
        return Observation(torch.cat([history, summary_of(rivals.transpose(2, 3), is_rival[:, :, None])], -1), now)

    def _note(self, view: LeaderView) -> None:
        """Remember the last round of this RSU, and, once a round, what was published."""
        name = view.rsu[0]
        own = self._own.setdefault(name, deque(maxlen=self._recipe.history))
        if not np.isnan(view.last_price[0]):
            width = max(float(view.price_max[0] - view.cost[0]), 1e-12)
            share = float(np.clip((view.last_price[0] - view.cost[0]) / width, 0.0, 1.0))
            sold = float(view.last_demand[0]) / (max(self._buyers.get(name, 1), 1) * self._scales.demand_max)
            own.append((share, sold))
        self._buyers[name] = int(view.eligible_count[0])
        if view.market_price is not None and view.round != self._round:
            assert view.market_demand is not None
            self._market.append((view.market_price, view.market_demand))
            self._round = view.round

    def _rivals(self, view: LeaderView) -> tuple[Tensor, Tensor]:
        """Return the other RSUs' past prices and sales, [1, 1, M, L, 2], and which have posted any, [1, 1, M].

        An RSU does not know its own place among the published ones; it takes out the one that posted what it did.
        """
        rounds = list(self._market)
        rounds = [rounds[0]] * (self._recipe.history - len(rounds)) + rounds
        price = np.stack([price for price, _ in rounds], 1) / self._scales.price_scale  # [M, L]
        sold = np.stack([sold for _, sold in rounds], 1) / self._scales.demand_max
        last = rounds[-1][0]
        is_rival = ~np.isnan(last)
        mine = np.flatnonzero(is_rival & (last == view.last_price[0]))
        is_rival[mine[:1]] = False
        known = torch.tensor(np.stack([np.nan_to_num(price), np.nan_to_num(sold)], -1), dtype=torch.float32)
        known[..., 1] = squashed(known[..., 1])
        there = torch.tensor(is_rival)
        return (known * there[:, None, None])[None, None], there[None, None]
