"""One market as a PettingZoo environment: a slot as one step of all players, or turn by turn, leaders first.

Needs the extra `learn`. Agents are "leader_0" to "leader_J-1" and, with `acting="both"`, "follower_0" to
"follower_I-1"; with "leaders", followers give their best reply. Actions are shares from 0 to 1: a leader's of the way
from cost to price_max, [1], or [I] with individual prices; a follower's of the most that may be asked for, [J]. Rewards
are utilities in the game's units. An episode is truncated after `rules.slots` slots; nothing ever terminates it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from torch import Tensor

from simmig.contracts import FloatArray
from simmig.env.adapters.table import Acting, Side, Sights, Table, Turn, what_happened
from simmig.env.market import Rules
from simmig.env.sources import Source
from simmig.errors import AgentError, RunError

Seen = NDArray[np.float32]
Infos = dict[str, dict[str, Any]]

_LARGEST = float(np.finfo(np.float32).max)  # "any finite number": a Box without bounds cannot be sampled evenly


class _Players:
    """The table of one market, with everything by the name of a player."""

    def __init__(self, source: Source, rules: Rules | None, seed: int, acting: Acting, sights: Sights | None) -> None:
        self.table = table = Table(source, rules, 1, seed, acting=acting, sights=sights)
        self.names = [name for side in table.sides for name in table.names[side]]
        self.seen_spaces = {
            name: Box(-_LARGEST, _LARGEST, (table.sizes[side],), dtype=np.float32)
            for side in table.sides
            for name in table.names[side]
        }
        self.action_spaces = {
            name: Box(0.0, 1.0, (table.widths[side],), dtype=np.float64)
            for side in table.sides
            for name in table.names[side]
        }

    def shares(self, side: Side, actions: Mapping[str, Any]) -> Tensor:
        """Return the shares of a side, [1, N, A]; raises AgentError for a missing action and one of another shape."""
        given, width = [], self.table.widths[side]
        for name in self.table.names[side]:
            action = np.asarray(actions.get(name, ()), dtype=np.float64)
            if action.shape != (width,):
                found = f"action of shape {action.shape}" if name in actions else "no action"
                raise AgentError(
                    f"{name}, slot {self.table.market.slot}: {found}, expected {width} numbers from 0 to 1"
                )
            given.append(action)
        return torch.from_numpy(np.stack(given))[None]

    def by_name(self, parts: Mapping[Side, Iterable[Any]]) -> dict[str, Any]:
        """Return what belongs to each player, by its name."""
        return {
            name: part
            for side in self.table.sides
            for name, part in zip(self.table.names[side], parts[side], strict=True)
        }

    def observations(self, seen: Mapping[Side, Tensor]) -> dict[str, Seen]:
        """Return what each player sees."""
        return self.by_name({side: seen[side][0].numpy() for side in self.table.sides})

    def outcome(self, turn: Turn) -> tuple[dict[str, float], Infos]:
        """Return rewards and infos."""
        rewards = self.by_name({side: turn.reward[side][0].tolist() for side in self.table.sides})
        return rewards, self.by_name({side: what_happened(turn.played, side) for side in self.table.sides})


class MarketParallelEnv(ParallelEnv[str, Seen, FloatArray]):
    """A slot is a step: everybody acts at once, so followers see the prices of the slot before.

    `sights` says what players see, as flat float32 vectors, see simmig.env.observations. Infos of a step hold each
    player's `price` and `demand` of the slot in the game's units.
    """

    metadata = {"name": "simmig_market_v0", "render_modes": []}  # noqa: RUF012 - declared so by ParallelEnv
    render_mode = None

    def __init__(
        self,
        source: Source,
        rules: Rules | None = None,
        *,
        acting: Acting = "leaders",
        sights: Sights | None = None,
        seed: int = 0,
    ) -> None:
        self._players = _Players(source, rules, seed, acting, sights)
        self.possible_agents = list(self._players.names)
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Box[np.float32]:
        """Return the space of this agent's observations, always the same object."""
        return self._players.seen_spaces[agent]

    def action_space(self, agent: str) -> Box[np.float64]:
        """Return the space of this agent's actions, always the same object."""
        return self._players.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Seen], Infos]:
        """Start an episode, with a seed the first of a new series; `options` mean nothing here."""
        seen = self._players.table.begin(seed)
        self.agents = list(self.possible_agents)
        return self._players.observations(seen), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Seen], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play a slot; raises AgentError for an action that is missing or outside its space."""
        if not self.agents:
            raise RunError("no episode is under way; call reset() first")
        table = self._players.table
        shares = {side: self._players.shares(side, actions) for side in table.sides}
        table.post(shares["leaders"])
        turn = table.buy(shares.get("followers"))
        rewards, infos = self._players.outcome(turn)
        over, never = (dict.fromkeys(self.agents, is_so) for is_so in (turn.played.is_over, False))
        if turn.played.is_over:
            self.agents = []
        return self._players.observations(turn.seen), rewards, never, over, infos


class MarketAECEnv(AECEnv[str, Seen, FloatArray | None]):
    """The same market in the order of a Stackelberg game: leaders act, unseen by each other, then followers.

    Followers see the posted prices. Rewards and infos of a slot come when its last player has acted.
    """

    metadata = {"name": "simmig_market_v0", "render_modes": [], "is_parallelizable": False}  # noqa: RUF012 - as above
    render_mode = None

    def __init__(
        self,
        source: Source,
        rules: Rules | None = None,
        *,
        acting: Acting = "both",
        sights: Sights | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._players = _Players(source, rules, seed, acting, sights)
        self.possible_agents = list(self._players.names)
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Box[np.float32]:
        """Return the space of this agent's observations, always the same object."""
        return self._players.seen_spaces[agent]

    def action_space(self, agent: str) -> Box[np.float64]:
        """Return the space of this agent's actions, always the same object."""
        return self._players.action_spaces[agent]

    def observe(self, agent: str) -> Seen:
        """Return what the agent sees now."""
        return self._seen[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode, with a seed the first of a new series; `options` mean nothing here."""
        self._seen = self._players.observations(self._players.table.begin(seed))
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: Infos = {agent: {} for agent in self.agents}
        self._given: dict[str, Any] = {}
        self.agent_selection = self.agents[0]

    def step(self, action: FloatArray | None) -> None:
        """Take the action of `agent_selection`, None once it is truncated; AgentError for one outside its space."""
        if not self.agents:
            raise RunError("no episode is under way; call reset() first")
        agent = self.agent_selection
        if self.truncations[agent]:
            self._was_dead_step(action)
            return
        table = self._players.table
        self._given[agent] = action
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        is_last = len(self._given) == len(self.agents)
        if len(self._given) == len(table.names["leaders"]):
            self._post()
        if is_last:
            self._close()
        self.agent_selection = self.agents[0 if is_last else len(self._given)]
        self._accumulate_rewards()

    def _post(self) -> None:
        table = self._players.table
        table.post(self._players.shares("leaders", self._given))
        if "followers" in table.sides:
            seen = table.seen_by("followers", table.market)[0].numpy()
            self._seen.update(zip(table.names["followers"], seen, strict=True))

    def _close(self) -> None:
        table = self._players.table
        turn = table.buy(self._players.shares("followers", self._given) if "followers" in table.sides else None)
        self.rewards, self.infos = self._players.outcome(turn)
        self._seen = self._players.observations(turn.seen)
        self.truncations = dict.fromkeys(self.agents, turn.played.is_over)
        self._given = {}
