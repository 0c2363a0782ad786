"""Jobs in processes of their own: whatever a job does, each has one outcome and the driver goes on."""

import os
import re
import signal
import subprocess
import sys
import time
from itertools import chain, count
from pathlib import Path

import psutil
import pytest
import worker_stubs as stubs
from worker_stubs import job

from simmig.compare.jobs import Outcome
from simmig.compare.workers.guard import Guard
from simmig.compare.workers.local import LocalWorkers, importable_name, read_outcome
from simmig.compare.workers.process import WorkerProcess
from simmig.errors import InputError, RunError

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, or PR_SET_PDEATHSIG of Linux")


def outcomes_of(*jobs, slots=2, **limits):
    with LocalWorkers(slots, stubs.perform, **limits) as workers:
        return {outcome.key: outcome for outcome in workers.outcomes(jobs)}


def is_running(pid):
    """Whether a process is there and is no zombie: in a container nobody may fetch the orphans."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, limit_s=20.0):
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


def tries(folder, key):
    return [int(line) for line in (folder / f"{key}.tried").read_text().splitlines()]


@pytest.mark.parametrize("slots", [1, 3])
def test_every_job_has_one_outcome_and_is_tried_once(slots, tmp_path):
    jobs = [job(f"k{i}", "well", folder=tmp_path) for i in range(8)]
    with LocalWorkers(slots, stubs.perform) as workers:
        found = list(workers.outcomes(jobs))
    assert sorted(found, key=lambda o: o.key) == [Outcome(f"k{i}", digest=f"of k{i}") for i in range(8)]
    processes = [tries(tmp_path, f"k{i}") for i in range(8)]
    assert [len(one) for one in processes] == [1] * 8
    assert len({pid for one in processes for pid in one}) <= slots


def test_no_more_processes_than_jobs_and_each_is_kept(tmp_path):
    with LocalWorkers(8, stubs.perform) as workers:
        first = list(workers.outcomes([job("a", "well", folder=tmp_path)]))
        second = list(workers.outcomes([job("b", "well", folder=tmp_path)]))
    assert [outcome.key for outcome in first + second] == ["a", "b"]
    assert tries(tmp_path, "a") == tries(tmp_path, "b")


def test_jobs_are_taken_only_as_slots_fall_free():
    taken = []

    def jobs():
        for i in range(6):
            taken.append(i)
            yield job(f"k{i}", "well")

    with LocalWorkers(2, stubs.perform) as workers:
        for done, _ in enumerate(workers.outcomes(jobs())):
            assert len(taken) <= done + 1 + 2 + 1  # those yet to be seen: two under way, one that has ended with this
    assert len(taken) == 6


def test_prepare_is_called_once_before_the_first_job_and_there_is_one_thread():
    found = outcomes_of(job("a", "prepared"), job("b", "prepared"), job("c", "environment", "OMP_NUM_THREADS"), slots=1)
    assert [found[key].digest for key in "abc"] == ["True", "True", "1"]


@pytest.mark.parametrize(
    ("behaviour", "argument", "cause", "message", "times"),
    [
        ("raise_deep", "", "error", r"worker_stubs\.py:\d+: ValueError: first line second line", 1),
        ("leave", "", "error", r"worker_stubs\.py:\d+: SystemExit: 3", 1),
        ("exit_hard", "3", "died", r"street\.toml exit_hard 3: .* 2 tries: exit code 3; last seen: about to go", 2),
        ("exit_hard", "0", "died", r".* 2 tries: exit code 0; last seen: about to go", 2),
        ("segfault", "", "died", r'.* 2 tries: SIGSEGV; last seen: File ".*worker_stubs\.py", line \d+ in segfault', 2),
        ("kill_self", "9", "died", r"street\.toml kill_self 9: .* 3 tries: SIGKILL", 3),
        ("kill_self", "2", "", "", 3),
        ("die_differently", "", "died", r".* 3 tries: exit code 3", 3),
        ("interrupt_self", "", "", "", 1),
        ("close_everything", "", "died", r".* 2 tries: closed its pipe to the driver", 2),
        ("scribble", "", "died", r".* 2 tries: wrote into the pipe that is for outcomes", 2),
        ("leave_child", "die", "died", r".* 2 tries: exit code 5", 2),
    ],
)
def test_what_a_job_does_to_its_process_is_its_own_outcome(behaviour, argument, cause, message, times, tmp_path):
    found = outcomes_of(job("it", behaviour, argument, tmp_path), job("next", "well", folder=tmp_path), slots=1)
    assert found["it"].cause == cause
    assert re.fullmatch(message, found["it"].message), found["it"].message
    assert len(tries(tmp_path, "it")) == times
    assert found["next"] == Outcome("next", digest="of next")
    assert len(tries(tmp_path, "next")) == 1


def test_a_copy_that_a_job_has_forked_takes_no_part(tmp_path):
    found = outcomes_of(job("a", "fork_and_return", "", tmp_path), job("b", "well", folder=tmp_path), slots=1)
    assert all(outcome.is_done for outcome in found.values())
    assert tries(tmp_path, "a") == tries(tmp_path, "b")


def test_a_job_that_hangs_in_c_is_ended_at_the_limit_and_not_tried_again(tmp_path):
    started = time.monotonic()
    found = outcomes_of(job("a", "hang_in_c", "", tmp_path), job("b", "sleep", "0.3"), time_limit_s=1.0, slots=1)
    assert time.monotonic() - started > 1.0
    assert found["a"].cause == "hung"
    place = r'File ".*worker_stubs\.py", line \d+ in hang_in_c'
    assert re.fullmatch(
        r"street\.toml hang_in_c : longer than the time limit of 1 s; last seen: " + place, found["a"].message
    )
    assert len(tries(tmp_path, "a")) == 1
    assert found["b"].is_done


def test_waiting_for_the_driver_is_no_time_of_the_job():
    with LocalWorkers(1, stubs.perform, time_limit_s=0.5) as workers:
        keys = []
        for outcome in workers.outcomes([job("a", "well"), job("b", "well")]):
            keys.append((outcome.key, outcome.cause))
            time.sleep(0.7)
    assert keys == [("a", ""), ("b", "")]


def test_an_answer_given_before_the_worker_was_killed_counts(tmp_path):
    with LocalWorkers(1, stubs.perform) as workers:
        found = {}
        for outcome in workers.outcomes([job("a", "well"), job("b", "well", folder=tmp_path)]):
            if outcome.key == "a":
                assert wait_for((tmp_path / "b.tried").exists)
                time.sleep(1.0)
                os.kill(tries(tmp_path, "b")[0], signal.SIGKILL)
                time.sleep(0.1)
            found[outcome.key] = outcome
    assert found["b"].is_done
    assert len(tries(tmp_path, "b")) == 1


@on_linux
def test_memory_in_use_over_the_limit_ends_the_job(tmp_path):
    found = outcomes_of(job("a", "keep", "300e6", tmp_path), job("b", "well"), memory_limit_byte=200_000_000, slots=1)
    assert found["a"].cause == "memory"
    assert re.fullmatch(
        r"street\.toml keep 300e6: 0\.[23]\d* GB, more than the memory limit of 0\.2 GB", found["a"].message
    )
    assert len(tries(tmp_path, "a")) == 1
    assert found["b"].is_done


@on_linux
def test_memory_asked_for_at_once_is_refused_at_its_place():
    found = outcomes_of(job("a", "want_at_once", "1e10"), job("b", "well"), memory_limit_byte=200_000_000, slots=1)
    assert found["a"].cause == "memory"
    assert re.fullmatch(r"worker_stubs\.py:\d+: no more memory to be had", found["a"].message)
    assert found["b"].is_done


@on_linux
def test_what_earlier_jobs_have_left_in_memory_is_not_the_fault_of_a_later_one(tmp_path):
    jobs = [job(f"k{i}", "keep", "120e6", tmp_path) for i in range(3)]
    found = outcomes_of(*jobs, memory_limit_byte=200_000_000, slots=1)
    assert all(outcome.is_done for outcome in found.values())
    assert [len(tries(tmp_path, one.key)) for one in jobs] == [1, 2, 2]


def test_what_a_job_prints_goes_nowhere(capfd):
    found = outcomes_of(job("a", "say", "hello"))
    assert found["a"].is_done
    assert capfd.readouterr() == ("", "")


def test_much_print_is_thrown_away_while_the_job_goes_on():
    found = outcomes_of(job("a", "chatter", "3000"))
    before, after = map(int, found["a"].digest.split())
    assert after < 1 << 20 < before


def test_leaving_ends_busy_workers_and_what_they_have_started_at_once(tmp_path):
    others = (job(f"k{i}", "sleep", "0.05") for i in count())
    with LocalWorkers(2, stubs.perform) as workers:
        found = workers.outcomes(chain([job("b", "leave_child", "hang", tmp_path)], others))
        while not (tmp_path / "b.child").exists():
            assert next(found).key != "b"
        pids = [*tries(tmp_path, "b"), int((tmp_path / "b.child").read_text())]
        assert all(map(is_running, pids))
        started = time.monotonic()
    assert time.monotonic() - started < 1.0
    assert wait_for(lambda: not any(map(is_running, pids)), 1.0)


def test_outcomes_may_be_left_early_and_asked_for_again():
    with LocalWorkers(2, stubs.perform) as workers:
        for outcome in workers.outcomes([job("a", "well"), *(job(f"k{i}", "sleep", "60") for i in range(5))]):
            assert outcome.key == "a"
            break
        assert [outcome.key for outcome in workers.outcomes([job("b", "well")])] == ["b"]


def test_an_error_in_the_source_of_jobs_comes_through():
    def jobs():
        yield job("a", "sleep", "60")
        raise InputError("no such scenario")

    with LocalWorkers(2, stubs.perform) as workers, pytest.raises(InputError, match="no such scenario"):
        list(workers.outcomes(jobs()))


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from worker_stubs import job, perform
from simmig.compare.workers.local import LocalWorkers
jobs = [job("a", "leave_child", "hang", sys.argv[2]), job("b", "sleep", "100", sys.argv[2])]
with LocalWorkers(2, perform) as workers:
    for outcome in workers.outcomes(jobs):
        print(outcome)
"""


