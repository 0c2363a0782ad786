"""Fixes that a vehicle cannot have reached: the two-sided speed gate."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import InputError
from simmig.mobility.cleaning.rows import counted, steps_inside, taken, trip_of
from simmig.mobility.trace import Trace


class _Piece(NamedTuple):
    """Fixes between two steps that are too fast: those that were joined stay a list."""

    rows: list[tuple[int, int]]  # half-open ranges
    fixes: int

    @property
    def first(self) -> int:
        return self.rows[0][0]

    @property
    def last(self) -> int:
        return self.rows[-1][1] - 1


def gate_speed(trace: Trace, limit_m_s: float, longest: int = 5) -> Trace:
    """Return the trace without excursions: a few fixes that only a speed above the limit leads to and away from.

    Each trip is divided at its steps faster than `limit_m_s`. Up to `longest` fixes in a row are dropped if what is
    before and what is after them can be joined within the limit, and so is a fix that fast steps leave alone.
    Elsewhere a fast step stays a jump of the vehicle: the trip ends before it and a new one begins. Raises
    InputError unless the limit is a positive number.

    Notes: dropped_too_fast (fixes), cut_too_fast (trips ended).
    """
    if not limit_m_s > 0.0 or longest < 1:
        raise InputError(f"speed limit {limit_m_s} m/s, excursions of {longest} fixes; expected more than 0 of both")
    inside = steps_inside(trace)
    too_fast = np.flatnonzero(inside & (_speeds(trace) > limit_m_s)) + 1  # the first fix after a fast step
    if not len(too_fast):
        return trace
    keep = np.ones(trace.fix_count, dtype=bool)
    begins = np.zeros(trace.fix_count, dtype=bool)
    trips = trip_of(trace)[too_fast]
    for trip, steps in zip(*_grouped(trips, too_fast), strict=True):
        bounds = [int(trace.trip_start[trip]), *steps.tolist(), int(trace.trip_start[trip + 1])]
        kept = _joined(trace, bounds, limit_m_s, longest)
        keep[bounds[0] : bounds[-1]] = False
        for piece in kept:
            for first, end in piece.rows:
                keep[first:end] = True
        begins[[piece.first for piece in kept[1:]]] = True
    cut = int(begins.sum())
    clean = taken(trace, keep, begins, note="dropped_too_fast")
    clean.notes.update(counted(clean, "cut_too_fast", cut))
    return clean


def _joined(trace: Trace, bounds: list[int], limit_m_s: float, longest: int) -> list[_Piece]:
    """Return the pieces of one trip that stay, left to right, excursions taken out."""
    stack: list[_Piece] = []
    for first, end in pairwise(bounds):
        piece = _Piece([(first, end)], end - first)
        astray = 0
        for depth in range(len(stack) - 1, 0, -1):
            astray += stack[depth].fixes
            if astray > longest:
                break
            before = stack[depth - 1]
            if _reaches(trace, before.last, first, limit_m_s):
                stack[depth - 1 :] = []
                piece = _Piece(before.rows + piece.rows, before.fixes + piece.fixes)
                break
        stack.append(piece)
    return [piece for piece in stack if piece.fixes > 1] or stack[:1]


def _reaches(trace: Trace, row: int, other: int, limit_m_s: float) -> bool:
    gap = [trace.x_m[other] - trace.x_m[row], trace.y_m[other] - trace.y_m[row]]
    if trace.z_m is not None:
        gap.append(trace.z_m[other] - trace.z_m[row])
    return float(np.linalg.norm(gap)) <= limit_m_s * float(trace.t_us[other] - trace.t_us[row]) / 1e6


def _speeds(trace: Trace) -> FloatArray:
    """Return the speed of each step in m/s, shape [N - 1]; what it says between trips means nothing."""
    square_m2 = np.diff(trace.x_m) ** 2 + np.diff(trace.y_m) ** 2
    if trace.z_m is not None:
        square_m2 += np.diff(trace.z_m) ** 2
    interval_s = np.diff(trace.t_us) / 1e6
    return np.asarray(np.sqrt(square_m2) / np.where(interval_s > 0.0, interval_s, np.inf))


def _grouped(group: IntArray, values: IntArray) -> tuple[list[int], list[IntArray]]:
    """Return the groups, which are sorted, and the values of each."""
    names, start = np.unique(group, return_index=True)
    return names.tolist(), np.split(values, start[1:])
