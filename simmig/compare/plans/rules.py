"""Leaders that play one game by a rule, round after round, seeing what the simulation would show them."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmig.contracts import Agent, AnalyticGame, FloatArray, LeaderView
from simmig.rng import Draws

_ROUNDS = 60  # the first half is for agents that try prices


def play_by_rule(agent: Agent, game: AnalyticGame, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return the prices [R, J] or [R, I, J] and demands [R, I, J] of the second half of the rounds.

    Followers reply as is best for them. Agents that see less than everything are asked leader by leader.
    """
    free: Any = game
    followers, leaders = free.eligible.shape
    # One price for all is at most the least cap.
    cap = free.price_max if free.price_max.ndim == 1 else free.price_max.min(axis=0)
    groups = [np.arange(leaders)] if agent.information == "full" else [np.array([j]) for j in range(leaders)]
    last = {name: np.full(leaders, np.nan) for name in ("price", "demand", "utility")}
    prices, demands = [], []
    for number in range(_ROUNDS):
        posted = np.empty((followers, leaders) if game.individual_prices else leaders)
        for group in groups:
            view = LeaderView(
                round=number,
                time_s=float(number),
                rsu=tuple(f"l{j}" for j in group),
                cost=free.cost[group],
                price_max=cap[group],
                eligible_count=free.eligible[:, group].sum(axis=0),
                followers=followers,
                has_individual_prices=game.individual_prices,
                last_price=last["price"][group],
                last_demand=last["demand"][group],
                last_utility=last["utility"][group],
                draws=Draws(seed, "leader", f"l{group[0]}" if len(group) == 1 else "*", number),
                market_price=None if agent.information == "own" else last["price"].copy(),
                market_demand=None if agent.information == "own" else last["demand"].copy(),
                game=game if agent.information == "full" else None,
            )
            posted[..., group] = agent.price(view)
        demand = game.best_demand(posted)
        mean = posted.mean(axis=0) if posted.ndim == 2 else posted
        last = {"price": mean, "demand": demand.sum(axis=0), "utility": game.leader_utility(posted, demand)}
        prices.append(posted)
        demands.append(demand)
    return np.array(prices[_ROUNDS // 2 :]), np.array(demands[_ROUNDS // 2 :])
