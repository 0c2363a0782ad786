"""The social game by the alternating direction method of multipliers (ADMM), Algorithm 1 of 002.

How (16) is read. As printed, it adds the multiplier term and the penalty to what follower i maximises, which rewards
being late; here both are subtracted. Its eta_j is the eta_i of (17), one for each deadline. A deadline is an
inequality, so with a slack s_i >= 0 minimised out the penalty is that of Rockafellar (1973), and leader j's block is
max over b_ij >= 0 of U_Fi - (1 / 2 rho_i) max(0, eta_i + rho_i (sum_k theta_ik T_ik - K_i))^2,
followed by eta_i <- max(0, eta_i + rho_i (sum_k theta_ik T_ik - K_i)), the projected (17). T_ij = D_i / (b_ij q_ij) +
const is convex in b_ij, so every block is strictly concave. As in (16), followers move at once, each leader after
leader with the newest demands. The loops run *until* changes are small; the paper's `while` is the wrong way round.

With U_Fi scaled by sum_l 1/p_l the followers' stage has a potential, and a sweep never lowers the augmented one: for
W >= 0, 2 diag(beta) + W is positive definite if 2 diag(beta) - W is. No theorem says that three or more blocks and one
step of the multiplier after each sweep converge (Chen et al. 2016), hence what counts as found is what
satisfies the conditions of optimality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import InputError

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_NEWTON_STEPS = 200  # from the last sweep's demand one to three are enough
_NEWTON_CLOSE = 1e-9  # relative; a step this small has left about its square
ADAPTED = 300  # sweeps in which penalties change: with fixed ones, the multipliers' steps settle
_BALANCE, _FACTOR = 10.0, 2.0  # Boyd et al. (2011), section 3.4.1
_ROUNDING = 1e-13  # residuals below it say nothing


@dataclass(frozen=True, slots=True)
class Stage:
    """The followers' stage at B price vectors; the arrays are [J, B, I] where nothing else is said."""

    value: FloatArray  # alpha_i - p_j, and the social gain where it is taken for given; -inf where not eligible
    theta: FloatArray
    twice_beta: FloatArray  # [I]
    work: FloatArray  # [J, 1, I]
    sent: FloatArray  # theta * work, the mean seconds on one unit of bandwidth; 0 without a deadline
    room_s: FloatArray  # [B, I] what the deadline leaves for sending
    source: IntArray  # the friends, target by target
    target: IntArray  # those who have any
    first: IntArray  # of each target in `source`
    weight: FloatArray

    def social(self, demand: FloatArray) -> FloatArray:
        """Return sum_k w_ik b_kj."""
        gain = np.zeros_like(demand)
        if len(self.source):
            gain[..., self.target] = np.add.reduceat(self.weight * demand[..., self.source], self.first, axis=-1)
        return gain

    def rows(self, kept: IntArray) -> Stage:
        """Return the stage at some of the price vectors."""
        return replace(
            self,
            value=self.value[:, kept],
            theta=self.theta[:, kept],
            sent=self.sent[:, kept],
            room_s=self.room_s[kept],
        )


@dataclass(frozen=True, slots=True)
class State:
    """Where the sweeps are: demand[J, B, I], multiplier and penalty[B, I], and two residuals[B, I].

    `primal` is how far the deadline is missed, or kept with a multiplier still positive, as a part of the time for
    sending; `dual` how far the marginal value is from 0, as a demand and a part of the largest.
    """

    demand: FloatArray
    multiplier: FloatArray
    penalty: FloatArray
    primal: FloatArray
    dual: FloatArray

    def residual(self) -> FloatArray:
        """Return the larger residual at each price vector, [B]."""
        return np.asarray(np.maximum(self.primal, self.dual).max(axis=1, initial=0.0))

    def rows(self, kept: IntArray) -> State:
        """Return the state at some of the price vectors."""
        rest = (getattr(self, name)[kept] for name in ("multiplier", "penalty", "primal", "dual"))
        return State(self.demand[:, kept], *rest)


def check_single(game: SocialGame, *, capped: bool) -> None:
    """Raise InputError unless this is one game of NumPy arrays, without finite capacities unless `capped`."""
    if game.cost.ndim != 1:
        raise InputError(f"game social: a batch of shape {game.cost.shape[:-1]}, expected one game at a time")
    if game.tensors:
        raise InputError(f"game social: {', '.join(game.tensors)} given as tensors, expected NumPy arrays")
    is_finite = np.isfinite(game.capacity)
    if bool(is_finite.any()) and not capped:
        j = int(is_finite.argmax())
        raise InputError(
            f"game social: capacity of leader {j} is {game.capacity[j]:g}, expected inf: neither ADMM nor the social "
            "optimum knows capacities"
        )


