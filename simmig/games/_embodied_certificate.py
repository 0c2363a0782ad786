"""The certificate of the embodied game: what any single player could still gain, searched without the solver's code.

A follower's problem is concave unless a complement is at work; then it is searched from many corners of what capacities
leave it. A leader tries prices over its whole range, around its own and in the bracket of the best.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Certificate, FloatArray
from simmig.games._embodied_check import room
from simmig.games._embodied_replies import Pairs, answer, best_reply

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame

_GRID = 40
_NEAR = np.array([-0.03, -0.003, -3e-4, -3e-5, -1e-6, 0.0, 1e-6, 3e-5, 3e-4, 0.003, 0.03])  # in parts of the range
_ZOOMS = 5
_INSIDE = np.arange(1, 6) / 6.0
_ON_TIME = 1.0 + 1e-9  # rounding by which a deadline may be missed
_SMALL = 1e-12  # smallest size of utility that a gain is compared with
_CORNERS = 6  # up to so many leaders, all sets of them are tried full
_SWEEPS = 400


def certify(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> Certificate:
    """Return every player's largest gain at any prices [..., J] and demands [..., I, J]."""
    follower_gap = np.empty(game.delta.shape)
    leader_gap = np.empty(game.price_max.shape)
    price = np.broadcast_to(price, leader_gap.shape)
    demand = np.broadcast_to(demand, game.eligible.shape)
    for place in np.ndindex(*game.batch):
        one = single(game, place)
        posted, bought = price[place], demand[place]
        if not (np.isfinite(posted).all() and np.isfinite(bought).all()):
            follower_gap[place], leader_gap[place] = np.nan, np.nan
            continue
        follower_gap[place] = _follower_gaps(one, posted, bought)
        leader_gap[place] = [_leader_gap(one, posted, bought, j) for j in range(len(posted))]
    follower_size = np.maximum(np.abs(game.follower_utility(price, demand)), _SMALL)
    leader_size = np.maximum(np.abs(game.leader_utility(price, demand)), _SMALL)
    return Certificate(follower_gap, leader_gap, follower_gap / follower_size, leader_gap / leader_size)


def single(game: EmbodiedGame, place: tuple[int, ...]) -> EmbodiedGame:
    """Return one game of a batch."""
    names = "delta delay_cost ties complement quality cost price_max work_s delay_s deadline_s capacity eligible"
    return replace(game, **{name: getattr(game, name)[place] for name in names.split()})


