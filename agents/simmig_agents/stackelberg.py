"""Leaders that post the prices of the Stackelberg equilibrium of the round's game."""

from typing import ClassVar

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, Information, LeaderView


class Agent(Player):
    """Prices at the equilibrium of the round, knowing the whole game (002, section IV)."""

    information: ClassVar[Information] = "full"

    def price(self, view: LeaderView) -> FloatArray:
        """Return the equilibrium prices, shape [J]; raises NoEquilibrium if the game has none."""
        assert view.game is not None
        return view.game.solve().price
