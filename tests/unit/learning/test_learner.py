import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from simmig.env.observations import Observation, ObservationSizes
from simmig.errors import InputError
from simmig.learning.learner import Actor, Critic, Learner, Shape
from simmig.learning.networks import FlatNetwork
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.weights import GeneratedWeights, MaskedWeights

SIZES = ObservationSizes(3, 2, 4, 0)
SHAPE = Shape(3, SIZES, 2, 2)


def draw(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=draw(seed))


def recipe(**settings) -> Recipe:
    return Recipe(width=8, cells=4, **settings)


def seen(games: int = 5, agents: int = 3) -> Observation:
    return Observation(noise(agents, games, 3, 2), noise(agents, games, 4, seed=3))


@pytest.mark.parametrize("weights", ["own", "shared", "generated"])
@pytest.mark.parametrize("distribution", ["squashed", "beta"])
def test_a_new_policy_starts_near_the_middle_of_its_interval(weights, distribution) -> None:
    actor = Actor(recipe(weights=weights, distribution=distribution), SHAPE, draw())
    best = actor(seen()).best()
    assert best.shape == (3, 5, 2)
    assert (best - 0.5).abs().max() < 0.02
    assert best.std() > 0.0


@pytest.mark.parametrize("network", ["mlp", "lstm", "set"])
@pytest.mark.parametrize("critic", ["own", "central"])
@pytest.mark.parametrize("weights", ["own", "shared"])
def test_actors_and_critics_of_every_kind_have_their_shapes(network, critic, weights) -> None:
    sizes = ObservationSizes(3, 2, 4, 6 if network == "set" else 0)
    shape = Shape(3, sizes, 2, 1)
    look = seen()
    if network == "set":
        look = look._replace(
            others=noise(3, 5, 3, 6), is_other=~torch.eye(3, dtype=torch.bool)[:, None].expand(3, 5, 3)
        )
    chosen = recipe(network=network, critic=critic, weights=weights)
    learner = Learner(chosen, shape, draw())
    assert learner.actor(look).best().shape == (3, 5, 2)
    assert learner.critic(look).shape == (3, 5, 1)


def test_an_own_critic_hears_its_player_and_a_central_one_everybody() -> None:
    for critic, hears in (("own", [False, True, False]), ("central", [True, True, True])):
        module = Critic(recipe(critic=critic), SHAPE, draw())
        look = seen()
        before = module(look)
        look.now[1] += 1.0
        changed = (module(look) != before).flatten(1).any(1)
        assert changed.tolist() == hears


def test_a_central_critic_is_one_perceptron_over_all_observations_for_each_player() -> None:
    module = Critic(recipe(critic="central"), SHAPE, draw())
    look = seen()
    everything = torch.cat([torch.cat([look.history[k].flatten(1), look.now[k]], 1) for k in range(3)], 1)
    for player in range(3):
        x = everything
        for number, (weight, bias) in enumerate(module.body.weights()):  # type: ignore[operator, union-attr]
            x = (torch.tanh(x) if number else x) @ weight[player] + bias[player]
        torch.testing.assert_close(module(look)[player], x)


def test_a_shared_central_critic_is_told_whose_value_is_asked_for() -> None:
    module = Critic(recipe(critic="central", weights="shared"), SHAPE, draw())
    look = seen()
    value = module(look)
    assert not torch.isclose(value[0], value[1]).any()
    order = [2, 0, 1]
    moved = module(Observation(look.history[order], look.now[order]))
    assert not torch.isclose(moved[0], value[2]).any()  # what all see has another order now
    look.now[1] += 1.0
    assert (module(look) != value).flatten(1).any(1).all()


def test_a_side_that_sees_no_past_or_no_rivals_gets_a_perceptron() -> None:
    for network, sizes in (("lstm", SIZES._replace(step=0)), ("set", SIZES)):
        learner = Learner(recipe(network=network), Shape(3, sizes, 2, 1), draw())
        look = seen()._replace(history=noise(3, 5, 3, sizes.step))
        assert isinstance(learner.actor.body, FlatNetwork)
        assert isinstance(learner.critic.body, FlatNetwork)
        assert learner.critic(look).shape == (3, 5, 1)


