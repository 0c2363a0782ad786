"""Coverage, nearest RSU, positions and triggers at the size of the main job: CPU seconds and peak memory.

python tests/benchmarks/bench_coverage.py [--vehicles 10000]

Random-waypoint vehicles for 3600 s at 1 s fixes on 5000 m x 2500 m with 50 discs of about 500 m. Prints each step's CPU
seconds, also for 36 million fixes in proportion, and by how much the resident memory rose above what was there before;
then microseconds for each question that a run asks. Nothing is asserted, because times are not tests.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simmig.mobility.coverage import coverage_intervals, covers, first_service
from simmig.mobility.nearest import nearest_changes
from simmig.mobility.positions import Positions, distance_m
from simmig.mobility.sites import Sites
from simmig.mobility.synthesis.random_waypoint import random_waypoint
from simmig.mobility.trace import Trace
from simmig.mobility.triggers import TriggerScene, a3, coverage_exit, nearest

AREA_M = (5000.0, 2500.0)
RSUS = 50
FULL_SIZE = 36_000_000


def make_sites(rng: np.random.Generator) -> Sites:
    place = np.column_stack((rng.uniform((0.0, 0.0), AREA_M, (RSUS, 2)), np.zeros(RSUS)))
    ids = tuple(f"r{j:02d}" for j in range(RSUS))
    heights = np.tile((-math.inf, math.inf), (RSUS, 1))
    return Sites(ids, place, ("disc",) * RSUS, rng.uniform(450.0, 550.0, RSUS), heights, (None,) * RSUS)


def shaken(trace: Trace) -> Trace:
    """Return the trace with errors of half a metre, as recorded ones have: no three fixes on a line."""
    rng = np.random.default_rng(3)
    x_m, y_m = (axis + rng.normal(0.0, 0.5, len(axis)) for axis in (trace.x_m, trace.y_m))
    return replace(trace, x_m=x_m, y_m=y_m)


def memory_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1e3


def timed(what: str, fixes: int, work: Callable[[], Any]) -> Any:
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts again from here
    before_mb, begin_s = memory_mb("VmRSS"), time.process_time()
    result = work()
    cpu_s = time.process_time() - begin_s
    extra_mb = memory_mb("VmHWM") - before_mb
    print(f"{what:32s} {cpu_s:7.2f} s   {cpu_s * FULL_SIZE / fixes:7.2f} s for 36 M fixes   +{extra_mb:5.0f} MB")
    return result


def ask_all(scene: TriggerScene, trigger: coverage_exit.Trigger | nearest.Trigger | a3.Trigger, most: int) -> None:
    """Send every vehicle where its trigger wants it, from its first service to its last trip's end."""
    placements = first_service(scene.coverage, scene.sites, scene.positions)
    armed = timed(
        f"arm {type(trigger).__module__.rpartition('.')[2]}", scene.trace.fix_count, lambda: trigger.arm(scene)
    )
    asked, begin_s = 0, time.process_time()
    for vehicle, now, host in placements:
        found = armed.next(vehicle, host, now, retry=False)
        while found is not None and asked < most:
            now, host = found[0], host if found[1] < 0 else found[1]
            found = armed.next(vehicle, host, now, retry=False)
            asked += 1
    print(f"  {asked} questions, {(time.process_time() - begin_s) / max(asked, 1) * 1e6:.2f} us each")


def ask_positions(trace: Trace, positions: Positions, sites: Sites) -> None:
    rng, contained = np.random.default_rng(0), covers(sites)
    for count in (300, 1000):
        rounds = [
            (rng.integers(0, trace.vehicle_count, count), rng.integers(0, 3599 * 10**9, count)) for _ in range(200)
        ]
        begin_s = time.process_time()
        points = [positions.at(vehicle, time_ns) for vehicle, time_ns in rounds]
        found_s = time.process_time()
        for point in points:
            contained(point)
        covered_s = time.process_time()
        each = [(end - start) / len(rounds) * 1e6 for start, end in ((begin_s, found_s), (found_s, covered_s))]
        print(f"{count} positions: {each[0]:.0f} us, their zones: {each[1]:.0f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vehicles", type=int, default=10_000)
    vehicles = parser.parse_args().vehicles
    trace = random_waypoint(vehicles, AREA_M, (8.0, 20.0), (0.0, 30.0), 3600.0, fix_interval_s=1.0, seed=1)
    sites, fixes = make_sites(np.random.default_rng(1)), trace.fix_count
    print(f"{vehicles} vehicles, {fixes} fixes, {RSUS} RSUs")
    coverage = timed("coverage_intervals", fixes, lambda: coverage_intervals(trace, sites))
    changes = timed("nearest_changes", fixes, lambda: nearest_changes(trace, sites.xyz_m))
    bonus_db = np.random.default_rng(2).uniform(0.0, 6.0, RSUS)
    timed("nearest_changes, unequal powers", fixes, lambda: nearest_changes(trace, sites.xyz_m, bonus_db))
    crooked = shaken(trace)
    timed("coverage_intervals, no legs", fixes, lambda: coverage_intervals(crooked, sites))
    timed("nearest_changes, no legs", fixes, lambda: nearest_changes(crooked, sites.xyz_m))
    timed("distance_m", fixes, lambda: distance_m(trace))
    print(f"{len(coverage.rsu)} visits, {len(changes.rsu)} changes of the nearest")
    positions = Positions(trace)
    ask_positions(trace, positions, sites)
    scene = TriggerScene(trace, sites, positions, coverage, np.zeros(RSUS), 2.0)
    ask_all(scene, coverage_exit.Trigger(), 200_000)
    ask_all(scene, coverage_exit.Trigger(margin_m=20.0), 200_000)
    ask_all(scene, nearest.Trigger(), 200_000)
    ask_all(scene, a3.Trigger(), 5_000)


if __name__ == "__main__":
    main()
