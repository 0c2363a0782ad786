"""How a trace and RSUs fit together: known dwell times, gaps and handovers, and a count in small steps."""

import numpy as np
import pytest
from small_traces import trace_of

from simmig.mobility.coverage import covers
from simmig.mobility.overlap import overlap
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.rng import stream


def discs(*places: tuple[float, float]) -> Sites:
    """RSUs on the x axis: middle and radius."""
    count = len(places)
    return Sites(
        rsu_id=tuple(f"r{j}" for j in range(count)),
        xyz_m=np.array([(x_m, 0.0, 0.0) for x_m, _ in places]),
        shape=("disc",) * count,
        radius_m=np.array([radius_m for _, radius_m in places]),
        z_range_m=np.array([(-np.inf, np.inf)] * count),
        rings=(None,) * count,
    )


def test_a_drive_past_three_rsus() -> None:
    # 10 m/s from 0 to 1000 m: in r0 to 200 m, in r1 from 150 to 350 m, in r2 from 500 to 700 m; r3 is elsewhere.
    trace = trace_of({"a": [[(0.0, 0.0, 0.0), (100.0, 1000.0, 0.0)]], "b": [[(0.0, 0.0, 900.0), (9.0, 0.0, 900.0)]]})
    found = overlap(trace, discs((100.0, 100.0), (250.0, 100.0), (600.0, 100.0), (5000.0, 10.0)))
    assert found["present_s"] == 109.0
    assert found["covered_s"] == pytest.approx(55.0, abs=1e-6)
    assert found["covered_share"] == pytest.approx(55.0 / 109.0)
    assert found["gap_s"]["min"] == found["gap_s"]["max"] == pytest.approx(15.0)
    assert found["dwell_s"]["min"] == found["dwell_s"]["max"] == pytest.approx(20.0)  # r0 began inside: not counted
    assert (found["visits"], found["handovers"], found["vehicles_covered"], found["rsus_visited"]) == (3, 1, 1, 3)
    assert found["never_visited"] == ["r3"]
    assert found["problems"] == ["1 of 4 RSUs are never visited"]


def test_what_does_not_fit_is_said() -> None:
    trace = trace_of({"a": [[(0.0, 0.0, 0.0), (100.0, 1000.0, 0.0)], [(200.0, 0.0, 0.0), (300.0, 1000.0, 0.0)]]})
    nowhere = overlap(trace, discs((1e5, 10.0)))
    assert nowhere["problems"][0].startswith("no vehicle is ever in a zone")
    assert (nowhere["covered_s"], nowhere["gap_s"]["max"]) == (0.0, None)
    apart = overlap(trace, discs((200.0, 10.0), (800.0, 10.0)))
    assert apart["handovers"] == 0
    assert len(apart["problems"]) == 2
    assert apart["problems"][0] == "vehicles are out of coverage 96% of their time"
    # The time between two trips is no gap: nobody is there.
    assert apart["gap_s"]["min"] == apart["gap_s"]["max"] == pytest.approx(58.0)


@pytest.mark.parametrize("seed", range(3))
def test_coverage_agrees_with_looking_every_millisecond(seed: int) -> None:
    rng = stream(seed, "overlap")
    fixes = [(float(t), *rng.uniform(-300.0, 300.0, 2)) for t in range(0, 60, 10)]
    trace = trace_of({"a": [fixes[:3], fixes[3:]], "b": [[(0.0, 0.0, 0.0), (50.0, 100.0, 0.0)]]})
    sites = discs(*((float(x), float(r)) for x, r in rng.uniform((-300.0, 50.0), (300.0, 150.0), (4, 2))))
    found = overlap(trace, sites)
    moments = np.arange(0, 50_000) * 1_000_000 + 500_000
    total, changes = 0.0, 0
    for vehicle in range(2):
        inside = covers(sites)(Positions(trace).at(np.full(len(moments), vehicle), moments))
        there = np.isfinite(Positions(trace).at(np.full(len(moments), vehicle), moments)[:, 0])
        total += inside.any(axis=1).sum() / 1000.0
        left = inside[:-1] & ~inside[1:] & there[1:, None]
        changes += int((left.any(axis=1) & inside[1:].any(axis=1)).sum())
    assert found["covered_s"] == pytest.approx(total, abs=0.05)
    assert found["handovers"] == changes
