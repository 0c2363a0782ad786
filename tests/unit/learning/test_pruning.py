"""Dynamic structured pruning of 001: importance, schedule, thresholds, masks while learning, the compact network."""

import pytest
import torch
from torch import Generator

from simmig.env.market import Market, Rules
from simmig.env.sources import FixedGame
from simmig.errors import InputError
from simmig.games._papers import draw_001
from simmig.games.immersion import ImmersionGame
from simmig.learning.networks import mlp
from simmig.learning.pruning import compact, importance, remaining, sparsity_at, steps_of
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.trainer import Trainer
from simmig.learning.weights import FreeWeights, Layer, MaskedWeights
from simmig.rng import stream


def masked(sizes: tuple[int, ...], agents: int = 2, share: float = 0.5) -> MaskedWeights:
    draw = Generator().manual_seed(3)
    weights = MaskedWeights(FreeWeights(agents, sizes, draw))
    for bias in weights.free.biases:
        bias.data.normal_(generator=draw)
    for mask in weights.masks:
        mask.copy_((torch.rand(mask.shape, generator=draw) > share).float())
        mask[:, 0] = 1.0
    return weights


def trainer(pruning: Pruning | None, **settings) -> Trainer:
    game = ImmersionGame.make(**draw_001(stream(1, "prune"), (), 3, 2, positive=True))
    recipe = Recipe(**{"games": 4, "steps": 2, "iterations": 10, "width": 16, "slots": 20, **settings}, pruning=pruning)
    return Trainer(Market(FixedGame(game), recipe.games, Rules(recipe.history, recipe.slots), 1), recipe, 1)


def weights_of(running: Trainer) -> tuple[MaskedWeights, MaskedWeights]:
    learner = running.sides["leaders"].learner
    return learner.actor.body.weights, learner.average.body.weights


def test_importance_is_the_product_of_squared_weights_in_and_out() -> None:
    into = Layer(torch.tensor([[[1.0, 2.0], [3.0, 0.0]]]), torch.full((1, 1, 2), 9.0))
    between = Layer(torch.tensor([[[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]]]), torch.full((1, 1, 3), 9.0))
    out = Layer(torch.tensor([[[1.0], [3.0], [2.0]]]), torch.full((1, 1, 1), 9.0))
    everyone = [torch.ones(1, 2), torch.ones(1, 3)]
    first, second = importance([into, between, out], everyone)
    assert first.tolist() == [[10.0 * 2.0, 4.0 * 5.0]]
    assert second.tolist() == [[1.0 * 1.0, 5.0 * 9.0, 1.0 * 4.0]]
    # Neuron 1 of the second layer is gone: it still has an importance, and takes none of the weights of others.
    first, second = importance([into, between, out], [torch.ones(1, 2), torch.tensor([[1.0, 0.0, 1.0]])])
    assert first.tolist() == [[10.0 * 1.0, 4.0 * 1.0]]
    assert second.tolist() == [[1.0, 45.0, 4.0]]
    _, second = importance([into, between, out], [torch.tensor([[0.0, 1.0]]), torch.ones(1, 3)])
    assert second.tolist() == [[0.0, 4.0 * 9.0, 1.0 * 4.0]]


def test_the_schedule_is_cubic_in_steps() -> None:
    pruning = Pruning(sparsity=0.8, first=0.1, begin=0.2, end=0.7, every=10)
    steps = steps_of(100, pruning)
    assert list(steps) == [20, 30, 40, 50, 60, 70]
    found = [sparsity_at(t, steps, pruning) for t in (0, 20, 29, 30, 50, 69, 70, 99)]
    expected = [0.1, 0.1, 0.1, 0.8 - 0.7 * 0.8**3, 0.8 - 0.7 * 0.4**3, 0.8 - 0.7 * 0.2**3, 0.8, 0.8]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("iterations", [1, 2, 3, 7, 10, 200])
@pytest.mark.parametrize(("begin", "end"), [(0.0, 1.0), (1.0, 1.0), (0.2, 0.7), (0.2, 0.2), (0.0, 0.0), (0.3, 0.35)])
@pytest.mark.parametrize("every", [1, 5, 1000])
def test_every_schedule_ends_within_the_training_and_at_its_sparsity(
    iterations: int, begin: float, end: float, every: int
) -> None:
    pruning = Pruning(begin=begin, end=end, every=every, first=0.1)
    steps = steps_of(iterations, pruning)
    assert 0 <= steps.start <= steps[-1] < iterations
    found = [sparsity_at(t, steps, pruning) for t in range(iterations)]
    assert found == sorted(found)
    assert found[-1] == 0.85
    assert (found[0] == 0.1) == (len(steps) > 1 or steps.start > 0)


