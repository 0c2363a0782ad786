"""Followers that buy what is best for each of them, given what all the others buy."""

from typing import ClassVar

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information


class Agent(Player):
    """Buys at the Nash equilibrium among the followers at the posted prices, knowing the whole game."""

    information: ClassVar[Information] = "full"

    def demand(self, view: FollowerView) -> FloatArray:
        """Return the followers' equilibrium demands, shape [I, J]."""
        assert view.game is not None
        demand: FloatArray = view.game.best_demand(view.price)
        return demand
