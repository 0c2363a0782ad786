"""The followers' stage of the social game where capacities bind: the shadow prices that make sales fit.

With shadow prices s, follower i acts at leader j as if a unit cost p_j + s_j. The stage stays a concave programme (see
`followers.py`), the s_j / p_j are the multipliers of sum_i b_ij <= capacity_j, and the dual is convex in them.
Newton's method on it, held at s >= 0, is safeguarded by the dual's value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._social.admission import all_lost, first_lost, no_room
from simmig.games._social.batch import of_batch
from simmig.games._social.copies import Copies
from simmig.games._social.coupling import sums
from simmig.games._social.followers import Reply, copied_reply, respond
from simmig.games._social.market import Market, collect
from simmig.games._social.pairs import groups
from simmig.games._social.slopes import shadow_slopes
from simmig.games._social.table import Table

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_STEPS = 200
_HALVINGS = 40
_FITS = 1e-12  # relative, by which sales may differ from a capacity that binds
_DECREASE = 1e-4  # part of the decrease foretold that a step must bring
_ROUNDING = 1e-14
_LEAST = 1e-12  # sales that move less per unit of price are taken to move this much


@dataclass(frozen=True, slots=True)
class Rationed:
    """The games as the stage sees them where capacities bind: anybody may then stop buying, or be late."""

    table: Table  # price_max is where nobody buys any more
    market: Market
    capacity: FloatArray  # [B J]
    is_error: bool

    @classmethod
    def of(cls, game: SocialGame) -> Rationed:
        """Return this for the games of a batch."""
        pairs, capacity = game.market.pairs, game.capacity.reshape(-1)
        end = np.zeros(capacity.shape)
        np.maximum.at(end, pairs.leader, 2.0 * pairs.intercept / pairs.slope)
        table, cap = game.table, game.table.price_max
        reach = np.where(np.isfinite(capacity), np.maximum(end, cap.ravel()), cap.ravel()).reshape(cap.shape)
        return cls._over(replace(table, price_max=reach), capacity, game.infeasible_deadline == "error")

    @classmethod
    def _over(cls, table: Table, capacity: FloatArray, is_error: bool) -> Rationed:
        return cls(table, collect(table, is_whole=True)[0], capacity, is_error)

    def at(self, games: IntArray) -> tuple[Rationed, IntArray]:
        """Return this for some of the games, and where their pairs stood."""
        market, pair = self.market.take(games)
        capacity = self.capacity.reshape(-1, market.leaders)[games].ravel()
        return Rationed(self.table.take(games), market, capacity, self.is_error), pair

    def without_deadlines(self, rows: list[int]) -> Rationed:
        """Return this without the deadlines of some followers."""
        deadline_s = self.table.deadline_s.copy()
        deadline_s[rows] = np.inf
        return self._over(replace(self.table, deadline_s=deadline_s), self.capacity, self.is_error)


def ration(
    rationed: Rationed, games: IntArray, price: FloatArray, reply: Reply, batch: tuple[int, ...] = ()
) -> tuple[Reply, FloatArray]:
    """Return the followers' equilibrium and the shadow prices [B J] at `price[B J]`.

    `reply` is the equilibrium without capacities; it stays in all games but `games`, where some capacity binds. An
    error names the game by its place in `batch`, the shape of the games.
    """
    leaders = rationed.market.leaders
    demand, nu, shadow_price = reply.demand.copy(), reply.nu.copy(), np.zeros((rationed.market.games, leaders))
    some, pair = rationed.at(games)
    posted = price.reshape(-1, leaders)[games]
    near = copied_reply(reply, pair, some.market.pairs.owner)
    lost = first_lost(some.market.pairs, posted.ravel(), some.capacity, len(games))
    kept = np.flatnonzero(lost < 0)
    if len(kept) == len(games):
        inner, shadow_price[games] = clear(some, posted.ravel(), near)
        demand[pair], nu[pair] = inner.demand, inner.nu
    else:
        home = some.market.pairs.leader // leaders
        for k in range(len(games)):
            one, _ = some.at(np.array([k]))
            at = pair[home == k]
            start = copied_reply(near, np.flatnonzero(home == k), one.market.pairs.owner)
            try:
                _, inner, shadow_price[games[k]] = clear_one(one, posted[k], start)
            except NoEquilibrium as error:
                place = tuple(int(x) for x in np.unravel_index(int(games[k]), batch)) if batch else ()
                raise (of_batch(error, place) if batch else error) from None
            demand[at], nu[at] = inner.demand, inner.nu
    late = np.flatnonzero(nu > 0.0)
    return Reply(demand, nu, late, *groups(rationed.market.pairs.owner[late])), shadow_price.ravel()


def clear_one(one: Rationed, price: FloatArray, near: Reply) -> tuple[Rationed, Reply, FloatArray]:
    """Return the equilibrium and shadow prices of a single game, and the game without the deadlines dropped for them.

    These are the deadlines that capacities leave no room for; NoEquilibrium if they must not be dropped.
    """
    lost = all_lost(one.market.pairs, price, one.capacity)
    if lost and one.is_error:
        raise no_room(lost[0], float(one.table.deadline_s[lost[0]]), price)
    one = one.without_deadlines(lost) if lost else one
    reply, shadow_price = clear(one, price, near)
    return one, reply, shadow_price[0]


def clear(rationed: Rationed, price: FloatArray, near: Reply) -> tuple[Reply, FloatArray]:
    """Return the followers' equilibrium and the shadow prices [B, J] at `price[B J]`, deadlines being feasible."""
    market, capacity, size = rationed.market, rationed.capacity, (-1, rationed.market.leaders)
    pairs = market.pairs
    demand, nu = np.empty_like(near.demand), np.empty_like(near.nu)
    found, games = np.zeros((market.games, size[1])), np.arange(market.games)
    pair, is_open = np.arange(len(pairs.owner)), np.ones(market.games, bool)
    now = _State.at(market, price, capacity, np.zeros_like(price), near)
    for _ in range(_STEPS):
        is_done = is_open & ~(now.miss().reshape(size) > _FITS).any(axis=1)
        if bool(is_done.any()):
            inside = np.flatnonzero(is_done[now.market.pairs.leader // size[1]])
            demand[pair[inside]], nu[pair[inside]] = now.reply.demand[inside], now.reply.nu[inside]
            found[games[is_done]] = now.shadow_price.reshape(size)[is_done]
            is_open &= ~is_done
            if not bool(is_open.any()):
                late = np.flatnonzero(nu > 0.0)
                return Reply(demand, nu, late, *groups(pairs.owner[late])), found
        if 2 * int(is_open.sum()) <= len(is_open):
            kept = np.flatnonzero(is_open)
            now, inside = now.of(kept)
            pair, games, is_open = pair[inside], games[kept], is_open[kept]
        now = now.next(is_open)
    raise AssertionError("Newton's method on a convex dual did not arrive")


@dataclass(frozen=True, slots=True)
class _State:
    """Shadow prices [B J] on the way, and what the followers do at them."""

    market: Market
    price: FloatArray
    capacity: FloatArray
    theta: FloatArray
    shadow_price: FloatArray
    reply: Reply

    @classmethod
    def at(
        cls, market: Market, price: FloatArray, capacity: FloatArray, shadow_price: FloatArray, near: Reply
    ) -> _State:
        theta, leader = market.pairs.theta(price), market.pairs.leader
        reply = respond(market, price[leader], theta, near, shadow_price[leader])
        return cls(market, price, capacity, theta, shadow_price, reply)

    def of(self, games: IntArray) -> tuple[_State, IntArray]:
        market, pair = self.market.take(games)
        price, capacity, shadow_price = (
            x.reshape(-1, market.leaders)[games].ravel() for x in (self.price, self.capacity, self.shadow_price)
        )
        reply = copied_reply(self.reply, pair, market.pairs.owner)
        return _State(market, price, capacity, self.theta[pair], shadow_price, reply), pair

    def excess(self) -> FloatArray:
        """Return by how much sales exceed the capacities; -1 where there is none."""
        sold = sums(self.market.pairs.leader, self.reply.demand, len(self.price))
        return np.where(
            np.isfinite(self.capacity), sold - np.where(np.isfinite(self.capacity), self.capacity, 0.0), -1.0
        )

    def miss(self) -> FloatArray:
        """Return how far the conditions are from holding, as parts of the capacities."""
        excess = self.excess()
        return np.where(self.shadow_price > 0.0, np.abs(excess), np.maximum(excess, 0.0)) / self.capacity

    def value(self) -> FloatArray:
        """Return the dual's value, [B]: the potential less sum_j s_j / p_j (sold_j - capacity_j)."""
        pairs, bought = self.market.pairs, self.reply.demand
        worth = pairs.alpha - self.price[pairs.leader] + 0.5 * pairs.ties.gain(bought) - pairs.beta * bought
        potential = sums(pairs.leader, worth * bought, len(self.price)) - self.shadow_price * self.excess()
        return np.asarray((potential / self.price).reshape(-1, self.market.leaders).sum(axis=1))

    def next(self, is_open: BoolArray) -> _State:
        """Return the state after a step in the games that are open."""
        shape = (-1, self.market.leaders)
        excess, step = self.excess(), self._newton()
        length, value, miss = is_open.astype(np.float64), self.value(), self.miss().reshape(shape).max(axis=1)
        for _ in range(_HALVINGS):
            moved = np.maximum(self.shadow_price + np.repeat(length, shape[1]) * step, 0.0)
            there = _State.at(self.market, self.price, self.capacity, moved, self.reply)
            foretold = -(excess / self.price * (moved - self.shadow_price)).reshape(shape).sum(axis=1)
            is_lower = there.value() <= value + _DECREASE * foretold + _ROUNDING * np.abs(value)
            is_closer = there.miss().reshape(shape).max(axis=1) <= 0.5 * miss
            if bool((is_lower | is_closer | ~is_open).all()):
                break
            length = np.where(is_lower | is_closer, length, 0.5 * length)
        return there

    def _newton(self) -> FloatArray:
        """Return Newton's step of the shadow prices; 0 where they are 0 and stay so."""
        market, excess = self.market, self.excess()
        leader, count = market.pairs.leader, market.leaders
        is_full = (self.shadow_price > 0.0) | (excess > 0.0)
        movers = market.movers
        assert movers is not None
        movers = movers.kept(is_full[mover_leaders(movers)])
        change = shadow_slopes(movers, self.price[leader], self.theta, self.reply)
        falls = -sales_slopes(market, movers, change)
        either = is_full.reshape(-1, count)
        both = either[:, :, None] & either[:, None, :]
        matrix = np.where(both, falls, 0.0) + np.eye(count) * ~either[:, None, :]
        return solved(matrix, np.where(either, excess.reshape(-1, count), 0.0)).ravel()


def mover_leaders(movers: Copies) -> IntArray:
    """Return the leader that moves in each copy, [U]."""
    leader = np.zeros(len(movers.pairs.parts.start), np.int64)
    leader[movers.unit[movers.own]] = movers.pairs.leader[movers.own]
    return leader


def sales_slopes(market: Market, movers: Copies, change: FloatArray) -> FloatArray:
    """Return d sold_j / d x_k, [B, J, J], if `change[m]` is how demands move with x of the leader k of their copy."""
    count = market.leaders
    place = movers.pairs.leader * count + mover_leaders(movers)[movers.unit] % count
    return sums(place, change, market.games * count * count).reshape(market.games, count, count)


def solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solutions [B, J] of matrix[B, J, J] x = right by elimination: the same bits on every machine.

    It needs no pivoting: with the weights 1/p_j these matrices are symmetric and positive definite, if rounding
    leaves anything of how sales move.
    """
    matrix, right = matrix.copy(), right.copy()
    count = matrix.shape[1]
    for k in range(count):
        matrix[:, k, k] = np.maximum(matrix[:, k, k], _LEAST)
        part = matrix[:, k + 1 :, k] / matrix[:, k, k][:, None]
        matrix[:, k + 1 :, k:] -= part[:, :, None] * matrix[:, k, k:][:, None, :]
        right[:, k + 1 :] -= part * right[:, k][:, None]
    for k in reversed(range(count)):
        right[:, k] = (right[:, k] - (matrix[:, k, k + 1 :] * right[:, k + 1 :]).sum(axis=1)) / matrix[:, k, k]
    return right
