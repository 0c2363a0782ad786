"""The leaders' stage of the social game: prices that no leader wants to change, the others' held.

Leader j's utility is V_j(p_j) = (p_j - c_j) Q_j with Q_j = sum_i theta_ij b_ij, 002, equation (2). Where no deadline
binds it is concave between the prices at which some follower stops buying; there, and where a deadline starts to
bind, its slope jumps up. So a local maximum is smooth or at a bound, Newton's method finds it, and other maxima can
only exist for leaders with `Leaders.bent` pairs, whom `_social_search` looks after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray
from simmig.games._social_coupling import sums
from simmig.games._social_followers import Reply, own_slopes, respond
from simmig.games._social_market import Market
from simmig.games._social_pairs import Pairs, overtime

_STEPS = 120
_MEMORY = 3  # steps to extrapolate from
_FAST = 0.03  # a step this much smaller than the last needs no help
_NEAR = 0.03  # relative step below which steps are regular enough for that
_SWEEPS = 5  # leaders touch one another weakly: five sweeps solve Newton's equations to about 1e-3
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Leaders:
    """The leaders of a round; a myopic one takes the followers' social gain for given, as 002, (4) and (15), does."""

    market: Market
    cost: FloatArray
    price_max: FloatArray
    is_myopic: bool

    def sellers(self) -> BoolArray:
        """Return who can sell at a profit at all, shape [J]; the others post their price cap."""
        pairs = self.market.pairs
        wanted = pairs.alpha > self.cost[pairs.leader]
        wanted[pairs.timed.pair] = True
        return np.bincount(pairs.leader, wanted, len(self.cost)) > 0

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
class _Margins:
    """Per leader what is sold, V' and V''; per pair theta and how V' moves with the log of another leader's price."""

    sold: FloatArray
    slope: FloatArray
    curvature: FloatArray
    theta: FloatArray
    cross: FloatArray


def climb(leaders: Leaders, start: FloatArray, sellers: BoolArray) -> tuple[FloatArray, bool, int]:
    """Return prices at which every seller is at a local maximum, whether they settled, and the evaluations."""
    pairs, bounds = leaders.market.pairs, (leaders.cost, leaders.price_max)
    price, reply, past = start, None, _Past([], [], None, None)
    for count in range(1, _STEPS + 1):
        theta, posted = pairs.theta(price), price[pairs.leader]
        reply = respond(leaders.market, posted, theta, reply)
        margins = _margins(leaders, price, theta, reply)
        moved = _within(price + _newton(pairs, margins, price, bounds, sellers), bounds)
        gap = (moved - price) / price
        if float(np.abs(gap).max(initial=0.0)) <= _TOLERANCE:
            return moved, True, count
        price = _within(price * (1.0 + past.extrapolated(price, gap)), bounds)
    return price, False, _STEPS


def _within(price: FloatArray, bounds: tuple[FloatArray, FloatArray]) -> FloatArray:
    return np.minimum(np.maximum(price, bounds[0]), bounds[1])


@dataclass(slots=True)
class _Past:
    """The last steps of `climb`, from which Anderson (1965) foretells where they lead.

    Newton's equations leave out how a deadline bends demand; what is left falls by a constant factor a step, which
    is what extrapolation is good at. Far from the answer, or when steps grow, it starts afresh.
    """

    moves: list[FloatArray]
    falls: list[FloatArray]
    price: FloatArray | None
    gap: FloatArray | None

    def extrapolated(self, price: FloatArray, gap: FloatArray) -> FloatArray:
        """Return the relative step to take when Newton's method would take `gap`."""
        size = float(np.abs(gap).max())
        if self.price is not None and self.gap is not None:
            before = float(np.abs(self.gap).max())
            is_near = max(size, before) < _NEAR and _FAST * before < size <= before
            self.moves = [*self.moves[1 - _MEMORY :], (price - self.price) / price] if is_near else []
            self.falls = [*self.falls[1 - _MEMORY :], gap - self.gap] if is_near else []
        self.price, self.gap = price, gap
        step, rest = gap, gap
        done: list[tuple[FloatArray, FloatArray]] = []
        for move, fall in zip(self.moves[::-1], self.falls[::-1], strict=True):
            length = float((fall * fall).sum())
            for other_move, other_fall in done:
                part = float((fall * other_fall).sum())
                move, fall = move - part * other_move, fall - part * other_fall
            left = float((fall * fall).sum())
            if left > 1e-10 * length:  # else this step says nothing that a later one has not said
                move, fall = move / math.sqrt(left), fall / math.sqrt(left)
                part = float((rest * fall).sum())
                rest, step = rest - part * fall, step - part * (move + fall)
                done.append((move, fall))
        return np.minimum(np.maximum(step, -_NEAR), _NEAR) if self.moves else gap


def _margins(leaders: Leaders, price: FloatArray, theta: FloatArray, reply: Reply) -> _Margins:
    pairs, count = leaders.market.pairs, len(price)
    posted, demand = price[pairs.leader], reply.demand
    slope = own_slopes(leaders.seen(reply), posted, theta, reply)
    margin = posted - leaders.cost[pairs.leader]
    # d theta / d p = -theta (1 - theta) / p, and once more 2 theta (1 - theta)^2 / p^2; demand taken as straight.
    other = 1.0 - theta
    first = theta * (slope - other * demand / posted)
    second = 2.0 * theta * other / posted * (other * demand / posted - slope)
    sold, fall, bend = (sums(pairs.leader, x, count) for x in (theta * demand, first, second))
    own = price - leaders.cost
    cross = theta * (demand + margin * (slope - (other - theta) * demand / posted))
    return _Margins(sold, sold + own * fall, 2.0 * fall + own * bend, theta, cross)


def _newton(
    pairs: Pairs,
    margins: _Margins,
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