@pytest.mark.parametrize("without_guard", [False, pytest.param(True, marks=on_linux)])
def test_workers_die_with_a_driver_that_is_killed(without_guard, tmp_path):
    arguments = [sys.executable, "-c", DRIVER, str(Path(__file__).parent), str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as driver:
        files = [tmp_path / name for name in ("a.child", "a.tried", "b.tried")]
        assert wait_for(lambda: all(file.exists() and file.read_text() for file in files))
        workers = [*tries(tmp_path, "a"), *tries(tmp_path, "b")]
        started = int((tmp_path / "a.child").read_text())
        guards = [child for child in psutil.Process(driver.pid).children() if child.pid not in workers]
        assert len(guards) == 1
        if without_guard:
            guards[0].kill()
        driver.kill()
        assert driver.communicate()[0] == b""
    assert wait_for(lambda: not any(map(is_running, workers)), 5.0)
    if without_guard:  # what a worker has started is then left behind
        os.kill(started, signal.SIGKILL)
    assert wait_for(lambda: not is_running(started), 5.0)


@pytest.fixture
def guard():
    made = Guard()
    yield made
    made.close()


def test_an_idle_worker_whose_pipe_closes_takes_along_what_it_has_started(guard, tmp_path):
    worker = WorkerProcess("worker_stubs:perform", None, guard)
    try:
        assert wait_for(lambda: worker.lines() == ["ready"])
        worker.send(job("a", "leave_child", "", tmp_path))
        assert wait_for(lambda: bool(worker.lines()))
        started = int((tmp_path / "a.child").read_text())
        assert is_running(started)
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), worker._jobs)
        assert wait_for(lambda: worker.has_ended)
        assert wait_for(lambda: not is_running(started), 1.0)
    finally:
        assert worker.end() == "SIGKILL"
    assert not guard._groups


