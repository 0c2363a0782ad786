"""One worker process as the driver sees it: started, given jobs, listened to, watched, ended with all it started."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict

from simmig.compare.jobs import Job
from simmig.compare.workers.child import PLACE_SIGNAL
from simmig.compare.workers.guard import Guard
from simmig.processes import resident_byte

_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1])\nfrom simmig.compare.workers.child import serve\n"
_BOOT += "serve(sys.argv[2])"
# One thread in each worker: side by side they would only be in each other's way, and sums could come out differently.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_PRINTED_BYTE = 1 << 20  # of what jobs print, no more is kept on the disk
_LONGEST_LINE = 1 << 20  # characters in an outcome; more is not one of ours
_PLACE_WAIT_S = 0.1  # for a hung process to write where it is
_LIBRARIES = tuple(f'File "{folder}/' for folder in sysconfig.get_paths().values())


class WorkerProcess:
    """A child process in a session of its own, with two pipes, whose prints go to a file without a name.

    Raises OSError if the system gives no more processes or files.
    """

    def __init__(self, perform: str, memory_limit_byte: int | None, guard: Guard) -> None:
        self._received = b""
        self._guard = guard
        with ExitStack() as ours, ExitStack() as its:
            jobs_end, self._jobs = os.pipe()
            its.callback(os.close, jobs_end)
            ours.callback(os.close, self._jobs)
            self.outcomes, outcomes_end = os.pipe()
            its.callback(os.close, outcomes_end)
            ours.callback(os.close, self.outcomes)
            os.set_blocking(self.outcomes, False)
            self._printed = ours.enter_context(tempfile.TemporaryFile())
            # Appending, so that the file can be emptied under the writer.
            fcntl.fcntl(self._printed, fcntl.F_SETFL, fcntl.fcntl(self._printed, fcntl.F_GETFL) | os.O_APPEND)
            settings = {
                "perform": perform,
                "memory_limit_byte": memory_limit_byte,
                "driver": os.getpid(),
                "jobs": jobs_end,
                "outcomes": outcomes_end,
            }
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, json.dumps(sys.path), json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=self._printed,
                env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
                pass_fds=(jobs_end, outcomes_end),
                start_new_session=True,
            )
            self._open = ours.pop_all()
        guard.watch(self._process.pid)
        self.is_ready = False
        self.started_s = time.monotonic()

    def send(self, job: Job) -> None:
        """Hand over a job to a worker that waits for one. If it has died meanwhile, `has_ended` tells."""
        os.ftruncate(self._printed.fileno(), 0)
        self.started_s = time.monotonic()
        with suppress(BrokenPipeError):
            os.write(self._jobs, json.dumps(asdict(job)).encode() + b"\n")

    def lines(self) -> list[str] | None:
        """Return the whole lines that have come since the last call; None once the pipe is closed, or overflows."""
        while True:
            try:
                chunk = os.read(self.outcomes, 65536)
            except BlockingIOError:
                break
            self._received += chunk
            if not chunk and b"\n" in self._received:
                break
            if not chunk or len(self._received) > _LONGEST_LINE:
                return None
        *whole, self._received = self._received.split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    @property
    def has_ended(self) -> bool:
        """Whether the process itself has ended; what it has started may go on."""
        return self._process.poll() is not None

    def age_s(self) -> float:
        """Seconds since the last job was handed over, or since the start."""
        return time.monotonic() - self.started_s

    def used_byte(self) -> int:
        """Memory that the process has in use now, on Linux; 0 elsewhere, and once it has ended."""
        return resident_byte(self._process.pid)

    def trim_prints(self) -> None:
        """Throw away what was printed if it has become much."""
        if os.fstat(self._printed.fileno()).st_size > _PRINTED_BYTE:
            os.ftruncate(self._printed.fileno(), 0)

    def ask_place(self) -> None:
        """Have a hung process write where it is, for `last_words`."""
        os.kill(self._process.pid, PLACE_SIGNAL)
        time.sleep(_PLACE_WAIT_S)

    def last_words(self) -> str:
        """Return in one line where the process was if it has written that, else the last lines that were printed."""
        size = os.fstat(self._printed.fileno()).st_size
        text = os.pread(self._printed.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace")
        _, is_dump, dump = text.rpartition("(most recent call first):\n")
        if is_dump:  # by faulthandler, after a crash or when it was asked for
            places = [line.strip() for line in dump.splitlines() if line.startswith('  File "')]
            chosen = ([place for place in places if not place.startswith(_LIBRARIES)] or places)[:1]
        else:
            chosen = [line.strip() for line in text.splitlines() if line.strip()][-2:]
        return "".join(c if c.isprintable() else "?" for c in " / ".join(chosen))[-300:]

    def end(self, grace_s: float = 0.0) -> str:
        """Kill the process and its group, free all it held; say how the process had ended, empty if it had not.

        It is given `grace_s` to end by itself.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        code = self._process.poll()
        self._guard.forget(self._process.pid)
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._open.close()
        if code is None:
            return ""
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
