"""Followers side by side, slots on top of one another: the layout in which the leaders' games are solved.

Tables are [K, N] for N followers of any games. Slots are added one after another, so a follower's numbers are the
same bits alone, in a batch, and with more empty slots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._immersion.followers import Rows


class Columns(NamedTuple):
    """N followers' parameters: score S, cost e = c / q, cap pbar / q (all [K, N]), delta[N] and budget[N]."""

    score: FloatArray
    cost: FloatArray
    cap: FloatArray
    delta: FloatArray
    budget: FloatArray

    def take(self, followers: IntArray | slice) -> Columns:
        """Return some of the followers."""
        return Columns(*(np.ascontiguousarray(table[..., followers]) for table in self))


def columns_of(rows: Rows, cost: FloatArray, price_max: FloatArray) -> Columns:
    """Return the followers of all games of a batch; `cost` and `price_max` are [..., I, K]."""
    return Columns(
        stand(rows.score),
        stand(cost / rows.efficiency),
        stand(price_max / rows.efficiency),
        np.ravel(rows.delta),
        np.ravel(rows.budget),
    )


def stand(table: FloatArray) -> FloatArray:
    """Return a table [..., I, K] as columns [K, N]."""
    return np.ascontiguousarray(table.reshape(-1, table.shape[-1]).T)


def lay(columns: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return columns [K, N] as a table of this shape, [..., I, K]."""
    return np.ascontiguousarray(columns.T).reshape(shape)


def sum_slots(table: FloatArray) -> FloatArray:
    """Return the sums over slots of [K, N], always added in the same order."""
    total: FloatArray = table[0].copy()
    for row in table[1:]:
        total += row
    return total
