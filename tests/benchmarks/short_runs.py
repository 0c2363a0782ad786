"""A scenario whose runs are short, and jobs of it, for the benchmarks of sweeps. A worker can import this by name."""

import time
from pathlib import Path

from simmig.compare import perform as performing
from simmig.compare.identity import fingerprint
from simmig.compare.jobs import Job, Outcome
from simmig.scenario import load_scenario

SCENARIO = """
schema = 1
name = "short"
seed = 1

[[fleet]]
name = "cars"
kind = "av"
trace = { path = "cars.csv" }
twin = { size_bit = { uniform = [8e7, 4e8] }, cycles = 5e9 }
preferences = { alpha = 30.0, beta = 30.0 }

[rsus]
radius_m = 450.0
defaults = { compute_hz = 15e9, bandwidth_hz = 2e7, cost = 1.0, price_max = 15.0 }
[[rsus.unit]]
id = "a"
x_m = 0.0
y_m = 0.0
[[rsus.unit]]
id = "b"
x_m = 500.0
y_m = 0.0

[radio]
preset = "paper-002"

[migration]
trigger = { kind = "nearest" }

[market]
game = { kind = "social" }
round_s = 0.5

[agents]
leaders = { kind = "stackelberg" }
followers = { kind = "best_response" }
"""


def write_scenario(folder: Path) -> Path:
    """Write a scenario of four cars that drive from one RSU to another, over and over, for a minute."""
    rows = [f"car{i},{t},{(40.0 * i + 20.0 * t) % 500.0},0" for i in range(4) for t in range(60)]
    (folder / "cars.csv").write_text("\n".join(["vehicle,t_s,x_m,y_m", *rows, ""]))
    file = folder / "short.toml"
    file.write_text(SCENARIO)
    return file


def jobs_of(scenario: Path, store: Path, seeds: range) -> list[Job]:
    """Return a job for every seed."""
    settings = [(f"seed={seed}",) for seed in seeds]
    return [Job(fingerprint(load_scenario(scenario, one)), str(scenario), one, str(store)) for one in settings]


def perform(job: Job) -> Outcome:
    """Make the run; the message is the wall and the CPU time that it took in the worker, in seconds."""
    return _timed(performing.perform, job)


def spin(job: Job) -> Outcome:
    """Be busy for the CPU seconds that the override names; the message as that of `perform`."""
    return _timed(_spin, job)


def _spin(job: Job) -> Outcome:
    until_s = time.process_time() + float(job.overrides[0])
    while time.process_time() < until_s:
        pass
    return Outcome(job.key, digest="")


def _timed(function, job: Job) -> Outcome:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    outcome = function(job)
    assert outcome.is_done, outcome
    took = f"{time.perf_counter() - wall_s} {time.process_time() - cpu_s}"
    return Outcome(job.key, message=took, digest=outcome.digest)
