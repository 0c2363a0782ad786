"""Whose deadlines the capacities of the social game leave room for at given prices: first come, first served.

Demands in time that need least of the capacities solve min over b of max_j sum_i b_ij / capacity_j subject to
sum_j theta_ij work_ij / b_ij <= room_i. Its dual is max over |x| = 1 of sum_i (sum_j r_ij x_j)^2 with
r_ij^2 = theta_ij work_ij / (capacity_j room_i): the largest eigenvalue of r'r, which has no negative entry.
Deadlines can be met together if it is below 1. In the power method, (r'r x)_j / x_j are the loads of some demands in
time, so the largest of them bounds the eigenvalue from above (Collatz 1942), and x'r'r x / x'x from below.
"""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._social.coupling import sums
from simmig.games._social.pairs import Pairs

_ROUNDS = 5_000
_ROOM = 1e-3  # part of the capacities that must be left: with less, shadow prices would grow without bound


def first_lost(pairs: Pairs, price: FloatArray, capacity: FloatArray, games: int) -> IntArray:
    """Return, per game, the first follower whose deadline cannot be met besides those of the followers before; or -1.

    Followers have the rows of `Table`; `price[B J]` and `capacity[B J]`, inf for no limit.
    """
    lost, timed = np.full(games, -1), pairs.timed
    if len(timed.pair) == 0:
        return lost
    leaders = max(len(price) // max(games, 1), 1)
    pair = timed.pair
    theta = pairs.theta(price)[pair]
    room_s = timed.deadline_s - np.add.reduceat(theta * pairs.delay_s[pair], timed.start)
    is_tight = np.isfinite(capacity)[pairs.leader[pair]]
    need = np.where(is_tight, theta * pairs.work[pair], 0.0)
    home = (pairs.leader[pair] // leaders)[timed.start]
    stakes = _Stakes(need, pairs.leader[pair] % leaders, timed.owner, room_s, home)
    for game in np.unique(home):
        rows = np.flatnonzero(home == game)
        limits = capacity.reshape(-1, leaders)[game]
        if _is_feasible(stakes, rows, limits):
            continue
        met, count = 0, len(rows)
        while count - met > 1:  # the first `met` can be met together, the first `count` cannot
            middle = (met + count) // 2
            met, count = (middle, count) if _is_feasible(stakes, rows[:middle], limits) else (met, middle)
        lost[game] = pairs.follower[pair[timed.start[rows[count - 1]]]]
    return lost


class _Stakes:
    """The pairs of followers with deadlines: theta times work, leader, follower's number; room and game of these."""

    def __init__(self, need: FloatArray, leader: IntArray, owner: IntArray, room_s: FloatArray, home: IntArray) -> None:
        self.need, self.leader, self.owner, self.room_s, self.home = need, leader, owner, room_s, home


def _is_feasible(stakes: _Stakes, rows: IntArray, capacity: FloatArray) -> bool:
    """Return whether these followers of one game can all be in time."""
    if len(rows) == 0:
        return True
    number = np.full(len(stakes.room_s), -1)
    number[rows] = np.arange(len(rows))
    chosen = (number[stakes.owner] >= 0) & (stakes.need > 0.0)
    owner, leader = number[stakes.owner[chosen]], stakes.leader[chosen]
    root = np.sqrt(stakes.need[chosen] / capacity[leader] / stakes.room_s[rows][owner])
    x = (np.bincount(leader, minlength=len(capacity)) > 0).astype(np.float64)
    for _ in range(_ROUNDS):
        image = sums(leader, root * sums(owner, root * x[leader], len(rows))[owner], len(capacity))
        size = float((x * x).sum())
        if bool((image <= (1.0 - _ROOM) * x).all()):
            return True
        if float((x * image).sum()) > (1.0 - _ROOM) * size:
            return False
        x = image / image.max()
    return False
