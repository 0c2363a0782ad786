"""Pairing, utilities and delays of the social game, for NumPy arrays and torch tensors alike.

Prices and demands have the batch axes of the game. Everything is computed pair by pair (see `Table`).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array

from simmig.contracts import Array, IntArray
from simmig.games._social.coupling import sums

if TYPE_CHECKING:
    from simmig.games.social import SocialGame


def matching(table: Array, like: Array) -> Array:
    """Return a table in the array library and on the device of `like`; a tensor stays what it is."""
    if not is_numpy_array(table) or is_numpy_array(like):
        return table
    # A copy, because torch warns of arrays that it could write through to.
    return array_namespace(like).asarray(table.copy(), device=device(like))


def totals(label: IntArray, value: Array, count: int) -> Array:
    """Return the sum of the values of each label 0..count-1, added in their order."""
    if is_numpy_array(value):
        return sums(label, value, count)
    return value.new_zeros(count).index_add(0, matching(label, value), value)  # the array API has no such sum


class Point:
    """Prices [..., J] and demands [..., I, J] of a game and its parameters, pair by pair: arrays [n]."""

    def __init__(self, game: SocialGame, price: Array, demand: Array | None = None) -> None:
        self.game, self.pairs = game, game.market.pairs
        tensors = [x for x in (price, demand, *game.tensors.values()) if x is not None and not is_numpy_array(x)]
        self.like = tensors[0] if tensors else price
        self.xp, self.is_plain = array_namespace(self.like), not tensors
        self.prices = matching(price, self.like).reshape(-1)
        self.demands = None if demand is None else matching(demand, self.like).reshape(-1)

    def parameter(self, name: str) -> Array:
        """Return a parameter of the followers, the leaders or the pairs."""
        table = self.flat(name)
        pairs, leaders = self.pairs, self.game.market.leaders
        if name in ("work", "delay_s"):
            return self.taken(table, pairs.follower * leaders + pairs.leader % leaders)
        return self.taken(table, pairs.leader if name == "cost" else pairs.follower)

    def flat(self, name: str) -> Array:
        """Return a parameter of the game as one row."""
        table = self.game.tensors.get(name, getattr(self.game, name))
        return (table if self.is_plain else matching(table, self.like)).reshape(-1)

    def taken(self, table: Array, place: IntArray) -> Array:
        """Return `table[place]`."""
        return table[place] if self.is_plain else self.xp.take(table, matching(place, self.like), axis=0)

    @cached_property
    def posted(self) -> Array:
        """The price of each pair."""
        return self.taken(self.prices, self.pairs.leader)

    @cached_property
    def bought(self) -> Array:
        """The demand of each pair."""
        leaders = self.game.market.leaders
        return self.taken(self.demands, self.pairs.follower * leaders + self.pairs.leader % leaders)

    @cached_property
    def theta(self) -> Array:
        """The pairing probability of each pair."""
        pull = 1.0 / self.posted
        return pull / self.taken(totals(self.pairs.owner, pull, len(self.pairs.start)), self.pairs.owner)

    def social(self, bought: Array) -> Array:
        """Return sum_k w_ik b_kj."""
        pairs, ties = self.pairs, self.pairs.ties
        count = max(self.game.ties.shape[-1], 1)
        place = pairs.follower[ties.target] * count + pairs.follower[ties.source] % count
        is_given = "ties" in self.game.tensors
        weight = self.taken(self.flat("ties"), place) if is_given else matching(ties.weight, self.like)
        return totals(ties.target, weight * self.taken(bought, ties.source), len(pairs.owner))

    def per_follower(self, value: Array) -> Array:
        """Return the sum of a value over the pairs of each follower, [..., I]."""
        shape = self.game.eligible.shape[:-1]
        return totals(self.pairs.follower, value, int(np.prod(shape))).reshape(shape)

    def per_leader(self, value: Array) -> Array:
        """Return the sum of a value over the pairs of each leader, [..., J]."""
        shape = self.game.cost.shape
        return totals(self.pairs.leader, value, int(np.prod(shape))).reshape(shape)


def pairing(game: SocialGame, price: Array) -> Array:
    """Return theta[..., I, J]; a row without any eligible leader is 0."""
    xp = array_namespace(price)
    pull = xp.where(matching(game.eligible, price), 1.0 / price[..., None, :], 0.0)
    total = xp.sum(pull, axis=-1, keepdims=True)
    return pull / xp.where(total > 0.0, total, 1.0)


def follower_utility(game: SocialGame, price: Array, demand: Array) -> Array:
    """Return 002, equation (1), for every follower: shape [..., I]."""
    at = Point(game, price, demand)
    value = at.parameter("alpha") + at.social(at.bought) - at.posted
    return at.per_follower(at.theta * at.bought * (value - at.parameter("beta") * at.bought))


def leader_utility(game: SocialGame, price: Array, demand: Array) -> Array:
    """Return 002, equation (2), for every leader: shape [..., J]."""
    at = Point(game, price, demand)
    return at.per_leader(at.theta * at.bought) * (at.prices - at.flat("cost")).reshape(game.cost.shape)


def expected_delay_s(game: SocialGame, price: Array, demand: Array) -> Array:
    """Return sum_j theta_ij T_ij of 002, equation (6): shape [..., I]."""
    at = Point(game, price, demand)
    buys = at.bought > 0.0
    sent_s = at.xp.where(buys, at.parameter("work") / at.xp.where(buys, at.bought, 1.0), np.inf)
    return at.per_follower(at.theta * (sent_s + at.parameter("delay_s")))
