"""A picture of a run at one instant: zones, vehicles, twins on their way, queues and prices."""

from __future__ import annotations

import pathlib
import warnings

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path

from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.report.drawing import BLUE, FAINT, INK, MUTED, ORANGE, SKY, STYLE, VERMILLION
from simmig.report.numbers import duration, number, shorten
from simmig.units import NS_PER_S
from simmig.view.eye import Eye
from simmig.view.moment import Moment, Moments
from simmig.view.recording import Recording

COLOURS = (MUTED, BLUE, ORANGE, VERMILLION)  # of vehicles: no twin, it runs, it asks, it moves
FORMATS = (".png", ".svg", ".pdf")
_WIDTH_IN = 9.6
_HEIGHTS_IN = (3.6, 9.6)  # least and greatest of the map
_WORDS_IN = 0.8  # for title and legend
_DPI = 100
_NAMED = 40  # most RSUs whose names are written
_CORNERS = 48  # of a circle
_HOP = 0.3  # height of an arc over its length


class Painter:
    """Paints a run at any instant; what does not change is computed once."""

    def __init__(self, recording: Recording, *, is_flat: bool) -> None:
        self._recording = recording
        self._moments = Moments(recording.tables)
        self._positions = Positions(recording.trace)
        self._zones = _outlines(recording.sites)
        trace, sites = recording.trace, recording.sites
        corners = np.concatenate(
            [
                *(ring for rings in self._zones for ring in rings),
                sites.xyz_m,
                np.column_stack((trace.x_m, trace.y_m, _heights(recording))),
            ]
        )
        low_m, high_m = corners.min(axis=0), corners.max(axis=0)
        self._eye = Eye((low_m + high_m)[:2] / 2.0, float(max((high_m - low_m)[:2].max(), 1.0)), is_flat)
        seen_m = self._eye.project(corners)
        low_m, high_m = seen_m.min(axis=0), seen_m.max(axis=0)
        air_m = 0.03 * max(float((high_m - low_m).max()), 1.0)
        self._low_m, self._high_m = low_m - air_m, high_m + air_m

    def figure(self, time_s: float) -> Figure:
        """Return the picture at `time_s`."""
        moment = self._moments.at(time_s)
        wide_m, tall_m = self._high_m - self._low_m
        height_in = float(np.clip(_WIDTH_IN * tall_m / wide_m, *_HEIGHTS_IN)) + _WORDS_IN
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        axes = figure.subplots()
        axes.set_xlim(self._low_m[0], self._high_m[0])
        axes.set_ylim(self._low_m[1], self._high_m[1])
        axes.set_aspect("equal", adjustable="box")
        axes.set_axis_off()
        self._paint_zones(axes)
        xyz_m = self._places(moment)
        self._paint_vehicles(axes, moment, xyz_m)
        self._paint_moves(axes, moment, xyz_m)
        self._paint_rsus(axes, moment)
        axes.set_title(self._title(moment), loc="left")
        figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=7.5)
        return figure

    def _title(self, moment: Moment) -> str:
        name = shorten(str(self._recording.run["scenario"]["name"]), 60)
        delay = f", mean delay {duration(moment.mean_delay_s)}" if moment.done else ""
        return f"{name} at {moment.time_s:.1f} s: {number(moment.requests)} requests, {number(moment.done)} done{delay}"

    def _paint_zones(self, axes: Axes) -> None:
        zones = [
            Path.make_compound_path(*(Path(self._eye.project(ring), closed=True) for ring in rings))
            for rings in self._zones
        ]
        axes.add_collection(PathCollection(zones, facecolor=SKY, edgecolor="none", alpha=0.08), autolim=False)
        axes.add_collection(PathCollection(zones, facecolor="none", edgecolor=SKY, linewidth=0.7), autolim=False)

    def _places(self, moment: Moment) -> FloatArray:
        """Return where all vehicles are, xyz[V, 3]; NaN where they are absent."""
        count = self._recording.trace.vehicle_count
        return self._positions.at(np.arange(count), np.full(count, round(moment.time_s * NS_PER_S)))

    def _paint_vehicles(self, axes: Axes, moment: Moment, xyz_m: FloatArray) -> None:
        count = len(xyz_m)
        is_here = np.isfinite(xyz_m[:, 0])
        seen_m = self._eye.project(xyz_m)
        if not self._eye.is_flat:
            feet_m = self._eye.project(xyz_m * (1.0, 1.0, 0.0))
            stems = np.stack((seen_m[is_here], feet_m[is_here]), axis=1)
            axes.add_collection(LineCollection(list(stems), colors=FAINT, linewidths=0.8), autolim=False)
        size = float(np.clip(60.0 / np.sqrt(max(count, 1)), 2.0, 6.0))
        states = (
            ("no twin", (moment.host < 0) & ~moment.moves & ~moment.asks),
            ("twin runs", (moment.host >= 0) & ~moment.asks),
            ("asks for a migration", moment.asks),
            ("twin moves", moment.moves),
        )
        for (label, mask), colour in zip(states, COLOURS, strict=True):
            of = mask & is_here
            axes.plot(*seen_m[of].T, linestyle="none", marker="o", markersize=size, color=colour, label=label)

    def _paint_moves(self, axes: Axes, moment: Moment, xyz_m: FloatArray) -> None:
        source, target = self._moments.ends_of(moment.open_moves)
        at_m = self._eye.project(self._recording.sites.xyz_m)
        begin_m, end_m = at_m[source], at_m[target]
        if self._recording.is_sent_by_vehicles:
            own_m = self._eye.project(xyz_m[self._moments.vehicle_of(moment.open_moves)])
            begin_m = np.where(np.isfinite(own_m), own_m, begin_m)
        length_m = np.hypot(*(end_m - begin_m).T)
        top_m = (begin_m + end_m) / 2.0 + np.column_stack((np.zeros(len(length_m)), _HOP * length_m))

        def on_arc(share: FloatArray) -> FloatArray:
            s = share[:, None]
            return np.asarray((1 - s) ** 2 * begin_m + 2 * s * (1 - s) * top_m + s**2 * end_m)

        steps = [on_arc(np.full(len(source), share)) for share in np.linspace(0.0, 1.0, 25)]
        arcs = np.stack(steps, axis=1)
        axes.add_collection(LineCollection(list(arcs), colors=VERMILLION, linewidths=1.0, alpha=0.6), autolim=False)
        axes.plot(
            *on_arc(moment.share).T, linestyle="none", marker="o", markersize=6.0, color=VERMILLION,
            markeredgecolor="white", zorder=5,
        )  # fmt: skip

    def _paint_rsus(self, axes: Axes, moment: Moment) -> None:
        sites = self._recording.sites
        at_m = self._eye.project(sites.xyz_m)
        axes.plot(*at_m.T, linestyle="none", marker="s", markersize=4.0, color=INK, zorder=4)
        down = at_m[moment.is_down]
        axes.plot(*down.T, linestyle="none", marker="X", markersize=9.0, color=VERMILLION, zorder=6)
        if sites.count > _NAMED:
            return
        for j, (x_m, y_m) in enumerate(at_m):
            twins = f"{moment.hosted[j]} twin{'' if moment.hosted[j] == 1 else 's'}"
            queue = f", queue {moment.waiting[j] + moment.serving[j]}" if moment.waiting[j] + moment.serving[j] else ""
            price = f", price {number(float(moment.price[j]), 3)}" if np.isfinite(moment.price[j]) else ""
            axes.annotate(
                f"{shorten(sites.rsu_id[j], 16)}\n{twins}{queue}{price}",
                (x_m, y_m), xytext=(5, 4), textcoords="offset points", fontsize=6.5, zorder=6,
            )  # fmt: skip


