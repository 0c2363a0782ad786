"""What leaders with individual prices ask when their bandwidth is limited.

A leader that would sell more than it has raises prices until it does not, which earns more than to let followers
share what there is: it acts as if its cost were higher by a multiplier. Only at its caps does it leave followers to
share (`rationing.py`), which its rivals anticipate (`_immersion/anticipation.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion import leaders as rivals
from simmig.games._immersion import owner
from simmig.games._immersion.anticipation import anticipate
from simmig.games._immersion.clearing import clear
from simmig.games._immersion.columns import columns_of, lay
from simmig.games._immersion.sellers import Solver, sellers_of

if TYPE_CHECKING:
    from simmig.games.immersion import ImmersionGame

_RIVALS, _OWNER = Solver(rivals.ask, rivals.answers), Solver(owner.ask, owner.answers)


def compete(game: ImmersionGame) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., I, J] of leaders who compete, whether they are an equilibrium, and the steps it took."""
    return _priced(game, _RIVALS)


def own_all(game: ImmersionGame) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., I, J] of one owner of all leaders, whether they were found, and the steps it took."""
    return _priced(game, _OWNER)


def _priced(game: ImmersionGame, solver: Solver) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [..., I, J], whether they were found, and steps: without capacities, then with multipliers."""
    batch = game.cost.shape[:-1]
    rows = game.rows(game.price_max)
    cost = game.pairs.gather(np.broadcast_to(game.cost[..., None, :], game.price_max.shape))
    sellers = sellers_of(game, rows, cost, solver)
    columns = columns_of(rows, cost, sellers.price_max.reshape(cost.shape))
    asked = solver.ask(columns)
    games = len(sellers.capacity)
    converged = np.asarray(asked.converged.reshape(games, -1).all(axis=1))
    steps = asked.iterations.reshape(games, -1).max(axis=1)
    start = asked.start
    limited = np.flatnonzero(sellers.is_over(columns, asked))
    if limited.size:
        market = sellers.take(limited)
        value, cleared, more = clear(market, np.zeros_like(market.capacity), market.highest())
        raised = solver.ask(market.charged(value))
        ask = raised.start
        is_found = cleared & raised.converged.reshape(limited.size, -1).all(axis=1)
        if solver is _RIVALS:
            ask, is_settled, again = anticipate(market, value, raised)
            is_found, more = is_found & is_settled, more + again
        at = (limited[:, None] * rows.delta.shape[-1] + np.arange(rows.delta.shape[-1])).ravel()
        start[:, at] = ask
        converged[limited] &= is_found
        steps[limited] += more
    price = lay(start, cost.shape) * rows.efficiency
    # p / q times q may miss a bound by a rounding.
    price = np.clip(price, cost, sellers.price_max.reshape(cost.shape))
    posted = np.where(game.eligible, game.pairs.scatter(price, 0.0), game.price_max)
    return posted, converged.reshape(batch), steps.reshape(batch)
