"""The scenario file as a whole (`schema = 1`), and its tables on migration, market and faults."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from simmig.contracts import Agent, Game, Plugin
from simmig.plugins.wording import complaint, did_you_mean, mistake
from simmig.scenario.draws import Constant, Draw, Within
from simmig.scenario.fleet import Fleet
from simmig.scenario.market_presets import fill_scenario
from simmig.scenario.paths import InputPath
from simmig.scenario.radio import Qoe, Radio
from simmig.scenario.rsus import Rsus
from simmig.scenario.sections import Chosen, Count, FromPlugins, Listed, Section, base_dir_of, near_keys_of
from simmig.twins.queueing import BackgroundSettings, QueueSettings

Trigger = Annotated[Chosen[Plugin], FromPlugins("triggers")]
Player = Annotated[Chosen[Agent], FromPlugins("agents")]


class StopAndCopy(Section):
    """The twin stops, its bits are sent, it starts again at the target."""

    kind: Literal["stop_and_copy"] = "stop_and_copy"


class Migration(Section):
    """When twins move, and what happens to them on the way."""

    trigger: Trigger = Field(default={"kind": "coverage_exit"}, validate_default=True)
    """When a migration is requested, a trigger plug-in."""
    transfer: StopAndCopy = StopAndCopy()
    """How the bits are moved."""
    queue: Annotated[QueueSettings, near_keys_of(QueueSettings)] = BackgroundSettings()
    """What a twin waits for at the target."""
    target: Literal["cold"] = "cold"
    """Cold: re-instantiation starts when all bits have arrived."""
    retry_s: Annotated[float, Within(1e-6, 1e6, "s")] = 1.0
    """After a failed request, ask again this much later."""
    bandwidth_hz: Annotated[float, Within(1.0, 1e12, "Hz")] | None = None
    """Bandwidth of a transfer without a market; absent: the target's bandwidth_hz."""


class Market(Section):
    """RSUs price their bandwidth and vehicles buy it, in rounds."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("game"))  # a preset has one

    preset: str | None = None
    """Named market whose game, preferences and offers count where the file says nothing: "paper-001" to "paper-003"."""
    game: Annotated[Chosen[Game], FromPlugins("games")]
    """What is played for, a game plug-in."""
    round_s: Annotated[float, Within(1e-6, 1e5, "s")]
    """Requests of one window of this length are priced together."""
    finite_bandwidth: bool = False
    """RSUs sell no more than what copies under way leave of their bandwidth_hz; the papers let them sell any amount."""
    pairing: Literal["sampled", "best"] = "sampled"
    """The target: drawn with the game's probabilities, or the most probable one."""


def _number(value: object) -> object:
    """Return a parameter of a graph generator; raises the error for what no such parameter can be."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise mistake(value, "expected a number, true or false")
    return value


class Generator(Section):
    """A graph generator of networkx and its parameters, without the number of nodes and the seed."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[object, AfterValidator(_number)]]

    kind: str
    """Name of the generator, such as "watts_strogatz_graph"."""


class Social(Section):
    """Social ties between vehicles, 002's w: a generated graph, or a list of edges."""

    generator: Generator | None = None
    """{ kind = "watts_strogatz_graph", k = 4, p = 0.1 }"""
    path: InputPath | None = None
    """CSV file of edges vehicle,vehicle[,weight], instead of a generator."""
    weight: Annotated[Draw, Within(0.0, 1e9)] = Constant(1.0)
    """Weight of a tie that has none of its own."""

    @model_validator(mode="after")
    def _one_source(self) -> Social:
        if (self.generator is None) == (self.path is None):
            raise complaint("expected either generator or path, a file of edges, and not both")
        return self


class Agents(Section):
    """Who decides: one agent plug-in prices for every RSU, one buys for every vehicle."""

    leaders: Player
    """Prices of the RSUs."""
    followers: Player
    """Demands of the vehicles."""
    isolate: bool = False
    """Each of the two in a process of its own, within the limits below; costs about 0.1 ms for each answer."""
    call_limit_s: Annotated[float, Within(1e-3, 1e6, "s")] = 10.0
    """With isolate: an answer that takes longer ends the run."""
    memory_limit_byte: Annotated[float, Within(1e8, 1e15, "byte")] = 2e9
    """With isolate: an agent that needs more memory ends the run."""

    @model_validator(mode="after")
    def _each_plays_its_side(self) -> Agents:
        for side, method in (("leaders", "price"), ("followers", "demand")):
            chosen: Chosen[Agent] = getattr(self, side)
            if getattr(type(chosen.plugin), method) is getattr(Agent, method):
                text = f"expected an agent that plays {side}, this one has no method {method}(view)"
                raise mistake(chosen.kind, text, side, "kind")
        return self


