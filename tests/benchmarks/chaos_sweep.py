"""Kills a sweep again and again, goes on with it each time, and compares what comes out with a sweep left in peace.

python tests/benchmarks/chaos_sweep.py [--runs 1000] [--kills 100] [--seed 0] [--ray]

Short runs, one for each seed, are made by `simmig sweep` with two workers. At random moments the driver, a worker or
the guard gets SIGKILL; with --ray also a node of a cluster of two, with all its processes. A driver that has gone is
started again with the same command. At the end every run must be in the store, with the very manifest of the peaceful
store, and nothing else; after the death of a driver all its processes must be gone within 2 s. Exit code 1 otherwise.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import short_runs

from simmig.compare.manifest import NAME
from simmig.compare.store import Store
from simmig.rng import stream

sys.path.insert(0, str(Path(__file__).parents[1]))
import ray_nodes

ORPHANS_S = 2.0
HURRY = 0.2  # of the kills come after some time, the others after some more runs
TARGETS = {"driver": 0.35, "worker": 0.6, "guard": 0.05}
TARGETS_ON_RAY = {"driver": 0.2, "worker": 0.5, "node": 0.3}
MOST_ENDS = 20  # of a driver by itself, without all runs done


class Nodes:
    """A Ray cluster of two nodes, of which the second can be killed."""

    def __init__(self, stack, folder):
        self.folder = folder
        self.stack = stack
        self.address, self.first = stack.enter_context(ray_nodes.head(folder))
        self.start()

    def start(self):
        self.second = self.stack.enter_context(ray_nodes.node(self.folder, f"--address={self.address}"))

    def kill(self):
        ray_nodes.end(self.second)
        self.start()


class Sweep:
    """A sweep into a folder, whose driver is started, killed and started again."""

    def __init__(self, folder, scenario, runs, nodes=None):
        folder.mkdir()
        self.store = folder / "store"
        self.log = folder / "log.txt"
        self.nodes = nodes
        where = ["--ray", nodes.address] if nodes else ["--workers", "2"]
        self.command = [sys.executable, "-m", "simmig", "sweep", str(scenario), "--seeds", str(runs), "--retry-failed"]
        self.command += ["--store", str(self.store), *where]
        self.orphans = self.starts = 0
        self.start()

    def start(self):
        self.starts += 1
        with self.log.open("a") as log:
            self.driver = psutil.Popen(self.command, stdout=log, stderr=log)

    def done(self):
        return sum(1 for _ in self.store.glob(f"runs/*/*/{NAME}"))

    def kill(self, what, rng):
        """Kill one process of a kind; return whether there was one."""
        if what == "node":
            self.nodes.kill()
        elif what == "driver":
            self.kill_driver()
        else:
            roots = [self.nodes.first, self.nodes.second] if self.nodes else [self.driver]
            found = [one for root in roots for one in ray_nodes.runs_of(root)] if what == "worker" else self.guards()
            if not found:
                return False
            with suppress(psutil.NoSuchProcess):
                found[rng.integers(len(found))].kill()
        return True

    def guards(self):
        with suppress(psutil.NoSuchProcess):
            return [one for one in self.driver.children() if "".join(one.cmdline()).endswith("guard.py")]
        return []

    def kill_driver(self):
        family = self.driver.children(recursive=True)
        self.driver.kill()
        self.driver.wait()
        _, alive = psutil.wait_procs(family, timeout=ORPHANS_S)
        self.orphans += sum(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in alive)
        self.start()

    def finish(self):
        """Go on until the driver says that all is done; return its exit code."""
        for _ in range(MOST_ENDS):
            if self.driver.wait() == 0:
                break
            self.start()
        return self.driver.wait()


def torment(sweep, runs, kills, rng):
    """Kill so often, spread over the whole sweep; return how often what was killed."""
    targets = TARGETS_ON_RAY if sweep.nodes else TARGETS
    killed = Counter()
    for number in range(1, kills + 1):
        if rng.random() < HURRY:
            time.sleep(rng.uniform(0.0, 3.0))
        else:
            wait_for(sweep, runs * number // (kills + 1))
            time.sleep(rng.uniform(0.0, 0.3))
        if sweep.driver.poll() is not None:
            if sweep.done() == runs:
                break
            sweep.start()
        what = rng.choice(list(targets), p=list(targets.values()))
        killed[str(what)] += sweep.kill(what, rng)
    return killed


def wait_for(sweep, runs):
    while sweep.done() < runs:
        if sweep.driver.poll() is not None:
            sweep.start()
        time.sleep(0.05)


def faults(sweep, peaceful):
    """What differs from a sweep in peace, one line each."""
    found, expected = Store.open(sweep.store), Store.open(peaceful.store)
    yield from found.verify()
    yield from (f"{key}: failed: {failure['message']}" for key, failure in found.failures().items())
    keys, wanted = found.keys(), expected.keys()
    yield from (f"{key}: lost" for key in wanted if key not in keys)
    yield from (f"{key}: nobody has asked for it" for key in keys if key not in wanted)
    for key in sorted({*keys} & {*wanted}):
        if (found.folder(key) / NAME).read_bytes() != (expected.folder(key) / NAME).read_bytes():
            yield f"{key}: not the run that it is in peace"
    if sweep.orphans:
        yield f"{sweep.orphans} processes were there {ORPHANS_S:g} s after their driver had been killed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of what is killed, and when")
    parser.add_argument("--ray", action="store_true", help="on a Ray cluster of two nodes, which are killed too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        scenario = short_runs.write_scenario(folder)
        begun_s = time.monotonic()
        peaceful = Sweep(folder / "peaceful", scenario, given.runs)
        assert peaceful.driver.wait() == 0, peaceful.log.read_text()
        print(f"in peace: {given.runs} runs in {time.monotonic() - begun_s:.0f} s", flush=True)
        sweep = Sweep(folder / "killed", scenario, given.runs, Nodes(stack, folder) if given.ray else None)
        begun_s = time.monotonic()
        killed = torment(sweep, given.runs, given.kills, stream(given.seed, "chaos"))
        code = sweep.finish()
        print(f"killed: {dict(killed)}, {sweep.starts} drivers in {time.monotonic() - begun_s:.0f} s", flush=True)
        wrong = list(faults(sweep, peaceful))
        if code:
            wrong.append(f"exit code {code}; the last lines:\n" + sweep.log.read_text()[-2000:])
        print("\n".join(wrong) if wrong else f"all {given.runs} runs as in peace, nothing else, no process left behind")
        return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
