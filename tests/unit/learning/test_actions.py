import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Generator, Tensor

from simmig.learning.actions import ActionHead, Beta, Squashed

MEANS, DEVIATIONS = (-1.5, 0.0, 2.0), (0.3, 1.0, 1.7)
BETAS = ((1.3, 4.0), (2.5, 2.5), (9.0, 1.5))


def draw(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def squashed(mean: float, deviation: float) -> Squashed:
    return Squashed(torch.full((1, 1, 1), mean, dtype=torch.float64), torch.full((1, 1, 1), math.log(deviation)))


def beta(first: float, second: float) -> Beta:
    return Beta(torch.full((1, 1, 1), first, dtype=torch.float64), torch.full((1, 1, 1), second, dtype=torch.float64))


LAWS = [
    *((squashed(mean, deviation), (-np.inf, np.inf)) for mean in MEANS for deviation in DEVIATIONS),
    *((beta(*each), (0.0, 1.0)) for each in BETAS),
]


def density(law: Squashed | Beta, at: float) -> float:
    return math.exp(law.log_density(torch.full((1, 1, 1), at, dtype=torch.float64)).item())


@pytest.mark.parametrize(("law", "ends"), LAWS)
def test_densities_integrate_to_one_and_the_entropy_is_the_mean_surprise(law, ends) -> None:
    total, _ = integrate.quad(lambda x: density(law, x), *ends)
    assert total == pytest.approx(1.0, abs=1e-6)
    surprise, _ = integrate.quad(lambda x: -density(law, x) * math.log(max(density(law, x), 1e-300)), *ends)
    assert law.entropy().item() == pytest.approx(surprise, abs=1e-5)


@pytest.mark.parametrize(("mean", "deviation"), [(-1.5, 0.3), (2.0, 1.7)])
def test_squashed_draws_follow_their_law(mean, deviation) -> None:
    law = Squashed(torch.full((1, 4000, 1), mean), torch.full((1, 1, 1), math.log(deviation)))
    raw = law.draw(draw())
    assert stats.kstest(raw.flatten().numpy(), stats.norm(mean, deviation).cdf).pvalue > 0.01
    torch.testing.assert_close(law.share(raw), 1.0 / (1.0 + torch.exp(-raw)))


@pytest.mark.parametrize(("first", "second"), BETAS)
def test_beta_draws_follow_their_law(first, second) -> None:
    law = Beta(torch.full((1, 4000, 1), first), torch.full((1, 4000, 1), second))
    raw = law.draw(draw())
    assert stats.kstest(raw.flatten().numpy(), stats.beta(first, second).cdf).pvalue > 0.01
    assert torch.equal(law.share(raw), raw)


def test_draws_are_independent_over_players_games_and_components() -> None:
    for law in (
        Squashed(torch.zeros(2, 3000, 2), torch.zeros(2, 1, 2)),
        Beta(torch.full((2, 3000, 2), 2.0), torch.full((2, 3000, 2), 2.0)),
    ):
        columns = law.draw(draw()).permute(0, 2, 1).reshape(4, 3000).numpy()
        apart = np.abs(np.corrcoef(columns) - np.eye(4)).max()
        assert apart < 4.0 / math.sqrt(3000)


@pytest.mark.parametrize("kind", ["squashed", "beta"])
def test_the_same_luck_draws_the_same_whatever_the_process_has_drawn(kind) -> None:
    head = ActionHead(kind, 2, 3, 1.5)
    law = head(torch.randn(2, 5, head.outputs, generator=draw(3)))
    torch.manual_seed(0)
    one = law.draw(draw(7))
    torch.manual_seed(1)
    assert torch.equal(one, law.draw(draw(7)))
    assert not torch.equal(one, law.draw(draw(8)))


def test_the_best_action_is_the_median_of_a_squashed_law() -> None:
    for mean in MEANS:
        assert squashed(mean, 0.7).best().item() == pytest.approx(1.0 / (1.0 + math.exp(-mean)), rel=1e-12)


def test_the_best_action_is_the_peak_of_a_beta_law() -> None:
    grid = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    for first, second in BETAS:
        law = beta(first, second)
        peak = grid[law.log_density(grid[None, :, None]).argmax()]
        assert law.best().item() == pytest.approx(float(peak), abs=1e-3)


def test_extreme_beta_draws_have_a_density() -> None:
    """In single precision x / (x + y) is often exactly 1 here, where the density is 0."""
    law = Beta(torch.full((1, 500, 1), 1e9), torch.full((1, 500, 1), 1.5))
    raw = law.draw(draw())
    assert 0.0 < raw.min() <= raw.max() < 1.0
    assert law.log_density(raw).isfinite().all()


def gradient(kind, outputs: Tensor, raw: Tensor) -> Tensor:
    outputs = outputs.clone().requires_grad_()
    ActionHead(kind, 1, 1, 0.8)(outputs).log_density(raw).sum().backward()
    assert outputs.grad is not None
    return outputs.grad


def test_the_density_of_a_squashed_law_rises_towards_its_draw() -> None:
    """The score of a normal mean: (x - m) / s^2."""
    found = gradient("squashed", torch.tensor([[[0.5]]]), torch.tensor([[[1.3]]]))
    assert found.item() == pytest.approx((1.3 - 0.5) / 0.8**2, rel=1e-5)


@pytest.mark.parametrize("kind", ["squashed", "beta"])
def test_no_gradient_flows_through_a_draw(kind) -> None:
    head = ActionHead(kind, 1, 1, 0.8)
    with torch.no_grad():
        raw = head(torch.zeros(1, 4, head.outputs)).draw(draw())
    assert not raw.requires_grad
    assert gradient(kind, torch.zeros(1, 4, head.outputs), raw).isfinite().all()


def test_the_head_of_a_squashed_law_has_a_deviation_for_each_player_and_component() -> None:
    head = ActionHead("squashed", 3, 2, 1.5)
    outputs = torch.randn(3, 4, 2, generator=draw())
    law = head(outputs)
    assert isinstance(law, Squashed)
    assert head.outputs == 2
    assert torch.equal(law.mean, outputs)
    torch.testing.assert_close(head.log_deviation.detach().exp(), torch.full((3, 1, 2), 1.5))
    assert law.entropy().shape == (3, 4, 2)


def test_the_head_of_a_beta_law_has_one_peak_whatever_the_outputs() -> None:
    head = ActionHead("beta", 3, 2, 1.5)
    assert head.outputs == 4
    law = head(torch.randn(3, 100, 4, generator=draw()) * 10.0)
    assert isinstance(law, Beta)
    assert law.first.shape == law.second.shape == (3, 100, 2)
    assert law.first.min() >= 1.0
    assert law.second.min() >= 1.0
    middle = head(torch.zeros(3, 1, 4)).best()
    torch.testing.assert_close(middle, torch.full((3, 1, 2), 0.5))
    more = torch.tensor([1.0, 0.0, 0.0, 0.0])  # a larger first parameter of the first component moves it up
    assert (head(more.expand(3, 1, 4)).best()[..., 0] > 0.5).all()
    assert (head(more.expand(3, 1, 4)).best()[..., 1] == 0.5).all()
