"""A disk that refuses, at every single call in turn: one line, nothing half-written to be seen, nothing lost."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from stored import add_run, key_of

from simmig.compare.index import NAME as INDEX
from simmig.compare.index import rebuild_index, rows
from simmig.compare.jobs import Outcome
from simmig.compare.store import Store
from simmig.errors import StorageError

CALLS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir", "close")
FAULTS = {"full": errno.ENOSPC, "broken": errno.EIO, "read-only": errno.EROFS}
HUNG = Outcome(key_of(9), "hung", "no answer within 3 s")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Waiting for the disk is most of the time, and no part of what is tested here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Disk:
    """Counts the calls that write below `place`, and refuses the one with this number, or it and all after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: Path, refused: int, code: int, stays: bool) -> None:
        self.seen, self._refused, self._code, self._stays = 0, refused, code, stays
        self._place, self._written = str(place), set()
        for name in CALLS:
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _is_writing(self, name: str, first: object, arguments: tuple, settings: dict) -> bool:
        if name == "close":
            return first in self._written
        if name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR):
            return False
        # Descriptors come from write and fsync, dir_fd from shutil.rmtree.
        return isinstance(first, int) or "dir_fd" in settings or str(first).startswith(self._place)

    def _watched(self, name: str, call: Callable) -> Callable:
        def watched(*arguments, **settings):
            if not self._is_writing(name, arguments[0], arguments, settings):
                return call(*arguments, **settings)
            self.seen += 1
            is_refused = self.seen == self._refused or (self._stays and self.seen > self._refused)
            # A file that cannot be closed is closed all the same.
            done = call(*arguments, **settings) if name == "close" or not is_refused else None
            if name == "open":
                self._written.add(done)
            if name == "close":
                self._written.discard(arguments[0])
            if is_refused:
                raise OSError(self._code, os.strerror(self._code))
            return done

        return watched


def refusals(
    tmp_path: Path, code: int, stays: bool, prepare: Callable[[Path], Store]
) -> Iterator[tuple[Store, Callable[[], contextmanager]]]:
    """Yield a store made anew and a disk for it that refuses the 1st, 2nd, ... call, until nothing is refused."""
    for number in count(1):
        place = tmp_path / str(number)
        store = prepare(place)
        disks = []

        @contextmanager
        def failing(place=place, number=number, disks=disks):
            with pytest.MonkeyPatch.context() as monkeypatch:
                disks.append(Disk(monkeypatch, place, number, code, stays))
                yield

        yield store, failing
        shutil.rmtree(place)
        if disks[0].seen < number:
            assert number > 8
            return


def prepared(place: Path) -> Store:
    store = Store.open(place, create=True)
    add_run(store, 1)
    store.fail(HUNG.key, HUNG, {})
    return store


def refusal(step: Callable[[], object]) -> str:
    """Take a step; return what the disk refused, or nothing."""
    try:
        step()
    except StorageError as error:
        return str(error)
    return ""


def checked(store: Store, keys: set[str]) -> None:
    """Assert that the store is whole, with these runs in it, and that sweeping it leaves nothing behind."""
    assert [problem for problem in store.verify() if "left by a process" not in problem] == []
    assert set(store.keys()) == keys
    store.sweep_leftovers()
    assert store.verify() == []
    assert list((store.path / "work").iterdir()) == []


@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_refuses_while_a_run_is_added(tmp_path, code, stays):
    for store, failing in refusals(tmp_path, code, stays, prepared):
        with failing():
            told = refusal(partial(add_run, store, 2))
        is_there = store.has(key_of(2))
        assert is_there or (os.strerror(code) in told and str(store.path) in told and "\n" not in told)
        checked(store, {key_of(1), key_of(2)} if is_there else {key_of(1)})
        assert store.failure(HUNG.key) is not None
        assert add_run(store, 2) is not is_there
        checked(store, {key_of(1), key_of(2)})


