"""Which followers answer when one leader of the social game tries a price: the scenes of the certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.certificate_replies import Scenes

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_ENTRIES = 50_000  # entries of the scenes handled at once: with 23 prices each, some 150 MB


def whole_scene(game: SocialGame) -> Scenes:
    """Return every eligible follower-leader entry, follower after follower, as one scene."""
    follower, leader = np.nonzero(game.eligible)
    size = np.count_nonzero(game.eligible, axis=1)
    where = np.full(game.eligible.shape, -1)
    where[follower, leader] = np.arange(len(follower))
    # Several times faster than np.nonzero on a matrix, which is nearly all zeros.
    one, other = np.divmod(np.flatnonzero(game.ties != 0.0), max(len(game.ties), 1))
    edge, shared = np.nonzero(game.eligible[one] & game.eligible[other])
    one, other = one[edge], other[edge]
    target, source = where[one, shared], where[other, shared]
    order = np.argsort(target, kind="stable")
    tied, tied_start = np.unique(target[order], return_index=True)
    return Scenes(
        follower=follower,
        leader=leader,
        scene=np.zeros_like(follower),
        start=(np.cumsum(size) - size)[size > 0],
        owner=np.repeat(np.arange(np.count_nonzero(size)), size[size > 0]),
        alpha=game.alpha[follower],
        beta=game.beta[follower],
        work=game.work[follower, leader],
        delay_s=game.delay_s[follower, leader],
        deadline_s=game.deadline_s[size > 0],
        source=source[order],
        tied=tied,
        tied_start=tied_start,
        weight=game.ties[one, other][order],
    )


def given_social(whole: Scenes, demand: FloatArray) -> Scenes:
    """Return the scene a myopic leader believes in: the social gain at `demand[m]` stays, whatever it does."""
    none = whole.tied[:0]
    alpha = whole.alpha + whole.social(demand)
    return replace(whole, alpha=alpha, source=none, tied=none, tied_start=none, weight=whole.weight[:0])


def leader_scenes(whole: Scenes, tries: BoolArray, may_be_late: BoolArray) -> Iterator[tuple[IntArray, Scenes]]:
    """Yield leaders [S], of those that try prices, and the scenes 0..S-1 with the entries that each price can move.

    `tries` is per leader and `may_be_late`, while any one leader tries prices, per group of `whole`.
    """
    count = len(whole.leader)
    trying = np.flatnonzero(tries[whole.leader])
    if len(trying) == 0:
        return
    whole = replace(whole, deadline_s=np.where(may_be_late, whole.deadline_s, np.inf))
    group = _groups(whole, may_be_late)
    order = np.argsort(group, kind="stable")
    size = np.bincount(group, minlength=count)
    pair = np.unique((whole.leader * count + group)[trying])
    first, length = (np.cumsum(size) - size)[pair % count], size[pair % count]
    leaders, at = np.unique(pair // count, return_index=True)
    total = np.add.reduceat(length, at)
    part = np.cumsum(total) // _ENTRIES
    for number in np.unique(part):
        chosen = np.isin(pair // count, leaders[part == number])
        scene = np.repeat(np.searchsorted(leaders[part == number], pair[chosen] // count), length[chosen])
        inside = np.arange(int(length[chosen].sum())) - np.repeat(
            np.cumsum(length[chosen]) - length[chosen], length[chosen]
        )
        entry = order[np.repeat(first[chosen], length[chosen]) + inside]
        yield leaders[part == number], _copy(whole, np.sort(scene * count + entry))


def _copy(whole: Scenes, key: IntArray) -> Scenes:
    """Return copies of the entries key % n for the scenes key // n, n = entries of `whole`; `key` is sorted."""
    count = len(whole.leader)
    scene, entry = key // count, key % count
    follower = whole.follower[entry]
    is_first = np.ones(len(key), bool)
    is_first[1:] = (scene[1:] != scene[:-1]) | (follower[1:] != follower[:-1])
    degree, edges = np.zeros(count, np.int64), np.zeros(count, np.int64)
    degree[whole.tied] = np.diff(whole.tied_start, append=len(whole.source))
    edges[whole.tied] = whole.tied_start
    tied = np.flatnonzero(degree[entry])
    length = degree[entry[tied]]
    start = np.cumsum(length) - length
    edge = np.repeat(edges[entry[tied]] - start, length) + np.arange(int(length.sum()))
    return Scenes(
        follower=follower,
        leader=whole.leader[entry],
        scene=scene,
        start=np.flatnonzero(is_first),
        owner=np.cumsum(is_first) - 1,
        alpha=whole.alpha[entry],
        beta=whole.beta[entry],
        work=whole.work[entry],
        delay_s=whole.delay_s[entry],
        deadline_s=whole.deadline_s[whole.owner[entry[is_first]]],
        source=np.searchsorted(key, np.repeat(scene[tied], length) * count + whole.source[edge]),
        tied=tied,
        tied_start=start,
        weight=whole.weight[edge],
    )


def _groups(whole: Scenes, may_be_late: BoolArray) -> IntArray:
    """Return a number per entry that entries share if one's demand can move the other's while a leader tries prices.

    Ties carry a change between followers, and a deadline carries it between the leaders of one follower.
    """
    group = np.arange(len(whole.leader))
    while True:
        least = group.copy()
        least[whole.tied] = np.minimum(least[whole.tied], _least(group[whole.source], whole.tied_start))
        least = np.where(may_be_late[whole.owner], _least(least, whole.start)[whole.owner], least)
        least = least[least]  # a group's number is one of its entries, which may know a lesser one by now
        if bool((least == group).all()):
            return group
        group = least


def _least(value: IntArray, start: IntArray) -> IntArray:
    return np.minimum.reduceat(value, start) if len(start) else value
