"""The leaders of the social game whose capacities may bind.

A leader whose price is too low for its sales to fit sells the same at the price at which they just fit, and earns more:
there its utility has a kink, which may be its maximum. Where nobody can be late, that price depends on nobody else,
and the game is the one without capacities over the prices from it on (`fitting_prices`). Where deadlines tie leaders
to one another it moves with all prices, and what is left is solved one game at a time (`settle_rationed`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.capacity import Rationed, clear, clear_one, mover_leaders, ration, sales_slopes, solved
from simmig.games._social.coupling import sums
from simmig.games._social.extrapolation import Past
from simmig.games._social.followers import Reply
from simmig.games._social.leaders import Leaders, margins_at, newton, within
from simmig.games._social.market import collect
from simmig.games._social.maxima import highest
from simmig.games._social.search import Chase
from simmig.games._social.slopes import own_slopes, price_slopes, shadow_slopes

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_STEPS = 100
_TOLERANCE = 1e-11  # relative change of prices at which they rest: at a kink, it shows in a utility as it is
_AT_KINK = 1e-8  # a shadow price this small, relative to the price, is one at the kink
_FLAT = 0.2  # least part of a price rise that a shadow price is reckoned to fall by
_NODES = (8, 24)  # prices tried over the range of each leader, as many as make about
_WORK = 20_000  # this number of pairs
_PAIRS = 50_000  # copied at once
_ZOOMS = 3
_GAIN = 1e-9
_JUMPS = 40


def fitting_prices(game: SocialGame) -> tuple[FloatArray, BoolArray]:
    """Return the prices [B J] from which on sales fit, between cost and cap, and in which games that is all there is.

    These are the games in which nobody can be late at any admissible price, shadow prices included.
    """
    rationed, table = game.rationed, game.table
    patient = replace(rationed, table=replace(rationed.table, deadline_s=np.full_like(table.deadline_s, np.inf)))
    patient = replace(patient, market=collect(patient.table, is_whole=True)[0])
    _, shadow_price = clear(patient, table.cost.ravel(), _nothing(patient))
    fits = table.cost + shadow_price
    wide, _ = collect(replace(table, price_max=np.maximum(table.price_max, fits)))
    timed = wide.pairs.leader[wide.pairs.timed.pair] // max(wide.leaders, 1)
    return np.minimum(fits, table.price_max).ravel(), np.bincount(timed, minlength=wide.games) == 0


@dataclass(frozen=True, slots=True)
class _Scene:
    """One game: its leaders, and its followers as they are where capacities bind."""

    leaders: Leaders
    rationed: Rationed

    def answers(self, price: FloatArray, near: Reply) -> tuple[Rationed, Reply, FloatArray]:
        return clear_one(self.rationed, price, near)


def settle_rationed(game: SocialGame, price: FloatArray) -> tuple[FloatArray, bool, int]:
    """Return prices [J] of a single game at which no leader has a better one, whether they were found, and the count.

    They are `price`, where the leaders rest without capacities, if no better one is found there. If the leaders chase
    one another from there, they start again from their caps, and from halfway between cost and cap.
    """
    leaders = Leaders(game.market, game.cost, game.price_max, game.leader_model == "myopic")
    scene, sellers = _Scene(leaders, game.rationed), leaders.sellers()
    middle = 0.5 * (game.cost + game.price_max)
    starts = [price, game.price_max, np.where(sellers, middle, game.price_max)]
    fits = not bool(game.respond(price)[1].any())
    ends = []
    for start in starts:
        ends.append(_settled(scene, start, sellers, is_rest=fits and start is price))
        if ends[-1][1]:
            break
    found, settled, _ = ends[-1] if ends[-1][1] else ends[0]
    return found, settled, sum(end[2] for end in ends)


def _settled(scene: _Scene, price: FloatArray, sellers: BoolArray, *, is_rest: bool) -> tuple[FloatArray, bool, int]:
    """Return prices reached from `price`, whether no leader has a better one, and the evaluations.

    `is_rest` says that `price` is a local maximum already.
    """
    chase, total = Chase([]), 0
    for jump in range(_JUMPS):
        if jump or not is_rest:
            price, settled, count = _climb(scene, price, sellers)
            total += count
            if not settled:
                break
        target = _better(scene, price, sellers)
        if not bool((target != price).any()):
            return price, True, total
        moved = chase.next(price, target)
        if moved is None:
            break
        price = moved
    return price, False, total


def _climb(scene: _Scene, start: FloatArray, sellers: BoolArray) -> tuple[FloatArray, bool, int]:
    """Return prices at which every seller is at a local maximum, if they settled, and the evaluations."""
    price, reply, past = start, _nothing(scene.rationed), Past.none(1, len(start))
    bounds = scene.leaders.cost, scene.leaders.price_max
    for count in range(1, _STEPS + 1):
        rationed, reply, shadow_price = scene.answers(price, reply)
        moved = within(price + _step(scene, rationed, price, reply, shadow_price, sellers), bounds)
        gap = (moved - price) / price
        far = np.abs(gap).max(initial=0.0, keepdims=True)
        if far[0] <= _TOLERANCE:
            return moved, True, count
        price = within(price * (1.0 + past.extrapolated(price, gap, far)), bounds)
    return price, False, _STEPS


def _step(
    scene: _Scene,
    rationed: Rationed,
    price: FloatArray,
    reply: Reply,
    shadow_price: FloatArray,
    sellers: BoolArray,
) -> FloatArray:
    """Return the step of all prices: Newton's, but a full leader goes to its kink, and nobody beyond it."""
    market, leaders = rationed.market, replace(scene.leaders, market=rationed.market)
    pairs = market.pairs
    theta, posted = pairs.theta(price), price[pairs.leader]
    is_full = shadow_price > _AT_KINK * price
    if leaders.is_myopic:
        slope, fall = own_slopes(leaders.seen(reply), posted, theta, reply), np.ones(len(price))
    else:
        slope, fall = _anticipated(rationed, posted, theta, reply, is_full)
    margins = margins_at(leaders, price, theta, reply, slope)
    step = newton(pairs, margins, price, (leaders.cost, leaders.price_max), sellers)
    to_kink = shadow_price / np.maximum(fall, _FLAT)
    goes_up = is_full & sellers & (leaders.is_myopic | (margins.slope > 0.0))
    is_near = (shadow_price > 0.0) & ~is_full & sellers
    step = np.where(goes_up, to_kink, np.where(is_near, np.maximum(step, to_kink), step))
    left = rationed.capacity - sums(pairs.leader, reply.demand, len(price))
    per_unit = np.maximum(-sums(pairs.leader, slope, len(price)), 1e-300)
    has_room = (shadow_price <= 0.0) & np.isfinite(left)
    return np.where(has_room, np.maximum(step, -np.maximum(np.where(has_room, left, 0.0), 0.0) / per_unit), step)


