"""The followers' stage of social games at posted prices, capacities and all, as arrays of the games' shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import FloatArray
from simmig.games._social.capacity import ration
from simmig.games._social.coupling import sums
from simmig.games._social.followers import Reply, respond

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_ROUNDING = 1e-13  # relative, by which sales may seem to be above a capacity


def stage(game: SocialGame, price: FloatArray) -> tuple[Reply, FloatArray]:
    """Return the followers' equilibrium, pair by pair, and the shadow prices [B J], at prices of the games' shape.

    Raises NoEquilibrium that names follower and game where deadlines cannot be met and must not be dropped.
    """
    pairs, posted, capacity = game.market.pairs, price.reshape(-1), game.capacity.reshape(-1)
    reply = respond(game.market, posted[pairs.leader], pairs.theta(posted))
    shadow_price = np.zeros_like(posted)
    is_over = sums(pairs.leader, reply.demand, len(posted)) > capacity * (1.0 + _ROUNDING)
    if bool(is_over.any()):
        games = np.flatnonzero(is_over.reshape(-1, game.market.leaders).any(axis=1))
        return ration(game.rationed, games, posted, reply, game.cost.shape[:-1])
    return reply, shadow_price


def dense(game: SocialGame, value: FloatArray) -> FloatArray:
    """Return numbers [n] of the pairs as an array [..., I, J]: 0 for other pairs, NaN for refused games."""
    pairs, leaders = game.market.pairs, game.market.leaders
    full = np.zeros(game.eligible.shape)
    full.reshape(-1, max(leaders, 1))[pairs.follower, pairs.leader % max(leaders, 1)] = value
    for place in game.refused:
        full[place] = np.nan
    return full


def responded(game: SocialGame, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what the followers buy, [..., I, J], and the shadow prices, [..., J]; NaN for refused games."""
    reply, shadow_price = stage(game, price)
    full = shadow_price.reshape(game.cost.shape)
    for place in game.refused:
        full[place] = np.nan
    return dense(game, reply.demand), full
