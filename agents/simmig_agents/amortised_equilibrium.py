"""Amortised equilibrium: one network that has priced many random games prices any round at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from simmig.contracts import Information
from simmig.learning.agent import LearnedAgent, Player, Training
from simmig.learning.recipe import AmortisedRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from simmig.learning.venue import Venue


class Agent(LearnedAgent):
    """All leaders price by one network that sees the whole game, trained over games like those of the venue.

    Each leader's price moves up its own profit through the followers' answer, the other prices standing; what the
    network comes to is near an equilibrium of every game, with any number of players, and costs one pass.
    """

    information: ClassVar[Information] = "full"
    recipe: ClassVar[AmortisedRecipe] = AmortisedRecipe()

    @classmethod
    def train(cls, venue: Venue, recipe: BaseModel, seed: int) -> Training:
        """Return a training of the network."""
        from simmig.learning.amortised import AmortisedTraining

        assert isinstance(recipe, AmortisedRecipe)
        return AmortisedTraining(venue, recipe, seed)

    @classmethod
    def player(cls, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Player:
        """Return a player of the network; InputError for a policy that holds another one."""
        from simmig.learning.amortised import AmortisedPlayer

        return AmortisedPlayer(tensors, facts)
