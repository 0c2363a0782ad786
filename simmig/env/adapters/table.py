"""A market as the adapters play it: named players, flat observations, checked shares, and a true end of each episode.

Sizes, batch first: B markets, N players of a side, A components of a player's action, F numbers that it sees.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from simmig.env.market import Market, Played, Rules
from simmig.env.observations import Sight, followers_see, leaders_see
from simmig.env.sources import Source
from simmig.errors import AgentError, InputError

Side = Literal["leaders", "followers"]
Acting = Literal["leaders", "both"]
# How players that do not learn act: shares of one side as Market.post and Market.buy take them.
Policy = Callable[[Market], Tensor]


@dataclass(frozen=True, slots=True)
class Sights:
    """How far each side sees, as in simmig.env.observations; followers have no sight "set"."""

    leaders: Sight = "own"
    followers: Sight = "own"


class Turn(NamedTuple):
    """A slot: what was played, rewards [B, N] and what is seen [B, N, F] of the sides that act.

    Where the episode is over, `seen` is still the end of that episode, while the market has gone on to the next one.
    """

    played: Played
    reward: dict[Side, Tensor]
    seen: dict[Side, Tensor]


class Table:
    """Markets side by side, episode after episode, for the players of `sides`.

    A side that does not act has its policy, or else followers give their best reply. The next episode goes on from the
    random numbers of the last, as a Market does by itself, so that the same plays bring the same numbers.
    """

    def __init__(
        self, source: Source, rules: Rules | None, count: int, seed: int, *, acting: Acting, sights: Sights | None
    ) -> None:
        if acting not in ("leaders", "both"):
            raise InputError(f"acting: {acting!r}: expected leaders or both")
        self._source, self._rules, self._sights = source, rules or Rules(), sights or Sights()
        self.market = Market(source, count, self._rules, seed)
        self._is_fresh = True
        self.sides: tuple[Side, ...] = ("leaders",) if acting == "leaders" else ("leaders", "followers")
        leaders, followers = self.market.leaders, self.market.followers
        self.counts: dict[Side, int] = {"leaders": leaders, "followers": followers}
        is_wide = self.market.has_individual_prices
        self.widths: dict[Side, int] = {"leaders": followers if is_wide else 1, "followers": leaders}
        self.names = {side: [f"{side[:-1]}_{k}" for k in range(self.counts[side])] for side in self.sides}
        self.sizes = {side: seen.shape[-1] for side, seen in self.see().items()}

    @property
    def slots(self) -> int:
        """T, the slots of an episode."""
        return self._rules.slots

    def begin(self, seed: int | None = None) -> dict[Side, Tensor]:
        """Start an episode, the first of a new series if there is a seed; return what is seen.

        Shares and observations keep the scales of the first market.
        """
        if seed is not None:
            self.reseed(seed)
        if not self._is_fresh:
            self.market.reset()
        self._is_fresh = False
        return self.see()

    def reseed(self, seed: int) -> None:
        """Let the next episode be the first of a new series."""
        self.market = Market(self._source, self.market.count, self._rules, seed, scales=self.market.scales)
        self._is_fresh = True

    def see(self) -> dict[Side, Tensor]:
        """Return what is seen before any price of this slot: followers see the prices of the last one, [B, N, F]."""
        if "followers" in self.sides:
            self.market.post(self.market.past_price[:, -1])
        return {side: self.seen_by(side, self.market) for side in self.sides}

    def seen_by(self, side: Side, market: Market) -> Tensor:
        """Return what a side sees of a market as it stands, [B, N, F]."""
        if side == "leaders":
            return leaders_see(market, self._sights.leaders).flat().transpose(0, 1)
        return followers_see(market, self._sights.followers).flat().transpose(0, 1)

    def post(self, share: Tensor) -> None:
        """Post the leaders' prices, shares [B, J, A]."""
        share = self._checked("leaders", share)
        self.market.post(share.transpose(1, 2) if self.market.has_individual_prices else share[..., 0])

    def buy(self, share: Tensor | None = None) -> Turn:
        """Let the followers buy, shares [B, I, J], or by their best reply, and end the slot."""
        market = self.market
        if share is not None:
            share = self._checked("followers", share)
        before = copy.copy(market) if market.slot + 1 == self.slots else None
        played = market.buy(share)
        if before is None:
            return Turn(played, self._rewards(played), self.see())
        # The market has started the next episode; learners that go by the last observation need that of this one.
        before.remember(played.demand)
        self._is_fresh = True
        return Turn(played, self._rewards(played), {side: self.seen_by(side, before) for side in self.sides})

    def _rewards(self, played: Played) -> dict[Side, Tensor]:
        profit = played.profit.sum(1) if played.profit.ndim == 3 else played.profit
        rewards: dict[Side, Tensor] = {"leaders": profit, "followers": played.utility}
        return {side: rewards[side] for side in self.sides}

    def _checked(self, side: Side, share: Tensor) -> Tensor:
        """Return the shares; raises AgentError unless they are [B, N, A] numbers from 0 to 1."""
        where = f"{side}, slot {self.market.slot}"
        expected = (self.market.count, self.counts[side], self.widths[side])
        if tuple(share.shape) != expected:
            raise AgentError(f"{where}: shares of shape {tuple(share.shape)}, expected {expected}")
        is_inside = (share >= 0.0) & (share <= 1.0)
        if not bool(is_inside.all()):
            market, player, component = (~is_inside).nonzero()[0].tolist()
            raise AgentError(
                f"{where}: {side[:-1]}_{player}: share {float(share[market, player, component]):.6g}, "
                "expected numbers from 0 to 1"
            )
        return share


def what_happened(played: Played, side: Side, market: int = 0) -> list[dict[str, object]]:
    """Return `price` and `demand` of every player of a side in one market, in the game's units.

    A leader's price is a number, or [I] with individual prices, and its demand [I] by who bought; a follower's are [J].
    """
    price, demand = played.price[market], played.demand[market]
    spread = price.expand(demand.shape).numpy()
    own = price.T.numpy() if price.ndim == 2 else price.tolist()
    if side == "leaders":
        return [{"price": own[j], "demand": sold} for j, sold in enumerate(demand.T.numpy())]
    return [{"price": spread[i], "demand": bought} for i, bought in enumerate(demand.numpy())]
