"""The leaders' equilibrium at individual prices: one small game for each follower, solved exactly.

In units of money spent, x = p / q, a follower's spending at leader j is s_j = nu S_j - x_j, and leader j earns
(1 - e_j / x_j) s_j with e_j = c_j / q_j. Seen by j alone, s_j is concave in x_j until it is 0 (the more it asks, the
higher the level nu, the more leaders it shares the follower with, and the steeper s_j falls), and 1 - e_j / x_j is
concave too, so their product has one peak and a local best response is the global one. With the slope
ds_j/dx_j = -(1 - S_j / sigma) the peak is the root of (1 - m) x^2 + m e x = e nu S, m = S_j / sigma, where sigma is

- the sum of S over the active set while the budget binds (001, equation (32) over the active set),
- inf while the budget is slack (001, equation (36)),
- anything between the two sums at a kink: where another leader is about to enter, or the budget about to bind.

So an equilibrium is one point (nu, sigma) at which the follower spends its budget, on a staircase that climbs in nu
along constant sigma and in sigma at constant nu. Spending grows along the staircase: the point is unique. At a kink
the leaders' prices are not: their shares of it are free, and this solver gives all leaders the same sigma.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.columns import Columns, sum_slots
from simmig.games._immersion.root import monotone_root

_BLOCK = 2048  # followers solved at a time: their tables stay in the processor's cache


class Asked(NamedTuple):
    """What the leaders ask of N followers: `start[K, N]` is x = p / q, and where on the staircase the point lies.

    `inverse_sigma[N]` is 1 / sigma, `level[N]` nu; `moves_level[N]` says whether nu or sigma is what balances the
    budget there, `is_slack[N]` that nothing does.
    """

    start: FloatArray
    level: FloatArray
    inverse_sigma: FloatArray
    moves_level: BoolArray
    is_slack: BoolArray
    converged: BoolArray
    iterations: IntArray


def ask(columns: Columns) -> Asked:
    """Return the leaders' equilibrium for N followers, each alone."""
    blocks = [
        _ask(columns.take(slice(first, first + _BLOCK))) for first in range(0, max(columns.delta.size, 1), _BLOCK)
    ]
    return Asked(*(np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True)))


def _ask(columns: Columns) -> Asked:
    """Return the equilibrium of one block: slack budgets in closed form, the others along the staircase."""
    delta, zero = columns.delta, np.zeros_like(columns.delta)
    slack = _peak(columns, delta, zero)[0]
    is_slack = sum_slots(np.maximum(delta * columns.score - slack, 0.0)) <= columns.budget
    found = Asked(slack, delta.copy(), zero, ~is_slack, is_slack, is_slack.copy(), np.zeros(delta.size, np.int64))
    tight = np.flatnonzero(~is_slack)
    if tight.size:
        part = columns.take(tight)
        found.level[tight], found.inverse_sigma[tight], found.moves_level[tight], done, steps = _balance(part)
        found.converged[tight], found.iterations[tight] = done, steps
        found.start[:, tight] = _peak(part, found.level[tight], found.inverse_sigma[tight])[0]
    sells = found.level * columns.score > found.start
    return found._replace(start=np.where(sells, found.start, _unsold(columns)))


def answers(columns: Columns, asked: Asked) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return how the demands b q answer the costs e at the equilibrium: diag(own) + out into', each [K, N].

    A cost moves its leader's x, and with it the point of the staircase, which moves every leader's x.
    """
    start, slope, share = _peak(columns, asked.level, asked.inverse_sigma)
    reach = asked.level * columns.score
    moves = (reach > start) & (start < columns.cap)
    steep = np.where(moves, 1.0 / np.maximum(slope, 1e-300), 0.0)
    by_cost = (reach - share * start) * steep
    by_level, by_sigma = spent(columns, asked.level, asked.inverse_sigma)[1:]
    x = np.maximum(asked.start, 1e-300)
    of_level = np.where(reach > start, columns.score / x, 0.0) - reach / x**2 * columns.cost * columns.score * steep
    of_sigma = -reach / x**2 * columns.score * start * (start - columns.cost) * steep
    out = np.where(asked.moves_level, of_level, of_sigma)
    slope_of_spending = np.where(asked.moves_level, by_level, by_sigma)
    is_free = asked.is_slack | (slope_of_spending == 0.0)
    into = np.where(is_free, 0.0, by_cost / np.where(is_free, 1.0, slope_of_spending))
    return -reach / x**2 * by_cost, out, into


def _unsold(columns: Columns) -> FloatArray:
    """Return what a leader asks that sells nothing: its cost if competition is why, its cap if no price would do.

    At cost it enters as soon as it can, as its best response does in the limit; at its cap the others could drive the
    level up until it enters, and then have to retreat.
    """
    can_sell = columns.cost < columns.delta * columns.score
    return np.where(can_sell, np.minimum(columns.cost, columns.cap), columns.cap)


def _peak(columns: Columns, level: FloatArray, inverse_sigma: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the leaders' best x[K, N], the slope of the quadratic there, and m: every leader alone at this slope."""
    share = np.minimum(columns.score * inverse_sigma, 1.0)
    target = columns.cost * columns.score * level
    linear = share * columns.cost
    slope = np.sqrt(linear * linear + 4.0 * (1.0 - share) * target)
    return np.minimum(2.0 * target / np.maximum(linear + slope, 1e-300), columns.cap), slope, share


