"""Runs on the nodes of a Ray cluster: each in a child process under the same limits as on this machine."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Self

from simmig.compare.jobs import Job, Outcome
from simmig.compare.store import Store
from simmig.compare.workers.child import load, read_job
from simmig.compare.workers.local import LocalWorkers, Perform, importable_name, read_outcome, title
from simmig.errors import InputError, RunError

_POLL_S = 1.0  # between two looks at which nodes there are
_RETRIES = 10  # of a job whose node or Ray worker was lost: never its own fault, for a job has a process of its own
_KNOCK_S = 5.0
_Limits = tuple[float | None, int | None]


class RayWorkers:
    """Makes runs on a Ray cluster, one for each of its CPUs at a time. Implements `Workers`.

    `address` is that of a cluster of which this machine is a node, "auto" finds it. The limits and `perform` are as
    for `LocalWorkers`. Every node must see the store and the scenario files under the same paths. A run whose node is
    lost is made again elsewhere, perhaps twice: a store takes it in once. `on_notice` gets a line when a node is lost.

    Raises InputError if Ray is not installed or no cluster answers.
    """

    def __init__(
        self,
        address: str,
        perform: Perform,
        time_limit_s: float | None = None,
        memory_limit_byte: int | None = None,
        *,
        on_notice: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._address = address
        self._perform = importable_name(perform)
        self._limits = (time_limit_s, memory_limit_byte)
        self._on_notice = on_notice
        self._nodes: dict[str, str] = {}
        self._looked_s = -_POLL_S

    def __enter__(self) -> Self:
        connect(self._address)
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield the outcome of every job, once, in the order in which they end; take jobs only as CPUs fall free.

        Raises InputError if a node does not see a store or a scenario.
        """
        import ray

        run = ray.remote(num_cpus=1, max_retries=_RETRIES)(run_line)
        source, running = iter(jobs), dict[Any, Job]()
        signs: dict[str, str] = {}
        ended: list[Outcome] = []
        with ExitStack() as stack:
            stack.callback(_cancel, running)
            while True:
                while len(running) < self._slots() and (job := next(source, None)):
                    if job.store not in signs:
                        # A folder that is there for this while only: a copy of the store on a node does not have it.
                        signs[job.store] = str(stack.enter_context(Store.open(job.store).workspace()))
                    task = run.remote(self._perform, json.dumps(asdict(job)), signs[job.store], self._limits)
                    running[task] = job
                yield from ended
                if not running:
                    return
                done, _ = ray.wait(list(running), timeout=_POLL_S)
                ended = [_outcome(task, running.pop(task)) for task in done]

    def _slots(self) -> int:
        """Return how many CPUs the nodes have that are there now."""
        import ray

        if time.monotonic() - self._looked_s >= _POLL_S:
            self._looked_s = time.monotonic()
            now = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
            names = {key: f"{node['NodeManagerAddress']} ({node['NodeManagerHostname']})" for key, node in now.items()}
            for key in [key for key in self._nodes if key not in names]:
                self._on_notice(f"Ray: node {self._nodes[key]} is lost; its runs are made again elsewhere")
            self._nodes = names
            self._slot_count = max(1, sum(int(node["Resources"].get("CPU", 0)) for node in now.values()))
        return self._slot_count


def _cancel(running: dict[Any, Job]) -> None:
    import ray

    for task in running:
        ray.cancel(task, force=True)


def _outcome(task: Any, job: Job) -> Outcome:  # noqa: ANN401  a reference of Ray
    import ray

    try:
        line = ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise RunError(f"Ray: {_last_line(error)}") from None
    except ray.exceptions.RayError as error:
        return Outcome(job.key, "died", f"{title(job)}: given up after {_RETRIES} tries: Ray: {_last_line(error)}")
    outcome = read_outcome(line, job)
    if outcome is None:
        raise InputError(line)
    return outcome


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1][:300]


def connect(address: str) -> None:
    """Join the Ray cluster at this address as a driver, quietly. Raises InputError."""
    # Read by Ray when it is imported. What its daemons have to say would go to standard output.
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "^"})
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError(f"Ray workers need {error.name} (pip install 'simmig[dist]')") from None
    before = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise InputError(f"Ray: no cluster to join at {address!r}: {text}; `ray start --head` starts one") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has put its own there


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at HOST:PORT, where Ray would try for two minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()


def run_line(perform: str, line: str, sign: str, limits: _Limits) -> str:
    """Make a run in a child of this process; return its outcome as JSON, or a line that says what is not seen here."""
    job = read_job(line)
    for path, what in ((sign, job.store), (job.scenario, job.scenario)):
        if not Path(path).exists():
            return f"{what}: node {socket.gethostname()} does not see it; expected a path that all nodes share"
    (outcome,) = _workers_here(perform, limits).outcomes([job])
    return json.dumps(asdict(outcome))


@cache
def _workers_here(perform: str, limits: _Limits) -> LocalWorkers:
    """Return the child of this process, kept from job to job; it ends with this process."""
    time_limit_s, memory_limit_byte = limits
    return LocalWorkers(1, load(perform)[1], time_limit_s=time_limit_s, memory_limit_byte=memory_limit_byte)
