"""The update against second implementations: plain loops over players, slots and games, in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from simmig.env.observations import Observation, ObservationSizes
from simmig.learning import gradient as gradient_module
from simmig.learning.actions import Squashed
from simmig.learning.gradient import clip_by_player, find_gradient
from simmig.learning.learner import Learner, Shape
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.updates import Batch, Rollout, advantages, batch_of, learn, step

N, B, T = 3, 5, 4
SIZES = ObservationSizes(2, 2, 3, 0)


def draw(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=draw(seed))


def recipe(**settings) -> Recipe:
    return Recipe(**{"width": 8, "cells": 4, "discount": 0.9, **settings})


def seen(games: int, seed: int = 2) -> Observation:
    return Observation(noise(N, games, 2, 2, seed=seed), noise(N, games, 3, seed=seed + 50))


def learner_of(chosen: Recipe, actions: int = 2, rewards: int = 1, seed: int = 1) -> Learner:
    learner = Learner(chosen, Shape(N, SIZES, actions, rewards), draw(seed))
    with torch.no_grad():
        for number, parameter in enumerate([*learner.actor.parameters(), *learner.critic.parameters()]):
            parameter.add_(noise(*parameter.shape, seed=200 + number), alpha=0.2)
    return learner


def batch(learner: Learner, rewards: int, seed: int = 3) -> Batch:
    """Twenty transitions whose density has moved since they were played, some of them of no account."""
    size = T * B
    look = seen(size)
    with torch.no_grad():
        law = learner.actor(look)
        raw = law.draw(draw(seed))
        old = law.log_density(raw) + 0.4 * noise(*raw.shape, seed=seed + 1)
    return Batch(
        look,
        raw=raw,
        log_density=old,
        advantage=noise(N, size, rewards, seed=seed + 2),
        target=noise(N, size, rewards, seed=seed + 3),
        weight=(torch.rand(N, size, rewards, generator=draw(seed + 4)) < 0.7).float(),
    )


# Generalised advantages


def advantages_by_definition(reward, value, is_over, discount, trace) -> np.ndarray:
    """Schulman et al. 2016, (11)-(16): sum over l of (discount trace)^l delta_(t+l), until the episode ends."""
    found = np.zeros(len(reward))
    for start in range(len(reward)):
        for slot in range(start, len(reward)):
            after = value[slot] if is_over[slot] else value[slot + 1]
            delta = reward[slot] + discount * after - value[slot]
            found[start] += (discount * trace) ** (slot - start) * delta
            if is_over[slot]:
                break
    return found


@pytest.mark.parametrize("is_over", [[False] * 6, [False, True, False, False, True, False], [True] * 6])
def test_advantages_are_those_of_the_definition(is_over) -> None:
    reward, value = noise(6, 2, 3).double(), noise(7, 2, 3, seed=4).double()
    found = advantages(reward, value, is_over, 0.9, 0.8)
    for k in np.ndindex(2, 3):
        expected = advantages_by_definition(reward[:, *k].numpy(), value[:, *k].numpy(), is_over, 0.9, 0.8)
        np.testing.assert_allclose(found[:, *k].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_without_trace_an_advantage_is_one_temporal_difference() -> None:
    reward, value = noise(5, 2).double(), noise(6, 2, seed=4).double()
    found = advantages(reward, value, [False] * 5, 0.9, 0.0)
    torch.testing.assert_close(found, reward + 0.9 * value[1:] - value[:-1])


def test_with_full_trace_it_is_the_discounted_return_less_the_value() -> None:
    reward, value = noise(5).double(), noise(6, seed=4).double()
    found = advantages(reward, value, [False] * 5, 0.9, 1.0)
    for start in range(5):
        total = sum(0.9 ** (k - start) * reward[k] for k in range(start, 5)) + 0.9 ** (5 - start) * value[5]
        assert found[start].item() == pytest.approx((total - value[start]).item(), rel=1e-12)


def test_nothing_leaks_over_the_end_of_an_episode() -> None:
    reward, value = noise(6).double(), noise(7, seed=4).double()
    is_over = [False, False, True, False, False, False]
    before = advantages(reward, value, is_over, 0.9, 0.8)
    reward[3:] += 100.0
    value[3:] -= 50.0
    after = advantages(reward, value, is_over, 0.9, 0.8)
    assert torch.equal(before[:3], after[:3])
    assert not torch.isclose(before[3:], after[3:]).any()


def test_the_fair_value_of_a_constant_reward_leaves_no_advantage() -> None:
    """V = r / (1 - discount) is right at every slot, the last of an episode among them."""
    found = advantages(torch.full((5,), 2.0), torch.full((6,), 20.0), [False, False, True, False, True], 0.9, 0.95)
    torch.testing.assert_close(found, torch.zeros(5), rtol=0.0, atol=1e-5)


# The batch


def rollout(learner: Learner, rewards: int = 1) -> Rollout:
    looks = [seen(B, seed) for seed in range(10, 10 + T)]
    with torch.no_grad():
        laws = [learner.actor(look) for look in looks]
        raw = torch.stack([law.draw(draw(number)) for number, law in enumerate(laws)])
        density = torch.stack([law.log_density(each) for law, each in zip(laws, raw, strict=True)])
    reward = noise(T, N, B, rewards, seed=8) * torch.tensor([1.0, 30.0, 0.1])[:, None, None] + 2.0
    is_active = torch.rand(T, N, B, rewards, generator=draw(9)) < 0.8
    return Rollout(looks, raw, density, reward, [False, False, True, False], is_active, seen(B, 77))


@pytest.mark.parametrize("rewards", [1, 2])
def test_a_batch_has_the_advantages_of_each_player_normalised_over_who_took_part(rewards) -> None:
    chosen = recipe()
    learner = learner_of(chosen, rewards=rewards)
    played = rollout(learner, rewards)
    found = batch_of(learner, played, chosen)
    reward = played.reward.double().numpy()
    scaled = (reward - reward.mean((0, 2))[:, None]) / reward.std((0, 2))[:, None]
    with torch.no_grad():
        value = torch.stack([learner.critic(look) for look in (*played.seen, played.last)]).double().numpy()
    for player in range(N):
        for k in range(rewards):
            gain = np.stack(
                [
                    advantages_by_definition(
                        scaled[:, player, game, k], value[:, player, game, k], played.is_over, 0.9, chosen.trace
                    )
                    for game in range(B)
                ],
                1,
            )
            active = played.is_active[:, player, :, k].numpy()
            expected = (gain - gain[active].mean()) / gain[active].std()
            kwargs = {"rtol": 1e-3, "atol": 1e-4}
            np.testing.assert_allclose(found.advantage[player, :, k].reshape(T, B), expected, **kwargs)
            np.testing.assert_allclose(
                found.target[player, :, k].reshape(T, B), gain + value[:-1, player, :, k], **kwargs
            )
            assert torch.equal(found.weight[player, :, k].bool(), torch.from_numpy(active).flatten())


def test_transitions_keep_together_what_belongs_together() -> None:
    learner = learner_of(recipe())
    played = rollout(learner)
    found = batch_of(learner, played, recipe())
    for slot in range(T):
        for game in range(B):
            place = slot * B + game
            assert torch.equal(found.seen.history[:, place], played.seen[slot].history[:, game])
            assert torch.equal(found.seen.now[:, place], played.seen[slot].now[:, game])
            assert torch.equal(found.raw[:, place], played.raw[slot, :, game])
            assert torch.equal(found.log_density[:, place], played.log_density[slot, :, game])
    now = learner.actor(found.seen).log_density(found.raw)
    torch.testing.assert_close(now, found.log_density)


# The loss


def loss_of(learner: Learner, given: Batch, chosen: Recipe) -> Tensor:
    """The loss in one piece, for autograd; `loss_by_hand` says that it is the right one."""
    law, weight = learner.actor(given.seen), given.weight
    density, old, spread = law.log_density(given.raw), given.log_density, law.entropy()
    if weight.shape[-1] == 1:
        density, old, spread = (table.sum(-1, keepdim=True) for table in (density, old, spread))
    won = density * given.advantage
    if chosen.algorithm == "ppo":
        ratio = (density - old).exp()
        won = torch.minimum(
            ratio * given.advantage, ratio.clamp(1.0 - chosen.clip, 1.0 + chosen.clip) * given.advantage
        )
    error = (learner.critic(given.seen) - given.target).square()
    total = chosen.value_weight * error - won - chosen.entropy * spread
    return ((total * weight).sum(1) / weight.sum(1).clamp(min=1.0)).mean(-1).sum()


def loss_by_hand(learner: Learner, given: Batch, chosen: Recipe) -> float:
    """PPO's clipped objective or A2C's, with the critic's squared error and the entropy, transition by transition."""
    with torch.no_grad():
        law, value = learner.actor(given.seen), learner.critic(given.seen)
    assert isinstance(law, Squashed)
    rewards = given.weight.shape[-1]
    total = 0.0
    for player in range(N):
        deviation = law.log_deviation.detach()[player, 0].exp()
        for k in range(rewards):
            loss, count = 0.0, 0
            for place in range(given.raw.shape[1]):
                if not given.weight[player, place, k]:
                    continue
                count += 1
                judged = range(given.raw.shape[-1]) if rewards == 1 else [k]
                density = old = entropy = 0.0
                for a in judged:
                    z = float((given.raw[player, place, a] - law.mean[player, place, a]) / deviation[a])
                    density += -0.5 * z * z - math.log(deviation[a]) - 0.5 * math.log(2 * math.pi)
                    entropy += 0.5 + 0.5 * math.log(2 * math.pi) + math.log(deviation[a])
                    old += float(given.log_density[player, place, a])
                gain = float(given.advantage[player, place, k])
                if chosen.algorithm == "ppo":
                    ratio = math.exp(density - old)
                    clipped = min(max(ratio, 1 - chosen.clip), 1 + chosen.clip)
                    won = min(ratio * gain, clipped * gain)
                else:
                    won = density * gain
                error = (float(value[player, place, k]) - float(given.target[player, place, k])) ** 2
                loss += chosen.value_weight * error - won - chosen.entropy * entropy
            total += loss / max(count, 1) / rewards
    return total


