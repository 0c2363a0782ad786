"""The schema of a study's plan: a scenario, what is varied in it, the agents that play it, and the seeds.

A plan is one TOML file, checked as strictly as a scenario: an unknown key is an error that names the nearest right one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from simmig.compare.studies.toml_text import Value, is_plain, toml_text
from simmig.errors import ScenarioError
from simmig.plugins.wording import mistake
from simmig.scenario.loading import load_as, read_toml
from simmig.scenario.locate import key_names
from simmig.scenario.paths import InputPath
from simmig.scenario.sections import Count, Listed, Section

Number = int | float
Method = Literal["grid", "zip", "latin_hypercube"]

_NAME = re.compile(r"\w[\w.-]*")
_MOST_SEEDS = 100_000
_RESERVED = {"seed": "seeds", "agents": "leaders and followers", "schema": "another key", "name": "another key"}


class Span(Section):
    """Values from `low` to `high`, both ends among them in a grid; six digits of each count."""

    low: Number
    """The least."""
    high: Number
    """The largest."""
    points: Annotated[int, Field(ge=2, le=100_000)] | None = None
    """How many; a Latin hypercube has its own number of samples."""
    scale: Literal["linear", "log"] = "linear"
    """log: each value is the same factor above the one before it."""
    integer: bool = False
    """Whether only whole numbers count."""

    @model_validator(mode="after")
    def _ends_in_order(self) -> Span:
        if not self.low < self.high:
            raise mistake(self.high, f"expected more than low, which is {self.low:g}", "high")
        if self.scale == "log" and self.low <= 0:
            raise mistake(self.low, "expected more than 0 for a scale of factors", "low")
        if self.integer and not (float(self.low).is_integer() and float(self.high).is_integer()):
            end = "high" if float(self.low).is_integer() else "low"
            raise mistake(getattr(self, end), "expected a whole number", end)
        return self


def _choices(given: object) -> tuple[Value, ...]:
    """Return the values of a list; raises the error for what is no list, empty, or has a value twice."""
    if not isinstance(given, list | tuple) or not given:
        raise mistake(given, "expected a list of values, or a table { low, high, points }")
    for k, value in enumerate(given):
        if not is_plain(value):
            raise mistake(value, "expected a number, text, true, false, a list or a table", k)
    texts = [toml_text(value) for value in given]
    for k, text in enumerate(texts):
        if text in texts[:k]:
            raise mistake(given[k], "expected each value once", k)
    return tuple(given)


def _axis(given: object) -> Span | tuple[Value, ...]:
    return Span.model_validate(given) if isinstance(given, dict | Span) else _choices(given)


def _by_path(given: object) -> object:
    """Return what varies by its dotted path; without quotes around it, TOML makes tables within tables of a path."""
    if not isinstance(given, dict):
        return given
    found: dict[str, object] = {}
    for key, value in given.items():
        if isinstance(value, dict) and value and value.keys().isdisjoint(("low", "high")):
            inner = _by_path(value)
            assert isinstance(inner, dict)
            found |= {f"{key}.{path}": axis for path, axis in inner.items()}
        else:
            found[key] = value
    return found


Axis = Annotated[Span | tuple[Value, ...], BeforeValidator(_axis)]


def _player(given: object) -> object:
    """Return the table of an agent that is given by its name only."""
    return {"kind": given} if isinstance(given, str) else given


class _Player(Section):
    """An agent: its name and its settings, which the scenario checks."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(min_length=1)]
    """Name of the plug-in."""


Player = Annotated[_Player, BeforeValidator(_player)]


def _seeds(given: object) -> tuple[int, ...]:
    """Return the seeds: a number n stands for 0 to n - 1, so that more seeds later have the first ones among them."""
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= _MOST_SEEDS:
        return tuple(range(given))
    if not isinstance(given, list | tuple) or not given:
        raise mistake(given, f"expected how many, from 1 to {_MOST_SEEDS}, or a list of seeds")
    for k, seed in enumerate(given):
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
            raise mistake(seed, "expected a whole number from 0 to 2^63 - 1", k)
        if seed in given[:k]:
            raise mistake(seed, "expected each seed once", k)
    return tuple(given)


def _study_name(given: str) -> str:
    if not _NAME.fullmatch(given):
        raise mistake(given, "expected a name of letters, digits, dots, dashes and underscores")
    return given


