"""The followers' stage of the embodied game: what they buy at given prices, and whether that has a bound.

Purchases only add to one another's worth, so each pair's reply b = A/(b + E) solved for b is a rising and convex map T
of the purchases, affine in the multiplicative game. It has at most one fixed point at which the spectral radius of its
Jacobian is below 1, and that is the least of all: the one that followers who start from nothing reach. Where it is
missing, demand has no bound. Deadlines and capacities, where they bind, are in `separable.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.fixed_point import settle
from simmig.games._embodied.market import Market
from simmig.games._embodied.separable import Sharing, Terms

TOLERANCE = 1e-14  # of a settled demand, in parts of 1 + the largest one: its rounding
_LOOSE = 1e-12  # where rounding is amplified, close to the edge of existence or at many limits
_STEPS = 200
_WARM_UP = 5  # plain steps from below: the cheapest proof that demand has no bound
_PATIENCE = 1500  # plain steps that tell a demand without bound from one that nearly has none
_LARGEST = 1e9  # a demand that nobody means
_SIGN = 1e4  # a demand large enough to name the one that grows


@dataclass(frozen=True, slots=True)
class Reply:
    """What the followers of R scenes buy, and the shadow prices; `is_bounded[R]` says where there is an answer."""

    demand: FloatArray  # [R, J, L]
    shadow_price: FloatArray  # [R, J]
    multiplier: FloatArray  # [R, I + 1], of the deadlines
    is_bounded: BoolArray
    iterations: IntArray


def respond(market: Market, price: FloatArray, tolerance: float = TOLERANCE, near: FloatArray | None = None) -> Reply:
    """Return the reply to prices [R, J], one row for each scene of the market.

    What would be bought without limits at prices `near` by, [R, J, L], saves steps.
    """
    return limited(market, price, unlimited(market, price, tolerance, near), tolerance)


def limited(market: Market, price: FloatArray, free: Reply, tolerance: float) -> Reply:
    """Return the reply to prices [R, J] from the one without limits, which is overwritten where these bind."""
    pull = market.pull(price)
    sharing = Sharing.of(market, market.theta(pull))
    with np.errstate(invalid="ignore"):
        is_late = (sharing.sending_s(free.demand) > sharing.time_left_s).any(axis=1)
        is_over = (free.demand.sum(axis=2) > market.capacity).any(axis=1)
    # A deadline makes followers buy more: what has no bound without one has none with it.
    is_curbed = ~free.is_bounded & np.isfinite(market.capacity).any(axis=1)
    rows = np.flatnonzero(is_late | is_over | is_curbed)
    if not len(rows):
        return free
    bound = _limited(market.take(rows), price[rows], np.nan_to_num(free.demand[rows]), tolerance)
    for whole, part in zip(
        (free.demand, free.shadow_price, free.multiplier, free.is_bounded),
        (bound.demand, bound.shadow_price, bound.multiplier, bound.is_bounded),
        strict=True,
    ):
        whole[rows] = part
    free.iterations[rows] += bound.iterations
    return free


def worth_without_bound(market: Market, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the gains from purchases [R, J, L], and the purchases, at the last finite step from nothing."""
    maps = _Free(market, price, market.pull(price))
    x = np.zeros((len(price), market.place[0].size))
    for _ in range(_PATIENCE):
        value = maps(x)
        if not np.isfinite(value).all() or float(value.max(initial=0.0)) > _SIGN:
            break
        x = value
    bought = x.reshape(market.place.shape)
    return market.gift + market.gain(bought, maps.pull), bought


def unlimited(market: Market, price: FloatArray, tolerance: float, near: FloatArray | None = None) -> Reply:
    """Return the reply as if there were neither deadlines nor capacities."""
    shape = market.place.shape
    maps = _Free(market, price, market.pull(price))
    x = np.zeros((shape[0], shape[1] * shape[2]))
    if near is not None and market.has_effects:
        x = np.nan_to_num(near).reshape(x.shape)
    else:
        for _ in range(_WARM_UP if market.has_effects else 1):
            x = maps(x)
    iterations = np.zeros(len(x), dtype=np.int64)
    is_bounded: BoolArray = np.asarray(np.isfinite(x).all(axis=1))
    if market.has_effects:
        open_rows = np.flatnonzero(is_bounded)
        found = settle(maps.take(open_rows), x[open_rows], tolerance, _STEPS)
        x[open_rows], iterations[open_rows] = found.x, found.iterations
        settled = open_rows[found.has_settled]
        is_bounded[open_rows] = False
        is_bounded[settled] = maps.take(settled).is_least(x[settled])
        doubtful = open_rows[~is_bounded[open_rows]]
        x[doubtful], is_bounded[doubtful] = maps.take(doubtful).from_below()
    demand = np.where(is_bounded[:, None], x, np.nan).reshape(shape)
    return Reply(
        demand,
        np.zeros(shape[:2]),
        np.zeros(market.deadline_s.shape),
        is_bounded,
        iterations,
    )


