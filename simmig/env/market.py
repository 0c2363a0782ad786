"""The repeated game as the papers define it: thousands of markets at once, as tensors.

In every slot leaders post prices, followers buy, everybody is paid; players remember the last L slots (001, section
IV-A; 002, section V-A). Sizes: B markets, I followers, J leaders, L slots remembered.

Actions are shares of the interval that a player may choose from: a price is cost + share (price_max - cost), a demand
share times `demand_max`, so that whatever a learner does is admissible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from simmig.env.payoffs import Payoffs, payoffs_of
from simmig.env.sources import Source
from simmig.errors import InputError
from simmig.rng import stream

if TYPE_CHECKING:
    from simmig.contracts import PricingGame

_LOWEST_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of prices: the first at which demand has a bound sets `demand_max`
_HEADROOM = 1.25  # of what followers may ask for over what they would ever want


@dataclass(frozen=True, slots=True)
class Rules:
    """How the game is repeated: `history` is L, `slots` is T; `redraw` says when a source draws fresh games."""

    history: int = 3
    slots: int = 100
    redraw: Literal["never", "episode", "slot"] = "episode"


class Scales(NamedTuple):
    """What shares and observations refer to: the most a follower may ask for, and the highest price there is.

    A policy plays by the scales of the market that it was trained in.
    """

    demand_max: float
    price_scale: float


@dataclass(frozen=True, slots=True)
class Played:
    """One slot: price [B, J] or [B, I, J], demand [B, I, J], profit of price's shape, purchases [B, I, J].

    `purchases` is what each is worth to its follower, 0 for one whose demand breaks its deadline or budget, as 002,
    equation (20) says. `is_over` tells that the episode ended with this slot: the next one starts from new games and a
    random past.
    """

    price: Tensor
    demand: Tensor
    profit: Tensor
    purchases: Tensor
    is_over: bool

    @property
    def utility(self) -> Tensor:
        """The followers' utilities, [B, I]."""
        return self.purchases.sum(-1)


class Market:
    """Markets side by side, each played slot after slot: `post` prices, then `buy`, then look at what is remembered.

    `past_price[B, L, ...]` and `past_demand[B, L, I, J]` are shares, the last slot last. `standing` keeps what follows
    from the games alone and is looked at in every slot; fresh games empty it.
    """

    game: PricingGame
    payoffs: Payoffs
    signals: Tensor
    past_price: Tensor
    past_demand: Tensor
    standing: dict[str, Tensor]

    def __init__(
        self, source: Source, count: int, rules: Rules, seed: int, *, scales: Scales | None = None, device: str = "cpu"
    ) -> None:
        if count < 1:
            raise InputError(f"market: {count} games, expected at least 1")
        self.source, self.count, self.rules, self.device = source, count, rules, device
        self._draw = stream(seed, "market")
        self._load()
        self.scales = scales or Scales(self._largest_demand(), float(self.payoffs.price_max.max()))
        self.demand_max, self.price_scale = self.scales
        self.reset()

    @property
    def followers(self) -> int:
        """I."""
        return int(self.payoffs.eligible.shape[1])

    @property
    def leaders(self) -> int:
        """J."""
        return int(self.payoffs.eligible.shape[2])

    @property
    def has_individual_prices(self) -> bool:
        """Whether prices are [B, I, J]."""
        return self.payoffs.cost.ndim == 3

    def reset(self) -> None:
        """Start an episode: fresh games if the source has them, and a past that was played at random."""
        if self.rules.redraw != "never" and not self.source.is_fixed:
            self._load()
        self.slot = 0
        steps = self.rules.history
        self.past_price = self._uniform((self.count, steps, *self.payoffs.cost.shape[1:]))
        bought = self._uniform((self.count, steps, *self.payoffs.eligible.shape[1:]))
        self.past_demand = bought * self.payoffs.eligible[:, None]
        self._posted = self.past_price[:, -1]

    def post(self, share: Tensor) -> Tensor:
        """Let the leaders act: shares [B, J] or [B, I, J] in [0, 1]; return the prices."""
        self._posted = share.to(torch.float64).clamp(0.0, 1.0)
        self.price = self.price_at(self._posted)
        return self.price

    def buy(self, share: Tensor | None = None) -> Played:
        """Let the followers act, shares [B, I, J], or give the best reply to the prices; pay everybody and go on."""
        demand = self.demand_at(share)
        profit, purchases = self.payoffs.profit(self.price, demand), self.payoffs.purchases(self.price, demand)
        if share is not None:
            is_late = self.payoffs.is_late(self.price, demand)
            purchases = torch.where(is_late[..., None], 0.0, purchases)
        self.slot += 1
        played = Played(self.price, demand, profit, purchases, self.slot >= self.rules.slots)
        if played.is_over:
            self.reset()
            return played
        self.remember(demand)
        if self.rules.redraw == "slot" and not self.source.is_fixed:
            self._load()
        return played

    def demand_at(self, share: Tensor | None) -> Tensor:
        """Return what followers buy, [B, I, J]: these shares of the most, or their best reply to the prices posted.

        There is no trade in a game in which demand has no bound at these prices: nobody gains by posting them.
        """
        if share is None:
            return self.reply(self.price).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        return share.to(torch.float64).clamp(0.0, 1.0) * self.demand_max * self.payoffs.eligible

    def remember(self, demand: Tensor) -> None:
        """Take the prices posted and these purchases into the past."""
        self.past_price = torch.cat([self.past_price[:, 1:], self._posted[:, None]], 1)
        share = (demand / self.demand_max).nan_to_num(nan=0.0)
        self.past_demand = torch.cat([self.past_demand[:, 1:], share[:, None]], 1)

    def price_at(self, share: Tensor) -> Tensor:
        """Return the prices at these shares."""
        return torch.lerp(self.payoffs.cost, self.payoffs.price_max, share)

    def reply(self, price: Tensor) -> Tensor:
        """Return what the followers buy at these prices if they play their equilibrium, [B, I, J]; no gradient."""
        return torch.from_numpy(self.game.best_demand(price.detach().cpu().numpy())).to(self.device)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and facts with which `restore` goes on from here to the same numbers."""
        tensors = {"past_price": self.past_price, "past_demand": self.past_demand, "signals": self.signals}
        return tensors, {"slot": self.slot, "draw": self._draw.bit_generator.state, "games_from": self._games_from}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a state."""
        self._draw.bit_generator.state = facts["games_from"]
        self._load()
        self._draw.bit_generator.state = facts["draw"]
        self.past_price, self.past_demand = tensors["past_price"], tensors["past_demand"]
        self.slot = int(facts["slot"])

    def _load(self) -> None:
        """Draw the games; the state of the generator before it is how `restore` finds them again."""
        self._games_from = self._draw.bit_generator.state
        self.game, signals = self.source.games(self.count, self._draw)
        self.payoffs = payoffs_of(self.game, self.device)
        self.signals = torch.tensor(signals, device=self.device)
        self.standing = {}

    def _uniform(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self._draw.random(shape)).to(self.device)

    def _largest_demand(self) -> float:
        for share in _LOWEST_SHARES:
            wanted = self.reply(self.price_at(torch.full_like(self.payoffs.cost, share)))
            if bool(wanted.isfinite().all()):
                return _HEADROOM * max(float(wanted.max()), 1e-6)
        raise InputError("market: demand has no bound at any price; the game needs a capacity")
