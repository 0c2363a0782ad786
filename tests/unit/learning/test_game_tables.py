"""What is known of pairs, and games like a given one."""

from typing import Any

import numpy as np
import pytest
import torch
from priced import embodied, fig_3, table_ii

from simmig.env.sources import stack
from simmig.errors import InputError
from simmig.games.matrix import MatrixGame
from simmig.learning.game_tables import pair_table, variants

GAMES = (fig_3, table_ii, embodied)


@pytest.mark.parametrize("make", GAMES)
def test_without_spread_and_absence_the_games_are_the_same(make: Any) -> None:
    batch = stack([make()] * 3)
    same = variants(batch, 0.0, 0.0, np.random.default_rng(1))
    price = np.full_like(batch.solve().price, 7.0)
    assert np.allclose(same.best_demand(price), batch.best_demand(price), rtol=1e-12)
    assert np.allclose(same.solve().price, batch.solve().price, rtol=1e-12)


@pytest.mark.parametrize("make", GAMES)
def test_variants_are_within_the_spread_and_differ_from_one_another(make: Any) -> None:
    batch: Any = stack([make()] * 200)
    varied: Any = variants(batch, 0.3, 0.2, np.random.default_rng(1))
    factor = varied.cost / batch.cost
    assert np.exp(-0.3) <= factor.min() < np.exp(-0.27)
    assert np.exp(0.27) < factor.max() <= np.exp(0.3)
    low = varied.cost.max(-2) if varied.cost.ndim > varied.price_max.ndim else varied.cost
    assert (low.reshape(200, -1, 2) <= varied.price_max.reshape(200, -1, 2)).all()
    is_gone = ~varied.eligible
    assert is_gone[:, :, 0].all(1).mean() == pytest.approx(0.2, abs=0.08)  # a leader is missing as a whole
    assert (is_gone | batch.eligible).all()
    if hasattr(varied, "ties"):
        assert np.allclose(varied.ties, np.swapaxes(varied.ties, -1, -2))


@pytest.mark.parametrize("make", GAMES)
def test_the_table_says_nothing_of_pairs_that_may_not_trade(make: Any) -> None:
    batch = variants(stack([make()] * 50), 0.3, 0.3, np.random.default_rng(1))
    table, eligible = pair_table(batch)
    assert not table[~eligible].any()
    assert table[eligible].any()
    assert bool(table.isfinite().all())


def test_a_single_game_is_a_batch_of_one() -> None:
    one, many = pair_table(table_ii()), pair_table(stack([table_ii()] * 2))
    assert torch.equal(one[0], many[0][:1])
    assert torch.equal(one[1], many[1][:1])


def test_what_decides_a_price_is_in_the_table() -> None:
    from dataclasses import replace

    game = table_ii()
    for name in ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "cost", "price_max", "capacity"):
        given = np.where(np.isinf(getattr(game, name)), 3.0, getattr(game, name) * 0.9)
        assert not torch.equal(pair_table(replace(game, **{name: given}))[0], pair_table(game)[0]), name


def test_other_kinds_of_game_are_refused() -> None:
    with pytest.raises(InputError, match="expected social, immersion or embodied"):
        pair_table(MatrixGame)  # type: ignore[arg-type]
