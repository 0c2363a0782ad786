"""The social game solved as in Algorithm 1 of 002, by followers' sweeps inside and leaders' replies outside.

`admm_sweeps.py` says how (16) and (17) are read. Nothing here is shared with the game's own solver, so the two
check one another. Both loops run *until* the change is below the threshold; the paper's `while` is the wrong way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import Equilibrium, FloatArray, IntArray
from simmig.games._social.admm_stage import Belief, check_single, stage_at
from simmig.games._social.admm_sweeps import ADAPTED, State, first_state, resumed, settled, sweep
from simmig.games._social.maxima import Utility, at_kinks, highest

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_RHO = 3.0  # in the follower's own scale; 1 to 10 need about as many sweeps, 3 the fewest
_SWEEPS = 5_000
_ENTRIES = 1_000_000  # followers times leaders times price vectors that are kept at a time
_NODES = 32  # prices tried evenly over the range of each leader
_ZOOMS = 3  # in a narrower bracket, what is left of the residuals would show in the utilities
_CLOSE = 1e-6  # relative change of prices that counts as none


@dataclass(frozen=True, slots=True)
class FollowersHistory:
    """What every inner iteration t = 1, 2, ... of T left behind.

    `primal[T]` is the largest violation of a deadline, or slack with a multiplier still above 0, as a part of the time
    for sending, and likewise of a capacity, as a part of it; `dual[T]` the largest distance from a follower's best
    demand, the rest held, as a part of the largest demand; `follower_utility[T, I]`.
    """

    primal: FloatArray
    dual: FloatArray
    follower_utility: FloatArray


@dataclass(frozen=True, slots=True)
class AdmmResult:
    """Demand [I, J], multipliers of the deadlines [I] (money per second), shadow prices of the capacities [J].

    `converged` says whether the residuals became small.
    """

    demand: FloatArray
    multiplier: FloatArray
    shadow_price: FloatArray
    converged: bool
    history: FollowersHistory


@dataclass(frozen=True, slots=True)
class LeadersHistory:
    """What every outer iteration q = 1, 2, ... of Q left behind.

    `price[Q, J]`, what was posted; `leader_utility[Q, J]`, `follower_utility[Q, I]` after the followers' answer;
    `change[Q]`, the left side of (18), NaN in the first; `sweeps[Q]`, `primal[Q]`, `dual[Q]` of the inner loop.
    """

    price: FloatArray
    leader_utility: FloatArray
    follower_utility: FloatArray
    change: FloatArray
    sweeps: IntArray
    primal: FloatArray
    dual: FloatArray


def followers_by_admm(
    game: SocialGame, price: FloatArray, *, rho: float = _RHO, tolerance: float = 1e-11, most: int = _SWEEPS
) -> AdmmResult:
    """Return the followers' equilibrium at `price[J]` by the inner loop of Algorithm 1, (16) and (17).

    `rho` is the penalty to start with, in each follower's own scale: 1 makes a deadline about as stiff as the
    follower's utility. `tolerance` bounds both residuals of FollowersHistory; `most` bounds the iterations. Deadlines
    that the capacities leave no room for are dropped as in `SocialGame.respond`; where those kept leave hardly any
    room, sweeps may not settle: `converged` is False.
    """
    check_single(game)
    state, history = _followers(game, price, first_state(stage_at(game, price[None]), rho), (tolerance, most))
    is_found = bool(state.residual()[0] <= tolerance)
    return AdmmResult(state.demand[:, 0].T.copy(), state.multiplier[0], state.shadow_price[:, 0], is_found, history)


def solve_by_admm(
    game: SocialGame, *, rho: float = _RHO, tolerance: float = 1e-11, threshold: float = 1e-7, most: int = 100
) -> tuple[Equilibrium, LeadersHistory]:
    """Return the Stackelberg equilibrium by Algorithm 1, and how it was approached.

    Leaders move at once, each to its best price over the whole range, the others' prices being those of the last
    iteration; what it would earn is found by ADMM at every price it considers, anticipating or myopic as the game says.
    Stops when (18) holds with Xi = `threshold` times the leaders' utilities and no price has changed by more
    than a millionth; `converged` is False after `most` iterations, or once the leaders go round in a circle.
    """
    check_single(game)
    price = 0.5 * (game.cost + game.price_max)
    state = first_state(stage_at(game, price[None]), rho)
    log = _Log([], [], [], [], [], [])
    converged = False
    for _ in range(most):
        state, inner = _followers(game, price, state, (tolerance, _SWEEPS))
        log.add(game, price, state, inner)
        if log.is_settled(threshold):
            converged = bool(state.residual()[0] <= tolerance)
            break
        if log.is_circle():
            break
        price = _replies(game, price, state, tolerance)
    found = Equilibrium(
        game=game,
        price=log.price[-1],
        demand=state.demand[:, 0].T.copy(),
        shadow_price=state.shadow_price[:, 0].copy(),
        follower_utility=log.follower_utility[-1],
        leader_utility=log.leader_utility[-1],
        converged=np.array(converged),
        iterations=np.array(len(log.price)),
    )
    return found, log.history()


def _followers(
    game: SocialGame, price: FloatArray, start: State, limits: tuple[float, int]
) -> tuple[State, FollowersHistory]:
    stage = stage_at(game, price[None])
    state, (tolerance, most) = resumed(stage, start), limits
    primal, dual, utility = [], [], []
    for count in range(most):
        state = sweep(stage, state, adapt=count < ADAPTED)
        primal.append(float(max(state.primal.max(initial=0.0), state.over[0])))
        dual.append(float(state.dual.max(initial=0.0)))
        utility.append(game.follower_utility(price, state.demand[:, 0].T))
        if max(primal[-1], dual[-1]) <= tolerance:
            break
    return state, FollowersHistory(np.array(primal), np.array(dual), np.array(utility))


def _replies(game: SocialGame, price: FloatArray, state: State, tolerance: float) -> FloatArray:
    """Return every leader's best price while the others' stand; the price cap where it cannot earn anything."""
    even = game.cost + (game.price_max - game.cost) * np.linspace(0.0, 1.0, _NODES)[:, None]
    utility, shadow = believed(game, price, state, tolerance)
    found = highest(utility, even, _ZOOMS)
    best, earned = at_kinks(utility, shadow, found, even, _ZOOMS) if np.isfinite(game.capacity).any() else found
    return np.asarray(np.where(earned > 0.0, best, game.price_max))


def believed(game: SocialGame, price: FloatArray, start: State, tolerance: float) -> tuple[Utility, Utility]:
    """Return what leaders believe to earn at another price of their own, and their shadow price there, by ADMM.

    The others' of `price[J]` are held. The followers answer, with sweeps from `start`; to a myopic leader their social
    gains, and the shadow prices of the others, stay what they are there.
    """
    social = stage_at(game, price[None]).social(start.demand)[:, 0].T
    shadow_price, is_myopic = start.shadow_price[:, 0], game.leader_model == "myopic"
    count = max(_ENTRIES // max(game.eligible.size, 1), 1)

    def answered(tried: FloatArray, leader: IntArray) -> tuple[FloatArray, FloatArray]:
        row = np.arange(len(tried))
        belief = Belief(leader, social, shadow_price) if is_myopic else None
        stage = stage_at(game, moved_alone(price, tried, leader), belief)
        demand, shadow = settled(stage, start.rows(np.zeros_like(row)), tolerance, _SWEEPS)
        sold = (stage.theta[leader, row] * demand[leader, row]).sum(axis=1)
        return sold * (tried - game.cost[leader]), shadow[leader, row]

    def parts(tried: FloatArray, leader: IntArray) -> list[tuple[FloatArray, FloatArray]]:
        return [answered(tried[k : k + count], leader[k : k + count]) for k in range(0, len(tried), count)]

    return (
        lambda tried, leader: np.concatenate([part[0] for part in parts(tried, leader)]),
        lambda tried, leader: np.concatenate([part[1] for part in parts(tried, leader)]),
    )


def moved_alone(price: FloatArray, tried: FloatArray, leader: IntArray) -> FloatArray:
    """Return `price[J]` once for every trial, each with the price `tried[N]` of its `leader[N]`: [N, J]."""
    rows = np.tile(price, (len(tried), 1))
    rows[np.arange(len(tried)), leader] = tried
    return rows


@dataclass(frozen=True, slots=True)
class _Log:
    """The outer iterations so far."""

    price: list[FloatArray]
    leader_utility: list[FloatArray]
    follower_utility: list[FloatArray]
    sweeps: list[int]
    primal: list[float]
    dual: list[float]

    def add(self, game: SocialGame, price: FloatArray, state: State, inner: FollowersHistory) -> None:
        self.price.append(price)
        self.leader_utility.append(game.leader_utility(price, state.demand[:, 0].T))
        self.follower_utility.append(inner.follower_utility[-1])
        self.sweeps.append(len(inner.primal))
        self.primal.append(float(inner.primal[-1]))
        self.dual.append(float(inner.dual[-1]))

    def change(self) -> FloatArray:
        """Return the left side of (18) for every iteration, NaN in the first."""
        total = np.array(self.leader_utility).sum(axis=1)
        return np.asarray(np.abs(np.diff(total, prepend=np.nan)))

    def is_settled(self, threshold: float) -> bool:
        if len(self.price) < 2:
            return False
        is_still = self.change()[-1] <= threshold * self.leader_utility[-1].sum()
        return bool(is_still) and _is_same(self.price[-1], self.price[-2])

    def is_circle(self) -> bool:
        *earlier, last, now = [self.price[0], *self.price]
        return not _is_same(now, last) and any(_is_same(now, old) for old in earlier)

    def history(self) -> LeadersHistory:
        return LeadersHistory(
            price=np.array(self.price),
            leader_utility=np.array(self.leader_utility),
            follower_utility=np.array(self.follower_utility),
            change=self.change(),
            sweeps=np.array(self.sweeps),
            primal=np.array(self.primal),
            dual=np.array(self.dual),
        )


def _is_same(price: FloatArray, other: FloatArray) -> bool:
    return bool(np.all(np.abs(price - other) <= _CLOSE * other))
