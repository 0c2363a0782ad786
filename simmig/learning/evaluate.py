"""How far a policy is from the equilibrium: price error, NashConv, followers' regret, collusion index.

NashConv is the sum of what single leaders could still gain by another price, the followers answering (Lanctot et al.
2017, on the game that is left when followers answer), over the sum of the leaders' utilities at the equilibrium.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from simmig.contracts import AnalyticGame, Equilibrium, FloatArray, PricingGame
from simmig.env.market import Market
from simmig.env.observations import followers_see, leaders_see
from simmig.env.payoffs import payoffs_of
from simmig.env.sources import stack
from simmig.learning.learner import Actor
from simmig.learning.recipe import Recipe

FIGURES = ("price_error", "nash_conv", "follower_regret", "collusion")
_WARM_UP = 3  # times the slots remembered: by then the random past that a play starts from hardly matters
_ROUNDING = 1e-9  # relative: what leaders gain together that is less comes of rounding


@dataclass(frozen=True, slots=True)
class Score:
    """One policy in one game. `collusion` is Calvano's index: 0 at the equilibrium, 1 at the leaders' joint optimum.

    `price_error` is the mean of |p - p*| / p* over the prices at which something is sold at the equilibrium;
    `nash_conv` and `follower_regret` are sums of gaps over sums of utilities at the equilibrium. NaN stands where there
    is nothing to divide by: nobody trades at the equilibrium, or leaders have nothing to gain together.
    """

    price_error: float
    nash_conv: float
    follower_regret: float
    collusion: float
    profit: FloatArray
    price: FloatArray
    demand: FloatArray

    def figures(self) -> dict[str, float]:
        """Return the four numbers by name."""
        return {name: float(getattr(self, name)) for name in FIGURES}


@torch.no_grad()
def play(market: Market, actors: dict[str, Actor], recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Return prices and demands of a late slot in which nobody explores; neither games nor episode end before it.

    Leaders without an actor post the middle of their interval, followers without one give their best reply.
    """
    demand = torch.zeros_like(market.past_demand[:, 0])
    for _ in range(_WARM_UP * recipe.history):
        if "leaders" in actors:
            share = actors["leaders"](leaders_see(market, recipe.leaders_see, individual=recipe.individual)).best()
            market.post(to_shares("leaders", share, market.payoffs.cost.shape))
        else:
            market.post(torch.full_like(market.payoffs.cost, 0.5))
        bought = None
        if "followers" in actors:
            best = actors["followers"](followers_see(market, recipe.followers_see)).best()
            bought = to_shares("followers", best, market.payoffs.eligible.shape)
        demand = market.demand_at(bought)
        market.remember(demand)
    return market.price, demand


class Yardstick:
    """A solved game to measure policies with; made once, because solving and owning cost more than scoring."""

    def __init__(self, game: PricingGame) -> None:
        self.game = game
        self.found: Equilibrium = game.solve()
        self._value = float(self.found.leader_utility.sum())
        self._joint = float(game.monopoly().leader_utility.sum()) if isinstance(game, AnalyticGame) else np.nan
        sold = self.found.demand if self.found.price.ndim == 2 else self.found.demand.sum(0)
        self._is_sold = sold > 0.0
        payoffs = payoffs_of(stack([game]))
        self._lowest, self._highest = payoffs.cost[0].numpy(), payoffs.price_max[0].numpy()

    def score(self, price: FloatArray, demand: FloatArray) -> Score:
        """Return how prices [J] or [I, J] and demands [I, J] compare with the equilibrium."""
        game, found = self.game, self.found
        price = np.clip(price, self._lowest, self._highest)  # shares come back with a rounding
        gaps = game.certify(price, game.best_demand(price))
        bought = game.certify(price, demand)
        profit = game.leader_utility(price, demand)
        error = (np.abs(price - found.price) / found.price)[self._is_sold]
        return Score(
            float(error.mean()) if error.size else 0.0,
            _ratio(gaps.leader_gap.sum(), self._value),
            _ratio(bought.follower_gap.sum(), np.abs(found.follower_utility).sum()),
            _ratio(profit.sum() - self._value, self._joint - self._value, least=_ROUNDING * self._value),
            profit,
            price,
            demand,
        )


def _ratio(part: float, whole: float, least: float = 0.0) -> float:
    """Return part / whole, NaN unless the whole is more than `least`."""
    return float(part / whole) if whole > least else math.nan


def to_shares(name: str, share: Tensor, shape: torch.Size) -> Tensor:
    """Return a side's actions [N, B, A] as the market takes them: `shape` is [B, J], or [B, I, J]."""
    if name == "followers":
        return share.transpose(0, 1)
    if len(shape) == 2:
        return share[..., 0].T
    return share.permute(1, 2, 0).expand(shape)  # one price for all is spread over the followers
