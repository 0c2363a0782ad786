"""Which followers answer when one leader of the social game tries a price: the scenes of the certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._certificate_replies import Scenes

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_ENTRIES = 50_000  # entries of the scenes handled at once: with 23 prices each, some 150 MB


def whole_scene(game: SocialGame) -> Scenes:
    """Return every eligible follower-leader entry, follower after follower, as one scene."""
    follower, leader = np.nonzero(game.eligible)
    size = np.count_nonzero(game.eligible, axis=1)
    where = np.full(game.eligible.shape, -1)
    where[follower, leader] = np.arange(len(follower))
    one, other = np.nonzero(game.ties)
    edge, shared = np.nonzero((where[one] >= 0) & (where[other] >= 0))
    target, source = where[one[edge], shared], where[other[edge], shared]
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
        weight=game.ties[one[edge], other[edge]][order],
    )


def given_social(whole: Scenes, demand: FloatArray) -> Scenes:
    """Return the scene a myopic leader believes in: the social gain at `demand[m]` stays, whatever it does."""
    none = whole.tied[:0]
    alpha = whole.alpha + whole.social(demand)
    return replace(whole, alpha=alpha, source=none, tied=none, tied_start=none, weight=whole.weight[:0])


def leader_scenes(game: SocialGame, whole: Scenes) -> Iterator[tuple[IntArray, Scenes]]:
    """Yield leaders [S] and the scenes 0..S-1 in which each tries prices: the entries that its price can move."""
    count = len(whole.leader)
    if count == 0:
        return
    may_be_late = _may_be_late(game, whole)
    whole = replace(whole, deadline_s=np.where(may_be_late, whole.deadline_s, np.inf))
    group = _groups(whole, may_be_late)
    order = np.argsort(group, kind="stable")
    size = np.bincount(group, minlength=count)
    pair = np.unique(whole.leader * count + group)
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


def _may_be_late(game: SocialGame, whole: Scenes) -> BoolArray:
    """Return which followers the demand at the price caps, without any friend, does not always bring in on time."""
    least = (whole.alpha - game.price_max[whole.leader]) * (0.5 / whole.beta)
    slowest_s = np.where(least > 0.0, whole.work / np.where(least > 0.0, least, 1.0) + whole.delay_s, np.inf)
    return np.maximum.reduceat(slowest_s, whole.start) > whole.deadline_s


def _groups(whole: Scenes, may_be_late: BoolArray) -> IntArray:
    """Return a number per entry that entries share if one's demand can move the other's at some admissible price.

    Ties carry a change between followers, and a deadline carries it between the leaders of one follower.
    """
    entry = np.arange(len(whole.leader))
    chief = np.where(may_be_late[whole.owner], whole.start[whole.owner], entry)
    if len(whole.tied) == 0:
        return chief
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    target = np.repeat(whole.tied, np.diff(whole.tied_start, append=len(whole.source)))
    ends = np.concatenate([entry, target]), np.concatenate([chief, whole.source])
    links = coo_array((np.ones(len(ends[0])), ends), shape=(len(entry), len(entry)))
    labels: IntArray = connected_components(links, directed=False)[1].astype(np.int64)
    return labels
