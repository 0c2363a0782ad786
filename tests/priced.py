"""Small games whose leaders learn prices, and their training without a folder."""

from importlib import import_module
from typing import Any

import numpy as np

from simmig.env.sources import FixedGame
from simmig.games._papers import draw_001, draw_003
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame
from simmig.learning.venue import Venue
from simmig.rng import stream

FIG_3 = (13.03646183, 11.54157011)  # prices at the equilibrium of `fig_3`, design of 002, Fig. 3


def fig_3() -> SocialGame:
    """002, Fig. 3, without deadlines that bind: 3 followers, 2 leaders."""
    return SocialGame.make(
        alpha=[30.0, 25.0, 35.0],
        beta=[30.0] * 3,
        ties=5.0 * (1.0 - np.eye(3)),
        work_s=np.full((3, 2), 1e-3),
        delay_s=np.zeros((3, 2)),
        cost=[3.0, 1.0],
        price_max=[15.0] * 2,
    )


def table_ii(followers: int = 3, leaders: int = 2) -> ImmersionGame:
    """A game of 001, Table II, with individual prices."""
    return ImmersionGame.make(**draw_001(stream(7, "table II"), (), followers, leaders, positive=True))


def alone(cap: float) -> ImmersionGame:
    """One leader and one follower whose budget does not bind: delta 12, S ln(1.6), q 36, c 2."""
    return ImmersionGame.make(
        delta=[12.0], ssim=[[0.8]], ssim_threshold=[0.5], efficiency=[[36.0]], budget=[1e3], cost=[2.0], price_max=[cap]
    )


def embodied() -> EmbodiedGame:
    """A game of 003: 3 followers, 2 leaders."""
    return EmbodiedGame.make(**draw_003(stream(5, "section VI"), (), 3, 2))


def venue(game: Any, names: tuple[str, ...] = ()) -> Venue:
    """A venue where this game is played over and over."""
    leaders = game.eligible.shape[-1]
    return Venue(FixedGame(game), names or tuple(f"r{j}" for j in range(leaders)), "test", {"game": "test"})


def begun(agent: str, where: Venue, seed: int = 1, **changes: Any) -> Any:
    """A training of this agent, not yet under way."""
    kind: Any = import_module(f"simmig_agents.{agent}").Agent
    recipe = type(kind.recipe).model_validate({**kind.recipe.model_dump(), **changes})
    return kind.train(where, recipe, seed)


def trained(agent: str, where: Venue, seed: int = 1, **changes: Any) -> Any:
    """A training of this agent that is over."""
    training = begun(agent, where, seed, **changes)
    while training.iteration < training.iterations:
        training.iterate()
    return training


def price_of(training: Any, game: Any) -> Any:
    """The prices that a training has come to in this game."""
    return training.answer(FixedGame(game))[0]
