"""Small games for the adapters, and the same plays in the market itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from simmig.env.market import Market, Played, Rules
from simmig.env.sources import DrawnGames, FixedGame, Games, Source
from simmig.games._papers import draw_001, draw_002
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame

SOCIAL = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")


@pytest.fixture(scope="session")
def drawn() -> DrawnGames:
    """Fresh social games of 3 followers and 2 leaders, deadlines among them."""

    def law(draw: np.random.Generator, batch: tuple[int, ...]) -> Games:
        parameters = draw_002(draw, batch, 3, 2)
        return Games.silent(SocialGame.make(**{name: parameters[name] for name in SOCIAL}))

    return DrawnGames(law)


@pytest.fixture(scope="session")
def individual() -> FixedGame:
    """One immersion game of 3 followers and 2 leaders, who ask another price of each follower."""
    return FixedGame(ImmersionGame.make(**draw_001(np.random.default_rng(3), (), 3, 2, positive=True)))


@pytest.fixture(scope="session")
def plain() -> FixedGame:
    """Two followers, alpha 10 and 20, beta 2 and 5, and one leader, prices from 2 to 12; neither ties nor deadlines."""
    game = SocialGame.make(
        alpha=[10.0, 20.0],
        beta=[2.0, 5.0],
        ties=np.zeros((2, 2)),
        work_s=1.0,
        delay_s=0.0,
        deadline_s=np.inf,
        cost=[2.0],
        price_max=[12.0],
    )
    return FixedGame(game)


@dataclass(frozen=True)
class Play:
    """Two episodes of two slots in the market itself: what everybody did, as shares, and what came of it."""

    prices: list[torch.Tensor]
    demands: list[torch.Tensor]
    played: list[Played]


RULES = Rules(history=2, slots=2, redraw="episode")


@pytest.fixture(scope="session")
def raw() -> Callable[..., Play]:
    """raw(source, count=1, replies=False, seed=5): random shares, played in the market; or followers reply."""

    def play(source: Source, count: int = 1, replies: bool = False, seed: int = 5) -> Play:
        draw = torch.Generator().manual_seed(1)
        market = Market(source, count, RULES, seed)
        found = Play([], [], [])
        for _ in range(2 * RULES.slots):
            found.prices.append(torch.rand(market.payoffs.cost.shape, generator=draw, dtype=torch.float64))
            found.demands.append(torch.rand(market.payoffs.eligible.shape, generator=draw, dtype=torch.float64))
            market.post(found.prices[-1])
            found.played.append(market.buy(None if replies else found.demands[-1]))
        return found

    return play
