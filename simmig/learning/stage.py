"""One shot of the leaders' game as tensors: shares of the price interval in, what each price earns out.

Sizes: B games, I followers, J leaders. Shares are [B, J], or [B, I, J] where every follower has a price of its own; the
followers give their best reply, which the games differentiate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from simmig.env.payoffs import payoffs_of
from simmig.errors import InputError
from simmig.games.embodied import EmbodiedGame

if TYPE_CHECKING:
    from simmig.contracts import FloatArray, PricingGame


class Stage:
    """Games with one batch axis. Unless `individual`, a leader that may price every follower by itself posts one price.

    `is_open`, of the shares' shape, tells at which prices anybody may buy.
    """

    def __init__(self, game: PricingGame, *, individual: bool = True) -> None:
        self.game, self.payoffs = game, payoffs_of(game)
        self._is_spread = self.payoffs.cost.ndim == 3 and not individual
        self.is_wide = self.payoffs.cost.ndim == 3 and individual
        self.is_open = self.payoffs.eligible if self.is_wide else self.payoffs.eligible.any(1)

    def price_at(self, share: Tensor) -> Tensor:
        """Return the prices at these shares, in the shape that the game takes."""
        wide = share[:, None, :].expand(self.payoffs.cost.shape) if self._is_spread else share
        return torch.lerp(self.payoffs.cost, self.payoffs.price_max, wide)

    @torch.no_grad()
    def profit(self, share: Tensor) -> Tensor:
        """Return what each price earns, of the shares' shape; not finite where demand has no bound."""
        price = self.price_at(share)
        return self._earned(price, torch.from_numpy(self.game.best_demand(price.numpy())))

    def slope(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each price earns, and the derivative of its leader's whole profit by that price's share.

        Each leader's own derivative, the other prices standing and the followers answering: J backward passes. Both
        are infinite in a game whose demand has no bound at these prices. InputError if it has none at the caps either.
        """
        is_lost = self._is_lost(share)
        share = torch.where(is_lost, 1.0, share.detach()).requires_grad_()
        price = self.price_at(share)
        profit = self._earned(price, self.game.best_demand(price))
        slope = torch.zeros_like(profit)
        for leader in self.is_open.flatten(0, -2).any(0).nonzero()[:, 0].tolist():
            (by_share,) = torch.autograd.grad(profit[..., leader].sum(), share, retain_graph=True)
            slope[..., leader] = by_share[..., leader]
        return torch.where(is_lost, torch.inf, profit.detach()), torch.where(is_lost, torch.inf, slope)

    def answer(self, share: Tensor) -> tuple[FloatArray, FloatArray]:
        """Return prices and demands of the first game, without batch axes."""
        price = self.price_at(share.detach())
        demand = self.game.best_demand(price.numpy())
        return price[0].numpy(), demand[0]

    def _is_lost(self, share: Tensor) -> Tensor:
        """Return in which games demand has no bound, [B, 1] or [B, 1, 1]; only that of embodied games may have none."""
        if not isinstance(self.game, EmbodiedGame):
            return torch.zeros([]).bool()
        is_lost = ~self.profit(share).isfinite().all(-1, keepdim=True)
        if bool(is_lost.any()) and not bool(self.profit(torch.where(is_lost, 1.0, share)).isfinite().all()):
            raise InputError(
                "a game's demand has no bound even at the price caps; it needs a capacity, or weaker effects"
            )
        return is_lost

    def _earned(self, price: Tensor, demand: Tensor) -> Tensor:
        profit = self.payoffs.profit(price, demand)
        return profit.sum(1) if self._is_spread else profit
