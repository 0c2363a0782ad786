"""The certificate of the social game: what any single player could still gain, searched without the solver's code.

A follower's problem is concave, so its best reply is found exactly, and so is that of a leader whose followers keep to
a straight demand over its whole range (`_certificate_concave`). Any other leader tries prices over its whole range and
at shrinking distances around its own price, the followers answering each time, and the best is refined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Certificate, FloatArray, IntArray
from simmig.games._social.certificate_capacity import RationedMarket, rationed_follower_gaps
from simmig.games._social.certificate_concave import concave_gains
from simmig.games._social.certificate_replies import Answers, Scenes, answers_of, best_replies
from simmig.games._social.certificate_scenes import given_social, leader_scenes, whole_scene

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_GRID = 12  # prices tried evenly between cost and cap
_GRID_LOW = 4  # up to the least alpha of the followers, and up to their mean alpha
_FINEST = 2  # times as many of all these in a small game, of fewer entries than
_WORK = 1_000
_NEAR = (-0.05, -0.005, -0.0005, 0.0, 0.0005, 0.005, 0.05)  # and around the own price, in parts of that range
_ZOOMS = 3
_FINE = 5e-4  # part of the range: a maximum this well known is right to about 1e-7
_KINK_ZOOMS, _KINK = 20, 1e-10  # where a capacity makes a kink, a gain is as wrong as the price
_ZOOM_NODES = 5  # inside the bracket of the best: each zoom keeps a third of it
_ON_TIME = 1.0 + 1e-9  # rounding by which a deadline may be missed
_SMALL = 1e-12  # smallest size of utility that a gain is compared with


def certify(game: SocialGame, price: FloatArray, demand: FloatArray) -> Certificate:
    """Return every player's largest gain at prices [J] and demands [I, J] that need not come from a solver."""
    whole = whole_scene(game)
    bought = demand[whole.follower, whole.leader]
    if bool(np.isfinite(game.capacity).any()):
        return _relative(game, price, demand, *_rationed_gaps(game, price, bought))
    follower_gap = _follower_gaps(game, whole, price, bought)
    if game.leader_model == "myopic":
        whole = given_social(whole, bought)
    leader_gap, is_concave, may_be_late = concave_gains(game, whole, price)
    for leaders, scenes in leader_scenes(whole, ~is_concave, may_be_late):
        leader_gap[leaders] = _Trials(game, scenes, answers_of(scenes), leaders, price).largest_gain()
    return _relative(game, price, demand, follower_gap, leader_gap)


def _relative(
    game: SocialGame, price: FloatArray, demand: FloatArray, follower_gap: FloatArray, leader_gap: FloatArray
) -> Certificate:
    return Certificate(
        follower_gap,
        leader_gap,
        follower_gap / np.maximum(np.abs(game.follower_utility(price, demand)), _SMALL),
        leader_gap / np.maximum(np.abs(game.leader_utility(price, demand)), _SMALL),
    )


