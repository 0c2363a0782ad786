"""The payoffs of a batch of games as tensors: the numbers that the games give, without checks, in microseconds.

Sizes: B games, I followers, J leaders. What followers answer is left to the games, whose solvers are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from simmig.errors import InputError
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame

if TYPE_CHECKING:
    import numpy as np

    from simmig.contracts import PricingGame


_ROUNDING = 1e-9  # relative: best replies meet a deadline or a budget up to the last bits


class Payoffs(Protocol):
    """What prices and demands are worth. Prices are [B, J], or [B, I, J] with individual prices; demands [B, I, J]."""

    cost: Tensor  # of `price`'s shape
    price_max: Tensor
    eligible: Tensor  # [B, I, J]
    is_separable: bool  # whether a purchase changes the worth of none of the same follower's others

    def profit(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return the leaders' utilities, [B, J]; with individual prices what each follower brings, [B, I, J]."""

    def purchases(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return what each purchase is worth to its follower, [B, I, J]; the utility of 002 and 003 is their sum."""

    def is_late(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return whose expected migration delay exceeds the deadline, [B, I] bool."""


def payoffs_of(game: PricingGame, device: str = "cpu") -> Payoffs:
    """Return the payoffs of games with one batch axis; InputError for games of a kind that has none here."""
    if isinstance(game, SocialGame):
        return SocialPayoffs(game, device)
    if isinstance(game, ImmersionGame):
        return ImmersionPayoffs(game, device)
    if isinstance(game, EmbodiedGame):
        return EmbodiedPayoffs(game, device)
    raise InputError(f"{type(game).__name__}: learners cannot play it, expected a social, immersion or embodied game")


def tensor(values: np.ndarray, device: str) -> Tensor:
    """Return a copy as a tensor: float64 stays float64."""
    return torch.tensor(values, device=device)  # a copy, because the games' arrays are read-only


class SocialPayoffs:
    """002, equations (1), (2) and (6)."""

    is_separable = True

    def __init__(self, game: SocialGame, device: str) -> None:
        self.cost, self.price_max = tensor(game.cost, device), tensor(game.price_max, device)
        self.eligible = tensor(game.eligible, device)
        self._alpha, self._beta = tensor(game.alpha, device)[..., None], tensor(game.beta, device)[..., None]
        self._ties, self._deadline_s = tensor(game.ties, device), tensor(game.deadline_s, device)
        self._work, self._delay_s = tensor(game.work, device), tensor(game.delay_s, device)
        self._has_ties = bool(self._ties.any())

    def profit(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return theta_j sum_i b_ij (p_j - c_j), [B, J]."""
        return (self._pairing(price) * demand).sum(-2) * (price - self.cost)

    def purchases(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return theta_ij b_ij (alpha_i - beta_i b_ij + sum_k w_ik b_kj - p_j), [B, I, J]."""
        value = self._alpha - self._beta * demand - price[:, None, :]
        if self._has_ties:
            value = value + self._ties @ demand
        return self._pairing(price) * demand * value

    def is_late(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return whether sum_j theta_ij T_ij > K_i, [B, I]; T_ij is infinite where nothing is bought."""
        theta = self._pairing(price)
        mean_s = torch.where(theta > 0.0, theta * (self._work / demand + self._delay_s), 0.0).sum(-1)
        return mean_s > self._deadline_s * (1.0 + _ROUNDING)

    def _pairing(self, price: Tensor) -> Tensor:
        return shares(self.eligible / price[:, None, :])


class ImmersionPayoffs:
    """001, equations (8) and (11); a follower that spends more than its budget is treated as one that is late."""

    is_separable = True

    def __init__(self, game: ImmersionGame, device: str) -> None:
        shape = game.eligible.shape
        is_wide = game.individual_prices
        self.eligible = tensor(game.eligible, device)
        cap = tensor(game.price_max, device)
        self._cost = tensor(game.cost, device)
        self.cost = self._cost[:, None, :].expand(shape).clone() if is_wide else self._cost
        # A uniform price is bounded by the least cap of those who may buy.
        open_cap = torch.where(self.eligible, cap, cap.amax(-2, keepdim=True)).amin(-2)
        self.price_max = cap if is_wide else torch.maximum(open_cap, self._cost)
        score = torch.log(tensor(game.ssim, device) / tensor(game.ssim_threshold, device)[..., None])
        self._worth = torch.where(self.eligible, tensor(game.delta, device)[..., None] * score, 0.0)
        self._efficiency = torch.where(self.eligible, tensor(game.efficiency, device), 0.0)
        self._budget = tensor(game.budget, device)

    def profit(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return (p_ij - c_j) b_ij, [B, I, J], or its sum over followers, [B, J], if prices are uniform."""
        if price.ndim == 3:
            return (price - self.cost) * demand
        return (price - self.cost) * demand.sum(-2)

    def purchases(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return delta_i S_ij ln(1 + b_ij q_j) - p_ij b_ij, [B, I, J]."""
        return self._worth * torch.log1p(demand * self._efficiency) - self._posted(price) * demand

    def is_late(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return who spends more than its budget, [B, I]: the constraint that this game has in a deadline's place."""
        return (self._posted(price) * demand).sum(-1) > self._budget * (1.0 + _ROUNDING)

    def _posted(self, price: Tensor) -> Tensor:
        return price if price.ndim == 3 else price[:, None, :]


class EmbodiedPayoffs:
    """003, equations (9) to (11)."""

    def __init__(self, game: EmbodiedGame, device: str) -> None:
        plain = game.plain
        self._game = game
        self._pair_cost = tensor(plain.cost, device)
        self.price_max = tensor(plain.price_max, device)
        self.eligible = tensor(plain.eligible, device)
        # A leader's lowest price: below its cost for somebody it would pay for what it sells.
        dear = torch.where(self.eligible, self._pair_cost, -torch.inf).amax(-2)
        self.cost = torch.where(dear.isfinite(), torch.minimum(dear, self.price_max), self._pair_cost.amax(-2))
        self._quality = torch.where(self.eligible, tensor(plain.quality, device), 0.0)
        self._delta, self._ties = tensor(plain.delta, device)[..., None], tensor(plain.ties, device)
        self._complement = tensor(plain.complement, device)
        self.is_separable = not bool(self._complement.any())
        self._room = torch.e - tensor(plain.delay_cost, device)[..., None]
        self._work_s, self._delay_s = tensor(plain.work_s, device), tensor(plain.delay_s, device)
        self._deadline_s = tensor(plain.deadline_s, device)

    def profit(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return sum_i theta_ij b_ij (p_j - c_ij), [B, J]."""
        return (self._pairing(price) * demand * (price[:, None, :] - self._pair_cost)).sum(-2)

    def purchases(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return theta_ij times the worth of b_ij by the game's kind of effects, [B, I, J]."""
        gain = self._ties @ demand + demand @ self._complement
        worth = torch.log(torch.where(self.eligible, demand + self._room, 1.0)) * self._delta
        posted = price[:, None, :]
        if self._game.effects == "multiplicative":
            each = worth * (1.0 + gain) - posted * demand
        else:
            each = worth + demand * (gain - posted)
        return self._pairing(price) * each

    def is_late(self, price: Tensor, demand: Tensor) -> Tensor:
        """Return who exceeds the deadline in the mean, or buys outside the domain of (9), [B, I]."""
        theta = self._pairing(price)
        mean_s = torch.where(theta > 0.0, theta * (self._work_s / demand + self._delay_s), 0.0).sum(-1)
        is_outside = (self.eligible & (demand + self._room <= 0.0)).any(-1)
        return is_outside | (mean_s > self._deadline_s * (1.0 + _ROUNDING))

    def _pairing(self, price: Tensor) -> Tensor:
        return shares(self._quality / price[:, None, :])


def shares(pull: Tensor) -> Tensor:
    """Return each row divided by its sum; a row of zeros stays one."""
    return pull / pull.sum(-1, keepdim=True).clamp(min=torch.finfo(pull.dtype).tiny)
