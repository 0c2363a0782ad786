"""Independent PPO: every RSU learns alone, from its own prices and sales."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """Each leader learns by PPO as if the others were part of the world (de Witt et al. 2020)."""

    recipe: ClassVar[Recipe] = Recipe()
