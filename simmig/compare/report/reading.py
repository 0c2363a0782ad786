"""What the figures need of the runs behind them, read from their folders: delays, and prices and sales over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simmig.compare._measures.columns import Read
from simmig.contracts import FloatArray
from simmig.metrics import column, is_done

PARTS = ("decision", "transfer", "queue", "reinstantiation", "total")
_LEVELS = 200  # quantiles kept of each run: so each run counts alike, however many migrations it had
_BINS = (10, 60)  # fewest and most stretches of time in a path
_ROUNDS = 8  # of a run in one stretch, or its mean is noise
_HZ_PER_MHZ = 1e6


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of the completed migrations of some runs by part, in seconds: quantiles, the same number of each run."""

    values_s: Mapping[str, FloatArray]
    migrations: int
    runs: int


@dataclass(frozen=True, slots=True)
class Paths:
    """Means of runs over stretches of time: `price[R, B]` weighted by sales, `sold_mhz[R, B]` in a round; NaN: none."""

    price: FloatArray
    sold_mhz: FloatArray


@dataclass(frozen=True, slots=True)
class _Rounds:
    """The rounds of one run: moment, bandwidth sold, and price times bandwidth, each summed over the RSUs."""

    time_s: FloatArray
    sold_hz: FloatArray
    priced: FloatArray


def read_delays(folders: Sequence[str], read: Read) -> Delays:
    """Return the delays of these runs."""
    found: dict[str, list[FloatArray]] = {part: [] for part in PARTS}
    migrations = runs = 0
    for folder in folders:
        table = read(Path(folder), "migrations", ("outcome", *(f"{part}_delay_s" for part in PARTS)))
        table = table[is_done(table)]
        migrations += len(table)
        runs += len(table) > 0
        for part in PARTS if len(table) else ():
            values = np.sort(column(table, f"{part}_delay_s"))
            at = np.ceil((np.arange(_LEVELS) + 0.5) / _LEVELS * len(values)).astype(np.int64) - 1
            found[part].append(values[at])
    empty = np.empty(0)
    return Delays({part: np.concatenate(of) if of else empty for part, of in found.items()}, migrations, runs)


def read_paths(folders: Mapping[str, Sequence[str]], read: Read) -> tuple[FloatArray, dict[str, Paths]]:
    """Return the middle of each stretch of time [B] in seconds and every agent's paths over them."""
    rounds = {agent: [_rounds(Path(folder), read) for folder in of] for agent, of in folders.items()}
    runs = [run for of in rounds.values() for run in of if len(run.time_s)]
    if not runs:
        return np.empty(0), {}
    end_s = max(float(run.time_s[-1]) for run in runs)
    fewest, most = _BINS
    bins = int(np.clip(np.median([len(run.time_s) for run in runs]) // _ROUNDS, fewest, most))
    edges = np.linspace(0.0, np.nextafter(end_s, np.inf), bins + 1)
    return (edges[:-1] + edges[1:]) / 2.0, {agent: _paths(of, edges) for agent, of in rounds.items() if of}


def _rounds(folder: Path, read: Read) -> _Rounds:
    table = read(folder, "rounds", ("round", "time_s", "price", "demand_hz"))
    number, sold_hz = table["round"].to_numpy(dtype=np.int64), column(table, "demand_hz")
    _, first, of_round = np.unique(number, return_index=True, return_inverse=True)
    return _Rounds(
        column(table, "time_s")[first],
        np.bincount(of_round, sold_hz, len(first)).astype(np.float64),
        np.bincount(of_round, sold_hz * column(table, "price"), len(first)).astype(np.float64),
    )


def _paths(runs: Sequence[_Rounds], edges: FloatArray) -> Paths:
    bins = len(edges) - 1
    price, sold_mhz = np.full((len(runs), bins), np.nan), np.full((len(runs), bins), np.nan)
    for k, run in enumerate(runs):
        at = np.searchsorted(edges, run.time_s, side="right") - 1
        count, sold, priced = (np.bincount(at, weights, bins) for weights in (None, run.sold_hz, run.priced))
        np.divide(priced, sold, out=price[k], where=sold > 0.0)
        np.divide(sold / _HZ_PER_MHZ, count, out=sold_mhz[k], where=count > 0)
    return Paths(price, sold_mhz)
