"""The equilibrium of the leaders of the social game: climb, look for better prices far away, and climb again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._social.followers import respond
from simmig.games._social.leaders import Leaders, climb
from simmig.games._social.trials import Stand, Trials, stand_at

_NODES = (8, 24)  # prices tried evenly between cost and cap,
_WORK = 6_000  # as many as make about this number of pairs
_ENDS = 8  # prices tried at which a follower stops buying, and as many halfway between them
_NEAR = (-0.05, -0.01, 0.0, 0.01, 0.05)  # and next to the present price, in parts of that range
_INSIDE = 8  # prices tried in each zoom, inside a bracket
_ZOOMS = 2
_GAIN = 1e-9  # relative gain worth a jump
_JUMPS = 40
_BLOCK = 30_000  # pairs of the games that are solved at once,
_BLOCK_TRIALS = 10_000  # and of the trials that are made at once: about what the nearest cache holds


def equilibrium(leaders: Leaders) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [B J] at which no seller has a better one; per game, if they were found, and the evaluations.

    Not found means that the leaders chase one another from basin to basin: no pure equilibrium was met.
    """
    market, sellers = leaders.market, leaders.sellers()
    price = np.where(sellers, 0.5 * (leaders.low + leaders.price_max), leaders.price_max)
    if len(market.pairs.owner) <= _BLOCK or market.games == 1:
        found, converged, count = _settled(leaders, price, sellers)
        return found.ravel(), converged, count
    shape = (market.games, market.leaders)
    block = np.cumsum(np.bincount(market.pairs.leader // market.leaders, minlength=market.games)) // _BLOCK
    found, converged, count = price.reshape(shape), np.zeros(market.games, bool), np.zeros(market.games, np.int64)
    for number in np.unique(block):
        games = np.flatnonzero(block == number)
        part, _ = leaders.of(games)
        starts = price.reshape(shape)[games].ravel(), sellers.reshape(shape)[games].ravel()
        found[games], converged[games], count[games] = _settled(part, *starts)
    return found.ravel(), converged, count


def _settled(leaders: Leaders, price: FloatArray, sellers: BoolArray) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return prices [B, J], if they settled [B], and the evaluations [B], from `price[B J]` on."""
    games, shape = leaders.market.games, (-1, leaders.market.leaders)
    found, is_found, count = price.reshape(shape).copy(), np.zeros(games, bool), np.zeros(games, np.int64)
    chases = [Chase([]) for _ in range(games)]
    place, smooth = np.arange(games), ~leaders.may_be_rugged()
    for _ in range(_JUMPS):
        prices, settled, evaluations = climb(leaders, found[place].ravel(), sellers)
        found[place] = prices.reshape(shape)
        count[place] += evaluations
        is_found[place] = settled & smooth[place]
        kept = np.flatnonzero(settled & ~smooth[place])
        place = place[kept]
        if len(place) == 0:
            break
        leaders, _ = leaders.of(kept)
        sellers = sellers.reshape(shape)[kept].ravel()
        target = better_prices(leaders, found[place].ravel(), sellers).reshape(shape)
        is_still = (target == found[place]).all(axis=1)
        is_found[place[is_still]] = True
        nexts = [chases[b].next(found[b], row) for b, row in zip(place, target, strict=True)]
        goes_on = np.array([step is not None for step in nexts]) & ~is_still
        for b, step in zip(place, nexts, strict=True):
            if step is not None:
                found[b] = step
        kept = np.flatnonzero(goes_on)
        place = place[kept]
        if len(place) == 0:
            break
        leaders, _ = leaders.of(kept)
        sellers = sellers.reshape(shape)[kept].ravel()
    return found, is_found, count


@dataclass(slots=True)
class Chase:
    """Where the leaders of a game have come to rest so far; if they return there, they move one at a time."""

    seen: list[FloatArray]
    one_at_a_time: bool = False

    def next(self, price: FloatArray, target: FloatArray) -> FloatArray | None:
        """Return the prices to go on from, towards `target[J]`; None if leaders in turn have gone in a circle."""
        moves = target != price
        if any(bool(np.all(np.abs(price - old) <= 1e-8 * old)) for old in self.seen):
            if self.one_at_a_time:
                return None
            self.one_at_a_time, self.seen = True, []
        self.seen.append(price.copy())
        if self.one_at_a_time:
            moves &= np.cumsum(moves) == 1
        return np.where(moves, target, price)


def better_prices(leaders: Leaders, price: FloatArray, sellers: BoolArray) -> FloatArray:
    """Return the prices with every rugged leader at the best it finds, unchanged where it gains nothing.

    Rugged are the leaders with bent pairs: their utility may have several local maxima.
    """
    pairs = leaders.market.pairs
    reply = respond(leaders.market, price[pairs.leader], pairs.theta(price))
    seen = leaders.seen(reply)
    bent = leaders.bent(price, seen) & sellers[pairs.leader]
    rugged = np.flatnonzero(np.bincount(pairs.leader, bent, len(price)))
    target = price.copy()
    if len(rugged) == 0:
        return target
    stand = stand_at(leaders, price, reply, seen, bent)
    work = stand.work(rugged)
    nodes = _nodes(stand, rugged, work)
    block = np.cumsum(work * np.isfinite(nodes).sum(axis=0)) // _BLOCK_TRIALS
    for number in np.unique(block):
        part = block == number
        target[rugged[part]] = _best_of(stand, rugged[part], nodes[:, part])
    return target


def _best_of(stand: Stand, rugged: IntArray, nodes: FloatArray) -> FloatArray:
    """Return the best price of each leader among `nodes[G, R]` and around them; its own one if it gains nothing."""
    own = stand.price[rugged]
    is_node = np.isfinite(nodes)
    value = np.full(nodes.shape, -np.inf)
    value[is_node] = stand.trials(np.broadcast_to(rugged, nodes.shape)[is_node]).utility(nodes[is_node])
    best = _other_basin(nodes, value, own)
    enough = stand.utility[rugged] * (1.0 + _GAIN)
    target = own.copy()
    gains = (best >= 0) & (value[best, np.arange(len(rugged))] > enough)
    target[gains] = nodes[best[gains], np.flatnonzero(gains)]
    crest, _ = _crest(nodes, value, best)
    close = np.flatnonzero((best >= 0) & ~gains & (1.01 * crest > enough))
    if len(close):
        trials = stand.trials(np.tile(rugged[close], _INSIDE))
        utility, found = _zoom(trials, nodes[:, close], value[:, close], best[close])
        target[close] = np.where(utility > enough[close], found, own[close])
    return target


def _nodes(stand: Stand, rugged: IntArray, work: IntArray) -> FloatArray:
    """Return the prices to try, rising: shape [G, R], inf where fewer than G are tried."""
    low, high = stand.leaders.low[rugged], stand.leaders.price_max[rugged]
    market = stand.leaders.market
    game = rugged // market.leaders
    load = np.bincount(game, work, market.games)[game].astype(np.int64)
    count = np.minimum(np.maximum(_WORK // np.maximum(load, 1), _NODES[0]), _NODES[1])
    step = np.arange(1, int(count.max()) + 1)[:, None]
    even = np.where(step <= count, low + (high - low) * (step / count), np.inf)
    near = stand.price[rugged] + (high - low) * np.array(_NEAR)[:, None]
    tried = [even, np.minimum(np.maximum(near, low), high)]
    drops = np.bincount(stand.seen.pairs.leader // market.leaders, stand.seen.drops, market.games)[game] > 0.0
    if bool(drops.any()):
        ends = np.minimum(np.maximum(_ends(stand, rugged), low), high)
        both = [ends, 0.5 * (ends + np.concatenate([low[None], ends[:-1]]))]
        tried += [np.where(drops, x, np.inf) for x in both]
    return np.sort(np.concatenate(tried), axis=0)


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
    left, right = np.maximum(best - 1, 0), np.minimum(best + 1, np.isfinite(nodes).sum(axis=0) - 1)
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
        last = np.isfinite(nodes).sum(axis=0) - 1
        left, right = nodes[np.maximum(best - 1, 0), column], nodes[np.minimum(best + 1, last), column]
        nodes = left + (right - left) * inside
        value = trials.utility(nodes.ravel()).reshape(nodes.shape)
        best = value.argmax(axis=0)
    _, top = _crest(nodes, value, best)
    utility = trials.utility(np.tile(top, _INSIDE))[: len(best)]
    highest = value[best, column]
    return np.maximum(utility, highest), np.where(utility >= highest, top, nodes[best, column])
