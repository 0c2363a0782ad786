"""`simmig reproduce`: play a figure of a paper again, and say what came out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simmig.cli.common import AsJson, print_json, print_table, scenario_folder
from simmig.cli.run import progress_bar

if TYPE_CHECKING:
    from simmig.compare.plans.results import Size
    from simmig.compare.plans.schema import Plan


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(reproduce)


def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="FIGURE", help="such as 001-fig3, or a plan of your own, FILE.toml")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="list the figures and stop")] = False,
    out: Annotated[
        Path | None, typer.Option(help="folder for the figure and its tables [default: runs/FIGURE]", metavar="DIR")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="only try it out: short trainings at few points")] = False,
    seeds: Annotated[int | None, typer.Option(help="trainings of every agent", min=1, max=1000)] = None,
    workers: Annotated[int, typer.Option(help="processes that train side by side", min=1, max=256)] = 1,
    docs: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="print the page of the tables in such folders; may be given again"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train, play and draw a figure of a paper, and say which of its statements come out."""
    from simmig.errors import InputError

    if list_:
        _list(as_json)
    elif docs:
        from simmig.compare.plans.tables import documentation

        print(documentation(docs), end="")
    elif name is None:
        raise InputError("simmig reproduce: expected a figure, such as 001-fig3 (see simmig reproduce --list)")
    else:
        plan, stem = _plan(name)
        document = _reproduce(plan, stem, _folder(stem, out), "quick" if quick else "full", seeds, workers)
        _print(document, as_json)


def _plans() -> dict[str, Path]:
    """Return the plans that ship, by name."""
    return {file.stem: file for file in sorted((scenario_folder() / "papers").glob("*.toml"))}


def _plan(name: str) -> tuple[Plan, str]:
    """Return a plan and its name; raises InputError with the nearest name for one that there is not."""
    from simmig.compare.plans.schema import load_plan
    from simmig.errors import InputError
    from simmig.plugins.wording import did_you_mean, show

    if name.endswith(".toml"):
        return load_plan(name), Path(name).stem
    known = _plans()
    if name not in known:
        raise InputError(
            f"simmig reproduce {show(name)}: expected a figure or a file *.toml{did_you_mean(name, known)}"
        )
    return load_plan(known[name]), name


def _folder(name: str, out: Path | None) -> Path:
    import os

    from simmig.errors import InputError

    folder = out or Path(os.environ.get("SIMMIG_RUNS", "runs")) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be created ({error.strerror}); choose another folder") from None
    return folder


def _reproduce(plan: Plan, name: str, folder: Path, size: Size, seeds: int | None, workers: int) -> dict[str, Any]:
    from simmig.compare.plans.drawing import draw_results
    from simmig.compare.plans.findings import judge
    from simmig.compare.plans.results import run_plan
    from simmig.compare.plans.tables import write_results

    if sys.stderr.isatty():
        with progress_bar() as bar:
            results = run_plan(plan, size, seeds, workers, bar)
    else:
        results = run_plan(plan, size, seeds, workers)
    document = write_results(name, results, judge(results), folder)
    written = draw_results(results, folder)
    return {**document, "folder": str(folder), "pictures": [str(path) for path in written]}


def _list(as_json: bool) -> None:
    from simmig.compare.plans.schema import load_plan

    plans = {name: load_plan(path) for name, path in _plans().items()}
    if as_json:
        entries = [{"name": n, "paper": p.paper, "figure": p.figure, "title": p.title} for n, p in plans.items()]
        print_json({"schema": 1, "figures": entries})
        return
    print_table([[name, plan.title] for name, plan in plans.items()])


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    print(f"{document['figure']} of {document['paper']}: {document['title']} ({document['size']})")
    for row in document["rows"]:
        print(f"\n{row['verdict'].upper()}: {row['statement']}")
        print_table(
            [[key, row[key]] for key in ("ours", "equilibrium", "why") if row[key]],
            indent="  ",
        )
    print(f"\nfolder    {document['folder']}")
