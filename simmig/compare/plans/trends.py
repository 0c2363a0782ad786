"""Whether a quantity goes the way along a sweep that a paper says: at the equilibrium, and for trained agents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simmig.compare.plans.checks import Trend
from simmig.compare.plans.results import Place, Results
from simmig.compare.plans.words import Finding, Verdict, shown
from simmig.contracts import FloatArray

_MOST_TOLD = 3  # lines
_ROUNDING = 1e-6  # relative: a smaller step is none


def trend(check: Trend, results: Results) -> Finding:
    """Judge the direction of every line; for a peak, that one line has it."""
    lines = list(_lines(check, results))
    exact = [np.array([float(results.equilibrium(p, check.measure).mean()) for p in line]) for line in lines]
    holds = [_goes(values, check.direction) for values in exact]
    learned = {agent.label: _learned(agent.label, lines, check.measure, results) for agent in results.plan.agent}
    astray = [label for label, values in learned.items() if not all(_ends_go(line, check.direction) for line in values)]
    goes = {"up": "rises", "down": "falls", "peak": "rises and then falls"}[check.direction]
    why = f"the equilibrium {goes} in {sum(holds)} of {len(holds)} lines"
    if any(holds) if check.direction == "peak" else all(holds):
        verdict: Verdict = "shape only" if astray else "reproduced"
    elif check.direction != "peak" and all(_ends_go(values, check.direction) for values in exact):
        verdict = "shape only"
        why += ", in the others from end to end but not at every step"
    else:
        verdict = "not reproduced"
    if astray:
        why += f"; that of {', '.join(astray)} does not where trained"
    told = {label: _ranges(values) for label, values in learned.items() if values}
    ours = "; ".join(f"{label} {text}" if len(learned) > 1 else text for label, text in told.items())
    return Finding(ours, _ranges(exact), verdict, why)


def _lines(check: Trend, results: Results) -> Iterable[list[Place]]:
    sweep = results.sweep(check.sweep)
    series, places = check.series or range(len(sweep.series)), range(len(sweep.x.values))
    if check.along == "x":
        return ([(check.sweep, line, place) for place in places] for line in series)
    return ([(check.sweep, line, place) for line in series] for place in places)


def _learned(agent: str, lines: Sequence[list[Place]], measure: str, results: Results) -> list[FloatArray]:
    """Return an agent's values along each line on which it was trained twice or more."""
    found = [
        np.array([float(results.ends(agent, p, measure).mean()) for p in line if (agent, p) in results.ended])
        for line in lines
    ]
    return [values for values in found if len(values) > 1]


def _goes(values: FloatArray, direction: str) -> bool:
    """Return whether every step goes this way; a peak has a place inside that is above both ends."""
    steps = np.diff(values)
    least = _ROUNDING * float(np.abs(values).max())
    if direction == "up":
        return bool((steps > least).all())
    if direction == "down":
        return bool((steps < -least).all())
    return bool(values[1:-1].max() > max(values[0], values[-1]) + least) if len(values) > 2 else False


def _ends_go(values: FloatArray, direction: str) -> bool:
    """Return whether the line goes this way from end to end; of a peak the ends say nothing."""
    return direction == "peak" or _goes(values[[0, -1]], direction)


def _ranges(lines: Iterable[FloatArray]) -> str:
    """Return from where to where the lines go; of many, the first and the last."""
    told = [f"{shown(float(values[0]))} to {shown(float(values[-1]))}" for values in lines]
    return "; ".join(told if len(told) <= _MOST_TOLD else [told[0], "…", told[-1]])
