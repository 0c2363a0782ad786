"""Game files: the players of one game and their parameters, without a map, a clock or a simulation."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from simmig.contracts import FloatArray, Game, GameInputs, PricingGame
from simmig.plugins.wording import complaint, mistake
from simmig.rng import Draws
from simmig.scenario.draws import Draw
from simmig.scenario.loading import load_as
from simmig.scenario.market_presets import fill_game
from simmig.scenario.sections import Chosen, Count, FromPlugins, Listed, Section

_MOST_PLAYERS = 10_000
_SIZE_BIT = 1e8  # of a twin that the file says nothing about


def _kind_of(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "draw"


# A number or a draw for all, or a list: one number each; a table has a row for each follower.
Column = Annotated[Annotated[Draw, Tag("draw")] | Annotated[Listed[float], Tag("list")], Discriminator(_kind_of)]
Table = Annotated[Annotated[Draw, Tag("draw")] | Annotated[Listed[Listed[float]], Tag("list")], Discriminator(_kind_of)]


class Players(Section):
    """One side of a game: its names, or how many there are."""

    names: Annotated[Listed[str], Count(1)] | None = None
    """What the players are called."""
    count: Annotated[int, Field(ge=1, le=_MOST_PLAYERS)] | None = None
    """How many players there are, instead of names."""

    @model_validator(mode="after")
    def _named_or_counted(self) -> Players:
        if (self.names is None) == (self.count is None):
            raise complaint("expected either names or count, and not both")
        if self.names is not None and len(set(self.names)) < len(self.names):
            raise mistake(list(self.names), "expected different names", "names")
        return self

    def called(self, letter: str) -> tuple[str, ...]:
        """Return the names: a letter and a number where none are given."""
        return self.names or tuple(f"{letter}{k}" for k in range(self.count or 0))


class Followers(Players):
    """Those who buy bandwidth."""

    preferences: dict[str, Column] = Field(default_factory=dict)
    """The game's parameters of each follower, such as alpha and beta of 002."""
    size_bit: Column | None = None
    """Size of the twin; absent: 1e8."""
    deadline_s: Column | None = None
    """Longest expected migration delay; absent: none."""


class Leaders(Players):
    """Those who sell bandwidth."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))  # a preset has the prices

    cost: Column
    """Lowest price, for one unit of the game's bandwidth."""
    price_max: Column
    """Highest price, for one unit of the game's bandwidth."""
    capacity_hz: Column | None = None
    """What each can sell in all; absent: any amount."""
    offer: dict[str, Column] = Field(default_factory=dict)
    """The game's parameters of each leader, such as quality and reputation of 003."""


