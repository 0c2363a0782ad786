"""How a change of demand spreads among the followers of the social game: one linear operator and its solve.

Pair e is one follower buying from one eligible leader. Around a reply to the others' demand, the demand of a pair
moves by `Local.apply(v)` when its marginal value moves by v; through the ties that moves the marginal value of its
friends at the same leader, and so on. `settle` sums that series. Everything is elementwise: no BLAS, so the bits do
not depend on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import NoEquilibrium


def sums(label: IntArray, value: FloatArray, count: int) -> FloatArray:
    """Return the sum of the values of each label 0..count-1, added in their order."""
    return np.bincount(label, value, count).astype(np.float64, copy=False)


_LIMIT = 5000  # conjugate gradients need far fewer steps unless 2 diag(beta) - W is almost singular


@dataclass(frozen=True, slots=True)
class Ties:
    """The ties between pairs of one leader, E with both directions listed: `weight` of `source` in `target`'s gain."""

    target: IntArray
    source: IntArray
    weight: FloatArray

    def gain(self, demand: FloatArray) -> FloatArray:
        """Return the social part of the marginal value, sum_k w_ik b_kj, shape of `demand`."""
        if self.weight.size == 0:
            return np.zeros_like(demand)
        return sums(self.target, self.weight * demand[self.source], len(demand))


@dataclass(frozen=True, slots=True)
class Late:
    """The pairs of followers whose deadline binds, follower after follower, and their part of the derivative.

    With nu the multiplier of the deadline: `push` = a/b^2, the demand that nu buys before curvature, and `drag[m]` =
    theta * push; `weight` is sum(drag * push / H) per follower.
    """

    pair: IntArray
    start: IntArray
    owner: IntArray  # position of the follower among the late ones, per pair
    push: FloatArray
    drag: FloatArray
    weight: FloatArray


@dataclass(frozen=True, slots=True)
class Local:
    """The derivative of every follower's own reply; `ease[n]` = 1/H, 0 where nothing is bought at the margin."""

    ease: FloatArray
    late: Late | None

    def project(self, value: FloatArray, time_shift: FloatArray | None = None) -> FloatArray:
        """Return the part of a change `value` of the marginal values that demand follows; times `ease`, its change.

        `time_shift` (one number per late follower) is how much sum(theta a/b) has to fall besides.
        """
        followed = np.where(self.ease > 0.0, value, 0.0)
        if self.late is not None:
            late = self.late
            need = -np.add.reduceat(late.drag * self.ease[late.pair] * followed[late.pair], late.start)
            if time_shift is not None:
                need = need + time_shift
            followed[late.pair] += late.push * (need / late.weight)[late.owner]
        return followed

    def apply(self, value: FloatArray, time_shift: FloatArray | None = None) -> FloatArray:
        """Return the change of demand for a change `value` of the marginal values."""
        return self.ease * self.project(value, time_shift)


def settle(ties: Ties, local: Local, first: FloatArray, metric: FloatArray, accuracy: float = 1e-14) -> FloatArray:
    """Return x = first + P W x, with P = `local.apply` and W the ties: conjugate gradients preconditioned by P.

    `metric` > 0 makes P symmetric (1/price: the followers' game is a potential game with these weights); `accuracy` is
    relative. Raises NoEquilibrium if 2 diag(beta) - W turns out not to be positive definite.
    """
    if ties.weight.size == 0:
        return first
    # x = first + z with (P^-1 - W) z = W first. P may be singular: what it ignores of a residual is projected away,
    # and P^-1 of a direction is carried along as `dual`.
    rest = ties.gain(first)
    goal = accuracy * accuracy * float((metric * local.ease * rest * rest).sum())
    rest = local.project(rest)
    answer, direction, dual = first, local.ease * rest, rest
    size = float((metric * rest * direction).sum())
    for _ in range(_LIMIT):
        if size <= goal:
            return answer
        image = dual - ties.gain(direction)
        curvature = float((metric * direction * image).sum())
        if curvature <= 0.0:
            break
        answer = answer + (size / curvature) * direction
        rest = local.project(rest - (size / curvature) * image)
        step = local.ease * rest
        size, before = float((metric * rest * step).sum()), size
        direction = step + (size / before) * direction
        dual = rest + (size / before) * dual
    raise NoEquilibrium("game social: 2 diag(beta) - W is not positive definite")