def stage_at(game: SocialGame, price: FloatArray, given: FloatArray | None = None) -> Stage:
    """Return the followers' stage at `price[B, J]`; `given[I, J]` are social gains that stay what they are."""
    eligible = game.eligible.T[:, None, :]
    pull = np.where(eligible, 1.0 / price.T[:, :, None], 0.0)
    total = pull.sum(axis=0)
    theta = pull / np.where(total > 0.0, total, 1.0)
    is_due = np.isfinite(game.deadline_s)
    work = np.where(eligible, game.work.T[:, None, :], 0.0)
    fixed_s = (theta * np.where(eligible, game.delay_s.T[:, None, :], 0.0)).sum(axis=0)
    worth = game.alpha if given is None else game.alpha + given.T[:, None, :]
    target, source = np.nonzero(game.ties if given is None else np.zeros_like(game.ties))
    first = np.flatnonzero(np.diff(target, prepend=-1))
    return Stage(
        value=np.where(eligible, worth - price.T[:, :, None], -np.inf),
        theta=theta,
        twice_beta=2.0 * game.beta,
        work=work,
        sent=np.where(is_due, theta * work, 0.0),
        room_s=np.where(is_due, game.deadline_s - fixed_s, 1.0),
        source=source,
        target=target[first],
        first=first,
        weight=game.ties[target, source],
    )


def first_state(stage: Stage, rho: float) -> State:
    """Return a start in time; a follower's penalty is `rho` over the slope of its time by what a second is worth."""
    flat = stage.sent.sum(axis=0) / stage.room_s
    demand = np.maximum(np.maximum(stage.value, 0.0) / stage.twice_beta, np.where(stage.sent > 0.0, flat, 0.0))
    size = np.where(stage.sent > 0.0, demand, 1.0)
    reach = (stage.sent * stage.work / np.square(np.square(size))).sum(axis=0) / stage.twice_beta
    nothing = np.zeros_like(flat)
    return State(demand, nothing, rho / np.where(reach > 0.0, reach, 1.0), nothing + np.inf, nothing + np.inf)


def settled(stage: Stage, state: State, tolerance: float, most: int) -> FloatArray:
    """Return the demand [J, B, I] where the sweeps end, every price vector's as if it were alone."""
    left, demand = np.arange(len(stage.room_s)), state.demand.copy()
    for count in range(most):
        state = sweep(stage, state, adapt=count < ADAPTED)
        demand[:, left] = state.demand
        rest = np.flatnonzero(state.residual() > tolerance)
        if len(rest) == 0:
            break
        if len(rest) < len(left):
            left, stage, state = left[rest], stage.rows(rest), state.rows(rest)
    return demand


def sweep(stage: Stage, state: State, *, adapt: bool) -> State:
    """Return the state after one inner step t: (16) for leader after leader, then (17)."""
    demand, penalty = state.demand.copy(), state.penalty
    value = stage.value + stage.social(demand)  # of a leader's column, which moves in its own block only
    time_s = stage.sent / np.where(stage.sent > 0.0, demand, 1.0)
    over_s = time_s.sum(axis=0) - stage.room_s
    for j in range(len(demand)):
        rest = state.multiplier + penalty * (over_s - time_s[j])
        demand[j] = _block(stage, j, value[j], (rest, penalty), demand[j])
        before_s, time_s[j] = time_s[j].copy(), stage.sent[j] / np.where(stage.sent[j] > 0.0, demand[j], 1.0)
        over_s = over_s + (time_s[j] - before_s)
    over_s = time_s.sum(axis=0) - stage.room_s
    multiplier = np.maximum(state.multiplier + penalty * over_s, 0.0)
    # The change of the multiplier over the penalty, which rounding would lose for small penalties.
    primal = np.abs(np.maximum(over_s, -state.multiplier / penalty)) / stage.room_s
    dual = _distance(stage, demand, multiplier)
    if adapt:
        ratio = np.maximum(primal, _ROUNDING) / np.maximum(dual, _ROUNDING)
        factor = np.where(ratio > _BALANCE, _FACTOR, np.where(ratio < 1.0 / _BALANCE, 1.0 / _FACTOR, 1.0))
        penalty = penalty * np.where(primal > 0.0, factor, 1.0)  # where it does nothing it must not shrink for ever
    return State(demand, multiplier, penalty, primal, dual)


def _block(
    stage: Stage, j: int, value: FloatArray, pressure: tuple[FloatArray, FloatArray], guess: FloatArray
) -> FloatArray:
    """Return the b_ij[B, I] of (16): 2 beta b - value = (a / b^2) max(0, rest + rho theta a / b).

    `pressure` are rest = eta + rho (the others' time - K) and rho. Left less right is concave and rises with b, so
    Newton's second iterate is below the root and the others climb to it.
    """
    rest, penalty = pressure
    pull, work, twice_beta = penalty * stage.sent[j], stage.work[j], stage.twice_beta
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


def _distance(stage: Stage, demand: FloatArray, multiplier: FloatArray) -> FloatArray:
    """Return how far each follower's marginal values are from the conditions of optimality, shape [B, I]."""
    value = stage.value + stage.social(demand)
    size = np.where(demand > 0.0, demand, 1.0)
    miss = value + multiplier * stage.work / (size * size) - stage.twice_beta * demand
    miss = np.where(demand > 0.0, np.abs(miss), np.maximum(value, 0.0)) / stage.twice_beta
    largest = demand.max(axis=(0, 2), initial=0.0)[:, None]
    return np.asarray(miss.max(axis=0, initial=0.0) / np.where(largest > 0.0, largest, 1.0))
