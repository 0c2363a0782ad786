"""Learning curves: a file of JSON lines, one for each iteration, that survives whatever happens to its writer.

A line has `iteration`, `plays` (single games played so far), `cpu_s` (CPU seconds used so far) and the values of the
iteration by name, each a number or one number for every agent. A line is there when its line feed is: what a killed
writer leaves without one is not read, and `resume` cuts it off.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import InputError, RunError

if TYPE_CHECKING:
    import pandas as pd

FIXED = ("iteration", "plays", "cpu_s")
Value = float | Sequence[float] | FloatArray


class CurveWriter:
    """Appends iterations to a new curve, or to one that `resume` has cut; each is in the file when `append` returns."""

    def __init__(self, path: Path, last: int = 0) -> None:
        self._path, self._last = path, last

    @classmethod
    def start(cls, path: Path) -> CurveWriter:
        """Return the writer of a new curve; raises InputError if the file exists or cannot be made."""
        if path.exists():
            raise InputError(f"{path}: exists already; expected a new file, or a training to resume")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("xb").close()
        except OSError as error:
            raise InputError(f"{path}: cannot be created ({error.strerror}); choose another folder") from None
        return cls(path)

    @classmethod
    def resume(cls, path: Path, iteration: int) -> CurveWriter:
        """Return a writer that goes on after this iteration, 0 for the start; what the file has beyond it is cut off.

        Raises InputError if the file does not have that iteration.
        """
        kept = [line for line in _lines(path) if line.iteration <= iteration]
        last = kept[-1].iteration if kept else 0
        if last != iteration:
            raise InputError(f"{path}: has no iteration {iteration} to resume from; the last one before it is {last}")
        os.truncate(path, kept[-1].end if kept else 0)
        return cls(path, iteration)

    def append(self, iteration: int, plays: int, cpu_s: float, values: Mapping[str, Value]) -> None:
        """Add one iteration, counted from 1; NaN stands for what was not measured in it.

        `values` are numbers, or arrays of shape [N] over the agents. Raises RunError for an infinite value.
        """
        if iteration <= self._last or set(values) & set(FIXED):
            raise AssertionError(f"iteration {iteration} after {self._last} with values {sorted(values)}")
        entries = {name: self._entry(iteration, name, value) for name, value in values.items()}
        line = json.dumps({"iteration": int(iteration), "plays": int(plays), "cpu_s": float(cpu_s), **entries})
        try:
            with self._path.open("ab") as file:
                file.write(line.encode() + b"\n")
        except OSError as error:
            raise RunError(f"{self._path}: iteration {iteration} cannot be written ({error.strerror})") from None
        self._last = iteration

    def sync(self) -> None:
        """Wait until every iteration is on the disk: for the moment before a checkpoint of them is written."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def _entry(self, iteration: int, name: str, value: Value) -> float | list[float | None] | None:
        numbers = np.asarray(value, dtype=np.float64)
        if numbers.ndim > 1 or np.isinf(numbers).any():
            raise RunError(
                f"{self._path}: iteration {iteration}: {name} is {' '.join(str(value).split())[:80]}; "
                "expected finite numbers, one or one for every agent, or NaN for what was not measured"
            )
        listed: list[float] = np.atleast_1d(numbers).tolist()
        known = [None if math.isnan(entry) else entry for entry in listed]
        return known if numbers.ndim else known[0]


def read_curve(path: Path) -> pd.DataFrame:
    """Return a curve, one row for each iteration: int64 `iteration` and `plays`, the rest float64.

    The value of agent n in an array `price` is in the column `price.n`; NaN is what was not measured. Raises
    InputError for a file that is missing, or a line that is not an iteration after the one before it.
    """
    import pandas as pd

    rows = []
    for line in _lines(path):
        row: dict[str, Any] = {}
        for name, value in line.document.items():
            row.update(
                {f"{name}.{n}": entry for n, entry in enumerate(value)} if isinstance(value, list) else {name: value}
            )
        rows.append(row)
    columns = dict.fromkeys([*FIXED, *(name for row in rows for name in row)])
    table = pd.DataFrame({name: [row.get(name) for row in rows] for name in columns}, dtype=object)
    return table.astype({name: "int64" if name in FIXED[:2] else "float64" for name in columns})


def to_tensorboard(curve: pd.DataFrame, folder: Path) -> Path:
    """Write a curve of `read_curve` as an event file of TensorBoard into the folder; return its path.

    A column is one chart over the iterations, and `price.0`, `price.1` are grouped under `price`; the time axis counts
    CPU seconds. Numbers are rounded to 32 bits, which is all the format holds. Raises InputError if the folder holds
    events already, which TensorBoard would draw into the same lines, or if the extra `track` is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        raise InputError(f"TensorBoard export: {error} (pip install 'simmig[track]')") from None
    if folder.exists() and (not folder.is_dir() or any(folder.glob("*tfevents*"))):
        raise InputError(f"{folder}: has TensorBoard events already; expected a new folder")
    with SummaryWriter(str(folder)) as writer:
        for row in curve.to_dict("records"):
            for name, value in row.items():
                if name not in FIXED[:1] and not math.isnan(value):
                    writer.add_scalar(str(name).replace(".", "/"), value, row["iteration"], walltime=row["cpu_s"])
    (path,) = folder.glob("*tfevents*")
    return path


@dataclass(frozen=True, slots=True)
class _Line:
    iteration: int
    document: dict[str, Any]
    end: int  # byte after the line feed


def _lines(path: Path) -> list[_Line]:
    """Return the whole lines of a curve, checked."""
    try:
        *whole, _torn = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a learning curve") from None
    lines: list[_Line] = []
    end = 0
    for number, text in enumerate(whole, 1):
        end += len(text) + 1
        document = _document(path, number, text)
        iteration = document["iteration"]
        if iteration <= (lines[-1].iteration if lines else 0):
            raise InputError(f"{path}: line {number}: iteration {iteration} does not follow the line before")
        lines.append(_Line(iteration, document, end))
    return lines


def _document(path: Path, number: int, text: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] | None = json.loads(text.decode())
    except (ValueError, RecursionError):
        document = None
    types = [type(document.get(name)) for name in FIXED] if isinstance(document, dict) else []
    if document is None or types != [int, int, float]:
        raise InputError(f"{path}: line {number}: expected a JSON object with {', '.join(FIXED)}, found {text[:60]!r}")
    for name, value in document.items():
        entries = value if isinstance(value, list) else [value]
        if any(entry is not None and type(entry) not in (int, float) for entry in entries):
            raise InputError(
                f"{path}: line {number}: {name} is {str(value)[:60]}; expected a number, or a list of them"
            )
    return document
