"""Outcomes of the social game to hold its equilibrium against: optimum, monopoly, moving at once, a leader alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Equilibrium, FloatArray, IntArray
from simmig.games._social.admm import believed, moved_alone
from simmig.games._social.admm_stage import check_single, stage_at
from simmig.games._social.admm_sweeps import first_state
from simmig.games._social.maxima import Goal, Utility, ascend, at_kinks, highest
from simmig.games._social.planner import Planner, check_bounded, far_prices, is_bounded, is_even

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_NODES = 64  # prices tried over the range of a leader that looks for its best
_ZOOMS = 4  # bring a bracket to 5e-5 of the range, where the top of a parabola is right to about 1e-9 of it
_HEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # where a search over all prices starts, between costs and caps
_LINE = 32  # prices of one leader tried from where it ends,
_LINE_ZOOMS = 2
_GAIN = 1e-9  # and the relative gain worth going on from there
_ROUNDS = 20
_STEP = 1e-5  # of the logarithm of a price: rounding and curvature both spoil a slope by about 1e-10


def welfare(game: SocialGame, price: FloatArray, demand: FloatArray) -> float:
    """Return the sum of all utilities of one game, in which payments cancel."""
    return float(game.follower_utility(price, demand).sum() + game.leader_utility(price, demand).sum())


def best_price(game: SocialGame, price: FloatArray) -> FloatArray:
    """Return the best price of every leader while the others' of `price[J]` stand: [J].

    It is the best over the whole range if its basin shows among _NODES prices; between the prices at which some
    follower stops buying or becomes late, utility is concave. The followers reply to each price by `best_demand`; a
    myopic leader takes their social gains at `price` for given, and ADMM finds their replies. A leader that cannot
    earn anything posts its cap.
    """
    is_myopic = game.leader_model == "myopic"
    check_single(game)

    def earned(tried: FloatArray, leader: IntArray) -> FloatArray:
        rows = moved_alone(price, tried, leader)
        return np.asarray(game.leader_utility(rows, game.best_demand(rows))[np.arange(len(rows)), leader])

    def shadow(tried: FloatArray, leader: IntArray) -> FloatArray:
        rows = moved_alone(price, tried, leader)
        return game.respond(rows)[1][np.arange(len(rows)), leader]

    seen: tuple[Utility, Utility] = earned, shadow
    if is_myopic:
        here = first_state(stage_at(game, price[None]), 1.0)
        bought, shadow_price = game.respond(price)
        stands = replace(here, demand=bought.T[:, None, :].copy(), shadow_price=shadow_price[:, None])
        seen = believed(game, price, stands, 1e-11)
    nodes = _even(game, _NODES)
    best, height = highest(seen[0], nodes, _ZOOMS)
    if bool(np.isfinite(game.capacity).any()):
        best, height = at_kinks(*seen, (best, height), nodes, _ZOOMS)
    return np.asarray(np.where(height > 0.0, best, game.price_max))


def simultaneous(game: SocialGame) -> Equilibrium:
    """Return the Nash equilibrium of leaders and followers who move at once: every leader asks its cap.

    With demands given, 002, (2) is a sum of b_ij (p_j - c_j) / (1 + p_j r_i), where r_i is the sum of 1/p over the
    others of i's leaders; its derivative b_ij (1 + c_j r_i) / (1 + p_j r_i)^2 is positive wherever anything is bought.
    Only a leader that sells nothing could as well post another price at which it sells nothing.
    """
    check_single(game)
    price = game.price_max.copy()
    return _outcome(game, price, game.respond(price), (True, 0))


def monopoly(game: SocialGame) -> Equilibrium:
    """Return the prices at which one owner of all leaders earns most, followers replying as always.

    The best that is reached from the equilibrium's prices and from several others; from there no small change of all
    prices, and none of a single price, earns more. That nothing else does is not certain: the sum of the leaders'
    utilities is not concave. `leader_model` plays no part. A leader that nobody may buy from posts its cap.
    """

    check_single(game)

    def value(points: FloatArray) -> FloatArray:
        price = _price(game, points)
        return np.asarray(game.leader_utility(price, game.best_demand(price)).sum(axis=-1))

    def slope(point: FloatArray) -> FloatArray:
        return _slope(value, point, _log_bounds(game))

    starts = [game.solve().price, *_starts(game)[: len(_HEIGHTS)]]
    price, settled, ascents = _best_prices(game, Goal(value, slope), starts, 1e-7)
    price = np.where(game.eligible.any(axis=0), price, game.price_max)
    return _outcome(game, price, game.respond(price), (settled, ascents))


def social_optimum(game: SocialGame) -> Equilibrium:
    """Return the prices, which set the pairing, and the demands in time that maximise welfare.

    At given prices the best demands are the only ones: the programme is concave. Over prices, where all followers may
    buy from the same leaders, the best are found: in theta_j and theta_j b_ij welfare is jointly concave, deadlines are
    convex and capacities linear. Otherwise, and where there are both capacities and deadlines, which are then dropped
    as in `SocialGame.respond`, it is the best that is reached from several starts, from which no small change of all
    prices, and none of a single price, does better. A price that no pairing depends on is reported at cost. The shadow
    prices are what welfare gains from one more unit of a capacity.

    A planner counts each tie twice, so there may be no bound although the game has one. Raises NoEquilibrium naming
    leader and follower where that is so: at any prices if all may buy from the same leaders, or else at some prices
    that the search meets or that set two friends' pairings furthest apart.
    """
    check_single(game)
    planner = Planner(game, is_bounded(game))
    if not planner.is_safe:
        for price in far_prices(game):
            check_bounded(game, price)

    def value(points: FloatArray) -> FloatArray:
        return np.array([planner.plan(price).value for price in _price(game, points)])

    def slope(point: FloatArray) -> FloatArray:
        return planner.plan(_price(game, point)).slope

    goal = Goal(value, slope)
    may_drop = bool(np.isfinite(game.capacity).any() and np.isfinite(game.deadline_s).any())
    if is_even(game) and not may_drop:
        point, _, settled = ascend(goal, np.log(game.cost), _log_bounds(game), 1e-9)
        price, ascents = _price(game, point), 1
    else:
        starts = [game.solve().price, *_starts(game)] if may_drop else _starts(game)
        price, settled, ascents = _best_prices(game, goal, starts, 1e-9)
    has_choice = game.eligible.sum(axis=1) > 1
    price = np.where(game.eligible[has_choice].any(axis=0), price, game.cost)
    plan = planner.plan(price)
    return _outcome(game, price, (plan.demand, plan.shadow_price), (settled, ascents))


def _best_prices(
    game: SocialGame, goal: Goal, starts: list[FloatArray], accuracy: float
) -> tuple[FloatArray, bool, int]:
    """Return the best prices [J] found, whether they are a local maximum, and the number of ascents.

    `goal` takes logarithms of prices. One ascent from each start; then one from wherever a single price brings the best
    of them higher, until none does.
    """
    low, high = bounds = _log_bounds(game)
    nodes = low + (high - low) * np.linspace(0.0, 1.0, _LINE)[:, None]
    ends = [ascend(goal, np.clip(np.log(start), low, high), bounds, accuracy) for start in starts]
    point, value, settled = max(ends, key=lambda end: end[1])
    for count in range(len(ends), len(ends) + _ROUNDS):

        def alone(tried: FloatArray, leader: IntArray, point: FloatArray = point) -> FloatArray:
            return goal.value(moved_alone(point, tried, leader))

        best, height = highest(alone, nodes, _LINE_ZOOMS)
        j = int(height.argmax())
        if not height[j] > value + _GAIN * abs(value):
            return _price(game, point), settled, count
        point, value, settled = ascend(goal, np.where(np.arange(len(best)) == j, best, point), bounds, accuracy)
    return _price(game, point), False, count


def _starts(game: SocialGame) -> list[FloatArray]:
    """Return prices [J] to start from: all at one height, one leader after another cheap or dear against the rest."""
    heights = np.repeat(np.array(_HEIGHTS)[:, None], len(game.cost), axis=1)
    alone = np.eye(len(game.cost))
    parts = np.concatenate([heights, 1.0 - alone, alone])
    return list(game.cost + parts * (game.price_max - game.cost))


def _slope(
    value: Callable[[FloatArray], FloatArray], point: FloatArray, bounds: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return the derivatives of `value` by central differences, one-sided at the bounds."""
    step = _STEP * np.eye(len(point))
    below, above = np.clip(point - step, *bounds), np.clip(point + step, *bounds)
    rise = value(np.concatenate([above, below])).reshape(2, -1)
    run = np.diagonal(above - below)
    return np.where(run > 0.0, (rise[0] - rise[1]) / np.where(run > 0.0, run, 1.0), 0.0)


def _even(game: SocialGame, count: int) -> FloatArray:
    """Return `count` prices from cost to cap: [count, J]."""
    return game.cost + (game.price_max - game.cost) * np.linspace(0.0, 1.0, count)[:, None]


def _log_bounds(game: SocialGame) -> tuple[FloatArray, FloatArray]:
    return np.log(game.cost), np.log(game.price_max)


def _price(game: SocialGame, point: FloatArray) -> FloatArray:
    """Return the prices with these logarithms, which rounding must not push over their bounds."""
    return np.clip(np.exp(point), game.cost, game.price_max)


def _outcome(
    game: SocialGame, price: FloatArray, reply: tuple[FloatArray, FloatArray], search: tuple[bool, int]
) -> Equilibrium:
    """Return the outcome; `reply` is (demand, shadow price) and `search` whether it was found and the searches."""
    demand, shadow_price = reply
    return Equilibrium(
        game=game,
        price=price,
        demand=demand,
        shadow_price=shadow_price,
        follower_utility=game.follower_utility(price, demand),
        leader_utility=game.leader_utility(price, demand),
        converged=np.array(search[0]),
        iterations=np.array(search[1]),
    )
