"""MALPPO-RF of 002: leaders learn, followers buy random amounts."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """Leaders with LSTM policies against followers that draw their demands (002, section VI-A)."""

    recipe: ClassVar[Recipe] = Recipe(
        network="lstm",
        leaders_see="public",
        followers="random",
        cells=32,
    )
