"""The table of events: every moment of the log in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import IntArray
from simmig.log import EventLog
from simmig.measure.blocks import order_by
from simmig.records import NEVER, NOBODY, FaultPhase, Outcome
from simmig.units import NS_PER_S

if TYPE_CHECKING:
    import pandas as pd

_MOMENTS = ("requested", "decided", "transfer_start", "transfer_end", "queued", "service_start")
_OF_SUBJECTS = ("vehicle", "source", "target", "migration")
_NAMES = ("placed", "rsu_down", "rsu_up", *_MOMENTS, *(outcome.label for outcome in Outcome))
_CODE = {name: np.int8(code) for code, name in enumerate(_NAMES)}
_WINDOW = 32_768  # events sorted at once, about: they fit the processor's cache
_SAMPLE = 1024  # one in so many events of a kind helps to place the windows


@dataclass(frozen=True, slots=True)
class _Events:
    """Events of one kind in order of time: which row of the subjects each concerns, and its code in `_NAMES`."""

    time_ns: IntArray
    code: NDArray[np.int8]
    row: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Subjects:
    """What events are about: placements, then faults, then migrations by number; small integers, NOBODY where none."""

    vehicle: NDArray[Any]
    source: NDArray[Any]
    target: NDArray[Any]
    migration: NDArray[np.int32]


def events_table(log: EventLog) -> pd.DataFrame:
    """Return one row for each moment that was reached, in order of time, then of kind, then of number.

    A migration's last event is named after its outcome.
    """
    import pandas as pd

    subjects, kinds = _read(log)
    count = sum(len(events.time_ns) for events in kinds)
    time_s, code, migration = np.empty(count), np.empty(count, np.int8), np.empty(count, np.int32)
    rsu, vehicle = np.empty(count, subjects.target.dtype), np.empty(count, subjects.vehicle.dtype)
    start = 0
    for part in _windows(kinds):
        here = slice(start, start + len(part.time_ns))
        time_s[here] = part.time_ns / NS_PER_S
        code[here] = part.code
        # Whoever asks for a migration does so at its source.
        is_request = part.code == _CODE["requested"]
        rsu[here] = np.where(is_request, subjects.source[part.row], subjects.target[part.row])
        vehicle[here] = subjects.vehicle[part.row]
        migration[here] = subjects.migration[part.row]
        start = here.stop
    columns = {
        "time_s": time_s,
        "event": _categorical(code, _NAMES),
        "rsu": _categorical(rsu, log.rsu_id),
        "vehicle": _categorical(vehicle, log.vehicle_id),
        "migration": migration,
    }
    return pd.DataFrame(columns, copy=False)


def _categorical(codes: NDArray[Any], names: tuple[str, ...]) -> pd.Categorical:
    import pandas as pd

    return pd.Categorical.from_codes(codes, categories=pd.Index(list(names), dtype=object))


def _read(log: EventLog) -> tuple[_Subjects, list[_Events]]:
    """Return the subjects and their events, kind by kind in the order in which events of one moment are listed."""
    placed, faults = log.placement.rows(), log.fault.rows()
    rows = log.migration.columns(*_OF_SUBJECTS, *(f"{name}_ns" for name in _MOMENTS), "ended_ns", "outcome")
    nobody = np.full(len(faults), NOBODY)
    by_number = order_by(rows["migration"])

    def joined(of_placed: IntArray, of_faults: IntArray, name: str, count: int) -> NDArray[Any]:
        small = np.min_scalar_type(-max(count, 1))
        return np.concatenate([x.astype(small) for x in (of_placed, of_faults, rows[name][by_number])])

    subjects = _Subjects(
        vehicle=joined(placed["vehicle"], nobody, "vehicle", len(log.vehicle_id)),
        source=joined(placed["rsu"], faults["rsu"], "source", len(log.rsu_id)),
        target=joined(placed["rsu"], faults["rsu"], "target", len(log.rsu_id)),
        migration=np.concatenate([np.full(len(placed), NOBODY), nobody, rows["migration"][by_number]], dtype=np.int32),
    )
    first_fault, first = len(placed), len(placed) + len(faults)
    phase = np.where(faults["phase"] == FaultPhase.DOWN, _CODE["rsu_down"], _CODE["rsu_up"])
    kinds = [
        _in_time(placed["placed_ns"], np.full(len(placed), _CODE["placed"]), 0),
        _in_time(faults["at_ns"], phase, first_fault),
    ]
    for name in _MOMENTS:
        time_ns = rows[f"{name}_ns"][by_number]
        kinds.append(_in_time(time_ns, np.full(len(time_ns), _CODE[name]), first))
    outcome = rows["outcome"][by_number] + _CODE[Outcome(0).label]
    return subjects, [*kinds, _in_time(rows["ended_ns"][by_number], outcome, first)]


def _in_time(time_ns: IntArray, code: NDArray[np.int8], first_row: int) -> _Events:
    """Return the events of consecutive subjects whose moment was reached, equal times in the order of the subjects."""
    order = np.argsort(time_ns, kind="stable")
    time_ns = time_ns[order]
    reached = slice(int(np.searchsorted(time_ns, NEVER, side="right")), None)
    return _Events(time_ns[reached], code[order[reached]], (order[reached] + first_row).astype(np.int32))


def _windows(kinds: list[_Events]) -> Iterator[_Events]:
    """Yield all events in order of time, then of kind, window by window; none parts events of one moment."""
    sample = np.sort(np.concatenate([events.time_ns[::_SAMPLE] for events in kinds]))
    edges = np.unique(sample[:: _WINDOW // _SAMPLE])[1:]
    bounds = [[0, *np.searchsorted(events.time_ns, edges).tolist(), len(events.time_ns)] for events in kinds]
    for window in range(len(edges) + 1):
        parts = [(events, slice(*bound[window : window + 2])) for events, bound in zip(kinds, bounds, strict=True)]
        time_ns = np.concatenate([events.time_ns[part] for events, part in parts])
        order = np.argsort(time_ns, kind="stable")
        code = np.concatenate([events.code[part] for events, part in parts])
        row = np.concatenate([events.row[part] for events, part in parts])
        yield _Events(time_ns[order], code[order], row[order])
