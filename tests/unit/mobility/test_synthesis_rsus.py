"""Placements of RSUs: no gap in the box, no disc too many, and near the traffic."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_traces import trace_of

from simmig.cli.main import main
from simmig.errors import InputError
from simmig.mobility.layout import read_layout
from simmig.mobility.synthesis.rsus import by_traffic, grid, honeycomb
from simmig.rng import stream

boxes = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0.0, 3e3), st.floats(0.0, 3e3))


@pytest.mark.parametrize("make", [grid, honeycomb])
@given(box=boxes, spacing_m=st.floats(150.0, 5e3))
def test_discs_leave_no_gap_in_the_box(make, box, spacing_m):
    x, y, wide, tall = box
    places, radius_m = make((x, y, x + wide, y + tall), spacing_m)
    points = stream(1, "points").random((400, 2)) * (wide, tall) + (x, y)
    corners = np.array([(x, y), (x + wide, y), (x, y + tall), (x + wide, y + tall)])
    away = np.linalg.norm(np.concatenate([points, corners])[:, None] - places, axis=2).min(axis=1)
    assert away.max() <= radius_m * (1 + 1e-9) + 1e-6


def test_places_by_hand():
    places, radius_m = grid((0.0, 0.0, 200.0, 100.0), 100.0)
    assert places.tolist() == [[50.0, 50.0], [150.0, 50.0]]
    assert radius_m == pytest.approx(100.0 / math.sqrt(2.0))
    places, radius_m = honeycomb((0.0, 0.0, 300.0, 300.0), 300.0)
    gaps = np.linalg.norm(places[:, None] - places, axis=2)
    assert gaps[gaps > 0].min() == pytest.approx(300.0)
    assert radius_m == pytest.approx(300.0 / math.sqrt(3.0))


def test_a_honeycomb_needs_fewer_of_one_radius():
    box, radius_m = (0.0, 0.0, 2e4, 2e4), 300.0
    squares, _ = grid(box, radius_m * math.sqrt(2.0))
    hexagons, _ = honeycomb(box, radius_m * math.sqrt(3.0))
    assert len(hexagons) / len(squares) == pytest.approx(4.0 / (3.0 * math.sqrt(3.0)), rel=0.05)  # areas of the cells


def test_traffic_draws_rsus():
    # Two stands of taxis and one that drives from one to the other: two RSUs belong to the stands.
    stands = {f"s{k}": [[(float(t), 1000.0 * (k % 2) + k, 5.0 * k) for t in range(100)]] for k in range(8)}
    trace = trace_of({"r": [[(0.0, 0.0, 0.0), (10.0, 1000.0, 0.0)]], **stands})
    places = by_traffic(trace, 2, seed=3)
    assert places[:, 0] == pytest.approx([3.0, 1003.0], abs=20.0)
    assert (by_traffic(trace, 2, seed=3) == places).all()
    with pytest.raises(InputError, match="9 RSUs for traffic at 2 different places"):
        by_traffic(trace_of({"a": [[(0.0, 0.0, 0.0)]], "b": [[(0.0, 9.0, 0.0)]]}), 9)


@pytest.mark.parametrize(
    ("make", "spacing_m", "words"),
    [(grid, 0.0, "expected more than 0"), (grid, 0.5, "expected at most 100000"), (honeycomb, 0.5, "at most 100000")],
)
def test_impossible_spacings_are_refused(make, spacing_m, words):
    with pytest.raises(InputError, match=words):
        make((0.0, 0.0, 1000.0, 1000.0), spacing_m)


def test_the_command_writes_what_a_scenario_reads(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{t},a,{11 + t / 1000},{48 + t / 2000}\n" for t in range(20))
    Path("map.csv").write_text("time,id,lon,lat\n" + rows)
    Path("plain.csv").write_text("time,id,x,y\n" + "".join(f"{t},a,{9 * t},{t}\n" for t in range(20)))
    assert main(["rsus", "make", "map.csv", "degrees.csv", "--spacing-m", "500"]) == 0
    assert (
        main(["rsus", "make", "plain.csv", "metres.csv", "--kind", "traffic", "--count", "3", "--radius-m", "60"]) == 0
    )
    degrees, metres = read_layout(Path("degrees.csv")), read_layout(Path("metres.csv"))
    assert (degrees.kind, metres.kind) == ("lonlat", "metres")
    assert [unit.rsu_id for unit in metres.units] == ["rsu1", "rsu2", "rsu3"]
    assert metres.units[0].radius_m == 60.0
    capsys.readouterr()
    assert main(["trace", "check", "map.csv", "--rsus", "degrees.csv"]) == 0
    assert "covered_share     1.0" in capsys.readouterr().out
    for arguments, words in (
        (["--kind", "traffic", "--count", "2"], "--kind traffic: expected --radius-m"),
        (["--kind", "grid"], "--kind grid: expected --spacing-m"),
    ):
        assert main(["rsus", "make", "map.csv", "x.csv", *arguments]) == 2
        assert words in capsys.readouterr().err
