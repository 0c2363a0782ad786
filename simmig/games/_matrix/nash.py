"""Mixed Nash equilibria of a bimatrix game, exact for the payoffs given: one by Lemke and Howson, or all.

von Stengel 2007 is chapter 3 of Nisan et al., Algorithmic Game Theory. Vertices are enumerated rather than supports:
that finds every extreme equilibrium of degenerate games too, where supports differ in size.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from simmig.contracts import FloatArray
from simmig.games._matrix.tableau import Tableau, positive_integers, tableau

_Weights = tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A mixed strategy of both players: `leader[..., m]`, `follower[..., n]`."""

    leader: FloatArray
    follower: FloatArray


@dataclass(frozen=True, slots=True)
class NashEquilibria:
    """The K extreme Nash equilibria of one game: `leader[K, m]`, `follower[K, n]`, pure ones first by action.

    In a game that is not degenerate these are all. In a degenerate one, where some strategy has more best responses
    than actions, there may be others between them: all are mixtures of listed equilibria of which every leader's
    strategy is in equilibrium with every follower's (Jansen 1981).
    """

    leader: FloatArray
    follower: FloatArray
    is_degenerate: bool


def lemke_howson(leader: FloatArray, follower: FloatArray, dropped: int) -> Profile:
    """Return the Nash equilibrium at the end of the path that begins by dropping the label `dropped`.

    Lemke and Howson (1964) as in von Stengel 2007, Algorithm 3.6, with the lexicographic rule for ties. Labels 0 to
    m - 1 are the leader's actions, m to m + n - 1 the follower's; payoffs are [m, n].
    """
    rows = len(leader)
    polytopes = _polytopes(leader, follower)
    turn, label = (0 if dropped < rows else 1), dropped
    while True:
        polytope = polytopes[turn]
        leaving = polytope.leaving(label)
        polytopes[turn], label = polytope.pivoted(leaving, label), polytope.basis[leaving]
        if label == dropped:
            break
        turn = 1 - turn
    strategies = [_strategy(polytope, *labels) for polytope, labels in zip(polytopes, _labels(leader), strict=True)]
    return Profile(np.array(strategies[0], float), np.array(strategies[1], float))


def extreme_equilibria(leader: FloatArray, follower: FloatArray) -> NashEquilibria:
    """Return the extreme Nash equilibria of payoffs [m, n].

    They are the pairs of vertices of the two best-response polytopes that have every label between them (Mangasarian
    1964; von Stengel 2007, Algorithm 3.5): each action is either not played or a best response.
    """
    rows, columns = leader.shape
    every = (1 << (rows + columns)) - 1
    ours, theirs = (
        _vertices(polytope, *labels)
        for polytope, labels in zip(_polytopes(leader, follower), _labels(leader), strict=True)
    )
    pairs = [(x, y) for x, seen in ours.items() for y, others in theirs.items() if seen | others == every]
    pairs.sort(key=lambda pair: ([-weight for weight in pair[0]], [-weight for weight in pair[1]]))
    pairs.sort(key=lambda pair: sum(weight > 0 for weight in pair[0] + pair[1]))
    is_degenerate = any(seen.bit_count() > rows for seen in ours.values()) or any(
        seen.bit_count() > columns for seen in theirs.values()
    )
    return NashEquilibria(np.array([x for x, _ in pairs], float), np.array([y for _, y in pairs], float), is_degenerate)


def _polytopes(leader: FloatArray, follower: FloatArray) -> list[Tableau]:
    """Return {x : B'x <= 1} and {y : A y <= 1}: a player's strategies over the best that its opponent gets."""
    ours, theirs = positive_integers(leader), positive_integers(follower.T)
    (first, end_first), (second, end_second) = _labels(leader)
    rows, columns = range(first, end_first), range(second, end_second)
    return [tableau(theirs, rows, columns), tableau(ours, columns, rows)]


def _labels(payoff: FloatArray) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = payoff.shape
    return (0, rows), (rows, rows + columns)


def _vertices(start: Tableau, first: int, end: int) -> dict[_Weights, int]:
    """Return {strategy: set of labels, as bits} of every vertex but 0.

    Every vertex has a basis that is feasible in the lexicographic sense, and pivots lead from each such basis to
    all others: they are the vertices of a simple polytope, the same one with its right-hand sides pushed apart.
    """
    found: dict[_Weights, int] = {}
    every = (1 << (len(start.rows[0]) - 1)) - 1
    seen = {frozenset(start.basis)}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        value = here.value()
        if any(first <= label < end for label in value):
            found[_strategy(here, first, end)] = every & ~sum(1 << label for label in value)
        for label in range(len(here.rows[0]) - 1):
            if label in here.basis:
                continue
            leaving = here.leaving(label)
            if (basis := frozenset(here.basis) - {here.basis[leaving]} | {label}) not in seen:
                seen.add(basis)
                waiting.append(here.pivoted(leaving, label))
    return found


def _strategy(polytope: Tableau, first: int, end: int) -> _Weights:
    value = polytope.value()
    weight = [value.get(label, Fraction(0)) for label in range(first, end)]
    total = sum(weight, Fraction(0))
    return tuple(one / total for one in weight)
