"""Prices that clear J capacities at once: zero, or the leader's capacity is just used, for many games together.

Both a shadow price of rationed followers and a full leader's multiplier are such prices. Raising one lowers the sales
of its own leader and never those of the others, so minus the Jacobian is an M-matrix: Newton's method on the leaders
whose capacity binds, damped (Levenberg 1944) until the misfit falls. Without damping it would be singular where
budgets bind: to raise all prices in the same proportion then changes nothing for a while.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, Self

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray

_STEPS = 300
_LEAST, _MOST, _EASED = 1e-12, 1e6, 10.0  # damping, in parts of a leader's own slope; beyond the most, go on anyway
_FITS, _CLEARED = 1e-14, 1e-10  # of the capacity: to go on for, and to be content with


class Markets(Protocol):
    """G games' sales against capacities."""

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return (sales - capacity) / capacity [G, J] at prices [G, J] (-1 if there is none) and its Jacobian."""

    def take(self, games: IntArray) -> Self:
        """Return some of the games."""


def clear(
    markets: Markets, start: FloatArray, highest: FloatArray, *, from_above: bool = False, most: int = _STEPS
) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices[G, J] between 0 and `highest`, whether they clear each game's capacities, and the steps taken.

    The search begins at `start`; `from_above`, nobody sells more than it has there, and that is kept on the way down. A
    leader that cannot be cleared at its highest price stays there. It ends after `most` steps.
    """
    left = np.arange(len(highest))
    found, converged, steps = start.copy(), np.zeros(left.size, np.bool_), np.zeros(left.size, np.int64)
    misfit, damping = np.full(left.size, np.inf), np.full(left.size, _LEAST)
    best = _Point(start, *markets.excess(start))
    tried, is_idle = best, np.zeros(left.size, np.bool_)
    for count in range(1, most + 1):
        now = np.where(_is_bound(tried, highest), 0.0, np.abs(tried.excess)).max(axis=1)
        is_better = tried.excess.max(axis=1) <= _FITS if from_above else now < misfit
        is_better |= damping > _MOST
        misfit = np.where(is_better, now, misfit)
        damping = np.where(is_better, np.maximum(damping / _EASED, _LEAST), damping * _EASED)
        damping = np.where(damping > _EASED * _MOST, _LEAST, damping)
        best = _Point(*(_choose(is_better, new, old) for new, old in zip(tried, best, strict=True)))
        found[left], steps[left], converged[left] = best.value, count, misfit <= _CLEARED
        keep = np.flatnonzero((misfit > _FITS) & ~(is_idle & (misfit <= _CLEARED)))
        if not keep.size:
            break
        markets, left, highest = markets.take(keep), left[keep], highest[keep]
        best, misfit, damping = _Point(*(table[keep] for table in best)), misfit[keep], damping[keep]
        following = np.clip(best.value + _step(best, highest, damping), 0.0, highest)
        is_idle = (following == best.value).all(axis=1)
        tried = _Point(following, *markets.excess(following))
    return found, converged, steps


class _Point(NamedTuple):
    """Prices [G, J] and what they do: (sales - capacity) / capacity and its Jacobian [G, J, J]."""

    value: FloatArray
    excess: FloatArray
    jacobian: FloatArray


def _choose(which: BoolArray, new: FloatArray, old: FloatArray) -> FloatArray:
    return np.where(which.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def sales_of(leader: IntArray, bought: FloatArray, leaders: int) -> FloatArray:
    """Return what every leader sells, [G, J], from demands [G, I, K] at the leaders of the slots."""
    games = len(leader)
    place = np.arange(games)[:, None, None] * leaders + leader
    sales: FloatArray = np.bincount(place.ravel(), bought.ravel(), games * leaders).astype(np.float64)
    return sales.reshape(games, leaders)


def jacobian_of(leader: IntArray, own: FloatArray, out: FloatArray, into: FloatArray, leaders: int) -> FloatArray:
    """Return sum_i (diag(own_i) + out_i into_i') at the leaders of follower i's slots (all [G, I, K]): [G, J, J]."""
    games, _, slots = leader.shape
    blocks = out[..., :, None] * into[..., None, :]
    diagonal = np.arange(slots)
    blocks[..., diagonal, diagonal] += own
    place = (np.arange(games)[:, None, None, None] * leaders + leader[..., :, None]) * leaders + leader[..., None, :]
    slopes: FloatArray = np.bincount(place.ravel(), blocks.ravel(), games * leaders * leaders).astype(np.float64)
    return slopes.reshape(games, leaders, leaders)


def _is_bound(point: _Point, highest: FloatArray) -> BoolArray:
    """Return which prices are as low or as high as they can be, and right so."""
    value, excess = point.value, point.excess
    is_bound: BoolArray = ((value <= 0.0) & (excess <= 0.0)) | ((value >= highest) & (excess >= 0.0))
    return is_bound


def _step(point: _Point, highest: FloatArray, damping: FloatArray) -> FloatArray:
    """Return the solution of (damping / highest - jacobian) step = excess over the free leaders, 0 for the bound."""
    is_bound = _is_bound(point, highest)
    matrix = np.where(is_bound[:, :, None] | is_bound[:, None, :], 0.0, -point.jacobian)
    diagonal = np.arange(highest.shape[1])
    own = np.maximum(matrix[:, diagonal, diagonal], 0.0) * (1.0 + damping[:, None])
    ridge = damping[:, None] / np.where(highest > 0.0, highest, 1.0)
    matrix[:, diagonal, diagonal] = np.where(is_bound, 1.0, own + ridge)
    return eliminate(matrix, np.where(is_bound, 0.0, point.excess)[..., None])[..., 0]


def eliminate(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solutions [G, J, R] of matrix[G, J, J] x = right[G, J, R] by Gaussian elimination without pivots.

    An M-matrix needs none, and unlike LAPACK's the bits do not depend on the machine.
    """
    matrix, x = matrix.copy(), right.copy()
    size = x.shape[1]
    for k in range(size - 1):
        factor = (matrix[:, k + 1 :, k] / matrix[:, k, k, None])[..., None]
        matrix[:, k + 1 :, k:] -= factor * matrix[:, None, k, k:]
        x[:, k + 1 :] -= factor * x[:, None, k]
    for k in range(size - 1, -1, -1):
        x[:, k] /= matrix[:, k, k, None]
        x[:, :k] -= matrix[:, :k, k, None] * x[:, None, k]
    return x
