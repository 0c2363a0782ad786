"""The eligible follower-leader pairs of the social game, of one round or of a batch of games.

Only pairs that can trade are stored, sorted by follower and then leader, so work grows with the pairs and not with
followers times leaders. Followers and leaders of later games have later numbers (see `Table`). What is the same at
every admissible price is found once: how demand falls with the price while no deadline binds, and whose deadline may
bind at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.coupling import Local, Parts, Ties, settle_parts
from simmig.games._social.table import Table

_ACCURACY = 1e-14  # relative, of demand while nobody is late


@dataclass(frozen=True, slots=True)
class Timed:
    """The pairs of followers whose deadline may bind, follower after follower: `pair[m]`, groups by `start`."""

    pair: IntArray
    start: IntArray
    owner: IntArray  # [m] position of the follower in `start`
    deadline_s: FloatArray  # per follower


@dataclass(frozen=True, slots=True)
class Pairs:
    """n pairs; `work` is the time to send the twin on one unit of bandwidth, so a pair takes work/b + delay_s.

    `parts` have nothing to do with one another: the games, or in copies of components each component.
    """

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
    parts: Parts

    def theta(self, price: FloatArray) -> FloatArray:
        """Return the pairing probability of every pair, (1/p_j) / sum_l (1/p_l) over the follower's own leaders."""
        pull = 1.0 / price[self.leader]
        return pull / self.pull_sum(price)[self.owner]

    def pull_sum(self, price: FloatArray) -> FloatArray:
        """Return sum_l 1/p_l over the eligible leaders of each follower in `start`."""
        pull = 1.0 / price[self.leader]
        return np.add.reduceat(pull, self.start) if len(pull) else pull


def groups(label: IntArray) -> tuple[IntArray, IntArray]:
    """Return where each run of equal labels starts, and the number of the run of every element."""
    is_first = np.ones(len(label), bool)
    np.not_equal(label[1:], label[:-1], out=is_first[1:])
    return np.flatnonzero(is_first), np.cumsum(is_first) - 1


def pairs_of(table: Table) -> tuple[Pairs, BoolArray, dict[int, str]]:
    """Return the pairs of all games, whose demand, [n], the price cap can end, and the games without an equilibrium.

    These are the games in which 2 diag(beta) - W is not positive definite over the followers of some leader; the reason
    is given by game, and such a game has no pairs.
    """
    alone = _alone(table)
    intercept, slope, is_definite = _slack_demand(alone)
    refused: dict[int, str] = {}
    if not bool(is_definite.all()):
        game = alone.leader[alone.parts.start] // table.cost.shape[1]
        refused = {int(g): _unbounded(alone, table, int(g)) for g in game[~is_definite]}
        kept, ends, _ = pairs_of(table.without(game[~is_definite]))
        return kept, ends, refused
    lowest = intercept - slope * table.price_max.ravel()[alone.leader]
    timed = _timed(alone, lowest, table)
    return replace(alone, intercept=intercept, slope=slope, timed=timed), lowest <= 0.0, refused


def _alone(table: Table) -> Pairs:
    """Return the pairs with the demand of a follower without friends and without a deadline."""
    row, column = np.nonzero(table.eligible)
    start, owner = groups(row)
    ease = 0.5 / table.beta[row]
    nothing = row[:0]
    leaders = table.cost.shape[1]
    game = row // max(table.followers, 1)
    return Pairs(
        follower=row,
        leader=column + leaders * game,
        start=start,
        owner=owner,
        alpha=table.alpha[row],
        beta=table.beta[row],
        work=table.work[row, column],
        delay_s=table.delay_s[row, column],
        ties=_pair_ties(table),
        intercept=table.alpha[row] * ease,
        slope=ease,
        timed=Timed(nothing, nothing, nothing, table.deadline_s[:0]),
        parts=Parts(*groups(game)),
    )


