"""The Stackelberg equilibrium of social games, all games of a batch at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, Equilibrium, FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._social.batch import game_at
from simmig.games._social.coupling import sums
from simmig.games._social.followers import respond
from simmig.games._social.leaders import Leaders
from simmig.games._social.market import collect
from simmig.games._social.rationing import fitting_prices, settle_rationed
from simmig.games._social.search import equilibrium
from simmig.games._social.stage import responded
from simmig.games._social.utilities import follower_utility, leader_utility

if TYPE_CHECKING:
    from simmig.games.social import SocialGame


def stackelberg(game: SocialGame) -> Equilibrium:
    """Return the equilibrium of every game; NaN for the games that were refused.

    Raises NoEquilibrium if a single game has none; one of a batch is listed in `failures`.
    """
    batch = game.cost.shape[:-1]
    leaders = Leaders(game.market, game.cost.reshape(-1), game.price_max.reshape(-1), game.leader_model == "myopic")
    prices, converged, iterations = equilibrium(leaders)
    if bool(np.isfinite(game.capacity).any()):
        lost = _ration(game, leaders, (prices.reshape(-1, game.cost.shape[-1]), converged, iterations))
        game = _without(game, lost) if lost else game
    price = prices.reshape(game.cost.shape)
    demand, shadow_price = responded(game, price)
    utility = follower_utility(game, price, demand), leader_utility(game, price, demand)
    converged, iterations = converged.reshape(batch), iterations.reshape(batch)
    for place in game.refused:
        for table in (price, shadow_price, *utility):
            table[place] = np.nan
        converged[place], iterations[place] = False, 0
    return Equilibrium(game, price, demand, shadow_price, *utility, converged, iterations, failures=dict(game.refused))


def _without(game: SocialGame, lost: dict[tuple[int, ...], str]) -> SocialGame:
    """Return the game in which nobody may buy in the games that are lost, for the reasons given."""
    numbers = [int(np.ravel_multi_index(place, game.cost.shape[:-1])) for place in lost]
    table = game.table.without(np.array(numbers))
    return replace(game, table=table, market=collect(table)[0], refused={**game.refused, **lost})


def _ration(
    game: SocialGame, leaders: Leaders, found: tuple[FloatArray, BoolArray, IntArray]
) -> dict[tuple[int, ...], str]:
    """Replace the prices [B, J], whether they settled and the evaluations [B] where capacities change them.

    Returns why games of a batch have no equilibrium after all: deadlines that cannot be met and must not be dropped.
    """
    price, converged, iterations = found
    finite = np.isfinite(game.capacity).reshape(price.shape).any(axis=1)
    pairs, capacity = game.market.pairs, game.capacity.reshape(-1)
    posted = price.ravel()
    sold = respond(game.market, posted[pairs.leader], pairs.theta(posted)).demand
    is_over = (sums(pairs.leader, sold, len(posted)) > capacity).reshape(price.shape).any(axis=1)
    low, is_simple = fitting_prices(game)
    again = np.flatnonzero(finite & is_simple & is_over)
    if len(again):
        part, _ = replace(leaders, fitting=low).of(again)
        prices, converged[again], count = equilibrium(part)
        price[again] = prices.reshape(-1, price.shape[1])
        iterations[again] += count
    batch = game.cost.shape[:-1]
    lost: dict[tuple[int, ...], str] = {}
    for number in np.flatnonzero(finite & ~is_simple):
        place = tuple(int(k) for k in np.unravel_index(number, batch))
        if place in game.refused:
            continue
        try:
            one = game_at(game, place)
            price[number], converged[number], evaluations = settle_rationed(one, price[number])
            one.respond(price[number])  # at prices that did not settle it may fail
        except NoEquilibrium as error:
            if not batch:
                raise
            lost[place] = str(error)
            continue
        iterations[number] += evaluations
    return lost
