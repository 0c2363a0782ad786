"""The one-shot game as tensors: profits are the games' own, slopes those of a second computation."""

from typing import Any

import numpy as np
import pytest
import torch
from priced import embodied, fig_3, table_ii

from simmig.env.sources import stack
from simmig.learning.stage import Stage

GAMES: dict[str, tuple[Any, bool]] = {
    "social": (fig_3, True),
    "individual": (table_ii, True),
    "one price of individual ones": (table_ii, False),
    "embodied": (embodied, True),
}


@pytest.mark.parametrize("name", GAMES)
def test_slopes_are_those_of_each_leaders_own_profit_by_its_own_price(name: str) -> None:
    make, individual = GAMES[name]
    stage = Stage(stack([make()] * 2), individual=individual)
    share = torch.rand(stage.is_open.shape, generator=torch.Generator().manual_seed(3)).double() * 0.3 + 0.1
    profit, slope = stage.slope(share)
    assert torch.allclose(profit, stage.profit(share), rtol=1e-9)
    step = 1e-6
    for place in np.ndindex(*share.shape):
        moved = torch.zeros_like(share)
        moved[place] = step
        rise = (stage.profit(share + moved) - stage.profit(share - moved)) / (2.0 * step)
        of_leader = rise[place[0], ..., place[-1]].sum()  # all that the leader earns in this game
        assert slope[place] == pytest.approx(float(of_leader), rel=1e-4, abs=1e-6)


def test_profits_are_those_of_the_game() -> None:
    game = table_ii()
    stage = Stage(stack([game]))
    share = torch.full(stage.is_open.shape, 0.3).double()
    price, demand = stage.answer(share)
    assert np.allclose(price, game.cost + 0.3 * (game.price_max - game.cost))
    assert np.allclose(demand, game.best_demand(price))
    assert np.allclose(stage.profit(share)[0].sum(0), game.leader_utility(price, demand))


def test_one_price_for_all_earns_what_it_brings_from_everybody() -> None:
    game = table_ii()
    stage = Stage(stack([game]), individual=False)
    price, demand = stage.answer(torch.tensor([[0.2, 0.4]]).double())
    assert price.shape == game.eligible.shape
    profit = stage.profit(torch.tensor([[0.2, 0.4]]).double())
    assert np.allclose(profit[0], game.leader_utility(price, demand))
