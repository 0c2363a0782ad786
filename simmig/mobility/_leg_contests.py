"""Where the nearest RSU changes along straight legs: the few of their segments that have to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility._legs import Legs
from simmig.mobility._rivals import Contests, Rivals
from simmig.mobility.grouped import spread

_ROUNDING = 1e-11  # of a squared distance: far more than ties and rounding together


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changes along legs, from `holder` to `heir`, somewhere between the shares `low` and `high` of the leg."""

    leg: IntArray
    low: FloatArray
    high: FloatArray
    holder: IntArray
    heir: IntArray


@dataclass(slots=True)
class _Walk:
    """How far the nearest RSUs of legs are known: up to share[R]; gap[R, J]: how much farther the others are there.

    Of RSUs of equal weight, the difference of squared distances changes along a line at a steady pace[R, J]. What is
    less than band[R] is no difference; no change before reaches beyond the share clear[R].
    """

    leg: IntArray
    holder: IntArray
    share: FloatArray
    clear: FloatArray
    band: FloatArray
    gap: FloatArray
    pace: FloatArray

    def only(self, rows: IntArray) -> _Walk:
        """Return the walk along some of the legs."""
        return _Walk(
            leg=self.leg[rows],
            holder=self.holder[rows],
            share=self.share[rows],
            clear=self.clear[rows],
            band=self.band[rows],
            gap=self.gap[rows],
            pace=self.pace[rows],
        )

    def tied(self) -> IntArray:
        """Return how many RSUs are as near as the nearest, itself included, on each leg."""
        return np.asarray(np.count_nonzero(self.gap <= self.band[:, None], axis=1))

    def next(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Return the RSUs that are the nearest next, the shares at which they are (inf: never), and how surely.

        A change is closer to its share than the last says.
        """
        row = np.arange(len(self.leg))
        with np.errstate(divide="ignore", invalid="ignore"):
            wait = np.where(self.pace < 0.0, self.gap / -self.pace, np.inf)
            heir = wait.argmin(axis=1)
            half = self.band / -self.pace[row, heir]
        return heir, self.share + wait[row, heir], half

    def go(self, share: FloatArray) -> None:
        """Move on to these shares of the legs, with the same RSUs nearest."""
        self.gap += self.pace * (share - self.share)[:, None]
        self.share = share

    def hand_over(self, heir: IntArray) -> None:
        """Let the heirs, which are as near now, be the nearest."""
        row = np.arange(len(heir))
        self.gap -= self.gap[row, heir][:, None]
        self.pace -= self.pace[row, heir][:, None]
        self.holder = heir


def leg_contests(legs: Legs, rivals: Rivals) -> tuple[Contests, IntArray]:
    """Return the segments along which the nearest of rivals of equal weight may change, and the legs left to others.

    Those are legs with a tie of three, with a tie at one of their ends, or with two changes too close to tell apart.
    """
    walk = _start(legs, rivals)
    found: list[_Changes] = []
    is_unclear = walk.tied() > 1
    walk = walk.only(np.flatnonzero(~is_unclear))
    while len(walk.leg) or not found:
        heir, share, half = walk.next()
        ends = share >= 1.0
        walk.go(np.minimum(share, 1.0))
        tied = walk.tied()
        is_plain = np.where(ends, tied == 1, (tied == 2) & (share >= walk.clear + half))
        is_unclear[walk.leg[~is_plain]] = True
        going = np.flatnonzero(is_plain & ~ends)
        walk, heir, half = walk.only(going), heir[going], half[going]
        walk.clear = walk.share + half
        found.append(_Changes(walk.leg, walk.share - half, walk.clear, walk.holder, heir))
        walk.hand_over(heir)
    return _contests(legs, found, is_unclear, len(rivals.weight)), np.flatnonzero(is_unclear)


def _start(legs: Legs, rivals: Rivals) -> _Walk:
    """Return the walk at the begins of the legs."""
    (x_m, y_m), (step_x, step_y) = legs.begin, legs.step()
    from_x, from_y = (at[:, None] - place for at, place in zip((x_m, y_m), rivals.place, strict=True))
    away2 = from_x * from_x + from_y * from_y + rivals.lift2
    pace = 2.0 * (from_x * step_x[:, None] + from_y * step_y[:, None])
    length2 = step_x * step_x + step_y * step_y
    reach2 = np.maximum(away2, away2 + pace + length2[:, None]).max(axis=1)
    holder = away2.argmin(axis=1)
    nothing = np.zeros(len(holder))
    band = 4.0 * np.sqrt(reach2) * legs.sway_m + _ROUNDING * reach2
    walk = _Walk(np.arange(len(holder)), holder, nothing, nothing, band, away2, pace)
    walk.hand_over(holder)
    return walk


def _contests(legs: Legs, found: list[_Changes], is_unclear: BoolArray, rivals: int) -> Contests:
    """Return the segments of changes on clear legs, each with the RSUs that are nearest somewhere along it."""
    leg, low, high, holder, heir = (
        np.concatenate([getattr(changes, name) for changes in found]) for name in _Changes.__slots__
    )
    kept = ~is_unclear[leg]
    first, last = legs.ranges(leg[kept], low[kept], high[kept])
    owner, segment = spread(first, last - first + 1)
    code = np.sort(np.concatenate((segment * rivals + holder[kept][owner], segment * rivals + heir[kept][owner])))
    subject, rsu = np.divmod(code[np.append(True, code[1:] != code[:-1])[: len(code)]], rivals)
    begins = np.flatnonzero(np.append(True, subject[1:] != subject[:-1])[: len(subject)])
    return Contests(subject[begins], np.append(begins, len(subject)), rsu)
