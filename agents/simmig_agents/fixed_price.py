"""Leaders that never change their price."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, Information, LeaderView


class Agent(Player):
    """Posts one price for ever: `price_per_unit` if given, else `share` of the way from cost to the highest price."""

    information: ClassVar[Information] = "own"
    price_per_unit: float | None = Field(default=None, gt=0.0, description="the price, kept inside cost and cap")
    share: float = Field(default=0.5, ge=0.0, le=1.0, description="0 prices at cost, 1 at the cap")

    def price(self, view: LeaderView) -> FloatArray:
        """Return the fixed price of the RSU, shape [1], inside its cost and cap."""
        if self.price_per_unit is not None:
            return np.minimum(np.maximum(self.price_per_unit, view.cost), view.price_max)
        return view.cost + self.share * (view.price_max - view.cost)
