"""The whole of `simmig run` against a bare SimPy loop that does just the events, measured in one go.

python tests/benchmarks/bench_main_job.py [--vehicles 10000] [--market] [--keep DIR]

Random-waypoint vehicles for 3600 s at 1 s fixes on 5000 m x 2500 m with 50 RSUs, nearest-RSU migrations. The bare
loop fires the same triggers, ends of copies and completions at the same instants, and does nothing else, once as SimPy
programs are usually written and once without processes.
Prints CPU seconds, their ratio and the peak memory; nothing is asserted, because times are not tests.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

SCENARIO = """
schema = 1
name = "bench"
seed = 1
duration_s = 3600.0

[[fleet]]
name = "cars"
kind = "av"
trace = {{ path = "trace.parquet" }}
twin = {{ size_bit = {{ uniform = [8e7, 4e8] }}, cycles = 5e9, deadline_s = 4.0 }}
preferences = {{ alpha = {{ normal = [30.0, 1.0], low = 20.0, high = 40.0 }}, beta = 30.0 }}

[rsus]
path = "rsus.csv"
radius_m = 700.0
defaults = {{ compute_hz = 15e9, bandwidth_hz = 2e7, cost = 1.0, price_max = 15.0 }}

[radio]
preset = "paper-002"

[migration]
trigger = {{ kind = "nearest" }}
queue = {{ kind = "background_mm1" }}
{market}
"""

MARKET = """
[market]
game = { kind = "social" }
round_s = 1.0

[social]
generator = { kind = "watts_strogatz_graph", k = 4, p = 0.1 }
weight = 5.0

[agents]
leaders = { kind = "stackelberg" }
followers = { kind = "best_response" }
"""

MAKE = """
import sys
from pathlib import Path
from simmig.mobility.formats.parquet import write_canonical
from simmig.mobility.synthesis.random_waypoint import random_waypoint
from simmig.rng import stream

folder, vehicles = Path(sys.argv[1]), int(sys.argv[2])
area_m, speed_m_s, pause_s = (5000.0, 2500.0), (8.0, 20.0), (0.0, 0.0)
trace = random_waypoint(vehicles, area_m, speed_m_s, pause_s, 3600.0, fix_interval_s=1.0, seed=1)
write_canonical(trace, folder / "trace.parquet")
draw = stream(1, "sites")
rows = [f"r{j:02d},{draw.uniform(0, 5000):.3f},{draw.uniform(0, 2500):.3f}" for j in range(50)]
(folder / "rsus.csv").write_text("id,x_m,y_m\\n" + "\\n".join(rows) + "\\n")
"""

BARE = """
import resource, sys
import duckdb, simpy

rows = duckdb.sql(f"SELECT requested_s, transfer_end_s, completed_s FROM '{sys.argv[1]}/migrations.parquet' "
                  "WHERE completed_s IS NOT NULL ORDER BY requested_s").fetchnumpy()
moments = list(zip(*(rows[name].tolist() for name in rows)))

def cpu_s(simulate):
    env = simpy.Environment()
    before = resource.getrusage(resource.RUSAGE_SELF)
    env.process(simulate(env))
    env.run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

def with_processes(env):
    def migration(copy_s, start_s):
        yield env.timeout(copy_s)
        yield env.timeout(start_s)
    for requested, copied, completed in moments:
        yield env.timeout(requested - env.now)
        env.process(migration(copied - requested, completed - copied))

def with_callbacks(env):
    def copied(event):
        env.timeout(event.value).callbacks.append(lambda _: None)
    for requested, end, completed in moments:
        yield env.timeout(requested - env.now)
        env.timeout(end - requested, completed - end).callbacks.append(copied)

print(len(moments), cpu_s(with_processes), cpu_s(with_callbacks))
"""


def measured(command: list[str]) -> tuple[float, float, str]:
    """Return the CPU seconds and the peak MB of a command, and what it printed."""
    code = textwrap.dedent(
        """
        import json, resource, subprocess, sys
        answer = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True, check=True)
        use = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(json.dumps([use.ru_utime + use.ru_stime, use.ru_maxrss / 1024, answer.stdout]))
        """
    )
    answer = subprocess.run([sys.executable, "-c", code, *command], stdout=subprocess.PIPE, text=True, check=True)
    cpu_s, peak_mb, printed = json.loads(answer.stdout)
    return cpu_s, peak_mb, printed


def main() -> None:
    """Make the input, run both, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vehicles", type=int, default=10_000)
    parser.add_argument("--market", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for input and output, used again if it has the input")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "trace.parquet").exists():
            cpu_s, peak_mb, _ = measured([sys.executable, "-c", MAKE, str(folder), str(arguments.vehicles)])
            print(f"made the trace: {cpu_s:.1f} CPU s, {peak_mb:.0f} MB")
        scenario = folder / "bench.toml"
        scenario.write_text(SCENARIO.format(market=MARKET if arguments.market else ""))
        out = Path(tempfile.mkdtemp(dir=folder)) / "run"
        command = [sys.executable, "-m", "simmig", "run", str(scenario), "--out", str(out), "--json"]
        cpu_s, peak_mb, _ = measured(command)
        counts = json.loads((out / "summary.json").read_text())
        print(f"simmig run: {cpu_s:.1f} CPU s, peak {peak_mb:.0f} MB")
        done, processes_s, callbacks_s = measured([sys.executable, "-c", BARE, str(out)])[2].split()
        print(f"bare SimPy for the {done} completed migrations, trigger, end of copy, completion each:")
        print(f"  a process for each migration: {float(processes_s):.1f} CPU s, ratio {cpu_s / float(processes_s):.2f}")
        print(f"  callbacks, no processes:      {float(callbacks_s):.1f} CPU s, ratio {cpu_s / float(callbacks_s):.2f}")
        print(f"outcomes {counts['outcomes']}, gaps {counts['market']['leader_gap']}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
