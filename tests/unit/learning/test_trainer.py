"""Training: repeatable to the bit, what it keeps and pays, and closed forms that it reaches."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from simmig.env.market import Market, Played, Rules
from simmig.env.observations import leaders_see
from simmig.env.sources import DrawnGames, FixedGame, Games
from simmig.games._papers import draw_001, draw_002
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.trainer import Trainer
from simmig.learning.updates import Rollout

SMALL = {"width": 8, "games": 6, "steps": 3, "slots": 4, "iterations": 4, "minibatches": 2, "epochs": 2}
EVERY_KIND = [
    {},
    {"algorithm": "a2c", "network": "lstm", "cells": 4},
    {"algorithm": "a3c", "workers": 2},
    {"followers": "learn", "followers_see": "own", "lead_in": 0.5},
    {"leaders_see": "set", "network": "set", "distribution": "beta", "weights": "shared"},
    {"leaders_see": "public", "critic": "central", "weights": "generated"},
    {"pruning": Pruning(begin=0.0, end=1.0, every=1)},
    {"leaders": "random", "followers": "learn", "discount": 0.9},
]


def social(seed: int = 1) -> DrawnGames:
    """Fresh games of 3 followers and 2 leaders; some pairs cannot trade."""

    def law(draw: np.random.Generator, batch: tuple[int, ...]) -> Games:
        drawn = draw_002(draw, batch, 3, 2)
        names = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")
        given = {name: drawn[name] for name in names}
        return Games.silent(SocialGame.make(**given, eligible=draw.random((*batch, 3, 2)) < 0.7))

    return DrawnGames(law)


def individual() -> FixedGame:
    eligible = [[True, False], [True, True], [False, True]]
    return FixedGame(
        ImmersionGame.make(**draw_001(np.random.default_rng(3), (), 3, 2, positive=True), eligible=eligible)
    )


def trainer(source=None, seed: int = 5, **settings) -> Trainer:
    recipe = Recipe(**{**SMALL, **settings})
    return Trainer(Market(source or social(), recipe.games, Rules(recipe.history, recipe.slots), seed), recipe, seed)


def train(source=None, seed: int = 5, **settings) -> Trainer:
    made = trainer(source, seed, **settings)
    for _ in range(made.iterations):
        made.iterate()
    return made


def weights(of: Trainer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value for name, side in of.sides.items() for key, value in side.learner.state_dict().items()
    }


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("settings", EVERY_KIND, ids=lambda settings: "-".join(settings) or "default")
def test_same_seed_same_weights_bit_for_bit(settings) -> None:
    torch.manual_seed(0)
    one = weights(train(**settings))
    torch.manual_seed(7)  # nor do they follow from the process
    np.random.default_rng(3)
    assert_same(one, weights(train(**settings)))
    assert all(value.isfinite().all() for value in one.values())
    other = weights(train(seed=6, **settings))
    assert not all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("settings", EVERY_KIND, ids=lambda settings: "-".join(settings) or "default")
def test_the_luck_of_the_process_is_not_moved(settings) -> None:
    before = torch.get_rng_state()
    trainer(**settings).iterate()
    assert torch.equal(before, torch.get_rng_state())


def test_prices_at_which_demand_has_no_bound_do_not_ruin_the_weights() -> None:
    """Two friends who buy without bound at the lower half of the prices: 10 / (b + e - 1) + b = p needs p > 4.607."""
    game = EmbodiedGame.make(
        delta=[10.0, 10.0],
        delay_cost=[1.0, 1.0],
        ties=[[0.0, 1.0], [1.0, 0.0]],
        complement=[[0.0]],
        quality=[0.5],
        cost=[2.0],
        price_max=[8.0],
        work_s=np.ones((2, 1)),
        delay_s=np.zeros((2, 1)),
    )
    made = train(FixedGame(game))
    assert all(value.isfinite().all() for value in weights(made).values())
    assert np.isfinite(made.iterate()["profit"]).all()


def test_a_learner_has_its_own_luck_by_the_seed_whatever_the_market_s() -> None:
    recipe = Recipe(**SMALL)
    market = Market(social(), recipe.games, Rules(recipe.history, recipe.slots), 1)
    one, same, other = (weights(Trainer(market, recipe, seed)) for seed in (5, 5, 6))
    assert_same(one, same)
    assert not any(torch.equal(one[name], other[name]) for name in one if name.endswith("actor.body.weights.weights.0"))


DIGEST = """
import sys
sys.path.insert(0, sys.argv[1])
from test_trainer import digest
print(digest())
"""


def digest() -> str:
    found = hashlib.sha256()
    for name, value in sorted(weights(train(followers="learn")).items()):
        found.update(name.encode() + value.detach().contiguous().numpy().tobytes())
    return found.hexdigest()


def test_another_process_comes_to_the_same_weights(request) -> None:
    folder = str(request.path.parent)
    done = subprocess.run([sys.executable, "-c", DIGEST, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest()


@pytest.mark.parametrize("settings", EVERY_KIND, ids=lambda settings: "-".join(settings) or "default")
def test_a_training_goes_on_from_its_state_to_the_same_weights(settings) -> None:
    one = trainer(**settings)
    for _ in range(2):
        one.iterate()
    kept = torch.utils._pytree.tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, one.state())
    other = trainer(seed=5, **settings)
    other.restore(kept)
    for _ in range(2):
        ours, theirs = one.iterate(), other.iterate()
        assert {**ours, "cpu_s": 0.0} == {**theirs, "cpu_s": 0.0}
    assert_same(weights(one), weights(other))


def test_a_row_of_the_curve_says_what_was_played() -> None:
    made = trainer(steps=3, games=6)
    rows = [made.iterate() for _ in range(2)]
    assert [row["iteration"] for row in rows] == [1, 2]
    assert [row["plays"] for row in rows] == [18, 36]
    assert all(len(row[name]) == 2 for row in rows for name in ("profit", "price"))
    assert all(len(row[name]) == 3 for row in rows for name in ("utility", "demand"))
    assert json.loads(json.dumps(rows)) == rows


def test_a_row_has_the_means_of_what_happened(monkeypatch) -> None:
    made = trainer()
    played: list[Played] = []
    buy = made.market.buy

    def noting(share=None) -> Played:
        played.append(buy(share))
        return played[-1]

    monkeypatch.setattr(made.market, "buy", noting)
    row = made.iterate()
    assert len(played) == 3
    for name in ("profit", "price", "utility"):
        expected = torch.stack([getattr(each, name) for each in played]).mean((0, 1))
        np.testing.assert_allclose(row[name], expected, rtol=1e-12)
    np.testing.assert_allclose(
        row["demand"], torch.stack([each.demand.sum(2) for each in played]).mean((0, 1)), rtol=1e-12
    )


def noted(made: Trainer, monkeypatch) -> tuple[dict[str, Rollout], list[Played], list[Tensor], list[Tensor]]:
    """One iteration's rollouts, plays, who could trade in each slot, and what leaders saw before each."""
    played: list[Played] = []
    eligible: list[Tensor] = []
    seen: list[Tensor] = []
    buy, post = made.market.buy, made.market.post

    def noting_price(share) -> Tensor:
        eligible.append(made.market.payoffs.eligible.clone())
        seen.append(leaders_see(made.market, "own", individual=made.recipe.individual).flat())
        return post(share)

    def noting(share=None) -> Played:
        played.append(buy(share))
        return played[-1]

    monkeypatch.setattr(made.market, "post", noting_price)
    monkeypatch.setattr(made.market, "buy", noting)
    rollouts, _ = made._play()
    return rollouts, played, eligible, seen


