"""MAPPO: PPO whose critic sees what all players of a side see."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """Leaders and followers learn by PPO with central critics (Yu et al. 2022), a baseline of 002."""

    recipe: ClassVar[Recipe] = Recipe(
        critic="central",
        leaders_see="public",
        followers="learn",
        lead_in=0.4,
        games=128,
        iterations=600,
        final_rate=0.01,
    )
