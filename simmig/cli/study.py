"""Running a study for `simmig sweep` and `simmig compare`, with all that is told about it on the way."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from simmig.cli.common import plugins_print_to_stderr, print_json, print_table
from simmig.cli.study_options import How
from simmig.cli.study_plan import Asked, plan_of
from simmig.errors import InputError

if TYPE_CHECKING:
    from simmig.compare.jobs import Outcome, Workers
    from simmig.compare.store import Store
    from simmig.compare.studies.driving import Stock
    from simmig.compare.studies.results import Row
    from simmig.compare.studies.signals import Signals
    from simmig.compare.studies.study import Study

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_MOST_PLACES = 3  # told of a failure that many runs have
_MOST_TOLD = 5  # failures of one kind that are told as they come


@dataclass(frozen=True, slots=True)
class Finished:
    """A study whose runs have all been tried: its rows, where its results go, and the document about it so far."""

    study: Study
    rows: Sequence[Row]
    measures: Sequence[str]
    folder: Path
    document: dict[str, Any]

    @property
    def has_failures(self) -> bool:
        """Whether a run has no result."""
        return any(row.folder is None for row in self.rows)


def conduct(asked: Asked, how: How, default_measures: Sequence[str], least_agents: int = 1) -> Finished | None:
    """Run a study and read its results; None after a dry run.

    Raises InputError for what is wrong, before anything runs, and typer.Exit on Ctrl-C: what is done is kept.
    """
    from simmig.compare.studies.signals import one_interruption

    with one_interruption() as signals:
        try:
            return _conduct(asked, how, signals, (default_measures, least_agents))
        except KeyboardInterrupt:
            print(f"interrupted; to go on:\n  {asked.command(*how.told())}", file=sys.stderr, flush=True)
            raise typer.Exit(INTERRUPTED) from None


def _conduct(asked: Asked, how: How, signals: Signals, wanted: tuple[Sequence[str], int]) -> Finished | None:
    from simmig.compare.store import Store
    from simmig.compare.studies.driving import take_stock
    from simmig.compare.studies.results import check_measures, read_rows, write_csv
    from simmig.compare.studies.study import make_study
    from simmig.run.folder import default_root

    place = how.store or default_root() / "store"
    default_measures, least_agents = wanted
    plan, base_dir, source = plan_of(asked)
    measures = plan.measures or default_measures
    check_measures(measures)
    if max(1, len(plan.leaders)) * max(1, len(plan.followers)) < least_agents:
        raise InputError(f"simmig {asked.verb}: expected two agents or more, such as --leaders stackelberg,greedy")
    with plugins_print_to_stderr():
        study = make_study(plan, base_dir, place, source, asked.command(*how.told()))
    if how.dry_run:
        store = Store.open(place) if (place / "store.json").exists() else None
        _list_runs(study, store, how.as_json)
        return None
    store = Store.open(place, create=True)
    store.sweep_leftovers()
    study.record.write(store.path / "studies" / f"{plan.name}.json")
    stock = take_stock(study, store, retry_failed=how.retry_failed)
    print(_counted(study, stock), file=sys.stderr if how.as_json else sys.stdout, flush=True)
    if least_agents > 1 and (remark := _too_few_seeds(study, len(measures))):
        print(f"remark: {remark}", file=sys.stderr, flush=True)
    signals.check()
    try:
        failed = _drive(study, stock, how, signals)
        with _bar("reading results", len(study.jobs)) as (advance, _):
            rows = read_rows(study.record, store, measures, failed, lambda: advance(0))
    except KeyboardInterrupt:
        done = take_stock(study, store).done
        print(f"{done} of {_many(len(study.jobs), 'run')} done, and kept in {place}", file=sys.stderr, flush=True)
        raise
    finally:
        store.sweep_leftovers()
    folder = how.out or store.path / "studies" / plan.name
    results = folder / "results.csv"
    write_csv(rows, study.record, results)
    document = {"schema": 1, **_summary(study, rows), "store": str(place), "results": str(results)}
    return Finished(study, rows, measures, folder, document)


def _counted(study: Study, stock: Stock) -> str:
    """Return how many runs there are, and where they stand."""
    record = study.record
    cells, seeds = len({run.cell for run in record.runs}), len({run.seed for run in record.runs})
    told = f"{record.name}: {len(record.runs)} runs ({_many(cells, 'combination')}, {_many(seeds, 'seed')})"
    same = len(record.runs) - len(study.jobs)
    parts = [
        f"{same} the same as others" if same else "",
        f"{stock.done} in the store" if stock.done else "",
        f"{stock.failed} failed before (--retry-failed makes them again)" if stock.failed else "",
        f"{len(stock.lacking)} to make",
    ]
    return f"{told}: {', '.join(filter(None, parts))}"


def _too_few_seeds(study: Study, measures: int) -> str:
    """Return a line if so many comparisons with so few seeds cannot end but in "no difference seen"."""
    from simmig.compare.studies.tabulating import fewest_seeds

    runs = study.record.runs
    cells, agents = len({run.cell for run in runs}), len({tuple(run.agents.values()) for run in runs})
    comparisons = math.comb(agents, 2) * (cells // agents) * measures
    seeds, fewest = len({run.seed for run in runs}), fewest_seeds(comparisons)
    if seeds >= fewest:
        return ""
    return f"{_many(seeds, 'seed')} cannot show any difference in {comparisons} comparisons; {fewest} or more can"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _list_runs(study: Study, store: Store | None, as_json: bool) -> None:
    """Print every run, and whether the store has it."""

    def status(key: str) -> str:
        if store is None or not (store.has(key) or store.failure(key)):
            return "to make"
        return "in the store" if store.has(key) else "failed before"

    runs = [{**run.labels, "seed": run.seed, "key": run.key, "status": status(run.key)} for run in study.record.runs]
    if as_json:
        print_json({"schema": 1, "study": study.record.name, "runs": runs})
        return
    print_table([[*runs[0]], *([str(value) for value in run.values()] for run in runs)])
    print(f"{_many(len(study.jobs), 'different run')}; nothing was run")


def _drive(study: Study, stock: Stock, how: How, signals: Signals) -> dict[str, Outcome]:
    """Have everything made that the store lacks, and return the failures by key."""
    from simmig.compare.studies.driving import drive, kind_of

    failed: dict[str, Outcome] = {}
    if not stock.lacking:
        return failed
    first = {run.key: run for run in reversed(study.record.runs)}
    told: Counter[str] = Counter()
    with _bar("running", len(stock.lacking)) as (advance, say):

        def on_outcome(outcome: Outcome) -> None:
            if not outcome.is_done:
                failed[outcome.key] = outcome
                run, kind = first[outcome.key], kind_of(outcome.message)
                told[kind] += 1
                if told[kind] <= _MOST_TOLD:
                    more = "" if told[kind] < _MOST_TOLD else " (others like this one are counted only)"
                    say(f"failed: {_where(run.cell, run.seed)}: {outcome.cause}: {outcome.message}{more}")
            advance(len(failed))

        drive(stock.lacking, _workers(how, len(stock.lacking), say), signals, on_outcome)
    return failed


def _where(cell: str, seed: int) -> str:
    return ", ".join(filter(None, (cell, f"seed={seed}")))


def _workers(how: How, jobs: int, say: Callable[[str], None]) -> Workers:
    from simmig.compare.perform import perform

    memory_limit_byte = None if how.memory_limit_mb is None else int(how.memory_limit_mb * 1e6)
    if how.ray is not None:
        from simmig.compare.workers.cluster import RayWorkers

        return RayWorkers(how.ray, perform, how.time_limit_s, memory_limit_byte, on_notice=say)
    from simmig.compare.workers.local import LocalWorkers

    slots = min(how.workers or _cores(), jobs)
    return LocalWorkers(slots, perform, time_limit_s=how.time_limit_s, memory_limit_byte=memory_limit_byte)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _bar(what: str, jobs: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """Show a bar on standard error if that is a terminal; gives (one more ended, so many failed) and (say a line)."""
    if not sys.stderr.isatty():
        yield lambda failed: None, lambda line: print(line, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, markup=False, highlight=False)
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=jobs)

        def advance(failed: int) -> None:
            progress.update(task, advance=1, description=f"{what}, {failed} failed" if failed else what)

        yield advance, lambda line: console.print(line, soft_wrap=True)


def _summary(study: Study, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what became of the runs, as JSON values."""
    from simmig.compare.studies.driving import grouped_failures

    failures = [(_where(row.run.cell, row.run.seed), f"{row.status}: {row.message}") for row in rows if not row.folder]
    groups = grouped_failures(failures)
    return {
        "study": study.record.name,
        "runs": len(rows),
        "done": len(rows) - len(failures),
        "failed": len(failures),
        "failures": [{"message": message, "runs": places} for message, places in groups.items()],
        "command": study.record.command,
    }


def print_summary(document: dict[str, Any]) -> None:
    """Print what became of the runs: done, failed and why."""
    print(f"done {document['done']}, failed {document['failed']}" if document["failed"] else f"done {document['done']}")
    for failure in document["failures"]:
        places = failure["runs"]
        more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
        print(f"  {len(places)} x {failure['message']}")
        print(f"      {'; '.join(places[:_MOST_PLACES])}{more}")
