"""The store: runs are there whole or not at all, failures until there is a run, and whatever is damaged is found."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from stored import add_run, key_of, write_run

from simmig.compare.jobs import Outcome
from simmig.compare.manifest import NAME
from simmig.compare.store import Store
from simmig.errors import InputError, RunError, StorageError

HUNG = Outcome(key_of(9), "hung", "no answer within 3 s")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def everything(store: Store) -> dict[str, bytes]:
    """Every file of a store with its content."""
    return {str(file.relative_to(store.path)): file.read_bytes() for file in store.path.rglob("*") if file.is_file()}


def test_a_run_is_kept_as_it_was_written(store):
    with store.workspace() as work:
        write_run(work, 1)
        written = {file.name: file.read_bytes() for file in work.iterdir()}
        assert store.add(work, key_of(1))
    kept = {file.name: file.read_bytes() for file in store.folder(key_of(1)).iterdir()}
    assert kept == {**written, NAME: kept[NAME]}
    assert store.has(key_of(1))
    assert store.keys() == [key_of(1)]
    assert store.digest(key_of(1)) == json.loads(written["run.json"])["digest"]
    assert store.verify() == []
    assert list((store.path / "work").iterdir()) == []


def test_a_store_opens_again_and_nothing_else_does(store, tmp_path):
    add_run(store, 1)
    assert Store.open(store.path).keys() == [key_of(1)]
    assert Store.open(store.path, create=True).keys() == [key_of(1)]
    with pytest.raises(InputError, match=r"nowhere: not a store of runs; expected a folder that a sweep has written$"):
        Store.open(tmp_path / "nowhere")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"full: holds 'thesis\.tex' and no store; expected a new or an empty folder$"):
        Store.open(tmp_path / "full", create=True)
    (store.path / "store.json").write_text('{"kind": "simmig store", "schema": 2}')
    with pytest.raises(InputError, match=r"schema 2; expected 'simmig store' of schema 1: a later simmig"):
        Store.open(store.path)


def test_a_second_run_of_a_key_is_dropped_and_changes_nothing(store):
    assert add_run(store, 1)
    before = everything(store)
    with store.workspace() as work:
        write_run(work, 1, wall_s=0.7, started_utc="2026-11-21T10:00:00+00:00")
        assert not store.add(work, key_of(1))
        assert not work.exists()
    assert everything(store) == before


def test_a_second_run_with_another_digest_is_told(store):
    add_run(store, 1)
    before = everything(store)
    with pytest.raises(RunError, match=r"made again it has digest 0{16}, not \w{16}; expected the same"):
        add_run(store, 1, digest="0" * 64)
    assert everything(store) == before


def test_a_key_taken_between_the_look_and_the_rename_stays(store, monkeypatch):
    rename = os.rename

    def late(source, target):
        monkeypatch.setattr(os, "rename", rename)
        assert add_run(store, 1, started_utc="first")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert not add_run(store, 1, started_utc="second")
    assert json.loads((store.folder(key_of(1)) / "run.json").read_text())["started_utc"] == "first"
    assert store.verify() == []


def test_only_complete_runs_are_taken(store):
    with pytest.raises(InputError, match="status 'partial'; expected a complete run"):
        add_run(store, 1, status="partial")
    with pytest.raises(InputError, match=r"has no run\.json"), store.workspace() as work:
        store.add(work, key_of(2))
    assert store.keys() == []
    assert store.verify() == []


def test_what_is_in_the_way_is_not_overwritten(store):
    store.folder(key_of(1)).mkdir(parents=True)
    (store.folder(key_of(1)) / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"is in the way; expected a run with a manifest\.json, or nothing"):
        add_run(store, 1)
    assert (store.folder(key_of(1)) / "notes.txt").read_text() == "mine"


def test_a_failure_stays_until_there_is_a_run(store):
    key = HUNG.key
    assert store.failure(key) is None
    store.fail(key, HUNG, {"scenario": "a.toml"})
    recorded = {"schema": 1, "key": key, "cause": "hung", "message": "no answer within 3 s", "scenario": "a.toml"}
    assert store.failure(key) == recorded
    store.fail(key, Outcome(key, "died", "signal 9"), {})
    assert store.failures() == {key: {"schema": 1, "key": key, "cause": "died", "message": "signal 9"}}
    add_run(store, 9)
    assert store.failures() == {}
    store.fail(key, HUNG, {})
    assert store.failure(key) is None
    assert store.verify() == []
    assert not any("failures" in name for name in everything(store))


def test_missing_leaves_out_runs_and_failures_that_are_not_tried_again(store):
    add_run(store, 1)
    store.fail(HUNG.key, HUNG, {})
    keys = [key_of(3), key_of(9), key_of(1), key_of(2)]
    assert store.missing(keys) == [key_of(3), key_of(2)]
    assert store.missing(keys, retry_failures=True) == [key_of(3), key_of(9), key_of(2)]


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda run: flip(run / "events.parquet"), "events.parquet: damaged"),
        (lambda run: (run / "summary.json").unlink(), "summary.json: missing"),
        (lambda run: (run / "events.parquet").write_bytes(b""), "events.parquet: damaged"),
        (lambda run: (run / "notes.txt").write_text(""), "notes.txt: not in the manifest"),
        (lambda run: (run / NAME).unlink(), "has no manifest.json"),
        (lambda run: (run / NAME).write_text("{"), "manifest.json: not JSON"),
        (lambda run: (run / NAME).write_text('{"files": 3}'), "manifest.json: key None; expected"),
        (lambda run: (run / "run.json").write_text('{"status": "partial"}'), "status 'partial'"),
        (lambda run: run.rename(run.with_name(key_of(1)[:2] + key_of(2)[2:])), "manifest.json: key"),
        (lambda run: run.rename(run.with_name(key_of(2))), f"{key_of(2)}: not part of a store"),
        (lambda run: run.rename(run.with_name("mine")), "mine: not part of a store"),
        (lambda run: (run.parents[2] / "mine").mkdir(), "mine: not part of a store"),
        (lambda run: (run.parents[1] / "mine").write_text(""), "mine: not part of a store"),
        (lambda run: (run.parents[2] / "failures" / key_of(9)[:2] / f"{key_of(9)}.json").write_text("{"), "not JSON"),
    ],
)
def test_damage_is_found(store, damage, told):
    add_run(store, 1)
    store.fail(HUNG.key, HUNG, {})
    assert store.verify() == []
    damage(store.folder(key_of(1)))
    problems = store.verify()
    assert problems
    assert all("\n" not in problem for problem in problems)
    assert any(told in problem for problem in problems), problems


def test_a_changed_figure_in_the_document_is_found_and_another_start_is_not(store):
    add_run(store, 1)
    file = store.folder(key_of(1)) / "run.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, "started_utc": "another day", "wall_s": 9.0}))
    assert store.verify() == []
    file.write_text(json.dumps({**document, "seed": 2}))
    assert store.verify() == [f"{file}: damaged: not the content that the manifest recorded"]


def test_a_run_with_the_identity_of_another_is_found(store):
    add_run(store, 1, identity={"schema": 1})
    assert len(store.verify()) == 1
    assert "run.json is of another run: its identity has key" in store.verify()[0]


KILLED = """
import os, sys
from pathlib import Path
from simmig.compare.store import Store
store = Store.open(sys.argv[1])
with store.workspace() as work:
    (work / "run.json").write_text("half of")
    print(work, flush=True)
    sys.stdin.read() if sys.argv[2] == "wait" else os.kill(os.getpid(), 9)
