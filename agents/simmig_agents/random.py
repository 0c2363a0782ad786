"""Players that know nothing and draw: the baseline that every learned agent must beat."""

from typing import ClassVar

import numpy as np

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView


class Agent(Player):
    """Draws prices uniformly between cost and cap, and demands uniformly up to twice what it would buy alone."""

    information: ClassVar[Information] = "own"

    def price(self, view: LeaderView) -> FloatArray:
        """Return one uniform price for the RSU, shape [1]."""
        return view.cost + view.draws.uniform() * (view.price_max - view.cost)

    def demand(self, view: FollowerView) -> FloatArray:
        """Return uniform demands at the eligible RSUs, shape [1, J]."""
        most = 2.0 * view.alone().best_demand(view.price)
        drawn = np.array([[view.draws.uniform() for _ in range(view.eligible.shape[1])]])
        return np.where(view.eligible, most * drawn, 0.0)
