"""What a worker process does: read a job, make the run, answer with its outcome, both as one line of JSON."""

from __future__ import annotations

import faulthandler
import importlib
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from simmig.compare.jobs import Job, Outcome
from simmig.processes import die_with, limit_memory

READY = "ready"  # the line a worker sends when it can take its first job
PLACE_SIGNAL = signal.SIGUSR1  # makes a worker write to its standard error where it is, whatever it is doing


def serve(settings: str) -> None:
    """Answer jobs until the driver closes the pipe; `settings` is the JSON text that `process.WorkerProcess` sends."""
    given: dict[str, Any] = json.loads(settings)
    die_with(given["driver"])
    # Who ends a worker is the driver, with SIGKILL: a Ctrl-C or a SIGTERM to all must not cut a run short here.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    faulthandler.enable()
    faulthandler.register(PLACE_SIGNAL, all_threads=False)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)  # or a crash would swallow what was printed last
    for descriptor in (given["jobs"], given["outcomes"]):
        os.set_inheritable(descriptor, False)
    module, perform = load(given["perform"])
    if prepare := getattr(module, "prepare", None):
        prepare()
    # What is in use is watched from outside; reserved memory counts here, and much of it is never touched.
    limit_memory(given["memory_limit_byte"] and 2 * given["memory_limit_byte"])
    process = os.getpid()
    with os.fdopen(given["jobs"], encoding="utf-8") as jobs, os.fdopen(given["outcomes"], "w", encoding="utf-8") as out:
        _send(out, READY)
        for line in jobs:
            outcome = _outcome(perform, read_job(line))
            if os.getpid() != process:  # a job has forked, and the copy came back here too
                os._exit(1)
            _send(out, json.dumps(asdict(outcome)))
    # The driver is gone or done: whatever the jobs have left running goes too.
    os.killpg(0, signal.SIGKILL)


def _send(out: TextIO, line: str) -> None:
    out.write(line + "\n")
    out.flush()


def _outcome(perform: Callable[[Job], Outcome], job: Job) -> Outcome:
    try:
        return perform(job)
    except MemoryError as error:
        return Outcome(job.key, "memory", f"{_place(error)}: no more memory to be had")
    except BaseException as error:  # also SystemExit: nothing that a job raises may end the worker
        text = " ".join(str(error).split())
        return Outcome(job.key, "error", f"{_place(error)}: {type(error).__name__}: {text}")


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def load(name: str) -> tuple[ModuleType, Callable[[Job], Outcome]]:
    """Return the module and the function of a name "module:function"."""
    module_name, _, function = name.partition(":")
    module = importlib.import_module(module_name)
    return module, getattr(module, function)


def read_job(line: str) -> Job:
    """Return the job that a line of JSON holds."""
    document = json.loads(line)
    return Job(**{**document, "overrides": tuple(document["overrides"])})
