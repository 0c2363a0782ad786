"""Players that answer the last round, or only themselves, as if nobody else would move."""

from typing import ClassVar

import numpy as np

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView, analytic


class Agent(Player):
    """Leads with the best price against the last round's; follows by ignoring what the others buy."""

    information: ClassVar[Information] = "full"

    def price(self, view: LeaderView) -> FloatArray:
        """Return every RSU's best reply to the prices of the last round it and the others took part in."""
        game = analytic(view.game, "greedy")
        last = np.where(np.isnan(view.last_price), view.price_max, view.last_price)
        posted = np.minimum(np.maximum(last, view.cost), view.price_max)
        shape = (view.followers, len(posted)) if view.has_individual_prices else posted.shape
        return game.best_price(np.broadcast_to(posted, shape))

    def demand(self, view: FollowerView) -> FloatArray:
        """Return what each vehicle would buy if it were the only one, shape [I, J]."""
        demand: FloatArray = view.alone().best_demand(view.price)
        return demand
