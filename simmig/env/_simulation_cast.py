"""Who learns in the simulation: agents' names for RSUs and vehicles, and what a round brought each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simmig.contracts import FloatArray
from simmig.engine.simulation import Decision, PriceDecision
from simmig.env._simulation_action import members
from simmig.env._simulation_episode import Played
from simmig.errors import InputError
from simmig.plugins.wording import did_you_mean, show
from simmig.world import World

Side = Literal["leaders", "followers", "both"]


@dataclass(frozen=True, slots=True)
class Cast:
    """The learners: agent of each learning RSU and vehicle by its index; `names` has the scenario's own names."""

    leaders: dict[int, str]
    followers: dict[int, str]
    names: dict[str, str]

    @classmethod
    def of(cls, learners: Side | Sequence[str], world: World) -> Cast:
        """Return the cast of a side, or of the agents named; raises InputError for an agent that there is not."""
        leaders = {j: f"rsu_{j}" for j in range(world.rsus.sites.count)}
        followers = {i: f"vehicle_{i}" for i in range(world.trace.vehicle_count)}
        every = (*leaders.values(), *followers.values())
        sides = {"leaders": tuple(leaders.values()), "followers": tuple(followers.values()), "both": every}
        chosen = sides.get(learners, (learners,)) if isinstance(learners, str) else tuple(learners)
        known, learning = frozenset(every), frozenset(chosen)
        for agent in chosen:
            if agent not in known:
                raise InputError(
                    f"learners: {show(agent)}: expected leaders, followers, both, or agents from rsu_0 to "
                    f"{leaders[len(leaders) - 1]} and vehicle_0 to {followers[len(followers) - 1]}"
                    f"{did_you_mean(agent, (*sides, *every))}"
                )
        if not chosen:
            raise InputError("learners: none, expected at least one agent")
        leaders = {j: agent for j, agent in leaders.items() if agent in learning}
        followers = {i: agent for i, agent in followers.items() if agent in learning}
        rsu_id, vehicle_id = world.rsus.sites.rsu_id, world.trace.vehicle_id
        names = {agent: rsu_id[j] for j, agent in leaders.items()}
        return cls(leaders, followers, names | {agent: vehicle_id[i] for i, agent in followers.items()})

    @property
    def agents(self) -> tuple[str, ...]:
        """All learners, RSUs first."""
        return tuple(self.names)

    def asked(self, decision: Decision | None) -> dict[int, str]:
        """Return the learners that this decision asks, by their index."""
        if decision is None:
            return {}
        side = self.leaders if isinstance(decision, PriceDecision) else self.followers
        return {index: side[index] for index in members(decision) if index in side}

    def outcomes(self, played: Played | None, rsus: int) -> dict[str, dict[str, Any]]:
        """Return `price`, `demand` and `utility` of every learner in the round; a vehicle's are over all RSUs, [J]."""
        if played is None:
            return {}
        round_ = played.round
        found: dict[str, dict[str, Any]] = {}
        posted, sold = played.posted, played.demand.sum(axis=0)
        for k, j in enumerate(round_.rsu.tolist()):
            if j in self.leaders:
                own = (posted[k], sold[k], played.leader_utility[k])
                found[self.leaders[j]] = dict(zip(("price", "demand", "utility"), map(float, own), strict=True))
        price = np.broadcast_to(played.price, played.demand.shape)
        for i, migration in enumerate(round_.migrations):
            if migration.vehicle in self.followers:
                found[self.followers[migration.vehicle]] = {
                    "price": _spread(price[i], round_.rsu, rsus),
                    "demand": _spread(played.demand[i], round_.rsu, rsus),
                    "utility": float(played.follower_utility[i]),
                }
        return found


def _spread(values: FloatArray, at: np.ndarray, count: int) -> FloatArray:
    spread = np.zeros(count)
    spread[at] = values
    return spread
