"""Running a study: what the store lacks goes to the workers, and what comes back is told as it comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simmig.compare.jobs import Job, Outcome, Workers
from simmig.compare.perform import record_failure
from simmig.compare.store import Store
from simmig.compare.studies.signals import Signals
from simmig.compare.studies.study import Study

_NUMBERS = re.compile(r"[0-9a-f]{32}|\d+")
_ENDED_FROM_OUTSIDE = ("hung", "memory", "died")  # of these `perform` could not record anything


@dataclass(frozen=True, slots=True)
class Stock:
    """What the store has of a study before it is run: how many are done, how many failed, and the jobs to be made."""

    done: int
    failed: int
    lacking: tuple[Job, ...]


def take_stock(study: Study, store: Store, *, retry_failed: bool = False) -> Stock:
    """Return what the store has of a study; runs that have failed are to be made again only if `retry_failed`."""
    keys = [job.key for job in study.jobs]
    lacking = set(store.missing(keys, retry_failures=retry_failed))
    done = sum(store.has(key) for key in keys)
    return Stock(done, len(keys) - done - len(lacking), tuple(job for job in study.jobs if job.key in lacking))


def drive(
    jobs: Sequence[Job],
    workers: Workers,
    signals: Signals,
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Have the workers make the runs, and tell the outcome of each; a failed run is recorded and ends nothing.

    All processes that were started have ended when this returns or raises.
    """
    by_key = {job.key: job for job in jobs}
    with workers:
        for outcome in workers.outcomes(jobs):
            if outcome.cause in _ENDED_FROM_OUTSIDE:
                record_failure(by_key[outcome.key], outcome)
            on_outcome(outcome)
            signals.check()


def kind_of(message: str) -> str:
    """Return a message without its numbers and hashes: failures of one kind differ in nothing else."""
    return _NUMBERS.sub("#", message)


def grouped_failures(failures: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Return {message of the first: where} of failures (where, message), those of one kind together."""
    found: dict[str, tuple[str, list[str]]] = {}
    for where, message in failures:
        found.setdefault(kind_of(message), (message, []))[1].append(where)
    return dict(found.values())
