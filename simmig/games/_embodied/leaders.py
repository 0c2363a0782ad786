"""The leaders' stage of the embodied game: prices that no leader wants to change, the others' held.

A leader's earnings are smooth but for three kinds of price: where a follower starts to buy or a deadline to bind their
slope jumps up, so no maximum is there; where sales reach the capacity it jumps down, and that price is often the best.
Below the price at which demand loses its bound they are -inf. Where followers answer each leader by itself that is
left to `competition.py`; for the rest a scan over the whole range finds the right hill, Newton's method its top,
and a second scan, with the others where they have settled, is the proof. The edge beyond which deadlines and capacities
cannot be kept together can be a best price too: it is approached by halves and not called converged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.competition import competed
from simmig.games._embodied.fixed_point import settle
from simmig.games._embodied.trials import Trials

_GRID = 24  # prices of a scan; the lower half of the range gets two thirds of them
_FINER = 8  # times as many where a trial is cheap and only games with several hills are left to the scan
_ZOOMS = 3  # of a scan, each to a third of the bracket
_REPLY_ZOOMS = 15  # to 1e-8 of the range: earnings are flatter than rounding nearer the top
_COARSE = 1e-6  # accuracy of demand on the grid of a scan, which only shows where to look closer
_CLOSE = 1e-3  # of the own earnings: how much less a price of the grid may promise and still be looked at closer
_INSIDE = np.arange(1, 6) / 6.0
_NEAR = np.array([1e-5, 5e-5, 2.5e-4, 1.25e-3, 6e-3, 0.03])  # in parts of the range
_STEP = 1e-4  # of the price, for differences: their error is 1e-8 of the price
_FAR = 0.2  # largest move of one step, in parts of the range
_TOLERANCE = 1e-10
_STEPS = 30
_ROUNDS = 8  # scans before the leaders are said to chase one another
_BETTER = 1e-10  # relative gain that is worth a jump, above rounding
_DROP = 1e-9  # relative, above rounding
_LAST_STEPS = 44  # halvings that find a drop to rounding
_EDGE_STEPS = 16  # halvings that find an edge to 2e-5 of the range


@dataclass(frozen=True, slots=True)
class Posted:
    """Prices [N, J], whether they settled [N], evaluations [N], and whose best price is an edge, or -1 [N]."""

    price: FloatArray
    converged: BoolArray
    iterations: IntArray
    on_edge: IntArray


def equilibrium(trials: Trials, low: FloatArray, high: FloatArray, start: FloatArray) -> Posted:
    """Return prices in [low, high] from which no leader gains, by turns of `_Climb` and `_scanned`."""
    count = len(start)
    found = Posted(start.copy(), np.zeros(count, bool), np.zeros(count, np.int64), np.full(count, -1))
    if not count:
        return found
    rows = np.arange(count)
    if not trials.is_total:
        # Complements and deadlines mostly do little: what leaders would post without them is a good start.
        price, is_settled, found.iterations[:] = competed(trials.stage.relaxed(), low, high)
        if not trials.stage.is_apart:
            is_settled &= trials.stage.reply(price)[2]
        found.price[:] = np.where(is_settled[:, None], price, start)
        found.converged[:] = is_settled & trials.stage.is_apart
        rows = np.flatnonzero(~is_settled)
    if len(rows):
        found.price[rows], _, _ = _scanned(trials.take(rows), found.price[rows], low[rows], high[rows])
    rows = np.flatnonzero(~found.converged)
    for turn in range(_ROUNDS):
        if not len(rows):
            break
        part, bounds = trials.take(rows), (low[rows], high[rows])
        climbed = settle(_Climb(part, *bounds), found.price[rows], _TOLERANCE, _STEPS)
        price = np.clip(climbed.x, *bounds)
        found.iterations[rows] += climbed.iterations + 1
        best, is_better, is_edge = _scanned(part, price, *bounds)
        found.on_edge[rows] = np.where(is_edge.any(axis=1), is_edge.argmax(axis=1), -1)
        is_done: BoolArray = np.asarray(~is_better.any(axis=1))
        # Half of those who gain move where all would circle.
        moves = is_better & ((turn < _ROUNDS // 2) | (np.cumsum(is_better, axis=1) == 1))
        found.price[rows] = np.where(is_done[:, None] | ~moves, price, best)
        found.converged[rows[is_done]] = ~_is_on_brink(part, price, *bounds)[is_done]
        rows = rows[~is_done & (found.on_edge[rows] < 0)]
    return found


def _is_on_brink(trials: Trials, price: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
    """Return where a leader stands next to prices without an answer, as deadlines and capacities clash there: [N].

    It would go to the very edge, where shadow prices have no bound: how much is left to gain is known to few digits.
    """
    if trials.stage.is_apart:
        return np.zeros(len(price), dtype=bool)
    step = (high - low) * _NEAR[0]
    tried = np.clip(np.stack([price - step, price, price + step]), low, high)
    is_open = np.isfinite(trials.believed(price).values(price, tried)[0])
    return np.asarray((is_open[1] & ~is_open.all(axis=0)).any(axis=1))


def best_reply(trials: Trials, price: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return each leader's best price in [low, high] while the others' of [N, J] stand; `high` if it cannot earn."""
    return _scanned(trials, price, low, high, _REPLY_ZOOMS)[0]


