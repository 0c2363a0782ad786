"""Pure play of a matrix game: agents that move in priority order, and pure Nash equilibria, whole batches at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._matrix.check import Ties


@dataclass(frozen=True, slots=True)
class SequentialPlay:
    """A subgame-perfect play of N agents that act one after another, each seeing what its superiors did.

    `action[..., N]` and `utility[..., N]` are by agent. `plan[r]` is what the agent of rank r in `order` does after
    anything that its superiors may have done: shape [..., m of order[0], ..., m of order[r - 1]].
    """

    order: tuple[int, ...]
    ties: Ties
    action: IntArray
    utility: FloatArray
    plan: tuple[IntArray, ...]


def backward_induction(payoff: FloatArray, order: tuple[int, ...], ties: Ties) -> SequentialPlay:
    """Return the play of agents that act in `order`, `payoff[N, ..., m_1, ..., m_N]`.

    An agent with several best actions takes the one that is best ("strong") or worst ("weak") for its superiors, the
    first of them before the second, and among those the action of the lowest number. Each rule gives one subgame
    perfect equilibrium of the game of perfect information (Kuhn 1953) that 004's agents play within a step.
    """
    agents = len(payoff)
    batch = payoff.ndim - 1 - agents
    axes = [0, *range(1, 1 + batch), *(1 + batch + agent for agent in order)]
    value = payoff[list(order)].transpose(axes)
    plan: list[IntArray] = []
    for rank in reversed(range(agents)):
        choice = _choice(value, rank, ties)
        value = np.take_along_axis(value, choice[None, ..., None], axis=-1)[..., 0]
        plan.insert(0, choice)
    agent_rank = np.argsort(order)
    action = np.stack(_followed(plan, batch), axis=-1)[..., agent_rank]
    utility = np.moveaxis(value, 0, -1)[..., agent_rank]
    return SequentialPlay(order, ties, action, utility, tuple(plan))


def pure_nash(payoff: FloatArray) -> BoolArray:
    """Return which joint actions are Nash equilibria, [..., m_1, ..., m_N], of `payoff[N, ..., m_1, ..., m_N]`."""
    agents = len(payoff)
    is_best = [payoff[k] >= payoff[k].max(axis=k - agents, keepdims=True) for k in range(agents)]
    return np.asarray(np.logical_and.reduce(is_best))


def _choice(value: FloatArray, rank: int, ties: Ties) -> IntArray:
    """Return the action on the last axis that the agent of this rank takes; `value[N, ...]` is by rank."""
    sign = 1.0 if ties == "strong" else -1.0
    is_open = np.ones(value.shape[1:], dtype=bool)
    for worth in (value[rank], *(sign * value[superior] for superior in range(rank))):
        left = np.where(is_open, worth, -np.inf)
        is_open = left == left.max(axis=-1, keepdims=True)
    return np.asarray(is_open.argmax(axis=-1))


def _followed(plan: list[IntArray], batch: int) -> list[IntArray]:
    """Return the action of every rank, each [...], when all do as planned."""
    actions: list[IntArray] = []
    for table in plan:
        for action in actions:
            index = action.reshape(action.shape + (1,) * (table.ndim - batch))
            table = np.take_along_axis(table, index, axis=batch).squeeze(axis=batch)
        actions.append(table)
    return actions
