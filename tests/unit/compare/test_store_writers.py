"""Processes that share a store and die in it at any moment: the union of what they did, each run once and whole."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest
from stored import add_run, key_of

from simmig.compare.jobs import Outcome
from simmig.compare.manifest import NAME
from simmig.compare.store import Store
from simmig.rng import stream

CALLS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")
HUNG = Outcome(key_of(9), "hung", "no answer within 3 s")


def die_at(number: int, is_after: bool) -> None:
    """Let this process end before its so manyeth call of the system, or after that one (if it does not fail)."""
    seen = 0

    def watched(call):
        def counted(*arguments, **settings):
            nonlocal seen
            seen += 1
            if seen == number and not is_after:
                os._exit(9)
            done = call(*arguments, **settings)
            if seen >= number and is_after:
                os._exit(9)
            return done

        return counted

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))


def forked(work: Callable[[], object]) -> int:
    """Do some work in a new process; return its id. It exits with 0 if nothing is raised."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def add_and_die(store: Store, number: int, is_after: bool) -> None:
    die_at(number, is_after)
    add_run(store, 1)
    add_run(store, 9)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_process_may_die_at_every_single_call(tmp_path, is_after, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # waiting for the disk is most of the time
    number, code = 0, 9
    while code == 9:
        number += 1
        store = Store.open(tmp_path / str(number), create=True)
        store.fail(HUNG.key, HUNG, {})
        code = exit_code(forked(partial(add_and_die, store, number, is_after)))
        assert code in (0, 9)
        assert [problem for problem in store.verify() if "left by a process" not in problem] == []
        present = [key for key in (key_of(1), key_of(9)) if store.has(key)]
        assert sorted(present) == store.keys()
        assert (store.failure(HUNG.key) is None) is store.has(HUNG.key)
        assert store.sweep_leftovers() <= 1
        assert store.verify() == []
        assert [add_run(store, 1), add_run(store, 9)] == [key_of(1) not in present, key_of(9) not in present]
        assert store.verify() == []
    assert number > 20


COUNT = 101  # prime: every step comes by all numbers


def fill(store: Store, first: int, step: int) -> None:
    """Add the runs that are missing, in an order of one's own."""
    for number in ((first + step * index) % COUNT for index in range(COUNT)):
        if not store.has(key_of(number)):
            add_run(store, number, wall_s=float(first))


def manifests(store: Store) -> dict[str, bytes]:
    keys = store.keys()
    return {key: (store.folder(key) / NAME).read_bytes() for key in keys}


def test_writers_and_kills_make_the_store_that_one_makes_in_peace(tmp_path):
    clean, shared = (Store.open(tmp_path / name, create=True) for name in ("clean", "shared"))
    fill(clean, 0, 1)
    rng = stream(1, "kills")
    for attempt in range(10):
        before = len(shared.keys())
        if before > COUNT - 20:  # on a quick disk: what is left must not be all made before the kill
            break
        children = [forked(partial(fill, shared, attempt, step)) for step in (2, 3)]
        while len(shared.keys()) < before + 2:  # then each is killed, at whatever it is just doing
            time.sleep(0.001)
        for child in children:
            time.sleep(0.01 * rng.random())
            os.kill(child, signal.SIGKILL)
        assert {exit_code(child) for child in children} <= {0, -9}
    assert attempt > 1
    children = [forked(partial(fill, shared, first, step)) for first, step in ((0, 1), (0, 1), (COUNT - 1, COUNT - 1))]
    assert [exit_code(child) for child in children] == [0, 0, 0]
    shared.sweep_leftovers()
    assert shared.verify() == []
    assert len(shared.keys()) == COUNT
    assert manifests(shared) == manifests(clean)