@pytest.mark.parametrize("rewards", [1, 2])
@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_the_loss_is_that_of_a_loop_over_transitions(algorithm, rewards) -> None:
    chosen = recipe(algorithm=algorithm, entropy=0.03, value_weight=0.7, clip=0.15)
    learner = learner_of(chosen, rewards=rewards)
    given = batch(learner, rewards)
    expected = loss_by_hand(learner, given, chosen)
    assert loss_of(learner, given, chosen).item() == pytest.approx(expected, rel=1e-4)


def gradients(learner: Learner) -> dict[str, Tensor]:
    """What the learner keeps for each parameter, by name."""
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    tables = learner.tables
    return {names[id(p)]: slope.clone() for p, slope in zip(tables.learned, tables.slopes, strict=True)}


def actor_gradient(learner: Learner, given: Batch, chosen: Recipe) -> dict[str, Tensor]:
    find_gradient(learner, given, chosen.model_copy(update={"most_gradient": 1e9}))
    found = gradients(learner)
    return {name.removeprefix("actor."): slope for name, slope in found.items() if name.startswith("actor.")}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"algorithm": "a2c"},
        {"weights": "shared"},
        {"critic": "central"},
        {"critic": "central", "weights": "shared"},
        {"weights": "generated"},
        {"network": "lstm"},
        {"pruning": Pruning()},
        {"distribution": "beta"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "default",
)
@pytest.mark.parametrize("rewards", [1, 2])
@pytest.mark.parametrize("entropy", [0.0, 0.03])
def test_the_gradient_is_that_of_the_loss(monkeypatch, settings, rewards, entropy) -> None:
    """By autograd; perceptrons with normal draws have theirs written out where rows are few, and not where many."""
    chosen = recipe(entropy=entropy, value_weight=0.7, clip=0.15, most_gradient=1e9, **settings)
    learner = learner_of(chosen, rewards=rewards)
    given = batch(learner, rewards)
    expected = torch.autograd.grad(loss_of(learner, given, chosen), learner.tables.learned)
    for many in (1024, 1):
        monkeypatch.setattr("simmig.learning.networks._MANY", many)
        learner.tables.gradient.fill_(7.0)
        find_gradient(learner, given, chosen)
        for ours, theirs in zip(learner.tables.slopes, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_gradient_is_written_out_only_for_few_rows_of_perceptrons_with_normal_draws(monkeypatch) -> None:
    ways: list[str] = []
    for way in ("_by_hand", "_by_autograd"):
        whole = getattr(gradient_module, way)
        monkeypatch.setattr(
            gradient_module, way, lambda *given, way=way, whole=whole: (ways.append(way), whole(*given))[1]
        )
    for settings in ({}, {"critic": "central"}, {"distribution": "beta"}, {"network": "lstm"}, {"pruning": Pruning()}):
        learner = learner_of(recipe(**settings))
        find_gradient(learner, batch(learner, 1), recipe(**settings))
    monkeypatch.setattr("simmig.learning.networks._MANY", T * B)
    find_gradient(learner_of(recipe()), batch(learner_of(recipe()), 1), recipe())
    assert ways == ["_by_hand"] * 2 + ["_by_autograd"] * 4


def test_a_ratio_beyond_the_clip_in_the_wanted_direction_teaches_nothing() -> None:
    """Schulman et al. 2017, (7): clipped where the gain is positive and the ratio above, or negative and below."""
    chosen = recipe()
    learner = learner_of(chosen)
    given = batch(learner, 1)
    given.weight.fill_(1.0)
    with torch.no_grad():
        present = learner.actor(given.seen).log_density(given.raw)
    for moved, gain, teaches in ((0.5, 1.0, False), (0.5, -1.0, True), (-0.5, 1.0, True), (-0.5, -1.0, False)):
        # Two components, each a ratio of exp(moved): exp(1) or exp(-1) in all.
        given.log_density.copy_(present - moved)
        given.advantage.fill_(gain)
        gradient = actor_gradient(learner, given, chosen)
        assert any(bool(each.any()) for each in gradient.values()) == teaches


def test_before_the_first_step_ppo_and_a2c_pull_the_same_way() -> None:
    learner = learner_of(recipe())
    given = batch(learner, 1)
    with torch.no_grad():
        given.log_density.copy_(learner.actor(given.seen).log_density(given.raw))
    one, other = (actor_gradient(learner, given, recipe(algorithm=name)) for name in ("ppo", "a2c"))
    for name, gradient in one.items():
        torch.testing.assert_close(gradient, other[name], rtol=1e-4, atol=1e-6)


def test_the_gradient_of_a2c_is_the_policy_gradient_written_out() -> None:
    """d log pi / d mean = z / s and d log pi / d log s = z^2 - 1, times the advantage, meaned over who took part."""
    chosen = recipe(algorithm="a2c")
    learner = learner_of(chosen)
    given = batch(learner, 1)
    found = actor_gradient(learner, given, chosen)
    law = learner.actor(given.seen)
    assert isinstance(law, Squashed)
    z = ((given.raw - law.mean) / law.log_deviation.exp()).detach()
    credit = given.advantage * given.weight / given.weight.sum(1, keepdim=True)
    torch.testing.assert_close(
        found["head.log_deviation"], -((z.square() - 1.0) * credit).sum(1, keepdim=True), rtol=1e-4, atol=1e-5
    )
    pull = -(z / law.log_deviation.exp().detach()) * credit
    torch.testing.assert_close(found["body.weights.biases.2"], pull.sum(1, keepdim=True), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_what_players_out_of_the_game_saw_did_or_got_teaches_nothing(algorithm) -> None:
    chosen = recipe(algorithm=algorithm)
    learner = learner_of(chosen)
    given = batch(learner, 1)
    find_gradient(learner, given, chosen)
    before = gradients(learner)
    out = given.weight[..., 0] == 0.0
    assert 10 < out.sum() < 30
    for table in (given.raw, given.advantage, given.target, given.log_density, given.seen.history, given.seen.now):
        table[out] += 0.7
    find_gradient(learner, given, chosen)
    for name, slope in gradients(learner).items():
        torch.testing.assert_close(slope, before[name], rtol=1e-4, atol=1e-6)


def test_a_player_out_of_every_game_leaves_its_weights_alone() -> None:
    chosen = recipe()
    learner = learner_of(chosen)
    given = batch(learner, 1)
    given.weight[1] = 0.0
    for name, gradient in actor_gradient(learner, given, chosen).items():
        assert not gradient[1].any(), name
        assert gradient[0].any(), name


def test_each_price_is_judged_by_its_own_reward() -> None:
    chosen = recipe()
    learner = learner_of(chosen, rewards=2)
    given = batch(learner, 2)
    before = actor_gradient(learner, given, chosen)["head.log_deviation"]
    given.advantage[..., 0] *= 5.0
    after = actor_gradient(learner, given, chosen)["head.log_deviation"]
    assert not torch.isclose(before[..., 0], after[..., 0]).any()
    assert torch.equal(before[..., 1], after[..., 1])


# The step


def norms(learner: Learner) -> Tensor:
    """The norm of each player's own gradient, [actor and critic, N]."""
    found = gradients(learner)
    parts = [[slope for name, slope in found.items() if name.startswith(part)] for part in ("actor", "critic")]
    squares = [[torch.stack([slope[k].square().sum() for slope in own]).sum() for k in range(N)] for own in parts]
    return torch.tensor(squares).sqrt()


def with_gradients(learner: Learner, *large: int) -> None:
    for number, slope in enumerate(learner.tables.slopes):
        slope.copy_(noise(*slope.shape, seed=number) * 1e-3)
        for player in large:
            slope[player] *= 1e6


def test_one_player_s_huge_gradient_does_not_change_another_s_step() -> None:
    learner = learner_of(recipe())
    with_gradients(learner)
    before = gradients(learner)
    with_gradients(learner, 1)
    clip_by_player(learner, 0.5)
    torch.testing.assert_close(norms(learner)[:, 1], torch.full((2,), 0.5))
    for name, slope in gradients(learner).items():
        assert torch.equal(before[name][[0, 2]], slope[[0, 2]])
        torch.testing.assert_close(  # the direction stays
            torch.nn.functional.normalize(slope[1].flatten(), dim=0),
            torch.nn.functional.normalize(before[name][1].flatten(), dim=0),
        )


def test_the_gradient_of_an_lstm_belongs_to_its_player() -> None:
    learner = learner_of(recipe(network="lstm"))
    names = list(gradients(learner))
    for name, slope in zip(names, learner.tables.slopes, strict=True):
        slope.fill_(1e3 if ".memory.1." in name else 1e-6)
    clip_by_player(learner, 0.5)
    found = gradients(learner)
    for part in ("actor", "critic"):
        own = {name: slope for name, slope in found.items() if name.startswith(part)}
        mine = torch.stack([slope.square().sum() for name, slope in own.items() if ".memory.1." in name])
        assert mine.sum().sqrt().item() == pytest.approx(0.5, rel=1e-4)
        for name, slope in own.items():
            if ".memory.0." in name or ".memory.2." in name:
                assert (slope == 1e-6).all()
            elif ".memory." not in name:
                assert (slope[[0, 2]] == 1e-6).all()
                assert (slope[1] < 1e-8).all()


def test_the_gradient_of_a_shared_network_is_clipped_as_a_whole() -> None:
    for network in ("mlp", "lstm"):
        learner = learner_of(recipe(weights="shared", network=network))
        for slope in learner.tables.slopes:
            slope.copy_(noise(*slope.shape))
        clip_by_player(learner, 0.5)
        for part in ("actor", "critic"):
            squares = [slope.square().sum() for name, slope in gradients(learner).items() if name.startswith(part)]
            assert torch.stack(squares).sum().sqrt().item() == pytest.approx(0.5, rel=1e-5)


def test_with_a_hypernetwork_what_is_each_player_s_own_is_clipped_for_each() -> None:
    learner = learner_of(recipe(weights="generated"))
    names = list(gradients(learner))
    is_common = {name: "heads" in name or "trunk" in name for name in names}
    for name, slope in zip(names, learner.tables.slopes, strict=True):
        slope.fill_(1e-6)
        if not is_common[name]:
            slope[1] = 1e3
    clip_by_player(learner, 0.5)
    found = gradients(learner)
    for part in ("actor", "critic"):
        own = [slope for name, slope in found.items() if name.startswith(part) and not is_common[name]]
        squares = torch.stack([slope[1].square().sum() for slope in own])
        assert squares.sum().sqrt().item() == pytest.approx(0.5, rel=1e-5)
    assert sum(is_common.values()) >= 4
    for name, slope in found.items():
        assert ((slope if is_common[name] else slope[[0, 2]]) == 1e-6).all()


def test_small_gradients_are_left_as_they_are() -> None:
    learner = learner_of(recipe())
    with_gradients(learner)
    before = gradients(learner)
    clip_by_player(learner, 1e3)
    for name, slope in gradients(learner).items():
        assert torch.equal(before[name], slope)


def optimiser_of(learner: Learner) -> torch.optim.Optimizer:
    return torch.optim.Adam([learner.tables.whole()], lr=1e-3)


@pytest.mark.parametrize(("algorithm", "steps"), [("ppo", 3 * 5), ("a2c", 1)])
def test_ppo_makes_passes_over_parts_and_a2c_one_step(algorithm, steps) -> None:
    chosen = recipe(algorithm=algorithm, epochs=3, minibatches=5)
    learner = learner_of(chosen)
    learn(learner, optimiser_of(learner), batch(learner, 1), chosen, draw())
    assert int(learner.updates) == steps


def test_every_pass_sees_every_transition_once_in_another_order(monkeypatch) -> None:
    chosen = recipe(epochs=2, minibatches=3)
    learner = learner_of(chosen)
    given = batch(learner, 1)
    given.target.copy_(torch.arange(T * B)[None, :, None])  # a number for each transition
    shown: list[Batch] = []

    def noting(learner, optimiser, part, recipe) -> None:
        shown.append(part)
        step(learner, optimiser, part, recipe)

    monkeypatch.setattr("simmig.learning.updates.step", noting)
    learn(learner, optimiser_of(learner), given, chosen, draw())
    assert len(shown) == 6
    orders = [torch.cat([part.target[0, :, 0] for part in parts]).long() for parts in (shown[:3], shown[3:])]
    assert all(order.sort().values.tolist() == list(range(T * B)) for order in orders)
    assert not torch.equal(*orders)
    for order, parts in zip(orders, (shown[:3], shown[3:]), strict=True):
        for name in ("raw", "log_density", "advantage", "target", "weight"):
            found = torch.cat([getattr(part, name) for part in parts], 1)
            assert torch.equal(found, getattr(given, name)[:, order]), name
        assert torch.equal(torch.cat([part.seen.flat() for part in parts], 1), given.seen.flat()[:, order])


def test_one_step_of_a2c_is_one_of_adam_along_the_clipped_gradient() -> None:
    chosen = recipe(algorithm="a2c", most_gradient=0.05)
    learner, other = learner_of(chosen), learner_of(chosen)
    given = batch(learner, 1)
    learn(learner, optimiser_of(learner), given, chosen, draw())
    parameters = [*other.actor.parameters(), *other.critic.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    loss_of(other, given, chosen).backward()
    scales = []
    for part in (other.actor, other.critic):
        slopes = [p.grad for p in part.parameters() if p.grad is not None]
        for player in range(N):
            norm = torch.stack([slope[player].square().sum() for slope in slopes]).sum().sqrt()
            scales.append(min(1.0, 0.05 / float(norm)))
            for slope in slopes:
                slope[player] *= scales[-1]
    assert min(scales) < 1.0
    optimiser.step()
    for ours, theirs in zip(learner.actor.parameters(), other.actor.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_loss_goes_down() -> None:
    chosen = recipe(epochs=20)
    learner = learner_of(chosen)
    given = batch(learner, 1)
    before = loss_of(learner, given, chosen).item()
    learn(learner, optimiser_of(learner), given, chosen, draw())
    assert loss_of(learner, given, chosen).item() < before - 0.1
