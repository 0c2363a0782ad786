import math

import pytest
import torch
from torch import Generator

from simmig.learning.networks import mlp
from simmig.learning.weights import FreeWeights, GeneratedWeights, Layer, MaskedWeights

SIZES = (10, 24, 16, 3)


def draw(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("make", [FreeWeights, GeneratedWeights])
def test_layers_are_stacked_input_by_output(make) -> None:
    weights = make(4, SIZES, draw())
    layers = weights()
    assert [tuple(layer.weight.shape) for layer in layers] == [(4, 10, 24), (4, 24, 16), (4, 16, 3)]
    assert [tuple(layer.bias.shape) for layer in layers] == [(4, 1, 24), (4, 1, 16), (4, 1, 3)]
    assert weights.sizes == SIZES
    assert not any(layer.bias.any() for layer in layers)


def test_free_layers_start_orthogonal_for_each_agent() -> None:
    layers = FreeWeights(3, SIZES, draw(), last_gain=0.01)()
    for layer, gain in zip(layers, (math.sqrt(2.0), math.sqrt(2.0), 0.01), strict=True):
        for weight in layer.weight:
            small = weight if weight.shape[0] <= weight.shape[1] else weight.T
            torch.testing.assert_close(small @ small.T, gain**2 * torch.eye(len(small)), rtol=1e-4, atol=1e-5 * gain**2)
    first, second, _ = layers[0].weight
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("make", [FreeWeights, GeneratedWeights])
def test_the_same_luck_gives_the_same_weights_whatever_the_process_has_drawn(make) -> None:
    torch.manual_seed(0)
    one = make(2, SIZES, draw())()
    torch.manual_seed(5)
    same, other = make(2, SIZES, draw())(), make(2, SIZES, draw(2))()
    for ours, theirs, others in zip(one, same, other, strict=True):
        assert torch.equal(ours.weight, theirs.weight)
        assert not torch.equal(ours.weight, others.weight)


def test_masked_neurons_have_the_effect_of_no_neuron() -> None:
    """The network whose masked neurons are taken out by hand gives the same outputs."""
    free = FreeWeights(2, SIZES, draw())
    for bias in free.biases:
        bias.data.normal_(generator=draw(3))
    masked = MaskedWeights(free)
    keep = [torch.rand(2, 24, generator=draw(4)) < 0.5, torch.rand(2, 16, generator=draw(5)) < 0.5]
    for mask, kept in zip(masked.masks, keep, strict=True):
        mask.copy_(kept)
    x = torch.randn(2, 7, 10, generator=draw(6))
    found = mlp(x, masked())
    for agent in range(2):
        rows, alone = torch.ones(10, dtype=torch.bool), []
        for (weight, bias), columns in zip(
            free(), (*(each[agent] for each in keep), torch.ones(3).bool()), strict=True
        ):
            alone.append(Layer(weight[agent : agent + 1, rows][..., columns], bias[agent : agent + 1, :, columns]))
            rows = columns
        torch.testing.assert_close(found[agent : agent + 1], mlp(x[agent : agent + 1], alone), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(found, mlp(x, free()))


def test_a_masked_neuron_has_no_weight_in_and_none_out() -> None:
    """Either alone would silence it; with both, what counts weights or neurons sees that it is gone."""
    free = FreeWeights(2, SIZES, draw())
    for bias in free.biases:
        bias.data.fill_(1.0)
    masked = MaskedWeights(free)
    masked.masks[0][1, 5] = 0.0
    first, second, _ = masked()
    assert not first.weight[1, :, 5].any()
    assert not first.bias[1, 0, 5].any()
    assert not second.weight[1, 5].any()
    assert first.weight[0, :, 5].any()
    assert second.weight[0, 5].any()
    assert second.bias[1].all()


def test_without_masks_the_masked_weights_are_the_free_ones() -> None:
    free = FreeWeights(2, SIZES, draw())
    for ours, theirs in zip(MaskedWeights(free)(), free(), strict=True):
        assert torch.equal(ours.weight, theirs.weight)
        assert torch.equal(ours.bias, theirs.bias)


def test_a_masked_neuron_learns_nothing() -> None:
    free = FreeWeights(1, SIZES, draw())
    masked = MaskedWeights(free)
    masked.masks[0][0, 5] = 0.0
    mlp(torch.randn(1, 9, 10, generator=draw(2)), masked()).square().sum().backward()
    into, bias, out = free.weights[0].grad, free.biases[0].grad, free.weights[1].grad
    assert into is not None
    assert bias is not None
    assert out is not None
    assert not into[0, :, 5].any()
    assert not bias[0, 0, 5].any()
    assert not out[0, 5].any()
    assert into[0, :, 4].any()
    assert out[0, 4].any()


def test_masks_are_kept_with_the_weights() -> None:
    masked, other = (MaskedWeights(FreeWeights(2, SIZES, draw(seed))) for seed in (1, 2))
    masked.masks[1][0, 3] = 0.0
    other.load_state_dict(masked.state_dict())
    assert other.masks[1][0, 3] == 0.0
    assert torch.equal(other()[2].weight, masked()[2].weight)


@pytest.mark.parametrize(("sizes", "last_gain"), [((10, 64, 64, 1), 1.0), ((30, 128, 64, 4), 0.01)])
def test_generated_layers_start_with_the_variance_of_free_ones(sizes, last_gain) -> None:
    made = GeneratedWeights(300, sizes, draw(), last_gain)()
    free = FreeWeights(300, sizes, draw(2), last_gain)()
    for ours, theirs in zip(made, free, strict=True):
        ratio = float(ours.weight.detach().square().mean() / theirs.weight.detach().square().mean())
        # The heads are drawn once for all agents: 64 numbers behind each weight, few weights in the last layer.
        assert ratio == pytest.approx(1.0, abs=0.15)


def test_each_agent_gets_its_own_generated_weights_from_its_embedding_alone() -> None:
    weights = GeneratedWeights(3, SIZES, draw())
    before = [layer.weight.clone() for layer in weights()]
    assert not torch.allclose(before[0][0], before[0][1])
    with torch.no_grad():
        weights.embedding[1] = weights.embedding[0]
    after = [layer.weight for layer in weights()]
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new[0], old[0])
        torch.testing.assert_close(new[1], old[0])
        torch.testing.assert_close(new[2], old[2])


def test_generated_weights_are_the_heads_of_the_hidden_code() -> None:
    """A second implementation with loops: code = tanh(e A + a), weights = code H + h, row by row, then the biases."""
    weights = GeneratedWeights(2, (3, 4, 2), draw(), embedding=5, hidden=6)
    for parameter in weights.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=draw(9)), alpha=0.1)
    trunk, bias = weights.trunk.weights[0][0], weights.trunk.biases[0][0, 0]
    for layer, head, (wide, narrow) in zip(weights(), weights.heads, ((3, 4), (4, 2)), strict=True):
        for agent in range(2):
            code = torch.tanh(trunk.T @ weights.embedding[agent] + bias)
            flat = head.weights[0][0].T @ code + head.biases[0][0, 0]
            for row in range(wide):
                torch.testing.assert_close(layer.weight[agent, row], flat[row * narrow : (row + 1) * narrow])
            torch.testing.assert_close(layer.bias[agent, 0], flat[wide * narrow :])


def test_a_loss_of_one_agent_reaches_its_embedding_and_the_shared_heads_but_no_other_embedding() -> None:
    weights = GeneratedWeights(3, SIZES, draw())
    mlp(torch.randn(3, 5, 10, generator=draw(2)), weights())[1].square().sum().backward()
    grads = {name: parameter.grad for name, parameter in weights.named_parameters()}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    embedding = grads.pop("embedding")
    assert embedding is not None
    assert embedding[1].abs().min() > 0.0
    assert not embedding[[0, 2]].any()
    assert all(grad.any() for grad in grads.values() if grad is not None)
