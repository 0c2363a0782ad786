"""A network that prices any game: blind to order and number of players, near the equilibrium of games it never saw."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from priced import begun, embodied, fig_3, table_ii, trained, venue
from torch import Generator, Tensor

from simmig.env.sources import FixedGame, stack
from simmig.errors import AgentError, InputError
from simmig.learning.amortised import AmortisedPlayer, PairNetwork, pulls
from simmig.learning.evaluate import Yardstick
from simmig.learning.game_tables import variants
from simmig.learning.stage import Stage
from simmig.learning.state import flatten_state, unflatten_state


def network(*, is_wide: bool) -> PairNetwork:
    made = PairNetwork(4, 8, 2, is_wide=is_wide, draw=Generator().manual_seed(1))
    with torch.no_grad():
        for weight in made.outward.weights:
            weight.mul_(20.0)  # so that outputs differ
    return made


def table(followers: int = 5, leaders: int = 3) -> tuple[Tensor, Tensor]:
    draw = Generator().manual_seed(2)
    eligible = torch.rand((2, followers, leaders), generator=draw) < 0.7
    return torch.randn((2, followers, leaders, 4), generator=draw), eligible


@pytest.mark.parametrize("is_wide", [True, False])
def test_the_order_of_players_does_not_matter(is_wide: bool) -> None:
    seen, eligible = table()
    rows, columns = torch.tensor([3, 0, 4, 1, 2]), torch.tensor([2, 0, 1])
    first = network(is_wide=is_wide)(seen, eligible)
    second = network(is_wide=is_wide)(seen[:, rows][:, :, columns], eligible[:, rows][:, :, columns])
    expected = first[:, rows][:, :, columns] if is_wide else first[:, columns]
    assert torch.allclose(second, expected, atol=1e-6)
    assert first.std() > 0.01


@pytest.mark.parametrize("is_wide", [True, False])
def test_players_who_cannot_trade_change_nothing(is_wide: bool) -> None:
    seen, eligible = table()
    more = torch.nn.functional.pad(seen, (0, 0, 0, 2, 0, 3), value=9.0)
    padded = network(is_wide=is_wide)(more, torch.nn.functional.pad(eligible, (0, 2, 0, 3)))
    first = network(is_wide=is_wide)(seen, eligible)
    kept = padded[:, :5, :3][eligible] if is_wide else padded[:, :3]
    assert torch.allclose(kept, first[eligible] if is_wide else first, atol=1e-6)


def test_a_round_without_any_trade_has_prices() -> None:
    seen, eligible = table()
    assert bool(network(is_wide=False)(seen, torch.zeros_like(eligible)).isfinite().all())


def test_games_without_equilibrium_and_closed_prices_pull_nowhere() -> None:
    profit = torch.tensor([[2.0, 1.0], [torch.nan, torch.nan], [0.0, 4.0]]).double()
    slope = torch.tensor([[1.0, -1.0], [torch.nan, 1.0], [0.0, 3.0]]).double()
    is_open = torch.tensor([[True, False], [True, True], [True, True]])
    found = pulls(profit, slope, is_open)
    assert found.tolist() == [
        [pytest.approx(1.0 / (2.0 + 0.05 * 2.0)), 0.0],
        [0.0, 0.0],
        [-1.0, pytest.approx(3.0 / (4.0 + 0.05 * 2.0))],
    ]


@pytest.mark.parametrize(
    ("make", "iterations", "rate", "most"),
    [
        (fig_3, 100, 3e-3, 0.03),
        pytest.param(table_ii, 400, 1e-2, 0.1, marks=pytest.mark.slow),
        pytest.param(embodied, 150, 3e-3, 0.04, marks=pytest.mark.slow),
    ],
)
def test_prices_of_unseen_games_are_near_their_equilibria(make: Any, iterations: int, rate: float, most: float) -> None:
    changes = {"iterations": iterations, "learning_rate": rate, "absent": 0.0}
    training = trained("amortised_equilibrium", venue(make()), **changes)
    draw = np.random.default_rng(5)
    errors = []
    for _ in range(8):
        game = variants(make(), 0.2, 0.0, draw)
        errors.append(Yardstick(game).score(*training.answer(FixedGame(game))).price_error)
    untrained = begun("amortised_equilibrium", venue(make()))
    before = Yardstick(make()).score(*untrained.answer(FixedGame(make()))).price_error
    assert np.median(errors) < most < before


def test_a_training_that_was_kept_goes_on_to_the_same_network() -> None:
    changes = {"iterations": 6, "games": 8, "width": 8}
    whole = trained("amortised_equilibrium", venue(table_ii()), **changes)
    first, second = (begun("amortised_equilibrium", venue(table_ii()), **changes) for _ in range(2))
    for _ in range(2):
        first.iterate()
    second.restore(unflatten_state(*flatten_state(first.state())))
    while second.iteration < 6:
        second.iterate()
    for key, value in whole.policy()[0].items():
        assert torch.equal(second.policy()[0][key], value), key
    assert second.plays == whole.plays == 11 * 256 + 6 * 8


def view(game: Any) -> Any:
    return SimpleNamespace(game=game, cost=game.cost, price_max=game.price_max if game.price_max.ndim == 1 else 15.0)


def test_a_player_posts_what_the_training_answers_whatever_the_number_of_players() -> None:
    training = trained("amortised_equilibrium", venue(fig_3()), iterations=3)
    player = AmortisedPlayer(*training.policy())
    assert player.price(view(fig_3())) == pytest.approx(training.answer(FixedGame(fig_3()))[0], rel=1e-5)
    game: Any = fig_3()
    wider = type(game).make(
        alpha=[30.0] * 5,
        beta=[30.0] * 5,
        ties=np.zeros((5, 5)),
        work_s=np.full((5, 3), 1e-3),
        delay_s=np.zeros((5, 3)),
        cost=[3.0, 1.0, 2.0],
        price_max=[15.0] * 3,
    )
    assert player.price(view(wider)).shape == (3,)


def test_another_kind_of_game_is_refused_in_one_line() -> None:
    player = AmortisedPlayer(*begun("amortised_equilibrium", venue(table_ii())).policy())
    with pytest.raises(AgentError, match="trained in a ImmersionGame, this is a SocialGame; train it here"):
        player.price(view(fig_3()))
    with pytest.raises(AgentError, match="this one has one price for all"):
        player.price(view(table_ii().repriced("uniform")))
    with pytest.raises(AgentError, match="best_response"):
        player.demand(view(fig_3()))


def test_a_damaged_network_is_refused() -> None:
    tensors, facts = begun("amortised_equilibrium", venue(fig_3())).policy()
    for wrong in ({**facts, "width": 7}, {key: value for key, value in facts.items() if key != "layers"}):
        with pytest.raises(InputError, match="train it again"):
            AmortisedPlayer(tensors, wrong)


def test_slopes_that_vanish_are_an_equilibrium() -> None:
    stage = Stage(stack([fig_3()]))
    found = fig_3().solve().price
    share = torch.tensor((found - fig_3().cost) / (fig_3().price_max - fig_3().cost))[None]
    profit, slope = stage.slope(share)
    assert pulls(profit, slope, stage.is_open).abs().max() < 1e-6
