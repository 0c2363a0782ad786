"""Ctrl-C at many moments of a sweep: how long it takes to end, what it leaves running, and whether the rest is made.

python tests/benchmarks/ctrl_c.py [--moments 50] [--runs 60] [--seed 0]

Each time a sweep into a fresh store is started with two workers and gets SIGINT after a random part of the time that it
takes in peace. It must exit with 130 within 2 s, leave no process, print the command to go on with, and leave a store
that verifies; that command must then make what is missing. Exit code 1 otherwise.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import short_runs

from simmig.compare.store import Store
from simmig.rng import stream

MOST_S = 2.0


def start(scenario: Path, store: Path, runs: int) -> subprocess.Popen[str]:
    """A sweep in a session of its own, as from a shell."""
    command = [sys.executable, "-m", "simmig", "sweep", str(scenario), "--seeds", str(runs), "--workers", "2"]
    command += ["--store", str(store)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process and all that it has started."""
    try:
        parent = psutil.Process(process.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def interrupted(scenario: Path, store: Path, runs: int, after_s: float) -> tuple[float, str]:
    """Seconds from Ctrl-C to the end, and what is wrong."""
    process = start(scenario, store, runs)
    time.sleep(after_s)
    members = family(process)
    begun = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    took_s = time.monotonic() - begun
    _, alive = psutil.wait_procs(members, timeout=1.0)
    # 0: it was done already.
    faults = [] if process.returncode in (0, 130, -signal.SIGINT) else [f"exit code {process.returncode}"]
    faults += [f"{len(alive)} processes left"] if alive else []
    if process.returncode == -signal.SIGINT and store.exists():  # before the command began there is nothing to keep
        faults.append("ended by the signal itself")
    if process.returncode == 130:
        lines = [line for line in err.splitlines() if "simmig sweep" in line]
        again = lines[-1][lines[-1].index("simmig sweep") :] if lines else ""
        if not again:
            faults.append("no command to go on with")
        elif subprocess.run([sys.executable, "-m", *shlex.split(again)], capture_output=True).returncode:
            faults.append("the command to go on with failed")
        elif len(list(Store.open(store).keys())) != runs:
            faults.append("runs are missing")
    if store.exists() and (problems := Store.open(store).verify()):
        faults.append(str(problems[0]))
    return took_s, "; ".join(faults)


def main() -> None:
    """Interrupt at every moment and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = stream(asked.seed, "ctrl-c")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = short_runs.write_scenario(folder)
        begun = time.monotonic()
        start(scenario, folder / "peace", asked.runs).communicate()
        whole_s = time.monotonic() - begun
        print(f"in peace {whole_s:.1f} s", flush=True)
        times, bad, early = [], 0, 0
        for number in range(asked.moments):
            after_s = float(rng.uniform(0.0, 0.95 * whole_s))
            took_s, faults = interrupted(scenario, folder / f"store{number}", asked.runs, after_s)
            times.append(took_s)
            early += not (folder / f"store{number}").exists()
            is_bad = bool(faults) or took_s > MOST_S
            bad += is_bad
            if is_bad:
                print(f"after {after_s:.2f} s: took {took_s:.2f} s; {faults}", flush=True)
    print(f"{asked.moments} moments: median {sorted(times)[len(times) // 2]:.2f} s, longest {max(times):.2f} s")
    print(f"{early} before anything was begun; {bad} wrong")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