class GameFile(Section):
    """One game: `simmig solve FILE` finds its equilibrium."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("game"))  # a preset has one

    schema_: Annotated[Literal[1], Field(alias="schema")]
    """Version of this format."""
    name: Annotated[str, Field(min_length=1, max_length=200)] = "game"
    """What the game is called."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Start of every random number."""
    preset: str | None = None
    """Named market whose game and parameters count where the file says nothing: "paper-001" to "paper-003"."""
    game: Annotated[Chosen[Game], FromPlugins("games")]
    """What is played for, a game plug-in."""
    followers: Followers
    leaders: Leaders
    ties: Table | None = None
    """Social ties: a number or a draw between any two followers, or a symmetric table; absent: none."""
    efficiency_bit_s_hz: Table | None = None
    """Bits per second that a pair gets out of one hertz; absent: 1."""
    delay_s: Table | None = None
    """Part of a pair's migration delay that bandwidth does not change; absent: 0."""
    eligible: Listed[Listed[bool]] | None = None
    """Which leaders can serve a follower, a row for each follower; absent: all."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, value: object) -> object:
        if isinstance(value, dict) and "fleet" in value:
            raise complaint("this is a scenario, for `simmig run`; expected a game, with followers and leaders")
        return fill_game(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _lists_fit(self) -> GameFile:
        who, whom = len(self.followers.called("f")), len(self.leaders.called("l"))
        for side, count, columns in (
            ("followers", who, _columns(self.followers)),
            ("leaders", whom, _columns(self.leaders)),
        ):
            for path, column in columns.items():
                if isinstance(column, tuple) and len(column) != count:
                    raise mistake(list(column), f"expected {count} numbers, one for each of the {side}", side, *path)
        tables = (("ties", who), ("efficiency_bit_s_hz", whom), ("delay_s", whom), ("eligible", whom))
        for key, width in tables:
            rows = getattr(self, key)
            if isinstance(rows, tuple) and [len(row) for row in rows] != [width] * who:
                raise complaint(f"expected {who} rows of {width}, a row for each follower", key)
        return self

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the followers and of the leaders."""
        return self.followers.called("f"), self.leaders.called("l")

    def build(self) -> PricingGame:
        """Return the game; raises InputError or NoEquilibrium for what its plug-in refuses."""
        return self.game.plugin.build(self.inputs())

    def inputs(self) -> GameInputs:
        """Return the players' numbers; a draw belongs to its setting and its player."""
        who, whom = self.names()
        buyers, sellers = self.followers, self.leaders
        return GameInputs(
            preferences={key: self._column(given, who, key) for key, given in buyers.preferences.items()},
            ties=self._ties(who),
            size_bit=self._column(buyers.size_bit, who, "size_bit", _SIZE_BIT),
            efficiency_bit_s_hz=self._table(self.efficiency_bit_s_hz, (who, whom), "efficiency_bit_s_hz", 1.0),
            delay_s=self._table(self.delay_s, (who, whom), "delay_s", 0.0),
            deadline_s=self._column(buyers.deadline_s, who, "deadline_s", math.inf),
            cost=self._column(sellers.cost, whom, "cost"),
            price_max=self._column(sellers.price_max, whom, "price_max"),
            capacity_hz=self._column(sellers.capacity_hz, whom, "capacity_hz", math.inf),
            eligible=np.ones((len(who), len(whom)), bool) if self.eligible is None else np.array(self.eligible),
            offers={key: self._column(given, whom, key) for key, given in sellers.offer.items()},
        )

    def _column(
        self, given: Column | None, names: tuple[str, ...], setting: str, default: float = math.nan
    ) -> FloatArray:
        if given is None:
            return np.full(len(names), default)
        if isinstance(given, tuple):
            return np.array(given, dtype=np.float64)
        return np.array([given.sample(Draws(self.seed, setting, name)) for name in names])

    def _table(
        self, given: Table | None, names: tuple[tuple[str, ...], tuple[str, ...]], setting: str, default: float
    ) -> FloatArray:
        who, whom = names
        if given is None:
            return np.full((len(who), len(whom)), default)
        if isinstance(given, tuple):
            return np.array(given, dtype=np.float64)
        return np.array([[given.sample(Draws(self.seed, setting, a, b)) for b in whom] for a in who])

    def _ties(self, who: tuple[str, ...]) -> FloatArray:
        table = self._table(self.ties, (who, who), "ties", 0.0)
        if isinstance(self.ties, tuple):
            return table
        upper = np.triu(table, 1)  # one draw for each two followers, none with oneself
        both: FloatArray = upper + upper.T
        return both


def _columns(players: Followers | Leaders) -> dict[tuple[str, ...], object]:
    """Return the players' columns by their path in the file."""
    named = {"preferences": players.preferences} if isinstance(players, Followers) else {"offer": players.offer}
    found: dict[tuple[str, ...], object] = {
        (table, key): column for table, columns in named.items() for key, column in columns.items()
    }
    single = [key for key in type(players).model_fields if key not in ("names", "count", *named)]
    return found | {(key,): getattr(players, key) for key in single}


def load_game(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> GameFile:
    """Return the game in a TOML file; errors as of `load_scenario`."""
    return load_as(GameFile, path, overrides)
