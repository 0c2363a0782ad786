"""Joint perturbation: its slopes are right in the mean, and own profits alone lead to the equilibrium."""

from typing import Any

import pytest
import torch
from priced import FIG_3, fig_3, price_of, table_ii, trained, venue
from torch import Generator

from simmig.env.sources import stack
from simmig.learning.evaluate import Yardstick
from simmig.learning.perturbation import PerturbedSlopes
from simmig.learning.stage import Stage

MANY = 4000


@pytest.mark.parametrize("make", [fig_3, table_ii])
@pytest.mark.parametrize("credit", ["each", "joint"])
@pytest.mark.parametrize("points", ["two", "one"])
def test_slopes_are_right_in_the_mean(make: Any, credit: Any, points: Any) -> None:
    stage = Stage(stack([make()] * MANY))
    share = torch.full(stage.is_open.shape, 0.25).double()  # far from where a budget begins to bind
    slopes = PerturbedSlopes(
        spread=0.003, final_spread=1.0, points=points, credit=credit, draw=Generator().manual_seed(1)
    )
    slopes(stage, share, torch.tensor(1.0), 0.1, 0.0)  # what is usual, for a single point
    found = slopes(stage, share, torch.tensor(1.0), 0.1, 0.0)
    exact = stage.slope(share)[1][0]
    error = found.slope.std(0) / MANY**0.5
    assert ((found.slope.mean(0) - exact).abs() <= 4.0 * error + 1e-3 * exact.abs()).all()
    assert found.plays == (2 * MANY if points == "two" else MANY)


def test_individual_prices_judged_one_by_one_have_less_noise() -> None:
    stage = Stage(stack([table_ii(6, 2)] * 500))
    share = torch.full(stage.is_open.shape, 0.3).double()
    noise = {}
    for credit in ("each", "joint"):
        draw = Generator().manual_seed(1)
        slopes = PerturbedSlopes(spread=0.01, final_spread=1.0, points="two", credit=credit, draw=draw)
        noise[credit] = float(slopes(stage, share, torch.tensor(1.0), 0.1, 0.0).slope.std(0).mean())
    assert noise["each"] < 0.6 * noise["joint"]


def test_a_try_at_the_edge_stays_admissible() -> None:
    stage = Stage(stack([fig_3()] * 8))
    share = torch.tensor([0.0, 1.0]).double().expand(stage.is_open.shape)
    slopes = PerturbedSlopes(spread=0.1, final_spread=1.0, points="two", credit="each", draw=Generator().manual_seed(1))
    found = slopes(stage, share, torch.tensor(1.0), 0.1, 0.0)
    assert (found.slope[:, 0] > 0.0).all()  # at cost it pays to ask more


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_prices_of_fig_3_within_3_percent_from_own_profits(seed: int) -> None:
    training = trained("joint_perturbation", venue(fig_3()), seed)
    assert price_of(training, fig_3()) == pytest.approx(FIG_3, rel=0.03)
    assert training.plays == (2 * 300 + 9) * 16


def test_prices_of_fig_3_from_single_plays() -> None:
    training = trained("joint_perturbation", venue(fig_3()), points="one", games=64, iterations=500)
    assert price_of(training, fig_3()) == pytest.approx(FIG_3, rel=0.03)


@pytest.mark.parametrize("credit", ["each", "joint"])
def test_individual_prices_from_own_profits(credit: str) -> None:
    game = table_ii()
    training = trained("joint_perturbation", venue(game), credit=credit)
    score = Yardstick(game).score(*training.answer(venue(game).source))
    assert score.price_error < 0.03
    assert score.nash_conv < 1e-3
