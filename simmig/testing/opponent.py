"""The other side of a market in which an agent is tested: it decides by luck, so that every round differs."""

from __future__ import annotations

from typing import ClassVar

from simmig import contracts
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView


class Agent(contracts.Agent):
    """Draws its prices between cost and cap, and buys a drawn part of what it would buy alone."""

    information: ClassVar[Information] = "own"

    def price(self, view: LeaderView) -> FloatArray:
        """Return one uniform price for the RSU, shape [1]."""
        return view.cost + view.draws.uniform() * (view.price_max - view.cost)

    def demand(self, view: FollowerView) -> FloatArray:
        """Return half to all of the lone optimum, shape [1, J]."""
        demand: FloatArray = (0.5 + 0.5 * view.draws.uniform()) * view.alone().best_demand(view.price)
        return demand
