"""The social ties of a scenario, cut to the followers of a round."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games.ties import generated_ties, read_ties
from simmig.scenario import Scenario


def make_ties(scenario: Scenario, vehicle_id: tuple[str, ...]) -> Callable[[IntArray], FloatArray]:
    """Return the function from a round's vehicles [I] to the ties among them [I, I]; no ties without [social]."""
    social = scenario.social
    if social is None:
        return lambda vehicle: np.zeros((len(vehicle), len(vehicle)))
    where, weight = f"{scenario.source}: social", social.weight.sample
    if social.path is not None:
        return read_ties(scenario.base_dir / social.path, vehicle_id, scenario.seed, weight, where).among
    assert social.generator is not None
    parameters = social.generator.model_extra or {}
    return generated_ties(social.generator.kind, parameters, vehicle_id, scenario.seed, weight, where).among
