"""RSUs in contest for the nearest place, weighted by their power, at many points or runs of segments at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility._blocks import Box
from simmig.mobility.grouped import spread

# Of a squared distance: what is less is rounding. At a kilometre it is less than a nanometre.
TIE = 1e-12
_SLACK = 1e-9  # of a distance: far more than ties and rounding together


@dataclass(frozen=True, slots=True)
class Rivals:
    """J RSUs: the one with the smallest weight times squared distance wins, of those that tie the first.

    place[D][J]; `lift2` is the squared height of the RSU above the plane of the paths, if they lie in one.
    """

    place: list[FloatArray]
    weight: FloatArray
    lift2: FloatArray

    @property
    def are_equal(self) -> bool:
        """Whether plain distance decides."""
        return bool((self.weight == 1.0).all())

    def value(self, axes: Sequence[FloatArray], rsu: IntArray) -> FloatArray:
        """Return the weighted squared distances of points from their RSUs."""
        offset = [axis - place[rsu] for axis, place in zip(axes, self.place, strict=True)]
        square = offset[0] * offset[0] + offset[1] * offset[1]
        square += offset[2] * offset[2] if len(offset) == 3 else self.lift2[rsu]
        return np.asarray(square * self.weight[rsu])


def strength_weight(bonus_db: FloatArray, exponent: float) -> FloatArray:
    """Return what to weigh squared distances with, so that the smallest product belongs to the strongest RSU.

    With the path loss 10 n log10(d) plus a constant, the RSU with the largest P_j - 10 n log10(d_j) is the one with
    the smallest d_j^2 10^(-P_j / (5 n)). The highest power has the weight 1.
    """
    top_db = float(bonus_db.max())
    return np.array([math.pow(10.0, (top_db - value) / (5.0 * exponent)) for value in bonus_db.tolist()])


def make_rivals(xyz_m: FloatArray, weight: FloatArray, dimensions: int) -> tuple[Rivals, IntArray]:
    """Return the contest of RSUs at xyz_m[J, 3], and the RSU of each rival: of equal RSUs only the first takes part."""
    _, rsu = np.unique(np.column_stack((xyz_m, weight)), axis=0, return_index=True)
    rsu = np.sort(rsu)
    place = [np.ascontiguousarray(axis) for axis in xyz_m[rsu].T[:dimensions]]
    height = xyz_m[rsu, 2]
    return Rivals(place, weight[rsu], height * height), rsu


@dataclass(frozen=True, slots=True)
class Contests:
    """B contests: number k, about the block or segment subject[k], is between rsu[start[k]:start[k + 1]], ascending."""

    subject: IntArray
    start: IntArray
    rsu: IntArray

    @property
    def owner(self) -> IntArray:
        """The contest of every entry of `rsu`."""
        return np.repeat(np.arange(len(self.subject)), np.diff(self.start))

    def lowest(self, values: FloatArray) -> FloatArray:
        """Return the smallest of the entries' values in each contest."""
        return np.asarray(np.minimum.reduceat(values, self.start[:-1]))

    def first(self, is_meant: BoolArray) -> IntArray:
        """Return the first entry meant in each contest, or the number of all entries."""
        entry = np.where(is_meant, np.arange(len(is_meant)), len(is_meant))
        return np.asarray(np.minimum.reduceat(entry, self.start[:-1]))

    def count(self, is_meant: BoolArray) -> IntArray:
        """Return how many entries are meant in each contest."""
        return np.bincount(self.owner[is_meant], minlength=len(self.subject))

    def winner(self, values: FloatArray) -> IntArray:
        """Return the entry with the smallest value in each contest, of those that tie the first."""
        return self.first(values <= (self.lowest(values) * (1.0 + TIE))[self.owner])

    def only(self, keep: BoolArray, least: int) -> Contests:
        """Return the contests with the entries to keep, where at least so many are left."""
        entry = np.flatnonzero(keep)
        owner = self.owner[entry]
        count = np.bincount(owner, minlength=len(self.subject))
        is_open = count >= least
        entry = entry[is_open[owner]]
        start = np.concatenate(([0], np.cumsum(count[is_open])))
        return Contests(self.subject[is_open], start, self.rsu[entry])

    def over(self, first: IntArray, count: IntArray) -> Contests:
        """Return each contest k again for the subjects first[k], first[k] + 1, ..., count[k] of them."""
        owner, subject = spread(first, count)
        width = np.diff(self.start)[owner]
        _, entry = spread(self.start[owner], width)
        return Contests(subject, np.concatenate(([0], np.cumsum(width))), self.rsu[entry])

    def and_also(self, other: Contests) -> Contests:
        """Return these contests and the others."""
        return Contests(
            np.concatenate((self.subject, other.subject)),
            np.concatenate((self.start, other.start[1:] + self.start[-1])),
            np.concatenate((self.rsu, other.rsu)),
        )


def open_contests(rivals: Rivals, box: Box, contests: Contests) -> Contests:
    """Return the contests that more than one RSU may win somewhere in their boxes, without those that cannot.

    The root of a weighted squared distance changes by at most the root of the weight times the way moved.
    """
    if not len(contests.subject):
        return contests
    owner, rsu = contests.owner, contests.rsu
    middle = [(low + high) * 0.5 for low, high in zip(*box, strict=True)]
    radius2 = sum((high - low) * (high - low) * 0.25 for low, high in zip(*box, strict=True))
    root = np.sqrt(rivals.value([axis[owner] for axis in middle], rsu))
    slack = np.sqrt(radius2)[owner] * np.sqrt(rivals.weight)[rsu]
    may_win = root - slack <= contests.lowest(root + slack)[owner] * (1.0 + _SLACK)
    return contests.only(may_win, least=2)
