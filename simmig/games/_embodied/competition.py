"""The leaders' stage where followers answer each leader by itself: Newton's method with exact derivatives.

With Y_i = sum_l q_il / p_l over the other leaders, a leader earns sum_i q_i b_i(p) (p - c_i) / (q_i + p Y_i). Its curve
b(p) is its own alone, so it is tabulated once; that finds every leader's hill, Newton's method on all leaders'
first-order conditions the tops, and the table again, against the others where they have settled, is the check. Games
for which any of this leaves a doubt are reported as not settled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.curves import Curves, Sales
from simmig.games._embodied.hills import Hills, others
from simmig.games._embodied.linear import eliminated
from simmig.games._embodied.stage import Stage

_NODES = 20  # prices of a table, by equal ratios: of 1.15 for a cap of 15 times the cost
_STEPS = 40
_FAR = 0.2  # largest move of one step, in parts of the range
_TOLERANCE = 1e-11  # last step in parts of the price: what Newton's next would change is rounding
_JUMPS = 8  # to other hills
_CHUNK = 200_000  # ties that fit the caches
_SPARE = 0.5  # games are packed again when no more than this share of them is still moving

_Climbed = tuple[FloatArray, Sales, BoolArray, IntArray]  # prices, sales, whether they settled, steps


def competed(stage: Stage, low: FloatArray, high: FloatArray) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [N, J] of a stage taken apart, where they are an equilibrium beyond doubt [N], and evaluations."""
    count = len(high)
    price, is_settled, iterations = high.copy(), np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
    leaders, most = stage.market.place.shape[1:]
    width = leaders * most * (stage.market.ties.weight.shape[2] if stage.market.ties is not None else 1)
    step = max(_CHUNK // max(width, 1), 1)
    for first in range(0, count, step):
        games = np.arange(first, min(first + step, count))
        race = _Race(stage.take(games), low[games], high[games])
        price[games], is_settled[games], iterations[games] = race.run()
    return price, is_settled, iterations


@dataclass(frozen=True, slots=True)
class _Race:
    """N games, the bounds of their prices [N, J]."""

    stage: Stage
    low: FloatArray
    high: FloatArray

    def run(self) -> tuple[FloatArray, BoolArray, IntArray]:
        """Return what `competed` does."""
        curves, hills = Curves(self.stage.market, self.stage.is_myopic), Hills(self.stage)
        share = np.linspace(0.0, 1.0, _NODES)[:, None, None]
        nodes = self.high * (self.low / self.high) ** share
        table = curves.scanned(nodes)
        low, is_known = self._least(curves, nodes, table)
        value = hills.at_nodes(nodes, table, np.sqrt(low * self.high))
        top = _highest(nodes, value, low)
        value = hills.at_nodes(nodes, table, top)
        chosen = np.where(nodes >= low, value, -np.inf).argmax(axis=0)[None]
        start = np.take_along_axis(table, chosen[..., None], axis=0)[0]
        is_known &= np.isfinite(start).all(axis=(1, 2))
        top = np.maximum(np.take_along_axis(nodes, chosen, axis=0)[0], low)
        price, sales, is_settled, iterations = self._climbed(curves, (low, self.high), top, np.nan_to_num(start))
        is_settled &= is_known & self._is_worth_it(price, sales)
        return self._jumped(curves, (nodes, table), low, (price, sales, is_settled, iterations))

    def _jumped(
        self, curves: Curves, table: tuple[FloatArray, FloatArray], low: FloatArray, climbed: _Climbed
    ) -> tuple[FloatArray, BoolArray, IntArray]:
        """Return what was climbed after every leader has tried its other hills, the others standing still.

        Not settled are the games where that has no end, and myopic ones with other hills: what such a leader believes
        to sell there is not on the curve that is climbed.
        """
        price, sales, is_settled, iterations = climbed
        is_cleared = np.zeros(price.shape, dtype=bool)
        rows = np.flatnonzero(is_settled)
        for _ in range(_JUMPS if len(rows) else 0):
            race = self if len(rows) == len(price) else self._take(rows)
            seen = tuple(x[:, rows] for x in table) if len(rows) < len(price) else table
            rival, is_rival = Hills(race.stage).rivals(seen[0], seen[1], low[rows], price[rows], sales.take(rows))
            is_rival &= ~is_cleared[rows]
            is_left = is_rival.any(axis=1)
            rows, rival, is_rival = rows[is_left], rival[is_left], is_rival[is_left]
            if self.stage.is_myopic or not len(rows):
                break
            alone = is_rival & (np.cumsum(is_rival, axis=1) == 1)
            there, is_found, is_gain = self._tried(curves, rows, low, (price, sales), (alone, rival))
            is_settled[rows], is_cleared[rows] = is_found, (is_cleared[rows] | alone) & ~is_gain[:, None]
            games = rows[is_gain]
            if len(games):
                start = np.zeros((len(games), *sales.demand.shape[1:]))
                moved, more, is_settled[games], steps = self._take(games)._climbed(
                    curves.take(games), (low[games], self.high[games]), there[is_gain], start
                )
                price[games], iterations[games] = moved, iterations[games] + steps
                sales.demand[games], sales.is_found[games] = more.demand, more.is_found
            rows = rows[is_settled[rows]]
            if not len(rows):
                break
        is_settled[rows] = False
        return price, is_settled, iterations

    def _tried(
        self,
        curves: Curves,
        rows: IntArray,
        low: FloatArray,
        here: tuple[FloatArray, Sales],
        rivals: tuple[BoolArray, FloatArray],
    ) -> tuple[FloatArray, BoolArray, BoolArray]:
        """Return the tops of the rival hills, in games `rows`, where they were found, and where they are higher."""
        (alone, rival), price, sales = rivals, here[0][rows], here[1].take(rows)
        race = self._take(rows)
        bounds = np.where(alone, low[rows], price), np.where(alone, race.high, price)
        start = np.where(alone[:, :, None], 0.0, sales.demand)
        there, found, is_found, _ = race._climbed(curves.take(rows), bounds, np.where(alone, rival, price), start)
        hills = Hills(race.stage)
        gain = hills.earned(there, found.demand) - hills.earned(price, sales.demand)
        return there, is_found, is_found & (np.where(alone, gain, 0.0).sum(axis=1) > 0.0)

    def _least(self, curves: Curves, nodes: FloatArray, table: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Return the lowest prices worth posting [N, J], and where they are known [N].

        Below the price at which a leader just sells its capacity it would sell no more, only for less.
        """
        market = self.stage.market
        sold = table.sum(axis=3)
        is_closed = ~np.isfinite(sold)
        with np.errstate(invalid="ignore"):
            is_over = sold > market.capacity
        over = np.where(is_over, nodes, -np.inf).max(axis=0)
        is_capped = np.isfinite(over)
        closed = np.where(is_closed, nodes, -np.inf).max(axis=0)
        is_known = (over >= closed).all(axis=1) & ~(is_capped & self.stage.is_myopic).any(axis=1)
        if not is_capped.any():
            return self.low, is_known
        # Newton's method from the left, where sales are above: they are convex, so it is monotone.
        price = np.where(is_capped, over, self.high)
        chosen = np.argmax(np.where(nodes == price, 1, 0), axis=0)[None]
        start = np.nan_to_num(np.take_along_axis(table, chosen[..., None], axis=0)[0])
        for _ in range(_STEPS):
            sales = curves.at(price, start)
            start = sales.demand
            excess, slope = sales.demand.sum(axis=2) - market.capacity, sales.slope.sum(axis=2)
            step = np.where(
                is_capped & (slope < 0.0) & (excess > 0.0), -excess / np.where(slope < 0.0, slope, 1.0), 0.0
            )
            price = np.minimum(price + step, self.high)
            if not bool((step > 1e-15 * price).any()):
                break
        is_known &= sales.is_found
        just = np.minimum(price * (1.0 + 1e-14), self.high)  # sold out to rounding, and nobody rationed
        return np.where(is_capped, np.maximum(just, self.low), self.low), is_known

    def _climbed(
        self, curves: Curves, bounds: tuple[FloatArray, FloatArray], top: FloatArray, start: FloatArray
    ) -> _Climbed:
        """Return prices from which no leader wants to move a little, their sales, where, and the steps taken."""
        count = len(top)
        price, is_settled, iterations = top.copy(), np.zeros(count, dtype=bool), np.zeros(count, dtype=np.int64)
        kept = Sales(start.copy(), np.zeros_like(start), np.zeros_like(start), np.zeros(count, dtype=bool))
        rows, race, part, here, bought, guess = np.arange(count), self, curves, top, start, None
        for number in range(_STEPS):
            sales = part.at(here, bought, guess)
            step = _step(race.stage, here, sales, bounds)
            is_done = np.abs(step).max(axis=1) <= _TOLERANCE * here.max(axis=1)
            is_over = is_done | ~sales.is_found | (number == _STEPS - 1)
            fresh = is_over & (iterations[rows] == 0)
            done = rows[fresh]
            price[done], iterations[done] = (here + step)[fresh], number + 1
            is_settled[done] = (is_done & sales.is_found)[fresh]
            kept.demand[done], kept.is_found[done] = sales.demand[fresh], sales.is_found[fresh]
            left = np.flatnonzero(iterations[rows] == 0)
            if not len(left):
                break
            if len(left) <= _SPARE * len(rows):
                rows, here, step, sales = rows[left], here[left], step[left], sales.take(left)
                race, part, bounds = race._take(left), part.take(left), (bounds[0][left], bounds[1][left])
            here, move = here + step, step[:, :, None]
            bought = np.maximum(sales.demand + move * (sales.slope + 0.5 * move * sales.bend), 0.0)
            guess = Sales(sales.demand, sales.slope + move * sales.bend, sales.bend, sales.is_found)
        return price, kept, is_settled, iterations

    def _take(self, games: IntArray) -> _Race:
        return _Race(self.stage.take(games), self.low[games], self.high[games])

    def _is_worth_it(self, price: FloatArray, sales: Sales) -> BoolArray:
        """Return where every leader earns something or posts its cap, shape [N]."""
        return np.asarray(((Hills(self.stage).earned(price, sales.demand) > 0.0) | (price >= self.high)).all(axis=1))


def _highest(nodes: FloatArray, value: FloatArray, low: FloatArray) -> FloatArray:
    """Return the node [N, J] with the largest value, none below `low`."""
    chosen = np.where(nodes >= low, value, -np.inf)
    chosen = np.where(np.isnan(chosen), -np.inf, chosen).argmax(axis=0)[None]
    return np.asarray(np.maximum(np.take_along_axis(nodes, chosen, axis=0)[0], low))


def _step(stage: Stage, price: FloatArray, sales: Sales, bounds: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return Newton's step [N, J] for all first-order conditions at once, uphill where a leader is not on a top."""
    market, (low, high) = stage.market, bounds
    own, quality = price[:, :, None], market.quality
    rest, margin = others(stage, price), own - stage.cost
    total = quality + own * rest
    worth = quality * sales.demand * margin / total
    first = (quality * (sales.slope * margin + sales.demand) - worth * rest) / total
    second = (quality * (sales.bend * margin + 2.0 * sales.slope) - 2.0 * first * rest) / total
    slope, bend = first.sum(axis=2), second.sum(axis=2)
    far = _FAR * (high - low)
    is_bound = ((price <= low) & (slope <= 0.0)) | ((price >= high) & (slope >= 0.0))
    is_top = (bend < 0.0) & ~is_bound
    cross = market.crossed((worth * quality / total + first * own) / total, market.pull(price) / own)
    matrix = np.where(is_top[:, :, None], cross, 0.0)
    leaders = np.arange(price.shape[1])
    matrix[:, leaders, leaders] = np.where(is_top, bend, 1.0)
    uphill = np.where(is_bound, 0.0, np.sign(slope) * far)
    step = eliminated(matrix, np.where(is_top, -slope, uphill))
    step = np.clip(np.where(np.isfinite(step), step, uphill), -far, far)
    return np.clip(price + step, low, high) - price
