"""Rationed demand that torch can differentiate: one Newton step at the solution.

The step's slopes are constants and the misfit it removes is 0, so it moves nothing, and its gradient is that of the
solution (implicit function theorem).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from array_api_compat import array_namespace

from simmig.contracts import Array, FloatArray
from simmig.games._immersion.followers import Rows
from simmig.games._immersion.pairs import matching, plain
from simmig.games._immersion.rationing import Demand, market_of, ration, sold_out

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame


def rationed(game: ImmersionGame, rows: Rows, price: Array, bought: Array) -> Array:
    """Return the rationed demands, tensors [..., I, K], with exact gradients.

    `bought[..., I, K]` is what followers would buy without capacities: games where that fits keep it.
    """
    plain_rows, plain_price = Rows(*(plain(table) for table in rows)), plain(price)
    shadow_price = ration(game, plain_rows, plain_price, plain(bought))[1]
    market = market_of(game, plain_rows, plain_price)
    flat = shadow_price.reshape(len(market.capacity), -1)
    at = market.demand(flat)
    is_full = flat > 0.0
    either = is_full[:, :, None] & is_full[:, None, :]
    slopes = np.where(either, -market.jacobian(at), np.eye(flat.shape[1]))
    batch = tuple(game.capacity.shape[:-1])
    stepped = _step(game, rows, price, shadow_price, slopes.reshape(*batch, *slopes.shape[1:]), _batched(at, batch))
    is_over = np.asarray(sold_out(game, bought).any(axis=-1))[..., None, None]
    return array_namespace(price).where(matching(np.asarray(is_over), price), stepped, bought)


def _batched(at: Demand, batch: tuple[int, ...]) -> Demand:
    return Demand._make(table.reshape(*batch, *table.shape[1:]) for table in at)


def _step(
    game: ImmersionGame, rows: Rows, price: Array, shadow_price: FloatArray, slopes: FloatArray, at: Demand
) -> Array:
    """Return demands after one Newton step on the binding budgets' levels and the full leaders' shadow prices."""
    xp = array_namespace(price)
    level, binds, paid, falls, rises = (
        matching(table, price) for table in (at.level, at.binds, at.paid, at.falls, at.rises)
    )
    posted, leaders = matching(plain(price), price), matching(np.asarray(game.pairs.leaders()), price)
    is_full = matching(shadow_price > 0.0, price)

    def slots(table: Array) -> Array:
        wide = xp.broadcast_to(table[..., None, :], (*leaders.shape[:-1], table.shape[-1]))
        return xp.take_along_axis(wide, leaders, axis=-1)

    level = xp.where(binds, level, rows.delta)[..., None]
    total = price + level * slots(matching(shadow_price, price)) / rows.delta[..., None]
    bought = xp.where(matching(at.bought > 0.0, price), level * rows.score / total - 1.0 / rows.efficiency, 0.0)
    budget = xp.where(binds, rows.budget, 0.0)
    over_budget = xp.where(binds, xp.sum(price * bought, axis=-1) - budget, 0.0) / paid
    settled = bought - rises * over_budget[..., None]
    capacity = xp.where(is_full, matching(game.capacity, price), 0.0)
    over = xp.where(is_full, xp.sum(game.pairs.scatter(settled, 0.0), axis=-2) - capacity, 0.0)
    dearer = slots(xp.linalg.solve(matching(slopes, price), over[..., None])[..., 0])
    freed = xp.where(binds, xp.sum(posted * falls * dearer, axis=-1) / paid, 0.0)
    return settled + rises * freed[..., None] - falls * dearer
