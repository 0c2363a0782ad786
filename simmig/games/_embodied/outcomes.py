"""The outcomes of the embodied game that a researcher compares, each an Equilibrium of a batch or of one game."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray, Equilibrium, FloatArray
from simmig.errors import NoEquilibrium
from simmig.games._embodied.leaders import Posted, best_reply, equilibrium
from simmig.games._embodied.planner import Plan
from simmig.games._embodied.stage import Stage, where
from simmig.games._embodied.trials import Trials

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame

_GAIN = 1e-9  # relative gain of a follower that is more than rounding
_SWEEPS = 400
_SETTLED = 1e-12


def stackelberg(game: EmbodiedGame) -> Equilibrium:
    """Return the Stackelberg equilibrium: see EmbodiedGame.solve."""
    stage = Stage.of(game)
    return _played(game, stage, _searched(Trials(stage)))


def best_price(game: EmbodiedGame, price: FloatArray) -> FloatArray:
    """Return every leader's best price: see EmbodiedGame.best_price."""
    stage = Stage.of(game)
    wide = np.broadcast_to(price, game.price_max.shape)
    reply = best_reply(Trials(stage), wide.reshape(stage.price_max.shape), _floor(stage), stage.price_max)
    return reply.reshape(wide.shape)


def monopoly(game: EmbodiedGame) -> Equilibrium:
    """Return the prices of one owner of all leaders: see EmbodiedGame.monopoly."""
    stage = replace(Stage.of(game), is_myopic=False)
    return _played(game, stage, _searched(Trials(stage, is_total=True)))


def _searched(trials: Trials) -> Posted:
    """Return the leaders' prices; the caps in games in which a follower gains without end whatever the prices."""
    stage = trials.stage
    count = len(stage.price_max)
    posted = Posted(stage.price_max.copy(), np.zeros(count, bool), np.zeros(count, np.int64), np.full(count, -1))
    rows = np.flatnonzero(~_is_endless(stage))
    part = trials.take(rows)
    found = equilibrium(part, _floor(part.stage), part.stage.price_max, part.stage.price_max)
    posted.price[rows], posted.converged[rows] = found.price, found.converged
    posted.iterations[rows], posted.on_edge[rows] = found.iterations, found.on_edge
    return posted


def _is_endless(stage: Stage) -> BoolArray:
    """Return where the additive game's complement joins two leaders without capacity for one follower, shape [N]."""
    market = stage.market
    if market.is_multiplicative or market.complement is None:
        return np.zeros(len(stage.price_max), dtype=bool)
    is_free = np.isinf(market.capacity)
    joined = (market.complement > 0.0) & market.shared() & is_free[:, None, :] & is_free[:, :, None]
    return np.asarray(joined.any(axis=(1, 2)))


def simultaneous(game: EmbodiedGame) -> Equilibrium:
    """Return the Nash equilibrium of leaders and followers: see EmbodiedGame.simultaneous."""
    stage = Stage.of(game)
    count = len(stage.price_max)
    caps = stage.price_max.copy()
    return _played(game, stage, Posted(caps, np.ones(count, bool), np.ones(count, np.int64), np.full(count, -1)))


def social_optimum(game: EmbodiedGame) -> Equilibrium:
    """Return the planner's demands: see EmbodiedGame.social_optimum."""
    stage = Stage.of(game)
    market = stage.market
    buyers = market.is_pair.sum(axis=2)
    mean = np.where(market.is_pair, stage.cost, 0.0).sum(axis=2) / np.maximum(buyers, 1)
    price = np.where(buyers > 0, np.minimum(mean, stage.price_max), stage.price_max)
    plan = Plan(market, market.theta(market.pull(price)), stage.cost)
    has_bound = plan.has_bound()
    demand, shadow_price, welfare = plan.best()
    failures = {
        int(
            n
        ): f"game embodied{where(int(n), stage.batch)}: the sum of utilities grows without bound, because purchases "
        "raise one another's worth at leaders without a capacity"
        for n in np.flatnonzero(~has_bound)
    }
    for n in np.flatnonzero(has_bound & ~np.isfinite(welfare)):
        failures[int(n)] = stage.reason(int(n), price)
    count = np.ones(len(price), dtype=np.int64)
    posted = Posted(price, np.isfinite(welfare), count, -count)
    return _reported(game, stage, posted, (demand, shadow_price), failures)


