"""What a worker adds to a run, and what a second one brings.

python tests/benchmarks/bench_sweep.py [--runs 40] [--jobs 12] [--seconds 0.5]

Prints, for short runs of four vehicles, medians of the wall and the CPU time of the bare `run` and of `perform` (the
same with a key, a manifest and fsync into a store), made in turn in this process; then what a worker adds to them: the
time from one outcome to the next less the time inside. Then jobs of so many CPU seconds each, by one and by two
workers: two take half as long where they have a core each. What else the machine does spoils wall figures, hence its
load, and the share of a core that the jobs got. Nothing is asserted, because times are not tests.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import short_runs

from simmig.compare.jobs import Job
from simmig.compare.perform import perform
from simmig.compare.store import Store
from simmig.compare.workers.local import LocalWorkers
from simmig.run import run
from simmig.scenario import load_scenario


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.5)
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before anything was started")
    with tempfile.TemporaryDirectory() as folder:
        in_this_process(Path(folder), given.runs)
        in_a_worker(Path(folder), given.runs)
    side_by_side(given.jobs, given.seconds)


def in_this_process(folder, runs):
    scenario = short_runs.write_scenario(folder)
    Store.open(folder / "here", create=True)
    bare, stored = [], []
    for job in short_runs.jobs_of(scenario, folder / "here", range(runs + 1)):
        bare.append(
            spent(lambda job=job: run(load_scenario(scenario, job.overrides), out=folder / job.key, report=False))
        )
        stored.append(spent(lambda job=job: perform(job)))
    # The first of each has paid for imports.
    bare_s, stored_s = np.array(bare[1:]), np.array(stored[1:])
    tell("bare run", bare_s)
    tell("perform, into a store", stored_s)
    tell("which is more by", stored_s - bare_s)


def spent(function):
    """Return the wall and the CPU seconds that a function takes."""
    begun = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def tell(what, seconds):
    wall_ms, cpu_ms = np.median(seconds, axis=0) * 1e3
    print(f"{what:32} {wall_ms:8.1f} ms wall {cpu_ms:8.1f} ms CPU")


def in_a_worker(folder, runs):
    Store.open(folder / "there", create=True)
    jobs = short_runs.jobs_of(folder / "short.toml", folder / "there", range(runs + 1))
    more = []
    with LocalWorkers(1, short_runs.perform) as workers:
        outcomes = workers.outcomes(jobs)
        next(outcomes)
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for outcome in outcomes:
            inside_s = float(outcome.message.split()[0])
            more.append((time.perf_counter() - wall_s - inside_s, time.process_time() - cpu_s))
            wall_s, cpu_s = time.perf_counter(), time.process_time()
    tell("a worker adds, in the driver", np.array(more))


def side_by_side(count, seconds):
    jobs = [Job(str(i), "spin", (str(seconds),), "") for i in range(count)]
    took_s = {}
    for slots in (1, 2):
        with LocalWorkers(slots, short_runs.spin) as workers:
            list(workers.outcomes(jobs[:slots]))  # by now all have been started
            begun_s = time.perf_counter()
            inside_s = [float(outcome.message.split()[0]) for outcome in workers.outcomes(jobs)]
            took_s[slots] = time.perf_counter() - begun_s
        share = seconds * count / sum(inside_s)
        print(
            f"{count} jobs of {seconds:g} CPU s, {slots} slots {took_s[slots]:8.2f} s wall, {share:.0%} of a core each"
        )
    print(f"two workers are {took_s[1] / took_s[2]:.2f} times one")


if __name__ == "__main__":
    main()
