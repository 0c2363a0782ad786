"""Gradient play: every RSU climbs its own profit through the followers' answer, which it knows how to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field

from simmig.contracts import Information
from simmig.learning.agent import LearnedAgent, Player, Training
from simmig.learning.recipe import TableRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from simmig.learning.venue import Venue


class GradientRecipe(TableRecipe):
    """Settings of gradient play."""

    extragradient: bool = Field(
        default=False,
        description="take the slopes where a plain step would lead to, against leaders who chase one another; doubles "
        "the plays",
    )


class Agent(LearnedAgent):
    """All leaders follow the gradients of their own profits at once, the followers' best reply differentiated.

    It trains with full knowledge of the game. What it learns is a table: for each RSU the place of its price between
    cost and cap, whatever the round, so that playing needs to know nothing.
    """

    information: ClassVar[Information] = "own"
    recipe: ClassVar[GradientRecipe] = GradientRecipe(iterations=300)

    @classmethod
    def train(cls, venue: Venue, recipe: BaseModel, seed: int) -> Training:
        """Return a training of the table."""
        from simmig.learning.gradient_play import ExactSlopes
        from simmig.learning.price_table import TableTraining

        assert isinstance(recipe, GradientRecipe)
        return TableTraining(venue, recipe, ExactSlopes(extragradient=recipe.extragradient), seed)

    @classmethod
    def player(cls, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Player:
        """Return a player of the table; InputError for a policy that holds none."""
        from simmig.learning.price_table import TablePlayer

        return TablePlayer(tensors, facts)
