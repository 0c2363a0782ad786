"""Roots of many increasing functions at once: Newton's method kept inside a bracket, each finished one dropped."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray

_STEPS = 200  # Newton needs about 5; bisection down to the last bit of numbers of different size, 100
_LAST_NEWTON = 1e-12  # of the value: Newton's next step would be of the square of this, or a walk in the roundings
_LAST_HALVING = 4e-16


class Problems(Protocol):
    """N functions of one variable each, evaluated together."""

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the functions at value[N] and their slopes, a slope of 0 where Newton's method should not be used."""

    def take(self, problems: IntArray) -> Self:
        """Return some of the functions."""


def monotone_root(problems: Problems, low: FloatArray, high: FloatArray) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return the roots[N], whether each was found, and the steps it took.

    No function is above 0 at `low` or below 0 at `high`, which may be the smaller of the two. The search starts at
    `high`: from there Newton's method needs no bracket where the function is convex.
    """
    low, high = low.copy(), high.copy()
    root, value, left = high.copy(), high.copy(), np.arange(high.size)
    converged, steps = np.zeros(high.size, np.bool_), np.zeros(high.size, np.int64)
    for step in range(1, _STEPS + 1):
        excess, slope = problems.excess(value)
        low, high = np.where(excess > 0.0, low, value), np.where(excess > 0.0, value, high)
        newton = value - excess / np.where(slope != 0.0, slope, 1.0)
        is_inside = (slope != 0.0) & (newton >= np.minimum(low, high)) & (newton <= np.maximum(low, high))
        following = np.where(is_inside, newton, 0.5 * (low + high))
        following = np.where(excess == 0.0, value, following)
        is_done = np.abs(following - value) <= np.where(is_inside, _LAST_NEWTON, _LAST_HALVING) * np.abs(value)
        root[left], converged[left], steps[left] = following, is_done, step
        if bool(is_done.all()):
            break
        keep = np.flatnonzero(~is_done)
        problems, left = problems.take(keep), left[keep]
        value, low, high = following[keep], low[keep], high[keep]
    return root, converged, steps
