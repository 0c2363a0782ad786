import pytest
import torch
from torch import Generator, Tensor

from simmig.env.observations import Observation, ObservationSizes
from simmig.learning.gradient import find_gradient
from simmig.learning.late_workers import LateWorkers
from simmig.learning.learner import Learner, Shape
from simmig.learning.recipe import Recipe
from simmig.learning.updates import Batch, learn

N, M = 2, 12
RECIPE = Recipe(algorithm="a3c", width=6, most_gradient=1e9)
SIZES = ObservationSizes(2, 2, 3, 0)


def draw(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=draw(seed))


def learner() -> Learner:
    return Learner(RECIPE, Shape(N, SIZES, 1, 1), draw())


def batch(seed: int) -> Batch:
    look = Observation(noise(N, M, 2, 2, seed=seed), noise(N, M, 3, seed=seed + 1))
    raw, gain, target = (noise(N, M, 1, seed=seed + k) for k in (2, 3, 4))
    return Batch(look, raw, torch.zeros_like(raw), gain, target, torch.ones(N, M, 1))


def adam(of: Learner) -> torch.optim.Optimizer:
    return torch.optim.Adam([of.tables.whole()], lr=0.01)


def descent(of: Learner) -> torch.optim.Optimizer:
    return torch.optim.SGD([of.tables.whole()], lr=0.1)


def test_one_worker_is_a2c_bit_for_bit() -> None:
    late, plain = learner(), learner()
    workers, optimiser, other = LateWorkers(late, 1), adam(late), adam(plain)
    chosen = RECIPE.model_copy(update={"algorithm": "a2c"})
    for number in range(6):
        workers.take_up(late, number)
        workers.learn(late, optimiser, batch(10 * number), RECIPE)
        learn(plain, other, batch(10 * number), chosen, draw())
    for one, same in zip(late.state_dict().values(), plain.state_dict().values(), strict=True):
        assert torch.equal(one, same)


def flat(of: Learner) -> Tensor:
    return of.tables.weights.clone()


@pytest.mark.parametrize("count", [2, 3])
def test_shared_weights_move_by_gradients_taken_at_the_weights_of_each_worker_s_last_turn(count) -> None:
    """Plain gradient descent, so that a step is -0.1 times the gradient: the whole history by hand."""
    late, probe = learner(), learner()
    workers = LateWorkers(late, count)
    optimiser = descent(late)
    shared = flat(late)
    copies = [shared.clone() for _ in range(count)]
    for number in range(7):
        given, turn = batch(10 * number), number % count
        workers.take_up(late, number)
        torch.testing.assert_close(flat(late), copies[turn], rtol=1e-5, atol=1e-6)
        workers.learn(late, optimiser, given, RECIPE)
        probe.tables.weights.copy_(copies[turn])
        find_gradient(probe, given, RECIPE)
        shared = shared - 0.1 * probe.tables.gradient
        copies[turn] = shared.clone()
        torch.testing.assert_close(flat(late), shared, rtol=1e-4, atol=1e-5)


def test_workers_come_late() -> None:
    late = learner()
    workers, optimiser = LateWorkers(late, 2), adam(late)
    start = flat(late)
    workers.take_up(late, 0)
    workers.learn(late, optimiser, batch(1), RECIPE)
    moved = flat(late)
    workers.take_up(late, 1)
    assert torch.equal(flat(late), start)
    workers.learn(late, optimiser, batch(2), RECIPE)
    workers.take_up(late, 2)
    assert torch.equal(flat(late), moved)


def test_a_learner_holds_the_shared_weights_after_a_turn_and_its_average_counts_them() -> None:
    late = learner()
    workers, optimiser = LateWorkers(late, 3), adam(late)
    passed = []
    for number in range(4):
        workers.take_up(late, number)
        workers.learn(late, optimiser, batch(number), RECIPE)
        assert torch.equal(flat(late), workers.shared)
        passed.append(late.actor.get_parameter("body.weights.weights.0").detach().clone())
    mean = late.average.get_parameter("body.weights.weights.0")
    torch.testing.assert_close(mean, torch.stack(passed).mean(0), rtol=1e-5, atol=1e-6)


def test_workers_go_on_from_their_state() -> None:
    late, other = learner(), learner()
    workers, optimiser = LateWorkers(late, 3), descent(late)
    for number in range(4):
        workers.take_up(late, number)
        workers.learn(late, optimiser, batch(number), RECIPE)
    followers = LateWorkers(other, 3)
    followers.restore(workers.state())
    other.load_state_dict(late.state_dict())
    for number in range(4, 8):
        for each, of in ((workers, late), (followers, other)):
            each.take_up(of, number)
            each.learn(of, descent(of), batch(number), RECIPE)
        assert torch.equal(flat(late), flat(other))
