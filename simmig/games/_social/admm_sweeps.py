"""The social game by the alternating direction method of multipliers (ADMM), Algorithm 1 of 002.

How (16) is read. As printed, it adds the multiplier term and the penalty to what follower i maximises, which rewards
being late; here both are subtracted. Its eta_j is the eta_i of (17), one for each deadline. A deadline is an
inequality, so with a slack s_i >= 0 minimised out the penalty is that of Rockafellar (1973), and leader j's block is
max over b_ij >= 0 of U_Fi - (1 / 2 rho_i) max(0, eta_i + rho_i (sum_k theta_ik T_ik - K_i))^2,
followed by eta_i <- max(0, eta_i + rho_i (sum_k theta_ik T_ik - K_i)), the projected (17). T_ij = D_i / (b_ij q_ij) +
const is convex in b_ij, so every block is strictly concave. As in (16), followers move at once, each leader after
leader with the newest demands. The loops run *until* changes are small; the paper's `while` is the wrong way round.

A capacity, which 002 does not have, is one more inequality, sum_i b_ij <= C_j. The followers of a leader move at once,
so it is split as in the sharing problem (Boyd et al. 2011, section 7.3): each stays near its last demand,
(kappa_i / 2) (b_ij - b_ij^t)^2 being subtracted, and acts at a shadow price s_j that looks one step ahead; then
s_j <- max(0, s_j + sigma_j (sum_i b_ij - C_j)), where sigma_j sum_i 1 / kappa_i = 1.

With U_Fi scaled by sum_l 1/p_l the followers' stage has a potential, and a sweep never lowers the augmented one: for
W >= 0, 2 diag(beta) + W is positive definite if 2 diag(beta) - W is. No theorem says that three or more blocks and one
step of the multiplier after each sweep converge (Chen et al. 2016), hence what counts as found is what
satisfies the conditions of optimality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._social.admm_stage import Stage

_NEWTON_STEPS = 200  # from the last sweep's demand one to three are enough
_NEWTON_CLOSE = 1e-9  # relative; a step this small has left about its square
ADAPTED = 300  # sweeps in which penalties change: with fixed ones, the multipliers' steps settle
_BALANCE, _FACTOR = 10.0, 2.0  # Boyd et al. (2011), section 3.4.1
_NEAR = 1.0  # kappa_i over 2 beta_i to start with; sales answer shadow prices less where many are late
_ROUNDING = 1e-13  # residuals below it say nothing


@dataclass(frozen=True, slots=True)
class State:
    """Where the sweeps are: demand[J, B, I], multiplier and penalty[B, I], shadow_price[J, B]; and three residuals.

    `primal[B, I]` is how far the deadline is missed, or kept with a multiplier still positive, as a part of the time
    for sending; `dual[B, I]` how far the marginal value is from 0, as a demand and a part of the largest; `over[B]`
    how far a capacity is exceeded, or left with a shadow price still positive, as a part of it.
    """

    demand: FloatArray
    multiplier: FloatArray
    penalty: FloatArray
    shadow_price: FloatArray
    ahead: FloatArray  # [J, B] the shadow price followers act at next
    near: FloatArray  # [J, B] kappa_i over 2 beta_i
    primal: FloatArray
    dual: FloatArray
    over: FloatArray

    def residual(self) -> FloatArray:
        """Return the largest residual at each price vector, [B]."""
        return np.asarray(np.maximum(np.maximum(self.primal, self.dual).max(axis=1, initial=0.0), self.over))

    def rows(self, kept: IntArray) -> State:
        """Return the state at some of the price vectors."""
        return State(
            demand=self.demand[:, kept],
            shadow_price=self.shadow_price[:, kept],
            ahead=self.ahead[:, kept],
            near=self.near[:, kept],
            **{name: getattr(self, name)[kept] for name in ("multiplier", "penalty", "primal", "dual", "over")},
        )


def first_state(stage: Stage, rho: float) -> State:
    """Return a start in time; a follower's penalty is `rho` over the slope of its time by what a second is worth."""
    flat = stage.sent.sum(axis=0) / stage.room_s
    demand = np.maximum(np.maximum(stage.value, 0.0) / stage.twice_beta, np.where(stage.sent > 0.0, flat, 0.0))
    size = np.where(stage.sent > 0.0, demand, 1.0)
    reach = (stage.sent * stage.work / np.square(np.square(size))).sum(axis=0) / stage.twice_beta
    return State(
        demand=demand,
        multiplier=np.zeros_like(flat),
        penalty=rho / np.where(reach > 0.0, reach, 1.0),
        shadow_price=np.zeros_like(stage.capacity),
        ahead=np.zeros_like(stage.capacity),
        near=np.full_like(stage.capacity, _NEAR),
        primal=np.full_like(flat, np.inf),
        dual=np.full_like(flat, np.inf),
        over=np.zeros(len(flat)),
    )


