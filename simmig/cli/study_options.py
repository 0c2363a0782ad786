"""The options that `simmig sweep` and `simmig compare` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(metavar="SCENARIO|PLAN", help="scenario file, or plan of a study (TOML)")]
Vary = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH=VALUES",
        help="vary a setting: market.round_s=0.2,0.5 or radio.tx_power_dbm=20:46:5 (from:to:how many[:log][:int]); "
        "may be given again",
    ),
]
Leaders = Annotated[str | None, typer.Option(metavar="A,B,...", help="agents that price, such as stackelberg,greedy")]
Followers = Annotated[str | None, typer.Option(metavar="A,B,...", help="agents that buy")]
Samples = Annotated[
    int | None,
    typer.Option("--latin-hypercube", metavar="N", help="draw N combinations, spread evenly, instead of all of them"),
]
Seeds = Annotated[
    str | None,
    typer.Option(metavar="N", help="how many seeds, from 0, or a list: 3,5,8 [default: 10; to compare, 30]"),
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="what the study is called in the store")]
Measure = Annotated[
    list[str] | None, typer.Option("--measure", metavar="NAME", help="what the table is about; may be given again")
]
StoreFolder = Annotated[Path | None, typer.Option("--store", metavar="DIR", help="store of runs [default: runs/store]")]
Slots = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="runs side by side [default: all cores]", min=1, max=4096)
]
RayAddress = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="let a Ray cluster make the runs, such as auto")
]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit-s", metavar="S", help="longest time for a run, seconds", min=0.1)
]
MemoryLimit = Annotated[
    float | None, typer.Option("--memory-limit-mb", metavar="MB", help="most memory of a run, MB", min=1.0)
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="make runs again that have failed before")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check everything and list the runs, but make none")]
OutFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="folder for the results [default: in the store]")
]


@dataclass(frozen=True, slots=True)
class How:
    """How a study is run, and where its results go."""

    store: Path | None
    workers: int | None
    ray: str | None
    time_limit_s: float | None
    memory_limit_mb: float | None
    retry_failed: bool
    dry_run: bool
    out: Path | None
    as_json: bool

    def told(self) -> list[str]:
        """Return the options that are needed to go on with the study."""
        given: dict[str, object] = {
            "--store": self.store,
            "--workers": self.workers,
            "--ray": self.ray,
            "--out": self.out,
        }
        given |= {"--time-limit-s": self.time_limit_s, "--memory-limit-mb": self.memory_limit_mb}
        flags = ["--retry-failed"] if self.retry_failed else []
        return [word for option, value in given.items() if value is not None for word in (option, str(value))] + flags
