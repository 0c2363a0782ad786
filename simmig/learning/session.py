"""One training from start to end: a folder with the policy, the learning curve, and all that a resumed one needs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from simmig.errors import InputError, NoEquilibrium
from simmig.learning.agent import LearnedAgent, Training
from simmig.learning.checkpoint import read_checkpoint, write_checkpoint
from simmig.learning.curves import CurveWriter
from simmig.learning.evaluate import Yardstick
from simmig.learning.policy import save_policy
from simmig.learning.state import flatten_state, unflatten_state
from simmig.learning.venue import Venue
from simmig.rng import stream

_STATE, _CURVE = "training", "curve.jsonl"
_SCORED = 8  # games of a venue that a policy is scored in
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left: the folder, the iterations done, and the score (None where no game has an equilibrium)."""

    folder: Path
    iterations: int
    plays: int
    cpu_s: float
    is_complete: bool
    score: dict[str, float] | None


def run_training(
    agent: type[LearnedAgent],
    name: str,
    venue: Venue,
    recipe: BaseModel,
    seed: int,
    folder: Path,
    *,
    resume: bool = False,
    save_every_s: float = 20.0,
    is_stopped: Callable[[], bool] = lambda: False,
    on_progress: Progress = lambda what, share: None,
) -> Trained:
    """Train and leave a policy in `folder`, which must not exist unless `resume`.

    A training that was stopped or killed goes on from its last state to the same weights as one that was not; a state
    is written before the first iteration and then every `save_every_s` CPU seconds.
    Raises InputError if the folder is taken, or holds a training with other settings.
    """
    torch.set_num_threads(1)  # more threads are slower on networks of this size
    asked = {"agent": name, "recipe": recipe.model_dump(mode="json"), "seed": seed, "origin": venue.origin}
    training = agent.train(venue, recipe, seed)
    curve, used_s = _opened(folder, training, asked, resume)
    kept = started = time.process_time()
    while training.iteration < training.iterations and not is_stopped():
        row = training.iterate()
        cpu_s = used_s + time.process_time() - started
        values = {key: value for key, value in row.items() if key not in ("iteration", "plays", "cpu_s")}
        curve.append(row["iteration"], row["plays"], cpu_s, values)
        on_progress("training", training.iteration / max(training.iterations, 1))
        if time.process_time() - kept > save_every_s:
            _keep(folder, curve, training, asked, cpu_s)
            kept = time.process_time()
    cpu_s = used_s + time.process_time() - started
    _keep(folder, curve, training, asked, cpu_s)
    is_complete = training.iteration >= training.iterations
    score = score_of(training, venue, seed)
    tensors, facts = training.policy()
    origin = {**asked, "iterations": training.iteration, "is_complete": is_complete, "score": score}
    save_policy(folder, name, tensors, {**facts, "leaders": list(venue.leaders)}, origin)
    plays = int(getattr(training, "plays", 0))
    return Trained(folder, training.iteration, plays, cpu_s, is_complete, score)


def score_of(training: Training, venue: Venue, seed: int) -> dict[str, float] | None:
    """Return mean price error, NashConv, follower regret and collusion index in games of the venue."""
    draw = stream(seed, "score")
    rows = []
    for _ in range(1 if venue.source.is_fixed else _SCORED):
        single = venue.source.single(draw)
        price, demand = training.answer(single)
        try:
            yard = Yardstick(single.game)
        except NoEquilibrium:
            continue
        rows.append(yard.score(price, demand).figures())
    if not rows:
        return None
    found = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _opened(folder: Path, training: Training, asked: dict[str, Any], resume: bool) -> tuple[CurveWriter, float]:
    """Return the writer of the curve and the CPU seconds used before; with `resume` the training goes on."""
    if resume and not _is_bare(folder):
        tensors, meta = read_checkpoint(folder, _STATE)
        if meta.get("asked") != asked:
            raise InputError(
                f"{folder}: a training with other settings; expected the same agent, scenario, seed and --set"
            )
        training.restore(unflatten_state(tensors, meta["form"]))
        return CurveWriter.resume(folder / _CURVE, training.iteration), float(meta["cpu_s"])
    if not resume and folder.exists():
        raise InputError(f"{folder}: exists already; expected a new folder, or --resume to go on with a training")
    (folder / _CURVE).unlink(missing_ok=True)
    curve = CurveWriter.start(folder / _CURVE)
    _keep(folder, curve, training, asked, 0.0)  # from here on a killed training says what it was
    return curve, 0.0


def _is_bare(folder: Path) -> bool:
    """Return whether a folder is of a training that was killed before it said what it was."""
    if not folder.is_dir() or (folder / f"{_STATE}.json").exists():
        return False
    return all(path.name == _CURVE or path.name.lstrip(".").startswith(_STATE) for path in folder.iterdir())


def _keep(folder: Path, curve: CurveWriter, training: Training, asked: dict[str, Any], cpu_s: float) -> None:
    """Write the state of the training, after the curve that leads to it."""
    curve.sync()
    tensors, form = flatten_state(training.state())
    write_checkpoint(folder, _STATE, tensors, {"asked": asked, "form": form, "cpu_s": cpu_s})
