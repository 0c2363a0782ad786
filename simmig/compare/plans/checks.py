"""How a paper's statement is checked, as data: one table of a plan for each, told apart by `kind`.

Values are named as in `simmig.compare.plans.measures`; agents by their label in the plan.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simmig.scenario.sections import Count, Listed, Section, near_keys_of

Labels = Annotated[Listed[str], Count(1)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class Nearest(Section):
    """An agent ends nearer to the equilibrium than others."""

    kind: Literal["nearest"] = "nearest"
    agent: str
    """Who ends nearest."""
    than: Labels
    """The others."""
    measure: str
    """What is compared."""
    sweep: str | None = None
    """In which sweep, over all points trained in; absent: at the end of the learning curves."""


class Higher(Section):
    """Agents end in this order, the highest first."""

    kind: Literal["higher"] = "higher"
    agents: Annotated[Listed[str], Count(2)]
    """The order that the paper reports."""
    measure: str
    """What is compared."""


class Faster(Section):
    """An agent's learning curve reaches its end, for good, earlier than those of others."""

    kind: Literal["faster"] = "faster"
    agent: str
    """Who is fastest."""
    than: Labels
    """The others."""
    measure: str
    """The curve."""
    within: Share = 0.05
    """What counts as the end: this much of the value there."""


class Settles(Section):
    """Learning curves reach their ends, for good, by some iteration."""

    kind: Literal["settles"] = "settles"
    agent: str
    """Whose curves."""
    measures: Labels
    """Which curves."""
    by: Annotated[float, Field(gt=0.0)]
    """The iteration that the paper gives."""
    within: Share = 0.05
    """What counts as the end: this much of the value there."""


class Opposite(Section):
    """Two quantities move against each other along the learning curves."""

    kind: Literal["opposite"] = "opposite"
    agent: str
    """Whose curves."""
    pairs: Annotated[Listed[Annotated[Listed[str], Count(2, is_exact=True)]], Count(1)]
    """Pairs of measures."""


class Trend(Section):
    """A quantity goes one way along a sweep, at the equilibrium and where agents were trained."""

    kind: Literal["trend"] = "trend"
    sweep: str
    """In which sweep."""
    measure: str
    """Which quantity."""
    along: Literal["x", "series"] = "x"
    """x: along the axis, in every series; series: from one series to the next, at every place of the axis."""
    series: Listed[Annotated[int, Field(ge=0)]] = ()
    """Which series, in this order; absent: all."""
    direction: Literal["up", "down", "peak"]
    """peak: first up and then down, in at least one series."""


class Point(Section):
    """A number that a paper prints."""

    measure: str
    """What it is."""
    value: float
    """The number printed, in the units of the paper."""
    series: Annotated[int, Field(ge=0)] = 0
    """Which series of the sweep, counted from 0."""
    at: float | None = None
    """Where on the axis of the sweep."""


class Values(Section):
    """Printed numbers come out again."""

    kind: Literal["values"] = "values"
    agent: str
    """The learned agent whose values are compared, where it was trained."""
    points: Annotated[Listed[Point], Count(1)]
    """The numbers."""
    sweep: str | None = None
    """In which sweep; absent: at the end of the learning curves."""
    within: Share = 0.05
    """The largest relative difference that counts as the same number."""


class Solved(Section):
    """An agent ends at the equilibrium."""

    kind: Literal["solved"] = "solved"
    agent: str
    """Which agent."""
    measures: Labels
    """In which quantities."""
    sweep: str | None = None
    """In which sweep, wherever trained; absent: at the end of the learning curves."""
    within: Share = 0.05
    """The largest mean relative difference that counts as there."""


_Checks = Annotated[
    Nearest | Higher | Faster | Settles | Opposite | Trend | Values | Solved, Field(discriminator="kind")
]
Check = Annotated[_Checks, near_keys_of(_Checks)]


def measures_in(check: Check) -> list[str]:
    """Return the measures that a check looks at."""
    if isinstance(check, Values):
        return [point.measure for point in check.points]
    if isinstance(check, Opposite):
        return [measure for pair in check.pairs for measure in pair]
    return [*check.measures] if isinstance(check, Settles | Solved) else [check.measure]
