"""MALPPO of 002: leaders and followers learn apart from each other, by PPO with LSTM networks."""

from typing import ClassVar

from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import Recipe


class Agent(LearnedAgent):
    """Every RSU and every vehicle has an LSTM policy and critic of its own (002, section V-B, Algorithm 2).

    Departures from 002, each needed to come near the equilibrium: followers see the prices posted; for a while at the
    start prices are drawn at random, so that demand has learned to answer before leaders exploit it.
    """

    recipe: ClassVar[Recipe] = Recipe(
        network="lstm",
        cells=32,
        leaders_see="public",
        followers="learn",
        lead_in=0.4,
        games=128,
        iterations=600,
        final_rate=0.01,
    )
