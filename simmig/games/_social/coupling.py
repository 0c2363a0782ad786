"""How a change of demand spreads among the followers of the social game: one linear operator and its solve.

Pair e is one follower buying from one eligible leader. Around a reply to the others' demand, the demand of a pair
moves by `Local.apply(v)` when its marginal value moves by v; through the ties that moves the marginal value of its
friends at the same leader, and so on. `settle` sums that series. Everything is elementwise: no BLAS, so the bits do
not depend on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.errors import NoEquilibrium


def sums(label: IntArray, value: FloatArray, count: int) -> FloatArray:
    """Return the sum of the values of each label 0..count-1, added in their order."""
    return np.bincount(label, value, count).astype(np.float64, copy=False)


_Number = TypeVar("_Number", bound=np.generic)
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


@dataclass(frozen=True, slots=True)
class Parts:
    """Stretches of the list of pairs that nothing joins: each comes to its own answer, whatever else is listed."""

    start: IntArray  # first pair of each part
    owner: IntArray  # [n] part of each pair; of a single part nobody asks

    def total(self, value: FloatArray) -> FloatArray:
        """Return the sum of the values of each part."""
        return np.add.reduceat(value, self.start)

    def largest(self, value: FloatArray) -> FloatArray:
        """Return the largest value of each part."""
        return np.maximum.reduceat(value, self.start)

    def spread(self, value: NDArray[_Number]) -> NDArray[_Number]:
        """Return the number of each part for all its pairs; one part's number does for all."""
        return value if len(self.start) == 1 else value[self.owner]


ONE_PART = Parts(np.zeros(1, np.int64), np.zeros(0, np.int64))


def settle(
    ties: Ties,
    local: Local,
    first: FloatArray,
    metric: FloatArray,
    accuracy: float = 1e-14,
    parts: Parts = ONE_PART,
) -> FloatArray:
    """Return x = first + P W x, with P = `local.apply` and W the ties: conjugate gradients preconditioned by P.

    `metric` > 0 makes P symmetric (1/price: the followers' game is a potential game with these weights); `accuracy` is
    relative, part by part. Raises NoEquilibrium if 2 diag(beta) - W turns out not to be positive definite.
    """
    answer, is_definite = settle_parts(ties, local, first, metric, accuracy, parts)
    if not bool(is_definite.all()):
        raise NoEquilibrium("game social: 2 diag(beta) - W is not positive definite")
    return answer


def settle_parts(
    ties: Ties, local: Local, first: FloatArray, metric: FloatArray, accuracy: float, parts: Parts
) -> tuple[FloatArray, BoolArray]:
    """Return x as `settle` does, and in which parts 2 diag(beta) - W is not found to be indefinite."""
    is_definite = np.ones(len(parts.start), bool)
    if ties.weight.size == 0:
        return first, is_definite
    # x = first + z with (P^-1 - W) z = W first. P may be singular: what it ignores of a residual is projected away,
    # and P^-1 of a direction is carried along as `dual`.
    rest = ties.gain(first)
    goal = accuracy * accuracy * parts.total(metric * local.ease * rest * rest)
    rest = local.project(rest)
    answer, direction, dual = first, local.ease * rest, rest
    size = parts.total(metric * rest * direction)
    is_open = size > goal
    for _ in range(_LIMIT):
        if np.count_nonzero(is_open) == 0:  # in tight loops much faster than any()
            return answer, is_definite
        image = dual - ties.gain(direction)
        curvature = parts.total(metric * direction * image)
        if curvature.min() <= 0.0:
            is_definite &= ~is_open | (curvature > 0.0)
            is_open &= is_definite
        length = parts.spread(_ratio(size, curvature, is_open))
        answer = answer + length * direction
        rest = local.project(rest - length * image)
        step = local.ease * rest
        size, before = parts.total(metric * rest * step), size
        is_open &= size > goal
        again = parts.spread(_ratio(size, before, is_open))
        direction = step + again * direction
        dual = rest + again * dual
    return answer, is_definite & ~is_open


def _ratio(upper: FloatArray, lower: FloatArray, is_open: BoolArray) -> FloatArray:
    """Return upper / lower for the parts that are open, 0 for the others."""
    if np.count_nonzero(is_open) == len(is_open):
        return upper / lower
    return np.where(is_open, upper, 0.0) / np.where(is_open, lower, 1.0)
