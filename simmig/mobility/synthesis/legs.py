"""From vertices to a trace: what every synthetic movement shares.

A path is exact at its vertices and straight between them, so adding fixes inside its legs changes the file
and not the movement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.trace import Trace
from simmig.units import NS_PER_S, NS_PER_US

US_PER_S = NS_PER_S // NS_PER_US


@dataclass(frozen=True, slots=True)
class Path:
    """One vehicle's vertices: t_us[K] strictly increasing, xyz_m[K, 2] on the ground or [K, 3] in the air."""

    t_us: IntArray
    xyz_m: FloatArray


def whole_us(value_s: float, name: str) -> int:
    """Return a duration in whole microseconds; raises TraceError unless it is finite and positive."""
    if not (math.isfinite(value_s) and value_s * US_PER_S >= 1.0):
        raise TraceError(f"{name} = {value_s!r}: expected a positive number of seconds")
    return round(value_s * US_PER_S)


def check_range(bounds: tuple[float, float], name: str, *, is_positive: bool) -> None:
    """Raise TraceError unless 0 <= low <= high, both finite, and low > 0 where the range `is_positive`."""
    low, high = bounds
    if not (math.isfinite(high) and 0.0 <= low <= high) or (is_positive and low == 0.0):
        expected = "above 0" if is_positive else "from 0 up"
        raise TraceError(f"{name} = [{low!r}, {high!r}]: expected two finite numbers, low to high, {expected}")


def build_trace(paths: dict[str, Path], fix_interval_s: float | None) -> Trace:
    """Return the trace of these vehicles' paths, one trip each, vehicles in order of their names.

    Without `fix_interval_s` the fixes are the vertices; with it, also every multiple of the interval. A file
    of vertices alone has legs of minutes, which a reader that splits trips at gaps takes for gaps.

    Raises TraceError if there is no vehicle or the interval is not positive.
    """
    if not paths:
        raise TraceError("a synthetic trace needs at least one vehicle, got none")
    ordered = [paths[name] for name in sorted(paths)]
    interval_us = None if fix_interval_s is None else whole_us(fix_interval_s, "fix_interval_s")
    counts = [_fix_count(path.t_us, interval_us) for path in ordered]
    start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    t_us = np.empty(start[-1], dtype=np.int64)
    # Filled in place: at 36 million fixes a list of pieces would need twice the memory.
    axes = [np.empty(start[-1]) for _ in range(ordered[0].xyz_m.shape[1])]
    for path, first, end in zip(ordered, start[:-1], start[1:], strict=True):
        t_us[first:end] = _fix_times(path.t_us, interval_us)
        _fill(path, t_us[first:end], [axis[first:end] for axis in axes])
    return Trace(
        vehicle_id=tuple(sorted(paths)),
        trip_vehicle=np.arange(len(ordered), dtype=np.int32),
        trip_start=start,
        t_us=t_us,
        x_m=axes[0],
        y_m=axes[1],
        z_m=axes[2] if len(axes) == 3 else None,
    )


def _grid(vertex_us: IntArray, interval_us: int) -> IntArray:
    first = -(-int(vertex_us[0]) // interval_us) * interval_us
    return np.arange(first, int(vertex_us[-1]) + 1, interval_us, dtype=np.int64)


def _fix_count(vertex_us: IntArray, interval_us: int | None) -> int:
    if interval_us is None:
        return len(vertex_us)
    return len(_grid(vertex_us, interval_us)) + int(np.count_nonzero(vertex_us % interval_us))


def _fix_times(vertex_us: IntArray, interval_us: int | None) -> IntArray:
    if interval_us is None:
        return vertex_us
    between = vertex_us[vertex_us % interval_us != 0]
    # Two sorted runs: the merging sort needs one pass.
    return np.sort(np.concatenate((_grid(vertex_us, interval_us), between)), kind="stable")


def _fill(path: Path, t_us: IntArray, axes: Sequence[FloatArray]) -> None:
    """Write the positions at `t_us`, exact at vertices; not by np.interp, whose rounding may vary by CPU."""
    leg = np.searchsorted(path.t_us, t_us, side="right") - 1
    # The last vertex gets a leg of its own that goes nowhere, so that it too is hit exactly.
    leg_us = np.append(np.diff(path.t_us), 1)
    share = (t_us - path.t_us[leg]) / leg_us[leg]
    for column, axis in zip(path.xyz_m.T, axes, strict=True):
        step = np.append(np.diff(column), 0.0)
        axis[:] = column[leg] + share * step[leg]
