"""`simmig report`: make the page of a run folder again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simmig.errors import InputError


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(report)


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="run folder")],
    out: Annotated[Path | None, typer.Option(help="where to write the page instead", metavar="FILE")] = None,
) -> None:
    """Write the report of a run folder again, from its tables."""
    from simmig.metrics import summarise
    from simmig.report import render
    from simmig.run.folder import read_json, read_tables, replace_text

    tables, document = read_tables(folder), read_json(folder, "run.json")
    if document.get("schema") != 1:
        raise InputError(f"{folder}: run.json has schema {document.get('schema')!r:.40}, expected 1, of `simmig run`")
    target = out or folder / "report.html"
    replace_text(target, render(tables, document, summarise(tables, document)))
    print(target)