@pytest.mark.parametrize("stays", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_refuses_while_a_failure_is_recorded(tmp_path, code, stays):
    died = Outcome(HUNG.key, "died", "signal 9")
    for store, failing in refusals(tmp_path, code, stays, prepared):
        with failing():
            told = refusal(partial(store.fail, HUNG.key, died, {}))
        recorded = store.failure(HUNG.key)
        assert recorded is not None
        assert recorded["cause"] in ("hung", "died")
        assert recorded["cause"] == "died" or (os.strerror(code) in told and "\n" not in told)
        checked(store, {key_of(1)})


@pytest.mark.parametrize("code", FAULTS.values(), ids=FAULTS)
def test_a_disk_that_refuses_while_a_store_is_made(tmp_path, code):
    for store, failing in refusals(tmp_path, code, True, Store):
        with failing():
            told = refusal(partial(Store.open, store.path, create=True))
        assert (store.path / "store.json").exists() or (os.strerror(code) in told and "\n" not in told)
        add_run(Store.open(store.path, create=True), 1)
        checked(store, {key_of(1)})


def test_a_disk_that_refuses_while_leftovers_are_removed(tmp_path, monkeypatch):
    store = prepared(tmp_path)
    (tmp_path / "work" / "old").mkdir()
    (tmp_path / "work" / "old" / "run.json").write_text("")
    with monkeypatch.context() as patched:
        Disk(patched, tmp_path, 2, errno.EIO, stays=True)
        with pytest.raises(StorageError, match=r"old: cannot be written \(Input/output error\)"):
            store.sweep_leftovers()
    checked(store, {key_of(1)})


# Below, the system itself refuses: no file may grow beyond so many bytes, which holds for SQLite and DuckDB as well.

LIMITED = """
import json, pathlib, resource, signal, sys
from simmig.compare.index import NAME, rebuild_index, rows
from simmig.compare.store import Store
from simmig.errors import SimmigError

def made(store):
    try:
        return len(rebuild_index(store))
    except SimmigError as error:
        return str(error)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(sys.argv[1])
told = []
for most_byte in (0, 100, 4096, 8000, 100_000):
    (store.path / NAME).unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_byte, resource.RLIM_INFINITY))
    told.append([len(rows(store)), made(store)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    told[-1] += [len(rows(store)), store.verify()]
print(json.dumps(told))
"""


def test_an_index_that_cannot_grow_is_no_loss(tmp_path):
    store = Store.open(tmp_path, create=True)
    for number in range(3):
        add_run(store, number)
    answer = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    told = json.loads(answer.stdout)
    assert [(first, later, problems) for first, _, later, problems in told] == [(3, 3, [])] * 5
    assert told[-1][1] == 3
    for _, refused, _, _ in told[:3]:
        assert refused.startswith(f"{tmp_path / INDEX}: cannot be written (")
        assert "\n" not in refused


def test_an_index_that_sqlite_cannot_write_is_no_loss(tmp_path, monkeypatch):
    store = Store.open(tmp_path, create=True)
    add_run(store, 1)
    connect = sqlite3.connect

    class Refusing(sqlite3.Connection):
        """Refuses the statement with this number."""

        seen, refused = 0, 0

        def execute(self, statement, *arguments):
            Refusing.seen += 1
            if Refusing.seen == Refusing.refused:
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(statement, *arguments)

    def connected(place, **settings):
        return connect(place, **settings) if place == ":memory:" else connect(place, factory=Refusing, **settings)

    monkeypatch.setattr(sqlite3, "connect", connected)
    for number in count(1):
        (tmp_path / INDEX).unlink(missing_ok=True)
        Refusing.seen, Refusing.refused = 0, number
        assert [row["key"] for row in rows(store)] == [key_of(1)]
        if Refusing.seen < number:
            break
        (tmp_path / INDEX).unlink(missing_ok=True)
        Refusing.seen = 0
        told = refusal(partial(rebuild_index, store))
        assert ("index.sqlite: cannot be written (database or disk is full)" in told) is (Refusing.seen >= number)
        Refusing.refused = 0
        assert [row["key"] for row in rows(store)] == [key_of(1)]
    assert number > 5