def _anticipated(
    rationed: Rationed, posted: FloatArray, theta: FloatArray, reply: Reply, is_full: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return d b_ij / d p_j for every pair, shadow prices of full leaders moving too, and - d s_j / d p_j."""
    market, movers = rationed.market, rationed.market.movers
    slope, fall = np.zeros(len(posted)), np.ones(len(is_full))
    if movers is None:
        return slope, fall
    change = price_slopes(movers, posted, theta, reply)
    slope[movers.origin[movers.own]] = change[movers.own]
    if not bool(is_full.any()):
        return slope, fall
    full = movers.kept(is_full[mover_leaders(movers)])
    freed = shadow_slopes(full, posted, theta, reply)
    by_price, by_shadow = sales_slopes(market, movers, change)[0], -sales_slopes(market, full, freed)[0]
    matrix = np.where(is_full[:, None] & is_full, by_shadow, 0.0) + np.diag(np.where(is_full, 0.0, 1.0))
    count = len(is_full)
    rise = solved(np.repeat(matrix[None], count, axis=0), np.where(is_full, by_price.T, 0.0))  # [by price of j, of k]
    mover = mover_leaders(full)[full.unit]
    slope = slope + sums(full.origin, freed * rise[full.pairs.leader, mover], len(posted))
    return slope, np.where(is_full, -np.diag(rise), 1.0)


def _better(scene: _Scene, price: FloatArray, sellers: BoolArray) -> FloatArray:
    """Return the prices with every seller at the best it finds over its range, unchanged where it gains nothing."""
    leaders, chosen = scene.leaders, np.flatnonzero(sellers)
    if len(chosen) == 0:
        return price
    utility = earnings(scene.leaders, scene.rationed, price)
    count = min(max(_WORK // max(len(scene.rationed.market.pairs.owner) * len(chosen), 1), _NODES[0]), _NODES[1])
    low, high = leaders.cost[chosen], leaders.price_max[chosen]
    nodes = low + (high - low) * (np.arange(count + 1) / count)[:, None]
    best, height = highest(lambda tried, column: utility(tried, chosen[column]), nodes, _ZOOMS)
    now = utility(price[chosen], chosen)
    target = price.copy()
    target[chosen] = np.where(height > now + _GAIN * np.abs(now), best, price[chosen])
    return target


def earnings(leaders: Leaders, rationed: Rationed, price: FloatArray) -> Callable[[FloatArray, IntArray], FloatArray]:
    """Return the function that says what leaders [N] would earn at prices [N], the others' of `price[J]` as they are.

    A myopic leader takes social gains, and the shadow prices of the other leaders, for given.
    """
    _, reply, shadow_price = clear_one(rationed, price, _nothing(rationed))
    social = rationed.market.pairs.ties.gain(reply.demand) if leaders.is_myopic else None
    stand = _Stand(leaders, rationed, price, social, shadow_price)
    block = max(_PAIRS // max(len(rationed.market.pairs.owner) * len(price), 1), 1)

    def utility(tried: FloatArray, leader: IntArray) -> FloatArray:
        cuts = [slice(k, k + block) for k in range(0, len(tried), block)]
        return np.concatenate([np.zeros(0), *(stand.earned(tried[cut], leader[cut]) for cut in cuts)])

    return utility


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a game stands at `price[J]`: social gains [n] if leaders take them for given, and shadow prices [J]."""

    leaders: Leaders
    rationed: Rationed
    price: FloatArray
    social: FloatArray | None
    shadow_price: FloatArray

    def earned(self, tried: FloatArray, leader: IntArray) -> FloatArray:
        """Return what each trial's leader earns at its price, the others' as they stand."""
        number = np.arange(len(tried))
        rows = np.tile(self.price, (len(tried), 1))
        rows[number, leader] = tried
        copies, _ = self.rationed.at(np.zeros(len(tried), np.int64))
        if self.social is not None:
            copies = self._believed(copies, self.social, leader)
        pairs = copies.market.pairs
        reply, _ = ration(copies, number, rows.ravel(), _nothing(copies))
        sold = sums(pairs.leader, pairs.theta(rows.ravel()) * reply.demand, rows.size).reshape(rows.shape)
        return np.asarray(sold[number, leader] * (tried - self.leaders.cost[leader]))

    def _believed(self, copies: Rationed, social: FloatArray, leader: IntArray) -> Rationed:
        """Return the copies as `leader[N]` see them: social gains stay, and so do the others' shadow prices."""
        count, seller = len(self.price), copies.market.pairs.leader
        is_own = seller % count == leader[seller // count]
        # The shadow price of another leader counts as if everything there were worth less.
        worth = np.tile(social, len(leader)) - np.where(is_own, 0.0, self.shadow_price[seller % count])
        capacity = np.where((np.arange(count) == leader[:, None]).ravel(), copies.capacity, np.inf)
        return replace(copies, market=copies.market.frozen_whole(worth), capacity=capacity)


def _nothing(rationed: Rationed) -> Reply:
    pairs, none = rationed.market.pairs, np.zeros(0, np.int64)
    return Reply(np.zeros(len(pairs.owner)), np.zeros(len(pairs.owner)), none, none, none)
