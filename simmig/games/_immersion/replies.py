"""Every leader's best prices while the others' stand, exact: the highest peak of its profit from all its followers.

A leader that prices every follower by itself has each of them alone before it, except that its capacity is one for all:
if they would buy more than there is, it acts as if its cost were higher by what a unit of bandwidth is worth to it,
the same for all, at which they just buy all. Each follower buys less the higher that is, so there is one such worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._immersion.followers import Rows, water_fill
from simmig.games._immersion.pieces import Posting, posting_of
from simmig.games._immersion.root import monotone_root
from simmig.games._immersion.uniform import price_cap

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame


def best_price(game: ImmersionGame, price: FloatArray) -> FloatArray:
    """Return each leader's best prices while the others' stand, shape of `price`; no rival is ever sold out."""
    if game.individual_prices:
        return _individual(game, price)
    posting = posting_of(game, price_cap(game), is_owner=False)
    flat = price.reshape(-1, price.shape[-1])
    replies = [posting.best_price(flat, leader) for leader in range(flat.shape[1])]
    return np.stack(replies, axis=1).reshape(price.shape)


def _individual(game: ImmersionGame, price: FloatArray) -> FloatArray:
    """Return best prices [..., I, J]: free of capacities, then once more for leaders who cannot sell so much."""
    followers, leaders = price.shape[-2:]
    alone, posted, capacity = _alone(game), price.reshape(-1, followers, leaders), game.capacity.reshape(-1, leaders)
    reply = np.empty_like(posted)
    for leader in range(leaders):
        full = _Full(alone, posted, capacity, leader)
        free = np.zeros(len(reply))
        reply[:, :, leader] = full.reply(free)
        over = np.flatnonzero(full.excess(free)[0] > 0.0)
        if over.size:
            some = full.take(over)
            # At this worth every price is at its cap.
            highest = (some.games.cap - some.games.cost)[:, leader].reshape(over.size, followers).max(axis=1)
            reply[over, :, leader] = some.reply(monotone_root(some, highest, free[over])[0])
    return reply.reshape(price.shape)


def _alone(game: ImmersionGame) -> Posting:
    """Return a game of one follower for each follower, [G * I]; capacities are looked after elsewhere."""
    one = type(game).make(
        delta=game.delta[..., None],
        ssim=game.ssim[..., None, :],
        ssim_threshold=game.ssim_threshold[..., None],
        efficiency=game.efficiency[..., None, :],
        budget=game.budget[..., None],
        cost=np.broadcast_to(game.cost[..., None, :], game.eligible.shape),
        price_max=game.price_max[..., None, :],
        eligible=game.eligible[..., None, :],
        prices="uniform",
    )
    return posting_of(one, price_cap(one), is_owner=False)


class _Full(NamedTuple):
    """Games [G] in which one leader looks for the worth of its bandwidth: `games` is one for each follower, [G * I]."""

    games: Posting
    price: FloatArray  # [G, I, J]
    capacity: FloatArray  # [G, J]
    leader: int

    def take(self, problems: IntArray) -> _Full:
        """Return some of the games."""
        followers = self.price.shape[1]
        each = (problems[:, None] * followers + np.arange(followers)).ravel()
        return _Full(self.games.take(each), self.price[problems], self.capacity[problems], self.leader)

    def reply(self, worth: FloatArray) -> FloatArray:
        """Return the leader's best prices [G, I] if its cost is higher by worth[G], at most its caps."""
        cost = self.games.cost.copy()
        each = np.repeat(worth, self.price.shape[1])
        cost[:, self.leader] = np.minimum(cost[:, self.leader] + each, self.games.cap[:, self.leader])
        posted = self.price.reshape(len(cost), -1)
        return self.games._replace(cost=cost).best_price(posted, self.leader).reshape(self.price.shape[:2])

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what followers would buy above the capacity, [G], and 0: no slope is known."""
        posted = self.price.copy()
        posted[:, :, self.leader] = self.reply(value)
        games, flat = self.games, posted.reshape(-1, posted.shape[2])
        in_slots = np.take_along_axis(flat, games.leader[:, 0], axis=1)
        bought = water_fill(
            Rows(games.score[:, 0], games.efficiency[:, 0], games.delta[:, 0], games.budget[:, 0]), in_slots
        )
        is_own = (games.leader[:, 0] == self.leader) & (games.score[:, 0] > 0.0)
        sold = np.where(is_own, bought, 0.0).sum(axis=1).reshape(posted.shape[:2]).sum(axis=1)
        return sold - self.capacity[:, self.leader], np.zeros(len(value))
