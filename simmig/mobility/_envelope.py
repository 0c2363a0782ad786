"""Who is nearest when, along segments with several possible RSUs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.geometry import falling_root, lowest
from simmig.mobility._blocks import Paths
from simmig.mobility._rivals import TIE, Contests, Rivals

_CUTS_AT_ROOTS = 8  # quick as a rule; then in halves, which end for certain
_MOST_CUTS = 60

Rows = tuple[IntArray, FloatArray, IntArray]  # segment, share of it, the RSU that is nearest from there


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Pieces of segments, from share begin[B] to end[B], and who may be nearest in them."""

    contests: Contests
    begin: FloatArray
    end: FloatArray


@dataclass(frozen=True, slots=True)
class _Duels:
    """Each entry of the pieces' contests against the one that is nearest at the piece's begin.

    holder[B], heir[B]: the entries nearest at begin and end. beats: whether the entry is nearer than the holder
    somewhere in the piece. falls, rises: the shares of the piece at which it becomes nearer, and farther, again.
    """

    holder: IntArray
    heir: IntArray
    beats: BoolArray
    falls: FloatArray
    rises: FloatArray


def envelope(paths: Paths, rivals: Rivals, contests: Contests) -> Rows:
    """Return rows with the nearest RSU at the start of each segment and at each change in it, in no order.

    A piece of a segment is cut until at most one RSU beats the one that holds it at its begin: its changes are then
    the roots of one quadratic.
    """
    count = len(contests.subject)
    pieces = _Pieces(contests, np.zeros(count), np.ones(count))
    rows: list[Rows] = [(contests.subject[:0], pieces.begin[:0], contests.rsu[:0])]
    for cut in range(_MOST_CUTS):
        if not len(pieces.begin):
            break
        duels = _duels(paths, rivals, pieces)
        challengers = pieces.contests.count(duels.beats)
        single = np.where(challengers == 1, pieces.contests.first(duels.beats), -1)
        is_settled = (challengers == 0) | ((single >= 0) & ((duels.heir == single) | (duels.heir == duels.holder)))
        rows += _rows(pieces, duels, np.where(is_settled, single, -1))
        pieces = _cut(pieces, duels, ~is_settled, by_roots=cut < _CUTS_AT_ROOTS)
    segment, share, rsu = (np.concatenate(columns) for columns in zip(*rows, strict=True))
    return segment, share, rsu


def _duels(paths: Paths, rivals: Rivals, pieces: _Pieces) -> _Duels:
    contests = pieces.contests
    owner, segment = contests.owner, contests.subject
    ends = [(axis[segment], axis[segment + 1]) for axis in paths.axes]

    def value_at(share: FloatArray) -> FloatArray:
        # Exact at both ends of the segment, so that neighbours agree about their common fix.
        return rivals.value([(a * (1.0 - share) + b * share)[owner] for a, b in ends], contests.rsu)

    at_begin, at_end = value_at(pieces.begin), value_at(pieces.end)
    length2 = sum((b - a) * (b - a) for a, b in ends) * (pieces.end - pieces.begin) ** 2
    bend = length2[owner] * rivals.weight[contests.rsu]
    holder, heir = contests.winner(at_begin), contests.winner(at_end)
    best = holder[owner]
    start, end, curve = at_begin - at_begin[best], at_end - at_end[best], bend - bend[best]
    beats = lowest(start, end, curve) < -TIE * (at_begin[best] + at_end[best])
    # Within a tie the quadratic may already be negative at the begin and have no root in the piece.
    falls = np.clip(np.nan_to_num(falling_root(start, end, curve), nan=0.0), 0.0, 1.0)
    rises = np.clip(np.nan_to_num(falling_root(-start, -end, -curve), nan=1.0), 0.0, 1.0)
    return _Duels(holder, heir, beats, falls, rises)


def _rows(pieces: _Pieces, duels: _Duels, single: IntArray) -> list[Rows]:
    """Return the rows of the pieces' begins, and of the changes where one entry (-1: none) challenges the holder."""
    contests = pieces.contests
    segment, rsu = contests.subject, contests.rsu
    wins = np.flatnonzero(single >= 0)
    returns = wins[duels.heir[wins] == duels.holder[wins]]

    def within(piece: IntArray, share: FloatArray) -> FloatArray:
        return pieces.begin[piece] + share * (pieces.end - pieces.begin)[piece]

    return [
        (segment, pieces.begin, rsu[duels.holder]),
        (segment[wins], within(wins, duels.falls[single[wins]]), rsu[single[wins]]),
        (segment[returns], within(returns, duels.rises[single[returns]]), rsu[duels.holder[returns]]),
    ]


def _cut(pieces: _Pieces, duels: _Duels, is_open: BoolArray, *, by_roots: bool) -> _Pieces:
    """Return both parts of the open pieces, cut where the heir passes the holder, or in the middle."""
    contests = pieces.contests
    stays = duels.beats.copy()
    stays[duels.holder] = True
    kept = contests.only(stays & is_open[contests.owner], least=1)
    heir = duels.heir[is_open]
    share = np.where(duels.beats[heir] & by_roots, np.clip(duels.falls[heir], 0.0625, 0.9375), 0.5)
    begin, end = pieces.begin[is_open], pieces.end[is_open]
    middle = begin + share * (end - begin)
    return _Pieces(kept.and_also(kept), np.concatenate((begin, middle)), np.concatenate((middle, end)))
