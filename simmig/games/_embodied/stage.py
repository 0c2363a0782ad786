"""The follower stage of a batch of embodied games: laid out once, answered for any prices, its failures explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._embodied.check import room
from simmig.games._embodied.followers import respond, worth_without_bound
from simmig.games._embodied.market import Market, gathered, places, spread
from simmig.games._embodied.separable import Sharing
from simmig.games._embodied.ties import Ties

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame


@dataclass(frozen=True, slots=True)
class Stage:
    """N games of I followers and J leaders; `scenes` is `market` taken apart by leader where nothing links them."""

    batch: tuple[int, ...]
    market: Market
    scenes: Market
    cost: FloatArray  # [N, J, L]
    price_max: FloatArray  # [N, J]
    is_myopic: bool

    @classmethod
    def of(cls, game: EmbodiedGame) -> Stage:
        """Return the stage of a batch of games (or of a single one, N = 1)."""
        followers, leaders = game.eligible.shape[-2:]
        place = places(game.eligible.reshape(-1, followers, leaders))
        count = len(place)

        def pairs(values: FloatArray, filler: float) -> FloatArray:
            return gathered(values.reshape(count, followers, leaders), place, filler)

        def wide(values: FloatArray) -> FloatArray:
            return np.broadcast_to(values[..., None], game.eligible.shape)

        complement = game.complement.reshape(count, leaders, leaders)
        deadline_s = np.full((count, followers + 1), np.inf)
        deadline_s[:, :-1] = game.deadline_s.reshape(count, followers)
        deadline_s[:, :-1][~game.eligible.reshape(count, followers, leaders).any(axis=2)] = np.inf
        market = Market(
            is_multiplicative=game.effects == "multiplicative",
            followers=followers,
            place=place,
            delta=pairs(wide(game.delta), 0.0),
            room=pairs(wide(room(game.delay_cost)), 1.0),
            quality=pairs(game.quality, 1.0),
            work_s=pairs(game.work_s, 0.0),
            delay_s=pairs(game.delay_s, 0.0),
            gift=np.zeros(place.shape),
            capacity=game.capacity.reshape(count, leaders),
            deadline_s=deadline_s,
            ties=Ties.of(game.ties.reshape(count, followers, followers), place),
            complement=complement if bool(complement.any()) else None,
        )
        return cls(
            game.batch,
            market,
            market if market.is_linked else market.apart(),
            pairs(game.cost, 1.0),
            game.price_max.reshape(count, leaders),
            game.leader_model == "myopic",
        )

    @property
    def is_apart(self) -> bool:
        """Whether every leader is a scene of its own."""
        return self.scenes is not self.market

    def take(self, games: IntArray) -> Stage:
        """Return some of the games."""
        market = self.market.take(games)
        scenes = market.apart() if self.is_apart else market
        return Stage((len(games),), market, scenes, self.cost[games], self.price_max[games], self.is_myopic)

    def relaxed(self) -> Stage:
        """Return the stage without complements and deadlines: every leader is a scene of its own."""
        if self.is_apart:
            return self
        market = replace(self.market, complement=None, deadline_s=np.full(self.market.deadline_s.shape, np.inf))
        return replace(self, market=market, scenes=market.apart())

    def held(self, gift: FloatArray) -> Stage:
        """Return the stage in which purchases are worth the gift [N, J, L] more, whatever is bought."""
        market = self.market.held(gift)
        scenes = market if market.is_linked else market.apart()
        return Stage(self.batch, market, scenes, self.cost, self.price_max, self.is_myopic)

    def reply(self, price: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Return demand[N, J, L], shadow price[N, J] and where there is an answer[N] at prices [N, J]."""
        found = respond(self.scenes, price.reshape(len(self.scenes.place), -1))
        is_bounded: BoolArray = np.asarray(found.is_bounded.reshape(len(price), -1).all(axis=1))
        demand, shadow_price = found.demand.reshape(self.market.place.shape), found.shadow_price.reshape(price.shape)
        demand[~is_bounded], shadow_price[~is_bounded] = np.nan, np.nan
        return demand, shadow_price, is_bounded

    def respond(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return demand[..., I, J] and shadow price[..., J] at prices [..., J]; a single game without any raises."""
        flat = np.broadcast_to(price, (*self.batch, price.shape[-1])).reshape(-1, price.shape[-1])
        demand, shadow_price, is_bounded = self.reply(flat)
        if not self.batch and not bool(is_bounded[0]):
            raise NoEquilibrium(self.reason(0, flat))
        return self.unfold(demand), shadow_price.reshape(*self.batch, -1)

    def unfold(self, demand: FloatArray) -> FloatArray:
        """Return pair values [N, J, L] as [..., I, J]."""
        wide = spread(demand, self.market.place, self.market.followers)
        return wide.reshape(*self.batch, *wide.shape[1:])

    def reason(self, game: int, price: FloatArray) -> str:
        """Return why game `game` has no follower equilibrium at prices [N, J]: one line that names the players."""
        market, posted = self.market.take(np.array([game])), price[[game]]
        place = where(game, self.batch)
        sharing = Sharing.of(market, market.theta(market.pull(posted)))
        too_tight = np.flatnonzero(sharing.time_left_s[0] <= 0.0)
        if len(too_tight):
            i = int(too_tight[0])
            return (
                f"game embodied{place}: follower {i} has a deadline of {market.deadline_s[0, i]:g} s, which waiting "
                "and re-instantiation alone exceed"
            )
        gain, bought = worth_without_bound(market, posted)
        if not np.isfinite(gain).all() or bool(np.isfinite(market.capacity).all()):
            return f"game embodied{place}: deadlines and capacities cannot be kept together, or no demand settles"
        j, k = (int(x) for x in np.unravel_index(int(bought[0].argmax()), bought[0].shape))
        return (
            f"game embodied{place}: demand of follower {int(market.place[0, j, k])} at leader {j} is unbounded at "
            f"price {float(posted[0, j])!r}: bought {bought[0, j, k]:.4g}, it gains {gain[0, j, k]:.4g} from "
            "purchases and wants more; a finite capacity bounds it"
        )


def where(game: int, batch: tuple[int, ...]) -> str:
    """Return the place of a game in its batch, for messages."""
    place = tuple(int(k) for k in np.unravel_index(game, batch)) if batch else ()
    return f" {place} of the batch" if place else ""
