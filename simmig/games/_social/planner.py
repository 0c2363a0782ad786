"""What a planner of the social game would have the followers buy at given prices, which only set the pairing.

Welfare is sum_ij theta_ij b_ij (alpha_i - c_j - beta_i b_ij + sum_k w_ik b_kj). The demands that maximise it are those
of a followers' stage: c_j for the price, and for the ties w_ik (1 + theta_kj / theta_ij), because a planner also counts
what friends gain. Welfare is bounded if the matrices 2 theta_ij beta_i - (theta_ij + theta_kj) w_ik, one for each
leader j, are positive definite: 2 diag(beta) - 2 W where all may buy everywhere.

With capacities, m_j being what welfare gains from one more unit of leader j, follower i acts as if a unit cost
m_j / theta_ij more.

Sweeps of ADMM find out who buys, who is late and who is sold out, and Newton's method on the conditions of optimality
does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import NoEquilibrium
from simmig.games._social.admm_stage import Stage, stage_at
from simmig.games._social.admm_sweeps import State, first_state, resumed, sweep

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_RHO = 3.0
_SWEEPS = 10  # between two attempts of Newton's method
_ATTEMPTS = 1_000
_NEWTON_STEPS = 15
_NEWTON_CLOSE = 1e-8  # relative; a step this small has left about its square
_ROUNDING = 1e-11  # relative, by which rounding may break a condition
_SETTLED = 1e-12  # residual at which sweeps alone are good enough


@dataclass(frozen=True, slots=True)
class Plan:
    """The best demands [I, J], what welfare gains from one more unit of each leader's capacity [J], welfare, and its
    derivatives [J] by the logarithms of the prices.
    """

    demand: FloatArray
    shadow_price: FloatArray
    value: float
    slope: FloatArray


@dataclass(slots=True)
class Planner:
    """Plans for a game; `is_safe` says that welfare is known to be bounded at all admissible prices."""

    game: SocialGame
    is_safe: bool
    last: State | None = None

    def plan(self, price: FloatArray) -> Plan:
        """Return the best plan at `price[J]`, deadlines kept as `SocialGame.respond` keeps them.

        Raises NoEquilibrium if welfare has no bound there.
        """
        game, stage = self.game, _stage(self.game, price)
        if not self.is_safe:
            check_bounded(game, price)
        self.last = _solved(stage, resumed(stage, self.last or first_state(stage, _RHO)))
        demand, late = self.last.demand[:, 0], self.last.multiplier[0]
        theta = stage.theta[:, 0]
        worth = game.alpha - game.cost[:, None] + (demand[:, None, :] * game.ties).sum(axis=2) - game.beta * demand
        time_s = game.work.T / np.where(demand > 0.0, demand, 1.0) + game.delay_s.T
        # By the envelope theorem demands and multipliers may be held; d theta_ij / d ln p_l is theta_ij theta_il, less
        # theta_ij where l = j.
        part = np.where(game.eligible.T, demand * worth - late * time_s, 0.0)
        slope = (theta * ((theta * part).sum(axis=0) - part)).sum(axis=1)
        shadow_price = self.last.shadow_price[:, 0].copy()
        return Plan(demand.T.copy(), shadow_price, float((theta * demand * worth).sum()), slope)


def check_bounded(game: SocialGame, price: FloatArray) -> None:
    """Raise NoEquilibrium, naming leader and follower, if welfare is unbounded at `price[J]`."""
    theta = game.pairing(price)
    for j in range(len(price)):
        i = np.flatnonzero(game.eligible[:, j])
        share = theta[i, j]
        lowest, most = _curvature(2.0 * share * game.beta[i], (share[:, None] + share) * game.ties[np.ix_(i, i)])
        if lowest <= 0.0:
            weight = (1.0 + share / share[most]) * game.ties[i[most], i]
            lacks = "unbounded" if np.isinf(game.capacity[j]) else "not concave"
            raise NoEquilibrium(
                f"game social: a planner's welfare is {lacks} at leader {j}, most of all in the demand of follower "
                f"{i[most]}: counted for both friends, its ties there add up to {weight.sum():g} against 2 beta = "
                f"{2.0 * game.beta[i[most]]:g}, at prices {', '.join(f'{p:g}' for p in price)}; use weaker ties or a "
                "larger beta"
            )


def is_bounded(game: SocialGame) -> bool:
    """Return whether welfare can be shown to be bounded at all admissible prices.

    With Pi_i the sum of 1/p over i's leaders, theta_kj / theta_ij = Pi_i / Pi_k = r is the same at every j, and scaling
    the rows makes a friend count w_ik (sqrt(r) + 1 / sqrt(r)): most where r is furthest from 1.
    """
    one, other = np.nonzero(game.ties)
    ratio = _largest_ratio(game, one, other)[0]
    far = np.ones_like(game.ties)
    far[one, other] = ratio
    root = np.sqrt(np.maximum(far, far.T))
    weight = game.ties * (root + 1.0 / root)
    served = [np.flatnonzero(column) for column in game.eligible.T]
    return all(_curvature(2.0 * game.beta[i], weight[np.ix_(i, i)])[0] > 0.0 for i in served)


def far_prices(game: SocialGame) -> list[FloatArray]:
    """Return, for any two friends whose leaders differ in part, the prices at which Pi_i / Pi_k is largest."""
    one, other = np.nonzero(game.ties)
    first, second = game.eligible[one], game.eligible[other]
    chosen = (first != second).any(axis=1) & (first & second).any(axis=1)
    return list(np.unique(_largest_ratio(game, one[chosen], other[chosen])[1], axis=0))


def _largest_ratio(game: SocialGame, one: IntArray, other: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the largest Pi_one / Pi_other [E], 1 for those who share no leader, and the prices [E, J] that make it."""
    strong, weak = 1.0 / game.cost, 1.0 / game.price_max
    first, second = game.eligible[one], game.eligible[other]
    shared = first & second
    own = np.where(first & ~second, strong, 0.0).sum(axis=1)
    others = np.where(second & ~first, weak, 0.0).sum(axis=1)
    least, most = (np.where(shared, pull, 0.0).sum(axis=1) for pull in (weak, strong))
    meet = shared.any(axis=1)
    low, high = (np.where(meet, own + both, 1.0) / np.where(meet, others + both, 1.0) for both in (least, most))
    is_cheap = first & (~second | (high > low)[:, None])
    return np.maximum(low, high), np.where(is_cheap, game.cost, game.price_max)


