"""How the pairs of one round of the social game hang together, and copies of parts of them.

Pairs can influence one another through ties, and through a follower whose deadline may bind. Most have neither or
only one of the two, and are easy; the rest, the mixed ones, are few and are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social_coupling import Ties
from simmig.games._social_pairs import Pairs, Timed, pairs_of


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of components, each for one leader that tries a price: `pairs`, where each came from, which try."""

    pairs: Pairs
    origin: IntArray  # [m] pair of the original
    unit: IntArray  # [m] which copied component, 0..U-1
    own: BoolArray  # [m] the pair's leader is the one that tries


@dataclass(frozen=True, slots=True)
class Market:
    """The pairs of a round and how they hang together over all admissible prices.

    `mixed` are the pairs in components with ties and with a deadline or an end of demand, if any, and `movers` copies
    of those components for each of their leaders. `plain` are all pairs again, without ties and without the deadlines
    of the mixed ones.
    """

    pairs: Pairs
    plain: Pairs
    mixed: Copies | None
    movers: Copies | None
    eligible: BoolArray  # [I, J]
    drops: BoolArray  # [n] the price cap is high enough to end this pair's demand
    component: IntArray  # [n] pairs that can influence one another share a number

    def frozen(self, social: FloatArray) -> Market:
        """Return the market as a myopic leader sees it: the social gain of every pair stays what it is."""
        pairs = self.pairs
        alpha, slope = pairs.alpha + social, 0.5 / pairs.beta
        alone = replace(pairs, alpha=alpha, ties=_no_ties(pairs), intercept=alpha * slope, slope=slope)
        return Market(alone, alone, None, None, self.eligible, self.drops, components(alone))


def collect(
    eligible: BoolArray,
    players: tuple[FloatArray, FloatArray, FloatArray],
    work: FloatArray,
    delay_s: FloatArray,
    deadline_s: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
) -> Market:
    """Return the market of a round; arguments and errors as of `pairs_of`."""
    pairs, drops = pairs_of(eligible, players, work, delay_s, deadline_s, bounds)
    component = components(pairs)
    mixed = np.flatnonzero(_is_mixed(pairs, component, drops))
    if len(mixed) == 0:
        return Market(pairs, replace(pairs, ties=_no_ties(pairs)), None, None, eligible, drops, component)
    which = np.unique(component[mixed])
    copies = copy_components(pairs, component, which, np.zeros_like(which))
    leaders = eligible.shape[1]
    unit = np.unique(component[mixed] * leaders + pairs.leader[mixed])
    movers = copy_components(pairs, component, unit // leaders, unit % leaders)
    plain = replace(pairs, ties=_no_ties(pairs), timed=_without(pairs.timed, mixed))
    return Market(pairs, plain, copies, movers, eligible, drops, component)


def copy_components(pairs: Pairs, component: IntArray, which: IntArray, leader: IntArray) -> Copies:
    """Return a copy of each component `which[U]`, in which `leader[U]` is the one that tries a price."""
    order = np.argsort(component, kind="stable")
    size = np.bincount(component, minlength=len(order))
    first = np.cumsum(size) - size
    count = size[which]
    unit = np.repeat(np.arange(len(which)), count)
    origin = order[ranges(first[which], count)]
    follower = pairs.follower[origin]
    is_first = np.ones(len(origin), bool)
    is_first[1:] = (unit[1:] != unit[:-1]) | (follower[1:] != follower[:-1])
    owner = np.cumsum(is_first) - 1
    ties = pairs.ties
    if ties.weight.size:
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order)) - first[component[order]]
        ties = _copied_ties(ties, (component[ties.target], which), rank, np.cumsum(count) - count)
    copied = replace(
        pairs,
        **{name: getattr(pairs, name)[origin] for name in _PER_PAIR},
        start=np.flatnonzero(is_first),
        owner=owner,
        ties=ties,
        timed=_copied_timed(pairs, origin, owner),
    )
    return Copies(copied, origin, unit, copied.leader == leader[unit])


_PER_PAIR = ("follower", "leader", "alpha", "beta", "work", "delay_s", "intercept", "slope")


def ranges(first: IntArray, count: IntArray) -> IntArray:
    """Return first[0], first[0]+1, ... (count[0] numbers), then first[1], ... and so on."""
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))


def components(pairs: Pairs) -> IntArray:
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


def _is_mixed(pairs: Pairs, component: IntArray, drops: BoolArray) -> BoolArray:
    tied, awkward = np.zeros_like(drops), np.zeros_like(drops)
    tied[component[pairs.ties.target]] = True
    awkward[component[drops]] = True
    awkward[component[pairs.timed.pair]] = True
    return (tied & awkward)[component]


def _no_ties(pairs: Pairs) -> Ties:
    ties = pairs.ties
    return Ties(ties.target[:0], ties.source[:0], ties.weight[:0])


def _without(timed: Timed, pair: IntArray) -> Timed:
    """Return the followers with deadlines of whom no pair is among `pair`; of a follower all are, or none."""
    kept = ~np.isin(timed.pair, pair)
    is_first = np.diff(timed.owner[kept], prepend=-1) != 0
    deadline_s = timed.deadline_s[timed.owner[kept][is_first]]
    return Timed(timed.pair[kept], np.flatnonzero(is_first), np.cumsum(is_first) - 1, deadline_s)


def _copied_ties(ties: Ties, where: tuple[IntArray, IntArray], rank: IntArray, offset: IntArray) -> Ties:
    """Return the ties of copied components.

    `where` is the component of every tie and of every copy, `rank` the place of every pair in its component, `offset`
    the place of every copy.
    """
    component, which = where
    size = np.bincount(component, minlength=len(rank))
    count = size[which]
    edge = np.argsort(component, kind="stable")[ranges((np.cumsum(size) - size)[which], count)]
    shift = np.repeat(offset, count)
    return Ties(shift + rank[ties.target[edge]], shift + rank[ties.source[edge]], ties.weight[edge])


def _copied_timed(pairs: Pairs, origin: IntArray, owner: IntArray) -> Timed:
    deadline_s = np.full(len(pairs.follower), -1.0)
    deadline_s[pairs.timed.pair] = pairs.timed.deadline_s[pairs.timed.owner]
    copied_s = deadline_s[origin]
    pair = np.flatnonzero(copied_s >= 0.0)
    is_first = np.diff(owner[pair], prepend=-1) != 0
    return Timed(pair, np.flatnonzero(is_first), np.cumsum(is_first) - 1, copied_s[pair[is_first]])
