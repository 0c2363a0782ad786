import pytest
import torch
from torch import Generator, Tensor, nn

from simmig.env.observations import Observation, ObservationSizes
from simmig.learning.networks import FlatNetwork, RecurrentNetwork, SetNetwork, mlp, network_for
from simmig.learning.weights import FreeWeights


def draw(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=draw(seed))


def shaken(module: nn.Module) -> nn.Module:
    """The module with biases and gains that are not those of the start."""
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.add_(noise(*parameter.shape, seed=100 + number), alpha=0.1)
    return module


def modules_of(weights: FreeWeights) -> list[nn.Sequential]:
    """The same networks as torch's own, one for each agent."""
    found = []
    for agent in range(len(weights.weights[0])):
        parts: list[nn.Module] = []
        for weight, bias in zip(weights.weights, weights.biases, strict=True):
            layer = nn.Linear(weight.shape[1], weight.shape[2])
            layer.weight.data, layer.bias.data = weight.data[agent].T.clone(), bias.data[agent, 0].clone()
            parts += [layer, nn.Tanh()]
        found.append(nn.Sequential(*parts[:-1]))
    return found


@pytest.mark.parametrize("rows", [11, 1500])
def test_stacked_perceptrons_are_a_loop_of_torch_modules_and_so_are_their_gradients(rows) -> None:
    weights = shaken(FreeWeights(3, (5, 8, 6, 2), draw()))
    assert isinstance(weights, FreeWeights)
    x = noise(3, rows, 5)
    untouched = x.clone()
    found = mlp(x, weights())
    modules = modules_of(weights)
    expected = torch.stack([module(own) for module, own in zip(modules, x, strict=True)])
    torch.testing.assert_close(found, expected)
    assert torch.equal(x, untouched)
    found.square().mean().backward()
    expected.square().mean().backward()
    for agent, module in enumerate(modules):
        for number, layer in enumerate(module[::2]):
            ours, theirs = weights.weights[number].grad, layer.weight.grad
            assert ours is not None
            torch.testing.assert_close(ours[agent].T, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("body", ["mlp", "lstm", "set"])
def test_one_shared_network_is_a_stack_of_copies(body) -> None:
    sizes = ObservationSizes(3, 4, 5, 2)
    shared = shaken(network(body, 1, sizes))
    stacked = network(body, 3, sizes)
    with torch.no_grad():
        for name, parameter in stacked.named_parameters():
            source = shared.get_parameter(name.replace("memory.1", "memory.0").replace("memory.2", "memory.0"))
            parameter.copy_(source.expand(parameter.shape))
    seen = seen_by(3, 6, sizes)
    torch.testing.assert_close(shared(seen), stacked(seen), rtol=1e-5, atol=1e-6)


def network(body, agents: int, sizes: ObservationSizes) -> nn.Module:
    return network_for(body, agents, sizes, 2, width=8, cells=7, draw=draw(), last_gain=1.0)


def seen_by(agents: int, games: int, sizes: ObservationSizes, rivals: int = 4) -> Observation:
    history, now = noise(agents, games, sizes.slots, sizes.step), noise(agents, games, sizes.now, seed=3)
    if not sizes.other:
        return Observation(history, now)
    is_other = torch.rand(agents, games, rivals, generator=draw(5)) < 0.6
    others = noise(agents, games, rivals, sizes.other, seed=4) * is_other[..., None]
    return Observation(history, now, others, is_other)


def test_each_agent_hears_only_itself() -> None:
    for body in ("mlp", "lstm", "set"):
        sizes = ObservationSizes(3, 4, 5, 2)
        module, seen = shaken(network(body, 3, sizes)), seen_by(3, 6, sizes)
        before = module(seen)
        changed = seen._replace(history=seen.history.clone())
        changed.history[1] += 1.0
        after = module(changed)
        assert torch.equal(before[[0, 2]], after[[0, 2]])
        assert not torch.allclose(before[1], after[1])


def test_the_flat_network_reads_history_then_now() -> None:
    sizes = ObservationSizes(3, 4, 5, 0)
    module, seen = shaken(network("mlp", 2, sizes)), seen_by(2, 6, sizes)
    assert isinstance(module, FlatNetwork)
    flat = torch.cat([seen.history.reshape(2, 6, 12), seen.now], -1)
    torch.testing.assert_close(module(seen), mlp(flat, module.weights()))


def lstm_by_hand(memory: nn.LSTM, x: Tensor) -> Tensor:
    """The last output for x[L, B, in], gate by gate from torch's documentation of LSTM."""
    for layer in range(memory.num_layers):
        hidden = cell = torch.zeros(x.shape[1], memory.hidden_size)
        outputs = []
        names = (f"{kind}_l{layer}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        w_in, w_own, b_in, b_own = (getattr(memory, name) for name in names)
        for step in x:
            gates = step @ w_in.T + b_in + hidden @ w_own.T + b_own
            enter, forget, new, out = gates.chunk(4, -1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
            hidden = torch.sigmoid(out) * torch.tanh(cell)
            outputs.append(hidden)
        x = torch.stack(outputs)
    return x[-1]


@pytest.mark.parametrize("agents", [1, 3])
def test_the_recurrent_network_is_perceptron_two_lstm_layers_perceptron(agents) -> None:
    sizes = ObservationSizes(4, 3, 2, 0)
    module, seen = shaken(network("lstm", agents, sizes)), seen_by(agents, 5, sizes)
    assert isinstance(module, RecurrentNetwork)
    found = module(seen)
    for agent in range(agents):
        inward, outward = modules_of(module.inward)[agent], modules_of(module.outward)[agent]
        memory = module.memory[agent]
        assert isinstance(memory, nn.LSTM)
        assert memory.num_layers == 2
        slots = [torch.cat([seen.history[agent, :, slot], seen.now[agent]], -1) for slot in range(4)]
        features = torch.tanh(inward(torch.stack(slots)))
        torch.testing.assert_close(features, torch.tanh(torch.stack([inward(each) for each in slots])))
        expected = outward(lstm_by_hand(memory, features))
        torch.testing.assert_close(found[agent], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found[agent], outward(memory(features)[0][-1]), rtol=1e-4, atol=1e-5)


def test_a_shared_lstm_keeps_players_and_games_apart() -> None:
    sizes = ObservationSizes(4, 3, 2, 0)
    module, seen = shaken(network("lstm", 1, sizes)), seen_by(3, 5, sizes)
    found = module(seen)
    for agent in range(3):
        for game in range(5):
            alone = Observation(
                seen.history[agent : agent + 1, game : game + 1], seen.now[agent : agent + 1, game : game + 1]
            )
            torch.testing.assert_close(found[agent, game], module(alone)[0, 0], rtol=1e-4, atol=1e-5)


def test_a_recurrent_network_starts_from_its_own_luck_alone() -> None:
    torch.manual_seed(0)
    one = network("lstm", 2, ObservationSizes(4, 3, 2, 0))
    torch.manual_seed(9)
    same = network("lstm", 2, ObservationSizes(4, 3, 2, 0))
    for ours, theirs in zip(one.parameters(), same.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    recurrent = [parameter for name, parameter in one.named_parameters() if "memory" in name]
    assert all(parameter.abs().max() <= 7**-0.5 for parameter in recurrent)
    assert not torch.equal(recurrent[0], recurrent[8])  # those of the second agent


def set_by_hand(module: SetNetwork, seen: Observation, agent: int, game: int) -> Tensor:
    """One player in one game, rival by rival."""
    assert seen.others is not None
    assert seen.is_other is not None
    each, outward = modules_of(module.each)[agent], modules_of(module.outward)[agent]
    own = torch.cat([seen.history[agent, game].reshape(-1), seen.now[agent, game]])
    there = [
        torch.tanh(each(other))
        for other, is_there in zip(seen.others[agent, game], seen.is_other[agent, game], strict=True)
        if is_there
    ]
    if not there:
        return outward(torch.cat([own, torch.zeros(16)]))
    known = torch.stack(there)
    return outward(torch.cat([own, known.mean(0), known.amax(0)]))


def test_the_set_network_takes_mean_and_largest_over_the_rivals_that_there_are() -> None:
    sizes = ObservationSizes(3, 4, 5, 2)
    module, seen = shaken(network("set", 2, sizes)), seen_by(2, 12, sizes)
    assert isinstance(module, SetNetwork)
    assert seen.is_other is not None
    seen.is_other[0, 3] = False  # nobody there
    found = module(seen)
    for agent in range(2):
        for game in range(12):
            torch.testing.assert_close(found[agent, game], set_by_hand(module, seen, agent, game), rtol=1e-4, atol=1e-5)


def test_the_set_network_does_not_mind_the_order_of_rivals_nor_how_many_places_are_empty() -> None:
    sizes = ObservationSizes(3, 4, 5, 2)
    module, seen = shaken(network("set", 2, sizes)), seen_by(2, 12, sizes)
    assert seen.others is not None
    assert seen.is_other is not None
    found = module(seen)
    order = torch.tensor([2, 0, 3, 1])
    permuted = seen._replace(others=seen.others[:, :, order], is_other=seen.is_other[:, :, order])
    torch.testing.assert_close(module(permuted), found, rtol=1e-5, atol=1e-6)
    wider = seen._replace(
        others=torch.cat([seen.others, noise(2, 12, 5, 2)], 2),
        is_other=torch.cat([seen.is_other, torch.zeros(2, 12, 5, dtype=torch.bool)], 2),
    )
    torch.testing.assert_close(module(wider), found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("body", ["mlp", "lstm", "set"])
def test_the_last_layer_starts_as_large_as_it_is_told(body) -> None:
    sizes = ObservationSizes(3, 4, 5, 2)
    small, full = (
        network_for(body, 2, sizes, 2, width=8, cells=7, draw=draw(), last_gain=gain)(seen_by(2, 6, sizes))
        for gain in (0.01, 1.0)
    )
    torch.testing.assert_close(small, 0.01 * full, rtol=1e-4, atol=1e-6)
