"""`simmig store`: what the commands print, and their exit codes."""

import json

import pytest
from stored import add_run, key_of

from simmig.cli.main import main
from simmig.compare.jobs import Job, Outcome
from simmig.compare.perform import record_failure
from simmig.compare.store import Store

JOB = Job(key_of(9), "/far/road.toml", ("seed=9",), "")


@pytest.fixture
def folder(tmp_path):
    store = Store.open(tmp_path / "store", create=True)
    add_run(store, 1)
    add_run(store, 2)
    record_failure(Job(JOB.key, JOB.scenario, JOB.overrides, str(store.path)), Outcome(JOB.key, "hung", "for 3 s"))
    return store.path


def told(capsys, *arguments):
    code = main(["store", *map(str, arguments)])
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return code, output.out, output.err


def test_list_names_runs_and_failures(folder, capsys):
    code, out, _ = told(capsys, "list", folder)
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines[:3]] == [*sorted([key_of(1), key_of(2)]), key_of(9)]
    assert lines[2].split()[1:] == ["road.toml", "seed=9", "hung", "for", "3", "s"]
    assert lines[3] == "2 runs, 1 failures"
    code, out, _ = told(capsys, "list", folder, "--json")
    document = json.loads(out)
    assert {run["key"]: run["seed"] for run in document["runs"]} == {key_of(1): 1, key_of(2): 2}
    assert [failure["cause"] for failure in document["failures"]] == ["hung"]


def test_verify_says_what_is_wrong(folder, capsys):
    assert told(capsys, "verify", folder) == (0, "2 runs, 1 failures, 0 problems\n", "")
    (Store(folder).folder(key_of(1)) / "summary.json").unlink()
    code, out, _ = told(capsys, "verify", folder)
    assert code == 1
    assert out.splitlines()[0] == f"{Store(folder).folder(key_of(1)) / 'summary.json'}: missing"
    assert out.splitlines()[1] == "2 runs, 1 failures, 1 problems"


def test_rebuild_clears_and_counts(folder, capsys):
    (folder / "work" / "old").mkdir()
    (folder / "index.sqlite").write_text("broken")
    assert told(capsys, "rebuild", folder) == (0, "2 runs indexed, 1 leftovers removed\n", "")
    assert told(capsys, "verify", folder)[0] == 0


@pytest.mark.parametrize("command", ["list", "verify", "rebuild"])
def test_what_is_no_store_is_one_line(tmp_path, capsys, command):
    code, out, err = told(capsys, command, tmp_path / "none")
    assert (code, out) == (2, "")
    assert err == f"{tmp_path / 'none'}: not a store of runs; expected a folder that a sweep has written\n"
