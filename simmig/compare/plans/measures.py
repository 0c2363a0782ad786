"""What is measured of one outcome of a game, by name, in the units of a plan.

`price`, `demand` are means over pairs, `bought` over followers of what each buys in all, `leader_utility` and
`follower_utility` over players; `welfare` is the sum of all utilities, as drawn. With a dot and a number it is one
player's: `price.0` of the first leader (`price.1.0`: what the second follower pays it), `demand.1.0` likewise,
`bought.2`, `sold.0` what the first leader sells in all, `leader_utility.0`, `follower_utility.2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simmig.compare.plans.schema import Units
from simmig.contracts import AnalyticGame, FloatArray

Measures = dict[str, float]
# What the iterations of a training tell, of all players and of each.
TOLD = ("price", "bought", "leader_utility", "follower_utility", "welfare")


def measures_of(game: AnalyticGame, price: FloatArray, demand: FloatArray, units: Units) -> Measures:
    """Return the measures of prices [J] or [I, J] and demands [I, J]."""
    bought = np.nan_to_num(demand)
    found = {
        **_each("price", price, units.price),
        **_each("demand", bought, units.demand),
        **_each("bought", bought.sum(axis=1), units.demand),
        **_each("sold", bought.sum(axis=0), units.demand),
    }
    return found | _utilities(game.leader_utility(price, demand), game.follower_utility(price, demand), units)


def measures_of_row(row: Mapping[str, Any], units: Units) -> Measures:
    """Return the measures that the row of a training's iteration has: means over all markets played in it."""
    found = {
        **_each("price", np.asarray(row["price"]), units.price),
        **_each("bought", np.asarray(row["demand"]), units.demand),
    }
    return found | _utilities(np.asarray(row["profit"]), np.asarray(row["utility"]), units)


def _utilities(leaders: FloatArray, followers: FloatArray, units: Units) -> Measures:
    of_leaders, of_followers = units.leader_utility, units.follower_utility
    return {
        **_each("leader_utility", leaders, of_leaders),
        **_each("follower_utility", followers, of_followers),
        "welfare": float(of_leaders * leaders.sum() + of_followers * followers.sum()),
    }


def _each(name: str, values: FloatArray, unit: float) -> Measures:
    places = {".".join([name, *map(str, place)]): float(unit * value) for place, value in np.ndenumerate(values)}
    return {name: float(unit * values.mean()), **places}