def _rationed_gaps(game: SocialGame, price: FloatArray, bought: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the gains of the followers and of the leaders where these have capacities."""
    leader_gap = np.zeros(len(price))
    for j in np.flatnonzero(game.eligible.any(axis=0)):
        market, only = RationedMarket.of(game, price, bought, int(j)), np.array([j])

        def utilities(tried: FloatArray, market: RationedMarket = market, j: int = int(j)) -> FloatArray:
            rows = np.tile(price, (len(tried), 1))
            rows[:, j] = tried[:, 0]
            return market.utilities(rows, j)[:, None]

        leader_gap[j] = largest_gain(game, only, price, utilities, _FINEST, (_KINK_ZOOMS, _KINK))[0]
    return rationed_follower_gaps(game, price, bought), leader_gap


def _follower_gaps(game: SocialGame, whole: Scenes, price: FloatArray, bought: FloatArray) -> FloatArray:
    """Return the gain of each follower's best reply to the others' demand; inf if its own is against its deadline."""
    count = len(game.alpha)
    theta = game.pairing(price)[whole.follower, whole.leader]
    value = whole.alpha + whole.social(bought) - price[whole.leader]
    best = best_replies(whole, value[None], theta[None], bought[None])[0]
    gain = theta * (best - bought) * (value - whole.beta * (best + bought))
    time_s = theta * (whole.work / np.maximum(bought, 1e-100) + whole.delay_s)
    is_late = np.bincount(whole.follower, time_s, count) > game.deadline_s * _ON_TIME
    return np.where(is_late, np.inf, np.maximum(np.bincount(whole.follower, gain, count), 0.0))


@dataclass(frozen=True, slots=True)
class _Trials:
    """The leaders `leaders[S]`, each alone in its scene, trying prices while the others' of `price[J]` stand."""

    game: SocialGame
    scenes: Scenes
    answers: Answers
    leaders: IntArray
    price: FloatArray

    def largest_gain(self) -> FloatArray:
        """Return the utility of each leader's best price less that of its own, shape [S]."""
        finer = min(max(_WORK // len(self.scenes.scene), 1), _FINEST)
        return largest_gain(self.game, self.leaders, self.price, self._utilities, finer)

    def _utilities(self, tried: FloatArray) -> FloatArray:
        """Return the leaders' utilities at prices `tried[G, S]`, the followers answering, shape [G, S]."""
        scenes, scene, eligible = self.scenes, self.scenes.scene, self.game.eligible
        mover = self.leaders[scene]
        own = scenes.leader == mover
        pull = np.where(eligible, 1.0 / self.price, 0.0)
        others = pull.sum(axis=1)[scenes.follower] - pull[scenes.follower, mover]
        asked = tried.take(scene, axis=1)
        posted = np.where(own, asked, self.price[scenes.leader])
        moving = np.where(eligible[scenes.follower, mover], 1.0 / asked, 0.0)
        theta = 1.0 / (posted * (others + moving))
        demand = self.answers.demand(posted, theta)
        flow = (theta * demand).compress(own, axis=1)
        # Entries are sorted by scene, and every scene has at least one of its own leader's.
        sold = np.add.reduceat(flow, np.searchsorted(scene[own], np.arange(len(self.leaders))), axis=1)
        return np.asarray(sold * (tried - self.game.cost[self.leaders]))


def largest_gain(
    game: SocialGame,
    leaders: IntArray,
    price: FloatArray,
    utilities: Callable[[FloatArray], FloatArray],
    finer: int,
    zooms: tuple[int, float] = (_ZOOMS, _FINE),
) -> FloatArray:
    """Return the utility of the best price of each of `leaders[S]` less that of its own of `price[J]`, shape [S].

    `utilities` are theirs at prices [G, S], the others' as they stand; `zooms` says how often to look closer at most,
    and which part of the range is close enough.
    """
    low, high = game.cost[leaders], game.price_max[leaders]
    own, column = price[leaders], np.arange(len(leaders))
    near = own + (high - low) * np.array(_NEAR)[:, None]
    tried = np.concatenate([_grid(game, leaders, finer), np.minimum(np.maximum(near, low), high)])
    utility = utilities(tried)
    now = np.where(tried == own, utility, -np.inf).max(axis=0)
    inside = (np.arange(1, _ZOOM_NODES + 1) / (_ZOOM_NODES + 1))[:, None]
    for _ in range(zooms[0]):
        best = tried[utility.argmax(axis=0), column]
        left = np.where(tried < best, tried, low).max(axis=0)
        right = np.where(tried > best, tried, high).min(axis=0)
        if bool(np.all(right - left <= zooms[1] * (high - low))):
            break
        fresh = left + (right - left) * inside
        tried = np.concatenate([tried, fresh])
        utility = np.concatenate([utility, utilities(fresh)])
    gain: FloatArray = utility.max(axis=0) - now
    return gain


def _grid(game: SocialGame, leaders: IntArray, finer: int) -> FloatArray:
    """Return prices over the whole range, denser where followers still buy without being late: shape [G, S]."""
    low, high, eligible = game.cost[leaders], game.price_max[leaders], game.eligible[:, leaders]
    alpha = game.alpha[:, None]
    least = np.where(eligible, alpha, np.inf).min(axis=0)
    mean = np.where(eligible, alpha, 0.0).sum(axis=0) / eligible.sum(axis=0)
    tops = (high, finer * _GRID), (least, finer * _GRID_LOW), (mean, finer * _GRID_LOW)
    spans = [(np.minimum(np.maximum(top, low), high) - low, count) for top, count in tops]
    return np.concatenate([low + span * (np.arange(1, n + 1) / n)[:, None] for span, n in spans])
