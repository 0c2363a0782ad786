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
        lead_in=0.4,
        games=128,
        steps=2,
        iterations=3000,
        final_rate=0.01,
    )
