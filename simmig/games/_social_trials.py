"""What a leader of the social game would earn at another price, for thousands of trials in one vectorised call.

Followers who never are late and whose demand never ends have it in closed form. Only the components of the others are
copied, once for every trial of every leader whose price can move them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social_coupling import sums
from simmig.games._social_followers import Reply, copied_reply, respond
from simmig.games._social_leaders import Leaders
from simmig.games._social_pairs import Copies, Market, copy_components, ranges


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the market stands at `price[J]`, and what each leader's price can move in `seen`, as the leaders see it.

    Leader j moves `smooth[first_smooth[j]:first_smooth[j+1]]`, pairs in closed form, and the components
    `rough[first_rough[j]:first_rough[j+1]]`.
    """

    leaders: Leaders
    price: FloatArray
    utility: FloatArray  # [J]
    seen: Market
    reply: Reply
    smooth: IntArray
    first_smooth: IntArray
    rough: IntArray
    first_rough: IntArray

    def trials(self, leader: IntArray) -> Trials:
        """Return trials of `leader[T]`, which may name a leader several times."""
        pairs = self.seen.pairs
        size = np.diff(self.first_rough)[leader]
        chosen = ranges(self.first_rough[leader], size)
        copies = copy_components(self.seen, self.rough[chosen], np.repeat(leader, size))
        trial = np.repeat(np.arange(len(leader)), size)[copies.unit]
        size = np.diff(self.first_smooth)[leader]
        return Trials(
            stand=self,
            leader=leader,
            copies=copies,
            trial=trial,
            near=copied_reply(self.reply, copies.origin, copies.pairs.owner),
            pull_sum=pairs.pull_sum(self.price)[pairs.owner[copies.origin]],
            is_moved=self.seen.eligible[copies.pairs.follower, leader[trial]],
            smooth=self.smooth[ranges(self.first_smooth[leader], size)],
            smooth_trial=np.repeat(np.arange(len(leader)), size),
        )

    def work(self, leader: IntArray) -> int:
        """Return the number of pairs that one trial of each of these leaders copies."""
        size = np.bincount(self.seen.component)[self.rough]
        total = np.concatenate([[0], np.cumsum(size)])[self.first_rough]
        return int((total[leader + 1] - total[leader]).sum())


def stand_at(leaders: Leaders, price: FloatArray) -> Stand:
    """Return where the market stands at these prices."""
    pairs = leaders.market.pairs
    theta, posted = pairs.theta(price), price[pairs.leader]
    reply = respond(pairs, posted, theta)
    seen = leaders.seen(reply)
    count, order = len(seen.component), np.arange(len(price) + 1)
    is_rough = np.zeros(count, bool)
    is_rough[seen.pairs.timed.pair] = True
    is_rough[seen.mixed] = True
    unit = np.unique((pairs.leader * count + seen.component)[is_rough])
    smooth = np.flatnonzero(~is_rough)
    smooth = smooth[np.argsort(pairs.leader[smooth], kind="stable")]
    return Stand(
        leaders=leaders,
        price=price,
        utility=sums(pairs.leader, theta * reply.demand, len(price)) * (price - leaders.cost),
        seen=seen,
        reply=reply,
        smooth=smooth,
        first_smooth=np.searchsorted(pairs.leader[smooth], order),
        rough=unit % count,
        first_rough=np.searchsorted(unit // count, order),
    )


@dataclass(frozen=True, slots=True)
class Trials:
    """T trials, each of one leader; `trial[m]` tells which of them a copied pair belongs to."""

    stand: Stand
    leader: IntArray  # [T]
    copies: Copies
    trial: IntArray  # [m]
    near: Reply
    pull_sum: FloatArray  # [m] sum of 1/p over the follower's leaders, at the prices that stand
    is_moved: BoolArray  # [m] the pair's follower may buy from the leader that tries
    smooth: IntArray  # pairs in closed form, not copied
    smooth_trial: IntArray

    def utility(self, price: FloatArray) -> FloatArray:
        """Return the utility of each trial's leader if it alone posted `price[T]`."""
        sold = self._sold_smooth(price) + self._sold_rough(price)
        return sold * (price - self.stand.leaders.cost[self.leader])

    def _sold_smooth(self, price: FloatArray) -> FloatArray:
        pairs, stood = self.stand.seen.pairs, self.stand.price
        pair, tried = self.smooth, price[self.smooth_trial]
        others = pairs.pull_sum(stood)[pairs.owner[pair]] - 1.0 / stood[pairs.leader[pair]]
        demand = np.maximum(pairs.intercept[pair] - pairs.slope[pair] * tried, 0.0)
        return sums(self.smooth_trial, demand / (1.0 + tried * others), len(self.leader))

    def _sold_rough(self, price: FloatArray) -> FloatArray:
        pairs, own, stood = self.copies.pairs, self.copies.own, self.stand.price
        tried = price[self.trial]
        posted = np.where(own, tried, stood[pairs.leader])
        change = 1.0 / tried - 1.0 / stood[self.leader][self.trial]
        theta = 1.0 / (posted * (self.pull_sum + np.where(self.is_moved, change, 0.0)))
        demand = respond(pairs, posted, theta, self.near).demand
        return sums(self.trial[own], (theta * demand)[own], len(self.leader))
