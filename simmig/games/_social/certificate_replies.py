"""The followers' replies as the certificate computes them: another method than the solver's, and no code of it.

The solver finds one multiplier per follower by a monotone Newton method and lets ties act through conjugate
gradients; here Newton's method runs on the conditions of optimality as they stand, in y = 1/b, where the deadline is
the linear equation sum theta a y = room, and friends simply answer one another until nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray

_NEWTON_STEPS = 200  # random games need 5 to 10; the hardest of 20,000 with five decades of sizes needed 27
_SWEEPS = 20_000
_STILL = 1e-12  # change of demand, relative to the largest, at which friends have answered one another
_CLOSE = 1e-7  # relative; a step this small has left about its square


@dataclass(frozen=True, slots=True)
class Scenes:
    """m entries, each a follower at a leader in a scene (one leader trying prices); a follower's entries adjoin.

    `start` and `owner` group the entries of one follower in one scene. Ties run from entry `source` to `target` of
    the same scene and leader, sorted by target; `tied` are the entries that have any, in the order of `target`.
    """

    follower: IntArray
    leader: IntArray
    scene: IntArray
    start: IntArray
    owner: IntArray
    alpha: FloatArray
    beta: FloatArray
    work: FloatArray
    delay_s: FloatArray
    deadline_s: FloatArray  # per group, inf for none
    source: IntArray
    tied: IntArray
    tied_start: IntArray
    weight: FloatArray

    def social(self, demand: FloatArray) -> FloatArray:
        """Return the social part of the marginal values, for demands of shape [..., m]."""
        gain = np.zeros_like(demand)
        if len(self.tied):
            flow = self.weight * demand.take(self.source, axis=-1)  # for two axes much faster than an index
            gain[..., self.tied] = np.add.reduceat(flow, self.tied_start, axis=-1)
        return gain


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the groups of a scene: their entries in it, and these as scenes of their own."""

    entry: IntArray
    scenes: Scenes


def part_of(scenes: Scenes, chosen: BoolArray) -> Part:
    """Return the part of the groups `chosen`, which must contain both ends of a tie or neither."""
    entry = np.flatnonzero(chosen[scenes.owner])
    place = np.full(len(scenes.owner), -1)
    place[entry] = np.arange(len(entry))
    fields = {name: getattr(scenes, name)[entry] for name in _PER_ENTRY}
    size = np.diff(scenes.start, append=len(scenes.owner))[chosen]
    is_inside = place[scenes.tied] >= 0
    kept = np.repeat(is_inside, np.diff(scenes.tied_start, append=len(scenes.source)))
    degree = np.diff(scenes.tied_start, append=len(scenes.source))[is_inside]
    inner = Scenes(
        **fields,
        start=np.cumsum(size) - size,
        owner=np.repeat(np.arange(len(size)), size),
        deadline_s=scenes.deadline_s[chosen],
        source=place[scenes.source[kept]],
        tied=place[scenes.tied[is_inside]],
        tied_start=np.cumsum(degree) - degree,
        weight=scenes.weight[kept],
    )
    return Part(entry, inner)


_PER_ENTRY = ("follower", "leader", "scene", "alpha", "beta", "work", "delay_s")


@dataclass(frozen=True, slots=True)
class Answers:
    """How the followers of scenes answer prices: some alone and never late, some alone, some to their friends."""

    scenes: Scenes
    alone: Part
    friends: Part

    def demand(self, price: FloatArray, theta: FloatArray) -> FloatArray:
        """Return the demands [G, m] at which every follower has answered the others."""
        scenes = self.scenes
        demand = np.maximum(scenes.alpha - price, 0.0) * (0.5 / scenes.beta)
        for part, answer in ((self.alone, best_replies), (self.friends, _replies_in_turn)):
            if len(part.entry):
                inner, entry = part.scenes, part.entry
                value, share, guess = (x.take(entry, axis=1) for x in (-price, theta, demand))
                demand[:, entry] = answer(inner, inner.alpha + value, share, guess)
        return demand


def answers_of(scenes: Scenes) -> Answers:
    """Return how the followers of these scenes answer."""
    has_friends = np.zeros(len(scenes.start), bool)
    has_friends[scenes.owner[scenes.tied]] = True
    has_deadline = np.isfinite(scenes.deadline_s)
    return Answers(scenes, part_of(scenes, has_deadline & ~has_friends), part_of(scenes, has_friends))


