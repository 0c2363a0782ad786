"""A small process that outlives the driver by a moment, to end the process groups that the driver has left behind.

The kernel ends a worker with its driver, but not what the worker has started itself. Run as a file of its own, with
nothing but the standard library, it reads lines "+GROUP" and "-GROUP" until the driver's end of the pipe closes.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress


class Guard:
    """Knows which process groups must not outlive this process."""

    def __init__(self) -> None:
        self._groups: dict[int, None] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def watch(self, group: int) -> None:
        """End this group when the driver ends."""
        self._groups[group] = None
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group is about to be gone, and its number may be given to somebody else."""
        del self._groups[group]
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
            line = "".join(f"+{group}\n" for group in self._groups)
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # killed this moment: the next line starts a new one, which is told all
            self._process.stdin.write(line.encode())

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )


def _stand_by() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, None] = {}
    for line in sys.stdin:
        if line.startswith("+"):
            groups[int(line)] = None
        else:
            groups.pop(-int(line), None)
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _stand_by()
