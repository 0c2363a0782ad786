"""One player of the simulation as a Gymnasium environment; the scenario's own agents play all the others."""

from __future__ import annotations

import os
from typing import Any

import gymnasium

from simmig.contracts import FloatArray
from simmig.env._simulation_observation import Observation, Shown
from simmig.env.simulation import SimulationEnv
from simmig.scenario import Scenario


class SinglePlayerEnv(gymnasium.Env[Observation, FloatArray]):
    """Be one RSU or one vehicle: a step is a round in which it takes part, with its price or its demands.

    `player` is its name in SimulationEnv ("rsu_0", "vehicle_3"), whose observations, actions, rewards and infos it
    gets. The episode ends with the run; `simulation` has its log and figures of merit.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - declared so by gymnasium.Env

    def __init__(
        self,
        scenario: Scenario | str | os.PathLike[str],
        player: str = "rsu_0",
        *,
        information: Shown = "own",
        demand_max_hz: float | None = None,
    ) -> None:
        """Read the scenario and its traces; raises InputError for wrong input."""
        self.simulation = SimulationEnv(scenario, (player,), information=information, demand_max_hz=demand_max_hz)
        self.player = player
        self.observation_space = self.simulation.observation_space(player)
        self.action_space = self.simulation.action_space(player)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start a run up to the player's first decision, as SimulationEnv.reset."""
        super().reset(seed=seed)
        observations, infos = self.simulation.reset(seed=seed)
        return observations[self.player], infos[self.player]

    def step(self, action: FloatArray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Answer with this action and go on to the player's next decision; the reward is its utility of the round."""
        me = self.player
        observations, rewards, terminations, truncations, infos = self.simulation.step({me: action})
        return observations[me], rewards[me], terminations[me], truncations[me], infos[me]

    def close(self) -> None:
        """Give up a run that is under way."""
        self.simulation.close()
