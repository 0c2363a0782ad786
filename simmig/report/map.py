"""The map: zones of the RSUs, paths of vehicles, and where migrations were requested, all in metres."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simmig.contracts import FloatArray
from simmig.metrics import column
from simmig.records import Outcome
from simmig.report.drawing import INK, MUTED, OUTCOMES, RASTER_FROM, SKY, WIDTH_IN, Drawing, Key, draw, evenly
from simmig.report.numbers import number, shorten

if TYPE_CHECKING:
    import pandas as pd

_MARKS = 4000  # marks in all, about
_LEAST_MARKS = 150  # of an outcome, so that the rare ones are seen too
_NAMED = 30  # most RSUs whose names are written
_ASPECT = (0.3, 0.95)  # least and greatest height of the map over its width


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the map shows, in metres."""

    rsu: list[str]
    rsu_xy_m: FloatArray  # [J, 2]
    zones: list[Patch]
    paths: list[FloatArray]  # [K, 2] each
    requests: dict[Outcome, FloatArray]  # the marks shown, [M, 2]
    counts: dict[Outcome, int]  # all there are
    low_m: FloatArray  # [2]
    high_m: FloatArray  # [2]


def map_figure(tables: dict[str, pd.DataFrame]) -> Drawing | None:
    """Return the map, or None if there is no RSU."""
    if len(tables["rsus"]) == 0:
        return None
    scene = _scene(tables)
    wide_m, tall_m = scene.high_m - scene.low_m
    height_in = float(WIDTH_IN * tall_m / wide_m)
    present = [outcome for outcome in Outcome if scene.counts[outcome]]
    return Drawing(
        "map",
        draw(
            "map",
            "Map of RSU zones, vehicle paths and migration requests",
            height_in,
            lambda f: _paint(f, scene),
        ),
        _caption(scene, len(tables["vehicles"])),
        [
            Key(f"{outcome.label.replace('_', ' ')} ({number(scene.counts[outcome])})", look.colour, look.sign)
            for outcome, look in OUTCOMES.items()
            if outcome in present
        ],
    )


def _scene(tables: dict[str, pd.DataFrame]) -> _Scene:
    rsus, migrations = tables["rsus"], tables["migrations"]
    rsu_xy_m = np.column_stack([column(rsus, "x_m"), column(rsus, "y_m")])
    zones, corners = _zones(rsus, rsu_xy_m)
    paths = [path for text in tables["vehicles"]["path_xy_m"] if isinstance(text, str) and len(path := _path(text))]
    requests, counts = _requests(migrations)
    essential = np.concatenate([rsu_xy_m, *corners, *requests.values()])
    low_m, high_m = _extent(essential, np.concatenate([essential, *paths]))
    names = [str(name) for name in rsus["rsu"]]
    return _Scene(names, rsu_xy_m, zones, paths, requests, counts, low_m, high_m)


def _zones(rsus: pd.DataFrame, xy_m: FloatArray) -> tuple[list[Patch], list[FloatArray]]:
    """Return the outlines of the zones and points that bound them."""
    zones: list[Patch] = []
    corners: list[FloatArray] = []
    for centre, radius_m, wkt in zip(xy_m, column(rsus, "radius_m"), rsus["zone_wkt"], strict=True):
        if isinstance(wkt, str):
            rings = _rings(wkt)
            zones.append(PathPatch(Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))))
            corners += rings
        elif np.isfinite(radius_m):
            zones.append(Circle((centre[0], centre[1]), radius_m))
            corners.append(centre + radius_m * np.array([[-1.0, -1.0], [1.0, 1.0]]))
    return zones, corners


def _rings(wkt: str) -> list[FloatArray]:
    """Return the rings of a WKT polygon, the first anticlockwise, the others clockwise: they are holes."""
    rings: list[FloatArray] = []
    for text in re.findall(r"\(([^()]+)\)", wkt):
        ring = np.array([[float(value) for value in point.split()[:2]] for point in text.split(",")])
        x, y = ring.T
        area = float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())
        rings.append(ring if (area > 0.0) == (not rings) else ring[::-1])
    return rings


def _path(text: str) -> FloatArray:
    return np.array(json.loads(text), dtype=np.float64).reshape(-1, 2)


