"""Where the games of a market come from: one game, a law to draw from, or the rounds of a simulation.

Every source yields games of one kind and shape with one batch axis; what a smaller round lacks is filled with players
that can trade with nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from simmig.errors import InputError
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from simmig.contracts import FloatArray, Game, GameInputs, PricingGame

# The keywords of `make` and the fields that hold them.
_FIELDS: dict[type, dict[str, str]] = {
    SocialGame: {
        **{name: name for name in ("alpha", "beta", "ties", "delay_s", "deadline_s", "cost", "price_max")},
        "work_s": "work",
        "capacity": "capacity",
        "eligible": "eligible",
    },
    ImmersionGame: {
        **{name: name for name in ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "cost", "price_max")},
        "capacity": "capacity",
        "eligible": "eligible",
    },
    EmbodiedGame: {
        **{name: name for name in ("delta", "delay_cost", "ties", "complement", "quality", "cost", "price_max")},
        **{name: name for name in ("work_s", "delay_s", "deadline_s", "capacity", "eligible")},
    },
}
_RULES = {
    SocialGame: ("leader_model", "infeasible_deadline", "bandwidth_unit_hz"),
    ImmersionGame: ("prices", "bandwidth_unit_hz"),
    EmbodiedGame: ("effects", "leader_model", "bandwidth_unit_hz"),
}


class Games(NamedTuple):
    """Games with one batch axis, and what every leader sees of itself besides: `signals[B, J, S]`, S may be 0."""

    game: PricingGame
    signals: FloatArray

    @classmethod
    def silent(cls, game: PricingGame) -> Games:
        """Return games without signals."""
        return cls(game, np.zeros((*game.eligible.shape[:-2], game.eligible.shape[-1], 0)))  # type: ignore[attr-defined]


class Source(Protocol):
    """Yields games with one batch axis. `is_fixed` says that they are the same every time."""

    is_fixed: bool

    def games(self, count: int, draw: Generator) -> Games:
        """Return `count` games of one shape, side by side."""

    def single(self, draw: Generator) -> FixedGame:
        """Return one of the games, to be played over and over."""


def stack(games: Sequence[PricingGame]) -> PricingGame:
    """Return games of one kind and shape, without batch axes, as one batch.

    Raises InputError for kinds of game that have no batches.
    """
    kind = type(games[0])
    if kind not in _FIELDS:
        raise InputError(f"{kind.__name__}: learners cannot play it, expected a social, immersion or embodied game")
    given = {key: np.stack([getattr(game, name) for game in games]) for key, name in _FIELDS[kind].items()}
    rules = {name: getattr(games[0], name) for name in _RULES[kind]}
    batch: PricingGame = kind.make(**given, **rules)  # type: ignore[attr-defined]
    return batch


class FixedGame:
    """The same game, without batch axes, in every place of the batch; `signals[J, S]` as in `Games`."""

    is_fixed = True

    def __init__(self, game: PricingGame, signals: FloatArray | None = None) -> None:
        self.game, self._signals = game, signals

    def games(self, count: int, draw: Generator) -> Games:
        """Return `count` copies."""
        batch = Games.silent(stack([self.game] * count))
        return batch if self._signals is None else Games(batch.game, np.repeat(self._signals[None], count, axis=0))

    def single(self, draw: Generator) -> FixedGame:
        """Return the game."""
        return self


class DrawnGames:
    """Fresh games from a law, such as those of the papers' tables: `law(draw, batch)` returns games of these axes."""

    is_fixed = False

    def __init__(self, law: Callable[[Generator, tuple[int, ...]], Games]) -> None:
        self._law = law

    def games(self, count: int, draw: Generator) -> Games:
        """Return `count` fresh games."""
        return self._law(draw, (count,))

    def single(self, draw: Generator) -> FixedGame:
        """Return one fresh game."""
        found = self._law(draw, ())
        return FixedGame(found.game, found.signals)


class RecordedRounds:
    """Rounds that were played in a simulation, drawn with replacement: a map's games as they come."""

    is_fixed = False

    def __init__(self, game: Game, rounds: Sequence[GameInputs]) -> None:
        if not rounds:
            raise InputError("no pricing round was closed in this scenario; there is nothing to learn from")
        followers = max(len(each.size_bit) for each in rounds)
        leaders = max(len(each.cost) for each in rounds)
        self._games = [game.build(padded(each, followers, leaders)) for each in rounds]

    def games(self, count: int, draw: Generator) -> Games:
        """Return `count` of the rounds."""
        return Games.silent(stack([self._games[k] for k in draw.integers(len(self._games), size=count)]))

    def single(self, draw: Generator) -> FixedGame:
        """Return one of the rounds."""
        return FixedGame(self._games[int(draw.integers(len(self._games)))])


def placed(inputs: GameInputs, column: NDArray[np.int64], leaders: int) -> GameInputs:
    """Return a round whose leaders stand in the columns of `leaders` in all; the others can trade with nobody.

    What is not known of those is that of the round's first leader.
    """
    found = np.zeros(leaders, dtype=np.int64)
    found[column] = np.arange(len(column))
    is_there = np.isin(np.arange(leaders), column)
    return replace(
        inputs,
        efficiency_bit_s_hz=inputs.efficiency_bit_s_hz[:, found],
        delay_s=inputs.delay_s[:, found],
        cost=inputs.cost[found],
        price_max=inputs.price_max[found],
        capacity_hz=inputs.capacity_hz[found],
        eligible=inputs.eligible[:, found] & is_there,
        offers={key: values[found] for key, values in inputs.offers.items()},
    )


def padded(inputs: GameInputs, followers: int, leaders: int) -> GameInputs:
    """Return a round with more players, who can trade with nobody and whose parameters are those of the last one."""
    more = (0, followers - len(inputs.size_bit)), (0, leaders - len(inputs.cost))
    rows, columns = more

    def last(values: FloatArray, *axes: tuple[int, int]) -> FloatArray:
        return np.pad(values, axes, mode="edge")

    return replace(
        inputs,
        preferences={key: last(values, rows) for key, values in inputs.preferences.items()},
        ties=np.pad(inputs.ties, (rows, rows)),
        size_bit=last(inputs.size_bit, rows),
        efficiency_bit_s_hz=last(inputs.efficiency_bit_s_hz, rows, columns),
        delay_s=last(inputs.delay_s, rows, columns),
        deadline_s=np.pad(inputs.deadline_s, rows, constant_values=np.inf),
        cost=last(inputs.cost, columns),
        price_max=last(inputs.price_max, columns),
        capacity_hz=last(inputs.capacity_hz, columns),
        eligible=np.pad(inputs.eligible, (rows, columns)),
        offers={key: last(values, columns) for key, values in inputs.offers.items()},
    )