def test_a_guard_that_was_killed_is_replaced_and_knows_all(guard):
    sleepers = [subprocess.Popen(["sleep", "100"], start_new_session=True) for _ in range(3)]
    try:
        guard.watch(sleepers[0].pid)
        guard.watch(sleepers[1].pid)
        guard.forget(sleepers[0].pid)
        assert guard._process is not None
        process = psutil.Process(guard._process.pid)
        process.kill()
        assert wait_for(lambda: not is_running(process.pid))
        guard.watch(sleepers[2].pid)
        guard.close()
        assert [sleeper.wait(5) for sleeper in sleepers[1:]] == [-signal.SIGKILL] * 2
        assert sleepers[0].poll() is None
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def test_a_worker_that_cannot_start_stops_the_study_with_the_reason():
    def perform(job):
        raise AssertionError

    perform.__module__, perform.__qualname__ = "no_such_module", "perform"
    message = "a new process ended before its first job: exit code 1; last seen: .*No module named 'no_such_module'"
    with LocalWorkers(2, perform) as workers, pytest.raises(RunError, match=message):
        list(workers.outcomes([job("a", "well")]))


def test_a_system_that_gives_no_more_processes_is_told_in_one_line(monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("simmig.compare.workers.process.subprocess.Popen", refuse)
    expected = r"^workers: a new process cannot be started: \[Errno 11\] .*; fewer workers may help$"
    with LocalWorkers(1, stubs.perform) as workers, pytest.raises(RunError, match=expected):
        list(workers.outcomes([job("a", "well")]))


def test_a_perform_that_no_process_can_import_is_refused():
    assert importable_name(stubs.perform) == "worker_stubs:perform"
    with pytest.raises(InputError, match="at the top of a module"):
        LocalWorkers(1, lambda one: Outcome(one.key))
    with pytest.raises(InputError, match="0: expected at least 1"):
        LocalWorkers(0, stubs.perform)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[" * 100_000,
        '{"key": "other"}',
        '{"key": "k", "more": 1}',
        '{"key": "k", "cause": "tired"}',
        '{"key": "k", "message": 3}',
        '{"key": "k", "digest": [1]}',
        '["k"]',
    ],
)
def test_a_line_that_is_no_outcome_of_the_job_is_seen(line):
    assert read_outcome('{"key": "k", "digest": "abc"}', job("k", "well")) == Outcome("k", digest="abc")
    assert read_outcome(line, job("k", "well")) is None
