"""How far a policy is from the equilibrium: price error, NashConv, followers' regret, collusion index.

NashConv is the sum of what single leaders could still gain by another price, the followers answering (Lanctot et al.
2017, on the game that is left when followers answer), over the sum of the leaders' utilities at the equilibrium.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simmig.contracts import AnalyticGame, Equilibrium, FloatArray, PricingGame
from simmig.env.market import Market
from simmig.env.observations import followers_see, leaders_see
from simmig.learning.learner import Actor
from simmig.learning.recipe import Recipe
from simmig.learning.trainer import to_shares

_WARM_UP = 8  # slots after which a deterministic policy has forgotten the random past it started from


@dataclass(frozen=True, slots=True)
class Score:
    """One policy in one game. `collusion` is Calvano's index: 0 at the equilibrium, 1 at the leaders' joint optimum.

    `price_error` is the mean of |p - p*| / p* over the prices at which something is sold at the equilibrium;
    `nash_conv` and `follower_regret` are sums of gaps over sums of utilities at the equilibrium.
    """

    price_error: float
    nash_conv: float
    follower_regret: float
    collusion: float
    profit: FloatArray
    price: FloatArray
    demand: FloatArray


@torch.no_grad()
def play(market: Market, actors: dict[str, Actor], recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Return prices and demands of a late slot in which nobody explores.

    Leaders without an actor post the middle of their interval, followers without one give their best reply.
    """
    wide = market.has_individual_prices
    played = None
    for _ in range(_WARM_UP):
        if "leaders" in actors:
            share = actors["leaders"](leaders_see(market, recipe.leaders_see)).best()
            market.post(to_shares("leaders", share, wide))
        else:
            market.post(torch.full_like(market.payoffs.cost, 0.5))
        bought = None
        if "followers" in actors:
            bought = to_shares(
                "followers", actors["followers"](followers_see(market, recipe.followers_see)).best(), wide
            )
        played = market.buy(bought)
    assert played is not None
    return played.price, played.demand


class Yardstick:
    """A solved game to measure policies with; made once, because solving and owning cost more than scoring."""

    def __init__(self, game: PricingGame) -> None:
        self.game = game
        self.found: Equilibrium = game.solve()
        self._value = float(self.found.leader_utility.sum())
        self._joint = float(game.monopoly().leader_utility.sum()) if isinstance(game, AnalyticGame) else np.nan
        sold = self.found.demand if self.found.price.ndim == 2 else self.found.demand.sum(0)
        self._is_sold = sold > 0.0

    def score(self, price: FloatArray, demand: FloatArray) -> Score:
        """Return how prices [J] or [I, J] and demands [I, J] compare with the equilibrium."""
        game, found = self.game, self.found
        price = np.clip(price, *self._bounds())
        gaps = game.certify(price, game.best_demand(price))
        bought = game.certify(price, demand)
        profit = game.leader_utility(price, demand)
        error = (np.abs(price - found.price) / found.price)[self._is_sold]
        return Score(
            float(error.mean()) if error.size else 0.0,
            float(gaps.leader_gap.sum()) / self._value,
            float(bought.follower_gap.sum() / np.abs(found.follower_utility).sum()),
            (float(profit.sum()) - self._value) / (self._joint - self._value),
            profit,
            price,
            demand,
        )

    def _bounds(self) -> tuple[Any, Any]:
        """Return the admissible prices: shares come back with a rounding."""
        game: Any = self.game
        low = (
            game.cost if game.cost.ndim == self.found.price.ndim else np.broadcast_to(game.cost, self.found.price.shape)
        )
        return low, game.price_max
