"""Vectorised searches in arrays that are sorted group by group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import IntArray


def count_before(values: NDArray[Any], low: IntArray, high: IntArray, query: NDArray[Any]) -> IntArray:
    """Return, for every query k, the first index in [low[k], high[k]) whose value exceeds query[k], else high[k].

    `values` is sorted inside each [low[k], high[k]). All searches advance together: the number of array operations is
    the logarithm of the longest group, and no key mixes groups, so no range of times can overflow it.
    """
    low, high = low.astype(np.int64, copy=True), high.astype(np.int64, copy=True)
    while True:
        open_ = low < high
        if not open_.any():
            return low
        middle = (low + high) // 2
        above = values[np.where(open_, middle, 0)] > query
        high = np.where(open_ & above, middle, high)
        low = np.where(open_ & ~above, middle + 1, low)


def spread(first: IntArray, count: IntArray) -> tuple[IntArray, IntArray]:
    """Return (owner, index): every owner k repeated count[k] times beside first[k], first[k] + 1, ..."""
    owner = np.repeat(np.arange(len(count)), count)
    starts = np.cumsum(count) - count
    return owner, np.repeat(first - starts, count) + np.arange(len(owner))