def save_picture(painter: Painter, time_s: float, path: pathlib.Path) -> None:
    """Write the picture at `time_s`, in the format that the file's ending names; raises InputError for another."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"--picture {path}: expected a name that ends in {', '.join(FORMATS)}")
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name may have letters that the font lacks
        try:
            painter.figure(time_s).savefig(path, dpi=_DPI * 1.5, facecolor="white", format=path.suffix[1:].lower())
        except OSError as error:
            raise InputError(f"--picture {path}: cannot be written ({error.strerror})") from None


def _heights(recording: Recording) -> FloatArray:
    z_m = recording.trace.z_m
    return np.zeros(recording.trace.fix_count) if z_m is None else z_m


def _outlines(sites: Sites) -> list[list[FloatArray]]:
    """Return the rings of every zone on the ground, each [K, 3]: the first anticlockwise, its holes clockwise."""
    turn = np.linspace(0.0, 2.0 * np.pi, _CORNERS, endpoint=False)
    circle = np.column_stack((np.cos(turn), np.sin(turn)))
    outlines = []
    for j in range(sites.count):
        rings = sites.rings[j] or (sites.xyz_m[j, :2] + sites.radius_m[j] * circle,)
        turned = [ring if _is_anticlockwise(ring) == (k == 0) else ring[::-1] for k, ring in enumerate(rings)]
        outlines.append([np.column_stack((ring, np.zeros(len(ring)))) for ring in turned])
    return outlines


def _is_anticlockwise(ring: FloatArray) -> bool:
    x, y = ring.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) > 0.0
