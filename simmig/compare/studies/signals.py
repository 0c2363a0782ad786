"""Ctrl-C and SIGTERM during a study: one KeyboardInterrupt, and peace while it is being dealt with.

Imports next to nothing, so that it can be in force before anything slow is imported.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Signals:
    """Whether Ctrl-C or SIGTERM has come."""

    was_called: bool = field(default=False)

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was a signal: one raised in a callback of C code may have got lost."""
        if self.was_called:
            raise KeyboardInterrupt


@contextmanager
def one_interruption() -> Iterator[Signals]:
    """Turn the first Ctrl-C or SIGTERM into KeyboardInterrupt, and ignore others while that is being dealt with."""
    state = Signals()

    def handle(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        state.was_called = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield state
    except Exception as error:
        if state.was_called:  # C code that was interrupted reports an error of its own
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