def resumed(stage: Stage, state: State) -> State:
    """Return a state of other prices as a start at these, where other deadlines and capacities may count."""
    is_due, flat = (stage.sent > 0.0).any(axis=0), stage.sent.sum(axis=0) / stage.room_s
    demand = np.where((stage.sent > 0.0) & (state.demand <= 0.0), flat, state.demand)
    shadow_price = np.where(np.isfinite(stage.capacity), state.shadow_price, 0.0)
    multiplier = np.where(is_due, state.multiplier, 0.0)
    return replace(state, demand=demand, multiplier=multiplier, shadow_price=shadow_price, ahead=shadow_price)


def settled(stage: Stage, state: State, tolerance: float, most: int) -> tuple[FloatArray, FloatArray]:
    """Return the demand [J, B, I] and shadow prices [J, B] where sweeps end, every price vector's as if alone."""
    state = resumed(stage, state)
    left, demand, shadow_price = np.arange(len(stage.room_s)), state.demand.copy(), state.shadow_price.copy()
    for count in range(most):
        state = sweep(stage, state, adapt=count < ADAPTED)
        demand[:, left], shadow_price[:, left] = state.demand, state.shadow_price
        rest = np.flatnonzero(state.residual() > tolerance)
        if len(rest) == 0:
            break
        if len(rest) < len(left):
            left, stage, state = left[rest], stage.rows(rest), state.rows(rest)
    return demand, shadow_price


def sweep(stage: Stage, state: State, *, adapt: bool) -> State:
    """Return the state after one inner step t: (16) for leader after leader, then (17)."""
    demand, penalty, near = state.demand.copy(), state.penalty, state.near
    shadow_price, over = state.shadow_price.copy(), np.zeros_like(near)
    is_limited = np.asarray(np.isfinite(stage.capacity).any(axis=1))
    value = stage.value + stage.social(demand)  # of a leader's column, which moves in its own block only
    time_s = stage.sent / np.where(stage.sent > 0.0, demand, 1.0)
    over_s = time_s.sum(axis=0) - stage.room_s
    for j in range(len(demand)):
        rest = state.multiplier + penalty * (over_s - time_s[j])
        worth = value[j], stage.twice_beta
        if is_limited[j]:
            kept = np.where(np.isfinite(stage.capacity[j]), near[j], 0.0)[:, None] * stage.twice_beta
            worth = value[j] - stage.burden[j] * state.ahead[j][:, None] + kept * demand[j], stage.twice_beta + kept
        demand[j] = _block(stage, j, worth, (rest, penalty), demand[j])
        before_s, time_s[j] = time_s[j].copy(), stage.sent[j] / np.where(stage.sent[j] > 0.0, demand[j], 1.0)
        over_s = over_s + (time_s[j] - before_s)
        if is_limited[j]:
            shadow_price[j], over[j] = _shadow(stage, j, demand[j], (shadow_price[j], near[j]))
    over_s = time_s.sum(axis=0) - stage.room_s
    multiplier = np.maximum(state.multiplier + penalty * over_s, 0.0)
    # The change of the multiplier over the penalty, which rounding would lose for small penalties.
    primal = np.abs(np.maximum(over_s, -state.multiplier / penalty)) / stage.room_s
    miss = _distances(stage, demand, multiplier, shadow_price)
    dual = miss.max(axis=0, initial=0.0)
    if adapt:
        # Where a multiplier does nothing its penalty must not shrink for ever.
        penalty = penalty * np.where(primal > 0.0, _factor(primal, dual), 1.0)
        if bool(is_limited.any()):
            near = near * np.where(over > 0.0, _factor(over, miss.max(axis=2, initial=0.0)), 1.0)
    return State(
        demand=demand,
        multiplier=multiplier,
        penalty=penalty,
        shadow_price=shadow_price,
        ahead=2.0 * shadow_price - state.shadow_price,  # looking one step ahead damps the sales
        near=near,
        primal=primal,
        dual=dual,
        over=over.max(axis=0, initial=0.0),
    )


