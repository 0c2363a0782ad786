"""The leaders' stage of the social game: prices that no leader wants to change, the others' held.

Leader j's utility is V_j(p_j) = (p_j - c_j) Q_j with Q_j = sum_i theta_ij b_ij, 002, equation (2). Where no deadline
binds it is concave between the prices at which some follower stops buying; there, and where a deadline starts to
bind, its slope jumps up. So a local maximum is smooth or at a bound, Newton's method finds it, and other maxima can
only exist for leaders with `Leaders.bent` pairs, whom `search.py` looks after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.coupling import sums
from simmig.games._social.extrapolation import Past
from simmig.games._social.followers import Reply, copied_reply, respond
from simmig.games._social.market import Market
from simmig.games._social.pairs import Pairs, overtime
from simmig.games._social.slopes import own_slopes

_STEPS = 120
_SWEEPS = 5  # leaders touch one another weakly: five sweeps solve Newton's equations to about 1e-3
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Leaders:
    """The leaders of B games; a myopic one takes the followers' social gain for given, as 002, (4) and (15), does."""

    market: Market
    cost: FloatArray  # [B J], as is price_max
    price_max: FloatArray
    is_myopic: bool
    fitting: FloatArray | None = None  # [B J] prices below which sales would not fit a leader's capacity

    @property
    def low(self) -> FloatArray:
        """The lowest price that a leader considers: below the one at which sales just fit it would only earn less."""
        return self.cost if self.fitting is None else self.fitting

    def of(self, games: IntArray) -> tuple[Leaders, IntArray]:
        """Return the leaders of these games, and where the games' pairs stood."""
        if len(games) == self.market.games:
            return self, np.arange(len(self.market.pairs.owner))
        market, pair = self.market.take(games)
        bounds = (self.cost, self.price_max, self.low)
        cost, price_max, low = (bound.reshape(-1, market.leaders)[games].ravel() for bound in bounds)
        return Leaders(market, cost, price_max, self.is_myopic, low), pair

    def sellers(self) -> BoolArray:
        """Return who can sell at a profit at all, shape [J]; the others post their price cap."""
        pairs = self.market.pairs
        wanted = pairs.alpha > self.cost[pairs.leader]
        wanted[pairs.timed.pair] = True
        return np.bincount(pairs.leader, wanted, len(self.cost)) > 0

    def may_be_rugged(self) -> BoolArray:
        """Return in which games a leader may have several local maxima at all, [B]."""
        pairs, bent = self.market.pairs, self.market.drops.copy()
        bent[pairs.timed.pair] = True
        return np.bincount(pairs.leader // max(self.market.leaders, 1), bent, self.market.games) > 0.0

    def bent(self, price: FloatArray, seen: Market) -> BoolArray:
        """Return which pairs may stop buying or be late while only their leader's of `price[J]` moves, shape [n].

        The others keep to their line, and add concave terms (p - c) (a - s p) / (1 + p r) to its utility, where r is
        the sum of 1/p over the others of the follower's leaders: such a term is (a line) - (something positive) /
        (1 + p r). So a leader without bent pairs has one local maximum.
        """
        pairs, bent = seen.pairs, self.market.drops.copy()
        timed = pairs.timed
        if len(timed.pair):
            now = _overtime(pairs, price)
            most = np.maximum(_overtime(pairs, self.cost), _overtime(pairs, self.price_max))
            with np.errstate(invalid="ignore"):  # inf - inf where nothing would be bought: there the cap ends demand
                rest = np.add.reduceat(now, timed.start)[timed.owner] - now
                bent[timed.pair] |= rest + most > 0.0
        return bent

    def seen(self, reply: Reply) -> Market:
        """Return the market as the leaders believe it to be around `reply`."""
        market = self.market
        return market.frozen(market.pairs.ties.gain(reply.demand)) if self.is_myopic else market


def _overtime(pairs: Pairs, price: FloatArray) -> FloatArray:
    """Return the `overtime` of `pairs.timed` at prices [J] while demand keeps to its line, the deadline deducted.

    A friend who is late makes others buy more than that and so be earlier, never later.
    """
    pair, timed = pairs.timed.pair, pairs.timed
    posted = price[pairs.leader[pair]]
    demand = pairs.intercept[pair] - pairs.slope[pair] * posted
    return overtime(pairs.work[pair], pairs.delay_s[pair] - timed.deadline_s[timed.owner], demand, posted)


@dataclass(frozen=True, slots=True)
class Margins:
    """Per leader what is sold, V' and V''; per pair theta and how V' moves with the log of another leader's price."""

    sold: FloatArray
    slope: FloatArray
    curvature: FloatArray
    theta: FloatArray
    cross: FloatArray


def climb(leaders: Leaders, start: FloatArray, sellers: BoolArray) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices at which every seller is at a local maximum; per game, if they settled, and the evaluations."""
    games, size = leaders.market.games, (-1, leaders.market.leaders)
    found, settled, count = start.reshape(size).copy(), np.zeros(games, bool), np.full(games, _STEPS)
    place, is_open = np.arange(games), np.ones(games, bool)
    price, reply, past = start, None, Past.none(games, size[1])
    for step in range(1, _STEPS + 1):
        pairs, bounds = leaders.market.pairs, (leaders.low, leaders.price_max)
        theta, posted = pairs.theta(price), price[pairs.leader]
        reply = respond(leaders.market, posted, theta, reply)
        slope = own_slopes(leaders.seen(reply), posted, theta, reply)
        margins = margins_at(leaders, price, theta, reply, slope)
        moved = within(price + newton(pairs, margins, price, bounds, sellers), bounds)
        gap = (moved - price) / price
        far = np.abs(gap).reshape(size).max(axis=1, initial=0.0)
        is_done = is_open & (far <= _TOLERANCE)
        if np.count_nonzero(is_done):
            found[place[is_done]], settled[place[is_done]] = moved.reshape(size)[is_done], True
            count[place[is_done]] = step
            is_open &= ~is_done
            if np.count_nonzero(is_open) == 0:
                return found.ravel(), settled, count
        price = within(price * (1.0 + past.extrapolated(price, gap, far)), bounds)
        if 2 * np.count_nonzero(is_open) <= len(is_open):
            kept = np.flatnonzero(is_open)
            leaders, pair = leaders.of(kept)
            reply = copied_reply(reply, pair, leaders.market.pairs.owner)
            price, sellers = price.reshape(size)[kept].ravel(), sellers.reshape(size)[kept].ravel()
            past, place, is_open = past.of(kept), place[kept], is_open[kept]
    found[place[is_open]] = price.reshape(size)[is_open]
    return found.ravel(), settled, count


def within(price: FloatArray, bounds: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the prices, moved to the nearer bound where they are outside."""
    return np.minimum(np.maximum(price, bounds[0]), bounds[1])


def margins_at(leaders: Leaders, price: FloatArray, theta: FloatArray, reply: Reply, slope: FloatArray) -> Margins:
    """Return the margins at `price[B J]`, where the demand of a pair moves by `slope[n]` with its leader's price."""
    pairs, count = leaders.market.pairs, len(price)
    posted, demand = price[pairs.leader], reply.demand
    margin = posted - leaders.cost[pairs.leader]
    # d theta / d p = -theta (1 - theta) / p, and once more 2 theta (1 - theta)^2 / p^2; demand taken as straight.
    other = 1.0 - theta
    first = theta * (slope - other * demand / posted)
    second = 2.0 * theta * other / posted * (other * demand / posted - slope)
    sold, fall, bend = (sums(pairs.leader, x, count) for x in (theta * demand, first, second))
    own = price - leaders.cost
    cross = theta * (demand + margin * (slope - (other - theta) * demand / posted))
    return Margins(sold, sold + own * fall, 2.0 * fall + own * bend, theta, cross)


def newton(
    pairs: Pairs,
    margins: Margins,
    price: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    sellers: BoolArray,
) -> FloatArray:
    """Return the step of all prices towards V' = 0 for all at once; 0 for who is held by a bound or sells nothing."""
    low, high = bounds
    slope, count = margins.slope, len(price)
    steep = np.maximum(np.abs(margins.curvature), 1e-3 * margins.sold / price)
    is_choked = margins.sold <= 0.0
    held = ((price <= low) & (slope < 0.0)) | ((price >= high) & (slope > 0.0)) | is_choked | ~sellers
    ease = np.where(held, 0.0, 1.0 / np.where(held, 1.0, steep))
    reach = 0.5 * (high - low)
    least, most = np.maximum(low - price, -reach), np.minimum(high - price, reach)
    step = np.minimum(np.maximum(slope * ease, least), most)
    for _ in range(_SWEEPS):
        pull = margins.theta * (step / price)[pairs.leader]
        around = np.add.reduceat(pull, pairs.start)[pairs.owner] - pull if len(pull) else pull
        push = sums(pairs.leader, margins.cross * around, count)
        # A step that a bound cuts short must be so for the others as well, or all may rest where none is content.
        step = np.minimum(np.maximum((slope + push) * ease, least), most)
    return np.where(is_choked & sellers, 0.5 * (low - price), step)