def test_leaders_and_followers_are_paid_their_own_utilities(monkeypatch) -> None:
    made = trainer(followers="learn", steps=6)
    rollouts, played, eligible, seen = noted(made, monkeypatch)
    leaders, followers = rollouts["leaders"], rollouts["followers"]
    for slot, each in enumerate(played):
        assert torch.equal(leaders.reward[slot, ..., 0], each.profit.T)
        assert torch.equal(leaders.is_active[slot, ..., 0], eligible[slot].any(1).T)
        for follower in range(3):
            assert torch.equal(followers.reward[slot, follower], each.purchases[:, follower])
            assert torch.equal(followers.is_active[slot, follower], eligible[slot][:, follower])
        assert torch.equal(leaders.seen[slot].flat(), seen[slot])
    assert leaders.is_over == [False, False, False, True, False, False]
    # What was posted is what was drawn: share of the interval, and its density under the policy.
    law = made.sides["leaders"].learner.actor(leaders.seen[5])
    torch.testing.assert_close(law.log_density(leaders.raw[5]), leaders.log_density[5])
    torch.testing.assert_close(
        played[5].price, made.market.price_at(law.share(leaders.raw[5])[..., 0].T.double()), rtol=1e-12, atol=0.0
    )


def test_followers_are_paid_as_a_whole_where_credit_is_joint(monkeypatch) -> None:
    made = trainer(followers="learn", credit="joint")
    rollouts, played, eligible, _ = noted(made, monkeypatch)
    followers = rollouts["followers"]
    for slot, each in enumerate(played):
        assert torch.equal(followers.reward[slot, ..., 0], each.utility.T)
        assert torch.equal(followers.is_active[slot, ..., 0], eligible[slot].any(2).T)