@dataclass(frozen=True, slots=True)
class _Free:
    """The map T of R scenes, its points flattened to [R, J * L]; inf where a gain from others exceeds the price."""

    market: Market
    price: FloatArray
    pull: FloatArray

    def take(self, rows: IntArray) -> _Free:
        if len(rows) == len(self.price):  # all, in order
            return self
        return _Free(self.market.take(rows), self.price[rows], self.pull[rows])

    def __call__(self, x: FloatArray) -> FloatArray:
        market, price = self.market, self.price[:, :, None]
        gain = market.gift + market.gain(x.reshape(market.place.shape), self.pull)
        if market.is_multiplicative:
            wanted = market.delta * (1.0 + gain) / price - market.room
            wanted = np.where(wanted < _LARGEST, wanted, np.inf)
        else:
            left = price - gain
            with np.errstate(divide="ignore"):
                wanted = np.where(left > 0.0, market.delta / np.where(left > 0.0, left, 1.0), np.inf) - market.room
        return np.where(market.is_pair, np.maximum(wanted, 0.0), 0.0).reshape(x.shape)

    def is_least(self, x: FloatArray) -> BoolArray:
        """Return where the spectral radius of T's Jacobian T' at x is below 1.

        T' >= 0, so that is so if and only if some y > 0 has T' y < y (Collatz and Wielandt): the ones where the sums of
        rows are below 1, or else the solution of y = T' y + 1.
        """
        slopes = _Slopes.at(self, x)
        ones = np.where(slopes.steepness > 0.0, 1.0, 0.0).reshape(x.shape)
        is_least: BoolArray = np.asarray(slopes(ones).max(axis=1, initial=0.0) < 2.0)
        rows = np.flatnonzero(~is_least)
        narrow = slopes.take(rows)
        witness = settle(narrow, ones[rows], 1e-6, _STEPS).x
        with np.errstate(invalid="ignore"):
            proof = (witness - narrow(witness) > -0.5 * ones[rows]) | (ones[rows] == 0.0)
        is_least[rows] = (proof & (witness >= ones[rows])).all(axis=1)
        return is_least

    def from_below(self) -> tuple[FloatArray, BoolArray]:
        """Return the least fixed points by plain steps from nothing, which never overshoot, and where there is one."""
        found = np.full((len(self.pull), self.pull.shape[1] * self.pull.shape[2]), np.nan)
        has_bound = np.zeros(len(found), dtype=bool)
        rows, maps, x, last = np.arange(len(found)), self, np.zeros_like(found), np.full_like(found, np.inf)
        for _ in range(_PATIENCE):
            if not len(rows):
                break
            value = maps(x)
            with np.errstate(invalid="ignore"):
                step = value - x
            size = 1.0 + np.abs(value).max(axis=1, initial=0.0)
            is_done = np.isfinite(size) & (np.abs(step).max(axis=1, initial=0.0) <= TOLERANCE * size)
            # Every step at least as long as the last: T' has a spectral radius of 1 or more below any fixed point.
            is_growing = ((step >= last) | (step == 0.0)).all(axis=1)
            is_over = is_done | is_growing | ~np.isfinite(size)
            found[rows[is_done]], has_bound[rows[is_done]] = value[is_done], True
            x, last = value, step
            if is_over.any():
                kept = np.flatnonzero(~is_over)
                rows, maps, x, last = rows[kept], maps.take(kept), x[kept], last[kept]
        return found, has_bound


