"""A picture of a trace: paths on a map, with zones if there are RSUs, speeds, intervals, vehicles over time."""

from __future__ import annotations

from pathlib import Path as File

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, PathPatch
from matplotlib.path import Path

from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.report.drawing import INK, MUTED, SKY

_ENDINGS = (".png", ".svg", ".pdf")
_MOST_FIXES = 400_000  # drawn; of more, every k-th
_BINS = 60


def draw_trace(trace: Trace, out: File, sites: Sites | None = None) -> None:
    """Write the picture, its kind by the file's ending; raises InputError for an ending that is none."""
    if out.suffix not in _ENDINGS:
        raise InputError(f"{out}: expected a name that ends in {', '.join(_ENDINGS)}")
    figure = Figure(figsize=(11.0, 6.5), layout="constrained")
    grid = figure.add_gridspec(3, 3, width_ratios=(2.0, 1.0, 0.02))
    _map(figure.add_subplot(grid[:, 0]), trace, sites)
    inside = np.ones(trace.fix_count - 1, dtype=bool)
    inside[trace.trip_start[1:-1] - 1] = False
    interval_s = np.diff(trace.t_us)[inside] / 1e6
    length_m = np.hypot(np.diff(trace.x_m), np.diff(trace.y_m))[inside]
    _histogram(figure.add_subplot(grid[0, 1]), interval_s, "interval between fixes (s)", log=True)
    _histogram(figure.add_subplot(grid[1, 1]), length_m / interval_s, "speed (m/s)", weights=interval_s)
    _present(figure.add_subplot(grid[2, 1]), trace)
    figure.savefig(out, dpi=160)


def _map(axes: Axes, trace: Trace, sites: Sites | None) -> None:
    step = max(trace.fix_count // _MOST_FIXES, 1)
    xy_m = np.column_stack([trace.x_m, trace.y_m])
    paths = [part[::step] for part in np.split(xy_m, trace.trip_start[1:-1])]
    axes.add_collection(LineCollection(paths, colors=SKY, linewidths=0.6, alpha=0.6, rasterized=True))
    if sites is not None:
        axes.add_collection(PatchCollection(_zones(sites), facecolor="none", edgecolor=INK, linewidths=0.7))
        axes.plot(sites.xyz_m[:, 0], sites.xyz_m[:, 1], "^", color=INK, markersize=3)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_xlabel("x (m)")
    axes.set_ylabel("y (m)")
    axes.set_title(f"{trace.vehicle_count} vehicles, {len(trace.trip_vehicle)} trips, {trace.fix_count} fixes")


def _zones(sites: Sites) -> list[Patch]:
    found: list[Patch] = []
    for j in range(sites.count):
        rings = sites.rings[j]
        if rings is None:
            found.append(Circle(tuple(sites.xyz_m[j, :2]), float(sites.radius_m[j])))
        else:
            found.append(PathPatch(Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))))
    return found


def _histogram(
    axes: Axes, values: FloatArray, label: str, *, weights: FloatArray | None = None, log: bool = False
) -> None:
    axes.set_xlabel(label)
    axes.set_yticks([])
    if not len(values):
        axes.text(0.5, 0.5, "no two fixes in one trip", ha="center", transform=axes.transAxes, color=MUTED)
        return
    high = float(np.quantile(values, 0.999))
    if log and values.min() < high:
        bins = np.geomspace(max(float(values.min()), 1e-6), high, _BINS)
        axes.set_xscale("log")
    else:
        bins = np.linspace(0.0, high or 1.0, _BINS)
    axes.hist(np.minimum(values, high), bins=bins.tolist(), weights=weights, color=SKY)


def _present(axes: Axes, trace: Trace) -> None:
    begin, end = trace.t_us[trace.trip_start[:-1]], trace.t_us[trace.trip_start[1:] - 1]
    moments = np.unique(np.concatenate([begin, end]))
    count = np.searchsorted(np.sort(begin), moments, side="right") - np.searchsorted(np.sort(end), moments, side="left")
    axes.step((moments - moments[0]) / 1e6, count, where="post", color=INK, linewidth=0.8)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("vehicles")
    axes.set_ylim(0)
