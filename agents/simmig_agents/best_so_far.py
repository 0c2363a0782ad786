"""Leaders that try a few prices and keep to the one that paid best: the usual baseline without learning."""

from typing import ClassVar

from pydantic import Field, PrivateAttr

from simmig.contracts import Agent as Player
from simmig.contracts import FloatArray, Information, LeaderView


class Agent(Player):
    """Repeats the price that has paid best so far, knowing only its own sales.

    It first tries `trials` prices spread evenly from cost to cap, one a round, then keeps to the one with the highest
    utility per eligible follower, averaged over the rounds in which it was posted.
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
