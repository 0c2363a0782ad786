"""Copies of parts of the pairs of the social game: components that leaders try prices on, games, what is not done."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.coupling import Parts, Ties
from simmig.games._social.pairs import Pairs, Timed, groups


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of components, each for one leader that tries a price: `pairs`, where each came from, which try."""

    pairs: Pairs  # every copy is one of its parts
    origin: IntArray  # [m] pair of the original
    unit: IntArray  # [m] which copied component, 0..U-1
    own: BoolArray  # [m] the pair's leader is the one that tries

    def kept(self, chosen: BoolArray) -> Copies:
        """Return the copies `chosen[U]`."""
        if bool(chosen.all()):
            return self
        pairs, pair = kept_parts(self.pairs, chosen)
        return Copies(pairs, self.origin[pair], (np.cumsum(chosen) - 1)[self.unit[pair]], self.own[pair])

    def between(self, low: int, high: int) -> Copies | None:
        """Return the copies of pairs `low` to `high` - 1, a stretch that no component crosses; None for no copies."""
        first, last = np.searchsorted(self.origin, (low, high))
        if first == last:
            return None
        pairs, unit = stretch(self.pairs, int(first), int(last)), self.unit[first:last]
        return Copies(pairs, self.origin[first:last] - low, unit - unit[0], self.own[first:last])


def copy_components(pairs: Pairs, component: IntArray, which: IntArray, leader: IntArray) -> Copies:
    """Return a copy of each component `which[U]`, in which `leader[U]` is the one that tries a price."""
    order = np.argsort(component, kind="stable")
    kinds = max(len(order), int(which.max(initial=-1)) + 1)
    size = np.bincount(component, minlength=kinds)
    first = np.cumsum(size) - size
    count = size[which]
    unit = np.repeat(np.arange(len(which)), count)
    origin = order[ranges(first[which], count)]
    follower = pairs.follower[origin]
    is_first = np.ones(len(origin), bool)
    is_first[1:] = (unit[1:] != unit[:-1]) | (follower[1:] != follower[:-1])
    owner = np.cumsum(is_first) - 1
    offset = np.cumsum(count) - count
    ties = pairs.ties
    if ties.weight.size:
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order)) - first[component[order]]
        ties = _copied_ties(ties, (component[ties.target], which), rank, offset)
    copied = replace(
        pairs,
        **{name: getattr(pairs, name)[origin] for name in _PER_PAIR},
        start=np.flatnonzero(is_first),
        owner=owner,
        ties=ties,
        timed=copied_timed(pairs, origin, owner),
        parts=Parts(*groups(unit)),
    )
    return Copies(copied, origin, unit, copied.leader == leader[unit])


_PER_PAIR = ("follower", "leader", "alpha", "beta", "work", "delay_s", "intercept", "slope")


def ranges(first: IntArray, count: IntArray) -> IntArray:
    """Return first[0], first[0]+1, ... (count[0] numbers), then first[1], ... and so on."""
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))


def are_few(chosen: BoolArray) -> bool:
    """Return whether it is worth while to copy the parts `chosen`, rather than to compute the others in vain."""
    return bool(2 * np.count_nonzero(chosen) <= len(chosen))


def kept_parts(pairs: Pairs, chosen: BoolArray) -> tuple[Pairs, IntArray]:
    """Return the parts `chosen` of the pairs, and where these pairs stood."""
    if np.count_nonzero(chosen) == len(chosen):
        return pairs, np.arange(len(pairs.owner))
    keep = chosen[pairs.parts.owner]
    place = np.cumsum(keep) - 1
    pair = np.flatnonzero(keep)
    is_kept = keep[pairs.start]
    ties, timed = pairs.ties, pairs.timed
    tie, late = keep[ties.target], keep[timed.pair]
    has_deadline = keep[timed.pair[timed.start]]
    owner = (np.cumsum(has_deadline) - 1)[timed.owner[late]]
    inner = replace(
        pairs,
        **{name: getattr(pairs, name)[pair] for name in _PER_PAIR},
        start=place[pairs.start[is_kept]],
        owner=(np.cumsum(is_kept) - 1)[pairs.owner[pair]],
        ties=Ties(place[ties.target[tie]], place[ties.source[tie]], ties.weight[tie]),
        timed=Timed(place[timed.pair[late]], *groups(owner), timed.deadline_s[has_deadline]),
        parts=Parts(place[pairs.parts.start[chosen]], (np.cumsum(chosen) - 1)[pairs.parts.owner[pair]]),
    )
    return inner, pair


def stretch(pairs: Pairs, low: int, high: int) -> Pairs:
    """Return the pairs `low` to `high` - 1, a stretch that no follower, tie or part crosses, without looking at others.

    Whatever is listed by pair is listed stretch after stretch, which is all that searchsorted asks for.
    """
    ties, timed, parts = pairs.ties, pairs.timed, pairs.parts
    first, last = np.searchsorted(pairs.start, (low, high))
    tie, pair = slice(*np.searchsorted(ties.target, (low, high))), slice(*np.searchsorted(timed.pair, (low, high)))
    late = slice(*np.searchsorted(timed.start, (pair.start, pair.stop)))
    part = slice(*np.searchsorted(parts.start, (low, high)))
    return replace(
        pairs,
        **{name: getattr(pairs, name)[low:high] for name in _PER_PAIR},
        start=pairs.start[first:last] - low,
        owner=pairs.owner[low:high] - first,
        ties=Ties(ties.target[tie] - low, ties.source[tie] - low, ties.weight[tie]),
        timed=Timed(
            timed.pair[pair] - low,
            timed.start[late] - pair.start,
            timed.owner[pair] - late.start,
            timed.deadline_s[late],
        ),
        parts=Parts(parts.start[part] - low, parts.owner[low:high] - part.start),
    )


def _copied_ties(ties: Ties, where: tuple[IntArray, IntArray], rank: IntArray, offset: IntArray) -> Ties:
    """Return the ties of copied components.

    `where` is the component of every tie and of every copy, `rank` the place of every pair in its component, `offset`
    the place of every copy.
    """
    component, which = where
    size = np.bincount(component, minlength=int(which.max(initial=-1)) + 1)
    count = size[which]
    edge = np.argsort(component, kind="stable")[ranges((np.cumsum(size) - size)[which], count)]
    shift = np.repeat(offset, count)
    return Ties(shift + rank[ties.target[edge]], shift + rank[ties.source[edge]], ties.weight[edge])


def copied_timed(pairs: Pairs, origin: IntArray, owner: IntArray) -> Timed:
    """Return who of the copied pairs may be late: `origin[m]` is where each came from, `owner[m]` its follower."""
    deadline_s = np.full(len(pairs.follower), -1.0)
    deadline_s[pairs.timed.pair] = pairs.timed.deadline_s[pairs.timed.owner]
    copied_s: FloatArray = deadline_s[origin]
    pair = np.flatnonzero(copied_s >= 0.0)
    start, number = groups(owner[pair])
    return Timed(pair, start, number, copied_s[pair[start]])
