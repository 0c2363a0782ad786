"""Tables of prices: what they learn from rounds, how they go on, what they post."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from priced import begun, fig_3, price_of, table_ii, trained, venue

from simmig.env.sources import DrawnGames, Games, stack
from simmig.errors import AgentError, InputError
from simmig.games.social import SocialGame
from simmig.learning.price_table import TablePlayer
from simmig.learning.state import flatten_state, unflatten_state
from simmig.learning.venue import Venue

AGENTS = ("gradient_play", "joint_perturbation")


def view(name: str, cost: float = 2.0, cap: float = 12.0) -> Any:
    return SimpleNamespace(rsu=(name,), cost=np.array([cost]), price_max=np.array([cap]))


def drawn(closed: int | None = None) -> Venue:
    """Rounds in which the costs of 002, Fig. 3, change; nobody may ever buy from the leader `closed`."""

    def law(draw: np.random.Generator, batch: tuple[int, ...]) -> Games:
        game = stack([fig_3()] * (batch or (1,))[0])
        assert isinstance(game, SocialGame)
        eligible = np.ones((len(game.cost), 3, 2), dtype=bool)
        if closed is not None:
            eligible[..., closed] = False
        given = {name: getattr(game, name) for name in ("alpha", "beta", "ties", "delay_s", "price_max")}
        cost = game.cost * draw.uniform(0.8, 1.2, game.cost.shape)
        made = SocialGame.make(**given, work_s=game.work, cost=cost, eligible=eligible)
        return Games.silent(made)

    return Venue(DrawnGames(law), ("a", "b"), "drawn", {})


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("where", [venue(table_ii()), drawn()], ids=["fixed", "drawn"])
def test_a_training_that_was_kept_goes_on_to_the_same_table(agent: str, where: Venue) -> None:
    changes = {"points": "one"} if agent == "joint_perturbation" else {}
    whole = trained(agent, where, iterations=12, games=4, **changes)
    first, second = (begun(agent, where, iterations=12, games=4, **changes) for _ in range(2))
    for _ in range(5):
        first.iterate()
    second.restore(unflatten_state(*flatten_state(first.state())))
    while second.iteration < 12:
        second.iterate()
    assert second.plays == whole.plays
    for key, value in whole.policy()[0].items():
        assert torch.equal(second.policy()[0][key], value)


@pytest.mark.parametrize("agent", AGENTS)
def test_another_seed_is_another_training_only_where_there_is_luck(agent: str) -> None:
    one, same, other = (trained(agent, venue(fig_3()), seed, iterations=5).policy()[0]["share"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert torch.equal(one, other) == (agent == "gradient_play")


def test_a_table_of_a_fixed_game_has_each_followers_share_and_posts_their_mean() -> None:
    tensors, _ = trained("gradient_play", venue(table_ii())).policy()
    assert tensors["each"].shape == (3, 2)
    may_trade = torch.tensor(table_ii().eligible)
    assert tensors["share"].tolist() == pytest.approx(
        [float(tensors["each"][may_trade[:, j], j].mean()) for j in range(2)]
    )


@pytest.mark.parametrize("agent", AGENTS)
def test_a_table_of_changing_rounds_is_good_in_the_mean(agent: str) -> None:
    training = trained(agent, drawn())
    tensors, _ = training.policy()
    assert set(tensors) == {"share"}
    assert price_of(training, fig_3()) == pytest.approx([13.04, 11.54], rel=0.05)


def test_an_rsu_that_nobody_could_buy_from_gets_the_mean_of_the_others() -> None:
    share = trained("gradient_play", drawn(closed=1), iterations=20, games=2).policy()[0]["share"]
    assert share[1] == share[0] != 0.5


def test_the_running_mean_is_what_is_kept() -> None:
    training = begun("gradient_play", venue(fig_3()), average=0.5, optimiser="plain", trials=1)
    shares = []
    for _ in range(3):
        training.iterate()
        shares.append(training._share.clone())
    mean = shares[0]  # the first step is kept whole, the second weighs a half, and so do those after it
    for share in shares[1:]:
        mean = 0.5 * mean + 0.5 * share
    assert torch.allclose(training.policy()[0]["share"], mean)


def test_players_post_their_share_of_the_interval_by_name() -> None:
    player = TablePlayer({"share": torch.tensor([0.25, 1.0]).double()}, {"leaders": ["a", "b"]})
    assert player.price(view("a")).tolist() == [4.5]
    assert player.price(view("b")).tolist() == [12.0]


def test_an_unknown_rsu_is_refused_in_one_line() -> None:
    player = TablePlayer({"share": torch.tensor([0.25]).double()}, {"leaders": ["a"]})
    with pytest.raises(
        AgentError, match=r"^the policy knows RSUs a, not 'z'; train it with the RSUs of this scenario$"
    ):
        player.price(view("z"))
    with pytest.raises(AgentError, match="best_response"):
        player.demand(view("a"))


@pytest.mark.parametrize(
    ("tensors", "facts"),
    [
        ({}, {"leaders": ["a"]}),
        ({"share": torch.tensor([0.5, 0.5])}, {"leaders": ["a"]}),
        ({"share": torch.tensor([0.5])}, {}),
        ({"share": torch.tensor([1.5])}, {"leaders": ["a"]}),
        ({"share": torch.tensor([torch.nan])}, {"leaders": ["a"]}),
    ],
)
def test_what_is_no_table_is_refused(tensors: Any, facts: Any) -> None:
    with pytest.raises(InputError, match="train it again"):
        TablePlayer(tensors, facts)


def test_a_leader_that_never_sells_does_not_spoil_the_others() -> None:
    poor = replace(table_ii(), price_max=np.full((3, 2), 500.0), cost=np.array([400.0, 2.0]))
    training = trained("gradient_play", venue(poor), iterations=40)
    assert all(bool(value.isfinite().all()) for value in training.policy()[0].values())
