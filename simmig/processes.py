"""What the operating system does for child processes: they die with their parent and get only so much memory."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int) -> None:
    """Have the system kill this process when its parent, the process `parent`, is gone.

    On systems other than Linux a child ends when it next reads from its parent, and finds nobody there.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def limit_memory(most_byte: int | None) -> None:
    """Let this process have so much memory of its own, any amount if None, and leave no core file behind.

    The limit is on data, not on addresses: libraries reserve far more of these than they ever use.
    """
    import resource

    for what, most in ((resource.RLIMIT_DATA, most_byte), (resource.RLIMIT_CORE, 0)):
        if most is None:
            continue
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def resident_byte(process: int) -> int:
    """Return how much memory a process occupies, 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
