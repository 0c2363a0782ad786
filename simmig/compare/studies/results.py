"""What the runs of a study came to, read from the store: one row for each run, for tables, CSV and the report."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simmig.compare.jobs import Outcome
from simmig.compare.measures import MEASURES
from simmig.compare.store import Store
from simmig.compare.studies.measured import measures_of
from simmig.compare.studies.record import Record, Run
from simmig.errors import InputError
from simmig.plugins.wording import did_you_mean, show
from simmig.run.folder import replace_text

if TYPE_CHECKING:
    import pandas as pd

DONE, MISSING = "done", "missing"


@dataclass(frozen=True, slots=True)
class Row:
    """One run of a study: "done", "missing" or the cause of its failure, with its message; its measures if done."""

    run: Run
    status: str
    message: str
    folder: Path | None
    measures: Mapping[str, float]

    def value(self, measure: str) -> float:
        """Return a measure, NaN if there is none."""
        return self.measures.get(measure, math.nan)


def check_measures(names: Iterable[str]) -> None:
    """Raise InputError for a measure that there is not."""
    for name in names:
        if name not in MEASURES:
            known = ", ".join(MEASURES)
            raise InputError(f"measure {show(name)}: not known{did_you_mean(name, MEASURES)}; there are: {known}")


def read_rows(
    record: Record,
    store: Store,
    measures: Sequence[str] = (),
    told: Mapping[str, Outcome] | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Return a row for each run of a study; costly measures are found only if they are among `measures`.

    `told` are failures by key that the store does not keep, such as those of a full disk; `on_progress` is called for
    every different run that is done.
    """
    folders = {key: store.folder(key) for key in record.keys if store.has(key)}
    costly = any(MEASURES[name].is_costly for name in measures)
    kept = store.path / "studies" / record.name / ("measures-costly.json" if costly else "measures.json")
    values = measures_of(folders, kept, costly=costly, on_progress=on_progress)
    failed = {key: _failure(store, key, told or {}) for key in record.keys if key not in folders}
    return [
        Row(run, DONE, "", folders[run.key], values[run.key])
        if run.key in folders
        else Row(run, *failed[run.key], None, {})
        for run in record.runs
    ]


def _failure(store: Store, key: str, told: Mapping[str, Outcome]) -> tuple[str, str]:
    """Return status and message of a run without a result."""
    failure = store.failure(key)
    if failure is not None:
        return str(failure["cause"]), str(failure["message"])
    return (told[key].cause, told[key].message) if key in told else (MISSING, "")


def write_csv(rows: Sequence[Row], record: Record, file: Path) -> None:
    """Write one line for each run: what varies, seed, key, status, message and all measures, empty if there is none."""
    labels, names = _columns(rows, record)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*labels, "seed", "key", "status", "message", *names])
    for row in rows:
        told = [row.run.labels[label] for label in labels]
        numbers = ["" if math.isnan(value := row.value(name)) else repr(value) for name in names]
        writer.writerow([*told, row.run.seed, row.run.key, row.status, row.message, *numbers])
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, text.getvalue())


def frame_of(rows: Sequence[Row], record: Record) -> pd.DataFrame:
    """Return the rows as a table for the report: labels, seed, key, folder, status, message and measures."""
    import pandas as pd

    labels, names = _columns(rows, record)
    return pd.DataFrame(
        {
            **{label: [row.run.labels[label] for row in rows] for label in labels},
            "seed": [row.run.seed for row in rows],
            "key": [row.run.key for row in rows],
            "folder": [None if row.folder is None else str(row.folder) for row in rows],
            "status": [row.status for row in rows],
            "message": [row.message for row in rows],
            **{name: [row.value(name) for row in rows] for name in names},
        }
    )


def _columns(rows: Sequence[Row], record: Record) -> tuple[list[str], list[str]]:
    """Return the names of what varies, and those of the measures that any run has."""
    known = dict.fromkeys(name for row in rows for name in row.measures)
    return [*record.sides, *record.varied], list(known)
