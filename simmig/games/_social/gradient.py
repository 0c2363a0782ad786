"""Demands of the social game that torch can differentiate: one Newton step at the solution.

The step's matrix is a constant and the conditions it mends already hold, so it moves nothing, and its gradient is that
of the solution (implicit function theorem). Only unknowns that depend on one another share a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Array, FloatArray, IntArray
from simmig.games._social.followers import Reply
from simmig.games._social.stage import dense
from simmig.games._social.utilities import Point, matching, totals

if TYPE_CHECKING:
    from simmig.games.social import SocialGame


def linked(game: SocialGame, price: Array, reply: Reply, shadow_price: FloatArray) -> Array:
    """Return the demands of `reply` as a tensor [..., I, J] with their gradients by prices and parameters."""
    at = Point(game, price)
    held = _Held(
        np.flatnonzero(reply.demand > 0.0), reply.late, reply.start, np.flatnonzero(shadow_price > 0.0), reply.owner
    )
    misses = at.xp.concat(_misses(at, reply, shadow_price, held))
    step = _solved(at, held.matrix(at, reply), misses)[: len(held.bought)]
    bought = matching(reply.demand[held.bought], at.like) - step
    place = np.full(game.eligible.size, len(held.bought))
    pairs, leaders = at.pairs, game.market.leaders
    place[(pairs.follower * leaders + pairs.leader % leaders)[held.bought]] = np.arange(len(held.bought))
    full = at.xp.take(at.xp.concat([bought, bought.new_zeros(1)]), matching(place, at.like), axis=0)
    full = full.reshape(game.eligible.shape)
    return full if not game.refused else full + matching(0.0 * dense(game, np.zeros(len(pairs.owner))), at.like)


@dataclass(frozen=True, slots=True)
class _Held:
    """The unknowns: demands of the pairs that trade, multipliers of the late, shadow prices of the full leaders."""

    bought: IntArray
    late: IntArray  # the pairs of late followers, as in Reply
    start: IntArray
    full: IntArray
    owner: IntArray

    def matrix(self, at: Point, reply: Reply) -> tuple[IntArray, IntArray, FloatArray]:
        """Return rows, columns and values of the derivatives of the conditions by the unknowns."""
        pairs, ties = at.pairs, at.pairs.ties
        price = at.game.market.pairs.theta(np.asarray(at.prices.detach().cpu()))
        b, size = reply.demand, len(self.bought)
        number = np.full(len(b), -1)
        number[self.bought] = np.arange(size)
        trades = (number[ties.target] >= 0) & (number[ties.source] >= 0)
        push = pairs.work[self.late] / (b[self.late] * b[self.late])
        late, rank = number[self.late], size + self.owner
        leader = np.full(at.game.cost.size, -1)
        leader[self.full] = size + len(self.start) + np.arange(len(self.full))
        shared = self.bought[leader[pairs.leader[self.bought]] >= 0]
        seller = leader[pairs.leader[shared]]
        own = self.bought
        bend = -2.0 * pairs.beta[own] - 2.0 * reply.nu[own] * pairs.work[own] / (b[own] ** 3)
        entries = [
            (number[own], number[own], bend),
            (number[ties.target[trades]], number[ties.source[trades]], ties.weight[trades]),
            (late, rank, push),
            (rank, late, -price[self.late] * push),
            (number[shared], seller, -np.ones(len(shared))),
            (seller, number[shared], np.ones(len(shared))),
        ]
        rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
        return rows, columns, values


def _misses(at: Point, reply: Reply, shadow_price: FloatArray, held: _Held) -> list[Array]:
    """Return by how much the conditions are missed: 0, with the gradients by prices and parameters."""
    demand, nu, extra = (matching(x, at.like) for x in (reply.demand, reply.nu, shadow_price[at.pairs.leader]))
    safe = at.xp.where(demand > 0.0, demand, 1.0)
    work = at.parameter("work")
    marginal = at.parameter("alpha") + at.social(demand) - at.posted - extra - 2.0 * at.parameter("beta") * demand
    marginal = marginal + nu * work / (safe * safe)
    time_s = at.taken(at.theta * (work / safe + at.parameter("delay_s")), held.late)
    late = at.taken(at.parameter("deadline_s"), held.late[held.start])
    capacity = at.taken(at.flat("capacity"), held.full)
    sold = at.taken(totals(at.pairs.leader, demand, at.game.cost.size), held.full)
    return [
        at.taken(marginal, held.bought),
        totals(held.owner, time_s, len(held.start)) - late,
        sold - capacity,
    ]


def _solved(at: Point, matrix: tuple[IntArray, IntArray, FloatArray], right: Array) -> Array:
    """Return the solution of the linear equations, block by block."""
    rows, columns, values = matrix
    count = int(right.shape[0])
    label = _blocks(rows, columns, count)
    size = np.bincount(label, minlength=count)[label]
    order = np.lexsort((label, size))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    solved = []
    for width in np.unique(size):
        members = order[size[order] == width].reshape(-1, width)
        inside = size[rows] == width
        first = rank[members[0, 0]]
        block, row = np.divmod(rank[rows[inside]] - first, width)
        dense_blocks = np.zeros((len(members), width, width))
        np.add.at(dense_blocks, (block, row, (rank[columns[inside]] - first) % width), values[inside])
        part = at.xp.take(right, matching(members.ravel(), at.like), axis=0).reshape(members.shape)
        solved.append(at.xp.linalg.solve(matching(dense_blocks, at.like), part[..., None]).reshape(-1))
    return at.xp.take(at.xp.concat([*solved, right[:0]]), matching(rank, at.like), axis=0)


def _blocks(rows: IntArray, columns: IntArray, count: int) -> IntArray:
    """Return for each unknown the least one that it depends on, directly or not."""
    label = np.arange(count)
    while bool(np.any(label[rows] != label[columns])):
        np.minimum.at(label, label[rows], np.minimum(label[rows], label[columns]))
        np.minimum.at(label, label[columns], np.minimum(label[rows], label[columns]))
        while bool(np.any(label != label[label])):
            label = label[label]
    return label
