"""What one owner of all leaders asks of each follower by itself: the prices that maximise its whole profit.

With r = S b q / (1 + b q) and y = 1 / nu the owner's cost is
sum_j e_j r_j / (S_j - r_j), convex, its revenue sum_j r_j / y, and its caps r_j >= S_j - pbar_j y / q_j are linear. A
budget that binds is taken whole, so the owner minimises a convex cost over sum_j r_j = R y, y >= 1 / delta: for each y
the marginal cost e S / (S - r)^2 is the same for all that sell below their caps, and y is where the cost is least.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.columns import Columns, sum_slots
from simmig.games._immersion.leaders import Asked
from simmig.games._immersion.root import monotone_root


def ask(columns: Columns) -> Asked:
    """Return the owner's best prices for N followers, each alone."""
    delta, count = columns.delta, columns.delta.size
    slack = np.minimum(np.sqrt(delta * columns.score * columns.cost), columns.cap)
    is_slack = sum_slots(np.maximum(delta * columns.score - slack, 0.0)) <= columns.budget
    found = Asked(
        slack,
        delta.copy(),
        np.zeros(count),
        np.zeros(count, np.bool_),
        is_slack,
        np.ones(count, np.bool_),
        np.zeros(count, np.int64),
    )
    tight = np.flatnonzero(~is_slack)
    if tight.size:
        part = columns.take(tight)
        inverse, found.converged[tight], found.iterations[tight] = _inverse_level(part)
        ratio, _ = _marginal(part, inverse)
        found.level[tight] = 1.0 / inverse
        found.start[:, tight] = np.minimum(ratio * np.sqrt(part.cost * part.score) / inverse, part.cap)
    sells = found.level * columns.score > found.start
    return found._replace(start=np.where(sells, found.start, columns.cap))


def answers(columns: Columns, asked: Asked) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return how the demands b q answer the costs e: diag(own) + out into', [K, N], the level held.

    x = ratio sqrt(e S) / y below the caps, and the ratio keeps the money spent where the budget binds.
    """
    grown = asked.level * columns.score / np.maximum(asked.start, 1e-300)
    moves = (grown > 1.0) & (asked.start < columns.cap)
    weight = np.where(moves, np.sqrt(columns.cost * columns.score), 0.0)
    own = np.where(moves, -0.5 * grown / columns.cost, 0.0)
    total = sum_slots(weight)
    is_free = asked.is_slack | (total == 0.0)
    into = np.where(is_free, 0.0, 0.5 * weight / columns.cost / np.where(is_free, 1.0, total))
    return own, np.where(moves, grown, 0.0), into


class _Ratio(NamedTuple):
    """Followers at inverse levels: which ratio = 1 / sqrt(marginal cost) makes the owner sell for the budget?"""

    columns: Columns
    inverse: FloatArray

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return -(sum r - R y), which grows with the ratio, and its slope."""
        score, weight = self.columns.score, np.sqrt(self.columns.cost * self.columns.score)
        least = np.maximum(score - self.columns.cap * self.inverse, 0.0)
        sold = score - value * weight
        slope = np.where(sold > least, weight, 0.0)
        return self.columns.budget * self.inverse - sum_slots(np.maximum(sold, least)), sum_slots(slope)

    def take(self, problems: IntArray) -> _Ratio:
        return _Ratio(self.columns.take(problems), self.inverse[problems])


def _marginal(columns: Columns, inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ratios[N] at inverse levels, and the slope of the least cost in the inverse level, times ratio^2.

    Envelope: d cost / dy = rho R - sum over the capped of (e S / (S - r)^2 - rho) pbar / q, rho = 1 / ratio^2.
    """
    weight = np.sqrt(columns.cost * columns.score)
    high = (columns.score / np.where(weight > 0.0, weight, np.inf)).max(axis=0)
    ratio = monotone_root(_Ratio(columns, inverse), np.zeros_like(high), high)[0]
    capped = columns.cap * inverse
    held = (columns.score > capped) & (ratio * weight > capped)
    extra = (ratio * weight / np.where(held, capped, 1.0)) ** 2 - 1.0
    return ratio, columns.budget - sum_slots(np.where(held, extra * columns.cap, 0.0))


class _Level(NamedTuple):
    """Followers whose budget binds: at which inverse level is the cost of taking it least?"""

    columns: Columns

    def excess(self, value: FloatArray) -> tuple[FloatArray, FloatArray]:
        return _marginal(self.columns, value)[1], np.zeros_like(value)

    def take(self, problems: IntArray) -> _Level:
        return _Level(self.columns.take(problems))


def _inverse_level(columns: Columns) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return the owner's y[N] where budgets bind, whether it was found, and the steps: bisection, for safety."""
    low = 1.0 / columns.delta
    # There no cap binds any more.
    can_sell = columns.score > 0.0
    high = np.maximum((np.where(can_sell, columns.score, 0.0) / columns.cap).max(axis=0), low)
    is_lowest = _marginal(columns, low)[1] >= 0.0
    inverse, converged, steps = monotone_root(_Level(columns), low, np.where(is_lowest, low, high))
    return np.where(is_lowest, low, inverse), converged | is_lowest, steps