def _curvature(diagonal: FloatArray, weight: FloatArray) -> tuple[float, int]:
    """Return the least eigenvalue of diag(diagonal) - weight, scaled to a diagonal of 1, and who is most part of it."""
    if len(diagonal) == 0:
        return 1.0, 0
    root = np.sqrt(diagonal)
    value, vector = np.linalg.eigh(np.eye(len(root)) - weight / (root[:, None] * root))
    return float(value[0]), int(np.abs(vector[:, 0]).argmax())


def _stage(game: SocialGame, price: FloatArray) -> Stage:
    stage = stage_at(game, price[None])
    one, other = np.nonzero(game.ties)  # as `stage_at` lists them
    mine, theirs = stage.theta[..., one], stage.theta[..., other]
    both = (mine > 0.0) & (theirs > 0.0)
    weight = np.where(both, game.ties[one, other] * (1.0 + theirs / np.where(both, mine, 1.0)), 0.0)
    value = np.where(game.eligible.T[:, None, :], game.alpha - game.cost[:, None, None], -np.inf)
    is_pair = stage.theta > 0.0
    burden = np.where(is_pair, 1.0 / np.where(is_pair, stage.theta, 1.0), 0.0)
    return replace(stage, value=value, weight=weight, burden=burden)


def _solved(stage: Stage, state: State) -> State:
    for _ in range(_ATTEMPTS):
        found = _newton(stage, state)
        if found is not None:
            return found
        for _ in range(_SWEEPS):
            state = sweep(stage, state, adapt=True)
        if state.residual()[0] <= _SETTLED:
            return state
    raise AssertionError("sweeps of a strictly concave programme settle")