def _replies_in_turn(scenes: Scenes, value: FloatArray, theta: FloatArray, demand: FloatArray) -> FloatArray:
    """Return where answers to answers end; `value[G, m]` is that of the first unit without friends."""
    for _ in range(_SWEEPS):
        answer = best_replies(scenes, value + scenes.social(demand), theta, demand)
        change = float(np.abs(answer - demand).max())
        demand = answer
        if change <= _STILL * (1.0 + float(answer.max())):
            return demand
    raise AssertionError("friends' answers contract when 2 diag(beta) - W is positive definite")


def replies_without_deadlines(scenes: Scenes, price: FloatArray) -> FloatArray:
    """Return what followers would buy at prices [G, m] if there were no deadlines, friends answering one another."""
    ease = 0.5 / scenes.beta
    alone = (scenes.alpha - price) * ease
    demand = np.maximum(alone, 0.0)
    if len(scenes.tied) == 0:
        return demand
    place = np.zeros(len(ease), np.int64)
    place[scenes.tied] = np.arange(len(scenes.tied))
    degree = np.diff(scenes.tied_start, append=len(scenes.source))
    source, weight = place[scenes.source], scenes.weight * np.repeat(ease[scenes.tied], degree)
    alone, bought = alone.take(scenes.tied, axis=1), demand.take(scenes.tied, axis=1)
    for _ in range(_SWEEPS):
        social = np.add.reduceat(weight * bought.take(source, axis=1), scenes.tied_start, axis=1)
        answer = np.maximum(alone + social, 0.0)
        change = float(np.abs(answer - bought).max())
        bought = answer
        if change <= _STILL * (1.0 + float(answer.max())):
            demand[:, scenes.tied] = answer
            return demand
    raise AssertionError("friends' answers contract when 2 diag(beta) - W is positive definite")


def best_replies(scenes: Scenes, value: FloatArray, theta: FloatArray, guess: FloatArray) -> FloatArray:
    """Return what each follower buys if its first unit at each entry is worth `value[G, m]`, price deducted."""
    demand = np.maximum(value, 0.0) * (0.5 / scenes.beta)
    has_deadline = np.isfinite(scenes.deadline_s)
    if not bool(has_deadline.any()):
        return demand
    sent = theta * scenes.work / np.maximum(demand, 1e-100)
    fixed_s = np.add.reduceat(theta * scenes.delay_s, scenes.start, axis=1)
    room_s = scenes.deadline_s - fixed_s
    late = np.add.reduceat(sent, scenes.start, axis=1) > room_s
    entry = late.take(scenes.owner, axis=1)
    if bool(late.any()):
        demand[entry] = _on_time(scenes, (late, entry), value[entry], theta[entry], room_s[late], guess[entry])
    return demand


def _on_time(
    scenes: Scenes,
    masks: tuple[BoolArray, BoolArray],
    value: FloatArray,
    theta: FloatArray,
    room_s: FloatArray,
    guess: FloatArray,
) -> FloatArray:
    """Return the demand of the late entries: 2 beta - value y - nu a y^3 = 0 and sum theta a y = room, y = 1/b."""
    late, entry = masks
    size = np.broadcast_to(np.diff(scenes.start, append=len(scenes.owner)), late.shape)[late]
    start = np.cumsum(size) - size
    owner = np.repeat(np.arange(len(size)), size)
    work, twice = (np.broadcast_to(x, entry.shape)[entry] for x in (scenes.work, 2.0 * scenes.beta))
    weight = theta * work
    # Scaled to meet the deadline; with the largest multiplier any entry asks for, every Newton step is defined.
    demand = np.maximum(guess, 1e-100)
    demand = demand * (np.add.reduceat(weight / demand, start) / room_s)[owner]
    flat = (np.add.reduceat(weight, start) / room_s)[owner]
    usable = (np.maximum.reduceat(demand / flat, start) < 1e3)[owner]
    y = 1.0 / np.where(usable, demand, flat)
    nu = np.maximum.reduceat((twice - value * y) / (work * y * y * y), start)
    for _ in range(_NEWTON_STEPS):
        bend = work * y * y
        push = nu[owner] * bend
        miss = (value + push) * y - twice
        pull = weight / (value + 3.0 * push)
        rise = np.add.reduceat(weight * y - pull * miss, start) - room_s
        rise = np.maximum(rise / np.add.reduceat(pull * bend * y, start), -0.7 * nu)
        shift = (miss + bend * y * rise[owner]) / (value + 3.0 * push)
        moved = np.maximum(y - shift, 0.3 * y)
        change = float((np.abs(moved - y) / moved).max())
        y, nu = moved, nu + rise
        if change <= _CLOSE:
            return 1.0 / y
    raise AssertionError("Newton's method on a strictly concave programme did not arrive")
