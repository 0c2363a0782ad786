"""From a plan to its cells: one for each combination of values and agents, as settings of the scenario."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from simmig.compare.studies.schema import Plan, Span, agent_table
from simmig.compare.studies.toml_text import Value, label_text, toml_text
from simmig.rng import stream

_DIGITS = 6  # of a value in a span: what a table shows is what was run


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: `values` by path, the agents where they are compared, and the settings that make it.

    `agents` maps "leaders" and "followers" to a name that tells an agent from the others of the plan.
    """

    values: Mapping[str, Value]
    agents: Mapping[str, str]
    overrides: tuple[str, ...]

    @property
    def labels(self) -> dict[str, str]:
        """Everything that varies, as a table shows it."""
        return {**self.agents, **{path: label_text(value) for path, value in self.values.items()}}

    @property
    def name(self) -> str:
        """The combination on one line, empty if nothing varies."""
        return ", ".join(f"{key}={label}" for key, label in self.labels.items())


def lay_out(plan: Plan) -> tuple[Cell, ...]:
    """Return the cells of a plan, in the order of the plan: values vary slower than agents, the last one fastest."""
    players = [_players(plan, side) for side in ("leaders", "followers")]
    cells = []
    for values in _combinations(plan):
        settings = [f"{path}={toml_text(value)}" for path, value in values.items()]
        for chosen in product(*(side or [None] for side in players)):
            named = [player for player in chosen if player is not None]
            agents = {side: name for side, name, _ in named}
            overrides = (*plan.set, *settings, *(override for _, _, override in named))
            cells.append(Cell(values, agents, overrides))
    return tuple(cells)


def _players(plan: Plan, side: str) -> list[tuple[str, str, str] | None]:
    """Return (side, name, override) of every agent of a side; a name has the settings where the kind is not enough."""
    tables = [agent_table(player) for player in getattr(plan, side)]
    kinds = [table["kind"] for table in tables]
    found: list[tuple[str, str, str] | None] = []
    for table in tables:
        settings = {key: value for key, value in table.items() if key != "kind"}
        is_alone = kinds.count(table["kind"]) == 1 or not settings
        told = "" if is_alone else f" ({', '.join(f'{key}={label_text(value)}' for key, value in settings.items())})"
        found.append((side, f"{table['kind']}{told}", f"agents.{side}={toml_text(table)}"))
    return found


def _combinations(plan: Plan) -> Iterator[dict[str, Value]]:
    if plan.method == "latin_hypercube":
        yield from _hypercube(plan)
        return
    lists = [_points(axis) if isinstance(axis, Span) else list(axis) for axis in plan.vary.values()]
    rows = zip(*lists, strict=True) if plan.method == "zip" and lists else product(*lists)
    for row in rows:
        yield dict(zip(plan.vary, row, strict=True))


def _points(span: Span) -> list[Value]:
    """Return the values of a span in a grid, ends exactly; whole ones as integers where the ends are integers."""
    assert span.points is not None
    last = span.points - 1
    between = [_rounded(_at(span, k / last)) for k in range(1, last)]
    values: list[float] = [span.low, *between, span.high]
    if span.integer:
        return list(dict.fromkeys(round(value) for value in values))
    is_whole = isinstance(span.low, int) and isinstance(span.high, int) and all(float(v).is_integer() for v in values)
    return [int(value) for value in values] if is_whole else [float(value) for value in values]


def _hypercube(plan: Plan) -> Iterator[dict[str, Value]]:
    """Yield the samples of a Latin hypercube (McKay, Beckman, Conover 1979); values of a list have equal parts."""
    from scipy.stats import qmc

    assert plan.samples is not None
    rng = stream(plan.design_seed, "compare", "latin_hypercube", *plan.vary)
    shares = qmc.LatinHypercube(len(plan.vary), rng=rng).random(plan.samples)  # [samples, axes], in [0, 1)
    for row in shares:
        yield {path: _sampled(axis, float(u)) for (path, axis), u in zip(plan.vary.items(), row, strict=True)}


def _sampled(axis: Span | tuple[Value, ...], share: float) -> Value:
    if not isinstance(axis, Span):
        return axis[int(share * len(axis))]
    if not axis.integer:
        return min(max(_rounded(_at(axis, share)), float(axis.low)), float(axis.high))
    # Every whole number has an equal part of the axis, on a scale of factors one that fits its distance to the next.
    wider = axis.model_copy(update={"high": axis.high + 1})
    return min(math.floor(_at(wider, share)), int(axis.high))


def _at(span: Span, share: float) -> float:
    """Return the value at a share of the way from low to high."""
    if span.scale == "log":
        return math.exp((1.0 - share) * math.log(span.low) + share * math.log(span.high))
    return (1.0 - share) * span.low + share * span.high


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
