"""How the pairs of the social game hang together, in one round or in a batch of games, and some of its games.

Pairs can influence one another through ties, and through a follower whose deadline may bind. Most have neither or
only one of the two, and are easy; the rest, the mixed ones, are few and are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.copies import Copies, copied_timed, copy_components, ranges, stretch
from simmig.games._social.coupling import Ties
from simmig.games._social.pairs import Pairs, Timed, groups, pairs_of
from simmig.games._social.table import Table


@dataclass(frozen=True)
class Market:
    """The pairs of B games and how they hang together over all admissible prices.

    `mixed` are the pairs in components with ties and with a deadline or an end of demand, if any. `plain` are all
    pairs again, without ties and without the deadlines of the mixed ones.
    """

    pairs: Pairs
    plain: Pairs
    mixed: Copies | None
    eligible: BoolArray  # [B I, J]
    drops: BoolArray  # [n] the price cap is high enough to end this pair's demand
    component: IntArray  # [n] pairs that can influence one another share a number
    games: int

    @property
    def leaders(self) -> int:
        """Return J, the leaders of one game."""
        return int(self.eligible.shape[1])

    @cached_property
    def movers(self) -> Copies | None:
        """Copies of the mixed components, one for each of their leaders: often too many to make unasked."""
        if self.mixed is None:
            return None
        return self.movers_of(self.mixed.origin)

    def movers_of(self, pair: IntArray) -> Copies:
        """Return such copies of the components of some pairs only; of a component all pairs are given."""
        count = max(self.games * self.leaders, 1)
        unit = np.unique(self.component[pair] * count + self.pairs.leader[pair])
        return copy_components(self.pairs, self.component, unit // count, unit % count)

    def frozen(self, social: FloatArray) -> Market:
        """Return the market as a myopic leader sees it: the social gain of every pair stays what it is."""
        alone = self._alone(social)
        return Market(alone, alone, None, self.eligible, self.drops, components(alone), self.games)

    def frozen_whole(self, worth: FloatArray) -> Market:
        """Return the market as `frozen` does, all pairs being mixed, so that `movers` has copies of all."""
        return _hung(self._alone(worth), self.drops, self.eligible, self.games, is_whole=True)

    def _alone(self, worth: FloatArray) -> Pairs:
        pairs = self.pairs
        alpha, slope = pairs.alpha + worth, 0.5 / pairs.beta
        return replace(pairs, alpha=alpha, ties=_no_ties(pairs), intercept=alpha * slope, slope=slope)

    def take(self, games: IntArray) -> tuple[Market, IntArray]:
        """Return copies of these games, numbered anew from 0, and where their pairs stood.

        A game may be named several times.
        """
        low, high = int(games.min(initial=self.games)), int(games.max(initial=-1)) + 1
        if 0 < 2 * (high - low) <= self.games:
            window, skipped = self._window(low, high)
            market, taken = window.take(games - low)
            return market, taken + skipped
        if np.array_equal(games, np.arange(self.games)):
            return self, np.arange(len(self.pairs.owner))
        followers, leaders = len(self.eligible) // max(self.games, 1), self.leaders
        label = self.pairs.leader // leaders
        size = np.bincount(label, minlength=self.games)
        whole = copy_components(self.pairs, label, games, games)
        first, before = np.cumsum(size[games]) - size[games], np.cumsum(size) - size
        sizes = followers, leaders
        pairs = _renumbered(whole.pairs, games, whole.unit, sizes)
        place = first, before
        mixed = None if self.mixed is None else _taken(self.mixed, label, games, place, sizes)
        plain = replace(pairs, ties=_no_ties(pairs), timed=copied_timed(self.plain, whole.origin, pairs.owner))
        rows = (games[:, None] * followers + np.arange(followers)).ravel()
        count = int(self.component.max(initial=-1)) + 1
        _, component = np.unique(whole.unit * count + self.component[whole.origin], return_inverse=True)
        copied = Market(
            pairs=pairs,
            plain=plain,
            mixed=mixed,
            eligible=self.eligible[rows],
            drops=self.drops[whole.origin],
            component=component.astype(np.int64),
            games=len(games),
        )
        return copied, whole.origin

    def _window(self, low: int, high: int) -> tuple[Market, int]:
        """Return the games `low` to `high` - 1, and where their pairs begin, at a cost that the others do not raise."""
        followers = len(self.eligible) // self.games
        first, last = (int(k) for k in np.searchsorted(self.pairs.follower, (low * followers, high * followers)))
        shift = low * followers, low * self.leaders

        def moved(pairs: Pairs) -> Pairs:
            return replace(pairs, follower=pairs.follower - shift[0], leader=pairs.leader - shift[1])

        mixed = None if self.mixed is None else self.mixed.between(first, last)
        window = Market(
            pairs=moved(stretch(self.pairs, first, last)),
            plain=moved(stretch(self.plain, first, last)),
            mixed=mixed and replace(mixed, pairs=moved(mixed.pairs)),
            eligible=self.eligible[shift[0] : high * followers],
            drops=self.drops[first:last],
            component=self.component[first:last] - self.component[first:last].min(initial=len(self.component)),
            games=high - low,
        )
        return window, first


def _renumbered(pairs: Pairs, games: IntArray, copy: IntArray, sizes: tuple[int, int]) -> Pairs:
    """Return copied pairs with the players' numbers of game `copy[m]`; they have those of game `games[copy[m]]`."""
    shift = copy - games[copy]
    return replace(pairs, follower=pairs.follower + shift * sizes[0], leader=pairs.leader + shift * sizes[1])


