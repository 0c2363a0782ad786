"""The table of events: every moment once, in order of time, kind and number, whatever the windows it is sorted in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.log import EventLog
from simmig.measure import events as module
from simmig.measure.events import events_table
from simmig.records import NEVER, FaultPhase, Outcome

S = 1_000_000_000
VEHICLES, RSUS = ("v0", "v1", "v2"), ("a", "b")
MOMENTS = ("requested", "decided", "transfer_start", "transfer_end", "queued", "service_start")
KINDS = ("placed", "rsu_down", "rsu_up", *MOMENTS, *(outcome.label for outcome in Outcome))


def add(log, number, vehicle, outcome, *moments_s):
    """A migration from a to b; moments in the order of `MOMENTS`, then completed and ended."""
    moments = [m if m == NEVER else m * S for m in moments_s]
    log.migration.append(number, vehicle, 0, 1, 0, -1, outcome, *moments, *[0.0] * 7)


def rows(table):
    """(time_s, event, rsu, vehicle, migration), None where there is none."""
    found = table.astype(object).where(table.notna(), None)
    return [tuple(row) for row in found.itertuples(index=False)]


def test_each_moment_that_was_reached_is_an_event():
    log = EventLog(VEHICLES, RSUS)
    log.placement.append(2, 0, 0)
    add(log, 1, 2, Outcome.REFUSED, 3, 4, NEVER, NEVER, NEVER, NEVER, NEVER, 4)
    add(log, 0, 1, Outcome.LATE, 1, 2, 3, 4, 5, 6, 7, 7)
    log.fault.append(1, FaultPhase.DOWN, 3 * S)
    log.fault.append(1, FaultPhase.UP, 8 * S)
    assert rows(events_table(log)) == [
        (0.0, "placed", "a", "v2", NEVER),
        (1.0, "requested", "a", "v1", 0),
        (2.0, "decided", "b", "v1", 0),
        (3.0, "rsu_down", "b", None, NEVER),
        (3.0, "requested", "a", "v2", 1),
        (3.0, "transfer_start", "b", "v1", 0),
        (4.0, "decided", "b", "v2", 1),
        (4.0, "transfer_end", "b", "v1", 0),
        (4.0, "refused", "b", "v2", 1),
        (5.0, "queued", "b", "v1", 0),
        (6.0, "service_start", "b", "v1", 0),
        (7.0, "late", "b", "v1", 0),
        (8.0, "rsu_up", "b", None, NEVER),
    ]


def test_a_log_without_events_is_an_empty_table():
    table = events_table(EventLog(VEHICLES, RSUS))
    assert len(table) == 0
    assert list(table.columns) == ["time_s", "event", "rsu", "vehicle", "migration"]


@pytest.mark.parametrize(("window", "sample"), [(1, 1), (4, 2), (32_768, 1024)])
@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.lists(st.integers(0, 2), min_size=8, max_size=8))))
def test_property_the_order_is_that_of_time_kind_and_number(window, sample, migrations):
    log = EventLog(VEHICLES, RSUS)
    log.placement.append(0, 0, 2 * S)
    for number, (vehicle, start_s, steps_s) in reversed(list(enumerate(migrations))):
        add(log, number, vehicle, Outcome.COMPLETED, *(start_s + np.cumsum(steps_s)).tolist())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WINDOW", window)
        patch.setattr(module, "_SAMPLE", sample)
        found = rows(events_table(log))
    keys = [(time_s, KINDS.index(kind), number) for time_s, kind, _, _, number in found]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(found) == 7 * len(migrations) + 1
