"""MALPPO-RL of 002: followers learn, leaders post random prices."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """Followers with LSTM policies against leaders that draw their prices (002, section VI-A)."""

    recipe: ClassVar[Recipe] = Recipe(
        network="lstm",
        leaders="random",
        followers="learn",
        cells=32,
    )
