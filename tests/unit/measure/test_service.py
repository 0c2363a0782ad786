"""Service timelines by hand: who was served when, and how long each migration kept a vehicle waiting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.log import EventLog
from simmig.measure.blocks import blocks
from simmig.measure.service import covered_s, hosting, interruptions_s, outages, served
from simmig.mobility.coverage import Intervals
from simmig.records import NEVER, FaultPhase, Outcome

S = 1_000_000_000


def visits(*rows):
    """(vehicle, rsu, enter_s, exit_s), sorted."""
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 4)
    none = np.zeros(len(table), dtype=bool)
    return Intervals(
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2] * S, table[:, 3] * S, none, none
    )


def add(log, vehicle, source, target, outcome, start_s, end_s):
    number = len(log.migration.rows())
    moments = [start_s, start_s, start_s, NEVER, NEVER, NEVER, NEVER, end_s]
    ns = [m if m == NEVER else int(m * S) for m in moments]
    log.migration.append(number, vehicle, source, target, 0, -1, outcome, *ns, *[1.0] * 7)


@pytest.fixture
def log():
    log = EventLog(("v0", "v1"), ("a", "b", "c"))
    log.placement.append(0, 0, 0)
    log.placement.append(1, 2, 5 * S)
    return log


def block_of(log, coverage, end_s):
    """All of a small log as one block."""
    (block,) = blocks(log, coverage, end_s * S)
    return block


def serve(log, coverage, end_s):
    """(block, when its vehicles were served)"""
    block = block_of(log, coverage, end_s)
    return block, served(block, outages(log, end_s * S), end_s * S)


def as_rows(segments):
    columns = (segments.vehicle, segments.rsu, segments.start_ns / S, segments.end_ns / S)
    return [tuple(row) for row in np.column_stack(columns).tolist()]


def test_a_twin_runs_at_one_rsu_except_while_it_is_copied(log):
    add(log, 0, 0, 1, Outcome.COMPLETED, 10, 12)
    add(log, 0, 1, 2, Outcome.LINK_LOST, 30, 31)
    assert as_rows(hosting(block_of(log, visits(), 50), 50 * S)) == [
        (0, 0, 0, 10),
        (0, 1, 12, 30),
        (0, 1, 31, 50),
        (1, 2, 5, 50),
    ]


def test_service_needs_the_zone_and_interruptions_include_coverage_gaps(log):
    # Leaves a's zone at 9 s, the copy runs from 10 to 12 s, b's zone begins at 15 s: silent from 9 to 15 s.
    add(log, 0, 0, 1, Outcome.COMPLETED, 10, 12)
    block, segments = serve(log, visits((0, 0, 0, 9), (0, 1, 15, 40), (1, 2, 5, 20)), 50)
    assert as_rows(segments) == [(0, 0, 0, 9), (0, 1, 15, 40), (1, 2, 5, 20)]
    assert interruptions_s(block, segments).tolist() == [6.0]


def test_a_failed_copy_interrupts_too_and_the_source_goes_on(log):
    add(log, 0, 0, 1, Outcome.TARGET_FAILED, 10, 13)
    block, segments = serve(log, visits((0, 0, 0, 50)), 50)
    assert as_rows(segments) == [(0, 0, 0, 10), (0, 0, 13, 50)]
    assert interruptions_s(block, segments).tolist() == [3.0]


def test_a_gap_that_several_migrations_share_is_counted_once(log):
    add(log, 0, 0, 1, Outcome.COMPLETED, 10, 12)  # never inside b's zone
    add(log, 0, 1, 2, Outcome.COMPLETED, 14, 16)
    block, segments = serve(log, visits((0, 0, 0, 50), (0, 2, 0, 50)), 50)
    assert interruptions_s(block, segments).tolist() == pytest.approx([np.nan, 6.0], nan_ok=True)


def test_an_outage_cuts_service_in_two(log):
    log.fault.append(0, FaultPhase.DOWN, 20 * S)
    log.fault.append(0, FaultPhase.UP, 25 * S)
    _, segments = serve(log, visits((0, 0, 0, 50), (1, 2, 0, 50)), 50)
    assert as_rows(segments) == [(0, 0, 0, 20), (0, 0, 25, 50), (1, 2, 5, 50)]


def test_an_interruption_without_an_end_is_not_a_number(log):
    add(log, 0, 0, 1, Outcome.UNFINISHED, 10, 50)
    block, segments = serve(log, visits((0, 0, 0, 50)), 50)
    assert np.isnan(interruptions_s(block, segments)).all()


def covered(coverage, vehicles, end_s):
    log = EventLog(tuple(f"v{k}" for k in range(vehicles)), ("a", "b", "c", "d"))
    return covered_s(block_of(log, coverage, end_s), end_s * S).tolist()


def test_time_covered_counts_overlaps_once():
    coverage = visits((0, 0, 0, 10), (0, 1, 5, 8), (0, 2, 9, 20), (0, 0, 30, 31), (1, 1, 0, 1))
    assert covered(coverage, 3, 50) == [21.0, 1.0, 0.0]
    assert covered(coverage, 3, 15) == [15.0, 1.0, 0.0]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(1, 9)), max_size=30))
def test_property_time_covered_is_that_of_counting_seconds(rows):
    spans = [(vehicle, k % 4, start, start + length) for k, (vehicle, start, length) in enumerate(rows)]
    want = [len({s for v, _, a, b in spans if v == vehicle for s in range(a, b)}) for vehicle in range(3)]
    assert covered(visits(*spans), 3, 100) == want