def _scanned(
    trials: Trials, price: FloatArray, low: FloatArray, high: FloatArray, zooms: int = _ZOOMS
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return each leader's best price against the others', whether it beats its own, and whether it is an edge."""
    trials = trials.believed(price)
    count = _GRID * (_FINER if trials.stage.is_apart else 1)
    share = np.concatenate([np.linspace(0.0, 0.5, 2 * count // 3, endpoint=False), np.linspace(0.5, 1.0, count // 3)])
    grid = low + (high - low) * share[:, None, None]
    # Where a rival fills up earnings can bend upwards: flat on average at the own price, they rise a little way off.
    near = np.clip(price + (high - low) * np.concatenate([-_NEAR, _NEAR])[:, None, None], low, high)
    rough, rough_shadow = replace(trials, accuracy=_COARSE).values(price, grid)
    sharp, sharp_shadow = trials.values(price, np.concatenate([near, price[None]]))
    tried = np.concatenate([grid, near, price[None]])
    value, shadow = np.concatenate([rough, sharp]), np.concatenate([rough_shadow, sharp_shadow])
    own, first = value[-1], value
    with np.errstate(invalid="ignore"):
        is_open = (sharp.max(axis=0) > own) | (rough.max(axis=0) >= own - _CLOSE * np.abs(own)) | ~(own > 0.0)
    # Next to a price at which the capacity is just sold earnings fall at once, on either side.
    is_open |= np.asarray(np.isfinite(trials.stage.market.capacity).any(axis=1))[:, None]
    is_open |= (zooms > _ZOOMS) | ~np.isfinite(first).all(axis=0)
    for zoom in range(zooms if is_open.any() else 0):
        best = _at(tried, value)
        left = np.where(tried < best, tried, low).max(axis=0)
        right = np.where(tried > best, tried, high).min(axis=0)
        fresh = left + (right - left) * _INSIDE[:, None, None]
        if zoom == 0:  # the best may have been seen from afar only
            fresh = np.concatenate([best[None], fresh])
            value = np.concatenate([np.where(is_open, -np.inf, rough), sharp])
        more, more_shadow = trials.values(price, fresh, is_open)
        tried, value = np.concatenate([tried, fresh]), np.concatenate([value, np.where(is_open, more, -np.inf)])
        shadow = np.concatenate([shadow, more_shadow])
    best, most = _at(tried, value), value.max(axis=0)
    # What is rationed sells as well at the price at which it just is not: no maximum is left of that.
    is_rationed = _at(shadow, value) > 0.0
    if is_rationed.any():
        full = np.clip(best + _at(shadow, value), low, high)
        at_full = trials.values(price, full[None], is_rationed)[0][0]
        is_as_good = is_rationed & (at_full >= most)
        best, most = np.where(is_as_good, full, best), np.where(is_as_good, at_full, most)
    is_edge = _edge(trials, price, (low, high), (tried[: len(first)], first), most)
    best = np.where(most > 0.0, best, high)
    scale = np.maximum(np.abs(most), 1e-12)
    with np.errstate(invalid="ignore"):  # nobody gains by going from one price without a bound to another
        is_better = np.where(most > 0.0, most - own > _BETTER * scale, price < high) & ~(is_edge & np.isfinite(own))
    return best, is_better & np.isfinite(first).any(axis=0), is_edge


def _at(what: FloatArray, value: FloatArray) -> FloatArray:
    """Return what[G, N, J] where value[G, N, J] is largest, the lowest price of equals: [N, J]."""
    chosen = value.argmax(axis=0)[None]
    return np.asarray(np.take_along_axis(what, chosen, axis=0)[0])


def _edge(
    trials: Trials,
    price: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    seen: tuple[FloatArray, FloatArray],
    peak: FloatArray,
) -> BoolArray:
    """Return whose earnings at the price below which demand has no bound are above the peak elsewhere, all [N, J]."""
    tried, value = seen
    is_open = np.isfinite(value)
    has_edge: BoolArray = np.asarray(~is_open.all(axis=0) & is_open.any(axis=0))
    if not has_edge.any():
        return has_edge
    closed = np.where(is_open, bounds[0], tried).max(axis=0)
    above = np.where(is_open & (tried > closed), tried, bounds[1]).min(axis=0)
    most = np.where(has_edge, -np.inf, np.inf)
    for _ in range(_EDGE_STEPS):
        middle = 0.5 * (closed + above)
        found = trials.values(price, middle[None], has_edge)[0][0]
        is_fine = np.isfinite(found)
        most = np.where(has_edge & is_fine, np.maximum(found, most), most)
        above, closed = np.where(is_fine, middle, above), np.where(is_fine, closed, middle)
    return np.asarray(has_edge & (most >= peak) & (above < bounds[1]))


@dataclass(frozen=True, slots=True)
class _Climb:
    """One step of every leader towards the top of its hill, prices [N, J]: Newton's by differences, or uphill."""

    trials: Trials
    low: FloatArray
    high: FloatArray

    def take(self, rows: IntArray) -> _Climb:
        return _Climb(self.trials.take(rows), self.low[rows], self.high[rows])

    def __call__(self, price: FloatArray) -> FloatArray:
        low, high = self.low, self.high
        price = np.clip(price, low, high)
        width = np.minimum(_STEP * price, 0.5 * (high - low))
        centre = np.clip(price, low + width, high - width)
        tried = np.stack([centre - width, centre, centre + width])
        trials = self.trials.believed(price)
        value, shadow = trials.values(price, tried)
        left, middle, right = value
        with np.errstate(invalid="ignore", divide="ignore"):
            slope, bend = (right - left) / (2.0 * width), (right - 2.0 * middle + left) / width**2
            here = slope + bend * (price - centre)
            newton = -here / bend
        far = _FAR * (high - low)
        uphill = np.where(here > 0.0, far, np.where(here < 0.0, -far, 0.0))
        step = np.where((bend < 0.0) & np.isfinite(newton), np.clip(newton, -far, far), uphill)
        # Next to an edge there is no difference to take, and a leader without sales has nothing to climb.
        step = np.where(np.isfinite(left) & np.isfinite(middle) & (width > 0.0), step, 0.0)
        moved = np.where((left <= 0.0) & (middle <= 0.0) & (right <= 0.0), high, np.clip(price + step, low, high))
        return self._filled(trials, price, moved, (tried, value, shadow))

    def _filled(
        self, trials: Trials, price: FloatArray, moved: FloatArray, seen: tuple[FloatArray, FloatArray, FloatArray]
    ) -> FloatArray:
        """Return the price at which the capacity is just sold where that is the top, and `moved` elsewhere.

        What is rationed at p with the shadow price s sells as well at p + s, unless followers then stop to keep one
        another's demand up: earnings fall there at once, and the top is the last price before.
        """
        tried, value, shadow = seen
        is_rationed = shadow[1] > 0.0
        if not (is_rationed | (shadow[0] > 0.0)).any():
            return moved
        full = np.clip(np.where(is_rationed, tried[1] + shadow[1], tried[0] + shadow[0]), self.low, self.high)
        is_top = (shadow[0] > 0.0) & (full <= tried[2]) & (value[2] <= value[1])
        at_full = trials.values(price, full[None])[0][0]
        drops = is_rationed & (at_full < (1.0 - _DROP) * value[1])
        last = np.where(drops, tried[1], full)
        for _ in range(_LAST_STEPS if drops.any() else 0):
            middle = 0.5 * (last + full)
            found, left_over = trials.values(price, middle[None])
            holds = (left_over[0] > 0.0) & (found[0] >= value[1])
            last, full = np.where(drops & holds, middle, last), np.where(drops & ~holds, middle, full)
        return np.where(is_rationed | is_top, last, moved)
