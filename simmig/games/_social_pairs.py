"""The eligible follower-leader pairs of one round of the social game, and copies of parts of them.

Only pairs that can trade are stored, sorted by follower and then leader, so work grows with the pairs and not with
followers times leaders. What is the same at every admissible price is found once: how demand falls with the price
while no deadline binds, whose deadline may bind at all, and which pairs depend on one another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._social_coupling import Local, Ties, settle


@dataclass(frozen=True, slots=True)
class Timed:
    """The pairs of followers whose deadline may bind, follower after follower: `pair[m]`, groups by `start`."""

    pair: IntArray
    start: IntArray
    owner: IntArray  # [m] position of the follower in `start`
    deadline_s: FloatArray  # per follower


@dataclass(frozen=True, slots=True)
class Pairs:
    """n pairs; `work` is the time to send the twin on one unit of bandwidth, so a pair takes work/b + delay_s."""

    follower: IntArray
    leader: IntArray
    start: IntArray  # first pair of each follower that has any
    owner: IntArray  # [n] position of the pair's follower in `start`
    alpha: FloatArray
    beta: FloatArray
    work: FloatArray
    delay_s: FloatArray
    ties: Ties
    intercept: FloatArray  # while everyone buys and no deadline binds, demand = intercept - slope * price
    slope: FloatArray
    timed: Timed

    def theta(self, price: FloatArray) -> FloatArray:
        """Return the pairing probability of every pair, (1/p_j) / sum_l (1/p_l) over the follower's own leaders."""
        pull = 1.0 / price[self.leader]
        return pull / self.pull_sum(price)[self.owner]

    def pull_sum(self, price: FloatArray) -> FloatArray:
        """Return sum_l 1/p_l over the eligible leaders of each follower in `start`."""
        pull = 1.0 / price[self.leader]
        return np.add.reduceat(pull, self.start) if len(pull) else pull