def _follower_gaps(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> FloatArray:
    """Return the gain of each follower's best reply, shape [I]; inf without bound or where it is late now."""
    theta = game.pairing(price)
    left = game.capacity - demand.sum(axis=0) + demand
    most = np.where(game.eligible, np.maximum(left, demand), 0.0)
    social = np.einsum("ik,kj->ij", game.ties, demand)
    net, worth = price - social, np.broadcast_to(game.delta[:, None], demand.shape)
    if game.effects == "multiplicative":
        own = np.einsum("ij,jk->ik", demand, game.complement)
        worth, net = worth * (1.0 + social + own), np.broadcast_to(price, demand.shape)
    pairs = Pairs(worth, room(game.delay_cost)[:, None] + 0.0 * demand, theta, game.work_s, most)
    left_s = game.deadline_s - np.where(game.eligible, theta * game.delay_s, 0.0).sum(axis=1)
    has_complement = game.effects == "additive" and bool(game.complement.any())
    now = _worth(game, pairs, net, demand, has_complement)
    best = best_reply(pairs, net, left_s)
    top = _worth(game, pairs, net, best, has_complement)
    if has_complement:
        for corner in _corners(game, pairs, net, most, demand):
            is_on_time = _sending_s(pairs, corner) <= left_s * _ON_TIME
            reached = _worth(game, pairs, net, corner, has_complement)
            top = np.where(is_on_time, np.fmax(top, np.where(np.isnan(reached), np.inf, reached)), top)
    is_late = _sending_s(pairs, demand) > left_s * _ON_TIME
    gap = np.where(is_late & np.isfinite(game.deadline_s), np.inf, np.maximum(top - now, 0.0))
    return np.where(game.eligible.any(axis=1), gap, 0.0)


def _sending_s(pairs: Pairs, demand: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs.theta > 0.0, pairs.theta * pairs.work_s / demand, 0.0).sum(axis=1)


def _worth(game: EmbodiedGame, pairs: Pairs, net: FloatArray, demand: FloatArray, has_complement: bool) -> FloatArray:
    """Return the part of the utilities that a follower's own choice moves, shape [I]; inf or NaN without bound."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        inside = np.where(pairs.theta > 0.0, demand + pairs.room, 1.0)
        each = pairs.worth * np.log(inside) - np.where(demand > 0.0, net * demand, 0.0)
        if has_complement:
            each = each + demand * np.einsum("ij,jk->ik", demand, game.complement)
        return np.where(pairs.theta > 0.0, pairs.theta * each, 0.0).sum(axis=1)


def _corners(
    game: EmbodiedGame, pairs: Pairs, net: FloatArray, most: FloatArray, demand: FloatArray
) -> list[FloatArray]:
    """Return ends of coordinate ascent from sets of leaders bought full, all sets of few leaders; inf is no bound."""
    leaders = game.complement.shape[0]
    sets = range(1 << leaders) if leaders <= _CORNERS else [(1 << k) - 1 for k in range(leaders + 1)]
    weight = np.where(pairs.theta > 0.0, pairs.theta, 1.0)
    ends = []
    for chosen in sets:
        is_full = np.array([bool(chosen >> j & 1) for j in range(leaders)])
        # A leader without a capacity is bought without end if that pays: one large purchase shows it.
        large = np.where(np.isfinite(most), most, 1e6 * (1.0 + demand))
        bought = np.where(is_full & game.eligible, large, np.minimum(demand, most))
        for _ in range(_SWEEPS):
            before = bought.copy()
            for j in range(leaders):
                both = 1.0 + weight / weight[:, [j]]
                level = net[:, j] - (both * bought * game.complement[j]).sum(axis=1)
                with np.errstate(divide="ignore"):
                    wanted = np.where(level > 0.0, pairs.worth[:, j] / np.where(level > 0, level, 1.0), np.inf)
                wanted = np.clip(wanted - pairs.room[:, j], 0.0, most[:, j])
                bought[:, j] = np.where(np.isinf(wanted), large[:, j], wanted)
            if bool((np.abs(bought - before) <= 1e-13 * (1.0 + bought)).all()):
                break
        is_endless = (np.isinf(most) & (bought >= large) & game.eligible).any(axis=1)
        ends.append(np.where(is_endless[:, None] & np.isinf(most), np.inf, bought))
    return ends


def _leader_gap(game: EmbodiedGame, price: FloatArray, demand: FloatArray, j: int) -> float:
    """Return what leader j earns at its best price less what it earns at its own, the followers answering."""
    if not game.eligible[:, j].any():
        return 0.0
    low = float(game.cost[game.eligible[:, j], j].max())
    high, own = float(game.price_max[j]), float(price[j])
    gift = np.zeros(demand.shape)
    if game.leader_model == "myopic":
        gift = _gains(game, price, demand)
    near = np.clip(own + (high - low) * _NEAR, low, high)
    tried = np.concatenate([[own], near, np.linspace(low, high, _GRID)])
    value = _earned(game, price, j, tried, gift)
    now = value[0]
    for _ in range(_ZOOMS):
        best = tried[int(value.argmax())]
        left, right = tried[tried < best].max(initial=low), tried[tried > best].min(initial=high)
        fresh = left + (right - left) * _INSIDE
        tried, value = np.concatenate([tried, fresh]), np.concatenate([value, _earned(game, price, j, fresh, gift)])
    return float(value.max() - now) if np.isfinite(value.max()) else 0.0


def _gains(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> FloatArray:
    """Return what purchases add to the worth of one more unit of each pair, [I, J]."""
    gain = np.einsum("ik,kj->ij", game.ties, demand) + np.einsum("ij,jk->ik", demand, game.complement)
    if game.effects == "additive":
        theta = game.pairing(price)
        weight = np.where(theta > 0.0, theta, 1.0)
        gain = gain + np.einsum("ij,jk->ik", demand * theta, game.complement) / weight
    return np.where(game.eligible, gain, 0.0)


def _earned(game: EmbodiedGame, price: FloatArray, j: int, tried: FloatArray, gift: FloatArray) -> FloatArray:
    """Return leader j's utility at prices tried[G] against the others' price[J], shape [G]; -inf without an answer."""
    posted = np.repeat(price[None], len(tried), axis=0)
    posted[:, j] = tried
    is_linked = bool(game.complement.any()) or bool(np.isfinite(game.deadline_s).any())
    columns = np.ones(len(price), dtype=bool) if is_linked else np.arange(len(price)) == j
    bought, has_answer = answer(game, posted, columns, gift)
    theta = game.pairing(posted)[:, :, j]
    own = int(np.flatnonzero(columns).tolist().index(j))
    sold = theta * np.where(has_answer[:, None] & game.eligible[:, j], bought[:, :, own], 0.0)
    earned = (sold * (tried[:, None] - game.cost[:, j])).sum(axis=1)
    return np.where(has_answer, earned, -np.inf)
