"""Nodes of a Ray cluster on this machine, each of processes of its own that can be killed together."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ENVIRONMENT = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
_START_S = 120.0


def unused_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def head(folder: Path) -> Iterator[tuple[str, psutil.Popen]]:
    """A cluster of one node; gives its address and the parent of its processes.

    The folder's path must be short, because that of a socket has 107 characters at most.
    """
    port = unused_port()
    session = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}/ray")
    with node(folder, *session) as process:
        yield f"127.0.0.1:{port}", process


@contextmanager
def node(folder: Path, *arguments: str) -> Iterator[psutil.Popen]:
    """A node with one CPU; gives the parent of its processes. `arguments` say where it belongs: --address=HOST:PORT."""
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--node-ip-address=127.0.0.1"]
    command += ["--num-cpus=1", "--object-store-memory=100000000", *arguments]
    log = folder / f"node{len(os.listdir(folder))}.log"
    with log.open("w") as file:
        process = psutil.Popen(command, stdout=file, stderr=file, env=ENVIRONMENT, start_new_session=True)
    try:
        until = time.monotonic() + _START_S
        while "Ray runtime started" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            end(process)


def end(process: psutil.Popen) -> None:
    """Kill a node with all its processes, as a power cut does."""
    family = [*process.children(recursive=True), process]
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(family, timeout=10)


def runs_of(process: psutil.Process) -> list[psutil.Process]:
    """The processes below this one in which runs are made."""
    found = []
    for one in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "simmig.compare.workers.child" in " ".join(one.cmdline()):
                found.append(one)
    return found
