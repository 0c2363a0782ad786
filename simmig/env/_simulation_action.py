"""From learners' actions, numbers in 0 to 1, to the prices and demands that the engine asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simmig.contracts import FloatArray
from simmig.engine.simulation import Decision, PriceDecision
from simmig.errors import AgentError


def members(decision: Decision) -> list[int]:
    """Return who answers the decision: the RSUs of its round, or its vehicles, by their index in the run."""
    if isinstance(decision, PriceDecision):
        return [int(j) for j in decision.round.rsu]
    return [migration.vehicle for migration in decision.round.migrations]


def blank(decision: Decision) -> FloatArray:
    """Return an answer of the right shape with nothing in it: prices [J] or [I, J], or demands [I, J]."""
    round_ = decision.round
    size = (len(round_.migrations), len(round_.rsu))
    is_shared = isinstance(decision, PriceDecision) and not round_.game.individual_prices
    return np.zeros(size[1:] if is_shared else size)


def fill(answer: FloatArray, decision: Decision, actions: Mapping[int, FloatArray], demand_max_hz: float) -> None:
    """Write the actions, by the index of who acts, into the answer.

    A leader's [1] is its price from cost to price_max, a follower's [RSUs of the map] are demands in `demand_max_hz`.
    """
    round_ = decision.round
    inputs = round_.inputs
    for k, index in enumerate(members(decision)):
        if index not in actions:
            continue
        if isinstance(decision, PriceDecision):
            answer[..., k] = inputs.cost[k] + actions[index][0] * (inputs.price_max[k] - inputs.cost[k])
        else:
            demand = actions[index][round_.rsu] * (demand_max_hz / round_.game.bandwidth_unit_hz)
            answer[k] = np.where(inputs.eligible[k], demand, 0.0)


def action_of(actions: Mapping[str, Any], agent: str, length: int, round_: int) -> FloatArray:
    """Return the agent's action [length]; raises AgentError if it is missing or not numbers from 0 to 1."""
    if actions.get(agent) is None:
        raise AgentError(f"{agent}, round {round_}: no action, expected one of everybody in `turn`")
    action = np.asarray(actions[agent], dtype=np.float64)
    if action.shape != (length,):
        raise AgentError(f"{agent}, round {round_}: action of shape {action.shape}, expected {(length,)}")
    outside = ~((action >= 0.0) & (action <= 1.0))
    if outside.any():
        raise AgentError(f"{agent}, round {round_}: action {action[outside][0]:.6g}, expected numbers from 0 to 1")
    return action
