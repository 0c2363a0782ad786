"""Whether a leader of the embodied game earns more on another hill: its demand curve looked at as a table.

Earnings are smooth but where a purchase begins: their slope jumps up there as the price rises, so there are hills on
either side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.curves import Curves, Sales
from simmig.games._embodied.stage import Stage

_DOUBT = 1e-5  # relative, by which table values may be wrong
_FINE = 10  # prices looked at for every node where a purchase begins
_NEAR = 0.95  # of the own earnings: how much a node next to a hill as high has at least
_MARGIN = 0.02  # relative, by which a hill may be higher than the prices looked at show


@dataclass(frozen=True, slots=True)
class Hills:
    """What the leaders of N games earn, their followers answering each by itself."""

    stage: Stage

    def earned(self, price: FloatArray, demand: FloatArray) -> FloatArray:
        """Return what leaders earn, shape [N, J]."""
        own, quality = price[:, :, None], self.stage.market.quality
        share = quality / (quality + own * others(self.stage, price))
        return np.asarray(np.einsum("njl,njl->nj", share * demand, own - self.stage.cost))

    def at_nodes(self, nodes: FloatArray, table: FloatArray, price: FloatArray) -> FloatArray:
        """Return what leaders earn at the nodes [K, N, J] against the others' prices [N, J]; NaN if without bound."""
        market, cost = self.stage.market, self.stage.cost
        rest, value = others(self.stage, price), np.empty(nodes.shape)
        for k, posted in enumerate(nodes):
            own = posted[:, :, None]
            share = market.quality / (market.quality + own * rest)
            value[k] = np.einsum("njl,njl->nj", share * table[k], own - cost)
        return value

    def rivals(
        self, nodes: FloatArray, table: FloatArray, low: FloatArray, price: FloatArray, sales: Sales
    ) -> tuple[FloatArray, BoolArray]:
        """Return the best price [N, J] beyond a dip, as far as the table tells, and whether it may beat the own."""
        market = self.stage.market
        is_blind = np.zeros(len(price), dtype=bool)
        if self.stage.is_myopic and market.has_effects:
            gain = market.gain(sales.demand, market.pull(price))
            table = Curves(market.held(gain), is_held=True).scanned(nodes)
            is_blind = np.asarray((table.sum(axis=3) > market.capacity).any(axis=(0, 2)))
        most = self.earned(price, sales.demand)
        fine, value = self._dense(nodes, table, price, most)
        is_known, is_rival = (fine >= low) & ~np.isnan(value), np.zeros(value.shape, dtype=bool)
        # Outwards from the own price, on either side: what is higher than the lowest on the way is beyond a dip.
        for outwards, is_side in ((slice(None), fine < price), (slice(None, None, -1), fine > price)):
            is_there = is_side & is_known
            way = np.where(is_there, value, np.inf)[outwards]
            lowest = np.minimum(np.minimum.accumulate(way, axis=0)[outwards], most)
            is_rival |= is_there & (value > lowest + _DOUBT * most)
        is_rival &= value >= (1.0 - _MARGIN) * most
        chosen = np.where(is_rival, value, -np.inf).argmax(axis=0)[None]
        rival = np.take_along_axis(fine, chosen, axis=0)[0]
        return rival, is_rival.any(axis=0) | is_blind[:, None]

    def _dense(
        self, nodes: FloatArray, table: FloatArray, price: FloatArray, most: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return falling prices [F, N, J] at and between the nodes, and what leaders earn there, others at `price`.

        Earnings are smooth but where a purchase begins: it is between those nodes that hills can be narrow. Purchases
        are all but straight in 1/p: parabolas through three nodes, those below where one begins. NaN if nodes do.
        """
        at_nodes = self.at_nodes(nodes, table, price)
        ends = np.maximum(at_nodes[:-1], at_nodes[1:])
        place, last = 1.0 / nodes, len(nodes) - 1
        share = np.arange(1, _FINE + 1)[:, None, None] / _FINE
        fine = 1.0 / (place[:-1, None] + (place[1:, None] - place[:-1, None]) * share)
        value = np.full(fine.shape, np.nan)
        value[:, -1] = at_nodes[1:]
        k, n, j = np.nonzero((ends >= _NEAR * most) & (nodes[:-1] > nodes[1:]))
        begins = (table[k, n, j] == 0.0) & (table[k + 1, n, j] > 0.0)
        is_bent = begins.any(axis=1)
        k, n, j, begins = k[is_bent], n[is_bent], j[is_bent], begins[is_bent]
        first, next_one = table[k, n, j], table[k + 1, n, j]
        quality, rest, cost = (x[n, j] for x in (self.stage.market.quality, others(self.stage, price), self.stage.cost))
        own, below = (_parabola(place, table, np.minimum(m, last - 2), n, j) for m in (k, k + 1))
        for m in range(_FINE - 1):
            x = 1.0 / fine[k, m, n, j][:, None]
            bought = np.clip(np.where(begins, below(x), own(x)), first, next_one)
            posted = 1.0 / x
            worth = quality * bought / (quality + posted * rest)
            value[k, m, n, j] = np.einsum("ml,ml->m", worth, posted - cost)
        prices = np.concatenate([nodes[:1], fine.reshape(-1, *price.shape)])
        return prices, np.concatenate([at_nodes[:1], value.reshape(-1, *price.shape)])


def others(stage: Stage, price: FloatArray) -> FloatArray:
    """Return Y of every pair, [N, J, L]."""
    market = stage.market
    pull = market.pull(price)
    return np.asarray(np.maximum(market.of_pair(market.by_follower(pull)) - pull, 0.0))


def _parabola(
    place: FloatArray, table: FloatArray, k: IntArray, n: IntArray, j: IntArray
) -> Callable[[FloatArray], FloatArray]:
    """Return the parabolas [M, L] in x = 1/p through nodes k, k + 1 and k + 2 of M cells."""
    at = [place[k + m, n, j][:, None] for m in range(3)]
    through = [table[k + m, n, j] for m in range(3)]
    slopes = [_ratio(through[m + 1] - through[m], at[m + 1] - at[m]) for m in range(2)]
    bend = _ratio(slopes[1] - slopes[0], at[2] - at[0])
    return lambda x: through[0] + (x - at[0]) * (slopes[0] + (x - at[1]) * bend)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Return a quotient, 0 where prices are the same."""
    return np.asarray(above / np.where(below > 0.0, below, np.inf))
