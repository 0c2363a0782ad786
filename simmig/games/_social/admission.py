"""Whose deadlines the capacities of the social game leave room for at given prices: first come, first served.

Demands in time that need least of the capacities solve min over b of max_j sum_i b_ij / capacity_j subject to
sum_j theta_ij work_ij / b_ij <= room_i. Its dual is max over |x| = 1 of sum_i (sum_j r_ij x_j)^2 with
r_ij^2 = theta_ij work_ij / (capacity_j room_i): the largest eigenvalue of r'r, which has no negative entry.
Deadlines can be met together if it is below 1. In the power method, (r'r x)_j / x_j are the loads of some demands in
time, so the largest of them bounds the eigenvalue from above (Collatz 1942), and x'r'r x / x'x from below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._social.coupling import sums
from simmig.games._social.pairs import Pairs

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_ROUNDS = 5_000
_ROOM = 1e-3  # part of the capacities that must be left: with less, shadow prices would grow without bound


def first_lost(pairs: Pairs, price: FloatArray, capacity: FloatArray, games: int) -> IntArray:
    """Return, per game, the first follower whose deadline cannot be met besides those of the followers before; or -1.

    Followers have the rows of `Table`; `price[B J]` and `capacity[B J]`, inf for no limit.
    """
    lost = np.full(games, -1)
    if len(pairs.timed.pair) == 0:
        return lost
    leaders = max(len(price) // max(games, 1), 1)
    stakes = _stakes(pairs, price, capacity, leaders)
    for game in np.unique(stakes.home):
        rows = np.flatnonzero(stakes.home == game)
        place = _first(stakes, rows, capacity.reshape(-1, leaders)[game])
        if place >= 0:
            lost[game] = stakes.follower[rows[place]]
    return lost


def all_lost(pairs: Pairs, price: FloatArray, capacity: FloatArray) -> list[int]:
    """Return the followers of a single game whose deadlines are dropped, in order; `price[J]`, `capacity[J]`."""
    lost: list[int] = []
    if len(pairs.timed.pair) == 0:
        return lost
    stakes = _stakes(pairs, price, capacity, len(price))
    rows = np.arange(len(stakes.room_s))
    while (place := _first(stakes, rows, capacity)) >= 0:
        lost.append(int(stakes.follower[rows[place]]))
        rows = np.delete(rows, place)
    return lost


def no_room(follower: int, deadline_s: float, price: FloatArray) -> NoEquilibrium:
    """Return the error that tells whose deadline the capacities leave no room for at `price[J]`."""
    return NoEquilibrium(
        f"game social: the capacities leave follower {follower} too little to meet its deadline of {deadline_s:g} s "
        f"besides those before it, at prices {', '.join(f'{p:g}' for p in price)}; "
        'infeasible_deadline = "relax" drops such a deadline'
    )


class _Stakes(NamedTuple):
    """Of each pair of those with deadlines theta times work, leader and follower's place; the others by follower."""

    need: FloatArray
    leader: IntArray
    owner: IntArray
    room_s: FloatArray
    home: IntArray  # the game of each follower
    follower: IntArray


def _stakes(pairs: Pairs, price: FloatArray, capacity: FloatArray, leaders: int) -> _Stakes:
    timed = pairs.timed
    pair = timed.pair
    theta, leader = pairs.theta(price)[pair], pairs.leader[pair]
    room_s = timed.deadline_s - np.add.reduceat(theta * pairs.delay_s[pair], timed.start)
    need = np.where(np.isfinite(capacity)[leader], theta * pairs.work[pair], 0.0)
    home, follower = (leader // leaders)[timed.start], pairs.follower[pair[timed.start]]
    return _Stakes(need, leader % leaders, timed.owner, room_s, home, follower)


def _first(stakes: _Stakes, rows: IntArray, capacity: FloatArray) -> int:
    """Return the place in `rows` of the first of one game's followers who cannot be in time besides those before."""
    if _is_feasible(stakes, rows, capacity):
        return -1
    met, count = 0, len(rows)
    while count - met > 1:  # the first `met` can be met together, the first `count` cannot
        middle = (met + count) // 2
        met, count = (middle, count) if _is_feasible(stakes, rows[:middle], capacity) else (met, middle)
    return count - 1


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


def kept_deadlines_s(game: SocialGame, price: FloatArray, capacity: FloatArray) -> FloatArray:
    """Return the deadlines of one game that count at each of `price[B, J]` with `capacity[B, J]`: [B, I], inf if none.

    Raises NoEquilibrium if one would have to be dropped and must not be.
    """
    deadline_s = np.tile(game.deadline_s, (len(price), 1))
    if not bool(np.isfinite(deadline_s).any() and np.isfinite(capacity).any()):
        return deadline_s
    for row, (posted, limits) in enumerate(zip(price, capacity, strict=True)):
        lost = all_lost(game.rationed.market.pairs, posted, limits)
        if lost and game.infeasible_deadline == "error":
            raise no_room(lost[0], float(game.deadline_s[lost[0]]), posted)
        deadline_s[row, lost] = np.inf
    return deadline_s
