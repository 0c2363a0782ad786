"""Fixed points of many independent maps at once: Anderson's method (1965), the rows that have settled left out.

Anderson mixing of depth m is GMRES(m) where a map is linear (Walker and Ni 2011), so it needs no Jacobian and its
cost is that of the map. Everything is row by row and in a fixed order: no row's answer depends on the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray

_DEPTH = 5  # residuals remembered: more make rounding worse, fewer steps slower
_RIDGE = 1e-10  # keeps the least squares solvable where two steps were parallel
_PAUSE = 2  # plain steps after the first extrapolation that failed
_SPARE = 0.75  # rows are packed again when fewer than this share of them is still moving


class Maps(Protocol):
    """R maps of n numbers each."""

    def __call__(self, x: FloatArray, /) -> FloatArray:
        """Return the maps' values at `x[R, n]`; where a map has none, inf or NaN."""

    def take(self, rows: IntArray) -> Maps:
        """Return some of the maps."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The points `x[R, n]` that R maps settled at, whether they did, and the evaluations spent."""

    x: FloatArray
    has_settled: BoolArray
    iterations: IntArray


def settle(maps: Maps, start: FloatArray, tolerance: float, limit: int) -> Settled:
    """Return fixed points x >= 0 of the maps, to |map(x) - x| <= tolerance (1 + max |x|) in every number of a row."""
    found = Settled(start.copy(), np.zeros(len(start), dtype=bool), np.zeros(len(start), dtype=np.int64))
    rows, state = np.arange(len(start)), _State.at(start)
    for count in range(limit):
        if not len(rows):
            break
        value = maps(state.x)
        with np.errstate(invalid="ignore"):
            residual = value - state.x
        size = np.abs(residual).max(axis=1, initial=0.0)
        is_lost = ~np.isfinite(size) & (state.plain > 0)
        is_done = (
            ~state.is_over & np.isfinite(size) & (size <= tolerance * (1.0 + np.abs(value).max(axis=1, initial=0.0)))
        )
        found.x[rows[is_done]] = value[is_done]
        found.has_settled[rows[is_done]] = True
        found.iterations[rows[~state.is_over]] = count + 1
        state.advance(count % _DEPTH, residual, size)
        is_over = is_done | is_lost | state.is_over
        if is_over.any():
            state.is_over = is_over
            kept = np.flatnonzero(~is_over)
            if len(kept) <= _SPARE * len(rows):
                rows, state, maps = rows[kept], state.take(kept), maps.take(kept)
    return found


@dataclass(slots=True)
class _State:
    """Where R rows are, the last points and residuals that counted, and the last steps `dx`, `df` [m, R, n].

    An extrapolation that made the residual larger is taken back, and `plain[R]` steps of the map itself follow,
    twice as many as after the last mistake: so a map whose own steps settle does so whatever the extrapolations do.
    """

    x: FloatArray
    last_x: FloatArray
    last_f: FloatArray
    size: FloatArray
    dx: FloatArray
    df: FloatArray
    plain: IntArray
    pause: IntArray
    is_over: BoolArray

    @classmethod
    def at(cls, x: FloatArray) -> _State:
        rows, memory = len(x), np.zeros((_DEPTH, *x.shape))
        counts = np.full(rows, 2), np.full(rows, _PAUSE)
        return cls(x, x, np.zeros_like(x), np.full(rows, np.inf), memory, memory.copy(), *counts, np.zeros(rows, bool))

    def take(self, rows: IntArray) -> _State:
        alone = self.x[rows], self.last_x[rows], self.last_f[rows], self.size[rows]
        counts = self.plain[rows], self.pause[rows], self.is_over[rows]
        return _State(*alone, self.dx[:, rows], self.df[:, rows], *counts)

    def advance(self, slot: int, residual: FloatArray, size: FloatArray) -> None:
        """Move every row by Anderson's step, or by a plain one where that is due."""
        is_bad = ~(size <= self.size) & (self.plain == 0)
        is_known = (~is_bad & np.isfinite(self.size))[:, None]
        self.dx[slot] = np.where(is_known, self.x - self.last_x, 0.0)
        with np.errstate(invalid="ignore"):
            self.df[slot] = np.where(is_known, residual - self.last_f, 0.0)
        self.dx[:, is_bad] = 0.0
        self.df[:, is_bad] = 0.0
        kept = ~is_bad[:, None]
        self.last_x, self.last_f = np.where(kept, self.x, self.last_x), np.where(kept, residual, self.last_f)
        self.size = np.where(is_bad, self.size, size)
        self.plain = np.where(is_bad, self.pause, np.maximum(self.plain - 1, 0))
        self.pause = np.where(is_bad, 2 * self.pause, self.pause)
        with np.errstate(invalid="ignore"):
            weight = np.where(self.plain == 0, _least_squares(self.df, self.last_f), 0.0)
            step = self.last_f - np.einsum("mr,mrn->rn", weight, self.dx + self.df)
            self.x = np.maximum(self.last_x + step, 0.0)


def _least_squares(columns: FloatArray, target: FloatArray) -> FloatArray:
    """Return the weights[m, R] with which the columns [m, R, n] come nearest to the target [R, n]."""
    matrix = np.einsum("arn,brn->abr", columns, columns)
    right = np.einsum("arn,rn->ar", columns, target)
    count = len(columns)
    for k in range(count):
        matrix[k, k] = matrix[k, k] * (1.0 + _RIDGE) + 1e-300  # a column of zeros gets weight 0
    for k in range(count):
        for i in range(k + 1, count):
            factor = matrix[i, k] / matrix[k, k]
            matrix[i, k:] -= factor * matrix[k, k:]
            right[i] -= factor * right[k]
    for k in reversed(range(count)):
        for i in range(k + 1, count):
            right[k] -= matrix[k, i] * right[i]
        right[k] /= matrix[k, k]
    return np.asarray(right)