def _factor(primal: FloatArray, dual: FloatArray) -> FloatArray:
    """Return what brings two residuals closer to one another."""
    ratio = np.maximum(primal, _ROUNDING) / np.maximum(dual, _ROUNDING)
    return np.where(ratio > _BALANCE, _FACTOR, np.where(ratio < 1.0 / _BALANCE, 1.0 / _FACTOR, 1.0))


def _shadow(
    stage: Stage, j: int, demand: FloatArray, before: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return leader j's next shadow price [B], and by how much its capacity is missed, as a part of it.

    `before` are its shadow price and `near`.
    """
    shadow_price, near = before
    is_finite = np.isfinite(stage.capacity[j])
    capacity = np.where(is_finite, stage.capacity[j], 1.0)
    reach = (stage.burden[j] / stage.twice_beta).sum(axis=1) / near  # 1 / sigma_j
    over = np.where(is_finite, demand.sum(axis=1) - capacity, 0.0)
    moved = np.maximum(shadow_price + over / np.where(reach > 0.0, reach, 1.0), 0.0)
    return moved, np.abs(np.maximum(over, -shadow_price * reach)) / capacity


def _block(
    stage: Stage,
    j: int,
    worth: tuple[FloatArray, FloatArray],
    pressure: tuple[FloatArray, FloatArray],
    guess: FloatArray,
) -> FloatArray:
    """Return the b_ij[B, I] of (16): 2 beta b - value = (a / b^2) max(0, rest + rho theta a / b).

    `worth` are value and 2 beta, of what a follower gains and how near it stays to its last demand; `pressure` are
    rest = eta + rho (the others' time - K) and rho. Left less right is concave and rises with b, so Newton's second
    iterate is below the root and the others climb to it.
    """
    (value, twice_beta), (rest, penalty) = worth, pressure
    pull, work = penalty * stage.sent[j], stage.work[j]
    free = np.maximum(value, 0.0) / twice_beta
    is_late = rest * free + pull > 0.0
    if not bool(is_late.any()):
        return free
    demand, is_open = np.where(is_late, np.maximum(guess, free), 1.0), is_late
    for _ in range(_NEWTON_STEPS):
        push, each = work / (demand * demand), pull / demand
        force = np.maximum(rest + each, 0.0)
        slope = twice_beta + push / demand * (2.0 * force + np.where(force > 0.0, each, 0.0))
        moved = demand + (value + push * force - twice_beta * demand) / slope
        moved = np.maximum(np.maximum(moved, 0.25 * demand), free)
        change = np.abs(moved - demand)
        # Each stops by itself, so that the answer does not depend on who else is in the batch.
        demand = np.where(is_open, moved, demand)
        is_open = is_open & (change > _NEWTON_CLOSE * moved)
        if not bool(is_open.any()):
            return np.where(is_late, demand, free)
    raise AssertionError("Newton's method on a concave rising function arrives")


def _distances(stage: Stage, demand: FloatArray, multiplier: FloatArray, shadow_price: FloatArray) -> FloatArray:
    """Return how far each pair's marginal value is from the conditions of optimality, shape [J, B, I]."""
    value = stage.value + stage.social(demand) - stage.burden * shadow_price[:, :, None]
    size = np.where(demand > 0.0, demand, 1.0)
    miss = value + multiplier * stage.work / (size * size) - stage.twice_beta * demand
    miss = np.where(demand > 0.0, np.abs(miss), np.maximum(value, 0.0)) / stage.twice_beta
    largest = demand.max(axis=(0, 2), initial=0.0)[:, None]
    return np.asarray(miss / np.where(largest > 0.0, largest, 1.0))
