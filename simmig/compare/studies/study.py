"""A study ready to be run: its plan laid out and checked, every run with its name in the store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from simmig.compare.identity import fingerprint
from simmig.compare.jobs import Job
from simmig.compare.studies.checking import load_cells
from simmig.compare.studies.design import lay_out
from simmig.compare.studies.record import Record, Run
from simmig.compare.studies.schema import Plan
from simmig.errors import InputError
from simmig.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Study:
    """What is recorded of a study, and one job for every different run."""

    record: Record
    jobs: tuple[Job, ...]


def make_study(plan: Plan, base_dir: Path, store: Path, source: Path | None = None, command: str = "") -> Study:
    """Lay out a plan and check all of it; `base_dir` is where its scenario's path starts, `source` its own file.

    Raises ScenarioError with a line for every mistake in any combination.
    """
    scenario = Path(os.path.abspath(base_dir / plan.scenario))
    cells = lay_out(plan)
    runs: list[Run] = []
    jobs: dict[str, Job] = {}
    for cell, loaded in zip(cells, load_cells(plan, cells, base_dir / plan.scenario, source), strict=True):
        for seed in plan.seeds:
            # A copy is what loading again would give, since nothing that is checked depends on the seed.
            key = _key(loaded.model_copy(update={"seed": seed}))
            runs.append(Run(key, seed, cell.values, cell.agents))
            jobs.setdefault(key, Job(key, str(scenario), (*cell.overrides, f"seed={seed}"), os.path.abspath(store)))
    record = Record(
        name=plan.name,
        description=plan.description,
        command=command,
        folder=os.getcwd(),
        scenario=str(scenario),
        plan=plan.model_dump(mode="json", by_alias=True),
        varied=list(plan.vary),
        sides=[side for side in ("leaders", "followers") if getattr(plan, side)],
        measures=None if plan.measures is None else list(plan.measures),
        runs=runs,
    )
    return Study(record, tuple(jobs.values()))


def _key(scenario: Scenario) -> str:
    try:
        return fingerprint(scenario)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None
