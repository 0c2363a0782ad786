"""The certificate of the embodied game: what any single player could still gain, searched without the solver's code.

A follower's problem is concave unless a complement is at work; then it is searched from many corners of what capacities
leave it. A leader tries prices over its whole range, around its own and in the bracket of the best.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Certificate, FloatArray, IntArray
from simmig.games._embodied.check import AXES, room
from simmig.games._embodied.replies import Pairs, best_reply, sending_s
from simmig.games._embodied.scenes import SETTLED, Scenes, answer

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame

_GRID = 40
_NEAR = np.array([-0.03, -0.003, -3e-4, -3e-5, -1e-6, 0.0, 1e-6, 3e-5, 3e-4, 0.003, 0.03])  # in parts of the range
_ZOOMS = 5
_INSIDE = np.arange(1, 6) / 6.0
_COARSE = 1e-6  # accuracy of demand on the grid, which only shows where to look closer
_CLOSE = 1e-3  # of the own earnings: how much less a price of the grid may promise and still be looked at closer
_ON_TIME = 1.0 + 1e-9  # rounding by which a deadline may be missed
_SMALL = 1e-12  # smallest size of utility that a gain is compared with
_CORNERS = 6  # up to so many leaders, all sets of them are tried full
_SWEEPS = 400
_SIZE = 50_000  # numbers that are worked on at once: they fit the caches


def certify(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> Certificate:
    """Return every player's largest gain at any prices [..., J] and demands [..., I, J]."""
    followers, leaders = game.eligible.shape[-2:]
    flat = _flat(game)
    posted = np.broadcast_to(price, game.price_max.shape).reshape(-1, leaders)
    bought = np.broadcast_to(demand, game.eligible.shape).reshape(-1, followers, leaders)
    is_given = np.isfinite(posted).all(axis=1) & np.isfinite(bought).all(axis=(1, 2))
    follower_gap, leader_gap = np.full(flat.delta.shape, np.nan), np.full(flat.price_max.shape, np.nan)
    games = np.flatnonzero(is_given)
    step = max(_SIZE // (followers * max(leaders, followers)), 1)
    for chunk in (games[k : k + step] for k in range(0, len(games), step)):
        some = _some(flat, chunk)
        follower_gap[chunk] = _follower_gaps(some, posted[chunk], bought[chunk])
        leader_gap[chunk] = _leader_gaps(some, posted[chunk], bought[chunk])
    follower_gap, leader_gap = follower_gap.reshape(game.delta.shape), leader_gap.reshape(game.price_max.shape)
    follower_size = np.maximum(np.abs(game.follower_utility(price, demand)), _SMALL)
    leader_size = np.maximum(np.abs(game.leader_utility(price, demand)), _SMALL)
    return Certificate(follower_gap, leader_gap, follower_gap / follower_size, leader_gap / leader_size)


def _flat(game: EmbodiedGame) -> EmbodiedGame:
    """Return the games with one batch axis."""
    axes = len(game.batch)
    values = {name: getattr(game, name) for name in AXES}
    return replace(game, **{name: x.reshape(-1, *x.shape[axes:]) for name, x in values.items()})


def _some(game: EmbodiedGame, games: IntArray) -> EmbodiedGame:
    return replace(game, **{name: getattr(game, name)[games] for name in AXES})


def _follower_gaps(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> FloatArray:
    """Return the gain of each follower's best reply, shape [N, I]; inf without bound or where it is late now."""
    theta, net = game.pairing(price), np.broadcast_to(price[:, None, :], demand.shape)
    left = game.capacity[:, None, :] - demand.sum(axis=1, keepdims=True) + demand
    most = np.where(game.eligible, np.maximum(left, demand), 0.0)
    social = np.einsum("nik,nkj->nij", game.ties, demand)
    worth = np.broadcast_to(game.delta[:, :, None], demand.shape)
    if game.effects == "multiplicative":
        own = np.einsum("nij,njk->nik", demand, game.complement)
        worth = worth * (1.0 + social + own)
    else:
        net = net - social
    pairs = Pairs(worth, room(game.delay_cost)[:, :, None] + 0.0 * demand, theta, game.work_s, most)
    left_s = game.deadline_s - np.where(game.eligible, theta * game.delay_s, 0.0).sum(axis=2)
    has_complement = game.effects == "additive" and bool(game.complement.any())
    now = _worth(game, pairs, net, demand, has_complement)
    best = best_reply(pairs, net, left_s).bought
    top = _worth(game, pairs, net, best, has_complement)
    if has_complement:
        for corner in _corners(game, pairs, net, most, demand):
            is_on_time = sending_s(pairs, corner) <= left_s * _ON_TIME
            reached = _worth(game, pairs, net, corner, has_complement)
            top = np.where(is_on_time, np.fmax(top, np.where(np.isnan(reached), np.inf, reached)), top)
    is_late = sending_s(pairs, demand) > left_s * _ON_TIME
    gap = np.where(is_late & np.isfinite(game.deadline_s), np.inf, np.maximum(top - now, 0.0))
    return np.where(game.eligible.any(axis=2), gap, 0.0)


def _worth(game: EmbodiedGame, pairs: Pairs, net: FloatArray, demand: FloatArray, has_complement: bool) -> FloatArray:
    """Return the part of the utilities that a follower's own choice moves, shape [N, I]; inf or NaN without bound."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        inside = np.where(pairs.theta > 0.0, demand + pairs.room, 1.0)
        each = pairs.worth * np.log(inside) - np.where(demand > 0.0, net * demand, 0.0)
        if has_complement:
            each = each + demand * np.einsum("nij,njk->nik", demand, game.complement)
        return np.asarray(np.where(pairs.theta > 0.0, pairs.theta * each, 0.0).sum(axis=2))


def _corners(
    game: EmbodiedGame, pairs: Pairs, net: FloatArray, most: FloatArray, demand: FloatArray
) -> list[FloatArray]:
    """Return ends of coordinate ascent from sets of leaders bought full, all sets of few leaders; inf is no bound."""
    leaders = game.complement.shape[-1]
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
                both = 1.0 + weight / weight[:, :, [j]]
                level = net[:, :, j] - (both * bought * game.complement[:, None, j]).sum(axis=2)
                with np.errstate(divide="ignore"):
                    wanted = np.where(level > 0.0, pairs.worth[:, :, j] / np.where(level > 0, level, 1.0), np.inf)
                wanted = np.clip(wanted - pairs.room[:, :, j], 0.0, most[:, :, j])
                bought[:, :, j] = np.where(np.isinf(wanted), large[:, :, j], wanted)
            if bool((np.abs(bought - before) <= 1e-13 * (1.0 + bought)).all()):
                break
        is_endless = (np.isinf(most) & (bought >= large) & game.eligible).any(axis=2)
        ends.append(np.where(is_endless[:, :, None] & np.isinf(most), np.inf, bought))
    return ends


def _leader_gaps(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> FloatArray:
    """Return what leaders earn at their best prices less what they earn at their own, followers answering: [N, J]."""
    gap = np.zeros(price.shape)
    gift = _gains(game, price, demand) if game.leader_model == "myopic" else np.zeros(demand.shape)
    games, leaders = np.nonzero(game.eligible.any(axis=1))
    scenes = Scenes.of(game, games, leaders)
    size = scenes.followers.shape[1] * max(_GRID * scenes.columns.shape[1], scenes.followers.shape[1])
    step = max(_SIZE // size, 1)
    for k in range(0, len(games), step):
        some = scenes.take(np.arange(k, min(k + step, len(games))))
        gap[some.games, some.leaders] = _scene_gaps(game, some, price[some.games], gift)
    return gap


def _scene_gaps(game: EmbodiedGame, scenes: Scenes, price: FloatArray, gift: FloatArray) -> FloatArray:
    """Return the leaders' gaps in scenes, shape [S]."""
    n, j = scenes.games, scenes.leaders
    low = np.where(game.eligible[n, :, j], game.cost[n, :, j], 0.0).max(axis=1)[:, None]
    high, own = game.price_max[n, j][:, None], price[np.arange(len(j)), j][:, None]
    near = np.clip(own + (high - low) * _NEAR, low, high)
    tried = np.concatenate([own, near], axis=1)
    value = _earned(game, scenes, price, tried, gift, SETTLED)
    now, most = value[:, 0], value.max(axis=1)
    grid = low + (high - low) * np.linspace(0.0, 1.0, _GRID)
    coarse = _earned(game, scenes, price, grid, gift, _COARSE)
    with np.errstate(invalid="ignore"):
        is_open = (most > now) | (coarse.max(axis=1) >= now - _CLOSE * np.abs(now))
    is_open |= np.isfinite(game.capacity[n]).any(axis=1)  # the top can be a corner that lies between those near
    rows = np.flatnonzero(is_open & np.isfinite(coarse).any(axis=1))
    if len(rows):
        tried, value = np.concatenate([tried, grid], axis=1)[rows], np.concatenate([value, coarse], axis=1)[rows]
        found = _zoomed(game, scenes.take(rows), price[rows], gift, (tried, value), (low[rows], high[rows]))
        most[rows] = np.maximum(most[rows], found)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(most), most - now, 0.0)


def _zoomed(
    game: EmbodiedGame,
    scenes: Scenes,
    price: FloatArray,
    gift: FloatArray,
    seen: tuple[FloatArray, FloatArray],
    bounds: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Return the most that leaders earn in ever closer looks around the best of the prices seen [S, G], shape [S]."""
    (tried, value), (low, high), most = seen, bounds, np.full(len(price), -np.inf)
    for zoom in range(_ZOOMS):
        best = np.take_along_axis(tried, value.argmax(axis=1)[:, None], axis=1)
        left = np.where(tried < best, tried, low).max(axis=1, keepdims=True)
        right = np.where(tried > best, tried, high).min(axis=1, keepdims=True)
        fresh = left + (right - left) * _INSIDE
        fresh = np.concatenate([best, fresh], axis=1) if zoom == 0 else fresh  # the best was seen from afar
        more = _earned(game, scenes, price, fresh, gift, SETTLED)
        most = np.maximum(most, more.max(axis=1))
        tried, value = np.concatenate([tried, fresh], axis=1), np.concatenate([value, more], axis=1)
    return most


def _gains(game: EmbodiedGame, price: FloatArray, demand: FloatArray) -> FloatArray:
    """Return what purchases add to the worth of one more unit of each pair, [N, I, J]."""
    gain = np.einsum("nik,nkj->nij", game.ties, demand) + np.einsum("nij,njk->nik", demand, game.complement)
    if game.effects == "additive":
        theta = game.pairing(price)
        weight = np.where(theta > 0.0, theta, 1.0)
        gain = gain + np.einsum("nij,njk->nik", demand * theta, game.complement) / weight
    return np.where(game.eligible, gain, 0.0)


def _earned(
    game: EmbodiedGame, scenes: Scenes, price: FloatArray, tried: FloatArray, gift: FloatArray, accuracy: float
) -> FloatArray:
    """Return the leaders' utilities at prices tried[S, G] against the others' price[S, J]; -inf without an answer."""
    n, j = scenes.games[:, None], scenes.leaders[:, None]
    bought, theta, has_answer = answer(game, scenes, price, tried, gift, accuracy)
    sold = np.where(scenes.is_own[:, None, None], theta * np.where(theta > 0.0, bought, 0.0), 0.0).sum(axis=3)
    earned = (sold * (tried[:, :, None] - game.cost[n, scenes.followers, j][:, None])).sum(axis=2)
    return np.where(has_answer, earned, -np.inf)