class Fault(Section):
    """An outage of one RSU."""

    rsu: str
    """Its id."""
    at_s: Annotated[float, Within(0.0, 1e10, "s")]
    """When it goes down."""
    for_s: Annotated[float, Within(1e-9, 1e10, "s")]
    """How long it stays down."""
    effect: Literal["fail", "pause", "redirect"] = "fail"
    """Migrations it touches fail, wait until it is back, or go to the next best RSU."""


class Scenario(Section):
    """A scenario file, read and checked."""

    version: Literal[1] = Field(alias="schema")
    """Version of this file format."""
    name: Annotated[str, Field(min_length=1, max_length=200)]
    """What the run is called."""
    description: str = ""
    """What it shows."""
    seed: Annotated[int, Within(0, 2**63 - 1)] = 0
    """Chooses the luck of everything that is drawn."""
    duration_s: Annotated[float, Within(1e-9, 1e10, "s")] | None = None
    """Simulated time; absent: to the end of the traces."""
    crs: str | None = None
    """Metric frame of the run, such as "EPSG:32632"; absent: chosen from the traces."""
    fleet: Annotated[Listed[Fleet], Count(1)]
    rsus: Rsus
    radio: Radio = Field(default={}, validate_default=True)
    migration: Migration = Field(default={}, validate_default=True)
    qoe: Qoe = Qoe()
    market: Market | None = None
    """Absent: bandwidth costs nothing and nobody decides."""
    social: Social | None = None
    agents: Agents | None = None
    fault: Listed[Fault] = ()

    _source: Path | None = PrivateAttr(default=None)
    _base_dir: Path = PrivateAttr(default=Path())

    @property
    def source(self) -> Path | None:
        """The file it was read from, or None."""
        return self._source

    @property
    def base_dir(self) -> Path:
        """The folder that paths in it start from."""
        return self._base_dir

    def resolved(self) -> dict[str, Any]:
        """Return the scenario as JSON values, every default filled in; it reads back as the same scenario."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, value: object) -> object:
        return fill_scenario(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _remember_origin(self, info: ValidationInfo) -> Scenario:
        self._base_dir = base_dir_of(info)
        self._source = (info.context or {}).get("source")
        return self

    @model_validator(mode="after")
    def _fleets_have_names(self) -> Scenario:
        names: dict[str, int] = {}
        for index, fleet in enumerate(self.fleet):
            if names.setdefault(fleet.name, index) != index:
                text = f"expected another name, fleet.{names[fleet.name]} has it"
                raise mistake(fleet.name, text, "fleet", index, "name")
        return self

    @model_validator(mode="after")
    def _market_is_whole(self) -> Scenario:
        if self.market is not None and self.agents is None:
            raise complaint("missing, and [market] needs leaders and followers", "agents")
        for key in ("agents", "social"):
            if self.market is None and getattr(self, key) is not None:
                raise complaint(f"expected a [market] beside [{key}]: nothing is decided without one", key)
        return self

    @model_validator(mode="after")
    def _names_are_the_game_s(self) -> Scenario:
        if self.market is None:
            return self
        game, kind = type(self.market.game.plugin), self.market.game.kind
        for index, fleet in enumerate(self.fleet):
            _check_names(fleet.preferences, game.preferences, kind, "fleet", index, "preferences")
        _check_names(self.rsus.defaults.offer, game.offers, kind, "rsus", "defaults", "offer")
        for index, unit in enumerate(self.rsus.unit or ()):
            _check_names(unit.offer, game.offers, kind, "rsus", "unit", index, "offer")
        return self

    @model_validator(mode="after")
    def _faults_are_possible(self) -> Scenario:
        for index, fault in enumerate(self.fault):
            self.rsus.check_name(fault.rsu, "fault", index, "rsu")
        order = sorted(range(len(self.fault)), key=lambda i: (self.fault[i].rsu, self.fault[i].at_s))
        for first, second in pairwise(order):
            earlier, later = self.fault[first], self.fault[second]
            if earlier.rsu == later.rsu and later.at_s < earlier.at_s + earlier.for_s:
                text = f"expected no overlap with fault.{first}, of the same RSU"
                raise mistake(later.at_s, text, "fault", second, "at_s")
        return self


def _check_names(given: Iterable[str], known: tuple[str, ...] | None, kind: str, *path: str | int) -> None:
    """Raise an error at `path` for a name that the game does not read; None allows any."""
    for name in given:
        if known is not None and name not in known:
            near = did_you_mean(name, known) or f", expected {' or '.join(known) if known else 'none here'}"
            raise complaint(f"unknown to game {kind}{near}", *path, name)
