"""What the store keeps of a study, `studies/NAME.json`, so that it can be tabulated or made again from there.

The document: `schema`, `name`, `description`, `command` (what to type to make it again, in `folder`), `simmig_version`,
`scenario` (absolute path), `plan` (as resolved), `varied` (paths, in order), `sides` (those of "leaders" and
"followers" whose agents are compared), `measures` (asked for by name, or null), and `runs`, one table each: `key` in
the store, `seed`, `values` by path, `agents` by side. Runs that come out the same have the same key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import simmig
from simmig.compare.studies.toml_text import Value, label_text
from simmig.errors import InputError
from simmig.run.folder import replace_text

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a study: its name in the store, its seed, and the combination of values and agents it belongs to."""

    key: str
    seed: int
    values: Mapping[str, Value]
    agents: Mapping[str, str]

    @property
    def labels(self) -> dict[str, str]:
        """Agents and values as a table shows them."""
        return {**self.agents, **{path: label_text(value) for path, value in self.values.items()}}

    @property
    def cell(self) -> str:
        """The combination on one line, empty if nothing varies."""
        return ", ".join(f"{key}={label}" for key, label in self.labels.items())


@dataclass(frozen=True, slots=True)
class Record:
    """A study as the store has it; the fields are those of the document, see the module."""

    name: str
    description: str
    command: str
    folder: str
    scenario: str
    plan: Mapping[str, Any]
    varied: Sequence[str]
    sides: Sequence[str]
    measures: Sequence[str] | None
    runs: Sequence[Run]
    simmig_version: str = field(default_factory=lambda: simmig.__version__)

    @property
    def keys(self) -> list[str]:
        """The different keys, in the order of the runs."""
        return list(dict.fromkeys(run.key for run in self.runs))

    def write(self, file: Path) -> None:
        """Write the document, whole or not at all."""
        document = {"schema": SCHEMA, **asdict(self)}
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_record(file: Path) -> Record:
    """Return the record in a file; raises InputError if it is missing, broken or of another schema."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        schema = document.pop("schema")
        runs = [Run(**run) for run in document.pop("runs")]
        record = Record(**document, runs=runs)
    except FileNotFoundError:
        names = sorted(other.stem for other in file.parent.glob("*.json"))
        told = f"; there are: {', '.join(names)}" if names else ""
        raise InputError(f"{file}: no such study{told}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: not the record of a study ({type(error).__name__}: {error})") from None
    if schema != SCHEMA:
        raise InputError(f"{file}: schema {schema}, expected {SCHEMA}; run the study again")
    return record
