"""One leader as a Gymnasium environment, alone or in a batch of markets; policies play all the others.

Needs the extra `learn`. The action is the share from 0 to 1 of the way from cost to price_max, [1], or [I] with
individual prices; the reward is the leader's utility in the game's units. Infos hold the slot's `price` and `demand` of
everybody in the game's units: [J] or [I, J], and [I, J]. An episode is truncated after `rules.slots` slots.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from simmig.contracts import FloatArray
from simmig.env.adapters.table import Policy, Sights, Table, Turn
from simmig.env.market import Market, Rules
from simmig.env.observations import Sight
from simmig.env.sources import Source
from simmig.errors import AgentError, InputError

Seen = NDArray[np.float32]
Infos = dict[str, Any]

_LARGEST = float(np.finfo(np.float32).max)  # "any finite number": a Box without bounds cannot be sampled evenly


class EquilibriumPrices:
    """The policy of leaders that post the equilibrium's prices; solves the games once for every time they are drawn."""

    def __init__(self) -> None:
        self._game: Any = None
        self._share = torch.empty(0)

    def __call__(self, market: Market) -> Tensor:
        """Return shares [B, J] or [B, I, J]."""
        if market.game is not self._game:
            low, high = market.payoffs.cost, market.payoffs.price_max
            price = torch.tensor(market.game.solve().price, device=low.device)
            self._game, self._share = market.game, ((price - low) / (high - low)).nan_to_num(0.0).clamp(0.0, 1.0)
        return self._share


class _Seat:
    """A leader's place at a table."""

    def __init__(
        self,
        source: Source,
        rules: Rules | None,
        count: int,
        leader: int,
        rivals: Policy | None,
        followers: Policy | None,
        sight: Sight,
        seed: int,
    ) -> None:
        self.table = Table(source, rules, count, seed, acting="leaders", sights=Sights(sight))
        if not 0 <= leader < self.table.market.leaders:
            raise InputError(f"leader: {leader}: expected 0 to {self.table.market.leaders - 1}")
        self.leader = leader
        self._rivals, self._followers = rivals or EquilibriumPrices(), followers
        self.seen_space = Box(-_LARGEST, _LARGEST, (self.table.sizes["leaders"],), dtype=np.float32)
        self.action_space = Box(0.0, 1.0, (self.table.widths["leaders"],), dtype=np.float64)

    def begin(self, seed: int | None) -> Seen:
        """Start an episode; return what is seen, [B, F]."""
        return self._mine(self.table.begin(seed)["leaders"])

    def play(self, action: FloatArray) -> tuple[Seen, FloatArray, Turn]:
        """Play a slot with actions [B, A]; return what is seen at its end, rewards [B], and the slot."""
        market, width = self.table.market, self.table.widths["leaders"]
        mine = torch.as_tensor(np.asarray(action, dtype=np.float64))
        if mine.shape != (market.count, width):
            raise AgentError(
                f"leader_{self.leader}, slot {market.slot}: actions of shape {tuple(mine.shape)}, "
                f"expected {(market.count, width)}"
            )
        share = self._rivals(market).to(torch.float64)
        share = (share.transpose(1, 2) if share.ndim == 3 else share[..., None]).clone()
        share[:, self.leader] = mine
        self.table.post(share)
        turn = self.table.buy(None if self._followers is None else self._followers(market))
        return self._mine(turn.seen["leaders"]), turn.reward["leaders"][:, self.leader].numpy(), turn

    def _mine(self, seen: Tensor) -> Seen:
        mine: Seen = seen[:, self.leader].numpy()
        return mine


class LeaderEnv(gymnasium.Env[Seen, FloatArray]):
    """Be leader j of one market.

    `rivals` are the other leaders' shares, by default the equilibrium's prices; `followers` those of the followers, by
    default their best reply. A policy is any function of the market, such as a trained actor.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - declared so by gymnasium.Env

    def __init__(
        self,
        source: Source,
        rules: Rules | None = None,
        *,
        leader: int = 0,
        rivals: Policy | None = None,
        followers: Policy | None = None,
        sight: Sight = "own",
        seed: int = 0,
    ) -> None:
        self._seat = _Seat(source, rules, 1, leader, rivals, followers, sight, seed)
        self.observation_space = self._seat.seen_space
        self.action_space = self._seat.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, Infos]:
        """Start an episode, with a seed the first of a new series; `options` mean nothing here."""
        super().reset(seed=seed)
        return self._seat.begin(seed)[0], {}

    def step(self, action: FloatArray) -> tuple[Seen, float, bool, bool, Infos]:
        """Play a slot; raises AgentError for an action outside its space."""
        seen, reward, turn = self._seat.play(np.asarray(action)[None])
        played = turn.played
        infos = {"price": played.price[0].numpy(), "demand": played.demand[0].numpy()}
        return seen[0], float(reward[0]), False, played.is_over, infos


class LeaderVectorEnv(VectorEnv[Seen, FloatArray, NDArray[Any]]):
    """Be leader j of `count` markets side by side, as LeaderEnv: [B, ...].

    All episodes end together and the step that ends them returns the first observations of the next ones
    (AutoresetMode.SAME_STEP); the last ones of the old are `final_obs` in the infos.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - declared so by VectorEnv

    def __init__(
        self,
        source: Source,
        rules: Rules | None = None,
        *,
        count: int,
        leader: int = 0,
        rivals: Policy | None = None,
        followers: Policy | None = None,
        sight: Sight = "own",
        seed: int = 0,
    ) -> None:
        self._seat = _Seat(source, rules, count, leader, rivals, followers, sight, seed)
        self.num_envs = count
        self.single_observation_space, self.single_action_space = self._seat.seen_space, self._seat.action_space
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, Infos]:
        """Start all episodes, with one seed for them together; `options` mean nothing here."""
        super().reset(seed=seed)
        return self._seat.begin(seed), {}

    def step(self, actions: FloatArray) -> tuple[Seen, FloatArray, NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Play a slot of every market; raises AgentError for an action outside its space."""
        seen, reward, turn = self._seat.play(actions)
        everyone = np.ones(self.num_envs, dtype=np.bool_)
        played = turn.played
        infos: Infos = {"price": played.price.numpy(), "demand": played.demand.numpy()}
        if played.is_over:
            infos |= {"final_obs": seen, "final_info": dict(infos)}
            seen = self._seat.begin(None)
        infos |= {f"_{key}": everyone for key in infos}
        return seen, reward, ~everyone, np.full(self.num_envs, played.is_over), infos
