import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic_run import make_tables

from simmig.records import Outcome
from simmig.report.map import _extent, _paint_scale, _rings, _scene, map_figure


def area(ring):
    x, y = ring.T
    return 0.5 * float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def test_rings_turn_so_that_inner_ones_are_holes():
    wkt = "POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1), (3 3, 3.5 3, 3.5 3.5, 3 3))"
    assert [area(ring) for ring in _rings(wkt)] == [16.0, -1.0, -0.125]


def test_the_map_shows_every_request_of_a_small_run():
    tables = make_tables(400, vehicles=30)
    scene = _scene(tables)
    for outcome in Outcome:
        mine = tables["migrations"][tables["migrations"]["outcome"] == outcome.label]
        assert np.array_equal(scene.requests[outcome], mine[["x_m", "y_m"]])
    drawing = map_figure(tables)
    assert "(all 400)" in drawing.caption
    assert "paths of 30 of 30 vehicles" in drawing.caption
    assert drawing.legend[0].label == f"completed ({scene.counts[Outcome.COMPLETED]})"


def test_rare_outcomes_stay_on_the_map_of_a_long_run():
    tables = make_tables(100_000)
    rare = np.flatnonzero(tables["migrations"]["outcome"] == "superseded")[:40]
    others = np.flatnonzero(tables["migrations"]["outcome"] != "superseded")
    tables["migrations"] = tables["migrations"].iloc[np.sort(np.concatenate([rare, others]))]
    scene = _scene(tables)
    shown = {outcome: len(xy_m) for outcome, xy_m in scene.requests.items()}
    assert shown[Outcome.SUPERSEDED] == 40
    assert shown[Outcome.TARGET_FAILED] == 150
    assert 3300 < shown[Outcome.COMPLETED] < 3600
    drawing = map_figure(tables)
    assert f"({sum(shown.values()):,} of {len(tables['migrations']):,}, evenly spread, at least 150" in drawing.caption
    assert drawing.svg.count("data:image/png") >= 1
    assert len(drawing.svg) < 1_500_000


def test_a_request_without_a_place_is_not_drawn():
    tables = make_tables(50)
    tables["migrations"].loc[:9, "x_m"] = np.nan
    assert sum(_scene(tables).counts.values()) == 40


@pytest.mark.parametrize("offset_m", [0.0, 5_000_000.0])
def test_axes_are_equal_and_in_plain_metres(offset_m):
    tables = make_tables(20, vehicles=2)
    for table in ("rsus", "migrations"):
        tables[table]["x_m"] += offset_m
    tables["rsus"]["zone_wkt"] = None
    tables["vehicles"]["path_xy_m"] = None
    svg = map_figure(tables).svg
    labels = re.findall(r">(−?\d+)</text>", svg)
    assert str(int(offset_m) + 500) in labels
    scene = _scene(tables)
    wide_m, tall_m = scene.high_m - scene.low_m
    box = [float(value) for value in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups()]
    assert box[0] / box[1] == pytest.approx(wide_m / tall_m, rel=1e-5)


def test_a_far_path_does_not_shrink_the_zones():
    near = np.array([[0.0, 0.0], [1000.0, 1000.0]])
    low_m, high_m = _extent(near, np.concatenate([near, [[90_000.0, 500.0]]]))
    assert high_m[0] < 1400.0
    assert (low_m <= near.min(axis=0)).all()


@pytest.mark.parametrize(
    ("wide_m", "expected"), [(2900.0, "500 m"), (8001.0, "2 km"), (399.0, "50 m"), (45_000.0, "10 km"), (4.0, "1 m")]
)
def test_the_scale_bar_is_round_and_true(wide_m, expected):
    axes = Figure().subplots()
    axes.set_xlim(0.0, wide_m)
    _paint_scale(axes)
    bar = axes.lines[0].get_xdata()
    number, unit = expected.split()
    assert bar[1] - bar[0] == pytest.approx(float(number) * {"m": 1.0, "km": 1000.0}[unit])
    assert axes.texts[0].get_text() == expected


def test_one_rsu_and_nothing_else_has_a_map_and_none_has_not():
    tables = make_tables(0, vehicles=0, rsus=1, rounds=0)
    tables["rsus"]["radius_m"] = np.nan
    assert map_figure(tables) is not None
    tables["rsus"] = tables["rsus"].iloc[:0]
    assert map_figure(tables) is None


def test_names_are_written_on_few_rsus_only():
    assert ">rsu-8</text>" in map_figure(make_tables(10, rsus=9)).svg
    assert ">rsu-8</text>" not in map_figure(make_tables(10, rsus=40)).svg


def test_empty_paths_are_no_paths():
    tables = make_tables(10, vehicles=3)
    tables["vehicles"]["path_xy_m"] = pd.Series(["[]", None, "[[0, 0], [1, 1]]"], dtype=object)
    assert len(_scene(tables).paths) == 1
