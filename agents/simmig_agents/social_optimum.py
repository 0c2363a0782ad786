"""Players who obey a planner: the yardstick for what selfish play costs all together."""

from typing import ClassVar

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView, analytic


class Agent(Player):
    """Prices and buys so that the sum of all players' utilities is as large as it can be.

    On one side only, it plays that side of the planner's outcome; the other side does as it likes.
    """

    information: ClassVar[Information] = "full"

    def price(self, view: LeaderView) -> FloatArray:
        """Return the planner's prices, shape [J], or [I, J] in a game of individual prices."""
        return analytic(view.game, "social_optimum").social_optimum().price

    def demand(self, view: FollowerView) -> FloatArray:
        """Return the planner's demands, shape [I, J]."""
        return analytic(view.game, "social_optimum").social_optimum().demand
