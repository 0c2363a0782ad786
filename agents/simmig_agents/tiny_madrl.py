"""Tiny MADRL of 001: PPO whose actors are pruned while they learn."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Pruning, Recipe


class Agent(LearnedAgent):
    """Each RSU prices every UAV by itself; 85 % of the hidden neurons go on the way (001, Algorithm 2)."""

    recipe: ClassVar[Recipe] = Recipe(
        width=128,
        pruning=Pruning(),
    )
