"""The integer clock and its streams: order is declared, never luck."""

import itertools
import math

import pytest

from simmig.engine.clock import Clock, Rank, Stream
from simmig.errors import ClockError


def run(clock):
    clock.run(until=None)


@pytest.mark.parametrize("delay", [math.nan, math.inf, 1.0, -1, 0.5, None])
def test_the_clock_refuses_what_is_not_a_whole_number_of_nanoseconds(delay):
    clock = Clock(0)
    with pytest.raises(ClockError, match="expected a whole number >= 0"):
        clock.schedule(clock.event(), 1, delay)


def test_a_stream_keeps_one_event_pending_however_many_entries_it_holds():
    clock = Clock(0)
    stream = Stream(clock, Rank.TRIGGER, lambda number, item: None)
    for number in range(1000):
        stream.add(10 + number, number, None)
    assert len(clock._queue) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_simultaneous_entries_come_by_kind_then_number_whatever_the_insertion_order(order):
    clock = Clock(0)
    seen = []
    streams = {
        rank: Stream(clock, rank, lambda number, item, rank=rank: seen.append((rank.name, number)))
        for rank in (Rank.ROUND, Rank.FAULT)
    }
    entries = [(Rank.ROUND, 2), (Rank.ROUND, 1), (Rank.FAULT, 9), (Rank.FAULT, 3)]
    for index in order:
        rank, number = entries[index]
        streams[rank].add(50, number, None)
    run(clock)
    assert seen == [("FAULT", 3), ("FAULT", 9), ("ROUND", 1), ("ROUND", 2)]


def test_an_earlier_entry_overtakes_and_nothing_is_lost_or_repeated():
    clock = Clock(0)
    seen = []
    stream = Stream(clock, Rank.MIGRATION, lambda number, item: seen.append((clock.now, number)))
    for number, time_ns in enumerate([90, 70, 80, 10, 70]):
        stream.add(time_ns, number, None)
    run(clock)
    assert seen == [(10, 3), (70, 1), (70, 4), (80, 2), (90, 0)]


def test_entries_added_while_firing_are_handled_at_their_instant():
    clock = Clock(0)
    seen = []

    def handle(number, item):
        seen.append((clock.now, number))
        if number < 3:
            stream.add(clock.now, number + 10, None)
            stream.add(clock.now + 5, number + 1, None)

    stream = Stream(clock, Rank.TRIGGER, handle)
    stream.add(1, 0, None)
    run(clock)
    assert seen == [(1, 0), (1, 10), (6, 1), (6, 11), (11, 2), (11, 12), (16, 3)]