class Plan(Section):
    """A study: `simmig sweep PLAN` runs it and tabulates it, `simmig compare PLAN` judges its agents."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    """Version of this format."""
    name: Annotated[str, Field(max_length=100), BeforeValidator(lambda v: _study_name(v) if isinstance(v, str) else v)]
    """What the study is called in the store."""
    description: str = ""
    """What it is to show."""
    scenario: InputPath
    """The scenario file, relative to the plan."""
    set: Listed[str] = ()
    """Settings changed in every run, as with --set: "market.round_s=0.2"."""
    seeds: Annotated[tuple[int, ...], BeforeValidator(_seeds)] = tuple(range(10))
    """How many seeds, counted from 0, or a list of them; the same for every combination."""
    vary: Annotated[dict[str, Axis], BeforeValidator(_by_path)] = Field(default_factory=dict)
    """Dotted path in the scenario: a list of values, or { low, high, points }."""
    method: Method = "grid"
    """grid: every combination; zip: first with first, second with second; latin_hypercube: samples spread evenly."""
    samples: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many combinations a Latin hypercube has."""
    design_seed: Annotated[int, Field(ge=0)] = 0
    """Chooses the luck of a Latin hypercube; not that of the runs."""
    leaders: Listed[Player] = ()
    """Agents that price: names, or tables { kind = "...", ... }; absent: that of the scenario."""
    followers: Listed[Player] = ()
    """Agents that buy; every pair of leaders and followers plays."""
    measures: Annotated[Listed[str], Count(1)] | None = None
    """What tables and verdicts are about; absent: a few that matter mostly."""

    @model_validator(mode="after")
    def _paths_are_keys(self) -> Plan:
        for path in self.vary:
            try:
                first = key_names(path)[0]
            except ValueError:
                raise mistake(path, "expected a dotted path in the scenario", "vary", path) from None
            if first in _RESERVED and (first != "agents" or self.leaders or self.followers):
                raise mistake(path, f"expected {_RESERVED[first]} to be used for that", "vary", path)
        return self

    @model_validator(mode="after")
    def _settings_are_not_varied(self) -> Plan:
        sides = [f"agents.{side}" for side in ("leaders", "followers") if getattr(self, side)]
        for k, text in enumerate(self.set):
            path = text.partition("=")[0].strip()
            varied = next((key for key in ("seed", *sides, *self.vary) if f"{path}.".startswith(f"{key}.")), None)
            if varied is not None:
                raise mistake(text, f"expected a setting that stays, {varied} is varied", "set", k)
        return self

    @model_validator(mode="after")
    def _method_fits(self) -> Plan:
        is_sampled = self.method == "latin_hypercube"
        if is_sampled != (self.samples is not None):
            expected = "how many combinations to draw" if is_sampled else 'method = "latin_hypercube" beside it'
            raise mistake(self.samples, f"expected {expected}", "samples")
        if is_sampled and not self.vary:
            raise mistake(self.method, "expected something in [vary]", "method")
        lengths = {path: axis.points if isinstance(axis, Span) else len(axis) for path, axis in self.vary.items()}
        for path, length in lengths.items():
            if length is None and not is_sampled:
                raise mistake(self.vary[path], "expected points, how many values it has", "vary", path)
            if self.method == "zip" and length != (most := next(iter(lengths.values()))):
                raise mistake(length, f"expected {most} values, as many as the first has", "vary", path)
        return self

    @model_validator(mode="after")
    def _players_are_told_apart(self) -> Plan:
        for side in ("leaders", "followers"):
            texts = [toml_text(agent_table(player)) for player in getattr(self, side)]
            for k, text in enumerate(texts):
                if text in texts[:k]:
                    raise mistake(text, "expected each agent once", side, k)
        return self


def agent_table(player: Any) -> dict[str, Value]:  # noqa: ANN401
    """Return an agent as the table that a scenario has for it."""
    table: dict[str, Value] = player.model_dump()
    return table


def load_study(path: str | os.PathLike[str], overrides: tuple[str, ...] = ()) -> Plan:
    """Return the plan in a TOML file, changed by `overrides`; raises ScenarioError with one line for each mistake."""
    return load_as(Plan, path, overrides)


def is_scenario(path: Path) -> bool:
    """Return whether a TOML file is a scenario rather than a plan, as far as that can be seen."""
    try:
        return not {"fleet", "rsus", "migration"}.isdisjoint(read_toml(path))
    except ScenarioError:  # the reader of plans says what is wrong
        return False
