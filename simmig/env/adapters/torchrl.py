"""Markets side by side as a TorchRL environment, from which BenchMARL's tasks are made.

Needs the extra `torchrl`. Where leaders act, their group is "agents", as in VMAS; where both sides act, there are the
groups "leaders" and "followers", which see and do things of different size. A group has `observation` [B, N, F],
`action` [B, N, A], shares from 0 to 1 as in simmig.env.adapters.pettingzoo, and `reward` [B, N, 1], utilities in the
game's units. Beside the groups stand `price` and `demand` of the last slot, in the game's units.
"""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase

from simmig.env.adapters.table import Acting, Side, Sights, Table
from simmig.env.market import Rules
from simmig.env.sources import Source
from simmig.errors import InputError


class MarketEnv(EnvBase):  # type: ignore[misc]  # torchrl is not there for every type check
    """All markets are stepped, truncated after `rules.slots` slots, and reset together; everybody acts at once.

    `group_map` has the players of every group by name. With `acting="leaders"`, followers give their best reply.
    """

    def __init__(
        self,
        source: Source,
        rules: Rules | None = None,
        *,
        count: int,
        acting: Acting = "leaders",
        sights: Sights | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(device="cpu", batch_size=torch.Size([count]))
        self._table = table = Table(source, rules, count, seed, acting=acting, sights=sights)
        groups = {"leaders": "agents"} if acting == "leaders" else {side: side for side in table.sides}
        self._groups: dict[Side, str] = {side: groups[side] for side in table.sides}
        self.group_map = {group: table.names[side] for side, group in self._groups.items()}
        self._specify()

    def _specify(self) -> None:
        table, market = self._table, self._table.market
        count = market.count
        tables = {"price": market.payoffs.cost.shape, "demand": market.payoffs.eligible.shape}
        seen: dict[str, Any] = {key: Unbounded(shape, dtype=torch.float64) for key, shape in tables.items()}
        actions, rewards = {}, {}
        for side, group in self._groups.items():
            size = (count, table.counts[side])
            seen[group] = Composite({"observation": Unbounded((*size, table.sizes[side]))}, shape=size)
            actions[group] = Composite({"action": Bounded(0.0, 1.0, (*size, table.widths[side]))}, shape=size)
            rewards[group] = Composite({"reward": Unbounded((*size, 1))}, shape=size)
        self.observation_spec = Composite(seen, shape=(count,))
        self.full_action_spec = Composite(actions, shape=(count,))
        self.full_reward_spec = Composite(rewards, shape=(count,))
        flag = {key: Categorical(2, (count, 1), dtype=torch.bool) for key in ("done", "terminated", "truncated")}
        self.full_done_spec = Composite(flag, shape=(count,))

    def _reset(self, tensordict: TensorDictBase | None = None, **options: object) -> TensorDictBase:
        which = None if tensordict is None else tensordict.get("_reset", None)
        if which is not None and not bool(which.all()):
            raise InputError("_reset: some markets only; expected all of them, because their episodes end together")
        seen = self._table.begin()
        market = self._table.market
        price, demand = market.price_at(market.past_price[:, -1]), market.past_demand[:, -1] * market.demand_max
        return self._dict(seen, price, demand, is_over=False)

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        table = self._table
        shares = {side: tensordict[group, "action"] for side, group in self._groups.items()}
        table.post(shares["leaders"])
        turn = table.buy(shares.get("followers"))
        after = self._dict(turn.seen, turn.played.price, turn.played.demand, is_over=turn.played.is_over)
        for side, group in self._groups.items():
            after[group, "reward"] = turn.reward[side][..., None].float()
        return after

    def _dict(self, seen: dict[Side, Tensor], price: Tensor, demand: Tensor, *, is_over: bool) -> TensorDictBase:
        count = self._table.market.count
        over, never = torch.full((count, 1), is_over), torch.zeros((count, 1), dtype=torch.bool)
        made: dict[str, Any] = {"price": price, "demand": demand}
        made |= {"done": over, "terminated": never, "truncated": over.clone()}
        for side, group in self._groups.items():
            made[group] = TensorDict({"observation": seen[side]}, batch_size=(count, self._table.counts[side]))
        return TensorDict(made, batch_size=(count,))

    def _set_seed(self, seed: int | None) -> None:
        self._table.reseed(0 if seed is None else seed)
