"""One job in this process: a run in the store or a failure, with its place, and nothing left for the next run."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from roads import cars, market, road

from simmig.compare.identity import fingerprint
from simmig.compare.jobs import Job, Outcome
from simmig.compare.manifest import NAME
from simmig.compare.perform import perform
from simmig.compare.store import Store
from simmig.plugins.importing import forget_files
from simmig.run import run
from simmig.run.folder import read_json, read_tables
from simmig.scenario import load_scenario

AGENT = """
import os
import numpy as np
from simmig.contracts import Agent as Base
calls = 0

class Agent(Base):
    def price(self, view):
        global calls
        calls += 1
        {body}
        return view.cost * (1.0 + 0.001 * calls)
"""


ROAD = road(market(leaders='kind = "own.py"'), fleet="preferences = { alpha = 30.0, beta = 30.0 }")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "road.toml").write_text(ROAD)
    (tmp_path / "own.py").write_text(AGENT.format(body="pass"))
    Store.open(tmp_path / "store", create=True)
    return tmp_path


def job_of(folder: Path, *overrides: str) -> Job:
    file = folder / "road.toml"
    return Job(fingerprint(load_scenario(file, overrides)), str(file), overrides, str(folder / "store"))


def fails(folder: Path, body: str) -> Outcome:
    """Perform a job whose leaders do this, and return what became of it; the store must say the same."""
    (folder / "own.py").write_text(AGENT.format(body=body))
    job = job_of(folder)
    outcome = perform(job)
    store = Store.open(folder / "store")
    assert not outcome.is_done
    assert "\n" not in outcome.message
    recorded = store.failure(job.key)
    assert recorded is not None
    assert (recorded["cause"], recorded["message"]) == (outcome.cause, outcome.message)
    assert recorded["scenario"] == job.scenario
    assert store.verify() == []
    assert store.sweep_leftovers() == 0
    return outcome


def test_a_job_puts_the_run_into_the_store_that_run_would_write(folder):
    job = job_of(folder, "seed=5")
    outcome = perform(job)
    stored, plain = Store.open(folder / "store").folder(job.key), folder / "plain"
    forget_files()
    result = run(load_scenario(job.scenario, job.overrides), out=plain, report=False)
    assert outcome == Outcome(job.key, digest=result.digest)
    names = {file.name for file in plain.iterdir()}
    assert "report.html" not in names
    assert {file.name for file in stored.iterdir()} == {*names, NAME}
    for name in names - {"run.json"}:
        assert (stored / name).read_bytes() == (plain / name).read_bytes(), name
    document = read_json(stored, "run.json")
    assert document["overrides"] == ["seed=5"]
    # Not where it was written, but where it is: traces are found from there.
    assert (stored / document["scenario_folder"]).resolve() == folder.resolve()
    assert len(read_tables(stored)["migrations"]) == 2
    assert Store.open(folder / "store").verify() == []


def test_what_is_there_is_not_run_again(folder):
    job = job_of(folder)
    first = perform(job)
    (folder / "own.py").write_text("not Python")
    (folder / "cars.csv").unlink()
    assert perform(job) == first


def test_the_hundredth_run_of_a_process_is_like_the_first(folder):
    first = perform(job_of(folder)).digest
    other = Store.open(folder / "other", create=True)
    # Plug-ins that change the process, and one that counts its calls: see AGENT.
    for number, body in enumerate(["np.seterr(all='raise')", "os.chdir('/')", "np.random.seed(3)", "raise KeyError"]):
        (folder / "own.py").write_text(AGENT.format(body=body))
        perform(job_of(folder, f"seed={number + 10}"))
    (folder / "own.py").write_text(AGENT.format(body="pass"))
    for number in range(6):
        assert perform(job_of(folder, f"seed={number + 20}")).is_done
    job = job_of(folder)
    again = perform(Job(job.key, job.scenario, job.overrides, str(other.path)))
    assert again.digest == first
    assert (other.folder(job.key) / NAME).read_bytes() == (
        Store.open(folder / "store").folder(job.key) / NAME
    ).read_bytes()
    assert np.geterr()["over"] == "warn"
    assert Path.cwd() != Path("/")


NEW_PROCESS = """
import sys
from simmig.compare.jobs import Job
from simmig.compare.perform import perform
print(perform(Job(*sys.argv[1:3], (), sys.argv[3])).message)
"""


def test_another_process_writes_the_same_bytes(folder):
    job, other = job_of(folder), Store.open(folder / "other", create=True)
    perform(job)
    command = [sys.executable, "-c", NEW_PROCESS, job.key, job.scenario, str(other.path)]
    environment = {**os.environ, "PYTHONHASHSEED": "99"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd="/")
    assert answer.stdout.strip() == ""
    here, there = (store.folder(job.key) for store in (Store.open(folder / "store"), other))
    assert (here / NAME).read_bytes() == (there / NAME).read_bytes()


@pytest.mark.parametrize(
    ("body", "cause", "told"),
    [
        (
            "raise ValueError('no\\nidea')",
            "agent",
            r"leader agent 'own.py', round 0: ValueError at own.py:11: no idea",
        ),
        ("return view.cost * np.nan", "agent", "expected finite numbers"),
        ("return view.cost * 100", "agent", "is outside cost"),
        ("raise SystemExit(3)", "agent", "SystemExit at own.py:11: 3"),
    ],
)
def test_an_agent_that_breaks_its_contract_is_a_failure_with_its_place(folder, body, cause, told):
    outcome = fails(folder, body)
    assert outcome.cause == cause
    assert told in outcome.message


def test_wrong_input_is_a_failure_with_its_place(folder):
    (folder / "cars.csv").write_text("id,t,x,y\nv1,0,0,0\nv1,ten,600,0\n")
    outcome = fails(folder, "pass")
    assert outcome.cause == "input"
    assert "cars.csv:3: " in outcome.message


def test_what_keeps_a_run_from_being_started_is_not_recorded(folder):
    job, store = job_of(folder), Store.open(folder / "store")
    (folder / "road.toml").write_text(ROAD.replace('kind = "av"', 'kind = "cart"').replace("450", "-4"))
    outcome = perform(job)
    assert outcome.cause == "input"
    assert outcome.message.count(f"{folder / 'road.toml'}:") == 2
    assert "; " in outcome.message
    (folder / "road.toml").unlink()
    assert perform(job).message.startswith(f"{folder / 'road.toml'}: no such file")
    assert perform(Job(job.key, job.scenario, (), str(folder))).message.endswith("that a sweep has written")
    assert (store.keys(), store.failures()) == ([], {})


@pytest.mark.parametrize(
    ("error", "cause", "told"),
    [
        (MemoryError(), "memory", "MemoryError at test_perform.py"),
        (ZeroDivisionError("by 0"), "error", "ZeroDivisionError at test_perform.py"),
        (RecursionError(), "error", "RecursionError at test_perform.py"),
        (OSError(5, "Input/output error", "x.csv"), "error", "OSError at test_perform.py"),
    ],
)
def test_whatever_else_is_raised_is_a_failure_with_its_place(folder, monkeypatch, error, cause, told):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("simmig.compare.perform.run_into", broken)
    outcome = fails(folder, "pass")
    assert outcome.cause == cause
    assert told in outcome.message


def test_ctrl_c_goes_through_and_leaves_nothing(folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("simmig.compare.perform.run_into", interrupted)
    job, store = job_of(folder), Store.open(folder / "store")
    with pytest.raises(KeyboardInterrupt):
        perform(job)
    assert (store.keys(), store.failures(), store.verify()) == ([], {}, [])
    assert list((store.path / "work").iterdir()) == []


def test_what_changed_since_the_plan_is_neither_run_nor_recorded(folder, monkeypatch):
    monkeypatch.setattr("simmig.compare.perform.run_into", lambda *_, **__: pytest.fail("it was run"))
    job, store = job_of(folder), Store.open(folder / "store")
    (folder / "cars.csv").write_text(cars(3))
    outcome = perform(job)
    assert outcome.cause == "error"
    assert f"road.toml: now has key {job_of(folder).key}, expected {job.key}: " in outcome.message
    assert (store.keys(), store.failures()) == ([], {})


def test_a_trace_that_changes_while_it_is_read_gives_no_result(folder):
    job, store = job_of(folder), Store.open(folder / "store")
    body = f"open({str(folder / 'cars.csv')!r}, 'a').write('v9,0,0,0\\\\nv9,60,600,0\\\\n')"
    (folder / "own.py").write_text(AGENT.format(body=body))
    job = job_of(folder)
    with warnings.catch_warnings(action="ignore"):  # the file is not closed
        outcome = perform(job)
    assert "now has key" in outcome.message
    assert (store.keys(), store.failures()) == ([], {})


def test_a_failure_is_tried_again_and_replaced_by_the_run(folder):
    job, store = job_of(folder), Store.open(folder / "store")
    store.fail(job.key, Outcome(job.key, "hung", "no answer within 3 s"), {})
    assert perform(job).is_done
    assert store.failures() == {}
    assert store.keys() == [job.key]


FULL = """
import json, resource, signal, sys
from simmig.compare.jobs import Job
from simmig.compare.perform import perform
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
job = Job(*sys.argv[1:3], (), sys.argv[3])
outcomes = []
for most_byte in (0, 1, 500, 1500, 2500, 3500, 5000, 7000, 1_000_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_byte, resource.RLIM_INFINITY))
    outcomes.append(perform(job))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps([[outcome.cause, outcome.message] for outcome in outcomes]))
"""


def test_files_that_cannot_grow_any_further_are_one_line_and_no_result(folder):
    # The system itself refuses, DuckDB's writing too: no file may become longer than so many bytes.
    job, store = job_of(folder), Store.open(folder / "store")
    command = [sys.executable, "-c", FULL, job.key, job.scenario, job.store]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    *refused, last = json.loads(answer.stdout)
    assert last == ["", ""]
    for cause, message in refused:
        assert cause == "error"
        assert message.startswith(f"{folder}")
        assert "cannot be written (" in message
        assert "\n" not in message
    assert (store.keys(), store.failures(), store.verify()) == ([job.key], {}, [])
    assert list((store.path / "work").iterdir()) == []
