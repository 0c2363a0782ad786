"""One trial: an agent trained once in one game, or playing it by its rule, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simmig.compare.plans.measures import Measures, measures_of, measures_of_row
from simmig.compare.plans.rules import play_by_rule
from simmig.compare.plans.schema import Units
from simmig.contracts import Agent, AnalyticGame, FloatArray
from simmig.errors import InputError, PluginError
from simmig.learning.agent import LearnedAgent
from simmig.learning.recipe import recipe_with
from simmig.plugins import load, plugin_class

if TYPE_CHECKING:
    from simmig.learning.agent import Training

_LOOKS = 60  # at the policy, in the course of a training
_DRAWN = 200  # points of a curve; means over the rows between them
_LAST = 0.1  # of the iterations: their mean is what a training came to


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be done; everything that the outcome depends on."""

    agent: str
    name: str
    changes: Mapping[str, Any]
    game: AnalyticGame
    seed: int
    record: Literal["played", "policy"] | None
    plays_per_iteration: float
    units: Units


@dataclass(frozen=True, slots=True)
class Ended:
    """What a trial came to: `end`, and the curves over `x[T]` that led there, none for a rule."""

    end: Measures
    x: FloatArray
    curves: dict[str, FloatArray]
    is_learned: bool


def run_trial(trial: Trial) -> Ended:
    """Return what the agent comes to; every number follows from the trial."""
    found = plugin_class("agents", trial.name, Path())
    if not issubclass(found, LearnedAgent):
        rule = load("agents", trial.name, trial.changes)
        assert isinstance(rule, Agent)
        price, demand = play_by_rule(rule, trial.game, trial.seed)
        ends = [measures_of(trial.game, p, d, trial.units) for p, d in zip(price, demand, strict=True)]
        mean = {name: float(np.mean([end[name] for end in ends])) for name in ends[0]}
        return Ended(mean, np.zeros(0), {}, is_learned=False)
    return _trained(trial, found)


def _trained(trial: Trial, learner: type[LearnedAgent]) -> Ended:
    try:
        import torch

        from simmig.env.sources import FixedGame
        from simmig.learning.venue import Venue
    except ImportError as error:
        raise PluginError(f"agents that learn need {error.name} (pip install 'simmig[learn]')") from None
    torch.set_num_threads(1)  # more threads are slower on networks of this size, and may sum in another order
    source = FixedGame(trial.game)
    game: Any = trial.game
    venue = Venue(source, tuple(f"l{j}" for j in range(game.eligible.shape[-1])), "plan", {})
    training = learner.train(venue, recipe_with(learner.recipe, trial.name, trial.changes), trial.seed)
    every = max(1, training.iterations // _LOOKS)
    x: list[float] = []
    rows: list[Measures] = []
    while training.iteration < training.iterations:
        row = training.iterate()
        is_due = training.iteration % every == 0 or training.iteration == training.iterations
        if trial.record == "played":
            rows.append(_earned(row, trial))
        elif trial.record == "policy" and is_due:
            rows.append(_look(training, source, trial))
        else:
            continue
        x.append(row["plays"] / trial.plays_per_iteration)
    if trial.record != "played":
        end = _look(training, source, trial)
        return Ended(end, np.array(x), _columns(rows), is_learned=True)
    last = rows[-max(1, round(_LAST * len(rows))) :]
    end = {name: float(np.mean([row[name] for row in last])) for name in last[0]}
    return Ended(end, *thinned(np.array(x), _columns(rows)), is_learned=True)


def _earned(row: Mapping[str, Any], trial: Trial) -> Measures:
    try:
        return measures_of_row(row, trial.units)
    except KeyError as error:
        raise InputError(
            f'agent {trial.name}: its training does not tell {error} of an iteration; expected curves.record = "policy"'
        ) from None


def _look(training: Training, source: Any, trial: Trial) -> Measures:  # noqa: ANN401
    """Return what the policy of the moment comes to."""
    price, demand = training.answer(source)
    game: Any = trial.game
    low = game.cost if price.ndim == 1 else np.broadcast_to(game.cost, price.shape)
    return measures_of(trial.game, np.clip(price, low, game.price_max), demand, trial.units)  # shares carry a rounding


def _columns(rows: list[Measures]) -> dict[str, FloatArray]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def thinned(x: FloatArray, curves: dict[str, FloatArray]) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return curves of at most `_DRAWN` points, means over the rows between them."""
    size = -(-len(x) // _DRAWN)
    ends = np.minimum(np.arange(size, len(x) + size, size), len(x))
    starts = np.concatenate([[0], ends[:-1]])
    means = {name: np.add.reduceat(values, starts) / (ends - starts) for name, values in curves.items()}
    return x[ends - 1], means
