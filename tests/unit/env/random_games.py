"""Random batches of every kind of game that learners can play, with pairs that cannot trade among them."""

from typing import Any

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.env.payoffs import payoffs_of
from simmig.games._papers import draw_001, draw_002, draw_003
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame

SOCIAL = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")
KINDS = ("social", "individual", "uniform", "additive", "multiplicative")


def parameters(kind: str, draw: np.random.Generator, batch: tuple[int, ...]) -> dict[str, Any]:
    """The keywords of `make` for 4 followers and 3 leaders; the first follower of all can trade with nobody."""
    pairs = (*batch, 4, 3)
    eligible = draw.random(pairs) < 0.7
    eligible[..., 0, :] = False
    if kind == "social":
        drawn = draw_002(draw, batch, 4, 3)
        given: dict[str, Any] = {name: drawn[name] for name in SOCIAL}
    elif kind in ("individual", "uniform"):
        given = {**draw_001(draw, batch, 4, 3), "prices": kind}
        given["price_max"] = given["price_max"][..., None, :] + draw.uniform(0.0, 5.0, pairs)
    else:
        given = {**draw_003(draw, batch, 4, 3, effects=kind), "effects": kind}  # type: ignore[arg-type]
        given["cost"] = given["cost"][..., None, :] + draw.uniform(0.0, 0.5, pairs)
    return {**given, "eligible": eligible}


def make(kind: str, given: dict[str, Any]) -> Any:
    """The game of these keywords."""
    makers = {"social": SocialGame, "individual": ImmersionGame, "uniform": ImmersionGame}
    return makers.get(kind, EmbodiedGame).make(**given)


def random_games(kind: str, seed: int = 1, batch: tuple[int, ...] = (6,)) -> Any:
    """A batch of games."""
    return make(kind, parameters(kind, np.random.default_rng(seed), batch))


def random_plays(game: Any, seed: int = 2) -> tuple[FloatArray, FloatArray]:
    """Admissible prices and demands for a batch of games, some of them 0; nothing where a pair cannot trade."""
    draw = np.random.default_rng(seed)
    payoffs = payoffs_of(game)
    low, high = payoffs.cost.numpy(), payoffs.price_max.numpy()
    price = low + draw.random(low.shape) * (high - low)
    eligible: BoolArray = game.eligible
    demand = draw.uniform(0.0, 2.0, eligible.shape) * eligible * (draw.random(eligible.shape) < 0.9)
    return price, demand
