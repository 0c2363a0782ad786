"""MAA3C: A2C with gradients of asynchronous workers, made repeatable."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """As maa2c, but each gradient comes late, computed with weights of some updates ago."""

    recipe: ClassVar[Recipe] = Recipe(
        algorithm="a3c",
        critic="central",
        leaders_see="public",
        followers="learn",
        steps=1,
        iterations=6000,
        lead_in=0.4,
        final_rate=0.02,
    )
