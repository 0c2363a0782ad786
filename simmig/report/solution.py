"""A solved game as a document: prices, demands, the certificate, and what other rules of play would lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simmig.contracts import AnalyticGame, Certificate, Equilibrium, FloatArray, PricingGame
from simmig.errors import SimmigError
from simmig.games.immersion import ImmersionGame, Prices

Names = tuple[tuple[str, ...], tuple[str, ...]]  # of the followers and of the leaders

OUTCOMES = ("social_optimum", "monopoly", "simultaneous")


def solution(game: PricingGame, found: Equilibrium, names: Names) -> dict[str, Any]:
    """Return the equilibrium `found` of one game and its benchmark outcomes as JSON values.

    A game with individual prices is compared with one price for all followers of a leader, and the reverse. A
    benchmark outcome that does not exist has only its `reason`.
    """
    document = {
        "bandwidth_unit_hz": game.bandwidth_unit_hz,
        "converged": bool(found.converged),
        "iterations": int(found.iterations),
        **point(game, names, found.price, found.demand, found.certificate),
        "shadow_price": dict(zip(names[1], np.asarray(found.shadow_price).tolist(), strict=True)),
        "outcomes": {"stackelberg": _totals(found)},
    }
    if isinstance(game, ImmersionGame):
        other: Prices = "uniform" if game.individual_prices else "individual"
        document["outcomes"][f"{other}_prices"] = _outcome(game.repriced(other).solve)
    if isinstance(game, AnalyticGame):
        document["outcomes"] |= {name: _outcome(getattr(game, name)) for name in OUTCOMES}
        document["price_of_anarchy"] = _price_of_anarchy(document["outcomes"])
    return document


def point(
    game: PricingGame, names: Names, price: FloatArray, demand: FloatArray, certificate: Certificate
) -> dict[str, Any]:
    """Return prices and demands with every player's utility and gap, as JSON values."""
    followers, leaders = names
    follower_utility, leader_utility = game.follower_utility(price, demand), game.leader_utility(price, demand)
    return {
        "leaders": [
            {
                "leader": name,
                "price": _number(price[j]) if price.ndim == 1 else [float(value) for value in price[:, j]],
                "sold": float(demand[:, j].sum()),
                "utility": float(leader_utility[j]),
                "gap": float(certificate.leader_gap[j]),
                "gap_relative": float(certificate.leader_gap_relative[j]),
            }
            for j, name in enumerate(leaders)
        ],
        "followers": [
            {
                "follower": name,
                "demand": [float(value) for value in demand[i]],
                "utility": float(follower_utility[i]),
                "gap": _number(certificate.follower_gap[i]),
                "gap_relative": _number(certificate.follower_gap_relative[i]),
            }
            for i, name in enumerate(followers)
        ],
    }


def _outcome(play: Callable[[], Equilibrium]) -> dict[str, Any]:
    try:
        return _totals(play())
    except SimmigError as error:
        return {"reason": str(error)}


def _totals(found: Equilibrium) -> dict[str, Any]:
    leaders, followers = float(found.leader_utility.sum()), float(found.follower_utility.sum())
    return {
        "welfare": leaders + followers,
        "leader_utility": leaders,
        "follower_utility": followers,
        "demand": float(found.demand.sum()),
        "price": np.asarray(found.price).tolist(),
        "converged": bool(found.converged),
    }


def _price_of_anarchy(outcomes: dict[str, dict[str, Any]]) -> float | None:
    """Return the best welfare over that of the equilibrium; None where either is missing or not positive."""
    best, selfish = outcomes["social_optimum"].get("welfare"), outcomes["stackelberg"]["welfare"]
    return best / selfish if best is not None and selfish > 0.0 else None


def _number(value: float) -> float | None:
    """Return a JSON number; None for inf, as where a follower's purchase breaks its deadline."""
    return float(value) if np.isfinite(value) else None
