"""Mixed strategies by linear programmes: the leader's commitment, and the value of a constant-sum game."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import Array, FloatArray, IntArray
from simmig.errors import RunError
from simmig.games._matrix.check import Ties

# The tightest that HiGHS accepts; payoffs are scaled to [0, 1] before.
_OPTIONS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_SOLVED, _INFEASIBLE = 0, 2  # status of scipy.optimize.linprog


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a leader commits to, `strategy[..., m]`, the follower's `response[...]` and what both get, [...].

    `ties` says for whom the follower's ties are broken: for the leader ("strong") or against it ("weak").
    """

    strategy: FloatArray
    response: IntArray
    leader_utility: FloatArray
    follower_utility: FloatArray
    ties: Ties


def best_commitment(leader: FloatArray, follower: FloatArray) -> tuple[FloatArray, int]:
    """Return the leader's best mixed strategy [m] and the follower's response, ties broken for the leader.

    Multiple linear programmes (Conitzer and Sandholm 2006): for every response j the strategy that is best
    for the leader among those to which j is a best response. `leader[m, n]` and `follower[m, n]` are payoffs.
    """
    ours, theirs = _scaled(leader), _scaled(follower)
    most = ours.max(axis=0)
    best, strategy, response = -np.inf, None, 0
    for j in sorted(range(ours.shape[1]), key=lambda j: (-most[j], j)):
        if most[j] <= best:  # nor can a later one be better
            break
        found = _inducing(ours[:, j], np.delete(theirs, j, axis=1) - theirs[:, [j]])
        if found is not None and (value := float((found * ours[:, j]).sum())) > best:
            best, strategy, response = value, found, j
    if strategy is None:
        raise AssertionError("every strategy has a best response")
    return strategy, response


def maximin(payoff: FloatArray) -> FloatArray:
    """Return the strategy over the rows of `payoff[m, n]` whose worst column is best (von Neumann 1928), [m]."""
    scaled = _scaled(payoff)
    rows, columns = scaled.shape
    # Variables: the strategy, then the worst column's worth.
    at_least = np.hstack([-scaled.T, np.ones((columns, 1))])
    bounds = [(0.0, None)] * rows + [(None, None)]
    found = _solved(
        c=np.append(np.zeros(rows), -1.0),
        A_ub=at_least,
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None, :],
        b_eq=[1.0],
        bounds=bounds,
    )
    if found is None:
        raise AssertionError("every strategy has a worst column")
    return _distribution(found[:rows])


def _inducing(worth: FloatArray, temptation: FloatArray) -> FloatArray | None:
    """Return the strategy [m] of the most expected `worth[m]` that makes no `temptation[m, n - 1]` positive."""
    rows, others = temptation.shape
    found = _solved(
        c=-worth,
        A_ub=temptation.T if others else None,
        b_ub=np.zeros(others) if others else None,
        A_eq=np.ones((1, rows)),
        b_eq=[1.0],
        bounds=(0.0, None),
    )
    return None if found is None else _distribution(found)


def _solved(**programme: Array) -> FloatArray | None:
    """Return the optimal vertex of a linear programme, None if nothing is feasible."""
    from scipy.optimize import linprog

    result = linprog(method="highs-ds", options=_OPTIONS, **programme)
    if result.status == _INFEASIBLE:
        return None
    if result.status != _SOLVED:
        raise RunError(f"matrix game: a linear programme was not solved: {result.message}")
    return np.asarray(result.x)


def _distribution(weight: FloatArray) -> FloatArray:
    positive = np.maximum(weight, 0.0)
    return np.asarray(positive / positive.sum())


def _scaled(payoff: FloatArray) -> FloatArray:
    """Return the payoffs moved and stretched to [0, 1], which changes nobody's choice."""
    low = payoff.min()
    span = payoff.max() - low
    return np.asarray((payoff - low) / (span if span > 0.0 else 1.0))
