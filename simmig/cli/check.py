"""`simmig check`: read scenarios and everything they name, and say all that is wrong with them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from simmig.cli.common import AsJson, Overrides, print_json
from simmig.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add the command `check`."""
    app.command()(check)


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="scenario files")],
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Check scenario files: their settings, their plug-ins, and that the files they name exist.

    Prints one line for each mistake; exit code 2 if there is any.
    """
    documents = [_checked(file, overrides or []) for file in files]
    is_ok = all(document["ok"] for document in documents)
    if as_json:
        print_json({"schema": 1, "ok": is_ok, "files": documents})
    else:
        for document in documents:
            for problem in document["problems"]:
                print(problem, file=sys.stderr)
            if document["ok"]:
                print(f"{document['file']}: ok ({document['name']})")
    if not is_ok:
        raise typer.Exit(InputError.exit_code)


def _checked(file: str, overrides: list[str]) -> dict[str, Any]:
    from simmig.run.players import load_players
    from simmig.scenario import load_scenario

    try:
        scenario = load_scenario(file, overrides)
        load_players(scenario)  # agents read the files that they name
    except InputError as error:
        return {"file": file, "ok": False, "name": None, "problems": str(error).splitlines()}
    return {"file": file, "ok": True, "name": scenario.name, "problems": []}
