"""What the embodied game checks about its parameters before it is played."""

from __future__ import annotations

import math

import numpy as np
from array_api_compat import array_namespace, is_numpy_namespace

from simmig.contracts import Array, BoolArray, FloatArray
from simmig.errors import InputError

# Axes behind those of the batch: I followers, J leaders.
AXES = {
    "delta": "I",
    "delay_cost": "I",
    "ties": "II",
    "complement": "JJ",
    "quality": "IJ",
    "cost": "IJ",
    "price_max": "J",
    "work_s": "IJ",
    "delay_s": "IJ",
    "deadline_s": "I",
    "capacity": "J",
    "eligible": "IJ",
}
PER_LEADER = ("quality", "cost")  # may be given as [..., J]
_PLAYERS = {"I": "follower", "J": "leader"}


def plain(value: Array) -> FloatArray:
    """Return the numbers of an array or a torch tensor as a float64 NumPy array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=np.float64)


def checked(given: dict[str, Array]) -> dict[str, FloatArray]:
    """Return the parameters with all batch axes, read-only float64 (bool for `eligible`), in the shapes of AXES.

    Raises InputError for the first parameter outside the model of 003, naming the player and the game of the batch.
    """
    values = {name: _numbers(name, value) for name, value in given.items()}
    for name, axes in AXES.items():
        if values[name].ndim < len(axes) and name not in (*PER_LEADER, "deadline_s", "capacity", "eligible"):
            raise InputError(f"game embodied: {name} has {values[name].ndim} axes, expected at least {len(axes)}")
    sizes = {"I": values["delta"].shape[-1], "J": values["price_max"].shape[-1]}
    leading = max(values["delta"].ndim, values["price_max"].ndim) - 1
    for name in PER_LEADER:
        values[name] = values[name] if has_followers(values, name, leading) else values[name][..., None, :]
    try:
        batch = np.broadcast_shapes(*(x.shape[: max(x.ndim - len(AXES[name]), 0)] for name, x in values.items()))
        wide = {name: np.broadcast_to(x, (*batch, *(sizes[axis] for axis in AXES[name]))) for name, x in values.items()}
    except ValueError:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in values.items())
        raise InputError(
            f"game embodied: shapes do not fit {sizes['I']} followers and {sizes['J']} leaders: {shapes}"
        ) from None
    wide["eligible"] = wide["eligible"] != 0.0
    _check(wide)
    return {name: _frozen(x) for name, x in wide.items()}


def has_followers(values: dict[str, FloatArray], name: str, leading: int) -> bool:
    """Return whether a quality or cost is [..., I, J] rather than [..., J], `leading` the batch axes of the others."""
    value = values[name]
    if value.ndim >= leading + 2:
        return True
    followers = values["delta"].shape[-1]
    batch = values["delta"].shape[-2] if leading and values["delta"].ndim > 1 else 1
    return bool(leading and value.ndim == leading + 1 and value.shape[-2] == followers != batch)


def _numbers(name: str, value: Array) -> FloatArray:
    try:
        return plain(value)
    except (TypeError, ValueError):
        raise InputError(f"game embodied: {name} is not one rectangular array of numbers") from None


def _check(given: dict[str, FloatArray]) -> None:
    is_open = given["eligible"].astype(bool)
    finite = np.isfinite
    for name, good, expected in (
        ("delta", given["delta"] > 0.0, "a finite number above 0"),
        ("delay_cost", finite(given["delay_cost"]), "a finite number"),
        ("quality", (given["quality"] > 0.0) | ~is_open, "a finite number above 0"),
        ("cost", (given["cost"] > 0.0) | ~is_open, "a finite number above 0"),
        ("work_s", (given["work_s"] > 0.0) | ~is_open, "a finite number above 0"),
        ("delay_s", (given["delay_s"] >= 0.0) | ~is_open, "finite and not negative"),
        ("price_max", given["price_max"] > 0.0, "a finite number above 0"),
    ):
        is_idle = ~is_open if good.shape == is_open.shape and AXES[name] == "IJ" else np.zeros(good.shape, dtype=bool)
        _require(good & (finite(given[name]) | is_idle), name, given[name], expected)
    capped = (given["price_max"][..., None, :] >= given["cost"]) | ~is_open
    cap = np.broadcast_to(given["price_max"][..., None, :], capped.shape)
    _require(capped, "price_max", cap, "not below the cost", axes="IJ")
    _require(given["deadline_s"] > 0.0, "deadline_s", given["deadline_s"], "above 0, or inf for none")
    _require(given["capacity"] > 0.0, "capacity", given["capacity"], "above 0, or inf for none")
    for name in ("ties", "complement"):
        value = given[name]
        mutual = finite(value) & (value >= 0.0) & (value == np.swapaxes(value, -1, -2))
        own = np.eye(value.shape[-1], dtype=bool)
        _require(mutual & (~own | (value == 0.0)), name, value, "not negative, the same both ways, 0 with oneself")


def _require(is_good: BoolArray, name: str, value: FloatArray, expected: str, axes: str = "") -> None:
    if bool(is_good.all()):
        return
    axes = axes or AXES[name]
    where = tuple(int(k) for k in np.argwhere(~is_good)[0])
    batch, players = where[: len(where) - len(axes)], where[len(where) - len(axes) :]
    named = " and ".join(f"{_PLAYERS[axis]} {k}" for axis, k in zip(axes, players, strict=True))
    place = f" of game {batch}" if batch else ""
    raise InputError(f"game embodied: {name} of {named}{place} is {float(value[where])!r}, expected {expected}")


def _frozen(value: FloatArray) -> FloatArray:
    if value.flags.writeable:
        value = value.view()
    value.setflags(write=False)
    return value


def room(delay_cost: Array) -> Array:
    """Return E = e - alpha_i T_i^th of 003, section IV-B."""
    return math.e - delay_cost


def product(xp: Array, left: Array, right: Array) -> Array:
    """Return the matrix product; in NumPy without BLAS, whose sums differ from machine to machine."""
    if is_numpy_namespace(xp):
        return np.einsum("...ij,...jk->...ik", left, right)
    return xp.matmul(left, right)


def parameters(given: dict[str, Array]) -> dict[str, Array]:
    """Return the checked parameters, as tensors that keep their gradients if any of them is a torch tensor."""
    arrays = checked(given)
    tensors = [x for x in given.values() if hasattr(x, "detach")]
    if not tensors:
        return dict(arrays)
    xp = array_namespace(*tensors)
    values = {name: plain(x) for name, x in given.items()}
    leading = max(values["delta"].ndim, values["price_max"].ndim) - 1
    kept: dict[str, Array] = {}
    for name, array in arrays.items():
        value = given[name]
        if not hasattr(value, "detach") or name == "eligible":
            kept[name] = xp.asarray(np.array(array), device=tensors[0].device)
            continue
        if name in PER_LEADER and not has_followers(values, name, leading):
            value = value[..., None, :]
        kept[name] = xp.broadcast_to(xp.astype(value, xp.float64), array.shape)
    return kept
