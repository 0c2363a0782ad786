"""MAA2C: advantage actor-critic with central critics, a baseline of 002."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """Leaders and followers learn by A2C (Mnih et al. 2016); many small updates, or it would be a straw man."""

    recipe: ClassVar[Recipe] = Recipe(
        algorithm="a2c",
        critic="central",
        leaders_see="public",
        followers="learn",
        lead_in=0.4,
        games=128,
        steps=2,
        iterations=3000,
        final_rate=0.01,
    )
