"""What is known of a game, as one table of numbers for each pair of a follower and a leader, and games like it.

Sizes: B games, I followers, J leaders, F numbers for each pair. The numbers of a kind of game are always the same ones,
whatever the counts of players.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from simmig.errors import InputError
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame

if TYPE_CHECKING:
    from numpy.random import Generator

    from simmig.contracts import FloatArray, PricingGame

_LEAST = 1e-6  # of numbers whose logarithm is taken


@dataclass(frozen=True, slots=True)
class _Kind:
    """`made_from` are the keywords of `make` whose values vary and the fields that hold them; `rules` do not vary."""

    table: Callable[[Any], list[FloatArray]]
    made_from: dict[str, str]
    rules: tuple[str, ...]


def pair_table(game: PricingGame) -> tuple[Tensor, Tensor]:
    """Return what is known of each pair, [B, I, J, F], and which may trade, [B, I, J]; one game is a batch of one.

    Raises InputError for kinds of game that are not known here.
    """
    kind, given = _kind_of(game), _values(game)
    eligible = given["eligible"]
    buyers, sellers = eligible.sum(-2, keepdims=True), eligible.sum(-1, keepdims=True)
    counts = [buyers / (buyers + 1.0), sellers / (sellers + 1.0)]
    columns = [np.broadcast_to(column, eligible.shape) for column in (*kind.table(given), *counts)]
    table = np.where(eligible[..., None], np.stack(columns, -1), 0.0)
    shape = (-1, *table.shape[-3:])
    return torch.tensor(table).reshape(shape), torch.tensor(eligible).reshape(shape[:-1])


def variants(game: PricingGame, spread: float, absent: float, draw: Generator) -> PricingGame:
    """Return the batch with every parameter times exp(x), x uniform within +-`spread`, and players missing at random.

    A follower or a leader is absent with probability `absent`. Costs stay below caps, qualities at most 1. Some social
    games may have no equilibrium any more: they are among `refused`.
    """
    kind, given = _kind_of(game), _values(game)
    for name in kind.made_from.values():
        change = draw.uniform(-spread, spread, given[name].shape)
        if name == "ties":
            change = np.triu(change) + np.swapaxes(np.triu(change, 1), -1, -2)
        given[name] = given[name] * np.exp(change)
    for name in ("ssim", "ssim_threshold"):
        if name in given:
            given[name] = np.minimum(given[name], 1.0)
    given["price_max"] = np.maximum(given["price_max"], _like(given["cost"], given["price_max"]))
    pairs = given["eligible"].shape
    is_there = draw.random(pairs[:-1])[..., None] >= absent, draw.random((*pairs[:-2], 1, pairs[-1])) >= absent
    made: Any = type(game)
    changed = {key: given[name] for key, name in kind.made_from.items()}
    rules = {name: getattr(game, name) for name in kind.rules}
    varied: PricingGame = made.make(**changed, **rules, eligible=given["eligible"] & is_there[0] & is_there[1])
    return varied


def _like(cost: FloatArray, cap: FloatArray) -> FloatArray:
    """Return the least caps that leave no cost above them, broadcast to the caps' shape."""
    if cost.ndim > cap.ndim:
        return cost.max(axis=-2)  # type: ignore[no-any-return]
    return cost[..., None, :] if cost.ndim < cap.ndim else cost


def _kind_of(game: PricingGame) -> _Kind:
    if type(game) not in _KINDS:
        raise InputError(
            f"{type(game).__name__}: not a game that is known here; expected social, immersion or embodied"
        )
    return _KINDS[type(game)]


def _values(game: PricingGame) -> dict[str, Any]:
    names = (*_kind_of(game).made_from.values(), "eligible")
    return {name: np.asarray(getattr(game, name)) for name in names}


def _log(values: FloatArray) -> FloatArray:
    logarithm: FloatArray = np.log(np.maximum(values, _LEAST))
    return logarithm


def _row(values: FloatArray) -> FloatArray:
    """Return followers' numbers [..., I] for their pairs."""
    return values[..., :, None]


def _column(values: FloatArray) -> FloatArray:
    """Return leaders' numbers [..., J] for their pairs."""
    return values[..., None, :]


def _friends(given: dict[str, FloatArray]) -> FloatArray:
    """Return the sum of ties to those who may buy from the same leader, [..., I, J]."""
    return given["ties"] @ given["eligible"].astype(np.float64)


def _social(given: dict[str, FloatArray]) -> list[FloatArray]:
    alpha, beta = _row(given["alpha"]), _row(given["beta"])
    return [
        *(_log(alpha), _log(beta), _friends(given) / (2.0 * beta), 1.0 / _row(given["deadline_s"])),
        *(_log(_column(given["cost"])), _log(_column(given["price_max"])), 1.0 / _column(given["capacity"])),
        *(_log(given["work"]), given["delay_s"]),
    ]


def _immersion(given: dict[str, FloatArray]) -> list[FloatArray]:
    score = np.log(given["ssim"] / _row(given["ssim_threshold"]))
    worth = _row(given["delta"]) * np.maximum(score, 0.0)
    total = np.where(given["eligible"], worth, 0.0).sum(-1, keepdims=True)
    return [
        *(_log(_column(given["cost"])), _log(given["price_max"]), 1.0 / _column(given["capacity"])),
        *(_log(worth), _log(given["efficiency"]), np.sign(score)),
        *(_log(total), total / (total + _row(given["budget"]))),
    ]


def _embodied(given: dict[str, FloatArray]) -> list[FloatArray]:
    delta = _row(given["delta"])
    sellers = given["eligible"].astype(np.float64)
    return [
        *(_log(delta), _row(given["delay_cost"]), _friends(given), 1.0 / _row(given["deadline_s"])),
        *(_log(given["cost"]), _log(_column(given["price_max"])), 1.0 / _column(given["capacity"])),
        *(_log(given["quality"]), sellers @ given["complement"], _log(given["work_s"]), given["delay_s"]),
    ]


_KINDS: dict[type, _Kind] = {
    SocialGame: _Kind(
        _social,
        {
            **{name: name for name in ("alpha", "beta", "ties", "delay_s", "deadline_s", "cost", "price_max")},
            "work_s": "work",
            "capacity": "capacity",
        },
        ("leader_model", "infeasible_deadline", "bandwidth_unit_hz"),
    ),
    ImmersionGame: _Kind(
        _immersion,
        {
            **{name: name for name in ("delta", "ssim", "ssim_threshold", "efficiency", "budget")},
            **{name: name for name in ("cost", "price_max", "capacity")},
        },
        ("prices", "bandwidth_unit_hz"),
    ),
    EmbodiedGame: _Kind(
        _embodied,
        {
            **{name: name for name in ("delta", "delay_cost", "ties", "complement", "quality", "cost", "price_max")},
            **{name: name for name in ("work_s", "delay_s", "deadline_s", "capacity")},
        },
        ("effects", "leader_model", "bandwidth_unit_hz"),
    ),
}