"""


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_are_not(store):
    def start(what):
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, str(store.path), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with start("wait") as living, start("die") as dead, store.workspace() as own:
        works = [Path(process.stdout.readline().strip()) for process in (living, dead)]
        assert dead.wait() == -9
        assert store.verify() == [f"{works[1]}: left by a process that ended before its work was done"]
        assert store.sweep_leftovers() == 1
        assert [work.exists() for work in (*works, own)] == [True, False, True]
        assert store.sweep_leftovers() == 0
        living.communicate()
    assert store.verify() == []
    assert list((store.path / "work").iterdir()) == []


def test_a_folder_without_a_lock_is_a_leftover(store):
    add_run(store, 1)
    (store.path / "work" / "old").mkdir()
    (store.path / "work" / "old" / "run.json").write_text("")
    own_lock = f"{socket.gethostname()}-1-1.lock"
    for name in (own_lock, "elsewhere-1-1.lock", "elsewhere-1-2.lock"):
        (store.path / "work" / name).write_text("")
    (store.path / "work" / "elsewhere-1-2").mkdir()
    # Locks of another machine may not be seen here: what it left must be a day old.
    assert store.sweep_leftovers() == 2
    assert len(list((store.path / "work").iterdir())) == 3
    for name in ("elsewhere-1-1.lock", "elsewhere-1-2.lock"):
        os.utime(store.path / "work" / name, times=(0, 0))
    assert len(store.verify()) == 2
    assert store.sweep_leftovers() == 2
    assert list((store.path / "work").iterdir()) == []


def test_manifests_do_not_depend_on_order_or_attempt(tmp_path):
    stores = [Store.open(tmp_path / name, create=True) for name in ("one", "two")]
    for number in range(4):
        add_run(stores[0], number)
    for number in (2, 0, 3, 1):
        add_run(stores[1], number, wall_s=float(number), started_utc="later", scenario_folder="elsewhere")
    files = [{name: data for name, data in everything(store).items() if name.endswith(NAME)} for store in stores]
    assert len(files[0]) == 4
    assert files[0] == files[1]