def test_quantile_takes_the_least_important_and_counts_those_that_are_gone() -> None:
    scores = [torch.tensor([[5.0, 1.0, 4.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0, 5.0]])]
    everyone = [torch.ones(2, 5)]
    (mask,) = remaining(scores, everyone, 0.4, "quantile")
    assert mask.tolist() == [[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0]]
    # Neuron 0 of the first agent is the most important one, but it is gone already.
    gone = torch.ones(2, 5)
    gone[0, 0] = 0.0
    (mask,) = remaining(scores, [gone], 0.4, "quantile")
    assert mask.tolist() == [[0.0, 0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0, 1.0]]
    assert torch.equal(remaining(scores, [mask], 0.4, "quantile")[0], mask)
    assert torch.equal(remaining(scores, [mask], 0.2, "quantile")[0], mask)  # none comes back
    # One alive that matters to nobody goes after those that are gone, not instead of them.
    (mask,) = remaining([torch.tensor([[0.0, 0.0, 3.0]])], [torch.tensor([[1.0, 0.0, 1.0]])], 1 / 3, "quantile")
    assert mask.tolist() == [[1.0, 0.0, 1.0]]


def test_cumulative_takes_a_share_of_the_importance_and_taking_it_again_takes_no_more() -> None:
    scores = [torch.tensor([[10.0, 1.0, 30.0, 4.0, 5.0, 50.0]]), torch.tensor([[100.0, 0.0]])]
    masks = remaining(scores, [torch.ones(1, 6), torch.ones(1, 2)], 0.45, "cumulative")
    assert masks[0].tolist() == [[0.0, 0.0, 1.0, 0.0, 0.0, 1.0]]  # 1 + 4 + 5 + 10 = 20 of 100, and 30 would make 50
    assert masks[1].tolist() == [[1.0, 0.0]]
    for share in (0.45, 0.2, 0.1):
        assert torch.equal(remaining(scores, masks, share, "cumulative")[0], masks[0])
    assert remaining(scores, masks, 0.5, "cumulative")[0].tolist() == [[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize("threshold", ["quantile", "cumulative"])
@pytest.mark.parametrize("score", [0.0, 1e-30, 1.0, 1e30])
def test_one_neuron_of_each_layer_always_stays(threshold: str, score: float) -> None:
    scores = [torch.full((3, 7), score), torch.full((3, 1), score)]
    masks = remaining(scores, [torch.ones(3, 7), torch.ones(3, 1)], 1.0 - 1e-9, threshold)
    for _ in range(3):
        assert [mask.sum(1).tolist() for mask in masks] == [[1.0] * 3, [1.0] * 3]
        masks = remaining(scores, masks, 1.0 - 1e-9, threshold)


def test_the_literal_threshold_is_a_share_of_the_sum_over_all_layers() -> None:
    scores = [torch.tensor([[3.0, 1.0, 8.0]]), torch.tensor([[1.0, 7.0]])]
    masks = remaining(scores, [torch.ones(1, 3), torch.ones(1, 2)], 0.15, "literal")  # below 3.0
    assert [mask.tolist() for mask in masks] == [[[1.0, 0.0, 1.0]], [[0.0, 1.0]]]
    again = remaining(scores, masks, 0.16, "literal")  # 0.16 of the 18 that are left is 2.88
    assert all(torch.equal(mask, old) for mask, old in zip(again, masks, strict=True))
    masks = remaining(scores, masks, 0.17, "literal")  # 3.06
    assert [mask.tolist() for mask in masks] == [[[0.0, 0.0, 1.0]], [[0.0, 1.0]]]


@pytest.mark.parametrize("sizes", [(5, 8, 3), (5, 8, 6, 3), (1, 4, 4, 4, 2)])
def test_the_compact_network_answers_as_the_masked_one(sizes: tuple[int, ...]) -> None:
    weights = masked(sizes)
    x = torch.randn(2, 40, sizes[0], generator=Generator().manual_seed(5))
    with torch.no_grad():
        whole = mlp(x, weights())
        for agent, layers in enumerate(compact(weights(), weights.masks)):
            torch.testing.assert_close(mlp(x[agent : agent + 1], layers), whole[agent : agent + 1], rtol=0, atol=1e-6)
            widths = [layer.weight.shape[2] for layer in layers]
            assert widths == [*(int(mask[agent].sum()) for mask in weights.masks), sizes[-1]]
            # Compact layers of free weights are those of masked ones: nothing masked is left in them.
            for mine, free in zip(layers, compact(weights.free(), weights.masks)[agent], strict=True):
                assert torch.equal(mine.weight, free.weight)
                assert torch.equal(mine.bias, free.bias)


def test_masks_that_do_not_fit_are_refused() -> None:
    weights = masked((5, 8, 6, 3))
    first, second = weights.masks
    with pytest.raises(InputError, match=r"^masks have shapes \[2, 8\], expected \[2, 8\], \[2, 6\]$"):
        compact(weights(), [first])
    with pytest.raises(InputError, match=r"^masks have shapes \[2, 6\], \[2, 8\], expected"):
        compact(weights(), [second, first])
    second[1] = 0.0
    with pytest.raises(InputError, match=r"none of agent 1 in hidden layer 1 is left"):
        compact(weights(), [first, second])


@pytest.mark.parametrize("threshold", ["quantile", "cumulative"])
def test_neurons_that_went_stay_away_and_the_mean_of_the_actors_loses_them_too(threshold: str) -> None:
    running = trainer(Pruning(sparsity=0.75, begin=0.2, end=0.8, every=2, threshold=threshold), learning_rate=0.05)
    actor, average = weights_of(running)
    before = [torch.ones_like(mask) for mask in actor.masks]
    alive = []
    for _ in range(10):
        frozen = [weight.detach().clone() for weight in actor.free.weights]
        running.iterate()
        for number, (mask, old) in enumerate(zip(actor.masks, before, strict=True)):
            assert bool((mask <= old).all())
            assert bool((mask.sum(1) >= 1.0).all())
            assert torch.equal(mask, average.masks[number])
            gone = mask == 0.0
            assert not actor()[number].weight.transpose(1, 2)[gone].any()
            assert not actor()[number].bias[:, 0][gone].any()
            assert not actor()[number + 1].weight[gone].any()
            # Neurons that are there learn.
            moved = actor.free.weights[number] != frozen[number]
            assert bool((moved.any(1) | gone).all())
        before = [mask.clone() for mask in actor.masks]
        alive.append([int(mask[0].sum()) for mask in actor.masks])
    if threshold == "quantile":  # steps after 2, 4, 6 and 8: w = 0, 0.75 (1 - (2/3)^3), 0.75 (1 - (1/3)^3), 0.75
        assert alive == [[16, 16]] * 4 + [[8, 8]] * 2 + [[4, 4]] * 4
    else:
        assert alive[-1] != [16, 16]


def test_what_adam_remembers_of_a_neuron_does_not_bring_it_back() -> None:
    weights = masked((3, 4, 2), agents=1, share=0.0)
    optimiser = torch.optim.Adam(weights.parameters(), lr=0.1)
    x, target = torch.randn(1, 20, 3, generator=Generator().manual_seed(1)), torch.ones(1, 20, 2)

    def step() -> None:
        optimiser.zero_grad()
        (mlp(x, weights()) - target).square().mean().backward()
        optimiser.step()

    for _ in range(3):
        step()
    weights.mask0[0, 2] = 0.0
    before = weights.free.weights[0][0, :, 2].clone()
    for _ in range(3):
        step()
        assert not weights.free.weights[0].grad[0, :, 2].any()
        assert not weights()[0].weight[0, :, 2].any()
        assert not weights()[1].weight[0, 2].any()
    assert not torch.equal(weights.free.weights[0][0, :, 2], before)  # Adam goes on, behind the mask


def test_pruning_at_the_very_end_reaches_what_is_kept() -> None:
    running = trainer(Pruning(sparsity=0.5, begin=1.0, end=1.0))
    for _ in range(10):
        running.iterate()
    for weights in weights_of(running):
        assert [mask.sum(1).tolist() for mask in weights.masks] == [[8.0, 8.0], [8.0, 8.0]]


def test_followers_and_shared_weights_are_pruned_too() -> None:
    running = trainer(
        Pruning(sparsity=0.5, begin=0.0, end=0.0, every=1), followers="learn", weights="shared", lead_in=0.5
    )
    for _ in range(10):
        running.iterate()
    for side in running.sides.values():
        assert [mask.sum(1).tolist() for mask in side.learner.actor.body.weights.masks] == [[8.0], [8.0]]


def test_the_threshold_as_printed_says_what_it_does_and_which_setting_it_is() -> None:
    running = trainer(Pruning(sparsity=0.001, begin=0.0, end=0.1, every=1, threshold="literal"))
    weights_of(running)[0].free.weights[2].data[0] *= 100.0  # as large as the others': player 0 keeps its neurons
    running.iterate()  # w = 0
    expected = (
        r'^recipe\.pruning: threshold = "literal" leaves hidden layer 1 no neuron at a sparsity of 0\.001 '
        r'\(iteration 1\), expected "quantile" or "cumulative"$'
    )
    with pytest.raises(InputError, match=expected):
        running.iterate()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"weights": "generated"}, r'^recipe: pruning with weights = "generated", expected weights = "own" or "sh'),
        ({"network": "lstm"}, r'^recipe: pruning with network = "lstm", expected network = "mlp"$'),
        ({"network": "set", "leaders_see": "set"}, r'^recipe: pruning with network = "set", expected network = "mlp"$'),
    ],
)
def test_what_cannot_be_pruned_is_refused(settings: dict[str, str], text: str) -> None:
    with pytest.raises(InputError, match=text):
        trainer(Pruning(), **settings)
