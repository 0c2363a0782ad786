"""The followers' stage of one social game at many price vectors, as dense arrays: what ADMM and the planner work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import InputError
from simmig.games._social.admission import kept_deadlines_s

if TYPE_CHECKING:
    from simmig.games.social import SocialGame


@dataclass(frozen=True, slots=True)
class Stage:
    """The followers' stage at B price vectors; the arrays are [J, B, I] where nothing else is said."""

    value: FloatArray  # alpha_i - p_j, and the social gain where it is taken for given; -inf where not eligible
    theta: FloatArray
    twice_beta: FloatArray  # [I]
    work: FloatArray  # [J, 1, I]
    sent: FloatArray  # theta * work, the mean seconds on one unit of bandwidth; 0 without a deadline
    room_s: FloatArray  # [B, I] what the deadline leaves for sending
    capacity: FloatArray  # [J, B]
    burden: FloatArray  # what a shadow price of 1 costs; 0 where not eligible
    source: IntArray  # the friends, target by target
    target: IntArray  # those who have any
    first: IntArray  # of each target in `source`
    weight: FloatArray

    def social(self, demand: FloatArray) -> FloatArray:
        """Return sum_k w_ik b_kj."""
        gain = np.zeros_like(demand)
        if len(self.source):
            gain[..., self.target] = np.add.reduceat(self.weight * demand[..., self.source], self.first, axis=-1)
        return gain

    def rows(self, kept: IntArray) -> Stage:
        """Return the stage at some of the price vectors."""
        return replace(
            self,
            value=self.value[:, kept],
            theta=self.theta[:, kept],
            sent=self.sent[:, kept],
            room_s=self.room_s[kept],
            capacity=self.capacity[:, kept],
            burden=self.burden[:, kept],
        )


def check_single(game: SocialGame) -> None:
    """Raise InputError unless this is one game of NumPy arrays."""
    if game.cost.ndim != 1:
        raise InputError(f"game social: a batch of shape {game.cost.shape[:-1]}, expected one game at a time")
    if game.tensors:
        raise InputError(f"game social: {', '.join(game.tensors)} given as tensors, expected NumPy arrays")


@dataclass(frozen=True, slots=True)
class Belief:
    """What the myopic leader of each price vector, `leader[B]`, takes for given.

    Social gains [I, J], and the shadow prices [J] of the other leaders.
    """

    leader: IntArray
    social: FloatArray
    shadow_price: FloatArray


def stage_at(game: SocialGame, price: FloatArray, belief: Belief | None = None) -> Stage:
    """Return the followers' stage at `price[B, J]`, as it is or as a myopic leader believes it to be.

    Deadlines that the capacities leave no room for are dropped as the game says; NoEquilibrium if they must not be.
    """
    eligible = game.eligible.T[:, None, :]
    pull = np.where(eligible, 1.0 / price.T[:, :, None], 0.0)
    total = pull.sum(axis=0)
    theta = pull / np.where(total > 0.0, total, 1.0)
    capacity = np.tile(game.capacity, (len(price), 1))
    asked, worth, ties = price, game.alpha, game.ties
    if belief is not None:
        is_own = np.arange(len(game.cost)) == belief.leader[:, None]
        capacity = np.where(is_own, capacity, np.inf)
        asked = price + np.where(is_own, 0.0, belief.shadow_price)
        worth, ties = game.alpha + belief.social.T[:, None, :], np.zeros_like(game.ties)
    deadline_s = kept_deadlines_s(game, price, capacity)
    is_due = np.isfinite(deadline_s)
    work = np.where(eligible, game.work.T[:, None, :], 0.0)
    fixed_s = (theta * np.where(eligible, game.delay_s.T[:, None, :], 0.0)).sum(axis=0)
    target, source = np.nonzero(ties)
    first = np.flatnonzero(np.diff(target, prepend=-1))
    return Stage(
        value=np.where(eligible, worth - asked.T[:, :, None], -np.inf),
        theta=theta,
        twice_beta=2.0 * game.beta,
        work=work,
        sent=np.where(is_due, theta * work, 0.0),
        room_s=np.where(is_due, deadline_s - fixed_s, 1.0),
        capacity=capacity.T,
        burden=np.where(eligible, np.ones_like(theta), 0.0),
        source=source,
        target=target[first],
        first=first,
        weight=ties[target, source],
    )
