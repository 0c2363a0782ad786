"""What the embodied game reads from a pricing round: preferences, offers, and the deadlines that can be met."""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray, GameInputs
from simmig.errors import InputError, NoEquilibrium


def checked_inputs(inputs: GameInputs) -> dict[str, FloatArray]:
    """Return delta, delay_cost[I] and quality[J], q_j = k_j ln(quality_j / threshold_j) of 003 (4).

    Raises InputError for a preference or an offer that is missing, and for a quality that is not above its threshold.
    """
    _require_names("preferences of the vehicles", inputs.preferences, ("delta",))
    _require_names("offers of the RSUs", inputs.offers, ("quality", "quality_threshold"))
    delta = inputs.preferences["delta"]
    quality, threshold = inputs.offers["quality"], inputs.offers["quality_threshold"]
    reputation = inputs.offers.get("reputation", np.ones(len(quality)))
    is_better = (threshold > 0.0) & (quality > threshold) & (reputation > 0.0)
    if not bool(is_better.all()):
        j = int(is_better.argmin())
        raise InputError(
            f"game embodied: leader {j} has quality {float(quality[j])!r}, quality_threshold {float(threshold[j])!r} "
            f"and reputation {float(reputation[j])!r}, expected all above 0 and the quality above its threshold"
        )
    return {
        "delta": delta,
        "delay_cost": inputs.preferences.get("delay_cost", np.zeros(len(delta))),
        "quality": reputation * np.log(quality / threshold),
    }


def deadlines(inputs: GameInputs, quality: FloatArray, is_strict: bool) -> FloatArray:
    """Return the deadlines [I] that hold in this round, inf for those that no bandwidth can meet at some prices.

    Raises NoEquilibrium for such a deadline if `is_strict`.
    """
    worst_s = _slowest_mean_s(inputs, quality)
    is_hopeless = np.isfinite(inputs.deadline_s) & (worst_s >= inputs.deadline_s) & inputs.eligible.any(axis=1)
    if is_strict and bool(is_hopeless.any()):
        i = int(is_hopeless.argmax())
        raise NoEquilibrium(
            f"game embodied: follower {i} has a deadline of {inputs.deadline_s[i]:g} s, but waiting and "
            f're-instantiation alone can take {worst_s[i]:g} s; infeasible_deadline = "relax" drops such a deadline'
        )
    return np.where(is_hopeless, np.inf, inputs.deadline_s)


def _slowest_mean_s(inputs: GameInputs, quality: FloatArray) -> FloatArray:
    """Return the largest sum_j theta_ij delay_ij that admissible prices can make, shape [I].

    Pulls q/p lie between q/price_max and q/cost; the largest mean pulls fully where the delay is above that mean
    (Dinkelbach 1967), and it rises with every round, at most J rounds.
    """
    strong = np.where(inputs.eligible, quality / inputs.cost, 0.0)
    weak = np.where(inputs.eligible, quality / inputs.price_max, 0.0)
    delay_s = np.where(inputs.eligible, inputs.delay_s, 0.0)
    mean = np.zeros(len(delay_s))
    for _ in range(delay_s.shape[1]):
        pull = np.where(delay_s > mean[:, None], strong, weak)
        total = pull.sum(axis=1)
        higher = (pull * delay_s).sum(axis=1) / np.where(total > 0.0, total, 1.0)
        if bool(np.all(higher <= mean)):
            break
        mean = higher
    return mean


def _require_names(what: str, given: dict[str, FloatArray], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in given]
    if missing:
        known = ", ".join(given) or "none"
        raise InputError(f"game embodied: {what}: {known}, expected {' and '.join(names)}")
