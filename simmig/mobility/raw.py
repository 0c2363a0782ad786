"""A trace as its file gives it, and how it becomes a Trace: order, duplicates, trips, altitude, frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import FloatArray, IntArray, Plugin
from simmig.errors import PluginError, TraceError
from simmig.mobility.frame import Coordinates, Frame
from simmig.mobility.trace import Int32Array, Trace

MAX_ID_LENGTH = 256
_CHUNK = 1 << 15  # rows looked at together: temporaries stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class RawTrace:
    """N fixes of V vehicles in the order and coordinates of their file; all numbers finite, except in z.

    a[N], b[N]: lon, lat in WGS84 degrees, or x, y in metres (in the unit of `crs` if that is named).
    t_us[N]: microseconds since `epoch_us` (itself microseconds since 1970 UTC), which is None for
    relative times.
    vehicle[N]: indices into vehicle_id[V]; trip[N]: the file's own trip numbers; z[N]: metres up, NaN
    where missing.
    notes: rows read, and rows dropped under names that start with "dropped_". remarks: one line each, for
    people.
    """

    source: str
    kind: Coordinates
    vehicle_id: tuple[str, ...]
    vehicle: Int32Array
    t_us: IntArray
    a: FloatArray
    b: FloatArray
    z: FloatArray | None = None
    trip: Int32Array | None = None
    crs: str | None = None
    epoch_us: int | None = None
    notes: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class TraceFormat(Plugin):
    """Base of every format plug-in: its fields are the settings a scenario may give it."""

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether a file is of this format, by content; `head` is its start, decompressed."""
        raise PluginError(f"{cls.__module__}: class Format has no method recognises(head, path)")

    def read(self, path: Path) -> RawTrace:
        """Return the fixes of a file; raises TraceError naming the file and the place in it."""
        raise PluginError(f"{type(self).__module__}: class Format has no method read(path)")


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """How a RawTrace becomes a Trace; names are those of the settings in a scenario.

    A trip ends where the next fix is more than `split_gap_s` later. Two different fixes of a vehicle at
    one instant are an error unless `on_duplicate` says which one stays; equal ones are merged.
    `ground_altitude_m` is taken off every altitude of the file (heights above sea level become heights
    above ground); fixes without an altitude get `default_altitude_m` as it is. With `start_s` the first
    fix of all is at that time, whatever its date: so a recorded flight and a simulated rush hour share
    one clock.
    """

    split_gap_s: float = 120.0
    on_duplicate: Literal["error", "first", "last"] = "error"
    default_altitude_m: float | None = None
    require_altitude: bool = False
    ground_altitude_m: float = 0.0
    max_drop_share: float = 0.05
    start_s: float | None = None


DEFAULTS = TraceOptions()


def assemble(raw: RawTrace, frame: Frame, options: TraceOptions = DEFAULTS) -> Trace:
    """Return the trace in `frame`, vehicles in lexicographic order; TraceError if the options forbid it."""
    _check_loss(raw, options)
    split_gap_us = round(options.split_gap_s * 1e6)
    raw, seams = _in_order(raw, split_gap_us)
    raw, seams = _without_repeats(raw, seams, options.on_duplicate, split_gap_us)
    starts = _trip_starts(raw, seams)
    x_m, y_m = frame.forward(raw.a, raw.b) if raw.kind == "lonlat" else frame.from_crs(raw.a, raw.b, raw.crs)
    t_us, epoch_us = _clocked(raw, options.start_s)
    counts = {"trips": len(starts), "single_fix_trips": int((np.diff(starts, append=len(t_us)) == 1).sum())}
    return Trace(
        vehicle_id=raw.vehicle_id,
        trip_vehicle=raw.vehicle[starts],
        trip_start=np.append(starts, len(t_us)),
        t_us=t_us,
        x_m=x_m,
        y_m=y_m,
        z_m=_altitude(raw, options),
        epoch_us=epoch_us,
        notes={**raw.notes, "kept": len(t_us), **counts},
    )


def _check_loss(raw: RawTrace, options: TraceOptions) -> None:
    dropped = sum(count for name, count in raw.notes.items() if name.startswith("dropped_"))
    rows = raw.notes.get("rows", len(raw.t_us))
    if dropped > options.max_drop_share * rows:
        raise TraceError(
            f"{raw.source}: {dropped} of {rows} rows are unusable ({'; '.join(raw.remarks)}), more than the "
            f"share {options.max_drop_share:g}; to go on, set max_drop_share = {dropped / rows + 0.005:.2f}"
        )


def _in_order(raw: RawTrace, split_gap_us: int) -> tuple[RawTrace, IntArray]:
    """Return the rows by vehicle, names in lexicographic order, then by time, then as in the file; and their seams."""
    used = np.zeros(len(raw.vehicle_id), np.bool_)
    used[raw.vehicle] = True
    names = sorted(name for name, is_used in zip(raw.vehicle_id, used, strict=True) if is_used)
    if tuple(names) != raw.vehicle_id:
        rank = {name: code for code, name in enumerate(names)}
        codes = np.array([rank.get(name, -1) for name in raw.vehicle_id], np.int32)
        raw = replace(raw, vehicle_id=tuple(names), vehicle=codes[raw.vehicle])
    seams = _seams(raw, split_gap_us)
    if seams is None:
        raw = rows_of(raw, np.lexsort((raw.t_us, raw.vehicle)))
        seams = _seams(raw, split_gap_us)
        assert seams is not None
    return raw, seams