def test_settings_choose_where_weights_come_from() -> None:
    assert isinstance(Actor(recipe(weights="generated"), SHAPE, draw()).body.weights, GeneratedWeights)
    assert isinstance(Actor(recipe(pruning=Pruning()), SHAPE, draw()).body.weights, MaskedWeights)
    shared = Actor(recipe(weights="shared"), SHAPE, draw())
    assert all(parameter.shape[0] == 1 for parameter in shared.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"weights": "generated", "network": "lstm"},
            'generated weights with network = "lstm", expected network = "mlp"',
        ),
        ({"pruning": Pruning(), "network": "lstm"}, 'pruning with network = "lstm", expected network = "mlp"'),
        (
            {"pruning": Pruning(), "weights": "generated"},
            'pruning with weights = "generated", expected weights = "own"',
        ),
    ],
)
def test_what_does_not_go_together_is_refused(settings, message) -> None:
    with pytest.raises(InputError, match=f"recipe: {message}"):
        Actor(recipe(**settings), SHAPE, draw())


def test_rewards_are_scaled_by_mean_and_deviation_of_all_so_far() -> None:
    learner = Learner(recipe(), SHAPE, draw())
    size = torch.tensor([1.0, 1e4, 1e-3])[:, None, None] * torch.tensor([1.0, 7.0])
    parts = [size * (noise(4 + k, 3, 6, 2, seed=k) + 3.0 + k) for k in range(3)]
    for number, part in enumerate(parts):
        found = learner.scaled(part)
        everything = np.concatenate([each.double().numpy() for each in parts[: number + 1]])
        mean, deviation = everything.mean((0, 2)), everything.std((0, 2))
        expected = (part.numpy() - mean[:, None]) / deviation[:, None]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)
        assert found.dtype == torch.float32


def test_a_reward_that_never_changes_is_scaled_to_zero() -> None:
    learner = Learner(recipe(), SHAPE, draw())
    for _ in range(3):
        assert not learner.scaled(torch.full((4, 3, 6, 2), 5.0)).any()


def step(learner: Learner, seed: int) -> None:
    with torch.no_grad():
        for number, parameter in enumerate(learner.actor.parameters()):
            parameter.add_(noise(*parameter.shape, seed=seed + number))
    learner.keep_average()


def test_the_average_is_the_plain_mean_of_the_first_actors_and_fades_after() -> None:
    learner = Learner(recipe(average=0.75), SHAPE, draw())
    name = "body.weights.weights.0"
    passed: list[Tensor] = []
    expected = torch.zeros(())
    for number in range(1, 9):
        step(learner, 10 * number)
        passed.append(learner.actor.get_parameter(name).detach().clone())
        # 1 - 1 / 4 = 0.75: from the fifth step on three quarters of the mean are the old one.
        expected = torch.stack(passed).mean(0) if number <= 4 else 0.75 * expected + 0.25 * passed[-1]
        torch.testing.assert_close(learner.average.get_parameter(name), expected, rtol=1e-5, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in learner.average.parameters())


def test_without_averaging_the_policy_kept_is_the_last_one() -> None:
    learner = Learner(recipe(average=0.0), SHAPE, draw())
    for seed in (10, 20):
        step(learner, seed)
    for kept, last in zip(learner.average.parameters(), learner.actor.parameters(), strict=True):
        assert torch.equal(kept, last)


def test_the_average_has_the_present_masks() -> None:
    learner = Learner(recipe(pruning=Pruning()), SHAPE, draw())
    weights = learner.actor.body.weights
    assert isinstance(weights, MaskedWeights)
    weights.masks[0][1, 2] = 0.0
    learner.keep_average()
    kept = learner.average.body.weights
    assert isinstance(kept, MaskedWeights)
    assert torch.equal(kept.masks[0], weights.masks[0])


def test_the_same_luck_makes_the_same_learner() -> None:
    for network in ("mlp", "lstm"):
        one, same, other = (Learner(recipe(network=network), SHAPE, draw(seed)) for seed in (4, 4, 5))
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
        assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_all_that_a_learner_is_goes_through_its_state() -> None:
    one, other = (Learner(recipe(), SHAPE, draw(seed)) for seed in (4, 5))
    one.scaled(noise(4, 3, 6, 2))
    step(one, 10)
    other.load_state_dict(one.state_dict())
    part = noise(4, 3, 6, 2, seed=7)
    assert torch.equal(one.scaled(part), other.scaled(part))
    step(one, 20)
    step(other, 20)
    for ours, theirs in zip(one.average.parameters(), other.average.parameters(), strict=True):
        assert torch.equal(ours, theirs)
