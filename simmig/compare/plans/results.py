"""Everything that a plan comes to: the equilibria, and every agent in every game with every seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from simmig.compare.plans.checks import Faster, Opposite, Settles, measures_in
from simmig.compare.plans.games import game_of, settings_of, solved
from simmig.compare.plans.measures import TOLD, Measures, measures_of
from simmig.compare.plans.schema import AgentPart, Mode, Plan, Sweep
from simmig.compare.plans.trials import Ended, Trial, run_trial
from simmig.contracts import AnalyticGame, FloatArray
from simmig.errors import InputError
from simmig.learning.agent import LearnedAgent
from simmig.plugins import plugin_class

Size = Literal["full", "quick"]
# (sweep, series, place on its axis); the learning curves are of no sweep.
Place: TypeAlias = tuple[str, int, int]
CURVES: Place = ("", 0, 0)
Progress = Callable[[str, float], None]


@dataclass(slots=True)
class Results:
    """What came out: `solved[place][seed]` at the equilibria, `ended[agent, place][seed]` of the agents."""

    plan: Plan
    size: Size
    seeds: int
    solved: dict[Place, list[Measures]] = field(default_factory=dict)
    ended: dict[tuple[str, Place], list[Ended]] = field(default_factory=dict)

    def equilibrium(self, place: Place, measure: str) -> FloatArray:
        """Return a measure of the equilibria, shape [seeds]."""
        return _known(measure, self.solved[place])

    def ends(self, agent: str, place: Place, measure: str) -> FloatArray:
        """Return a measure of what an agent came to, shape [seeds]."""
        return _known(measure, [each.end for each in self.ended[agent, place]])

    def trained(self, sweep: str | None) -> list[Place]:
        """Return the places of a sweep at which agents were trained, or that of the learning curves."""
        wanted = "" if sweep is None else sweep
        found = [place for _, place in self.ended if place[0] == wanted]
        return sorted(dict.fromkeys(found))

    def sweep(self, name: str) -> Sweep:
        """Return a sweep of the plan."""
        return next(sweep for sweep in self.plan.sweep if sweep.name == name)


def _known(measure: str, rows: list[Measures]) -> FloatArray:
    if measure not in rows[0]:
        plain = sorted({name.partition(".")[0] for name in rows[0]})
        raise InputError(f"measure {measure!r}: not known here; expected one of {', '.join(plain)}, or one player's")
    return np.array([row[measure] for row in rows])


def mode_of(plan: Plan, size: Size, seeds: int | None = None) -> Mode:
    """Return how much is done; `seeds` counts instead of the plan's own number."""
    mode = plan.full if size == "full" else plan.quick
    return mode if seeds is None else mode.model_copy(update={"seeds": seeds})


def run_plan(
    plan: Plan,
    size: Size = "full",
    seeds: int | None = None,
    workers: int = 1,
    on_progress: Progress = lambda what, share: None,
) -> Results:
    """Return what the plan comes to, the same whatever the number of worker processes.

    Raises InputError for what the plan's games or agents refuse, NoEquilibrium for a game without one.
    """
    mode = mode_of(plan, size, seeds)
    results = Results(plan, size, mode.seeds)
    games: dict[tuple[Place, int], AnalyticGame] = {}
    for place, settings in _places(plan):
        results.solved[place] = []
        for seed in range(mode.seeds):
            where = f"{plan.paper} {plan.figure}, {', '.join(f'{k} = {v}' for k, v in settings.items()) or 'the game'}"
            game = games[place, seed] = game_of(plan, seed, settings)
            results.solved[place].append(measures_of(game, *solved(game, where), plan.units))
    _check_measures(results)
    _check_curves(plan)
    trials = list(_trials(plan, mode, size, games))
    outcomes = _run_all([trial for _, trial in trials], workers)
    for count, ((place, trial), ended) in enumerate(zip(trials, outcomes, strict=True), 1):
        results.ended.setdefault((trial.agent, place), []).append(ended)
        on_progress("agents", count / len(trials))
    return results


def _check_measures(results: Results) -> None:
    """Raise InputError for a measure that a game has not, before hours are spent on training in it."""
    plan = results.plan
    named = [(panel.sweep, measure) for panel in plan.panel for measure in panel.y]
    for statement in plan.statement:
        named += [(getattr(statement.check, "sweep", None), measure) for measure in measures_in(statement.check)]
    for sweep, measure in named:
        for place in results.solved:
            if place[0] == (sweep or ""):
                results.equilibrium(place, measure)
        is_told = measure.partition(".")[0] in TOLD and measure.count(".") < 2
        if sweep is None and plan.curves is not None and plan.curves.record == "played" and not is_told:
            raise InputError(f'measure {measure!r}: a training does not tell it; expected curves.record = "policy"')


def _check_curves(plan: Plan) -> None:
    """Raise InputError if the curve of an agent is asked for that plays by a rule and has none."""
    rules = {a.label for a in plan.agent if not issubclass(plugin_class("agents", a.name, Path()), LearnedAgent)}
    for statement in plan.statement:
        check = statement.check
        if isinstance(check, Faster | Settles | Opposite):
            for label in (check.agent, *getattr(check, "than", ())):
                if label in rules:
                    raise InputError(f"check {check.kind}: {label!r} plays by a rule; expected an agent that learns")


def _places(plan: Plan) -> Iterator[tuple[Place, dict[str, object]]]:
    """Yield every game of the plan: that of the learning curves, then the points of the sweeps."""
    if plan.curves is not None:
        yield CURVES, {}
    for sweep in plan.sweep:
        for line in range(len(sweep.series)):
            for place in range(len(sweep.x.values)):
                yield (sweep.name, line, place), settings_of(sweep, line, place)


def _trials(
    plan: Plan, mode: Mode, size: Size, games: dict[tuple[Place, int], AnalyticGame]
) -> Iterator[tuple[Place, Trial]]:
    places = [CURVES] if plan.curves is not None else []
    for sweep in plan.sweep:
        places += [(sweep.name, line, place) for line, place in _ends_first(list(sweep.trained), mode.points)]
    for place in places:
        for agent in plan.agent:
            for seed in range(mode.seeds):
                yield place, _trial(plan, agent, games[place, seed], seed, place, size)


def _trial(plan: Plan, agent: AgentPart, game: AnalyticGame, seed: int, place: Place, size: Size) -> Trial:
    changes = {**agent.recipe, **(agent.quick if size == "quick" else {})}
    curves = plan.curves if place == CURVES else None
    record = None if curves is None else curves.record
    per_iteration = 1.0 if curves is None else curves.plays_per_iteration
    return Trial(agent.label, agent.name, changes, game, seed, record, per_iteration, plan.units)


def _ends_first(points: list[tuple[int, ...]], most: int | None) -> list[tuple[int, int]]:
    """Return the points in their order, or so many of them: the first and the last before those between."""
    order = sorted(range(len(points)), key=lambda k: (k not in (0, len(points) - 1), k))
    kept = sorted(order[: len(points) if most is None else most])
    return [(points[k][0], points[k][1]) for k in kept]


def _run_all(trials: list[Trial], workers: int) -> Iterator[Ended]:
    """Yield the outcomes in the order of the trials."""
    if workers == 1 or len(trials) < 2:
        yield from map(run_trial, trials)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Spawned, not forked: torch's threads do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(trials)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_trial, trials)
