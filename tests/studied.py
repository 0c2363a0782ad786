"""What tests of studies share: a small scenario with an agent that fails by luck, and workers in this process."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from simmig.compare.jobs import Job, Outcome
from simmig.compare.perform import perform

MOODY = '''
import time

import simmig


class Agent(simmig.Agent):
    """Asks its cost, after a while, or raises in this share of its answers."""

    wait_s: float = 0.0
    share: float = 0.0

    def price(self, view):
        time.sleep(self.wait_s)
        if view.draws.uniform() < self.share:
            raise RuntimeError(f"not today, {view.rsu[0]}, round {view.round}")
        return view.cost
'''


class Here:
    """Workers that make every run in this process; `ended` are outcomes by key given instead of making a run."""

    def __init__(self, ended: dict[str, Outcome] | None = None) -> None:
        self.ended = ended or {}
        self.made: list[str] = []
        self.is_open = False

    def __enter__(self) -> Self:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        for job in jobs:
            self.made.append(job.key)
            yield self.ended[job.key] if job.key in self.ended else perform(job)


def write_street(repository: Path, folder: Path) -> None:
    """Write street.toml with its traces into a folder, and the agent moody.py."""
    for name in ("scenarios/street.toml", "traces/street.csv", "traces/street_rsus.csv"):
        text = (repository / name).read_text(encoding="utf-8").replace("../traces/", "")
        (folder / Path(name).name).write_text(text, encoding="utf-8")
    (folder / "moody.py").write_text(MOODY, encoding="utf-8")