def _taken(
    copies: Copies, label: IntArray, games: IntArray, place: tuple[IntArray, IntArray], sizes: tuple[int, int]
) -> Copies | None:
    """Return the copies of components that belong to `games[K]`; `label[n]` is the game of every pair.

    `place` is the first pair of each of `games`, in the new list, and of each game in the old one.
    """
    first, before = place
    home = label[copies.origin[copies.pairs.parts.start]]
    low, high = np.searchsorted(home, games), np.searchsorted(home, games, side="right")
    which = ranges(low, high - low)
    if len(which) == 0:
        return None
    part = copy_components(copies.pairs, copies.unit, which, np.zeros_like(which))
    copy = np.repeat(np.arange(len(games)), high - low)[part.unit]
    origin = first[copy] + copies.origin[part.origin] - before[games[copy]]
    return Copies(_renumbered(part.pairs, games, copy, sizes), origin, part.unit, copies.own[part.origin])


def collect(table: Table, *, is_whole: bool = False) -> tuple[Market, dict[int, str]]:
    """Return the market of all games, and which have no equilibrium, with the reason (see `pairs_of`).

    With `is_whole`, all pairs count as mixed, so `movers` has copies of all.
    """
    pairs, drops, refused = pairs_of(table)
    eligible = table.without(np.array(list(refused), int)).eligible if refused else table.eligible
    return _hung(pairs, drops, eligible, table.games, is_whole), refused


def _hung(pairs: Pairs, drops: BoolArray, eligible: BoolArray, games: int, is_whole: bool) -> Market:
    """Return the market of these pairs: how they hang together."""
    component = components(pairs)
    mixed = np.flatnonzero(_is_mixed(pairs, component, drops) | is_whole)
    if len(mixed) == 0:
        return Market(pairs, replace(pairs, ties=_no_ties(pairs)), None, eligible, drops, component, games)
    which = np.unique(component[mixed])
    copies = copy_components(pairs, component, which, np.zeros_like(which))
    plain = replace(pairs, ties=_no_ties(pairs), timed=_without(pairs.timed, mixed))
    return Market(pairs, plain, copies, eligible, drops, component, games)


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
    start, owner = groups(timed.owner[kept])
    return Timed(timed.pair[kept], start, owner, timed.deadline_s[timed.owner[kept][start]])