def _requests(migrations: pd.DataFrame) -> tuple[dict[Outcome, FloatArray], dict[Outcome, int]]:
    outcome = migrations["outcome"]
    xy_m = np.column_stack([column(migrations, "x_m"), column(migrations, "y_m")])
    there = np.isfinite(xy_m).all(axis=1)
    shown: dict[Outcome, FloatArray] = {}
    counts: dict[Outcome, int] = {}
    for kind in Outcome:
        index = np.flatnonzero((outcome == kind.label).to_numpy() & there)
        counts[kind] = len(index)
        most = max(_LEAST_MARKS, _MARKS * len(index) // max(len(migrations), 1))
        shown[kind] = xy_m[index[evenly(len(index), most)]]
    return shown, counts


def _extent(essential_m: FloatArray, all_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the corners of the map: zones and requests with a margin, and paths as far as they stay near."""
    low_m, high_m = essential_m.min(axis=0), essential_m.max(axis=0)
    margin_m = 0.25 * max(float((high_m - low_m).max()), 1.0)
    low_m = np.maximum(all_m.min(axis=0), low_m - margin_m)
    high_m = np.minimum(all_m.max(axis=0), high_m + margin_m)
    air_m = 0.03 * max(float((high_m - low_m).max()), 1.0)
    size_m = high_m - low_m + 2.0 * air_m
    wanted_m = np.array([max(size_m[0], size_m[1] / _ASPECT[1]), max(size_m[1], size_m[0] * _ASPECT[0])])
    middle_m = (low_m + high_m) / 2.0
    return middle_m - wanted_m / 2.0, middle_m + wanted_m / 2.0


def _paint(figure: Figure, scene: _Scene) -> None:
    axes = figure.subplots()
    axes.set_xlim(scene.low_m[0], scene.high_m[0])
    axes.set_ylim(scene.low_m[1], scene.high_m[1])
    axes.set_aspect("equal", adjustable="box")
    axes.add_collection(PatchCollection(scene.zones, facecolor=SKY, edgecolor="none", alpha=0.10), autolim=False)
    axes.add_collection(PatchCollection(scene.zones, facecolor="none", edgecolor=SKY, linewidth=0.8), autolim=False)
    points = sum(len(path) for path in scene.paths)
    lines = LineCollection(
        scene.paths, colors=MUTED, linewidths=0.5, alpha=max(0.1, min(0.7, 12 / max(len(scene.paths), 1)))
    )
    lines.set_rasterized(points > RASTER_FROM)
    axes.add_collection(lines, autolim=False)
    _paint_requests(axes, scene)
    axes.plot(*scene.rsu_xy_m.T, linestyle="none", marker="s", markersize=3.5, color=INK, zorder=4)
    if len(scene.rsu) <= _NAMED:
        for name, (x_m, y_m) in zip(scene.rsu, scene.rsu_xy_m, strict=True):
            axes.annotate(shorten(name, 16), (x_m, y_m), xytext=(4, 3), textcoords="offset points", zorder=5)
    _paint_scale(axes)
    for axis, label in ((axes.xaxis, "x (m)"), (axes.yaxis, "y (m)")):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.12g}".replace("-", "−")))
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.set_label_text(label)
    axes.grid(visible=False)


def _paint_requests(axes: Axes, scene: _Scene) -> None:
    total = sum(len(xy_m) for xy_m in scene.requests.values())
    size = 4.5 if total < 300 else 3.2
    for outcome, look in OUTCOMES.items():
        marks = axes.plot(
            *scene.requests[outcome].T,
            linestyle="none",
            marker=look.marker,
            markersize=size,
            color=look.colour,
            markeredgewidth=0.0,
            alpha=0.8,
            zorder=3,
        )
        marks[0].set_rasterized(total > RASTER_FROM)


def _paint_scale(axes: Axes) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten metres, at most a quarter of the map long."""
    left_m, right_m = axes.get_xlim()
    most_m = (right_m - left_m) / 4
    power = 10.0 ** np.floor(np.log10(most_m))
    length_m = float(power * max(step for step in (1.0, 2.0, 5.0) if step * power <= most_m))
    end_m = right_m - 0.02 * (right_m - left_m)
    across = axes.get_xaxis_transform()
    axes.plot([end_m - length_m, end_m], [0.03, 0.03], transform=across, color=INK, linewidth=2.0, zorder=5)
    text = f"{length_m / 1000:g} km" if length_m >= 1000.0 else f"{length_m:g} m"
    axes.text(end_m - length_m / 2, 0.045, text, transform=across, ha="center", va="bottom", zorder=5)


def _caption(scene: _Scene, vehicles: int) -> str:
    marks, requests = sum(len(xy_m) for xy_m in scene.requests.values()), sum(scene.counts.values())
    shown = f"all {number(requests)}"
    if marks < requests:
        some = f"at least {_LEAST_MARKS} of each outcome that has so many"
        shown = f"{number(marks)} of {number(requests)}, evenly spread, {some}"
    return (
        f"Squares: {number(len(scene.rsu))} RSUs with their zones. Grey: paths of {number(len(scene.paths))} "
        f"of {number(vehicles)} vehicles, thinned. Marks: where vehicles asked for a migration, by outcome "
        f"({shown})."
    )
