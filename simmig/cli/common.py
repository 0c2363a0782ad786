"""What several commands share: options, JSON output, tables of plain text."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from simmig.errors import InputError

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="change one setting of the scenario, such as market.round_s=0.2 or fleet.cars.kind=uav",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document")]


def print_json(document: object) -> None:
    """Print the one JSON document of a command; ASCII only, so that it survives every terminal and pipe."""
    print(json.dumps(document, indent=2, allow_nan=False))


@contextmanager
def plugins_print_to_stderr() -> Iterator[None]:
    """Let what is printed meanwhile, by Python or by what it calls, not mix with what the command itself prints."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def print_table(rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Print rows in columns as wide as their longest entry; the last column is wrapped."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    start = len(indent) + sum(widths) + 2 * len(widths)
    width = max(shutil.get_terminal_size().columns - start, 30)
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        lines = textwrap.wrap(row[-1], width) or [""]
        print((indent + "  ".join([*cells, lines[0]])).rstrip())
        for line in lines[1:]:
            print(" " * start + line)


def flattened(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) for each single value in nested tables and lists of tables."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flattened(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for index, inner in enumerate(value):
            yield from flattened(inner, f"{path}.{index}")
    else:
        yield path, value


def scenario_folder() -> Path:
    """Return the folder of the scenarios that ship: the checkout's, or the copy in an installed simmig."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "scenarios", package / "shipped" / "scenarios"):
        if (folder / "demo.toml").is_file():
            return folder
    raise InputError(f"{package}: no scenarios here; expected those that ship with simmig: install it again")


def scenario_folders() -> list[Path]:
    """Return the folders in which scenarios are listed: ./scenarios, and that of the checkout."""
    here = Path("scenarios")
    try:
        checkout = scenario_folder()
    except InputError:
        return [here]
    return [here] if here.is_dir() and here.samefile(checkout) else [here, checkout]
