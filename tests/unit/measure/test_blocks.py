"""Blocks of vehicles: each record in exactly one, sorted by vehicle, and no key too large."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.log import EventLog
from simmig.measure import blocks as module
from simmig.measure.blocks import blocks, order_by
from simmig.mobility.coverage import Intervals

VEHICLES = 6


def make(migrations, placements, visits):
    """A log with a migration and a placement of each vehicle in the lists, in that order, and visits to one zone."""
    log = EventLog(tuple(f"v{k}" for k in range(VEHICLES)), ("r",))
    for number, vehicle in enumerate(migrations):
        log.migration.append(number, vehicle, *[0] * 12, number, *[0.0] * 7)
    for vehicle in placements:
        log.placement.append(vehicle, 0, 0)
    vehicle = np.array(sorted(visits), dtype=np.int32)
    time_ns = np.arange(len(vehicle))
    flags = np.zeros(len(vehicle), dtype=bool)
    return log, Intervals(vehicle, np.zeros_like(vehicle), time_ns, time_ns + 1, flags, flags)


@pytest.mark.parametrize("records", [1, 4, 1000])
@settings(derandomize=True, deadline=None, max_examples=60)
@given(*(st.lists(st.integers(0, VEHICLES - 1), max_size=20) for _ in range(3)))
def test_property_each_record_is_in_one_block_as_recorded(records, migrations, placements, visits):
    log, coverage = make(migrations, placements, visits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_RECORDS", records)
        found = list(blocks(log, coverage, 10))
    assert [vehicle for block in found for vehicle in block.vehicles] == list(range(VEHICLES))
    for block in found:
        mine = [number for number, vehicle in enumerate(migrations) if vehicle in block.vehicles]
        want = sorted(mine, key=lambda number: migrations[number])
        assert block.row.tolist() == want
        assert block.migrations["vehicle"].tolist() == [migrations[number] for number in want]
        assert block.migrations["ended_ns"].tolist() == want
        assert block.placements["vehicle"].tolist() == sorted(v for v in placements if v in block.vehicles)
        assert block.visits.enter_ns.tolist() == [k for k, v in enumerate(sorted(visits)) if v in block.vehicles]
        count = len(block.row) + len(block.visits.vehicle)
        assert count <= records or len(block.vehicles) == 1


def test_vehicles_times_the_end_of_the_run_stay_below_the_largest_integer():
    log, coverage = make([], [], [])
    assert [list(block.vehicles) for block in blocks(log, coverage, 2**61)] == [[0, 1], [2, 3], [4, 5]]
    assert len(list(blocks(log, coverage, 2**62))) == VEHICLES


def test_the_order_is_that_of_a_stable_sort():
    index = np.random.default_rng(1).integers(0, 50, 1000).astype(np.int32)
    assert np.array_equal(order_by(index), np.argsort(index, kind="stable"))
    assert order_by(np.array([2**31 - 1, 0], dtype=np.int32)).tolist() == [1, 0]
