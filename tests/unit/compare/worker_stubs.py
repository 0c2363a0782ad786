"""Jobs for the tests of the workers: what a run, or a plug-in in it, can do to the process it is made in.

The first override names the behaviour, the second gives its argument; `store` is a folder to leave notes in.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from simmig.compare.jobs import Job, Outcome


def job(key, behaviour, argument="", folder=""):
    return Job(key, "/somewhere/street.toml", (behaviour, argument), str(folder))


def perform(job: Job) -> Outcome:
    behaviour, argument = job.overrides
    with (Path(job.store) / f"{job.key}.tried").open("a") if job.store else open(os.devnull, "a") as notes:
        notes.write(f"{os.getpid()}\n")
    digest = globals()[behaviour](job, argument)
    return Outcome(job.key, digest=digest or f"of {job.key}")


PREPARED = []


def prepare():
    PREPARED.append(os.getpid())


def prepared(job, argument):
    return str([os.getpid()] == PREPARED)


def well(job, argument):
    return None


def sleep(job, argument):
    time.sleep(float(argument))


def spin(job, argument):
    """Use up seconds of CPU time."""
    until = time.process_time() + float(argument)
    while time.process_time() < until:
        pass


def hang_in_c(job, argument):
    """Busy in C code that holds the GIL: no Python signal handler or thread can run."""
    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    sum(range(10**12))


def say(job, argument):
    print("on stdout", argument)
    print("on stderr", file=sys.stderr)
    os.write(1, b"straight to 1\n")
    subprocess.run(["echo", "by a child"], check=True)


def chatter(job, argument):
    for _ in range(int(argument)):
        print("x" * 1023)
    size = os.fstat(1).st_size
    time.sleep(0.5)
    print("more")
    return f"{size} {os.fstat(1).st_size}"


def raise_deep(job, argument):
    return _deeper()


def _deeper():
    raise ValueError("first line\nsecond line")


def leave(job, argument):
    sys.exit(3)


def exit_hard(job, argument):
    print("about to go")
    os._exit(int(argument))


def segfault(job, argument):
    ctypes.string_at(0)


def kill_self(job, argument):
    """Be ended by SIGKILL as often as `argument` says, counted in the notes."""
    if len((Path(job.store) / f"{job.key}.tried").read_text().splitlines()) <= int(argument):
        os.kill(os.getpid(), signal.SIGKILL)


def die_differently(job, argument):
    """Another exit code at each try."""
    os._exit(len((Path(job.store) / f"{job.key}.tried").read_text().splitlines()))


KEPT = []


def keep(job, argument):
    """Take memory, in bytes, and never give it back."""
    KEPT.append(np.ones(int(float(argument)) // 8))
    time.sleep(0.5)


def want_at_once(job, argument):
    """Ask for memory that is never touched."""
    np.zeros(int(float(argument)) // 8)


def interrupt_self(job, argument):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)


def close_everything(job, argument):
    os.closerange(3, 200)
    time.sleep(100)


def scribble(job, argument):
    for descriptor in range(3, 50):
        try:
            os.write(descriptor, b'{"key": "stolen"}\n')
        except OSError:
            continue


def fork_and_return(job, argument):
    """Let the copy be the first to come back."""
    if os.fork():
        time.sleep(0.5)


def leave_child(job, argument):
    """Start a process that goes on, with our pipes open in it, then end as `argument` says."""
    pid = os.fork()
    if not pid:
        time.sleep(100)
        os._exit(0)
    note = Path(job.store) / f"{job.key}.child"
    note.with_suffix(".new").write_text(str(pid))
    note.with_suffix(".new").rename(note)  # whole or not there
    if argument == "die":
        os._exit(5)
    if argument == "hang":
        sum(range(10**12))


def environment(job, argument):
    return os.environ.get(argument)
