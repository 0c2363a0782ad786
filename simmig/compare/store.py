"""A store of runs: one folder for each, named by its fingerprint, there whole or not at all::

    store.json                   what this folder is
    runs/ab/abcd.../             a run folder without its report, and manifest.json
    failures/ab/abcd....json     why a run has no result, until it has one
    work/                        what is being written just now
    studies/                     what was asked for, see `simmig.compare.studies.record`
    index.sqlite                 a cache, see `simmig.compare.index`

The folders are the truth. Any number of processes may use a store at once, on every file system where a rename is
atomic: a run's folder appears by one, after its bytes are on the disk, and nothing that is there is ever changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from simmig.compare import workspace
from simmig.compare.jobs import Outcome
from simmig.compare.manifest import NAME, faults, manifest_bytes, manifest_of
from simmig.errors import InputError, RunError, StorageError
from simmig.run.disk import make_folder, sync, sync_folder, write_file, writing
from simmig.run.folder import read_json

_SCHEMA = 1
_KIND = "simmig store"
_KEY = re.compile(r"[0-9a-f]{32}")
_PARTS = ("store.json", "runs", "failures", "work", "studies", "index.sqlite", "index.sqlite-journal")


class Store:
    """A store of runs in a folder; make one with `Store.open`. Writing raises StorageError if the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: Path | str, *, create: bool = False) -> Store:
        """Return the store in a folder, which is made if `create` is set and nothing is there.

        Raises InputError if it is no store, or one that a later simmig wrote.
        """
        store = cls(Path(path))
        if create and not (store.path / "store.json").exists():
            store._create()
        try:
            document = read_json(store.path, "store.json")
        except InputError:
            raise InputError(f"{path}: not a store of runs; expected a folder that a sweep has written") from None
        if document.get("kind") != _KIND or document.get("schema") != _SCHEMA:
            raise InputError(
                f"{path}/store.json: kind {document.get('kind')!r:.40}, schema {document.get('schema')!r:.40}; "
                f"expected {_KIND!r} of schema {_SCHEMA}: a later simmig may have written it"
            )
        return store

    def _create(self) -> None:
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            strangers = sorted(name for name in os.listdir(self.path) if name not in _PARTS)
        if strangers:
            raise InputError(f"{self.path}: holds {strangers[0]!r} and no store; expected a new or an empty folder")
        document = {"kind": _KIND, "schema": _SCHEMA}
        self._write_json(self.path / "store.json", document)

    # --- runs -------------------------------------------------------------------------------------------------

    def folder(self, key: str) -> Path:
        """Return where the run of this key is, or will be."""
        return self.path / "runs" / key[:2] / key

    def has(self, key: str) -> bool:
        """Return whether there is a result of this key."""
        return (self.folder(key) / NAME).exists()

    def digest(self, key: str) -> str:
        """Return the digest of a run's log; raises InputError if there is no result of this key."""
        return str(read_json(self.folder(key), NAME)["digest"])

    def keys(self) -> list[str]:
        """Return the keys of all results, sorted."""
        return sorted(
            file.name for file in _listed(self.path / "runs") if _is_key(file, file.name) and self.has(file.name)
        )

    def missing(self, keys: Iterable[str], *, retry_failures: bool = False) -> list[str]:
        """Return those keys, in their order, that have no result yet, and no failure unless those are tried again."""
        return [key for key in keys if not self.has(key) and (retry_failures or not self._failure_file(key).exists())]

    def workspace(self) -> AbstractContextManager[Path]:
        """Make a folder in which a run can be written before it is added, removed at the end of the context."""
        return workspace.workspace(self.path / "work")

    def add(self, work: Path, key: str) -> bool:
        """Take in a finished run, whose folder `work` is on the same file system, and is gone afterwards.

        Returns whether it is new: if there is a result of this key, that one stays. Raises InputError unless it is a
        complete run, RunError if it is not the run that is there.
        """
        target = self.folder(key)
        with writing(target):
            manifest = manifest_of(work, key)
            is_new = not self.has(key)
            if is_new:
                write_file(work / NAME, manifest_bytes(manifest))
                sync_folder(work)
                for folder in (target.parent.parent, target.parent):
                    make_folder(folder)
                is_new = self._name(work, target)
                sync(target.parent)
            if not is_new:
                shutil.rmtree(work)
            self._failure_file(key).unlink(missing_ok=True)
        if not is_new and (kept := self.digest(key)) != manifest["digest"]:
            raise RunError(
                f"{target}: made again it has digest {manifest['digest'][:16]}, not {kept[:16]}; expected the same: "
                "a plug-in may draw numbers that are not its own (simmig check)"
            )
        return is_new

    @staticmethod
    def _name(work: Path, target: Path) -> bool:
        """Give a folder its name; return False if another process was first."""
        try:
            os.rename(work, target)
        except OSError:
            if (target / NAME).exists():
                return False
            if target.exists():
                raise StorageError(f"{target}: is in the way; expected a run with a {NAME}, or nothing") from None
            raise
        return True

    # --- failures ---------------------------------------------------------------------------------------------

    def fail(self, key: str, outcome: Outcome, facts: dict[str, Any]) -> None:
        """Record why there is no result of this key, with any facts (JSON); a failure before is replaced."""
        if not self.has(key):
            document = {"schema": 1, "key": key, "cause": outcome.cause, "message": outcome.message, **facts}
            self._write_json(self._failure_file(key), document)

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return what was recorded of the last failure, None if there was none or there is a result."""
        return None if self.has(key) else _read_failure(self._failure_file(key))

    def failures(self) -> dict[str, dict[str, Any]]:
        """Return all failures by key, sorted."""
        keys = sorted(file.stem for file in _listed(self.path / "failures") if _is_key(file, file.stem))
        found = {key: self.failure(key) for key in keys}
        return {key: failure for key, failure in found.items() if failure is not None}

    def _failure_file(self, key: str) -> Path:
        return self.path / "failures" / key[:2] / f"{key}.json"

    def _write_json(self, file: Path, document: dict[str, Any]) -> None:
        """Write a document so that it is there whole or not at all."""
        with self.workspace() as work, writing(file):
            text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
            write_file(work / file.name, text.encode())
            sync_folder(work)
            for folder in (file.parent.parent, file.parent):
                make_folder(folder)
            os.replace(work / file.name, file)
            sync(file.parent)

    # --- order ------------------------------------------------------------------------------------------------

    def verify(self) -> list[str]:
        """Return what is wrong with the store, one line each: damaged, half-written and strange files."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        for name in sorted(set(os.listdir(self.path)).difference(_PARTS)):
            yield f"{self.path / name}: not part of a store"
        for run in sorted(_listed(self.path / "runs")):
            if _is_key(run, run.name):
                yield from faults(run, run.name)
            else:
                yield f"{run}: not part of a store"
        for file in sorted(_listed(self.path / "failures")):
            if _is_key(file, file.name.removesuffix(".json")):
                try:
                    _read_failure(file)
                except InputError as error:
                    yield str(error)
            else:
                yield f"{file}: not part of a store"
        for folder in workspace.leftovers(self.path / "work"):
            yield f"{folder}: left by a process that ended before its work was done"

    def sweep_leftovers(self) -> int:
        """Remove what processes that ended have left half-written; return how much that was."""
        return workspace.remove_leftovers(self.path / "work")


def _read_failure(file: Path) -> dict[str, Any] | None:
    """Return a failure, None if there is none, perhaps not any more; raises InputError if it is damaged."""
    try:
        return read_json(file.parent, file.name)
    except InputError:
        if file.exists():
            raise
        return None


def _listed(part: Path) -> Iterator[Path]:
    """Yield all that is in the folders of a part of the store, and what is no folder."""
    for shelf in part.iterdir() if part.is_dir() else ():
        if shelf.is_dir():
            yield from shelf.iterdir()
        else:
            yield shelf


def _is_key(place: Path, name: str) -> bool:
    """Return whether what is at this place has the name of a key, on its shelf."""
    return _KEY.fullmatch(name) is not None and place.parent.name == name[:2]
