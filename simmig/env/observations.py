"""What each side sees when it acts, as tensors for networks: agents first, [N, B, ...].

`sight` says how far a player sees. "now": nothing of the past (followers). "own": what it did itself and what came of
it. "public": besides that, the rivals' mean price, mean sales and lowest price. "set": each rival's prices and sales.
In none of these does the size depend on how many rivals there are, so that one policy plays any map. "full": every
price and every purchase, as 002, section V-A2 has it; such a policy is bound to the players it was trained with.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from simmig.env.market import Market

Sight = Literal["now", "own", "public", "set", "full"]


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


def leaders_see(market: Market, sight: Sight, *, individual: bool = True) -> Observation:
    """Return what the J leaders see: N = J.

    `now` holds cost / price_max, price_max over the highest there is, how many can buy (n / (n + 1)), and the source's
    signals, which are lambda_j and mu_j in 002. Unless `individual`, leaders that may price every follower by itself
    post one price for all, and see one.
    """
    now = _of_itself(market)
    if sight == "full":
        flat = torch.cat([market.past_price.flatten(2), market.past_demand.flatten(2)], -1).float()
        return Observation(flat.expand(market.leaders, *flat.shape), now)
    history = _own_past(market, individual and market.has_individual_prices).float()
    if sight == "own":
        return Observation(history, now)
    rivals, is_rival = _rivals(market)
    if sight == "set":
        return Observation(history, now, rivals.flatten(3), is_rival)
    summary = summary_of(rivals.transpose(2, 3), is_rival[:, :, None])
    return Observation(torch.cat([history, summary], -1), now)


def _of_itself(market: Market) -> Tensor:
    """Return what every leader knows of itself as long as the games stay, [J, B, S]."""
    if "leaders" not in market.standing:
        payoffs = market.payoffs
        cost, cap = _per_leader(payoffs.cost, payoffs.eligible), _per_leader(payoffs.price_max, payoffs.eligible)
        now = torch.stack([cost / cap, cap / market.price_scale, squashed(payoffs.eligible.sum(1))], -1)
        market.standing["leaders"] = torch.cat([now, market.signals], -1).transpose(0, 1).float()
    return market.standing["leaders"]


def followers_see(market: Market, sight: Sight) -> Observation:
    """Return what the I followers see once prices are posted: N = I.

    `now` holds the prices posted, over the highest there is, and 0 where one is not eligible: followers move second.
    002 shows them the past alone, in which nothing tells how demand should answer a price: leaders then learn that
    demand hardly answers, and end at the cap.
    """
    prices, demands = market.past_price, market.past_demand
    posted = market.price / market.price_scale
    if market.has_individual_prices:
        past, posted = prices.permute(2, 0, 1, 3), posted.transpose(0, 1)
    else:
        past, posted = (table.expand(market.followers, *table.shape) for table in (prices, posted))
    parts = [past, demands.permute(2, 0, 1, 3)]
    if sight == "now":
        parts = [past[..., :0]]
    elif sight == "full":
        parts.append(demands.flatten(2).expand(market.followers, -1, -1, -1))
    elif sight == "public":
        parts.append(demands.sum(2).expand(market.followers, -1, -1, -1))
    now = posted * market.payoffs.eligible.transpose(0, 1)
    return Observation(torch.cat(parts, -1).float(), now.float())


def _own_past(market: Market, is_wide: bool) -> Tensor:
    """Return a leader's own prices and sales: [J, B, L, 2], or [J, B, L, 2 I] with individual prices (001, IV-A1)."""
    prices, demands = market.past_price, market.past_demand
    if is_wide:
        return torch.cat([prices.permute(3, 0, 1, 2), demands.permute(3, 0, 1, 2)], -1)
    buyers = market.payoffs.eligible.sum(1)[:, None].clamp(min=1)
    one = prices.mean(2) if market.has_individual_prices else prices
    return torch.stack([one, demands.sum(2) / buyers], -1).permute(2, 0, 1, 3)


def _rivals(market: Market) -> tuple[Tensor, Tensor]:
    """Return the other leaders' prices over the highest there is and total sales, [J, B, J, L, 2], and which can sell.

    The first axis are those who see; a leader is no rival of its own.
    """
    payoffs, shares = market.payoffs, market.past_price
    price = torch.lerp(payoffs.cost[:, None], payoffs.price_max[:, None], shares) / market.price_scale
    if market.has_individual_prices:
        price = torch.stack([_per_leader(each, payoffs.eligible) for each in price.unbind(1)], 1)
    past = torch.stack([price, squashed(market.past_demand.sum(2))], -1).float()  # [B, L, J, 2]
    is_open = payoffs.eligible.any(1)
    is_rival = is_open & ~torch.eye(market.leaders, dtype=torch.bool, device=is_open.device)[:, None]  # [J, B, J]
    return past.transpose(1, 2) * is_rival[..., None, None], is_rival


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
