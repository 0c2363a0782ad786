"""Players that look no further than their own last results."""

from typing import ClassVar

import numpy as np
from pydantic import Field, PrivateAttr

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, FollowerView, Information, LeaderView


class Agent(Player):
    """Leads by repeating the price that has paid best so far; follows by ignoring what the others buy.

    As a leader it first tries `trials` prices spread evenly from cost to cap, one a round, then keeps to the one
    with the highest utility per eligible follower, averaged over the rounds in which it was posted.
    """

    information: ClassVar[Information] = "own"
    trials: int = Field(default=8, ge=2, le=1000, description="prices tried before settling")
    _results: dict[str, list[tuple[float, int]]] = PrivateAttr(default_factory=dict)
    _asked: dict[str, tuple[int, int]] = PrivateAttr(default_factory=dict)

    def price(self, view: LeaderView) -> FloatArray:
        """Return the price to try next, or the best one so far, shape [1]."""
        rsu = view.rsu[0]
        results = self._results.setdefault(rsu, [(0.0, 0)] * self.trials)
        if rsu in self._asked:
            trial, followers = self._asked[rsu]
            total, count = results[trial]
            results[trial] = (total + float(view.last_utility[0]) / followers, count + 1)
        untried = [trial for trial, (_, count) in enumerate(results) if count == 0]
        trial = untried[0] if untried else max(range(self.trials), key=lambda k: results[k][0] / results[k][1])
        self._asked[rsu] = (trial, int(view.eligible_count[0]))
        return view.cost + trial / (self.trials - 1) * (view.price_max - view.cost)

    def demand(self, view: FollowerView) -> FloatArray:
        """Return max(0, (alpha - p) / (2 beta)), the optimum of 002 (1) without ties and deadline, shape [1, J]."""
        alpha, beta = view.preferences["alpha"][0], view.preferences["beta"][0]
        return np.where(view.eligible, np.maximum(0.0, (alpha - view.price) / (2.0 * beta)), 0.0)
