"""Leaders that price as if one owner had all of them."""

from typing import ClassVar

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, Information, LeaderView, analytic


class Agent(Player):
    """Posts the prices with the largest sum of the leaders' utilities, the followers responding."""

    information: ClassVar[Information] = "full"

    def price(self, view: LeaderView) -> FloatArray:
        """Return the monopoly's prices, shape [J], or [I, J] in a game of individual prices."""
        return analytic(view.game, "monopoly").monopoly().price
