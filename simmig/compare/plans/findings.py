"""What came of a paper's statements: for each check our value, the equilibrium's, and a verdict with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simmig.compare.plans.checks import Faster, Higher, Nearest, Opposite, Point, Settles, Solved, Values
from simmig.compare.plans.results import CURVES, Place, Results
from simmig.compare.plans.schema import Statement
from simmig.compare.plans.trends import trend
from simmig.compare.plans.words import Finding, Verdict, joined, overall, per_cent, shown
from simmig.compare.statistics import Resampling, mean, paired_difference
from simmig.contracts import FloatArray

_MOVING = 0.9  # of a training: what settles only after that has not settled
_FAR = 0.3  # relative: numbers further off than this have not even the shape of those printed
_SMOOTH = 0.02  # of a curve: the running mean that is looked at


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: the statement as the plan gives it, and what came of it."""

    statement: str
    finding: Finding


def judge(results: Results) -> list[Row]:
    """Return a row for each statement of the plan."""
    return [Row(statement.text, _with_note(statement, results)) for statement in results.plan.statement]


def _with_note(statement: Statement, results: Results) -> Finding:
    check: Any = statement.check
    found = _JUDGES[check.kind](check, results)
    if not statement.note or found.verdict == "reproduced":
        return found
    return Finding(found.ours, found.solved, found.verdict, f"{found.why}; {statement.note}")


def nearest(check: Nearest, results: Results) -> Finding:
    """Judge whether an agent is nearer to the equilibrium than each of the others."""
    places = results.trained(check.sweep)
    gap = {agent: _gap(results, agent, check.measure, places) for agent in (check.agent, *check.than)}
    verdicts, reasons = [], []
    for other in check.than:
        verdicts.append(_sign(gap[other], gap[check.agent]))
        if verdicts[-1] != "reproduced":
            is_nearer = gap[other].mean() < gap[check.agent].mean()
            reasons.append(f"{other} is {'nearer' if is_nearer else 'farther, but not clearly'}")
    ours = ", ".join(f"{agent} {per_cent(float(values.mean()))}" for agent, values in gap.items())
    solved = shown(float(np.mean([results.equilibrium(p, check.measure).mean() for p in places])))
    return Finding(f"off by {ours}", solved, overall(verdicts), joined(reasons, "every other one is farther off"))


def higher(check: Higher, results: Results) -> Finding:
    """Judge whether agents end in this order."""
    ends = {agent: results.ends(agent, CURVES, check.measure) for agent in check.agents}
    verdicts, reasons = [], []
    for above, below in zip(check.agents, check.agents[1:], strict=False):
        verdicts.append(_sign(ends[above], ends[below]))
        if verdicts[-1] != "reproduced":
            is_lower = ends[above].mean() < ends[below].mean()
            reasons.append(f"{above} is {'lower than' if is_lower else 'not clearly higher than'} {below}")
    ours = ", ".join(f"{agent} {shown(float(values.mean()))}" for agent, values in ends.items())
    solved = shown(float(results.equilibrium(CURVES, check.measure).mean()))
    return Finding(ours, solved, overall(verdicts), joined(reasons, "each higher than the next"))


def faster(check: Faster, results: Results) -> Finding:
    """Judge whether an agent's curve gets to its end earlier than those of the others."""
    when = {
        agent: np.array([_settled(end.x, end.curves[check.measure], check.within) for end in ended])
        for agent in (check.agent, *check.than)
        for ended in (results.ended[agent, CURVES],)
    }
    verdicts, reasons = [], []
    for other in check.than:
        verdicts.append(_sign(when[other], when[check.agent]))
        if verdicts[-1] != "reproduced":
            is_sooner = when[other].mean() < when[check.agent].mean()
            reasons.append(f"{other} is {'sooner' if is_sooner else 'no later, or not clearly'}")
    ours = ", ".join(f"{agent} from iteration {shown(float(values.mean()), 3)}" for agent, values in when.items())
    why = joined(reasons, "sooner than every other one")
    return Finding(f"within {per_cent(check.within)} of the end: {ours}", "", overall(verdicts), why)


def settles(check: Settles, results: Results) -> Finding:
    """Judge whether the curves get to their ends by the iteration that the paper gives."""
    ended = results.ended[check.agent, CURVES]
    latest = np.array([max(_settled(e.x, e.curves[name], check.within) for name in check.measures) for e in ended])
    last = float(ended[0].x[-1])
    when = float(latest.mean())
    has_settled = when <= _MOVING * last
    verdict: Verdict = "not reproduced" if not has_settled else "reproduced" if when <= check.by else "shape only"
    why = {
        "reproduced": "all curves are there by then",
        "shape only": "the curves get to their ends, but later",
        "not reproduced": "the slowest curve still moves at the end of the training",
    }[verdict]
    ours = f"within {per_cent(check.within)} of the end from iteration {shown(when, 3)} of {shown(last, 3)}"
    return Finding(ours, "", verdict, why)


