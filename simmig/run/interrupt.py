"""Ctrl-C and SIGTERM during a run: end the simulation after the present instant instead of tearing it apart."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What a signal does just now: calls `stop` if that is set and it is the first signal, else raises."""

    def __init__(self) -> None:
        self.stop: Callable[[], None] | None = None
        self.was_called = False

    def handle(self, _signal: int, _frame: FrameType | None) -> None:
        """Stop the simulation, or raise KeyboardInterrupt."""
        self.was_called = True
        stop, self.stop = self.stop, None
        if stop is None:
            raise KeyboardInterrupt
        stop()

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was a signal: one raised in a callback of C code may have got lost."""
        if self.was_called:
            raise KeyboardInterrupt


def may_be_a_signal(error: BaseException) -> bool:
    """Return whether an exception that comes out of a plug-in may be the user's Ctrl-C, not the plug-in's own."""
    if not isinstance(error, KeyboardInterrupt) or threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    state = getattr(handler, "__self__", None)
    if isinstance(state, Interrupts):
        return state.was_called
    return handler not in (signal.SIG_IGN, signal.SIG_DFL)


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handle SIGINT and SIGTERM while the context lasts.

    Outside the main thread, where Python delivers no signals, nothing is installed.
    """
    state = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return
    before = {number: signal.signal(number, state.handle) for number in _SIGNALS}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
