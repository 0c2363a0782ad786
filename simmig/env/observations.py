"""What each side sees when it acts, as tensors for networks: agents first, [N, B, ...].

`sight` says how far a player sees. "own": what it did itself and what came of it. "public": besides that, the mean and
the lowest of the rivals' last prices and what they sold. "set": each rival's last price and sales. In none of these
does the size depend on how many rivals there are, so that one policy plays any map. "full": every price and every
purchase, as 002, section V-A2 has it; such a policy is bound to the players it was trained with.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from simmig.env.market import Market

Sight = Literal["own", "public", "set", "full"]


class Observation(NamedTuple):
    """`history[N, B, L, F]`, the past slots with the last one last, and `now[N, B, S]`, what holds in this slot.

    `others[N, B, M, G]` are the rivals one by one where the sight is "set", `is_other[N, B, M]` which there are.
    """

    history: Tensor
    now: Tensor
    others: Tensor | None = None
    is_other: Tensor | None = None

    @property
    def sizes(self) -> ObservationSizes:
        """How much is seen."""
        other = 0 if self.others is None else self.others.shape[-1]
        return ObservationSizes(self.history.shape[2], self.history.shape[3], self.now.shape[2], other)

    def take(self, place: Tensor) -> Observation:
        """Return what is seen in the markets `place`."""
        others = None if self.others is None else self.others[:, place]
        is_other = None if self.is_other is None else self.is_other[:, place]
        return Observation(self.history[:, place], self.now[:, place], others, is_other)

    def flat(self) -> Tensor:
        """Return all that is seen as one row for each player, [N, B, all]."""
        parts = [self.history.flatten(2), self.now]
        if self.others is not None:
            parts.append(self.others.flatten(2))
        return torch.cat(parts, -1)


class ObservationSizes(NamedTuple):
    """`slots` is L, `step` F, `now` S, `other` G (0: no rivals are seen)."""

    slots: int
    step: int
    now: int
    other: int


def leaders_see(market: Market, sight: Sight) -> Observation:
    """Return what the J leaders see: N = J.

    `now` holds cost / price_max, price_max over the highest there is, how many can buy (n / (n + 1)), and the source's
    signals, which are lambda_j and mu_j in 002.
    """
    payoffs = market.payoffs
    prices, demands = market.past_price, market.past_demand
    if sight == "full":
        flat = torch.cat([prices.flatten(2), demands.flatten(2)], -1)
        history = flat.expand(market.leaders, *flat.shape)
    else:
        history = _own_past(market)
    cost, cap = _per_leader(payoffs.cost, payoffs.eligible), _per_leader(payoffs.price_max, payoffs.eligible)
    buyers = payoffs.eligible.sum(1)
    now = torch.stack([cost / cap, cap / market.price_scale, buyers / (buyers + 1.0)], -1)
    parts = [now, market.signals]
    if sight in ("public", "set"):
        others, is_other = _rivals(market)
        if sight == "set":
            now = torch.cat(parts, -1).transpose(0, 1)
            return Observation(history.float(), now.float(), others.transpose(0, 1).float(), is_other.transpose(0, 1))
        parts.append(summary_of(others, is_other))
    return Observation(history.float(), torch.cat(parts, -1).transpose(0, 1).float())


def followers_see(market: Market, sight: Sight) -> Observation:
    """Return what the I followers see once prices are posted: N = I.

    `now` holds the prices posted, over the highest there is, and 0 where one is not eligible: followers move second.
    002 leaves them out, which no follower would.
    """
    payoffs = market.payoffs
    prices, demands = market.past_price, market.past_demand
    seen = (
        prices.permute(2, 0, 1, 3) if market.has_individual_prices else prices.expand(market.followers, *prices.shape)
    )
    mine = demands.permute(2, 0, 1, 3)
    parts = [seen, mine]
    if sight == "full":
        others = demands.flatten(2).expand(market.followers, *demands.shape[:2], demands.shape[2] * demands.shape[3])
        parts.append(others)
    elif sight == "public":
        parts.append(demands.sum(2).expand(market.followers, *demands.shape[:2], market.leaders))
    posted = market.price / market.price_scale
    posted = posted.transpose(0, 1) if market.has_individual_prices else posted.expand(market.followers, *posted.shape)
    now = posted * payoffs.eligible.transpose(0, 1)
    return Observation(torch.cat(parts, -1).float(), now.float())


def _own_past(market: Market) -> Tensor:
    """Return a leader's own prices and sales: [J, B, L, 2], or [J, B, L, 2 I] with individual prices (001, IV-A1)."""
    prices, demands = market.past_price, market.past_demand
    if market.has_individual_prices:
        return torch.cat([prices.permute(3, 0, 1, 2), demands.permute(3, 0, 1, 2)], -1)
    buyers = market.payoffs.eligible.sum(1)[:, None].clamp(min=1)
    return torch.stack([prices, demands.sum(2) / buyers], -1).permute(2, 0, 1, 3)


def _rivals(market: Market) -> tuple[Tensor, Tensor]:
    """Return the other leaders' last price over the highest and total sales, [B, J, J, 2], and which could sell."""
    is_open = market.payoffs.eligible.any(1)
    price = torch.lerp(market.payoffs.cost, market.payoffs.price_max, market.past_price[:, -1]) / market.price_scale
    last = torch.stack([_per_leader(price, market.payoffs.eligible), squashed(market.past_demand[:, -1].sum(1))], -1)
    is_other = is_open[:, None, :] & ~torch.eye(market.leaders, dtype=torch.bool, device=is_open.device)
    return last[:, None].expand(*is_other.shape, 2) * is_other[..., None], is_other


def squashed(total: Tensor) -> Tensor:
    """Return x / (1 + x): sales of any number of followers between 0 and 1."""
    return total / (1.0 + total)


def summary_of(others: Tensor, is_other: Tensor) -> Tensor:
    """Return mean price, mean sales and lowest price of the rivals [..., M, 2] that there are: [..., 3], or 0."""
    weight = is_other / is_other.sum(-1, keepdim=True).clamp(min=1)
    mean = (others * weight[..., None]).sum(-2)
    lowest = torch.where(is_other, others[..., 0], torch.inf).amin(-1)
    return torch.cat([mean, torch.where(lowest.isfinite(), lowest, 0.0)[..., None]], -1)


def _per_leader(table: Tensor, eligible: Tensor) -> Tensor:
    """Return a table of prices per leader, [B, J]: the mean over who may buy."""
    if table.ndim == 2:
        return table
    weight = eligible / eligible.sum(1, keepdim=True).clamp(min=1)
    mean = (table * weight).sum(1)
    return torch.where(eligible.any(1), mean, table.mean(1))
