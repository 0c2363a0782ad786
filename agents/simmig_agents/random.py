"""Players that know nothing and draw: the baseline that every learned agent must beat."""

from typing import ClassVar

import numpy as np

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView


class Agent(Player):
    """Draws prices uniformly between cost and cap, and demands uniformly up to twice the lone optimum at price 0."""

    information: ClassVar[Information] = "own"

    def price(self, view: LeaderView) -> FloatArray:
        """Return one uniform price for the RSU, shape [1]."""
        return view.cost + view.draws.uniform() * (view.price_max - view.cost)

    def demand(self, view: FollowerView) -> FloatArray:
        """Return uniform demands at the eligible RSUs, shape [1, J]."""
        most = view.preferences["alpha"][0] / view.preferences["beta"][0]
        drawn = np.array([[view.draws.uniform() for _ in view.price]])
        return np.where(view.eligible, most * drawn, 0.0)
