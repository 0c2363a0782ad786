"""Jobs on a Ray cluster: the same outcomes as on this machine, whatever becomes of its nodes."""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from operator import attrgetter
from pathlib import Path

import psutil
import pytest
import worker_stubs as stubs
from ray_nodes import ENVIRONMENT, end, head, node, runs_of, unused_port

from simmig.compare.identity import fingerprint
from simmig.compare.jobs import Job, Outcome
from simmig.compare.perform import perform
from simmig.compare.store import Store
from simmig.compare.workers.cluster import RayWorkers, run_line
from simmig.compare.workers.local import LocalWorkers
from simmig.errors import InputError
from simmig.scenario import load_scenario

pytest.importorskip("ray", reason="Ray is not installed: pip install 'simmig[dist]'")

# Prints one outcome a line on standard output and one notice a line on standard error, as a study would.
DRIVER = """
import json, sys
from dataclasses import asdict
from simmig.compare.workers.child import load, read_job
from simmig.compare.workers.cluster import RayWorkers
from simmig.errors import SimmigError
name, address, *jobs = sys.argv[1:]
notice = lambda line: print(line, file=sys.stderr, flush=True)
try:
    with RayWorkers(address, load(name)[1], time_limit_s=60.0, on_notice=notice) as workers:
        for outcome in workers.outcomes(map(read_job, jobs)):
            print(json.dumps(asdict(outcome)), flush=True)
except SimmigError as error:
    print(type(error).__name__, error, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node: its address, and a folder for more nodes."""
    with ExitStack() as stack:
        # That a node can import what it is asked to call.
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setitem(ENVIRONMENT, "PYTHONPATH", str(Path(__file__).parent))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="simmig-ray-", ignore_cleanup_errors=True))
        address, _ = stack.enter_context(head(Path(folder)))
        yield address, Path(folder)


def driver(name, address, jobs):
    arguments = [sys.executable, "-c", DRIVER, name, address, *(json.dumps(asdict(job)) for job in jobs)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


by_key = attrgetter("key")


def read(line):
    return Outcome(**json.loads(line))


def test_outcomes_on_a_cluster_are_those_of_this_machine_and_nothing_else_is_printed(cluster, tmp_path):
    Store.open(tmp_path, create=True)
    behaviours = [("well", ""), ("say", "hello"), ("raise_deep", ""), ("exit_hard", "3"), ("segfault", "")]
    jobs = [Job(name, __file__, (name, argument), str(tmp_path)) for name, argument in behaviours]
    with driver("worker_stubs:perform", cluster[0], jobs) as process:
        out, err = process.communicate(timeout=200)
    assert err == ""
    with LocalWorkers(1, stubs.perform, time_limit_s=60.0) as workers:
        expected = {outcome.key: outcome for outcome in workers.outcomes(jobs)}
    assert {outcome.key: outcome for outcome in map(read, out.splitlines())} == expected


def test_a_path_that_a_node_does_not_see_is_told_in_one_line(cluster, tmp_path):
    Store.open(tmp_path, create=True)
    away = tmp_path / "away.toml"
    with driver("worker_stubs:perform", cluster[0], [Job("a", str(away), ("well", ""), str(tmp_path))]) as process:
        out, err = process.communicate(timeout=200)
    assert out == ""
    expected = rf"InputError {re.escape(str(away))}: node \S+ does not see it; expected a path that all nodes share\n"
    assert re.fullmatch(expected, err), err


def test_a_copy_of_the_store_on_a_node_is_not_taken_for_the_store(tmp_path):
    line = json.dumps(asdict(Job("a", __file__, ("well", ""), str(tmp_path))))
    answer = run_line("worker_stubs:perform", line, str(tmp_path / "work" / "sign"), (None, None))
    assert answer == f"{tmp_path}: node {socket.gethostname()} does not see it; expected a path that all nodes share"


def test_no_cluster_at_the_address_is_told_at_once():
    address = f"127.0.0.1:{unused_port()}"
    with pytest.raises(
        InputError, match=f"no cluster to join at '{address}': .*refused; `ray start --head` starts one"
    ):
        RayWorkers(address, stubs.perform).__enter__()


@pytest.mark.slow
def test_a_lost_node_loses_no_run_and_changes_no_digest(cluster, repository, tmp_path):
    scenario = repository / "scenarios" / "street.toml"
    jobs = []
    for seed in range(12):
        overrides = (f"seed={seed}",)
        jobs.append(Job(fingerprint(load_scenario(scenario, overrides)), str(scenario), overrides, str(tmp_path / "a")))
    address, folder = cluster
    Store.open(tmp_path / "a", create=True)
    with (
        node(folder, f"--address={address}") as second,
        driver("simmig.compare.perform:perform", address, jobs) as study,
    ):
        found = []
        while not (working := runs_of(second)):
            found.append(read(study.stdout.readline()))
        end(second)
        out, _ = study.communicate(timeout=200)
    found += map(read, out.splitlines())
    assert not [one for one in working if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    Store.open(tmp_path / "b", create=True)
    with LocalWorkers(2, perform) as workers:
        expected = sorted(workers.outcomes(replace(job, store=str(tmp_path / "b")) for job in jobs), key=by_key)
    assert all(outcome.is_done for outcome in expected)
    assert sorted(found, key=by_key) == expected
    store = Store.open(tmp_path / "a")
    store.sweep_leftovers()
    assert store.verify() == []


@pytest.mark.slow
def test_a_lost_node_is_told_in_one_line(cluster, tmp_path):
    Store.open(tmp_path, create=True)
    address, folder = cluster
    # Longer than Ray takes to give up a node that does not answer.
    jobs = [Job(key, __file__, ("sleep", "30"), str(tmp_path)) for key in "ab"]
    with node(folder, f"--address={address}") as second, driver("worker_stubs:perform", address, jobs) as study:
        until = time.monotonic() + 60
        while not all((tmp_path / f"{key}.tried").exists() for key in "ab"):
            assert time.monotonic() < until
            time.sleep(0.1)
        end(second)
        out, err = study.communicate(timeout=200)
    assert sorted(map(read, out.splitlines()), key=by_key) == [Outcome(key, digest=f"of {key}") for key in "ab"]
    assert sorted(len((tmp_path / f"{key}.tried").read_text().splitlines()) for key in "ab") == [1, 2]
    assert re.fullmatch(r"Ray: node \S+ \(\S+\) is lost; its runs are made again elsewhere\n", err), err
