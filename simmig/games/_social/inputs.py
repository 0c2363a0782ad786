"""What the social game checks about its parameters, and how it spreads them over one batch of games."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from array_api_compat import array_namespace, is_torch_array
from numpy.typing import ArrayLike, NDArray

from simmig.contracts import Array, BoolArray, FloatArray, GameInputs, IntArray
from simmig.errors import InputError, NoEquilibrium
from simmig.games._social.market import collect
from simmig.games._social.table import Table, in_time

if TYPE_CHECKING:
    from simmig.games.social import SocialGame

_Number = TypeVar("_Number", bound=np.generic)
_FOLLOWER = ("alpha", "beta", "deadline_s")  # [..., I]
_LEADER = ("cost", "price_max", "capacity")  # [..., J]
_GIVEN = {"work": "work_s"}  # as `make` calls it
_PAIR = ("work", "delay_s")  # [..., I, J]


def check_round(inputs: GameInputs) -> None:
    """Raise InputError if a round lacks a preference, or has sizes or efficiencies that no time comes of."""
    for name in ("alpha", "beta"):
        if name not in inputs.preferences:
            given = ", ".join(inputs.preferences) or "none"
            raise InputError(f"game social: preferences of the vehicles: {given}, expected alpha and beta")
    size, efficiency = inputs.size_bit, inputs.efficiency_bit_s_hz
    sized = np.isfinite(size) & (size > 0.0) | ~inputs.eligible.any(axis=1)
    _require(sized, size, "size_bit of follower", "a number above 0")
    usable = np.isfinite(efficiency) & (efficiency > 0.0) | ~inputs.eligible
    _require(usable, efficiency, "efficiency_bit_s_hz of follower and leader", "above 0 where eligible", players=2)


def plain(value: Array) -> NDArray[np.float64]:
    """Return numbers, or a tensor's, as a NumPy array of float64."""
    return np.asarray(value.detach().cpu().numpy() if is_torch_array(value) else value, np.float64)


def spread(given: Mapping[str, Array], eligible: ArrayLike) -> tuple[dict[str, FloatArray], BoolArray]:
    """Return the parameters as read-only arrays of full shape ([..., I], [..., J] or [..., I, J]), and `eligible`.

    Arrays that are read-only already are not copied. Pairs that are not eligible get work 1 and delay 0, whatever was
    given: nothing is ever computed from them, and no NaN gets in.
    """
    raw = {name: plain(value) for name, value in given.items()}
    batch, followers, leaders = _sizes(raw, np.asarray(eligible))
    pairs = (*batch, followers, leaders)
    is_open = _read_only(np.asarray(eligible, np.bool_), pairs)
    shapes = {
        **dict.fromkeys(_FOLLOWER, (*batch, followers)),
        **dict.fromkeys(_LEADER, (*batch, leaders)),
        **dict.fromkeys(_PAIR, pairs),
        "ties": (*batch, followers, followers),
    }
    for name, instead in (("work", 1.0), ("delay_s", 0.0)):
        raw[name] = np.where(is_open, raw[name], instead)
        raw[name].setflags(write=False)
    return {name: _read_only(value, shapes[name]) for name, value in raw.items()}, is_open


def _sizes(raw: Mapping[str, FloatArray], eligible: NDArray[np.generic]) -> tuple[tuple[int, ...], int, int]:
    """Return the batch shape and the numbers of followers and leaders that all parameters agree on."""
    columns = [raw[name][..., :, None] for name in _FOLLOWER if raw[name].ndim]
    rows = [raw[name][..., None, :] for name in _LEADER if raw[name].ndim]
    ties = raw["ties"]
    squares = [ties[..., :1], np.swapaxes(ties, -1, -2)[..., :1]] if ties.ndim > 1 else [ties]
    tables = [*(raw[name] for name in _PAIR), *squares, eligible]
    try:
        shape = np.broadcast_shapes(*(a.shape for a in (*columns, *rows, *tables)))
    except ValueError:
        listed = ", ".join(f"{_GIVEN.get(name, name)} {list(value.shape)}" for name, value in raw.items())
        raise InputError(
            f"game social: shapes do not fit together: {listed}, eligible {list(eligible.shape)}"
        ) from None
    if len(shape) < 2:
        raise InputError("game social: work_s has shape [..., I, J], followers by leaders")
    return shape[:-2], shape[-2], shape[-1]


def _read_only(value: NDArray[_Number], shape: tuple[int, ...]) -> NDArray[_Number]:
    if value.shape == shape and not value.flags.writeable:
        return value
    full = np.array(np.broadcast_to(value, shape))
    full.setflags(write=False)
    return full


def check(full: Mapping[str, FloatArray], friends: Friends) -> None:
    """Raise InputError for the first parameter outside the model of 002."""
    alpha, beta, cost, price_max = (full[name] for name in ("alpha", "beta", "cost", "price_max"))
    deadline_s, work, delay_s, capacity = (full[name] for name in ("deadline_s", "work", "delay_s", "capacity"))
    _require(np.isfinite(alpha), alpha, "alpha of follower", "a finite number")
    _require(np.isfinite(beta) & (beta > 0.0), beta, "beta of follower", "a number above 0")
    positive = np.isfinite(cost) & (cost > 0.0)
    _require(positive, cost, "cost of leader", "above 0, because followers are paired by 1/price")
    capped = np.isfinite(price_max) & (price_max >= cost)
    _require(capped, price_max, "price_max of leader", "a finite number not below its cost")
    _require(capacity > 0.0, capacity, "capacity of leader", "above 0, or inf for no limit")
    _require(deadline_s > 0.0, deadline_s, "deadline_s of follower", "above 0, or inf for none")
    timed = np.isfinite(work) & (work > 0.0)
    _require(timed, work, "work_s of follower and leader", "above 0 where eligible", players=2)
    steady = np.isfinite(delay_s) & (delay_s >= 0.0)
    _require(steady, delay_s, "delay_s of follower and leader", "finite and not negative where eligible", players=2)
    _check_ties(full["ties"], friends)


