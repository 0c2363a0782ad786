"""Every cell's scenario, read and checked before anything runs; mistakes are told all at once, with the combination."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simmig.compare.studies.design import Cell
from simmig.compare.studies.schema import Plan
from simmig.errors import InputError, ScenarioError
from simmig.scenario import Scenario, load_scenario

_MOST_LINES = 50  # the rest of the mistakes is counted only


def load_cells(plan: Plan, cells: Sequence[Cell], scenario: Path, source: Path | None) -> list[Scenario]:
    """Return the scenario of every cell, with the seed of its file; `source` is the file of the plan, if it has one.

    Raises ScenarioError with one line for each mistake; a mistake that only some cells have names the first of them.
    """
    loaded: list[Scenario] = []
    found: dict[str, list[Cell]] = {}
    blamed: dict[str, str] = {}  # the setting that a line is about
    for cell in cells:
        try:
            loaded.append(load_scenario(scenario, cell.overrides))
        except InputError as error:
            for line in str(error).split("\n"):
                override = next((given for given in cell.overrides if line.startswith(f"--set {given}: ")), "")
                told = _placed(line, override, cell, plan, source)
                found.setdefault(told, []).append(cell)
                blamed[told] = override
    if not found:
        return loaded
    lines = []
    for line, at in found.items():
        might = [cell for cell in cells if not blamed[line] or blamed[line] in cell.overrides]
        lines.append(line if len(at) == len(might) else f"{line} ({_named(at)})")
    left = len(lines) - _MOST_LINES
    raise ScenarioError("\n".join([*lines[:_MOST_LINES], *([f"and {left} more mistakes"] if left > 0 else [])]))


def _placed(line: str, override: str, cell: Cell, plan: Plan, source: Path | None) -> str:
    """Return a mistake in a setting as one in the plan, or in the option that stands for that part of a plan."""
    path, _, text = override.partition("=")
    if not override or override in plan.set:
        return line
    rest = line.removeprefix(f"--set {override}: ")
    side = path.removeprefix("agents.")
    table, told = (side, "") if side in cell.agents else ("vary", f"{path}={text}: ")
    if source is not None:
        return f"{source}: {table}: {told}{rest}"
    return f"--{table} {told}{rest}" if told else f"--{table}: {rest}"


def _named(at: Sequence[Cell]) -> str:
    return f"in {at[0].name}" + (f" and {len(at) - 1} more" if len(at) > 1 else "")
