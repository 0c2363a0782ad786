"""What the immersion game checks about its parameters, and how it spreads them over one batch of games."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from simmig.contracts import BoolArray, FloatArray, GameInputs
from simmig.errors import InputError

_FOLLOWER = ("delta", "ssim_threshold", "budget")  # [..., I]
_LEADER = ("cost", "capacity")  # [..., J]
_PAIR = ("ssim", "efficiency", "price_max")  # [..., I, J]


def preference(inputs: GameInputs, name: str) -> FloatArray:
    """Return the followers' preference of this name, shape [I]; InputError if the round has none."""
    if name not in inputs.preferences:
        given = ", ".join(sorted(inputs.preferences)) or "none"
        raise InputError(f"game immersion: preferences of the vehicles: {given}; expected {name} among them")
    return inputs.preferences[name]


def check_prices(prices: str) -> None:
    """Raise InputError unless `prices` is a way to price that the game knows."""
    if prices not in ("individual", "uniform"):
        raise InputError(f'game immersion: prices is {prices!r}, expected "individual" or "uniform"')


def spread(given: Mapping[str, ArrayLike], eligible: ArrayLike) -> tuple[dict[str, FloatArray], BoolArray]:
    """Return the parameters as read-only arrays of full shape ([..., I], [..., J] or [..., I, J]), and `eligible`.

    Pairs that are not eligible get SSIM 1 and efficiency 1, whatever was given, and the leader's cost as their cap if
    what was given is none: nothing is ever computed from them, and no NaN gets in. Raises InputError for the first
    parameter outside the model of 001.
    """
    raw = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
    batch, followers, leaders = _sizes(raw, np.asarray(eligible))
    pairs = (*batch, followers, leaders)
    is_open = np.broadcast_to(np.asarray(eligible, dtype=np.bool_), pairs).copy()
    if 0 < raw["price_max"].ndim < len(pairs):  # [..., J]: a cap for all followers
        raw["price_max"] = raw["price_max"][..., None, :]
    shapes = {
        **dict.fromkeys(_FOLLOWER, (*batch, followers)),
        **dict.fromkeys(_LEADER, (*batch, leaders)),
        **dict.fromkeys(_PAIR, pairs),
    }
    full = {name: np.broadcast_to(value, shapes[name]).copy() for name, value in raw.items()}
    full["ssim"][~is_open] = full["efficiency"][~is_open] = 1.0
    cost = np.broadcast_to(full["cost"][..., None, :], pairs)
    is_no_cap = ~is_open & ~_is_cap(full["price_max"], cost)
    full["price_max"][is_no_cap] = cost[is_no_cap]
    _check(full)
    for array in (*full.values(), is_open):
        array.setflags(write=False)
    return full, is_open


def _sizes(raw: Mapping[str, FloatArray], eligible: BoolArray) -> tuple[tuple[int, ...], int, int]:
    """Return the batch shape and the numbers of followers and leaders that all parameters agree on."""
    columns = [raw[name][..., :, None] for name in _FOLLOWER if raw[name].ndim]
    rows = [raw[name][..., None, :] for name in _LEADER if raw[name].ndim]
    tables = [raw[name] for name in ("ssim", "efficiency")]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in (*columns, *rows, *tables, eligible)))
    except ValueError:
        listed = ", ".join(f"{name} {list(value.shape)}" for name, value in raw.items())
        raise InputError(f"game immersion: shapes do not fit together: {listed}") from None
    if len(shape) < 2:
        raise InputError("game immersion: ssim and efficiency have shape [..., I, J], followers by leaders")
    return shape[:-2], shape[-2], shape[-1]


def _check(full: Mapping[str, FloatArray]) -> None:
    cost, price_max = full["cost"][..., None, :], full["price_max"]
    ssim, threshold = full["ssim"], full["ssim_threshold"]
    _require(_above_zero(full["delta"]), full["delta"], "delta of follower", "a number above 0")
    _require((ssim > 0.0) & (ssim <= 1.0), ssim, "ssim of pair", "above 0, at most 1")
    is_share = (threshold > 0.0) & (threshold <= 1.0)
    _require(is_share, threshold, "ssim_threshold of follower", "above 0, at most 1")
    _require(_above_zero(full["efficiency"]), full["efficiency"], "efficiency of pair", "a number above 0")
    _require(full["budget"] >= 0.0, full["budget"], "budget of follower", "0 or more, or inf for none")
    _require(_above_zero(full["cost"]), full["cost"], "cost of leader", "a number above 0")
    is_cap = _is_cap(price_max, cost)
    _require(is_cap, price_max, "price_max of pair", "a finite number not below the leader's cost")
    _require(full["capacity"] > 0.0, full["capacity"], "capacity of leader", "above 0, or inf for none")


def _is_cap(price_max: FloatArray, cost: FloatArray) -> BoolArray:
    return np.isfinite(price_max) & (price_max >= cost)


def _above_zero(value: FloatArray) -> BoolArray:
    return np.isfinite(value) & (value > 0.0)


def _require(is_good: BoolArray, value: FloatArray, what: str, expected: str) -> None:
    if not bool(is_good.all()):
        where = tuple(int(k) for k in np.argwhere(~is_good)[0])
        players = 2 if what.endswith("pair") else 1
        named = what.replace("of pair", f"of follower {where[-2]} and leader") if players == 2 else what
        game = f" of game {list(where[:-players])}" if len(where) > players else ""
        raise InputError(f"game immersion: {named} {where[-1]}{game} is {float(value[where])!r}, expected {expected}")