@pytest.mark.parametrize(
    ("settings", "actions", "rewards"),
    [({}, 3, 3), ({"credit": "joint"}, 3, 1), ({"individual": False}, 1, 1)],
    ids=("each", "joint", "one_price"),
)
def test_individual_prices_are_paid_by_the_follower_or_as_a_whole(monkeypatch, settings, actions, rewards) -> None:
    made = trainer(individual(), **settings)
    rollouts, played, eligible, _ = noted(made, monkeypatch)
    found = rollouts["leaders"]
    assert found.raw.shape == (3, 2, 6, actions)
    assert found.reward.shape == (3, 2, 6, rewards)
    for slot, each in enumerate(played):
        if rewards == 3:
            assert torch.equal(found.reward[slot], each.profit.permute(2, 0, 1))
            assert torch.equal(found.is_active[slot], eligible[slot].permute(2, 0, 1))
        else:
            assert torch.equal(found.reward[slot, ..., 0], each.profit.sum(1).T)
            assert torch.equal(found.is_active[slot, ..., 0], eligible[slot].any(1).T)
        if actions == 1:
            share = (each.price - made.market.payoffs.cost) / (made.market.payoffs.price_max - made.market.payoffs.cost)
            torch.testing.assert_close(share, share[:, :1].expand_as(share))


def test_while_followers_are_led_in_leaders_price_at_random_and_learn_nothing() -> None:
    made = trainer(followers="learn", lead_in=0.5, games=300)
    before = weights(made)
    before = {name: value.clone() for name, value in before.items()}
    for _ in range(2):
        made.iterate()
    after = weights(made)
    for name, value in before.items():
        if name.startswith("leaders.actor"):
            assert torch.equal(value, after[name]), name
    assert not all(torch.equal(value, after[name]) for name, value in before.items() if name.startswith("followers"))
    prices = made.market.past_price[:, -2:]  # two slots of random prices, uniform over the interval
    assert abs(float(prices.mean()) - 0.5) < 5 * (12 * prices.numel()) ** -0.5
    made.iterate()
    assert not all(torch.equal(value, weights(made)[name]) for name, value in before.items() if "leaders.actor" in name)


def test_the_learning_rate_falls_to_its_share_at_the_end() -> None:
    made = trainer(iterations=5, learning_rate=1e-2, final_rate=0.2)
    rates = []
    for _ in range(5):
        made.iterate()
        rates.append(made.sides["leaders"].optimiser.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [1e-2 * (1.0 - 0.8 * k / 5) for k in range(5)], rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"algorithm": "a2c"}, {"algorithm": "a3c", "workers": 2}, {"entropy": 0.1}])
def test_players_that_cannot_trade_keep_the_policy_they_began_with(settings) -> None:
    given = draw_002(np.random.default_rng(2), (), 3, 2)
    names = ("alpha", "beta", "ties", "work_s", "delay_s", "cost", "price_max")
    game = SocialGame.make(
        **{name: given[name] for name in names}, eligible=[[True, False], [True, False], [False, False]]
    )
    made = trainer(FixedGame(game), followers="learn", **settings)
    before = {name: value.clone() for name, value in weights(made).items()}
    for _ in range(3):
        made.iterate()
    out = {"leaders": 1, "followers": 2}
    for name, after in weights(made).items():
        side, part, *_ = name.split(".")
        if part == "actor":
            assert torch.equal(before[name][out[side]], after[out[side]]), name
            assert not torch.equal(before[name][0], after[0]), name


def test_the_policy_kept_is_the_mean_of_the_actors() -> None:
    made = train()
    tensors, facts = made.policy()
    average = made.sides["leaders"].learner.average.state_dict()
    assert {f"leaders.{key}" for key in average} == set(tensors)
    assert all(torch.equal(tensors[f"leaders.{key}"], value) for key, value in average.items())
    assert json.loads(json.dumps(facts))["recipe"]["width"] == 8


def test_one_leader_and_one_follower_come_to_the_closed_form() -> None:
    """001, equation (36): p = sqrt(delta S q c), here 11.88."""
    game = ImmersionGame.make(
        delta=[15.0],
        ssim=[[0.9]],
        ssim_threshold=[0.5],
        efficiency=[[8.0]],
        budget=[np.inf],
        cost=[2.0],
        price_max=[30.0],
    )
    made = train(
        FixedGame(game), seed=1, iterations=100, games=32, steps=4, slots=100, width=32, epochs=4, minibatches=4
    )
    price, demand = made.answer(FixedGame(game))
    assert price[0, 0] == pytest.approx(np.sqrt(15.0 * np.log(1.8) * 8.0 * 2.0), rel=0.02)
    assert demand[0, 0] == pytest.approx(15.0 * np.log(1.8) / price[0, 0] - 1.0 / 8.0, rel=1e-6)


def test_two_leaders_come_to_the_equilibrium_of_002_fig_3() -> None:
    game = SocialGame.make(
        alpha=[30.0, 25.0, 35.0],
        beta=[30.0, 30.0, 30.0],
        ties=5.0 * (1.0 - np.eye(3)),
        work_s=np.ones((3, 2)),
        delay_s=np.zeros((3, 2)),
        cost=[3.0, 1.0],
        price_max=[15.0, 15.0],
    )
    made = train(
        FixedGame(game), seed=1, iterations=120, games=64, steps=8, slots=100, width=32, epochs=4, minibatches=4
    )
    price, _ = made.answer(FixedGame(game))
    np.testing.assert_allclose(price, [13.036, 11.542], rtol=0.03)
