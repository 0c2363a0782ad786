"""Vertices of {z >= 0 : C z <= 1} in exact integers: the polytopes of best responses in a bimatrix game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from simmig.contracts import FloatArray


@dataclass(frozen=True, slots=True)
class Tableau:
    """A basis of the system C z + slack = 1: columns are all variables by label, then the right-hand side.

    Pivots keep integers (Bareiss 1968): what the rows mean is divided by `scale`, so nothing is ever rounded.
    `basis[r]` is the label of the variable that row r determines; `slack` are the labels of the slack variables, whose
    columns decide between rows that tie (the lexicographic rule: without it some degenerate games make a path cycle).
    """

    rows: tuple[tuple[int, ...], ...]
    basis: tuple[int, ...]
    slack: tuple[int, ...]
    scale: int = 1

    def leaving(self, entering: int) -> int:
        """Return the row of the least ratio, which gives way to `entering`; a bounded polytope always has one."""
        rows = [r for r, row in enumerate(self.rows) if row[entering] > 0]
        for key in (-1, *self.slack):
            rows = self._least(rows, key, entering)
            if len(rows) == 1:
                break
        return rows[0]

    def pivoted(self, leaving: int, entering: int) -> Tableau:
        """Return the tableau in which row `leaving` determines the variable `entering`."""
        base = self.rows[leaving]
        pivot = base[entering]
        rows = tuple(
            base if r == leaving else _eliminated(row, base, row[entering], pivot, self.scale)
            for r, row in enumerate(self.rows)
        )
        return Tableau(rows, (*self.basis[:leaving], entering, *self.basis[leaving + 1 :]), self.slack, pivot)

    def value(self) -> dict[int, Fraction]:
        """Return the variables that are not 0, by label."""
        return {
            label: Fraction(row[-1], self.scale) for label, row in zip(self.basis, self.rows, strict=True) if row[-1]
        }

    def _least(self, rows: Sequence[int], key: int, entering: int) -> list[int]:
        least = [rows[0]]
        for r in rows[1:]:
            one, other = self.rows[r], self.rows[least[0]]
            difference = one[key] * other[entering] - other[key] * one[entering]
            if difference < 0:
                least = [r]
            elif difference == 0:
                least.append(r)
        return least


def tableau(matrix: Sequence[Sequence[int]], variable: Sequence[int], slack: Sequence[int]) -> Tableau:
    """Return the tableau at z = 0 of positive integers `matrix`, with the labels of its columns and of its rows."""
    rows = []
    for r, numbers in enumerate(matrix):
        row = [0] * (len(variable) + len(slack)) + [1]
        for label, number in zip(variable, numbers, strict=True):
            row[label] = number
        row[slack[r]] = 1
        rows.append(tuple(row))
    return Tableau(tuple(rows), tuple(slack), tuple(slack))


def positive_integers(payoff: FloatArray) -> list[list[int]]:
    """Return the payoffs [m, n] as integers from 1 on: stretched and moved, exactly, which changes no choice."""
    ratios = [[float(number).as_integer_ratio() for number in row] for row in payoff]
    # The denominators of floats are powers of two, so the largest is a multiple of all.
    common = max(denominator for row in ratios for _, denominator in row)
    whole = [[numerator * (common // denominator) for numerator, denominator in row] for row in ratios]
    least = min(min(row) for row in whole)
    return [[number - least + 1 for number in row] for row in whole]


def _eliminated(row: tuple[int, ...], base: tuple[int, ...], factor: int, pivot: int, scale: int) -> tuple[int, ...]:
    # The division leaves no remainder: every entry is a minor of the first tableau.
    return tuple((number * pivot - factor * below) // scale for number, below in zip(row, base, strict=True))
