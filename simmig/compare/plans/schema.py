"""The schema of a plan: a game, what is varied in it, the agents that play it, the pictures, and what should come out.

A plan is one TOML file, checked as strictly as a scenario: an unknown key is an error that names the nearest right one.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simmig.compare.plans.agreement import faults
from simmig.compare.plans.checks import Check
from simmig.plugins.wording import did_you_mean, mistake
from simmig.scenario.loading import load_as
from simmig.scenario.sections import Count, Listed, Section

_MOST_PLAYERS = 200
Text = Annotated[str, Field(min_length=1)]
Number = float | Listed[float]

PARAMETERS: dict[str, tuple[str, ...]] = {
    "immersion": ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "cost", "price_max"),
    "social": ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max"),
}
PLAYERS = ("followers", "leaders")


class GamePart(Section):
    """The game: its players and their parameters, before a sweep changes any."""

    kind: Literal["immersion", "social"]
    """immersion: 001; social: 002."""
    followers: Annotated[int, Field(ge=1, le=_MOST_PLAYERS)]
    """How many followers, or how many at most if a sweep has fewer: it keeps the first."""
    leaders: Annotated[int, Field(ge=1, le=_MOST_PLAYERS)]
    """How many leaders, or how many at most."""
    law: Literal["given", "table"] = "given"
    """given: only `parameters` count; table: what they do not say is drawn from the paper's table."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Start of what is drawn."""
    is_redrawn: bool = False
    """Whether every seed draws a game of its own; otherwise all seeds play the same."""
    parameters: dict[str, Number] = Field(default_factory=dict)
    """Keywords of the game: a number for all, or one for each; `ties` is between any two followers."""

    @model_validator(mode="after")
    def _known_parameters(self) -> GamePart:
        known = PARAMETERS[self.kind]
        for name in self.parameters:
            if name not in known:
                raise mistake(name, f"expected a parameter of the game{did_you_mean(name, known)}", "parameters", name)
        return self


class Units(Section):
    """Factors from the units of the game to those of the paper's axes."""

    price: Annotated[float, Field(gt=0.0)] = 1.0
    demand: Annotated[float, Field(gt=0.0)] = 1.0
    leader_utility: Annotated[float, Field(gt=0.0)] = 1.0
    follower_utility: Annotated[float, Field(gt=0.0)] = 1.0


class Mode(Section):
    """How much is done."""

    seeds: Annotated[int, Field(ge=1, le=1000)]
    """Trainings of every agent, each with its own seed."""
    points: Annotated[int, Field(ge=1)] | None = None
    """Points of a sweep at which agents are trained, of those that it names: first and last first; absent: all."""


class AgentPart(Section):
    """One agent: a learned one is trained, another one plays the leaders by its rule."""

    label: Text
    """What the legend and the checks call it."""
    name: Text
    """The plug-in."""
    recipe: dict[str, Any] = Field(default_factory=dict)
    """Changes to the recipe of an agent that learns."""
    quick: dict[str, Any] = Field(default_factory=dict)
    """More such changes where the plan is only tried out."""


class Curves(Section):
    """Learning curves: what happens in a training."""

    record: Literal["played", "policy"] = "played"
    """played: what was earned while learning; policy: what the policy of the moment comes to, nobody exploring."""
    plays_per_iteration: Annotated[float, Field(gt=0.0)] = 512.0
    """Single games that count as one iteration of the axis: agents learn from more or fewer in one of their own."""
    label: Text = "iterations (of 512 single games)"
    """The axis."""


class Series(Section):
    """One line of a sweep."""

    label: Text
    """What the legend calls it."""
    set: dict[str, Number] = Field(default_factory=dict)
    """What it changes: followers, leaders, a parameter, or one entry of one such as "cost.0"."""


class Axis(Section):
    """What a sweep varies."""

    key: Text
    """followers, leaders, a parameter, or one entry of one such as "cost.0"."""
    values: Annotated[Listed[float], Count(2)]
    """Its values, in the units of the game."""
    label: Text
    """The axis."""
    scale: Annotated[float, Field(gt=0.0)] = 1.0
    """From the units of the game to those drawn."""


class Sweep(Section):
    """The equilibrium along an axis, and what agents come to at some of its points."""

    name: Text
    """What panels and checks call it."""
    x: Axis
    series: Annotated[Listed[Series], Count(1)]
    trained: Listed[Annotated[Listed[int], Count(2, is_exact=True)]] = ()
    """Where agents are trained: pairs of series and place on the axis, counted from 0."""

    @model_validator(mode="after")
    def _points_exist(self) -> Sweep:
        for k, (line, place) in enumerate(self.trained):
            if not (0 <= line < len(self.series) and 0 <= place < len(self.x.values)):
                raise mistake([line, place], "expected a series and a place on the axis that exist", "trained", k)
        return self


class Panel(Section):
    """One pair of axes."""

    title: str = ""
    y: Annotated[Listed[str], Count(1)]
    """Measures, one line each; more than one only where there is one series."""
    names: Listed[str] = ()
    """What the legend calls the measures, if there are several."""
    label: Text
    """The axis."""
    sweep: str | None = None
    """The sweep drawn; absent: the learning curves."""


class Statement(Section):
    """One thing that the paper says of the figure."""

    text: Text
    """In our words, with the paper's numbers."""
    check: Check
    note: str = ""
    """Why it cannot come out, said where it does not."""


class Plan(Section):
    """One figure: `simmig reproduce NAME` plays it, draws it and says what came out."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    """Version of this format."""
    paper: Text
    """Number of the paper."""
    figure: Text
    """Its name there."""
    title: Text
    """What it shows."""
    remarks: Listed[str] = ()
    """What the paper leaves open, and what is chosen here."""
    game: GamePart
    units: Units = Units()
    full: Mode
    quick: Mode
    agent: Annotated[Listed[AgentPart], Count(1)]
    curves: Curves | None = None
    sweep: Listed[Sweep] = ()
    panel: Annotated[Listed[Panel], Count(1)]
    statement: Annotated[Listed[Statement], Count(1)]

    @model_validator(mode="after")
    def _tables_agree(self) -> Plan:
        for value, expected, path in faults(self, (*PLAYERS, *PARAMETERS[self.game.kind])):
            raise mistake(value, expected, *path)
        return self


def load_plan(path: str | os.PathLike[str]) -> Plan:
    """Return the plan in a TOML file; raises ScenarioError with one line for each mistake."""
    return load_as(Plan, path)
