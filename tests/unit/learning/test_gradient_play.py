"""Gradient play comes to the equilibria that are known, also from where nothing is sold."""

from dataclasses import replace
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from priced import FIG_3, alone, begun, embodied, fig_3, price_of, table_ii, trained, venue

from simmig.env.sources import stack
from simmig.errors import InputError
from simmig.learning.evaluate import Yardstick
from simmig.learning.price_table import sorted_out


def test_prices_of_fig_3() -> None:
    training = trained("gradient_play", venue(fig_3()))
    assert price_of(training, fig_3()) == pytest.approx(FIG_3, rel=1e-4)
    assert training.plays == 300 + 9  # one a step, and the trials


@pytest.mark.parametrize("cap", [60.0, 2000.0])
@pytest.mark.parametrize("trials", [1, 9])
def test_one_leader_and_one_follower_meet_at_the_closed_form(cap: float, trials: int) -> None:
    game = alone(cap)  # beyond delta S q = 203 nothing is sold: from the middle of a cap of 2000 the price must fall
    training = trained("gradient_play", venue(game), trials=trials)
    expected = sqrt(12.0 * log(1.6) * 36.0 * 2.0)  # (36) of 001
    assert price_of(training, game) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("make", [table_ii, pytest.param(embodied, marks=pytest.mark.slow)])
def test_the_equilibrium_is_that_of_the_solver(make: Any) -> None:
    game = make()
    score = Yardstick(game).score(*trained("gradient_play", venue(game)).answer(venue(game).source))
    assert score.price_error < 1e-3
    assert score.nash_conv < 1e-5


def test_plain_extragradient_steps_come_to_the_same_prices() -> None:
    training = trained("gradient_play", venue(fig_3()), extragradient=True, optimiser="plain", final_rate=1.0)
    assert price_of(training, fig_3()) == pytest.approx(FIG_3, rel=1e-4)
    assert training.plays == 2 * 300 + 9


def test_a_price_at_which_nothing_is_sold_falls_and_one_without_bound_rises() -> None:
    slope = torch.tensor([0.3, 0.0, torch.nan, torch.inf])
    steep, push = sorted_out(slope, torch.tensor([False, True, False, False]))
    assert steep.tolist() == pytest.approx([0.3, 0.0, 0.0, 0.0])
    assert push.tolist() == [0.0, -1.0, 1.0, 1.0]


def test_where_demand_has_no_bound_at_low_prices_they_rise() -> None:
    wild = replace(embodied(), ties=0.2 * (1.0 - np.eye(3)))
    low: Any = np.broadcast_to(wild.cost, (3, 2)).max(0)
    assert not np.isfinite(stack([wild]).best_demand(low[None])).all()
    training = begun("gradient_play", venue(wild), trials=1)
    training._share.fill_(0.0)
    training.iterate()
    assert training._share.tolist() == pytest.approx([0.05, 0.05])


def test_a_game_whose_demand_has_no_bound_at_any_price_is_refused_in_one_line() -> None:
    wild = replace(embodied(), ties=20.0 * (1.0 - np.eye(3)))
    with pytest.raises(InputError, match="no bound even at the price caps; it needs a capacity"):
        trained("gradient_play", venue(wild), iterations=1)
