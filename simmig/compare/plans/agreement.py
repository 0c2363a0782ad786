"""What the tables of a plan must agree on: names that refer to one another, and places that exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simmig.compare.plans.checks import Nearest, Solved, Trend, Values
from simmig.plugins.wording import did_you_mean, show

if TYPE_CHECKING:
    from simmig.compare.plans.schema import Plan, Sweep

Path = tuple[str | int, ...]
Fault = tuple[object, str, Path]  # what is wrong, what was expected, where


def faults(plan: Plan, parameters: Sequence[str]) -> Iterator[Fault]:
    """Yield everything in which the tables disagree; `parameters` are what a sweep may change."""
    yield from _twins("agent", [agent.label for agent in plan.agent], "label")
    yield from _twins("sweep", [sweep.name for sweep in plan.sweep], "name")
    for k, sweep in enumerate(plan.sweep):
        yield from _unknown_keys(sweep, ("sweep", k), parameters)
    for k, panel in enumerate(plan.panel):
        yield from _of_panel(plan, k, panel)
    for k, statement in enumerate(plan.statement):
        yield from _of_check(plan, ("statement", k, "check"), statement.check)


def _twins(table: str, names: list[str], key: str) -> Iterator[Fault]:
    for k, name in enumerate(names):
        if name in names[:k]:
            yield name, f"expected another {key} than that of entry {names.index(name)}", (table, k, key)


def _unknown_keys(sweep: Sweep, path: Path, parameters: Sequence[str]) -> Iterator[Fault]:
    keys: list[tuple[Path, str]] = [(("x", "key"), sweep.x.key)]
    keys += [(("series", n, "set", key), key) for n, series in enumerate(sweep.series) for key in series.set]
    for where, key in keys:
        name, _, place = key.partition(".")
        if name not in parameters or (place and not place.isdecimal()):
            yield key, f"expected players or a parameter{did_you_mean(name, parameters)}", (*path, *where)


def _of_panel(plan: Plan, k: int, panel: Any) -> Iterator[Fault]:  # noqa: ANN401
    yield from _of_sweep(plan, panel.sweep, ("panel", k))
    lines = (
        len(plan.agent) if panel.sweep is None else max((len(s.series) for s in _named(plan, panel.sweep)), default=1)
    )
    if len(panel.y) > 1 and lines > 1:
        what = "agent" if panel.sweep is None else "series"
        yield list(panel.y), f"expected one measure where there is more than one {what}", ("panel", k, "y")
    if panel.names and len(panel.names) != len(panel.y):
        yield list(panel.names), f"expected {len(panel.y)}, one for each measure", ("panel", k, "names")


def _of_check(plan: Plan, path: Path, check: Any) -> Iterator[Fault]:  # noqa: ANN401
    labels = [agent.label for agent in plan.agent]
    for key in ("agent", "agents", "than"):
        named = getattr(check, key, ())
        for name in (named,) if isinstance(named, str) else named:
            if name not in labels:
                yield name, _one_of(name, labels), (*path, key)
    wanted = getattr(check, "sweep", None)
    yield from _of_sweep(plan, wanted, path)
    for sweep in _named(plan, wanted):
        if isinstance(check, Nearest | Solved) and not sweep.trained:
            yield wanted, "expected a sweep in which agents are trained", (*path, "sweep")
        series = check.series if isinstance(check, Trend) else ()
        points = check.points if isinstance(check, Values) else ()
        for number in (*series, *(point.series for point in points)):
            if number >= len(sweep.series):
                yield number, f"expected a series from 0 to {len(sweep.series) - 1}", path
        for n, point in enumerate(points):
            if point.at not in sweep.x.values:
                yield point.at, f"expected one of {', '.join(map(str, sweep.x.values))}", (*path, "points", n, "at")


def _of_sweep(plan: Plan, name: str | None, path: Path) -> Iterator[Fault]:
    names = [sweep.name for sweep in plan.sweep]
    if name is None and plan.curves is None:
        yield name, "expected a sweep, or [curves]", path
    elif name is not None and name not in names:
        yield name, _one_of(name, names), (*path, "sweep")


def _named(plan: Plan, name: str | None) -> list[Sweep]:
    return [sweep for sweep in plan.sweep if sweep.name == name]


def _one_of(name: str, known: Sequence[str]) -> str:
    return f"expected one of {', '.join(map(show, known))}{did_you_mean(name, known)}"