def opposite(check: Opposite, results: Results) -> Finding:
    """Judge whether two quantities move against each other over a training, by their correlation."""
    ended = results.ended[check.agent, CURVES]
    found = [float(np.mean([_correlation(end.curves[a], end.curves[b]) for end in ended])) for a, b in check.pairs]
    against = sum(value < 0.0 for value in found)
    verdict: Verdict = (
        "reproduced" if against == len(found) else "shape only" if against > len(found) / 2 else "not reproduced"
    )
    ours = f"correlation {shown(min(found), 2)} to {shown(max(found), 2)}"
    return Finding(ours, "", verdict, f"negative for {against} of {len(found)} pairs")


def values(check: Values, results: Results) -> Finding:
    """Judge whether printed numbers come out: all of them, or at least their order."""
    ours, solved, printed = [], [], []
    for point in check.points:
        place = CURVES if check.sweep is None else _place(results, check.sweep, point)
        equilibrium = float(results.equilibrium(place, point.measure).mean())
        is_trained = (check.agent, place) in results.ended
        learned = float(results.ends(check.agent, place, point.measure).mean()) if is_trained else np.nan
        ours.append(learned)
        solved.append(equilibrium)
        printed.append(point.value)
    wanted, exact = np.array(printed), np.array(solved)
    best = np.where(np.isnan(ours), exact, ours)
    off = np.abs(best - wanted) / np.abs(wanted)
    is_ordered = len(wanted) > 1 and bool((np.argsort(best) == np.argsort(wanted)).all())
    if float(off.max()) <= check.within:
        verdict: Verdict = "reproduced"
    else:
        verdict = "shape only" if is_ordered and float(off.max()) <= _FAR else "not reproduced"
    why = f"off by {', '.join(map(per_cent, off.tolist()))}"
    if verdict != "reproduced" and is_ordered:
        why += ", in the same order"
    if float((np.abs(exact - wanted) / np.abs(wanted)).max()) > check.within:
        why += "; the numbers printed are not the equilibrium of the paper's equations at these parameters"
    return Finding(_listed(ours), _listed(solved), verdict, why)


def solved(check: Solved, results: Results) -> Finding:
    """Judge whether an agent ends at the equilibrium."""
    places = results.trained(check.sweep)
    off = {name: float(_gap(results, check.agent, name, places).mean()) for name in check.measures}
    worst = max(off.values())
    verdict: Verdict = (
        "reproduced" if worst <= check.within else "shape only" if worst <= 3.0 * check.within else "not reproduced"
    )
    ours = {name: np.mean([results.ends(check.agent, p, name).mean() for p in places]) for name in check.measures}
    exact = {name: np.mean([results.equilibrium(p, name).mean() for p in places]) for name in check.measures}
    where = "" if check.sweep is None else f", in the mean over {len(places)} point{'s' if len(places) > 1 else ''}"
    why = f"the largest difference is {per_cent(worst)}{where}; {per_cent(check.within)} counts as there"
    told = ", ".join(f"{name} {shown(float(value))} ({per_cent(off[name])} off)" for name, value in ours.items())
    return Finding(told, ", ".join(f"{name} {shown(float(value))}" for name, value in exact.items()), verdict, why)


def _sign(above: FloatArray, below: FloatArray) -> Verdict:
    """Return whether one is above the other: in the mean, and with every resampling of the seeds."""
    if float(above.mean()) <= float(below.mean()):
        return "not reproduced"
    if len(above) < 2:
        return "shape only"  # one seed says nothing of the next
    return "reproduced" if paired_difference(above, below, Resampling(0), mean).low > 0.0 else "shape only"


def _gap(results: Results, agent: str, measure: str, places: Sequence[Place]) -> FloatArray:
    """Return |ours − equilibrium| / |equilibrium|, averaged over the places: shape [seeds]."""
    gaps = []
    for place in places:
        exact = results.equilibrium(place, measure)
        gaps.append(np.abs(results.ends(agent, place, measure) - exact) / np.abs(exact))
    return np.asarray(np.mean(gaps, axis=0))


def _settled(x: FloatArray, curve: FloatArray, within: float) -> float:
    """Return from where on the smoothed curve stays within a share of what it ends at."""
    width = max(1, round(_SMOOTH * len(curve)))
    sums = np.cumsum(np.concatenate([np.zeros(1), curve]))
    start = np.maximum(np.arange(1, len(curve) + 1) - width, 0)
    smooth = (sums[1:] - sums[start]) / (np.arange(1, len(curve) + 1) - start)
    is_off = np.abs(smooth - smooth[-1]) > within * abs(smooth[-1])
    first = int(np.flatnonzero(is_off)[-1]) + 1 if is_off.any() else 0
    return float(x[first])


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Return Pearson's correlation; 0 where one of them does not move."""
    if a.std() == 0.0 or b.std() == 0.0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _place(results: Results, sweep: str, point: Point) -> Place:
    """Return the place of a printed number; the plan was checked to have it."""
    assert point.at is not None
    return (sweep, point.series, results.sweep(sweep).x.values.index(point.at))


def _listed(numbers: list[float]) -> str:
    return ", ".join(shown(value) for value in numbers)


_JUDGES: dict[str, Callable[[Any, Results], Finding]] = {
    "nearest": nearest,
    "higher": higher,
    "faster": faster,
    "settles": settles,
    "opposite": opposite,
    "trend": trend,
    "values": values,
    "solved": solved,
}
