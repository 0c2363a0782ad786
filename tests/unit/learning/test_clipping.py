"""Whose gradients are measured together, and that networks give the same answers however their products are taken."""

import pytest
import torch

from simmig.env.observations import ObservationSizes
from simmig.learning.gradient import clip_by_player
from simmig.learning.learner import Learner, Shape
from simmig.learning.networks import _MANY, mlp
from simmig.learning.recipe import Recipe
from simmig.learning.weights import FreeWeights

SHAPE = Shape(3, ObservationSizes(2, 2, 3, 0), 1, 1)
MOST = 0.5


def learner_with_gradients(**settings) -> Learner:
    draw = torch.Generator().manual_seed(1)
    learner = Learner(Recipe(width=8, cells=4, **settings), SHAPE, draw)
    for slope in learner.tables.slopes:
        slope.copy_(torch.randn(slope.shape, generator=draw))
    return learner


def gradients_of(learner: Learner) -> dict[str, torch.Tensor]:
    """What is kept for each parameter, by its name."""
    names = {id(parameter): name for name, parameter in learner.named_parameters()}
    tables = learner.tables
    return {names[id(p)]: slope for p, slope in zip(tables.learned, tables.slopes, strict=True)}


def shares_of(name, gradient, settings):
    """By hand: (who, that player's part) of one gradient; None is what all share."""
    if settings.get("weights") == "shared" or "trunk" in name or "heads" in name:
        return [(None, gradient)]
    if "memory" in name:
        return [(int(name.split("memory.")[1][0]), gradient)]
    return list(enumerate(gradient))


@pytest.mark.parametrize(
    "settings", [{}, {"network": "lstm"}, {"weights": "shared"}, {"weights": "generated"}, {"critic": "central"}]
)
def test_each_player_s_gradient_is_scaled_by_its_own_norm(settings) -> None:
    learner = learner_with_gradients(**settings)
    for slope in learner.tables.slopes:
        slope[0] *= 1e-4  # a player whose gradient is small already, where there are players
    before = {name: slope.clone() for name, slope in gradients_of(learner).items()}
    clip_by_player(learner, MOST)
    for part in ("actor", "critic"):
        norms: dict[int | None, float] = {}
        own = {name: gradient for name, gradient in before.items() if name.startswith(part)}
        for name, gradient in own.items():
            for who, piece in shares_of(name, gradient, settings):
                norms[who] = norms.get(who, 0.0) + float(piece.double().square().sum())
        for name, gradient in own.items():
            after = gradients_of(learner)[name]
            pieces = zip(shares_of(name, gradient, settings), shares_of(name, after, settings), strict=True)
            for (who, old), (_, new) in pieces:
                torch.testing.assert_close(new, old * min(1.0, MOST / norms[who] ** 0.5))


def test_every_parameter_that_learns_is_owned_once() -> None:
    for settings in ({}, {"network": "lstm"}, {"weights": "shared"}, {"weights": "generated"}):
        learner = learner_with_gradients(**settings)
        listed = [id(p) for p in learner.tables.learned]
        assert sorted(listed) == sorted(id(p) for p in learner.parameters() if p.requires_grad)


def test_many_rows_give_what_few_rows_give_gradients_included() -> None:
    draw = torch.Generator().manual_seed(2)
    weights = FreeWeights(3, (5, 8, 8, 2), draw)
    x = torch.randn(3, 2 * _MANY - 2, 5, generator=draw)
    halves = torch.cat([mlp(half, weights()) for half in x.chunk(2, 1)], 1)
    halves.square().sum().backward()
    expected = [p.grad.clone() for p in weights.parameters()]
    weights.zero_grad()
    whole = mlp(x, weights())
    whole.square().sum().backward()
    torch.testing.assert_close(whole, halves)
    for parameter, gradient in zip(weights.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-4)


def test_a_network_leaves_what_it_is_shown_alone() -> None:
    draw = torch.Generator().manual_seed(2)
    for agents, rows in ((1, 4), (3, 4), (3, _MANY)):
        x = torch.randn(3, rows, 5, generator=draw)
        kept = x.clone()
        mlp(x, FreeWeights(agents, (5, 8, 2), draw)())
        assert torch.equal(x, kept)
