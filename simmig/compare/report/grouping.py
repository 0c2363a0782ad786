"""The runs of a study as comparisons need them: who is compared, in which settings, on which seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.compare.measures import MAIN, MEASURES, Measure
from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.plugins.wording import did_you_mean, show

if TYPE_CHECKING:
    import pandas as pd

DONE = "done"
SIDES = ("leaders", "followers", "agent")  # labels that tell agents apart
_FIXED = ("seed", "key", "folder", "status")


@dataclass(frozen=True)
class Study:
    """Runs with the agent and the setting that each belongs to, both in the order of the rows.

    `labels` are the columns that make a cell, `measures` those that are judged, and `reference` the agent that others
    are compared with, if there is one.
    """

    rows: pd.DataFrame
    labels: tuple[str, ...]
    agent_of: tuple[str, ...]
    setting_of: tuple[str, ...]
    measures: tuple[Measure, ...]
    reference: str | None

    @classmethod
    def of(cls, rows: pd.DataFrame, facts: Mapping[str, Any]) -> Study:
        """Return the study of rows and facts as `write_report` takes them; raises InputError for what is not there."""
        missing = [name for name in _FIXED if name not in rows.columns]
        if missing or not len(rows):
            what = f"no column {missing[0]!r}" if missing else "no row"
            raise InputError(f"report: the table of runs has {what}; expected one row for each run of a study")
        labels = tuple(map(str, rows.columns[: list(rows.columns).index("seed")]))
        compared = _compared(labels, facts.get("compare"))
        rest = [label for label in labels if label not in compared]
        records = [
            {label: str(value) for label, value in zip(labels, row, strict=True)} for row in _cells(rows, labels)
        ]
        agents = tuple(" and ".join(row[label] for label in compared) for row in records)
        settings = tuple(", ".join(f"{label}={row[label]}" for label in rest) for row in records)
        return cls(rows, labels, agents, settings, _judged(rows, facts.get("measures")), _reference(agents, facts))

    @cached_property
    def agents(self) -> tuple[str, ...]:
        """The agents' names."""
        return tuple(dict.fromkeys(self.agent_of))

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """The settings' names; one that is empty if nothing but the agent varies."""
        return tuple(dict.fromkeys(self.setting_of))

    @cached_property
    def is_done(self) -> tuple[bool, ...]:
        """Which rows have a result."""
        return tuple(status == DONE for status in self.rows["status"])

    def scores(self, setting: str, measure: Measure) -> dict[str, dict[int, float]]:
        """Return the finite values of a measure in a setting by agent and seed; agents without one are there too."""
        found: dict[str, dict[int, float]] = {agent: {} for agent in self.agents}
        if measure.name not in self.rows.columns:
            return found
        values = self.rows[measure.name].to_numpy(dtype=np.float64)
        for k, (seed, value) in enumerate(zip(self.rows["seed"].tolist(), values.tolist(), strict=True)):
            if self.is_done[k] and self.setting_of[k] == setting and np.isfinite(value):
                found[self.agent_of[k]][int(seed)] = value
        return found

    def folders(self, setting: str) -> dict[str, list[str]]:
        """Return the folders of the runs in a setting that are done, by agent."""
        found: dict[str, list[str]] = {agent: [] for agent in self.agents}
        for k, folder in enumerate(self.rows["folder"]):
            if self.is_done[k] and self.setting_of[k] == setting and isinstance(folder, str) and folder:
                found[self.agent_of[k]].append(folder)
        return found


def together(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[FloatArray, FloatArray]:
    """Return the values of two agents on the seeds that both have, in the order of the first."""
    seeds = [seed for seed in a if seed in b]
    return np.array([a[seed] for seed in seeds]), np.array([b[seed] for seed in seeds])


def _cells(rows: pd.DataFrame, labels: Sequence[str]) -> list[list[Any]]:
    columns = [rows[label].tolist() for label in labels]
    return [[column[k] for column in columns] for k in range(len(rows))]


def _compared(labels: tuple[str, ...], asked: Sequence[str] | None) -> tuple[str, ...]:
    for label in asked or ():
        if label not in labels:
            raise InputError(
                f"report: compare {show(label)}: expected a label of the runs{did_you_mean(label, labels)}"
            )
    return tuple(asked or [label for label in labels if label in SIDES] or labels)


def _judged(rows: pd.DataFrame, asked: Sequence[str] | None) -> tuple[Measure, ...]:
    """Return the measures asked for, or those of MAIN that some run has."""
    for name in asked or ():
        if name not in MEASURES:
            raise InputError(f"report: measure {show(name)}: not known{did_you_mean(name, MEASURES)}")
    known = [name for name in MAIN if name in rows.columns and np.isfinite(rows[name].to_numpy(dtype=float)).any()]
    return tuple(MEASURES[name] for name in asked or known)


def _reference(agents: Sequence[str], facts: Mapping[str, Any]) -> str | None:
    reference = facts.get("reference")
    if reference is not None and reference not in agents:
        raise InputError(f"report: reference {show(reference)}: no such agent{did_you_mean(reference, agents)}")
    return None if reference is None else str(reference)
