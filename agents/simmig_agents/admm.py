"""Players of the social game who find the equilibrium by ADMM, as 002's Algorithm 1 does."""

from typing import ClassVar

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView, PricingGame
from simmig.errors import AgentError
from simmig.games.social import SocialGame


class Agent(Player):
    """The theoretical solution that 002 compares its learned agents with, knowing the whole game."""

    information: ClassVar[Information] = "full"

    def price(self, view: LeaderView) -> FloatArray:
        """Return the prices at which the outer loop stops, shape [J]."""
        return _social(view.game).solve_by_admm().price

    def demand(self, view: FollowerView) -> FloatArray:
        """Return the demands at which the inner loop stops, shape [I, J]."""
        return _social(view.game).best_demand_by_admm(view.price)


def _social(game: PricingGame | None) -> SocialGame:
    if not isinstance(game, SocialGame):
        raise AgentError('agent admm plays the social game (002) only; "stackelberg" plays every game')
    return game