def _seams(raw: RawTrace, split_gap_us: int) -> IntArray | None:
    """Return the rows that do not just go on from the row before, later on the same trip; None if out of order.

    What is left to ask of the order of rows is asked of these few.
    """
    found = [np.empty(0, np.int64)]
    for row in range(1, len(raw.t_us), _CHUNK):
        part = slice(row - 1, row + _CHUNK)
        turn, gap_us = np.diff(raw.vehicle[part]), np.diff(raw.t_us[part])
        is_seam = (turn != 0) | (gap_us <= 0) | (gap_us > split_gap_us)
        if raw.trip is not None:
            is_seam |= np.diff(raw.trip[part]) != 0
        seam = np.flatnonzero(is_seam)
        if ((turn[seam] < 0) | ((turn[seam] == 0) & (gap_us[seam] < 0))).any():
            return None
        found.append(row + seam)
    return np.concatenate(found)


def rows_of(raw: RawTrace, rows: IntArray | NDArray[np.bool_]) -> RawTrace:
    """Return some of the rows, chosen by number or by truth."""
    return replace(
        raw,
        vehicle=raw.vehicle[rows],
        t_us=raw.t_us[rows],
        a=raw.a[rows],
        b=raw.b[rows],
        z=None if raw.z is None else raw.z[rows],
        trip=None if raw.trip is None else raw.trip[rows],
    )


def _without_repeats(
    raw: RawTrace, seams: IntArray, on_duplicate: Literal["error", "first", "last"], split_gap_us: int
) -> tuple[RawTrace, IntArray]:
    """Return the rows with one fix for each vehicle and instant, and their seams.

    Equal fixes are merged and counted.
    """
    is_later = (raw.vehicle[seams] == raw.vehicle[seams - 1]) & (raw.t_us[seams] == raw.t_us[seams - 1])
    later = seams[is_later]
    if not len(later):
        return raw, seams
    differs = (raw.a[later] != raw.a[later - 1]) | (raw.b[later] != raw.b[later - 1])
    if raw.z is not None:
        differs |= ~np.isclose(raw.z[later], raw.z[later - 1], rtol=0.0, atol=0.0, equal_nan=True)
    if differs.any() and on_duplicate == "error":
        row = int(later[differs][0])
        raise TraceError(
            f"{raw.source}: vehicle {shortened(raw.vehicle_id[raw.vehicle[row]])} has two fixes at "
            f"{show_time(int(raw.t_us[row]), raw.epoch_us)}: ({raw.a[row - 1]:.9g}, {raw.b[row - 1]:.9g}) "
            f'and ({raw.a[row]:.9g}, {raw.b[row]:.9g}); choose with on_duplicate = "first" or "last"'
        )
    keep = np.ones(len(raw.t_us), np.bool_)
    keep[later - (on_duplicate == "last")] = False
    counts = {"duplicates_equal": int((~differs).sum()), "duplicates_resolved": int(differs.sum())}
    kept = replace(rows_of(raw, keep), notes={**raw.notes, **counts})
    seams_left = _seams(kept, split_gap_us)
    assert seams_left is not None
    return kept, seams_left


def _trip_starts(raw: RawTrace, seams: IntArray) -> IntArray:
    """Return the first row of each trip, shape [P]; TraceError if a file's own trips overlap in time."""
    starts = np.concatenate([np.zeros(1, np.int64), seams])
    if raw.trip is None:
        return starts
    labels = list(zip(raw.vehicle[starts].tolist(), raw.trip[starts].tolist(), strict=True))
    ended: set[tuple[int, int]] = set()
    for before, label in pairwise(labels):
        if label != before:
            ended.add(before)
        if label in ended:
            name = shortened(raw.vehicle_id[label[0]])
            raise TraceError(f"{raw.source}: trip {label[1]} of vehicle {name} overlaps another of its trips in time")
    return starts


def _altitude(raw: RawTrace, options: TraceOptions) -> FloatArray | None:
    fill = options.default_altitude_m
    missing = len(raw.t_us) if raw.z is None else int(np.isnan(raw.z).sum())
    if raw.z is not None and not missing:
        return raw.z - options.ground_altitude_m if options.ground_altitude_m else raw.z
    if fill is None and (options.require_altitude or missing < len(raw.t_us)):
        raise TraceError(
            f"{raw.source}: {missing} of {len(raw.t_us)} fixes have no altitude; give them one with "
            "default_altitude_m = 100.0 (metres above ground)"
        )
    if fill is None:
        return None
    if raw.z is None:
        return np.full(missing, fill)
    return np.where(np.isnan(raw.z), fill, raw.z - options.ground_altitude_m)


def _clocked(raw: RawTrace, start_s: float | None) -> tuple[IntArray, int]:
    """Return times and epoch: calendar times count from the first fix of all, others stay as they are."""
    if raw.epoch_us is None and start_s is None:
        return raw.t_us, 0
    first_us = int(raw.t_us.min())
    shift_us = first_us - round((start_s or 0.0) * 1e6)
    t_us = raw.t_us - shift_us if shift_us else raw.t_us
    return t_us, 0 if start_s is not None or raw.epoch_us is None else raw.epoch_us + first_us


def show_time(t_us: int, epoch_us: int | None) -> str:
    """Return an instant for a message: seconds, or a date and time in UTC."""
    if epoch_us is None:
        return f"t = {t_us / 1e6:.6g} s"
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=epoch_us + t_us)).isoformat()


def shortened(name: str) -> str:
    """Return a name of any length as it fits into a message."""
    return repr(name if len(name) <= 40 else name[:37] + "...")