@dataclass(frozen=True, slots=True)
class _Slopes:
    """The map y -> T' y + 1 over the pairs that buy, T' the Jacobian of `_Free` at a point."""

    market: Market
    pull: FloatArray
    steepness: FloatArray  # how much b grows with the gain from others [R, J, L]

    @classmethod
    def at(cls, free: _Free, x: FloatArray) -> _Slopes:
        market = free.market
        bought = x.reshape(market.place.shape)
        if market.is_multiplicative:
            steepness = market.delta / free.price[:, :, None]
        else:
            steepness = (bought + market.room) ** 2 / np.where(market.is_pair, market.delta, 1.0)
        return cls(market, free.pull, np.where(bought > 0.0, steepness, 0.0))

    def take(self, rows: IntArray) -> _Slopes:
        return _Slopes(self.market.take(rows), self.pull[rows], self.steepness[rows])

    def __call__(self, x: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", over="ignore"):  # it grows without end where T' is too large
            raised = self.steepness * self.market.gain(x.reshape(self.steepness.shape), self.pull)
        return (raised + np.where(self.steepness > 0.0, 1.0, 0.0)).reshape(x.shape)


def _limited(market: Market, price: FloatArray, free: FloatArray, tolerance: float) -> Reply:
    """Return the reply where deadlines or capacities bind, by steps that raise the game's potential.

    The stage is a weighted potential game where quality does not depend on the follower. Taking the effects at the last
    point and adding a proximal term as heavy as their row sums minorises the potential, so plain steps converge; they
    start from nothing, as followers do. Without a capacity they start from what followers buy if nothing limits them:
    deadlines only add to that.
    """
    pull = market.pull(price)
    maps = _Shared(market, price, pull, Sharing.of(market, market.theta(pull)))
    is_rationed = bool(np.isfinite(market.capacity).any())
    demand = maps(np.zeros((len(price), market.place[0].size)) if is_rationed else free.reshape(len(price), -1))
    iterations = np.ones(len(price), dtype=np.int64)
    if market.has_effects:
        is_finite = np.flatnonzero(np.isfinite(demand).all(axis=1))
        found = settle(maps.take(is_finite), demand[is_finite], tolerance, _STEPS)
        rest = np.flatnonzero(~found.has_settled)
        again = settle(maps.take(is_finite[rest]), found.x[rest], _LOOSE, 5 * _STEPS)
        demand[is_finite], iterations[is_finite] = found.x, found.iterations
        demand[is_finite[rest]] = np.where(again.has_settled[:, None], again.x, np.nan)
    is_bounded: BoolArray = np.asarray(np.isfinite(demand).all(axis=1))
    bought, shadow = np.full(market.place.shape, np.nan), np.zeros(market.capacity.shape)
    multiplier = np.zeros(market.deadline_s.shape)
    rows = np.flatnonzero(is_bounded)
    last = maps.take(rows)
    bought[rows], shadow[rows], multiplier[rows] = last.solve(demand[rows])
    is_bounded[rows] = last.holds(bought[rows])
    is_bounded &= np.isfinite(bought).all(axis=(1, 2))
    is_bounded &= np.isfinite(shadow).all(axis=1) & np.isfinite(multiplier).all(axis=1)
    bought = np.where(is_bounded[:, None, None], bought, np.nan)
    return Reply(bought, shadow, multiplier, is_bounded, iterations)


@dataclass(slots=True)
class _Shared:
    """One step of `_limited` for R scenes, its points flattened to [R, J * L]; `guess` are the last multipliers."""

    market: Market
    price: FloatArray
    pull: FloatArray
    sharing: Sharing
    guess: tuple[FloatArray, FloatArray] | None = None

    def take(self, rows: IntArray) -> _Shared:
        if len(rows) == len(self.price):  # all, in order
            return self
        sharing = self.sharing.take(rows)
        guess = None if self.guess is None else (self.guess[0][rows], self.guess[1][rows])
        return _Shared(sharing.market, self.price[rows], self.pull[rows], sharing, guess)

    def __call__(self, x: FloatArray) -> FloatArray:
        wanted = self.solve(x)[0].reshape(x.shape)
        return np.where(wanted < _LARGEST, wanted, np.inf)

    def solve(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return demand, shadow prices and the deadlines' multipliers when the effects are those at x."""
        market, bought = self.market, x.reshape(self.market.place.shape)
        gain = market.gift + market.gain(bought, self.pull)
        # Where no capacity holds it back, demand that has no bound must be free to show it.
        stiffness, is_finite = np.zeros_like(bought), np.isfinite(market.capacity)[:, :, None]
        if is_finite.any():
            stiffness = np.where(is_finite, market.gain(np.ones_like(bought), self.pull), 0.0)
        worth = market.delta
        if market.is_multiplicative:
            worth, stiffness = worth * (1.0 + gain), worth * stiffness / np.maximum(bought + market.room, 1e-9)
            gain = np.zeros_like(gain)
        with np.errstate(invalid="ignore"):
            level = self.price[:, :, None] - gain - stiffness * bought
        terms = Terms(worth, market.room, stiffness, level)
        demand, shadow, multiplier = self.sharing.solve(terms, self.guess, bought)
        self.guess = np.nan_to_num(shadow, posinf=0.0), np.nan_to_num(multiplier, posinf=0.0)
        return demand, shadow, multiplier

    def holds(self, demand: FloatArray) -> BoolArray:
        """Return where the limits are kept, to rounding: they can be too tight to be kept."""
        with np.errstate(invalid="ignore"):
            fits = (demand.sum(axis=2) <= self.market.capacity * (1.0 + 1e-9)).all(axis=1)
            in_time = (self.sharing.sending_s(demand) <= self.sharing.time_left_s * (1.0 + 1e-9)).all(axis=1)
        return np.asarray(fits & in_time)
