"""`simmig run` and `simmig demo`: simulate a scenario and say where the results are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simmig.cli.common import AsJson, Overrides, plugins_print_to_stderr, print_json, scenario_folder

if TYPE_CHECKING:
    from simmig.run import RunResult

INTERRUPTED = 130  # exit code after Ctrl-C, by convention 128 + SIGINT

Seed = Annotated[int | None, typer.Option(help="use this seed instead of the scenario's", min=0)]
Out = Annotated[Path | None, typer.Option(help="the run folder, which must not exist", metavar="DIR")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(run)
    app.command()(demo)


def run(
    scenario: Annotated[Path, typer.Argument(help="scenario file (TOML)")],
    overrides: Overrides = None,
    seed: Seed = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a scenario and write its run folder."""
    changes = [*(overrides or []), *([] if seed is None else [f"seed={seed}"])]
    _run(scenario, changes, out, as_json)


def demo(seed: Seed = None, out: Out = None, as_json: AsJson = False) -> None:
    """Run the scenario that shows what simmig does, in a few seconds."""
    scenario = scenario_folder() / "demo.toml"
    _run(scenario, [] if seed is None else [f"seed={seed}"], out, as_json)


def _run(path: Path, changes: list[str], out: Path | None, as_json: bool) -> None:
    from simmig.run import run as simulate
    from simmig.scenario import load_scenario

    with plugins_print_to_stderr():
        scenario = load_scenario(path, changes)
        if sys.stderr.isatty():
            with progress_bar() as show:
                result = simulate(scenario, out=out, on_progress=show)
        else:
            result = simulate(scenario, out=out)
    for remark in result.remarks:
        print(f"remark: {remark}", file=sys.stderr)
    print_result(result, as_json)
    if not result.is_complete:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Show a bar on standard error; gives the function that moves it, (what, share done)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)


def print_result(result: RunResult, as_json: bool) -> None:
    """Print what a run left: one JSON document, or a few lines for people."""
    if as_json:
        print_json(
            {
                "folder": str(result.folder),
                "status": "complete" if result.is_complete else "partial",
                "digest": result.digest,
                "summary": result.summary,
            }
        )
        return
    outcomes = {name: count for name, count in result.summary["outcomes"].items() if count}
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcomes.items()) or "none"
    print(f"requests  {result.summary['requests']} ({told})")
    _print_spread("delay", result.summary["delay_s"]["total"])
    _print_spread("silent", result.summary["interruption"]["per_migration_s"])
    if not result.is_complete:
        print(f"results   {result.folder} (partial: interrupted)")
        return
    print(f"digest    {result.digest}")
    print(f"results   {result.folder}")
    print(f"report    {result.folder / 'report.html'}")


def _print_spread(label: str, figures: dict[str, Any]) -> None:
    if figures["n"]:
        middle = f"mean {figures['mean']:.3f} s, median {figures['median']:.3f} s"
        print(f"{label:<9} {middle}, p95 {figures['p95']:.3f} s")
