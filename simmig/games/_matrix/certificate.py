"""What a player of a matrix game could still gain, by means of its own: nothing here is shared with the solvers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Regret:
    """The most that each agent alone could gain, [..., N] by agent (leader, follower), and as a share of the range of
    that agent's payoffs in its game. A game of one payoff has nothing to gain.
    """

    gap: FloatArray
    gap_relative: FloatArray


def nash_regret(payoff: FloatArray, leader: FloatArray, follower: FloatArray) -> Regret:
    """Return the gains of pure deviations from the mixed strategies [..., m] and [..., n]; `payoff[2, ..., m, n]`."""
    (ours, theirs), span = _stretched(payoff)
    of_rows = np.einsum("...mn,...n->...m", ours, follower)
    of_columns = np.einsum("...mn,...m->...n", theirs, leader)
    gain = of_rows.max(axis=-1) - (of_rows * leader).sum(axis=-1)
    other = of_columns.max(axis=-1) - (of_columns * follower).sum(axis=-1)
    return _regret(np.stack([gain, other], axis=-1), span)


def pure_commitment_regret(payoff: FloatArray, action: IntArray, ties: str) -> Regret:
    """Return the gains over a pure commitment and its response, `action[..., 2]`.

    The leader's is over every other pure commitment, the follower answering each by the rule for ties; the
    follower's is over every other response.
    """
    unit, span = _stretched(payoff)
    ours, theirs = unit
    answer = theirs == theirs.max(axis=-1, keepdims=True)
    worth = np.where(answer, ours, -np.inf).max(axis=-1)
    if ties == "weak":
        worth = np.where(answer, ours, np.inf).min(axis=-1)
    row = np.take_along_axis(unit, action[None, ..., :1, None], axis=-2)[..., 0, :]
    own = np.take_along_axis(row, action[None, ..., 1:], axis=-1)[..., 0]
    return _regret(np.stack([worth.max(axis=-1) - own[0], row[1].max(axis=-1) - own[1]], axis=-1), span)


def mixed_commitment_regret(payoff: FloatArray, strategy: FloatArray, response: IntArray) -> Regret:
    """Return bounds of the gains over a mixed commitment [..., m] and its response [...].

    The leader's is proved: for every response j, multipliers l >= 0 of the follower's temptations B_k - B_j bound
    what any strategy that induces j is worth by max_i [A_ij - sum_k l_k (B_ik - B_ij)], the dual of the programme
    that the solver solves. Whatever the multipliers, the bound holds; a linear programme makes it tight.
    """
    unit, span = _stretched(payoff)
    gain = np.zeros((*response.shape, 2))
    for place in np.ndindex(response.shape):
        ours, theirs = unit[(0, *place)], unit[(1, *place)]
        x, j = strategy[place], int(response[place])
        expected = (x[:, None] * theirs).sum(axis=0)
        gain[place] = _bound(ours, theirs, float((x * ours[:, j]).sum())), expected.max() - expected[j]
    return _regret(gain, span)


def sequential_regret(payoff: FloatArray, order: tuple[int, ...], ties: str, action: IntArray) -> Regret:
    """Return the gains over a joint action [..., N] of agents that act in `order`.

    An agent's is over its other actions after what its superiors did, its inferiors answering each in turn; the tree
    is walked from its root, game by game.
    """
    unit, span = _stretched(payoff)
    sign = 1.0 if ties == "strong" else -1.0
    gain = np.zeros(action.shape)
    for place in np.ndindex(action.shape[:-1]):
        tables = unit[(slice(None), *place)]
        played = tuple(int(action[(*place, agent)]) for agent in order)
        outcome = _tree(tables, order, sign)
        for rank, agent in enumerate(order):
            best = max(outcome((*played[:rank], own))[agent] for own in range(tables.shape[1 + agent]))
            gain[(*place, agent)] = best - outcome(played)[agent]
    return _regret(gain, span)


def _tree(tables: FloatArray, order: tuple[int, ...], sign: float) -> Callable[[tuple[int, ...]], FloatArray]:
    """Return the function from the first actions in `order` to everybody's utility when the others answer them."""

    def outcome(begun: tuple[int, ...]) -> FloatArray:
        rank = len(begun)
        if rank == len(order):
            return np.array(
                [table[tuple(begun[order.index(agent)] for agent in range(len(order)))] for table in tables]
            )
        branches = [outcome((*begun, own)) for own in range(tables.shape[1 + order[rank]])]
        return max(branches, key=lambda u: (u[order[rank]], *(sign * u[superior] for superior in order[:rank])))

    return outcome


def _bound(ours: FloatArray, theirs: FloatArray, own: float) -> float:
    """Return a proved bound of what a leader that gets `own` could gain by another mixed commitment."""
    from scipy.optimize import linprog

    highest = own
    for j in range(ours.shape[1]):
        temptation = np.delete(theirs - theirs[:, [j]], j, axis=1)
        multiplier = np.zeros(temptation.shape[1])
        if ours[:, j].max() > highest and len(multiplier):
            # Least u with u >= ours - temptation @ l, no lower than needed: bounded where no strategy induces j, too.
            programme = linprog(
                np.append(np.zeros(len(multiplier)), 1.0),
                A_ub=np.hstack([-temptation, -np.ones((len(ours), 1))]),
                b_ub=-ours[:, j],
                bounds=[(0.0, None)] * len(multiplier) + [(own, None)],
                method="highs-ipm",
            )
            multiplier = np.zeros_like(multiplier) if programme.x is None else np.maximum(programme.x[:-1], 0.0)
        highest = max(highest, float((ours[:, j] - (temptation * multiplier).sum(axis=1)).max()))
    return highest - own


def _stretched(payoff: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the payoffs moved and stretched to [0, 1], and by how much, [..., N]: a large constant costs no digits."""
    actions = tuple(range(-len(payoff), 0))
    low = payoff.min(axis=actions, keepdims=True)
    span = payoff.max(axis=actions, keepdims=True) - low
    unit = (payoff - low) / np.where(span > 0.0, span, 1.0)
    return unit, np.moveaxis(span.squeeze(axis=actions), 0, -1)


def _regret(gain: FloatArray, span: FloatArray) -> Regret:
    # A response that is no best one can give the leader more than any commitment: that is the follower's gap.
    share = np.maximum(gain, 0.0)
    return Regret(share * span, share)
