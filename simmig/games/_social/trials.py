"""What a leader of the social game would earn at another price, for thousands of trials in one vectorised call.

Followers who never are late and whose demand never ends have it in closed form. Only the components of the others are
copied, once for every trial of every leader whose price can move them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.copies import Copies, are_few, copy_components, kept_parts, ranges
from simmig.games._social.coupling import sums
from simmig.games._social.followers import Reply, bent_parts, copied_reply, respond_in_turn
from simmig.games._social.leaders import Leaders
from simmig.games._social.market import Market


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the market stands at `price[J]`, and what each leader's price can move in `seen`, as the leaders see it.

    Three kinds, each sorted by leader, and only for the leaders that may try others: `smooth` pairs in closed form,
    components without ties, mixed components.
    """

    leaders: Leaders
    price: FloatArray
    utility: FloatArray  # [J]
    seen: Market
    reply: Reply
    smooth: _ByLeader
    lone: _ByLeader
    mixed: _ByLeader

    def trials(self, leader: IntArray) -> Trials:
        """Return trials of `leader[T]`, which may name a leader several times."""
        copied = [_copied(self, kind, leader) for kind in (self.lone, self.mixed)]
        return Trials(self, leader, *self.smooth.of(leader), [part for part in copied if len(part.trial)])

    def work(self, leader: IntArray) -> IntArray:
        """Return the number of pairs that one trial of each of these leaders copies, shape of `leader`."""
        size, work = np.bincount(self.seen.component), np.zeros(len(leader))
        for kind in (self.lone, self.mixed):
            item, turn = kind.of(leader)
            work += np.bincount(turn, size[item], len(leader))
        return work.astype(np.int64)


@dataclass(frozen=True, slots=True)
class _ByLeader:
    """Numbers of pairs or components by leader: those of leader j are `item[first[j]:first[j+1]]`."""

    item: IntArray
    first: IntArray

    def of(self, leader: IntArray) -> tuple[IntArray, IntArray]:
        """Return the items of every `leader[T]`, one after another, and whose turn each belongs to."""
        size = np.diff(self.first)[leader]
        return self.item[ranges(self.first[leader], size)], np.repeat(np.arange(len(leader)), size)


def _by_leader(leader: IntArray, item: IntArray, leaders: int) -> _ByLeader:
    """Return the different (leader, item), sorted."""
    count = int(item.max(initial=0)) + 1
    both = np.unique(leader * count + item)
    return _ByLeader(both % count, np.searchsorted(both // count, np.arange(leaders + 1)))


def stand_at(leaders: Leaders, price: FloatArray, reply: Reply, seen: Market, bent: BoolArray) -> Stand:
    """Return where the market stands at these prices, for the leaders with `bent[n]` pairs (see `Leaders.bent`).

    `reply` is what the followers buy at these prices, and `seen` the market as the leaders believe it to be.
    """
    pairs, count = leaders.market.pairs, len(price)
    is_theirs = (np.bincount(pairs.leader, bent, count) > 0)[pairs.leader]
    is_lone, is_mixed = np.zeros(len(bent), bool), np.zeros(len(bent), bool)
    is_lone[seen.plain.timed.pair] = True
    is_lone &= bent
    if seen.mixed is not None:
        is_mixed[seen.mixed.origin] = True
        unit = seen.component * count + pairs.leader
        is_mixed &= np.isin(unit, unit[bent])  # the others at the leader of a bent pair are bent by their friends
    kinds = [
        _by_leader(pairs.leader[chosen], item[chosen], len(price))
        for chosen, item in (
            (is_theirs & ~(is_lone | is_mixed), np.arange(len(bent))),
            (is_lone, seen.component),
            (is_mixed, seen.component),
        )
    ]
    utility = sums(pairs.leader, pairs.theta(price) * reply.demand, len(price)) * (price - leaders.cost)
    return Stand(leaders, price, utility, seen, reply, *kinds)


@dataclass(frozen=True, slots=True)
class Trials:
    """T trials, each of one leader: pairs in closed form with the trial each belongs to, and copied components."""

    stand: Stand
    leader: IntArray  # [T]
    smooth: IntArray
    smooth_trial: IntArray
    copied: list[_Copied]

    def utility(self, price: FloatArray) -> FloatArray:
        """Return the utility of each trial's leader if it alone posted `price[T]`."""
        stood, pairs = self.stand.price, self.stand.seen.pairs
        pair, tried = self.smooth, price[self.smooth_trial]
        others = pairs.pull_sum(stood)[pairs.owner[pair]] - 1.0 / stood[pairs.leader[pair]]
        demand = np.maximum(pairs.intercept[pair] - pairs.slope[pair] * tried, 0.0)
        sold = sums(self.smooth_trial, demand / (1.0 + tried * others), len(price))
        for part in self.copied:
            sold = sold + part.sold(price, stood, self.leader)
        return sold * (price - self.stand.leaders.cost[self.leader])


@dataclass(frozen=True, slots=True)
class _Copied:
    """Copied components; `trial[m]` tells to which trial a copied pair belongs."""

    copies: Copies
    trial: IntArray
    near: Reply
    pull_sum: FloatArray  # [m] sum of 1/p over the follower's leaders, at the prices that stand
    is_moved: BoolArray  # [m] the pair's follower may buy from the leader that tries

    def sold(self, price: FloatArray, stood: FloatArray, leader: IntArray) -> FloatArray:
        """Return what each trial's leader sells here at `price[T]`, `stood[J]` being the prices before."""
        pairs, own = self.copies.pairs, self.copies.own
        tried = price[self.trial]
        posted = np.where(own, tried, stood[pairs.leader])
        change = 1.0 / tried - 1.0 / stood[leader][self.trial]
        theta = 1.0 / (posted * (self.pull_sum + np.where(self.is_moved, change, 0.0)))
        demand = self._demand(posted, theta)
        return sums(self.trial[own], (theta * demand)[own], len(price))

    def _demand(self, price: FloatArray, theta: FloatArray) -> FloatArray:
        pairs = self.copies.pairs
        if pairs.ties.weight.size == 0:
            return respond_in_turn(pairs, price, theta, self.near).demand
        demand: FloatArray = pairs.intercept - pairs.slope * price
        bent = bent_parts(pairs, demand, theta)
        if np.count_nonzero(bent) == 0:
            return demand
        if are_few(bent):
            inner, pair = kept_parts(pairs, bent)
            near = copied_reply(self.near, pair, inner.owner)
            demand[pair] = respond_in_turn(inner, price[pair], theta[pair], near).demand
            return demand
        return np.where(bent[pairs.parts.owner], respond_in_turn(pairs, price, theta, self.near).demand, demand)


def _copied(stand: Stand, kind: _ByLeader, leader: IntArray) -> _Copied:
    which, turn = kind.of(leader)
    seen = stand.seen
    copies = copy_components(seen.pairs, seen.component, which, leader[turn])
    trial = turn[copies.unit]
    return _Copied(
        copies=copies,
        trial=trial,
        near=copied_reply(stand.reply, copies.origin, copies.pairs.owner),
        pull_sum=seen.pairs.pull_sum(stand.price)[seen.pairs.owner[copies.origin]],
        is_moved=seen.eligible[copies.pairs.follower, leader[trial] % seen.leaders],
    )
