"""A table of all runs in a store, one row each, kept in `index.sqlite` so that thousands need not be read each time.

It is a cache: it is brought up to date whenever it is asked, made again when it is broken, and deleting it loses
nothing. Where it cannot be written the rows are read from the runs' folders.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from simmig.compare.manifest import NAME as MANIFEST
from simmig.compare.store import Store
from simmig.errors import InputError, StorageError
from simmig.run.folder import read_json

NAME = "index.sqlite"
_VERSION = 1  # of the table and of what a row holds; another one is made again
_WAIT_S = 30.0  # for another process that is writing
_IN_MEMORY = ":memory:"


def rows(store: Store) -> list[dict[str, Any]]:
    """Return a flat table of all results, sorted by key, one JSON value a cell.

    Columns: `key`, `scenario` (its name), `seed`, `overrides` (one text), `leaders` and `followers` (the agents, if
    there is a market), `digest`, and the figures of summary.json under dotted names such as "delay_s.total.mean".
    """
    try:
        return _up_to_date(store, store.path / NAME)
    except (sqlite3.DatabaseError, ValueError):  # broken, locked for long, read-only, no room
        try:
            return rebuild_index(store)
        except StorageError:
            return _up_to_date(store, _IN_MEMORY)


def rebuild_index(store: Store) -> list[dict[str, Any]]:
    """Make the index again from the runs' folders, and return its rows; raises StorageError if the disk refuses."""
    place = store.path / NAME
    try:
        try:
            return _up_to_date(store, place, is_fresh=True)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # The journal first: one that is left over would be applied to the new file.
            for file in (place.with_name(f"{NAME}-journal"), place):
                file.unlink(missing_ok=True)
            return _up_to_date(store, place)
    except (OSError, sqlite3.DatabaseError) as error:
        raise StorageError(f"{place}: cannot be written ({error}); expected a disk that can be written") from None


def _up_to_date(store: Store, place: Path | str, *, is_fresh: bool = False) -> list[dict[str, Any]]:
    """Return the rows, reading only the runs that the index lacks; with `is_fresh` it is emptied first."""
    keys = store.keys()
    stamps = {key: _stamp(store.folder(key)) for key in keys}
    with closing(sqlite3.connect(place, timeout=_WAIT_S, isolation_level=None)) as connection:
        if is_fresh or _version_of(connection) != _VERSION:
            _make_table(connection, is_fresh=is_fresh)
        kept = {key: (stamp, row) for key, stamp, row in connection.execute("SELECT key, stamp, row FROM run")}
        known = {key: row for key, (stamp, row) in kept.items() if stamps.get(key) == stamp}
        new = {key: json.dumps(_row(store.folder(key), key)) for key in keys if key not in known}
        gone = [(key,) for key in kept if key not in stamps]
        if new or gone:
            connection.execute("BEGIN IMMEDIATE")
            lines = [(key, stamps[key], row) for key, row in new.items()]
            connection.executemany("INSERT OR REPLACE INTO run VALUES (?, ?, ?)", lines)
            connection.executemany("DELETE FROM run WHERE key = ?", gone)
            connection.execute("COMMIT")
    return [json.loads(known.get(key) or new[key]) for key in keys]


def _stamp(folder: Path) -> int:
    """Return what tells a run from one that was made again because the first was damaged."""
    return (folder / MANIFEST).stat().st_mtime_ns


def _version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _make_table(connection: sqlite3.Connection, *, is_fresh: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if is_fresh or _version_of(connection) != _VERSION:  # unless another process has made it meanwhile
        connection.execute("DROP TABLE IF EXISTS run")
        connection.execute("CREATE TABLE run (key TEXT PRIMARY KEY, stamp INTEGER, row TEXT) WITHOUT ROWID")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _row(folder: Path, key: str) -> dict[str, Any]:
    run, summary = read_json(folder, "run.json"), read_json(folder, "summary.json")
    try:
        facts = {
            "key": key,
            "scenario": run["scenario"]["name"],
            "seed": run["seed"],
            "overrides": " ".join(run.get("overrides", [])),
            **run["agents"],
            "digest": run["digest"],
        }
    except (KeyError, TypeError):
        raise InputError(f"{folder / 'run.json'}: not that of a run; expected what `simmig run` writes") from None
    return {**facts, **dict(_flat(summary, ""))}


def _flat(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif path != "schema":
        yield path, value
