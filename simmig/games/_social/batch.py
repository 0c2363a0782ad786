"""Batches of social games: one of them alone, the game at a batch of prices, outcomes side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from array_api_compat import array_namespace

from simmig.contracts import Array, Certificate, Equilibrium, FloatArray
from simmig.errors import NoEquilibrium

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_PLAYERS = {  # how many axes a parameter has besides those of the batch
    **dict.fromkeys(("alpha", "beta", "deadline_s", "is_relaxed", "cost", "price_max", "capacity"), 1),
    **dict.fromkeys(("ties", "work", "delay_s", "eligible"), 2),
}


def batch_of(game: SocialGame) -> tuple[int, ...]:
    """Return the shape of the batch, () for a single game."""
    return game.cost.shape[:-1]


def game_at(game: SocialGame, place: tuple[int, ...]) -> SocialGame:
    """Return one game of a batch; raises NoEquilibrium with its reason if it was refused."""
    if place in game.refused:
        raise NoEquilibrium(game.refused[place])
    if not batch_of(game):
        return game
    number = np.array([int(np.ravel_multi_index(place, batch_of(game)))])
    return replace(
        game,
        **{name: getattr(game, name)[place] for name in _PLAYERS},
        table=game.table.take(number),
        market=game.market.take(number)[0],
        refused={},
        tensors={name: tensor[place] for name, tensor in game.tensors.items()},
    )


def for_prices(game: SocialGame, price: Array) -> tuple[SocialGame, Array]:
    """Return the game and the prices with the same batch axes: those of both, as arrays broadcast."""
    batch = np.broadcast_shapes(batch_of(game), tuple(price.shape[:-1]))
    if tuple(price.shape) != (*batch, game.cost.shape[-1]):
        price = array_namespace(price).broadcast_to(price, (*batch, game.cost.shape[-1]))
    if batch == batch_of(game):
        return game, price
    number = np.broadcast_to(np.arange(prod(batch_of(game))).reshape(batch_of(game)), batch)
    wide = {name: _wide(getattr(game, name), batch, players) for name, players in _PLAYERS.items()}
    tensors = {name: _wide(tensor, batch, _PLAYERS[name]) for name, tensor in game.tensors.items()}
    named = {int(np.ravel_multi_index(place, batch_of(game))): why for place, why in game.refused.items()}
    refused = {place: named[int(k)] for place, k in np.ndenumerate(number) if int(k) in named}
    table, (market, _) = game.table.take(number.ravel()), game.market.take(number.ravel())
    return replace(game, **wide, table=table, market=market, refused=refused, tensors=tensors), price


def _wide(table: Array, batch: tuple[int, ...], players: int) -> Array:
    return array_namespace(table).broadcast_to(table, (*batch, *table.shape[table.ndim - players :]))


def each(game: SocialGame, outcome: Callable[[SocialGame], Equilibrium], asked: SocialGame) -> Equilibrium:
    """Return an outcome of every game of the batch, found one after another; `failures` has those without it.

    `asked` is the game that is to say so.
    """
    if not batch_of(game):
        return replace(outcome(game), game=asked)
    *batch, followers, leaders = game.eligible.shape
    price, demand = np.full(game.cost.shape, np.nan), np.full(game.eligible.shape, np.nan)
    utility = np.full((*batch, followers), np.nan), np.full((*batch, leaders), np.nan)
    shadow_price, converged, iterations = np.full_like(price, np.nan), np.zeros(batch, bool), np.zeros(batch, np.int64)
    failures: dict[tuple[int, ...], str] = {}
    for place in np.ndindex(*batch):
        try:
            found = outcome(game_at(game, place))
        except NoEquilibrium as error:
            failures[place] = str(error)
            continue
        price[place], demand[place], shadow_price[place] = found.price, found.demand, found.shadow_price
        utility[0][place], utility[1][place] = found.follower_utility, found.leader_utility
        converged[place], iterations[place] = found.converged, found.iterations
    return Equilibrium(asked, price, demand, shadow_price, *utility, converged, iterations, failures)


def for_each(game: SocialGame, price: FloatArray, answer: Callable[[SocialGame, FloatArray], FloatArray]) -> FloatArray:
    """Return answers to `price[..., J]`, game after game; NaN for refused ones.

    Raises NoEquilibrium, naming the game, if one has no answer at these prices.
    """
    if not batch_of(game):
        return answer(game, price)
    answers: dict[tuple[int, ...], FloatArray] = {}
    for place in np.ndindex(*batch_of(game)):
        if place not in game.refused:
            try:
                answers[place] = answer(game_at(game, place), price[place])
            except NoEquilibrium as error:
                raise of_batch(error, place) from None
    first = next(iter(answers.values()), price[:0])
    full = np.full((*batch_of(game), *first.shape), np.nan)
    for place, found in answers.items():
        full[place] = found
    return full


def of_batch(error: NoEquilibrium, place: tuple[int, ...]) -> NoEquilibrium:
    """Return the error of one game with the game's place in its batch."""
    return NoEquilibrium(f"{error}; this is game {list(place)} of the batch")


def certificates(
    game: SocialGame, price: FloatArray, demand: FloatArray, certify: Callable[..., Certificate]
) -> Certificate:
    """Return the certificates of all games of a batch at prices [..., J] and demands [..., I, J]; NaN where NaN."""
    batch = batch_of(game)
    if not batch:
        return certify(game, price, demand)
    gaps = [np.full((*batch, demand.shape[k]), np.nan) for k in (-2, -1, -2, -1)]
    for place in np.ndindex(*batch):
        if place not in game.refused and not np.isnan(price[place]).any():
            found = certify(game_at(game, place), price[place], demand[place])
            names = ("follower_gap", "leader_gap", "follower_gap_relative", "leader_gap_relative")
            for gap, name in zip(gaps, names, strict=True):
                gap[place] = getattr(found, name)
    return Certificate(*gaps)
