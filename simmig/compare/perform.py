"""One job done in this process: the scenario is run and its folder put into the store, or the failure is."""

from __future__ import annotations

from contextlib import chdir, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simmig.compare.identity import Identity, identify
from simmig.compare.jobs import Cause, Job, Outcome
from simmig.compare.store import Store
from simmig.errors import AgentError, InputError, RunError, SimmigError, StorageError
from simmig.plugins.importing import forget_files
from simmig.run import run_into
from simmig.run.blame import one_line, told
from simmig.run.folder import RunFolder
from simmig.run.interrupt import Interrupts
from simmig.run.players import load_players
from simmig.scenario import Scenario, load_scenario


class _Changed(RunError):
    """What a job names is no longer what its key was made of."""


def prepare() -> None:
    """Import what every run needs, so that it is no time of a worker's first one."""
    import duckdb  # noqa: F401
    import pandas  # noqa: F401

    import simmig.engine.simulation
    import simmig.measure.tables
    import simmig.metrics
    import simmig.world  # noqa: F401


def perform(job: Job) -> Outcome:
    """Make the run of a job, unless the store has it, and return what became of it; whatever it raises is a failure.

    Failures of the run are recorded in the store. Not recorded, so that resuming tries again, is what is no fault of
    the run: a store that cannot be written, or a plan that has been overtaken by a change of its files. Signals are
    left to the caller: KeyboardInterrupt goes through, and leaves nothing behind.
    """
    # Plug-ins may change these for the whole process; the next run must not notice.
    with np.errstate(), chdir(Path.cwd()):
        return _performed(job)


def _performed(job: Job) -> Outcome:
    try:
        store = Store.open(job.store)
        if store.has(job.key):
            return Outcome(job.key, digest=store.digest(job.key))
        scenario, identity = _as_planned(job)
    except (Exception, SystemExit) as error:  # loading imports plug-ins, and anything may come out of them
        return _failed(job, error)
    try:
        digest = _made(job, store, scenario, identity)
    except (StorageError, _Changed) as error:
        return _failed(job, error)
    except (Exception, SystemExit) as error:
        outcome = _failed(job, error)
    else:
        return Outcome(job.key, digest=digest)
    with suppress(StorageError):  # what cannot be recorded is tried again
        record_failure(job, outcome)
    return outcome


def record_failure(job: Job, outcome: Outcome) -> None:
    """Put a failure into the job's store: `perform` does for its own, its caller must if the process had to be ended.

    Raises StorageError if the disk refuses.
    """
    facts = {
        "scenario": job.scenario,
        "overrides": list(job.overrides),
        "failed_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    Store.open(job.store).fail(job.key, outcome, facts)


def _as_planned(job: Job) -> tuple[Scenario, Identity]:
    """Return the job's scenario and what it was identified by; raises _Changed unless that is the job's key."""
    forget_files()
    scenario = load_scenario(job.scenario, job.overrides)
    identity = identify(scenario)
    _check(identity.key, job)
    return scenario, identity


def _made(job: Job, store: Store, scenario: Scenario, identity: Identity) -> str:
    """Run the scenario and put the run into the store; return its digest."""
    facts = {"identity": identity.document, "overrides": list(job.overrides)}
    with store.workspace() as work:
        players = load_players(scenario)
        try:
            result = run_into(RunFolder(store.folder(job.key), work), scenario, players, Interrupts(), facts=facts)
        finally:
            if players is not None:
                players.close()
        _check(identify(scenario).key, job)  # a trace that was replaced while it was read
        store.add(work, job.key)
    return str(result.digest)


def _check(key: str, job: Job) -> None:
    if key != job.key:
        raise _Changed(
            f"{job.scenario}: now has key {key}, expected {job.key}: the scenario, a file that it names or the code "
            "has changed since the plan was made; start again"
        )


def _failed(job: Job, error: BaseException) -> Outcome:
    cause: Cause = "error"
    if isinstance(error, InputError):
        cause = "input"
    elif isinstance(error, AgentError):
        cause = "agent"
    elif isinstance(error, MemoryError):
        cause = "memory"
    is_ours = isinstance(error, SimmigError)
    return Outcome(job.key, cause, one_line("; ".join(str(error).splitlines())) if is_ours else told(error))
