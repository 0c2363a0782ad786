"""The pairs that may trade: every follower's eligible leaders, side by side, so that cost follows pairs.

A table [..., I, J] over all pairs becomes one [..., I, K] over slots; K is the most leaders that any follower has, and
shorter rows end in slots that hold no pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from simmig.contracts import Array, BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Pairs:
    """Where the eligible pairs of [..., I, J] lie in [..., I, K]; `leader` and `slot` are None if K = J.

    `leader[..., I, K]` is the leader in a slot, `slot[..., I, J]` the slot of a leader (K where it has none) and
    `is_real[..., I, K]` whether a slot holds a pair.
    """

    is_real: BoolArray
    leader: IntArray | None
    slot: IntArray | None

    def gather(self, table: Array) -> Array:
        """Return the table [..., I, K] of the slots from one of all pairs, [..., I, J]; any array library."""
        if self.leader is None:
            return table
        return array_namespace(table).take_along_axis(table, matching(self.leader, table), axis=-1)

    def leaders(self) -> IntArray:
        """Return the leader in each slot, [..., I, K]; any leader in an empty one."""
        if self.leader is not None:
            return self.leader
        return np.broadcast_to(np.arange(self.is_real.shape[-1]), self.is_real.shape)

    def scatter(self, slots: Array, elsewhere: float) -> Array:
        """Return the table of all pairs [..., I, J] from one of the slots, `elsewhere` where there is no pair."""
        xp = array_namespace(slots)
        filled = xp.where(matching(self.is_real, slots), slots, elsewhere)
        if self.slot is None:
            return filled
        padded = xp.concat([filled, xp.full_like(filled[..., :1], elsewhere)], axis=-1)
        return xp.take_along_axis(padded, matching(self.slot, slots), axis=-1)


def matching(table: Array, like: Array) -> Array:
    """Return a table in the array library and on the device of `like`; a tensor stays what it is."""
    if not is_numpy_array(table) or is_numpy_array(like):
        return table
    # A copy, because torch warns of arrays that it could write through to.
    return array_namespace(like).asarray(table.copy(), device=device(like))


def plain(table: Array) -> FloatArray:
    """Return the numbers of a table as a NumPy array, without gradients."""
    return np.asarray(table if is_numpy_array(table) else table.detach().cpu())


def pairs_of(eligible: BoolArray) -> Pairs:
    """Return the pairs of a table `eligible[..., I, J]`."""
    leaders = eligible.shape[-1]
    count = eligible.sum(axis=-1)
    slots = max(int(count.max(initial=0)), 1)
    if slots >= leaders:
        return Pairs(eligible, None, None)
    leader = np.argsort(~eligible, axis=-1, kind="stable")[..., :slots]
    is_real = np.arange(slots) < count[..., None]
    slot = np.where(eligible, np.cumsum(eligible, axis=-1) - 1, slots)
    return Pairs(is_real, leader, slot)
