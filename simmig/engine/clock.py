"""SimPy's environment with an integer clock, and streams that keep one pending event each.

Time is integer nanoseconds. Events of one instant are handled in the declared order of their streams (`Rank`), and
inside a stream in order of the items' numbers: never by hash or by luck of insertion.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import Event

from simmig.errors import ClockError


class Rank(IntEnum):
    """Which kind of event goes first when several fall on one instant.

    RSUs change state before anything uses them; what is under way ends before something new is asked for; a request
    raised at the instant a round closes still joins that round.
    """

    FAULT = 0
    PLACEMENT = 1
    MIGRATION = 2
    TRIGGER = 3
    ROUND = 4


class Clock(simpy.Environment):
    """SimPy environment whose time is an integer; refuses what would stop it or run it backwards."""

    _now: int  # SimPy allows floats, `schedule` does not

    def schedule(self, event: Event, priority: int = 1, delay: float = 0) -> None:
        """Queue an event `delay` nanoseconds from now; raises ClockError unless that is a whole number >= 0."""
        # SimPy itself accepts a NaN delay and then runs backwards.
        if type(delay) is not int or delay < 0:
            raise ClockError(f"an event was scheduled {delay!r} ns after {self.now} ns; expected a whole number >= 0")
        super().schedule(event, priority, delay)  # type: ignore[arg-type]


class Stream:
    """A heap of (time, number, item) with one pending SimPy event, for its earliest entry.

    `handle(number, item)` is called once for every entry at its instant. A cancelled entry is the handler's business:
    items carry what is needed to see that they are stale.
    """

    __slots__ = ("_added", "_armed_ns", "_callbacks", "_clock", "_event", "_handle", "_heap", "_rank")

    def __init__(self, clock: Clock, rank: Rank, handle: Callable[[int, Any], None]) -> None:
        self._clock = clock
        self._rank = int(rank)
        self._handle = handle
        self._heap: list[tuple[int, int, int, Any]] = []
        self._added = 0
        self._armed_ns: int | None = None
        # One event serves the stream for ever: SimPy forgets it once it has happened.
        self._callbacks: list[Callable[[Any], None]] = [self._fire]
        self._event = Event(clock)
        self._event._ok = True
        self._event._value = None
        self._event.callbacks = None  # type: ignore[assignment]  # what SimPy sets when an event has happened

    def add(self, time_ns: int, number: int, item: object) -> None:
        """Add one entry; entries of equal time and number are handled in the order in which they were added.

        Raises ClockError unless the time is a whole number and not in the past.
        """
        if type(time_ns) is not int or time_ns < self._clock._now:
            raise ClockError(
                f"an entry at {time_ns!r} ns was added at {self._clock._now} ns; expected a time not before"
            )
        self._added += 1
        heappush(self._heap, (time_ns, number, self._added, item))
        armed_ns = self._armed_ns
        if armed_ns is None or time_ns < armed_ns:
            self._arm(time_ns)

    def _arm(self, time_ns: int) -> None:
        event = self._event
        if event.callbacks is not None:  # still pending, for the entry that this one overtakes
            self._event = event = Event(self._clock)
            event._ok = True
            event._value = None
        event.callbacks = self._callbacks
        # What SimPy's `schedule` does, without two calls for each of millions of events; `add` has checked the time.
        clock = self._clock
        entry: tuple[Any, Any, int, Event] = (time_ns, self._rank, next(clock._eid), event)
        heappush(clock._queue, entry)
        self._armed_ns = time_ns

    def _fire(self, _event: Event) -> None:
        now = self._clock._now
        if self._armed_ns != now:
            return  # an earlier entry overtook the one this event was made for, and armed another
        # While firing, the stream counts as armed now: what handlers add waits for the end of this loop.
        heap, handle = self._heap, self._handle
        while heap and heap[0][0] == now:
            _, number, _, item = heappop(heap)
            handle(number, item)
        self._armed_ns = None
        if heap:
            self._arm(heap[0][0])
