"""Small run folders to fill a store with, without running anything."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from simmig.compare.store import Store


def key_of(number: int) -> str:
    """A key as a fingerprint looks."""
    return sha256(str(number).encode()).hexdigest()[:32]


def write_run(folder: Path, number: int, **facts: Any) -> None:
    """Write the files of run `number` into a folder that is there: always the same, but for what `facts` say."""
    run = {
        "schema": 1,
        "scenario": {"name": "small"},
        "scenario_folder": "..",
        "seed": number,
        "agents": {"leaders": "greedy", "followers": "best_response"},
        "status": "complete",
        "digest": sha256(f"run {number}".encode()).hexdigest(),
        "wall_s": 0.5,
        **facts,
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "summary.json").write_text(json.dumps({"schema": 1, "requests": number, "delay_s": {"mean": None}}))
    (folder / "events.parquet").write_bytes(f"PAR1 {number}".encode() * 3000)


def add_run(store: Store, number: int, **facts: Any) -> bool:
    """Add run `number` to a store; returns whether it is new."""
    with store.workspace() as work:
        write_run(work, number, **facts)
        return store.add(work, key_of(number))
