"""RSU layouts: the broken files and real ones."""

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats.csv import Format
from simmig.mobility.frame import Frame, aeqd, choose_frame
from simmig.mobility.layout import place, read_layout


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "rsus.csv"
        path.write_text(text, encoding="utf-8")
        return read_layout(path)

    return read


def test_every_row_of_the_bad_file_is_named(test_data):
    path = test_data / "bad" / "rsu_layout_bad.csv"
    with pytest.raises(TraceError) as error:
        read_layout(path)
    assert str(error.value).split("\n") == [
        f"{path}:3: id 'r1' stands already in {path}:2",
        f"{path}:4: radius_m = '-10', expected a number from 0.001 to 1e+06",
        f"{path}:5: lon is missing",
        f"{path}:6: radius_m = '3e9', expected a number from 0.001 to 1e+06",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("geojson_3857_crs.geojson", "EPSG::3857"),
        (
            "js_wrapped.geojson",
            "not JSON (Expecting value); it starts with 'sample_trajectories =",
        ),
    ],
)
def test_broken_geojson(test_data, name, words):
    with pytest.raises(TraceError) as error:
        read_layout(test_data / "bad" / name)
    assert words in str(error.value)


def test_swapped_porto_is_told_by_its_distance(test_data, read):
    raw = Format().read(test_data / "bad" / "csv_latlon_swapped_plausible.csv")
    layout = read("id,lon,lat,radius_m\nporto,-8.6,41.15,500\n")
    frame = choose_frame([raw], layout)
    x_m, y_m = frame.forward(raw.a, raw.b)
    with pytest.raises(TraceError, match=r"km away from the traces; are latitude and longitude swapped\?"):
        place(layout, frame, trace_box=(x_m.min(), y_m.min(), x_m.max(), y_m.max()))


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("eua_site-optus-melbCBD.csv", 125, ("10003026", 144.97476, -37.81517)),
        ("ifogsim_edgeResources-melbCBD.csv", 131, ("0", 144.9631, -37.8136)),
        ("mintedge_nl_bss.csv", 14276, ("28783", 5.71188929636694, 50.77056793414925)),
    ],
)
def test_real_layouts(test_data, name, count, first):
    layout = read_layout(test_data / "cells" / name)
    unit = layout.units[0]
    assert (layout.kind, len(layout.units)) == ("lonlat", count)
    assert (unit.rsu_id, unit.a, unit.b) == first
    sites = place(layout, choose_frame([], layout), default_radius_m=300.0)
    assert np.isfinite(sites.xyz_m).all()
    assert sites.count == count


def test_the_traces_decide_the_frame(read):
    layout = read("id,lon,lat\na,7,51\n")
    assert choose_frame([], layout) == aeqd(7.0, 51.0)
    assert choose_frame([layout], layout, "EPSG:32632") == Frame("crs", "EPSG:32632")
