"""Searches and ranges in arrays that are sorted group by group, for all groups at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import IntArray


def last_at(values: NDArray[Any], low: IntArray, high: IntArray, query: NDArray[Any]) -> IntArray:
    """Return, for every query k, the last index in [low[k], high[k]) whose value is at most query[k], else low[k] - 1.

    `values` is sorted inside each [low[k], high[k]). No key mixes the groups, so no range of times can overflow it.
    """
    low, high = low - 1, high.copy()  # the answer is in [low, high)
    while True:
        middle = (low + high) // 2
        is_open = high - low > 1
        if not is_open.any():
            return low
        is_above = values[np.where(is_open, middle, 0)] > query
        high = np.where(is_open & is_above, middle, high)
        low = np.where(is_open & ~is_above, middle, low)


def spread(first: IntArray, count: IntArray, step: int = 1) -> tuple[IntArray, IntArray]:
    """Return (owner, index): owner k repeated count[k] times beside first[k], first[k] + step, ..."""
    owner = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return owner, np.repeat(first - begin * step, count) + np.arange(len(owner)) * step
