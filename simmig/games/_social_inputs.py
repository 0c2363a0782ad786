"""What the social game checks about a round before it is played."""

from __future__ import annotations

import numpy as np

from simmig.contracts import BoolArray, FloatArray, GameInputs, IntArray
from simmig.errors import InputError


def check(inputs: GameInputs) -> None:
    """Raise InputError for the first parameter outside the model of 002."""
    for name in ("alpha", "beta"):
        if name not in inputs.preferences:
            given = ", ".join(inputs.preferences) or "none"
            raise InputError(f"game social: preferences of the vehicles: {given}, expected alpha and beta")
    alpha, beta, ties = inputs.preferences["alpha"], inputs.preferences["beta"], inputs.ties
    open_pairs, rows = inputs.eligible, inputs.eligible.any(axis=1)
    _require(np.isfinite(alpha), alpha, "alpha of follower", "a finite number")
    _require(np.isfinite(beta) & (beta > 0.0), beta, "beta of follower", "a number above 0")
    _require(inputs.cost > 0.0, inputs.cost, "cost of leader", "above 0, because followers are paired by 1/price")
    capped = np.isfinite(inputs.price_max) & (inputs.price_max >= inputs.cost)
    _require(capped, inputs.price_max, "price_max of leader", "a finite number not below its cost")
    sized = np.isfinite(inputs.size_bit) & (inputs.size_bit > 0.0) | ~rows
    _require(sized, inputs.size_bit, "size_bit of follower", "a number above 0")
    _require(inputs.deadline_s > 0.0, inputs.deadline_s, "deadline_s of follower", "above 0, or inf for none")
    efficiency, delay_s = inputs.efficiency_bit_s_hz, inputs.delay_s
    usable = np.isfinite(efficiency) & (efficiency > 0.0) | ~open_pairs
    _require(usable, efficiency, "efficiency_bit_s_hz of follower and leader", "above 0 where eligible")
    steady = np.isfinite(delay_s) & (delay_s >= 0.0) | ~open_pairs
    _require(steady, delay_s, "delay_s of follower and leader", "finite and not negative where eligible")
    one, other = friends(ties)
    weight = ties[one, other]
    mutual = np.isfinite(weight) & (weight >= 0.0) & (weight == ties[other, one]) & (one != other)
    if not bool(mutual.all()):
        e = int(mutual.argmin())
        raise InputError(
            f"game social: tie of followers {one[e]} and {other[e]} is {float(weight[e])!r}, "
            "expected finite, not negative, the same both ways, and 0 with oneself"
        )


def _require(is_good: BoolArray, value: FloatArray, what: str, expected: str) -> None:
    if not bool(is_good.all()):
        where = tuple(int(k) for k in np.argwhere(~is_good)[0])
        place = " and ".join(map(str, where))
        raise InputError(f"game social: {what} {place} is {float(value[where])!r}, expected {expected}")


def friends(ties: FloatArray) -> tuple[IntArray, IntArray]:
    """Return both ends of every tie of `ties[I, I]` that is not 0, in the order of the rows."""
    # Several times faster than np.nonzero on a matrix, which is nearly all zeros.
    place = np.flatnonzero(ties != 0.0)
    return np.divmod(place, max(len(ties), 1))


def slowest_mean_s(inputs: GameInputs, delay_s: FloatArray, rows: IntArray) -> FloatArray:
    """Return the largest sum_j theta_ij delay_ij that admissible prices can make, for the followers `rows[R]`.

    With pulls 1/p between 1/price_max and 1/cost the largest mean pulls fully where the delay is above that mean
    (Dinkelbach 1967); the mean rises with every round, at most J rounds. Delays are 0 where not eligible.
    """
    strong = np.where(inputs.eligible[rows], 1.0 / inputs.cost, 0.0)
    weak = np.where(inputs.eligible[rows], 1.0 / inputs.price_max, 0.0)
    delay_s = delay_s[rows]
    mean = np.zeros(len(delay_s))
    for _ in range(delay_s.shape[1]):
        pull = np.where(delay_s > mean[:, None], strong, weak)
        total = pull.sum(axis=1)
        higher = (pull * delay_s).sum(axis=1) / np.where(total > 0.0, total, 1.0)
        if bool(np.all(higher <= mean)):
            break
        mean = higher
    return mean