@dataclass(frozen=True, slots=True)
class Market:
    """The pairs of a round and how they hang together over all admissible prices."""

    pairs: Pairs
    eligible: BoolArray  # [I, J]
    drops: BoolArray  # [n] the price cap is high enough to end this pair's demand
    component: IntArray  # [n] pairs that can influence one another share a number
    mixed: IntArray  # pairs in components with ties and with a deadline or an end of demand: no closed form

    def frozen(self, social: FloatArray) -> Market:
        """Return the market as a myopic leader sees it: the social gain of every pair stays what it is."""
        pairs = self.pairs
        alpha, slope, none = pairs.alpha + social, 0.5 / pairs.beta, self.mixed[:0]
        ties = Ties(none, none, pairs.ties.weight[:0])
        alone = replace(pairs, alpha=alpha, ties=ties, intercept=alpha * slope, slope=slope)
        return replace(self, pairs=alone, mixed=none)


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of components, each for one leader that tries a price: `pairs`, where each came from, which try."""

    pairs: Pairs
    origin: IntArray  # [m] pair of the original
    unit: IntArray  # [m] which copied component, 0..U-1
    own: BoolArray  # [m] the pair's leader is the one that tries


def collect(
    eligible: BoolArray,
    players: tuple[FloatArray, FloatArray, FloatArray],
    work: FloatArray,
    delay_s: FloatArray,
    deadline_s: FloatArray,
    price_max: FloatArray,
) -> Market:
    """Return the market of a round; `players` is (alpha[I], beta[I], ties[I, I]), `deadline_s` inf for none.

    Raises NoEquilibrium if 2 diag(beta) - W is not positive definite over the followers of some leader.
    """
    alpha, beta, weights = players
    follower, leader = np.nonzero(eligible)
    start = np.flatnonzero(np.diff(follower, prepend=-1))
    owner = np.repeat(np.arange(len(start)), np.diff(start, append=len(follower)))
    ease = 0.5 / beta[follower]
    nothing = follower[:0]
    alone = Pairs(
        follower=follower,
        leader=leader,
        start=start,
        owner=owner,
        alpha=alpha[follower],
        beta=beta[follower],
        work=work[follower, leader],
        delay_s=delay_s[follower, leader],
        ties=_pair_ties(weights, eligible),
        intercept=alpha[follower] * ease,
        slope=ease,
        timed=Timed(nothing, nothing, nothing, deadline_s[:0]),
    )
    intercept, slope = _slack_demand(alone)
    lowest = intercept - slope * price_max[leader]
    timed = _timed(alone, lowest, deadline_s)
    pairs = replace(alone, intercept=intercept, slope=slope, timed=timed)
    drops = lowest <= 0.0
    component = _components(pairs)
    return Market(pairs, eligible, drops, component, _mixed(pairs, component, drops))


def copy_components(market: Market, component: IntArray, leader: IntArray) -> Copies:
    """Return one copy of `component[U]` for each unit, in which `leader[U]` is the one that tries a price."""
    pairs = market.pairs
    order = np.argsort(market.component, kind="stable")
    size = np.bincount(market.component, minlength=len(order))
    first = np.cumsum(size) - size
    count = size[component]
    unit = np.repeat(np.arange(len(component)), count)
    origin = order[ranges(first[component], count)]
    follower = pairs.follower[origin]
    is_first = np.ones(len(origin), bool)
    is_first[1:] = (unit[1:] != unit[:-1]) | (follower[1:] != follower[:-1])
    start, owner = np.flatnonzero(is_first), np.cumsum(is_first) - 1
    copied = replace(
        pairs,
        **{name: getattr(pairs, name)[origin] for name in _PER_PAIR},
        start=start,
        owner=owner,
        ties=_copied_ties(market, component, np.cumsum(count) - count, order, first),
        timed=_copied_timed(pairs, origin, owner),
    )
    return Copies(copied, origin, unit, copied.leader == leader[unit])


_PER_PAIR = ("follower", "leader", "alpha", "beta", "work", "delay_s", "intercept", "slope")


def ranges(first: IntArray, count: IntArray) -> IntArray:
    """Return first[0], first[0]+1, ... (count[0] numbers), then first[1], ... and so on."""
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))


def _pair_ties(weights: FloatArray, eligible: BoolArray) -> Ties:
    one, other = np.nonzero(weights)
    edge, leader = np.nonzero(eligible[one] & eligible[other])
    number = np.cumsum(eligible.ravel()).reshape(eligible.shape) - 1
    one, other = one[edge], other[edge]
    return Ties(number[one, leader], number[other, leader], weights[one, other])


def _slack_demand(pairs: Pairs) -> tuple[FloatArray, FloatArray]:
    """Return M^-1 alpha and M^-1 1 with M = 2 diag(beta) - W, leader by leader.

    M has no positive entry off its diagonal, so a positive x with M x > 0 proves it positive definite, and
    M x = 1 is such a proof (Berman and Plemmons 1979, theorem 6.2.3).
    """
    ties, ease = pairs.ties, pairs.slope
    local, even = Local(ease=ease, late=None), np.ones_like(ease)
    try:
        intercept, slope = settle(ties, local, pairs.intercept, even), settle(ties, local, ease, even)
    except NoEquilibrium as error:
        raise NoEquilibrium(_unbounded(pairs)) from error
    if not bool(np.all((slope > 0.0) & (slope - ease * ties.gain(slope) > 0.5 * ease))):
        raise NoEquilibrium(_unbounded(pairs))
    return intercept, slope


def _unbounded(pairs: Pairs) -> str:
    sums = pairs.ties.gain(np.ones_like(pairs.beta))
    e = int((sums / pairs.beta).argmax())
    return (
        "game social: 2 diag(beta) - W is not positive definite among the followers of leader "
        f"{pairs.leader[e]}, so the social gain outgrows every price and demand is unbounded: there the ties of "
        f"follower {pairs.follower[e]} add up to {sums[e]:g} against 2 beta = {2.0 * pairs.beta[e]:g}; use weaker ties "
        "or a larger beta"
    )


def _timed(pairs: Pairs, lowest: FloatArray, deadline_s: FloatArray) -> Timed:
    """Return the followers whom demand at the price caps, `lowest[n]`, does not always bring in on time."""
    sells = lowest > 0.0
    slowest_s = np.where(sells, pairs.work / np.where(sells, lowest, 1.0) + pairs.delay_s, np.inf)
    start = pairs.start
    deadline = deadline_s[pairs.follower[start]]
    # The mean over theta cannot exceed the slowest pair, whatever the prices.
    binding = np.maximum.reduceat(slowest_s, start) > deadline if len(start) else np.zeros(0, bool)
    pair = np.flatnonzero(binding[pairs.owner])
    count = np.diff(start, append=len(pairs.owner))[binding]
    return Timed(pair, np.cumsum(count) - count, np.repeat(np.arange(len(count)), count), deadline[binding])


def _components(pairs: Pairs) -> IntArray:
    """Return numbers 0.. such that pairs tied to each other, or of one follower with a deadline, share theirs."""
    target, source, timed = pairs.ties.target, pairs.ties.source, pairs.timed
    root = np.arange(len(pairs.follower))
    root[timed.pair] = timed.pair[timed.start][timed.owner]
    while bool(np.any(root[target] != root[source])):
        np.minimum.at(root, root[target], np.minimum(root[target], root[source]))
        while bool(np.any(root != root[root])):
            root = root[root]
    is_root = root == np.arange(len(root))
    return (np.cumsum(is_root) - 1)[root]


def _mixed(pairs: Pairs, component: IntArray, drops: BoolArray) -> IntArray:
    tied, awkward = np.zeros_like(drops), np.zeros_like(drops)
    tied[component[pairs.ties.target]] = True
    awkward[component[drops]] = True
    awkward[component[pairs.timed.pair]] = True
    return np.flatnonzero((tied & awkward)[component])


def _copied_ties(market: Market, component: IntArray, offset: IntArray, order: IntArray, first: IntArray) -> Ties:
    ties = market.pairs.ties
    if ties.weight.size == 0:
        return ties
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - first[market.component[order]]
    where = market.component[ties.target]
    size = np.bincount(where, minlength=len(order))
    count = size[component]
    edge = np.argsort(where, kind="stable")[ranges((np.cumsum(size) - size)[component], count)]
    shift = np.repeat(offset, count)
    return Ties(shift + rank[ties.target[edge]], shift + rank[ties.source[edge]], ties.weight[edge])


def _copied_timed(pairs: Pairs, origin: IntArray, owner: IntArray) -> Timed:
    deadline_s = np.full(len(pairs.follower), -1.0)
    deadline_s[pairs.timed.pair] = pairs.timed.deadline_s[pairs.timed.owner]
    copied_s = deadline_s[origin]
    pair = np.flatnonzero(copied_s >= 0.0)
    is_first = np.diff(owner[pair], prepend=-1) != 0
    return Timed(pair, np.flatnonzero(is_first), np.cumsum(is_first) - 1, copied_s[pair[is_first]])
