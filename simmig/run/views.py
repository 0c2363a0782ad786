"""What the players of a round get to see: each view cut to what its agent declares, every array read-only."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Array, FloatArray, FollowerView, Game, GameInputs, Information, LeaderView, PricingGame
from simmig.rng import Draws
from simmig.units import ns_to_s

if TYPE_CHECKING:
    from simmig.engine.rounds import Round


def leader_view(
    round_: Round, group: np.ndarray, rsu_id: tuple[str, ...], information: Information, seed: int
) -> LeaderView:
    """Return what the RSUs in the columns `group` of the round see; rsu_id names all RSUs of the run."""
    inputs, published, rsu = round_.inputs, round_.published, round_.rsu[group]
    names = tuple(rsu_id[j] for j in rsu)
    is_public = information != "own"
    return LeaderView(
        round=round_.index,
        time_s=ns_to_s(round_.time_ns),
        rsu=names,
        cost=_shown(inputs.cost[group]),
        price_max=_shown(inputs.price_max[group]),
        eligible_count=_shown(inputs.eligible[:, group].sum(axis=0)),
        followers=len(inputs.size_bit),
        has_individual_prices=round_.game.individual_prices,
        last_price=_shown(published.price[rsu]),
        last_demand=_shown(published.demand[rsu]),
        last_utility=_shown(published.utility[rsu]),
        draws=Draws(seed, "leader", names[0] if len(names) == 1 else "*", round_.index),
        market_price=_shown(published.price.copy()) if is_public else None,
        market_demand=_shown(published.demand.copy()) if is_public else None,
        game=round_.game if information == "full" else None,
    )


def follower_view(
    round_: Round,
    group: np.ndarray,
    price: FloatArray,
    vehicle_id: tuple[str, ...],
    information: Information,
    seed: int,
    game: Game,
) -> FollowerView:
    """Return what the followers in the rows `group` of the round see at the posted prices, [J] or [I, J]."""
    inputs = round_.inputs
    members = [round_.migrations[i] for i in group]
    names = tuple(vehicle_id[m.vehicle] for m in members)
    return FollowerView(
        round=round_.index,
        time_s=ns_to_s(round_.time_ns),
        vehicle=names,
        preferences={name: _shown(values[group]) for name, values in inputs.preferences.items()},
        size_bit=_shown(inputs.size_bit[group]),
        deadline_s=_shown(inputs.deadline_s[group]),
        efficiency_bit_s_hz=_shown(inputs.efficiency_bit_s_hz[group]),
        delay_s=_shown(inputs.delay_s[group]),
        price=price if price.ndim == 1 else _shown(price[group]),
        eligible=_shown(inputs.eligible[group]),
        bandwidth_unit_hz=round_.game.bandwidth_unit_hz,
        offers=dict(inputs.offers),
        alone=partial(lone_game, game, inputs, group, price),
        draws=Draws(seed, "follower", names[0] if len(names) == 1 else "*", members[0].attempt),
        market_demand=_shown(round_.published.demand[round_.rsu]) if information != "own" else None,
        game=round_.game if information == "full" else None,
    )


def lone_game(game: Game, inputs: GameInputs, rows: np.ndarray, price: FloatArray) -> PricingGame:
    """Return the game of these followers without the others, at the posted prices: what leaders know stays theirs."""
    posted = np.atleast_2d(price if price.ndim == 1 else price[rows])
    return game.build(
        replace(
            inputs,
            preferences={name: values[rows] for name, values in inputs.preferences.items()},
            ties=np.zeros((len(rows), len(rows))),
            size_bit=inputs.size_bit[rows],
            efficiency_bit_s_hz=inputs.efficiency_bit_s_hz[rows],
            delay_s=inputs.delay_s[rows],
            deadline_s=inputs.deadline_s[rows],
            cost=posted.min(axis=0),
            price_max=posted.max(axis=0),
            capacity_hz=np.full(len(inputs.cost), np.inf),
            eligible=inputs.eligible[rows],
        )
    )


def _shown(values: Array) -> Array:
    """Return the array, read-only: what an agent does to it must not reach the round, nor be lost without a word."""
    values.flags.writeable = False
    return values
