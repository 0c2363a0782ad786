"""What the scenario says of each vehicle: its draws, keyed by the vehicle's name."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np

from simmig.rng import Draws
from simmig.scenario import Scenario
from simmig.scenario.draws import Draw
from simmig.world.model import Vehicles


def draw_vehicles(scenario: Scenario, vehicle_id: Sequence[str], fleet: Sequence[int]) -> Vehicles:
    """Return the vehicles' twins, deadlines, preferences and users; fleet[V] says whose settings count.

    A draw is named by setting and vehicle, so it is the same whatever other vehicles there are. A preference that
    only some fleets give is NaN for the others; the market refuses those.
    """
    seed, fleets = scenario.seed, scenario.fleet

    def sample(draw: Draw, name: str, setting: str, copy: int = 0) -> float:
        return draw.sample(Draws(seed, setting, name, copy))

    pairs = list(zip(vehicle_id, (fleets[k] for k in fleet), strict=True))
    twins = [(name, of.twin) for name, of in pairs]
    preferences = sorted({key for of in fleets for key in of.preferences})
    return Vehicles(
        fleets=tuple((of.name, of.kind) for of in fleets),
        fleet=np.array(fleet, dtype=np.int64),
        size_bit=array(
            "d",
            (
                math.fsum(sample(twin.size_bit, name, "twin.size_bit", k) for k in range(twin.count))
                for name, twin in twins
            ),
        ),
        cycles=array(
            "d",
            (math.fsum(sample(twin.cycles, name, "twin.cycles", k) for k in range(twin.count)) for name, twin in twins),
        ),
        deadline_s=array(
            "d",
            (
                math.inf if twin.deadline_s is None else sample(twin.deadline_s, name, "twin.deadline_s")
                for name, twin in twins
            ),
        ),
        preferences={
            key: np.array(
                [
                    sample(of.preferences[key], name, f"preferences.{key}") if key in of.preferences else math.nan
                    for name, of in pairs
                ]
            )
            for key in preferences
        },
        mu=np.array([sample(of.immersion.mu, name, "immersion.mu") for name, of in pairs]),
        ssim_threshold=np.array(
            [sample(of.immersion.ssim_threshold, name, "immersion.ssim_threshold") for name, of in pairs]
        ),
    )
