"""The gradient of the followers' response: one Newton step at the solution, in the caller's array library."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from array_api_compat import array_namespace

from simmig.contracts import Array, FloatArray
from simmig.games._embodied.check import room

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame

_BINDS = 1e-7  # relative slack below which a deadline counts as binding


def linked(game: EmbodiedGame, price: Array, demand: FloatArray, shadow_price: FloatArray) -> Array:
    """Return `demand` as an array of the kind of the prices or parameters, carrying the gradient by both.

    With F(b, mu, s; prices, parameters) = 0 the conditions that bind, b - K^-1 F has the value b and, with
    K = dF/d(b, mu, s) a constant, the derivative of the implicit function. Zero purchases stay zero.
    """
    tensor = game.delta if hasattr(game.delta, "detach") else price
    xp = array_namespace(tensor)
    posted = price if hasattr(price, "detach") else xp.asarray(price)
    step = _Conditions(game, posted, demand, shadow_price)
    flat = xp.asarray(np.nan_to_num(demand.reshape(*game.batch, -1)))
    moved = flat - step.correction()
    is_kept = xp.asarray((demand > 0.0).reshape(*game.batch, -1))
    return xp.reshape(xp.where(is_kept, moved, flat), demand.shape)


def _torch() -> Array:
    """Return torch, which whoever gave a tensor has imported."""
    return import_module("torch")


class _Conditions:
    """Which purchases, deadlines and capacities bind, and the conditions F that hold there."""

    def __init__(self, game: EmbodiedGame, price: Array, demand: FloatArray, shadow_price: FloatArray) -> None:
        self.game, self.price = game, price
        self.demand = np.nan_to_num(demand)
        self.shadow_price = np.nan_to_num(shadow_price)
        plain = game.plain
        now = np.asarray(price.detach().cpu().numpy() if hasattr(price, "detach") else price, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            late_s = plain.expected_delay_s(now, self.demand)
            self.is_late = np.isfinite(plain.deadline_s) & (late_s >= plain.deadline_s * (1.0 - _BINDS))
        self.is_full = self.shadow_price > 0.0
        self.is_bought = self.demand > 0.0
        self.multiplier = self._multiplier(plain, now)

    def correction(self) -> Array:
        """Return K^-1 F for the purchases, [..., I * J]."""
        torch = _torch()
        followers, leaders = self.demand.shape[-2:]
        unknowns = [torch.as_tensor(x) for x in (self.demand, self.multiplier, self.shadow_price)]
        sizes = followers * leaders, followers, leaders
        batch = self.game.batch
        point = torch.cat([x.reshape(*batch, -1) for x in unknowns], dim=-1)
        force = self._forces(self.game, self.price, point, sizes)
        frozen = self.game.plain
        price = self.price.detach() if hasattr(self.price, "detach") else torch.as_tensor(self.price)

        def total(x: Array) -> Array:  # games of a batch do not touch one another: their Jacobians come as one
            return self._forces(frozen, price, x, sizes).reshape(-1, sum(sizes)).sum(dim=0)

        jacobian = torch.autograd.functional.jacobian(total, point)
        jacobian = jacobian.reshape(sum(sizes), -1, sum(sizes)).transpose(0, 1).reshape(*batch, sum(sizes), sum(sizes))
        return torch.linalg.solve(jacobian, force)[..., : sizes[0]]

    def _forces(self, game: EmbodiedGame, price: Array, point: Array, sizes: tuple[int, int, int]) -> Array:
        """Return F at unknowns [..., I J + I + J]: marginal worth, time and sales; what does not bind is itself."""
        torch = _torch()
        followers, leaders = sizes[1], sizes[2]
        batch = point.shape[:-1]
        bought = point[..., : sizes[0]].reshape(*batch, followers, leaders)
        multiplier, shadow = point[..., sizes[0] : sizes[0] + followers], point[..., sizes[0] + followers :]

        def of(name: str) -> Array:
            value = getattr(game, name)
            return value if hasattr(value, "detach") else torch.as_tensor(np.array(value))

        posted, eligible = price[..., None, :], of("eligible")
        pull = torch.where(eligible, of("quality") / posted, torch.zeros(()).double())
        gain = of("ties") @ bought + bought @ of("complement")
        worth = of("delta")[..., None] * torch.ones_like(bought)
        if game.effects == "multiplicative":
            worth, gain = worth * (1.0 + gain), 0.0
        else:
            gain = gain + ((bought * pull) @ of("complement")) / torch.where(eligible, pull, torch.ones(()).double())
        safe = torch.where(torch.as_tensor(self.is_bought), bought, torch.ones(()).double())
        time = of("work_s") / safe
        marginal = worth / (safe + room(of("delay_cost"))[..., None]) + gain - posted - shadow[..., None, :]
        marginal = marginal + multiplier[..., None] * time / safe
        theta = pull / pull.sum(dim=-1, keepdim=True).clamp_min(1e-300)
        is_on = torch.as_tensor(self.is_bought)
        late = torch.where(is_on, theta * (time + of("delay_s")), torch.zeros(()).double()).sum(dim=-1)
        late = torch.where(torch.as_tensor(self.is_late), late - of("deadline_s"), multiplier - multiplier.detach())
        capacity = torch.where(torch.as_tensor(self.is_full), of("capacity"), torch.zeros(()).double())
        full = torch.where(torch.as_tensor(self.is_full), bought.sum(dim=-2) - capacity, shadow - shadow.detach())
        stays = bought - bought.detach()
        flat = torch.where(is_on, marginal, stays).reshape(*batch, -1)
        return torch.cat([flat, late, full], dim=-1)

    def _multiplier(self, plain: EmbodiedGame, price: FloatArray) -> FloatArray:
        """Return the multipliers of the deadlines [..., I] from the pairs' own conditions."""
        bought = np.where(self.is_bought, self.demand, 1.0)
        pull = np.where(plain.eligible, plain.quality / price[..., None, :], 1.0)
        gain = np.einsum("...ik,...kj->...ij", plain.ties, self.demand)
        gain = gain + np.einsum("...ij,...jk->...ik", self.demand, plain.complement)
        worth = plain.delta[..., None] * np.ones_like(bought)
        if plain.effects == "multiplicative":
            worth, gain = worth * (1.0 + gain), np.zeros_like(gain)
        else:
            gain = gain + np.einsum("...ij,...jk->...ik", self.demand * pull, plain.complement) / pull
        missing = price[..., None, :] + self.shadow_price[..., None, :] - gain
        missing = missing - worth / (bought + room(plain.delay_cost)[..., None])
        each = np.where(self.is_bought, missing * bought**2 / plain.work_s, 0.0)
        count = np.maximum(self.is_bought.sum(axis=-1), 1)
        return np.where(self.is_late, each.sum(axis=-1) / count, 0.0)
