"""Everything that happens in a run as one list in order of time, from which its state at any instant follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.metrics import column

if TYPE_CHECKING:
    import pandas as pd


class MarkKind(IntEnum):
    """What happens; a mark's subject is the number of a vehicle, a migration, a row of the rounds or a fault."""

    PLACED = 0  # vehicle: its twin starts at its first host
    REQUESTED = 1  # migration
    COPYING = 2
    COPIED = 3
    WAITING = 4
    SERVED = 5
    ENDED = 6
    PRICED = 7  # row of the rounds
    DOWN = 8  # row of the faults
    UP = 9


OF_MIGRATIONS = {
    MarkKind.REQUESTED: "requested_s",
    MarkKind.COPYING: "transfer_start_s",
    MarkKind.COPIED: "transfer_end_s",
    MarkKind.WAITING: "queued_s",
    MarkKind.SERVED: "service_start_s",
    MarkKind.ENDED: "ended_s",
}


@dataclass(frozen=True, slots=True)
class Marks:
    """N marks in order of time: time_s[N], kind[N] of MarkKind, subject[N].

    first_host[V], placed_s[V]: where and when each twin starts, -1 and NaN if it is not known. fault_rsu[F],
    fault_s[F]: the subjects of DOWN and UP.
    """

    time_s: FloatArray
    kind: NDArray[np.uint8]
    subject: NDArray[np.int32]
    first_host: NDArray[np.int32]
    placed_s: FloatArray
    fault_rsu: NDArray[np.int32]
    fault_s: FloatArray


def codes(names: pd.Series, known: pd.Series) -> IntArray:
    """Return the position of each name among the known ones, -1 where it is missing."""
    import pandas as pd

    found: IntArray = pd.Index(known.astype(object)).get_indexer(names.astype(object)).astype(np.int64)
    return found


def make_marks(tables: dict[str, pd.DataFrame]) -> Marks:
    """Return the marks of a run from its tables, migrations in order of their number.

    At one instant a migration's moments stay in their order and an older migration goes first: it may have been
    superseded by the newer one. A run that was interrupted has no events, so its twins are placed with their first
    request, and those that never move are not known.
    """
    time_s: list[FloatArray] = []
    kind: list[NDArray[np.uint8]] = []
    subject: list[IntArray] = []

    def add(what: MarkKind, at_s: FloatArray, of: IntArray) -> None:
        reached = np.isfinite(at_s)
        time_s.append(at_s[reached])
        kind.append(np.full(np.count_nonzero(reached), what, dtype=np.uint8))
        subject.append(of[reached])

    vehicle, at_s, host = _placements(tables)
    first_host = np.full(len(tables["vehicles"]), -1, dtype=np.int32)
    placed_s = np.full(len(first_host), np.nan)
    first_host[vehicle], placed_s[vehicle] = host, at_s
    add(MarkKind.PLACED, placed_s, np.arange(len(placed_s)))
    for what, name in OF_MIGRATIONS.items():
        add(what, column(tables["migrations"], name), np.arange(len(tables["migrations"])))
    add(MarkKind.PRICED, column(tables["rounds"], "time_s"), np.arange(len(tables["rounds"])))
    fault_s, rsu, is_down = _faults(tables)
    add(MarkKind.DOWN, np.where(is_down, fault_s, np.nan), np.arange(len(fault_s)))
    add(MarkKind.UP, np.where(is_down, np.nan, fault_s), np.arange(len(fault_s)))
    times, kinds, subjects = np.concatenate(time_s), np.concatenate(kind), np.concatenate(subject)
    rank = np.where((kinds >= MarkKind.REQUESTED) & (kinds <= MarkKind.ENDED), subjects, -1)
    order = np.lexsort((kinds, rank, times))
    return Marks(
        times[order],
        kinds[order],
        subjects[order].astype(np.int32),
        first_host,
        placed_s,
        rsu.astype(np.int32),
        fault_s,
    )


def _placements(tables: dict[str, pd.DataFrame]) -> tuple[IntArray, FloatArray, IntArray]:
    """Return (vehicle, time, RSU) of each twin's first host."""
    vehicles, rsus = tables["vehicles"]["vehicle"], tables["rsus"]["rsu"]
    if "events" in tables:
        placed = tables["events"][tables["events"]["event"] == "placed"]
        return codes(placed["vehicle"], vehicles), column(placed, "time_s"), codes(placed["rsu"], rsus)
    first = tables["migrations"].drop_duplicates("vehicle")
    return codes(first["vehicle"], vehicles), column(first, "requested_s"), codes(first["source"], rsus)


def _faults(tables: dict[str, pd.DataFrame]) -> tuple[FloatArray, IntArray, BoolArray]:
    """Return (time, RSU, whether it goes down) of every fault's begin and end."""
    if "events" not in tables:
        return np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
    found = tables["events"][tables["events"]["event"].isin(("rsu_down", "rsu_up"))]
    is_down: BoolArray = (found["event"] == "rsu_down").to_numpy(dtype=bool)
    return column(found, "time_s"), codes(found["rsu"], tables["rsus"]["rsu"]), is_down
