"""`simmig doctor`: what is installed, what is missing, what speed and the last digits depend on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from simmig.cli.common import AsJson, flattened, print_json, print_table

if TYPE_CHECKING:
    from simmig.run.surroundings import Package


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Say what simmig finds here, and what it misses. Nothing is changed and nothing is sent."""
    from simmig.run.surroundings import machine, packages

    found, facts = packages(), machine()
    problems = _problems(found)
    if as_json:
        groups = {extra: [asdict(package) for package in group] for extra, group in found.items()}
        print_json({"schema": 1, "machine": facts, "packages": groups, "problems": problems})
    else:
        _print(facts, found)
        print("\n" + ("\n".join(problems) or "no problem found"))
    if problems:
        raise typer.Exit(1)


def _problems(found: dict[str, list[Package]]) -> list[str]:
    """Return a line for each package that is missing although it must be there, or has a version that does not fit."""
    lines = []
    for extra, group in found.items():
        target = "." if extra == "core" else f"'.[{extra}]'"
        for package in group:
            if not package.fits and (package.found or extra == "core"):
                there = package.found or "not installed"
                expected = f"expected {package.required or 'any version'}"
                lines.append(f"{package.name}: {there}, {expected}; pip install -c constraints.txt -e {target}")
    return lines


def _print(facts: dict[str, Any], found: dict[str, list[Package]]) -> None:
    print_table([[key, _shown(value)] for key, value in flattened(facts)])
    print()
    rows = []
    for extra, group in found.items():
        missing = [package.name for package in group if package.found is None]
        there = [f"{package.name} {package.found}" for package in group if package.found]
        state = "ready" if not missing else f"pip install -c constraints.txt -e '.[{extra}]'"
        rows.append([extra, state, ", ".join(there + [f"{name} missing" for name in missing])])
    print_table(rows)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "not set" if value is None else str(value)