def _check_ties(ties: FloatArray, friends: Friends) -> None:
    one, other, weight = friends
    count = max(ties.shape[-1], 1)
    back = ties.reshape(-1, count)[other, one % count]
    mutual = np.isfinite(weight) & (weight >= 0.0) & (weight == back) & (one != other)
    if not bool(mutual.all()):
        e = int(mutual.argmin())
        game = np.unravel_index(one[e] // count, ties.shape[:-2]) if ties.ndim > 2 else ()
        raise InputError(
            f"game social: tie of followers {one[e] % count} and {other[e] % count}{_of_game(game)} is "
            f"{float(weight[e])!r}, expected finite, not negative, the same both ways, and 0 with oneself"
        )


def _require(is_good: BoolArray, value: FloatArray, what: str, expected: str, players: int = 1) -> None:
    if not bool(is_good.all()):
        where = tuple(int(k) for k in np.argwhere(~is_good)[0])
        place = " and ".join(map(str, where[-players:]))
        game = _of_game(where[:-players])
        raise InputError(f"game social: {what} {place}{game} is {float(value[where])!r}, expected {expected}")


def _of_game(where: tuple[int | np.intp, ...]) -> str:
    return f" of game {[int(k) for k in where]}" if where else ""


class Friends(NamedTuple):
    """The rows (see `Table`) of both ends of every tie that is not 0, each listed both ways, and its weight."""

    one: IntArray
    other: IntArray
    weight: FloatArray


def friends_of(ties: FloatArray) -> Friends:
    """Return the ties of `ties[..., I, I]` in the order of their rows."""
    # Several times faster than np.nonzero on a matrix, which is nearly all zeros.
    flat, count = ties.reshape(-1), max(ties.shape[-1], 1)
    place = np.flatnonzero(flat != 0.0)
    row, column = np.divmod(place, count)
    return Friends(row, row - row % count + column, flat[place])


def made(given: Mapping[str, Array], eligible: ArrayLike, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a SocialGame that follow from its parameters; errors as of `SocialGame.make`."""
    _check_rules(rules)
    full, is_open = spread(given, eligible)
    *batch, followers, leaders = is_open.shape
    friends = friends_of(full["ties"])
    check(full, friends)
    rows, games = (prod(batch) * followers, leaders), (prod(batch), leaders)
    table = Table(
        alpha=full["alpha"].reshape(-1),
        beta=full["beta"].reshape(-1),
        work=full["work"].reshape(rows),
        delay_s=full["delay_s"].reshape(rows),
        deadline_s=full["deadline_s"].reshape(-1),
        eligible=is_open.reshape(rows),
        cost=full["cost"].reshape(games),
        price_max=full["price_max"].reshape(games),
        one=friends.one,
        other=friends.other,
        weight=friends.weight,
    )
    table, is_relaxed, late = in_time(table, is_error=rules["infeasible_deadline"] == "error")
    market, unbounded = collect(table)
    refused = {tuple(map(int, np.unravel_index(b, batch))): why for b, why in sorted({**late, **unbounded}.items())}
    if refused and not batch:
        raise NoEquilibrium(refused[()])
    deadline_s, is_relaxed = (x.reshape((*batch, followers)) for x in (table.deadline_s, is_relaxed))
    for fixed in (deadline_s, is_relaxed):
        fixed.setflags(write=False)
    tensors = {
        name: array_namespace(value).broadcast_to(value, full[name].shape)
        for name, value in given.items()
        if is_torch_array(value)
    }
    derived = {"deadline_s": deadline_s, "is_relaxed": is_relaxed, "eligible": is_open, "tensors": tensors}
    return {**full, **derived, "table": table, "market": market, "refused": refused}


def _check_rules(rules: Mapping[str, Any]) -> None:
    for name, known in (("leader_model", ("anticipating", "myopic")), ("infeasible_deadline", ("relax", "error"))):
        if rules[name] not in known:
            raise InputError(f"game social: {name} is {rules[name]!r}, expected {' or '.join(known)}")
    if not 0.0 < rules["bandwidth_unit_hz"] < np.inf:
        raise InputError(f"game social: bandwidth_unit_hz is {rules['bandwidth_unit_hz']!r}, expected a number above 0")


def check_prices(game: SocialGame, price: FloatArray) -> None:
    """Raise ValueError for the first price out of its bounds; those of refused games do not matter."""
    outside = ~((price >= game.cost) & (price <= game.price_max))
    for place in game.refused:
        outside[place] = False
    if bool(outside.any()):
        where = tuple(int(k) for k in np.argwhere(outside)[0])
        low, high = game.cost[where], game.price_max[where]
        raise ValueError(
            f"price of leader {where[-1]}{_of_game(where[:-1])} is {float(price[where])!r}, "
            f"expected {low:g} to {high:g}"
        )
