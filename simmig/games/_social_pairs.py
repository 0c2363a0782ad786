"""The eligible follower-leader pairs of one round of the social game.

Only pairs that can trade are stored, sorted by follower and then leader, so work grows with the pairs and not with
followers times leaders. What is the same at every admissible price is found once: how demand falls with the price
while no deadline binds, and whose deadline may bind at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._social_coupling import Local, Ties, settle
from simmig.games._social_inputs import friends


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


def pairs_of(
    eligible: BoolArray,
    players: tuple[FloatArray, FloatArray, FloatArray],
    work: FloatArray,
    delay_s: FloatArray,
    deadline_s: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
) -> tuple[Pairs, BoolArray]:
    """Return the pairs of a round and whose demand, [n], the price cap can end.

    `players` is (alpha[I], beta[I], ties[I, I]); `deadline_s` is inf for none; `bounds` are (cost[J], price_max[J]).
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
    lowest = intercept - slope * bounds[1][leader]
    timed = _timed(alone, lowest, deadline_s, bounds)
    return replace(alone, intercept=intercept, slope=slope, timed=timed), lowest <= 0.0


def _pair_ties(weights: FloatArray, eligible: BoolArray) -> Ties:
    one, other = friends(weights)
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


def _timed(pairs: Pairs, lowest: FloatArray, deadline_s: FloatArray, bounds: tuple[FloatArray, FloatArray]) -> Timed:
    """Return the followers whom a demand that is `lowest[n]` at the price caps does not always bring in on time.

    Below its cap a pair buys more by at least the slope without friends, whether its leader is myopic or not.
    """
    start = pairs.start
    deadline = deadline_s[pairs.follower[start]]
    binding = np.isfinite(deadline)
    if bool(binding.any()):
        cost, cap = bounds[0][pairs.leader], bounds[1][pairs.leader]
        due_s = np.where(binding, deadline, 0.0)[pairs.owner]
        most = np.maximum(
            overtime(pairs.work, pairs.delay_s - due_s, lowest + pairs.slope * (cap - cost), cost),
            overtime(pairs.work, pairs.delay_s - due_s, lowest, cap),
        )
        binding &= np.add.reduceat(most, start) > 0.0
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
