"""`simmig store`: look after a store of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simmig.cli.common import AsJson, print_json, print_table

if TYPE_CHECKING:
    from simmig.compare.store import Store

store_app = typer.Typer(help="Look after a store of runs.", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="store of runs, as a sweep has written it")]


def add_to(app: typer.Typer) -> None:
    """Add the group of commands `store`."""
    app.add_typer(store_app, name="store")


@store_app.callback()
def _group() -> None:
    """Look after a store of runs."""


@store_app.command()
def verify(folder: Folder) -> None:
    """Check every file of a store against its run's manifest; exit code 1 if something is wrong."""
    store = _opened(folder)
    problems = store.verify()
    for problem in problems:
        print(problem)
    print(f"{len(store.keys())} runs, {len(store.failures())} failures, {len(problems)} problems")
    if problems:
        print("delete a damaged run's folder, and the sweep makes it again; `simmig store rebuild` clears what is left")
        raise typer.Exit(1)


@store_app.command("list")
def list_(folder: Folder, as_json: AsJson = False) -> None:
    """List the runs of a store, and those that failed."""
    from simmig.compare.index import rows

    store = _opened(folder)
    runs = [{"status": "complete", **row} for row in rows(store)]
    failures = [{"status": "failed", **failure} for failure in store.failures().values()]
    if as_json:
        print_json({"schema": 1, "runs": runs, "failures": failures})
        return
    print_table([_line(run) for run in runs] + [_failed_line(failure) for failure in failures])
    print(f"{len(runs)} runs, {len(failures)} failures")


def _line(run: dict[str, Any]) -> list[str]:
    return [run["key"], str(run["scenario"]), f"seed {run['seed']}", "complete", run["digest"][:16]]


def _failed_line(failure: dict[str, Any]) -> list[str]:
    changes = " ".join(failure.get("overrides", []))
    return [failure["key"], Path(failure.get("scenario", "")).name, changes, failure["cause"], failure["message"]]


@store_app.command()
def rebuild(folder: Folder) -> None:
    """Make the index of a store again, and remove what processes that were killed have left half-written."""
    from simmig.compare.index import rebuild_index

    store = _opened(folder)
    removed = store.sweep_leftovers()
    print(f"{len(rebuild_index(store))} runs indexed, {removed} leftovers removed")


def _opened(folder: Path) -> Store:
    from simmig.compare.store import Store

    return Store.open(folder)
