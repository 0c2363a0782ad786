"""The equilibrium of the leaders of the social game: climb, look for better prices far away, and climb again."""

from __future__ import annotations

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social_followers import respond
from simmig.games._social_leaders import Leaders, climb
from simmig.games._social_trials import Stand, Trials, stand_at

_NODES = (8, 24)  # prices tried evenly between cost and cap,
_WORK = 6_000  # as many as make about this number of pairs
_ENDS = 8  # prices tried at which a follower stops buying, and as many halfway between them
_NEAR = (-0.05, -0.01, 0.0, 0.01, 0.05)  # and next to the present price, in parts of that range
_INSIDE = 8  # prices tried in each zoom, inside a bracket
_ZOOMS = 2
_GAIN = 1e-9  # relative gain worth a jump
_JUMPS = 40


def equilibrium(leaders: Leaders) -> tuple[FloatArray, bool, int]:
    """Return prices at which no seller has a better one, whether they were found, and the evaluations.

    Not found means that the leaders chase one another from basin to basin: no pure equilibrium was met.
    """
    sellers = leaders.sellers()
    price = np.where(sellers, 0.5 * (leaders.cost + leaders.price_max), leaders.price_max)
    seen: list[FloatArray] = []
    total, one_at_a_time = 0, False
    may_be_rugged = bool(leaders.market.drops.any()) or len(leaders.market.pairs.timed.pair) > 0
    for _ in range(_JUMPS):
        price, settled, count = climb(leaders, price, sellers)
        total += count
        if not settled or not may_be_rugged:
            return price, settled, total
        target = _better_prices(leaders, price, sellers)
        moves = target != price
        if not bool(moves.any()):
            return price, True, total
        if any(bool(np.all(np.abs(price - old) <= 1e-8 * old)) for old in seen):
            if one_at_a_time:
                return price, False, total
            one_at_a_time, seen = True, []
        seen.append(price)
        if one_at_a_time:
            moves &= np.cumsum(moves) == 1
        price = np.where(moves, target, price)
    return price, False, total


def _better_prices(leaders: Leaders, price: FloatArray, sellers: BoolArray) -> FloatArray:
    """Return the prices with every rugged leader at the best it finds, unchanged where it gains nothing.

    Rugged are the leaders with bent pairs: their utility may have several local maxima.
    """
    pairs = leaders.market.pairs
    reply = respond(leaders.market, price[pairs.leader], pairs.theta(price))
    seen = leaders.seen(reply)
    bent = leaders.bent(price, seen) & sellers[pairs.leader]
    rugged = np.flatnonzero(np.bincount(pairs.leader, bent, len(price)))
    if len(rugged) == 0:
        return price
    stand = stand_at(leaders, price, reply, seen, bent)
    nodes = _nodes(stand, rugged)
    value = stand.trials(np.tile(rugged, len(nodes))).utility(nodes.ravel()).reshape(nodes.shape)
    best = _other_basin(nodes, value, price[rugged])
    enough = stand.utility[rugged] * (1.0 + _GAIN)
    target = price.copy()
    gains = (best >= 0) & (value[best, np.arange(len(rugged))] > enough)
    target[rugged[gains]] = nodes[best[gains], np.flatnonzero(gains)]
    crest, _ = _crest(nodes, value, best)
    close = np.flatnonzero((best >= 0) & ~gains & (1.01 * crest > enough))
    if len(close):
        trials = stand.trials(np.tile(rugged[close], _INSIDE))
        utility, found = _zoom(trials, nodes[:, close], value[:, close], best[close])
        target[rugged[close]] = np.where(utility > enough[close], found, price[rugged[close]])
    return target


def _nodes(stand: Stand, rugged: IntArray) -> FloatArray:
    """Return the prices to try, rising: shape [G, R]."""
    low, high = stand.leaders.cost[rugged], stand.leaders.price_max[rugged]
    count = min(max(_WORK // max(stand.work(rugged), 1), _NODES[0]), _NODES[1])
    even = low + (high - low) * (np.arange(1, count + 1) / count)[:, None]
    near = stand.price[rugged] + (high - low) * np.array(_NEAR)[:, None]
    tried = [even, near]
    if bool(stand.seen.drops.any()):
        ends = np.minimum(np.maximum(_ends(stand, rugged), low), high)
        tried += [ends, 0.5 * (ends + np.concatenate([low[None], ends[:-1]]))]
    return np.sort(np.minimum(np.maximum(np.concatenate(tried), low), high), axis=0)


def _ends(stand: Stand, rugged: IntArray) -> FloatArray:
    """Return prices at which followers of each leader stop buying, rising: up to _ENDS of them, shape [_ENDS, R].

    Between two of them utility is smooth, and where no deadline binds it is concave.
    """
    pairs = stand.seen.pairs
    ends = pairs.intercept / pairs.slope
    order = np.lexsort((ends, pairs.leader))
    first = np.searchsorted(pairs.leader[order], np.arange(len(stand.price) + 1))
    last = (first[1:] - first[:-1] - 1)[rugged]
    chosen: FloatArray = ends[order[first[rugged] + np.arange(_ENDS)[:, None] * last // (_ENDS - 1)]]
    return chosen


def _other_basin(nodes: FloatArray, value: FloatArray, price: FloatArray) -> IntArray:
    """Return the best local maximum among the nodes other than the present price; -1 for none."""
    padded = np.pad(value, ((1, 1), (0, 0)), constant_values=-np.inf)
    is_top = (value >= padded[:-2]) & (value >= padded[2:]) & (value > 0.0) & (nodes != price)
    best: IntArray = np.where(is_top, value, -np.inf).argmax(axis=0)
    return np.where(is_top.any(axis=0), best, -1)


def _crest(nodes: FloatArray, value: FloatArray, best: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the top of the parabola through each best node and its neighbours: how high, and at which price."""
    column = np.arange(len(best))
    left, right = np.maximum(best - 1, 0), np.minimum(best + 1, len(nodes) - 1)
    x, y, z = nodes[left, column], nodes[best, column], nodes[right, column]
    middle = value[best, column]
    inner = (x < y) & (y < z)
    rise = (middle - value[left, column]) / np.where(inner, y - x, 1.0)
    fall = (middle - value[right, column]) / np.where(inner, z - y, 1.0)
    inner &= rise + fall > 0.0
    tilt = np.where(inner, (rise * (z - y) - fall * (y - x)) / np.where(inner, z - x, 1.0), 0.0)
    reach = 0.5 * tilt * (z - x) / np.where(inner, rise + fall, 1.0)
    return middle + 0.5 * tilt * reach, y + reach


def _zoom(trials: Trials, nodes: FloatArray, value: FloatArray, best: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the highest utility around the best nodes, and its price; `trials` has _INSIDE for each leader."""
    column = np.arange(len(best))
    inside = (np.arange(1, _INSIDE + 1) / (_INSIDE + 1))[:, None]
    for _ in range(_ZOOMS):
        left, right = nodes[np.maximum(best - 1, 0), column], nodes[np.minimum(best + 1, len(nodes) - 1), column]
        nodes = left + (right - left) * inside
        value = trials.utility(nodes.ravel()).reshape(nodes.shape)
        best = value.argmax(axis=0)
    _, top = _crest(nodes, value, best)
    utility = trials.utility(np.tile(top, _INSIDE))[: len(best)]
    highest = value[best, column]
    return np.maximum(utility, highest), np.where(utility >= highest, top, nodes[best, column])
