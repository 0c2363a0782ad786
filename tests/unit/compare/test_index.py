"""The index: the rows that the folders hold, whatever has become of it."""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from stored import add_run, key_of

from simmig.compare import index
from simmig.compare.index import NAME, rebuild_index, rows
from simmig.compare.store import Store
from simmig.errors import InputError


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    for number in range(3):
        add_run(store, number, overrides=["seed=3", "market.round_s=0.5"])
    return store


def expected(numbers):
    rows = [
        {
            "key": key_of(number),
            "scenario": "small",
            "seed": number,
            "overrides": "seed=3 market.round_s=0.5",
            "leaders": "greedy",
            "followers": "best_response",
            "requests": number,
            "delay_s.mean": None,
        }
        for number in numbers
    ]
    return sorted(rows, key=lambda row: row["key"])


def without_digest(rows):
    return [{name: value for name, value in row.items() if name != "digest"} for row in rows]


def test_there_is_a_row_for_every_run(store):
    assert without_digest(rows(store)) == expected(range(3))
    assert rows(store)[0]["digest"] == store.digest(rows(store)[0]["key"])


def test_runs_are_read_once(store, monkeypatch):
    first = rows(store)
    monkeypatch.setattr(index, "read_json", lambda *_: pytest.fail("read again"))
    assert rows(store) == first


def test_it_follows_the_folders(store):
    rows(store)
    add_run(store, 3, overrides=["seed=3", "market.round_s=0.5"])
    shutil.rmtree(store.folder(key_of(0)))
    assert without_digest(rows(store)) == expected([1, 2, 3])
    assert without_digest(rebuild_index(store)) == expected([1, 2, 3])


def test_it_does_not_grow_by_what_is_gone(store):
    rows(store)
    shutil.rmtree(store.folder(key_of(0)))
    rows(store)
    with closing(sqlite3.connect(store.path / NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (2,)


def test_a_run_made_again_after_damage_is_read_again(store):
    first = rows(store)
    file = store.folder(key_of(1)) / "summary.json"
    file.write_text(file.read_text().replace('"requests": 1', '"requests": 7'))
    assert 7 in [row["requests"] for row in rebuild_index(store)]
    shutil.rmtree(store.folder(key_of(1)))
    add_run(store, 1, overrides=["seed=3", "market.round_s=0.5"])
    assert rows(store) == first


def spoil(file):
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)


def cut(file):
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def scramble_rows(file):
    file.write_bytes(file.read_bytes().replace(b'"key"', b"'key'"))


@pytest.mark.parametrize("damage", [os.unlink, spoil, cut, scramble_rows, lambda file: file.write_bytes(b"rows")])
def test_a_broken_index_is_made_again(store, damage):
    first = rows(store)
    damage(store.path / NAME)
    assert rows(store) == first
    assert (store.path / NAME).stat().st_size > 4000
    damage(store.path / NAME)
    assert rebuild_index(store) == first
    assert store.verify() == []


def test_one_that_cannot_be_opened_is_done_without(store):
    first = rows(store)
    (store.path / NAME).unlink()
    (store.path / NAME).mkdir()
    assert rows(store) == first


def test_an_index_of_another_version_is_made_again(store, monkeypatch):
    first = rows(store)
    monkeypatch.setattr(index, "_VERSION", 7)
    monkeypatch.setattr(index, "_row", lambda folder, key: {"key": key})
    assert rows(store) == [{"key": row["key"]} for row in first]


def test_a_damaged_run_is_one_line(store):
    file = store.folder(key_of(1)) / "run.json"
    file.write_text(json.dumps({"status": "complete"}))
    with pytest.raises(InputError, match=r"run\.json: not that of a run; expected what `simmig run` writes$"):
        rows(store)