def _floor(stage: Stage) -> FloatArray:
    """Return the lowest prices [N, J] that cover the cost of every eligible follower; the cap where there is none."""
    dearest = np.where(stage.market.is_pair, stage.cost, 0.0).max(axis=2)
    return np.where(dearest > 0.0, np.minimum(dearest, stage.price_max), stage.price_max)


def _played(game: EmbodiedGame, stage: Stage, posted: Posted) -> Equilibrium:
    """Return what followers make of the prices, with the reasons where that is no equilibrium."""
    demand, shadow_price, is_bounded = stage.reply(posted.price)
    failures: dict[int, str] = {}
    for n in np.flatnonzero(posted.on_edge >= 0):
        failures[int(n)] = (
            f"game embodied{where(int(n), stage.batch)}: leader {int(posted.on_edge[n])} earns most at the lowest "
            "price at which its followers' demand has a bound, so no price is its best; a finite capacity bounds it"
        )
    for n in np.flatnonzero(~is_bounded & (posted.on_edge < 0)):
        failures[int(n)] = stage.reason(int(n), posted.price)
    for k, i in _joint_gains(stage, posted.price, demand):
        failures.setdefault(
            k,
            f"game embodied{where(k, stage.batch)}: follower {i} gains by buying much more at several leaders at once, "
            "because of the complement; a smaller capacity would bound it",
        )
    return _reported(game, stage, posted, (demand, shadow_price), failures)


def _reported(
    game: EmbodiedGame,
    stage: Stage,
    posted: Posted,
    answer: tuple[FloatArray, FloatArray],
    failures: dict[int, str],
) -> Equilibrium:
    """Return the Equilibrium; a single game that failed raises, games of a batch are NaN."""
    if failures and not stage.batch:
        raise NoEquilibrium(failures[0])
    price, (demand, shadow_price) = posted.price.copy(), (answer[0].copy(), answer[1].copy())
    failed = np.array(sorted(failures), dtype=np.int64)
    price[failed], demand[failed], shadow_price[failed] = np.nan, np.nan, np.nan
    converged = posted.converged.copy()
    converged[failed] = False
    batch = stage.batch
    wide, bought = price.reshape(*batch, -1), stage.unfold(demand)
    return Equilibrium(
        game,
        wide,
        bought,
        shadow_price.reshape(*batch, -1),
        np.asarray(game.follower_utility(wide, bought)),
        np.asarray(game.leader_utility(wide, bought)),
        converged.reshape(batch),
        posted.iterations.reshape(batch),
        {tuple(int(k) for k in np.unravel_index(n, batch)): failures[n] for n in sorted(failures)},
    )


def _joint_gains(stage: Stage, price: FloatArray, demand: FloatArray) -> list[tuple[int, int]]:
    """Return (game, follower) for every follower of the additive game whom its own complement tempts away.

    At the answer no purchase at one leader pays, but (9) is not concave in b_ij and b_is together: the other local
    maximum is looked for from all that capacities leave, downwards. It is without end where two have none.
    """
    market = stage.market
    if market.is_multiplicative or market.complement is None:
        return []
    pull = market.pull(price)
    left = np.where(market.is_pair, market.capacity[:, :, None] - demand.sum(axis=2, keepdims=True) + demand, 0.0)
    social = market.social_gain(demand)
    alone = replace(market, ties=None)
    top = np.where(np.isfinite(left), left, np.maximum(demand, 1e7) * market.is_pair)
    for _ in range(_SWEEPS):
        net = price[:, :, None] - social - alone.gain(top, pull)
        with np.errstate(divide="ignore"):
            wanted = np.where(net > 0.0, market.delta / np.where(net > 0.0, net, 1.0), np.inf) - market.room
        lower = np.minimum(np.maximum(np.where(market.is_pair, wanted, 0.0), 0.0), top)
        is_settled = bool((top - lower <= _SETTLED * (1.0 + lower)).all())
        top = lower
        if is_settled:
            break

    def utility(bought: FloatArray) -> FloatArray:
        across = replace(alone, is_multiplicative=True).gain(bought, pull)
        log = np.log(np.where(market.is_pair, bought + market.room, 1.0))
        each = market.delta * log + bought * (social + across - price[:, :, None])
        return market.by_follower(market.theta(pull) * each)

    now, then = utility(demand), utility(top)
    with np.errstate(invalid="ignore"):
        gains = then - now > _GAIN * np.maximum(np.abs(now), 1.0)
    return [(int(n), int(i)) for n, i in np.argwhere(gains)]
