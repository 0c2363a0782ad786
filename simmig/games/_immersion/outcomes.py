"""The outcomes of an immersion game: Stackelberg equilibrium, social optimum, monopoly, simultaneous moves.

Leaders that compete have no equilibrium in pure prices where a full leader shares a follower whose budget binds with
another: if the other asks more, the follower's money has nowhere to go, if it asks less, the money comes from the full
one, which has bandwidth again. The other's profit has a kink there that points down, so it will not stay (as in
Edgeworth's duopoly). Such games are solved as if shares of full leaders were given, and reported as not converged.
A leader that is full at its caps is no trouble: it cannot ask more, so what it rations is anticipated
(`anticipation.py`), unless another would rather undercut it, or fill up a third (`_immersion/leaving.py`). What looks
like an equilibrium then is tried once more by the climbs of the certificate.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, Equilibrium, FloatArray, IntArray
from simmig.games._immersion.capacity import compete, own_all
from simmig.games._immersion.capped import near_gains
from simmig.games._immersion.leaving import someone_leaves
from simmig.games._immersion.uniform import price_cap, uniform_equilibrium, uniform_monopoly

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

_FULL = 1.0 - 1e-9  # of a capacity
_ROUNDING = 1e-9  # of a price
_SHORT = 1.0 + 1e-9  # what a unit of money is worth to a follower that has too little
_CLIMBS, _NO_MONEY = 1e-10, 1e-15  # of the profit, and of money: a tenth of what a certificate may leave
_EARNS_MORE = 1e-9  # of the profit: less is rounding


def stackelberg(game: ImmersionGame) -> Equilibrium:
    """Return the equilibrium of leaders who anticipate what followers buy."""
    found = _competing(game)
    if bool(np.isinf(game.capacity).all()):
        return found
    found = replace(found, converged=np.asarray(found.converged & ~_is_exposed(game, found)))
    found = replace(found, converged=np.asarray(found.converged & ~someone_leaves(game, found)))
    return replace(found, converged=np.asarray(found.converged & ~_someone_climbs(game, found)))


def _someone_climbs(game: ImmersionGame, found: Equilibrium) -> BoolArray:
    """Return the games, [...], in which a leader gains by several prices at once, though by none of them alone.

    Only what a leader at its caps rations ties one follower's price to another's in a way the solver simplifies: where
    a further leader is about to enter, its prices may be off by a millionth.
    """
    climbs = np.zeros(found.converged.shape, np.bool_)
    if not game.individual_prices:
        return climbs
    is_rationed = (found.shadow_price > _ROUNDING * game.cost).any(axis=-1)
    for place in (tuple(map(int, where)) for where in np.argwhere(found.converged & is_rationed)):
        gains = near_gains(game, place, found.price[place])
        climbs[place] = bool((gains > _CLIMBS * np.abs(found.leader_utility[place]) + _NO_MONEY).any())
    return climbs


def monopoly(game: ImmersionGame) -> Equilibrium:
    """Return what one owner of all leaders asks.

    With capacities the owner's search is not sure to find the best, so what rivals ask, and the caps, are tried too.
    """
    found = _answered(game, *(own_all(game) if game.individual_prices else uniform_monopoly(game)))
    if bool(np.isinf(game.capacity).all()):
        return found
    for other in (_competing(game), simultaneous(game)):
        wins = other.leader_utility.sum(axis=-1) > found.leader_utility.sum(axis=-1) * (1.0 + _EARNS_MORE)
        whose = wins.reshape(*wins.shape, *[1] * (found.price.ndim - wins.ndim))
        prices = np.where(whose, other.price, found.price)
        found = _answered(game, prices, found.converged, found.iterations)
    return found


def simultaneous(game: ImmersionGame) -> Equilibrium:
    """Return the equilibrium of leaders who take what is bought for given: everyone asks its cap."""
    batch = game.cost.shape[:-1]
    price = game.price_max if game.individual_prices else price_cap(game)
    return _answered(game, price.copy(), np.ones(batch, np.bool_), np.zeros(batch, np.int64))


def social_optimum(game: ImmersionGame) -> Equilibrium:
    """Return the demands that a planner would choose, at the leaders' costs."""
    cost = np.broadcast_to(game.cost[..., None, :], game.price_max.shape).copy()
    priced = cost if game.individual_prices else game.cost.copy()
    unbound = replace(game, budget=np.full(game.budget.shape, np.inf))
    demand, shadow_price = unbound.respond(priced)
    batch = game.cost.shape[:-1]
    return _outcome(game, priced, demand, shadow_price, np.ones(batch, np.bool_), np.zeros(batch, np.int64))


def _competing(game: ImmersionGame) -> Equilibrium:
    """Return prices at which each leader is at a peak of its profit, and what follows."""
    return _answered(game, *(compete(game) if game.individual_prices else uniform_equilibrium(game)))


def _is_exposed(game: ImmersionGame, found: Equilibrium) -> BoolArray:
    """Return the games, [...], in which a full leader shares a follower short of money with a free or full one.

    A leader that rations below its caps would rather ask more.
    """
    price, demand = game.spread_price(found.price), found.demand
    cap = game.price_max if game.individual_prices else price_cap(game)[..., None, :]
    sells, is_free = demand > 0.0, price < cap * (1.0 - _ROUNDING)
    is_full = sells & (demand.sum(axis=-2) >= _FULL * game.capacity)[..., None, :]
    is_rationed = sells & (found.shadow_price > _ROUNDING * game.cost)[..., None, :]
    if game.individual_prices:
        is_full &= ~is_rationed
    score = np.log(game.ssim / game.ssim_threshold[..., None])
    marginal = game.delta[..., None] * score * game.efficiency / (1.0 + demand * game.efficiency)
    # Above 1 if more money would buy more; at 1 a budget that is just spent makes nobody spend elsewhere.
    money = np.where(sells, (marginal - found.shadow_price[..., None, :]) / price, 0.0).max(axis=-1)
    others = (sells & (is_free | is_full)).sum(axis=-1) > 1
    is_shared = is_full.any(axis=-1) & (sells & is_free).any(axis=-1) & others
    exposed: BoolArray = (is_shared & (money > _SHORT)).any(axis=-1) | (is_rationed & is_free).any(axis=(-2, -1))
    return exposed


def _answered(game: ImmersionGame, price: FloatArray, converged: BoolArray, iterations: IntArray) -> Equilibrium:
    return _outcome(game, price, *game.respond(price), converged, iterations)


def _outcome(
    game: ImmersionGame,
    price: FloatArray,
    demand: FloatArray,
    shadow_price: FloatArray,
    converged: BoolArray,
    iterations: IntArray,
) -> Equilibrium:
    return Equilibrium(
        game,
        price,
        demand,
        shadow_price,
        game.follower_utility(price, demand),
        game.leader_utility(price, demand),
        np.asarray(converged),
        np.asarray(iterations),
    )
