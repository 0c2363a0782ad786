"""The social ties among a leader's followers, kept as lists of friends where most have few of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray

_SPARSE = 4  # a list is shorter than a row, and slower to go through by about as much


@dataclass(frozen=True, slots=True)
class Ties:
    """zeta among the followers of each leader of S scenes.

    `weight` is [S, J, L, L], or with `friend` [S, J, D, L] the places of up to D friends of each and the ties to them.
    """

    weight: FloatArray
    friend: IntArray | None = None

    @classmethod
    def of(cls, ties: FloatArray, place: IntArray) -> Ties | None:
        """Return the ties [N, I, I] among the followers at place[N, J, L]; I fills up. None if there are none."""
        if not bool(ties.any()):
            return None
        followers = ties.shape[1]
        inside, is_pair = np.minimum(place, followers - 1), place < followers
        chosen = ties[np.arange(len(ties))[:, None, None, None], inside[:, :, :, None], inside[:, :, None, :]]
        weight = np.where(is_pair[:, :, :, None] & is_pair[:, :, None, :], chosen, 0.0)
        most = max(int((weight > 0.0).sum(axis=3).max()), 1)
        if _SPARSE * most > place.shape[2]:
            return cls(weight)
        friend = np.argsort(weight == 0.0, axis=3, kind="stable")[..., :most]
        listed = np.take_along_axis(weight, friend, axis=3)
        return cls(np.ascontiguousarray(np.swapaxes(listed, 2, 3)), np.ascontiguousarray(np.swapaxes(friend, 2, 3)))

    def take(self, scenes: IntArray) -> Ties:
        """Return the ties of some scenes, in the order given."""
        return Ties(self.weight[scenes], None if self.friend is None else self.friend[scenes])

    def apart(self) -> Ties:
        """Return every leader as a scene of its own."""
        lists = self.weight.shape[2:]
        return Ties(
            self.weight.reshape(-1, 1, *lists), None if self.friend is None else self.friend.reshape(-1, 1, *lists)
        )

    def alone(self, leaders: IntArray) -> Ties:
        """Return the ties among the followers of one leader [S] of each scene."""
        rows = np.arange(len(leaders)), leaders
        return Ties(self.weight[rows][:, None], None if self.friend is None else self.friend[rows][:, None])

    def gain(self, demand: FloatArray) -> FloatArray:
        """Return sum_k zeta_ik b_kj for demand [S, J, L], same shape."""
        if self.friend is None:
            return np.asarray(np.einsum("sjlk,sjk->sjl", self.weight, demand))
        first = demand.shape[2] * np.arange(demand.shape[0] * demand.shape[1]).reshape(*demand.shape[:2], 1)
        flat, gain = np.ravel(demand), np.zeros(demand.shape)
        for k in range(self.weight.shape[2]):
            gain += self.weight[:, :, k] * flat.take(self.friend[:, :, k] + first)
        return gain