def _pair_ties(table: Table) -> Ties:
    edge, leader = np.nonzero(table.eligible[table.one] & table.eligible[table.other])
    one, other = table.one[edge], table.other[edge]
    number = np.cumsum(table.eligible.ravel()).reshape(table.eligible.shape) - 1
    return Ties(number[one, leader], number[other, leader], table.weight[edge])


def _slack_demand(pairs: Pairs) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return M^-1 alpha and M^-1 1 with M = 2 diag(beta) - W, leader by leader, and in which parts M is definite.

    M has no positive entry off its diagonal, so a positive x with M x > 0 proves it positive definite, and
    M x = 1 is such a proof (Berman and Plemmons 1979, theorem 6.2.3).
    """
    ties, ease, parts = pairs.ties, pairs.slope, pairs.parts
    local, even = Local(ease=ease, late=None), np.ones_like(ease)
    if len(ease) == 0:
        return ease, ease, np.zeros(0, bool)
    intercept, is_definite = settle_parts(ties, local, pairs.intercept, even, _ACCURACY, parts)
    slope, is_proved = settle_parts(ties, local, ease, even, _ACCURACY, parts)
    with np.errstate(invalid="ignore"):  # where it is not definite, the series may run off
        is_met = (slope > 0.0) & (slope - ease * ties.gain(slope) > 0.5 * ease)
    is_proved &= np.logical_and.reduceat(is_met, parts.start)
    return intercept, slope, is_definite & is_proved


def _unbounded(pairs: Pairs, table: Table, game: int) -> str:
    sums = pairs.ties.gain(np.ones_like(pairs.beta))
    leaders, followers = table.cost.shape[1], table.followers
    e = int(np.where(pairs.leader // leaders == game, sums / pairs.beta, -np.inf).argmax())
    return (
        "game social: 2 diag(beta) - W is not positive definite among the followers of leader "
        f"{pairs.leader[e] % leaders}, so the social gain outgrows every price and demand is unbounded: there the ties "
        f"of follower {pairs.follower[e] % followers} add up to {sums[e]:g} against 2 beta = {2.0 * pairs.beta[e]:g}; "
        "use weaker ties or a larger beta"
    )


def _timed(pairs: Pairs, lowest: FloatArray, table: Table) -> Timed:
    """Return the followers whom a demand that is `lowest[n]` at the price caps does not always bring in on time.

    Below its cap a pair buys more by at least the slope without friends, whether its leader is myopic or not.
    """
    start = pairs.start
    deadline = table.deadline_s[pairs.follower[start]]
    binding = np.isfinite(deadline)
    if bool(binding.any()):
        cost, cap = table.cost.ravel()[pairs.leader], table.price_max.ravel()[pairs.leader]
        due_s = np.where(binding, deadline, 0.0)[pairs.owner]
        most = np.maximum(
            overtime(pairs.work, pairs.delay_s - due_s, lowest + pairs.slope * (cap - cost), cost),
            overtime(pairs.work, pairs.delay_s - due_s, lowest, cap),
        )
        binding &= np.add.reduceat(most, start) > 0.0
    if not bool(binding.any()):
        return pairs.timed
    pair = np.flatnonzero(binding[pairs.owner])
    count = np.diff(start, append=len(pairs.owner))[binding]
    return Timed(pair, np.cumsum(count) - count, np.repeat(np.arange(len(count)), count), deadline[binding])


def overtime(work: FloatArray, delay_s: FloatArray, demand: FloatArray, price: FloatArray) -> FloatArray:
    """Return (work / demand + delay_s) / price, inf where nothing is bought.

    With the deadline deducted from `delay_s`, a follower is late where these add up to more than 0. For a demand
    a - s p each is largest, over a range of prices, at one of its ends: p^2 times its derivative is
    work (2 s p - a) / (a - s p)^2 - delay_s, which rises, so it falls before it rises.
    """
    buys = demand > 0.0
    return np.where(buys, work / np.where(buys, demand, 1.0) + delay_s, np.inf) / price
