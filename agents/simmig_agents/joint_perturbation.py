"""Joint perturbation: every RSU tries a little more or less at once and follows what its own profit did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from simmig.contracts import Information
from simmig.learning.agent import LearnedAgent, Player, Training
from simmig.learning.recipe import TableRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from simmig.learning.venue import Venue


class PerturbationRecipe(TableRecipe):
    """Settings of joint perturbation."""

    spread: float = Field(default=0.1, gt=0.0, le=0.5, description="how far prices are tried up and down, in shares")
    final_spread: float = Field(default=0.1, gt=0.0, le=1.0, description="spread at the end over that at the start")
    points: Literal["two", "one"] = Field(
        default="two",
        description="two: each round is played with all prices moved one way and the other; one: it is played once, "
        "and compared with the profits before it, which takes many more plays",
    )
    credit: Literal["each", "joint"] = Field(
        default="each",
        description="each: where a leader prices every follower by itself, a price is judged by what that follower "
        "brought, which the leader sees; joint: all prices of a leader by its whole profit",
    )


class Agent(LearnedAgent):
    """Bandit leaders: each knows its own profit and nothing else (Martin and Sandholm, IJCAI 2025).

    What it learns is a table: for each RSU the place of its price between cost and cap, whatever the round.
    """

    information: ClassVar[Information] = "own"
    recipe: ClassVar[PerturbationRecipe] = PerturbationRecipe(iterations=300, games=16, average=0.9)

    @classmethod
    def train(cls, venue: Venue, recipe: BaseModel, seed: int) -> Training:
        """Return a training of the table."""
        from torch import Generator

        from simmig.learning.perturbation import PerturbedSlopes
        from simmig.learning.price_table import TableTraining
        from simmig.rng import stream

        assert isinstance(recipe, PerturbationRecipe)
        slopes = PerturbedSlopes(
            spread=recipe.spread,
            final_spread=recipe.final_spread,
            points=recipe.points,
            credit=recipe.credit,
            draw=Generator().manual_seed(int(stream(seed, "perturbation").integers(2**62))),
        )
        return TableTraining(venue, recipe, slopes, seed, copies=recipe.games)

    @classmethod
    def player(cls, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Player:
        """Return a player of the table; InputError for a policy that holds none."""
        from simmig.learning.price_table import TablePlayer

        return TablePlayer(tensors, facts)