def _newton(stage: Stage, state: State) -> State | None:
    """Return the optimum if who buys, is late or is sold out in `state` does or is so there, and None otherwise."""
    leader, follower = np.nonzero(state.demand[:, 0] > 0.0)
    pair = leader, np.zeros_like(leader), follower
    late, full = np.flatnonzero(state.multiplier[0] > 0.0), np.flatnonzero(state.shadow_price[:, 0] > 0.0)
    n = len(leader)
    worth, work, sent, twice_beta = stage.value[pair], stage.work[pair], stage.sent[pair], stage.twice_beta[follower]
    ties, burden = _matrix(stage, leader, follower), stage.burden[pair][:, None] * (leader[:, None] == full)
    theirs, sold = follower[:, None] == late, (leader[:, None] == full) * 1.0
    demand, multiplier, shadow_price = state.demand[pair], state.multiplier[0, late], state.shadow_price[full, 0]
    both = n + len(late)
    matrix = np.zeros((both + len(full), both + len(full)))
    matrix[:n, both:], matrix[both:, :n] = burden, sold.T
    for _ in range(_NEWTON_STEPS):
        push = work / (demand * demand)
        eta = np.where(theirs, multiplier, 0.0).sum(axis=1)
        marginal = worth + (ties * demand).sum(axis=1) - twice_beta * demand + eta * push
        marginal = marginal - (burden * shadow_price).sum(axis=1)
        over_s = np.where(theirs, (sent / demand)[:, None], 0.0).sum(axis=0) - stage.room_s[0, late]
        left = stage.capacity[full, 0] - (sold * demand[:, None]).sum(axis=0)
        matrix[:n, :n] = np.diag(twice_beta + 2.0 * eta * push / demand) - ties
        matrix[:n, n:both] = np.where(theirs, -push[:, None], 0.0)
        matrix[n:both, :n] = np.where(theirs, (sent / (demand * demand))[:, None], 0.0).T
        try:
            step = np.linalg.solve(matrix, np.concatenate([marginal, over_s, left]))
        except np.linalg.LinAlgError:
            return None
        moved = np.maximum(demand + step[:n], 0.2 * demand)
        change = float((np.abs(moved - demand) / moved).max(initial=0.0))
        demand, multiplier, shadow_price = moved, multiplier + step[n:both], shadow_price + step[both:]
        if change <= _NEWTON_CLOSE:
            return _checked(stage, state, (pair, demand), (late, multiplier), (full, shadow_price))
    return None


def _matrix(stage: Stage, leader: IntArray, follower: IntArray) -> FloatArray:
    """Return the weights of the ties between pairs, [n, n]."""
    target = np.repeat(stage.target, np.diff(stage.first, append=len(stage.source)))
    weight = np.zeros((len(stage.value), len(stage.twice_beta), len(stage.twice_beta)))
    weight[:, target, stage.source] = stage.weight[:, 0]
    return np.where(leader[:, None] == leader, weight[leader[:, None], follower[:, None], follower], 0.0)


def _checked(
    stage: Stage,
    state: State,
    buyers: tuple[tuple[IntArray, ...], FloatArray],
    late: tuple[IntArray, FloatArray],
    full: tuple[IntArray, FloatArray],
) -> State | None:
    """Return the state if nobody else would buy, be late or be sold out in it, and None otherwise."""
    demand, multiplier = np.zeros_like(state.demand), np.zeros_like(state.multiplier)
    demand[buyers[0]] = buyers[1]
    multiplier[0, late[0]] = late[1]
    shadow_price = np.zeros_like(state.shadow_price)
    shadow_price[full[0], 0] = full[1]
    value = stage.value + stage.social(demand) - stage.burden * shadow_price[:, :, None]
    time_s = (stage.sent / np.where(demand > 0.0, demand, 1.0)).sum(axis=0)
    is_late = bool((time_s > stage.room_s * (1.0 + _ROUNDING)).any())
    is_over = bool((demand.sum(axis=2) > stage.capacity * (1.0 + _ROUNDING)).any())
    is_missing = bool((value[demand == 0.0] > _ROUNDING * np.abs(stage.value[demand > 0.0]).max(initial=0.0)).any())
    is_wrong = bool((multiplier < 0.0).any() or (shadow_price < 0.0).any())
    if is_late or is_over or is_missing or is_wrong:
        return None
    return replace(state, demand=demand, multiplier=multiplier, shadow_price=shadow_price, ahead=shadow_price)


def is_even(game: SocialGame) -> bool:
    """Return whether all followers who can buy at all may buy from the same leaders."""
    served = game.eligible[game.eligible.any(axis=1)]
    return bool((served == served[:1]).all())