def spent(columns: Columns, level: FloatArray, inverse_sigma: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each follower's spending[N] at a point of the staircase, and its slopes in nu and in 1 / sigma."""
    start, slope, _ = _peak(columns, level, inverse_sigma)
    spending = columns.score * level - start
    sells = spending > 0.0
    moves = sells & (start < columns.cap)
    steep = np.where(moves, 1.0 / np.maximum(slope, 1e-300), 0.0)
    by_level = np.where(sells, columns.score, 0.0) - columns.cost * columns.score * steep
    by_sigma = -columns.score * start * (start - columns.cost) * steep
    return sum_slots(np.where(sells, spending, 0.0)), sum_slots(by_level), sum_slots(by_sigma)


class _Stairs(NamedTuple):
    """Followers whose budget binds on a known step: what balances it is nu where `moves_level`, else 1 / sigma."""

    columns: Columns
    moves_level: BoolArray
    level: FloatArray
    inverse_sigma: FloatArray

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        level = np.where(self.moves_level, value, self.level)
        spending, by_level, by_sigma = spent(self.columns, level, np.where(self.moves_level, self.inverse_sigma, value))
        return spending - self.columns.budget, np.where(self.moves_level, by_level, by_sigma)

    def take(self, problems: IntArray) -> _Stairs:
        return _Stairs._make([self.columns.take(problems), *(table[problems] for table in self[1:])])


def _balance(columns: Columns) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, IntArray]:
    """Return level, 1 / sigma, whether the level moves, converged and steps, for followers whose budget binds."""
    low_level, low_sigma, level, sigma = _segment(columns)
    moves = low_level < level
    stairs = _Stairs(columns, moves, level, sigma)
    low, high = np.where(moves, low_level, low_sigma), np.where(moves, level, sigma)
    value, converged, steps = monotone_root(stairs, low, high)
    return np.where(moves, value, level), np.where(moves, sigma, value), moves, converged, steps


def _segment(columns: Columns) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the two ends (level, 1 / sigma) of the step of the staircase on which the budget is spent.

    Corner 2n is where leader n would enter, before it does; corner 2n + 1 where it has. The last two are the kink at
    nu = delta: sigma is the sum of all, then inf. Spending at the corners grows, so bisection finds the step.
    """
    slots, count = columns.score.shape
    can_sell = columns.score * columns.delta > np.minimum(columns.cost, columns.cap)
    lowest = np.minimum(columns.cost, columns.cap) / np.where(can_sell, columns.score, 1.0)
    order = np.argsort(np.where(can_sell, lowest, np.inf), axis=0, kind="stable")
    enters = np.empty((slots + 1, count))
    enters[:slots] = np.take_along_axis(np.where(can_sell, lowest, columns.delta), order, axis=0)
    enters[slots] = columns.delta
    sums = np.zeros((slots + 2, count))
    np.cumsum(np.take_along_axis(np.where(can_sell, columns.score, 0.0), order, axis=0), axis=0, out=sums[1:-1])
    inverse = np.zeros((slots + 2, count))  # the last stays 0: sigma is inf
    np.divide(1.0, sums[:-1], out=inverse[:-1], where=sums[:-1] > 0.0)
    column = np.arange(count)
    low, high = np.ones(count, np.int64), np.full(count, 2 * slots + 1)
    for _ in range(int(2 * slots).bit_length()):
        middle = (low + high) // 2
        spending = spent(columns, enters[middle // 2, column], inverse[(middle + 1) // 2, column])[0]
        is_open = high - low > 1
        is_short = spending <= columns.budget
        low, high = np.where(is_open & is_short, middle, low), np.where(is_open & ~is_short, middle, high)
    ends = [(enters[k // 2, column], inverse[(k + 1) // 2, column]) for k in (low, high)]
    return *ends[0], *ends[1]
