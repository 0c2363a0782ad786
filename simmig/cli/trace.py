"""`simmig trace`: look at mobility files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simmig.cli.common import AsJson, flattened, print_json, print_table

trace_app = typer.Typer(help="Look at mobility traces.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the group of commands `trace`."""
    app.add_typer(trace_app, name="trace")


@trace_app.callback()
def _group() -> None:
    """Look at mobility traces."""


@trace_app.command()
def info(
    file: Annotated[Path, typer.Argument(help="trace file of any known format")],
    format_: Annotated[str | None, typer.Option("--format", help="its format, instead of recognising it")] = None,
    crs: Annotated[str | None, typer.Option(help='what its metres are, such as "EPSG:32632"')] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is in a trace: vehicles, span, box, intervals, speeds, altitudes, and what looks wrong."""
    from simmig.mobility.frame import choose_frame
    from simmig.mobility.raw import assemble
    from simmig.mobility.trace_info import describe
    from simmig.world.traces import open_trace

    raw = open_trace(file, format_, crs)
    facts = {**describe(assemble(raw, choose_frame([raw]))), "remarks": list(raw.remarks)}
    if as_json:
        print_json({"schema": 1, "file": str(file), **facts})
        return
    print_table([[name, _text(value)] for name, value in flattened(facts)])


def _text(value: object) -> str:
    return "; ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
