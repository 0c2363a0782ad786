"""RSU layouts: what a row may say, what is wrong with it, and where it ends up."""

import json
import math

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.frame import PLAIN, aeqd, choose_frame
from simmig.mobility.layout import Layout, Unit, place, read_layout

BOX = (0.0, 0.0, 1000.0, 500.0)
EVERYTHING = (
    "id,x_m,y_m,z_m,radius_m,shape,z_min_m,z_max_m,compute_hz,arrival_per_s,service_per_s,bandwidth_hz,cost,"
    "price_max,tx_power_dbm\n"
    "r1,1,2,10,250,cylinder,-5,80,1e9,1,2,2e7,0.5,3,-10\n"
    "r2,3,4,,,,,,,,,,,,\n"
)


@pytest.fixture
def read(tmp_path):
    def read(text, columns=None, name="rsus.csv"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return read_layout(path, columns)

    return read


def refusal(read, *arguments, **more):
    with pytest.raises(TraceError) as error:
        read(*arguments, **more)
    lines = str(error.value).split("\n")
    return [line[line.rindex("/rsus") + 1 :] if line.count("/rsus") == 1 else line for line in lines]


def collection(*features, **more):
    return {"type": "FeatureCollection", "features": list(features), **more}


def feature(kind, coordinates, **properties):
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


SQUARE = [[7.0, 51.0], [7.01, 51.0], [7.01, 51.01], [7.0, 51.01], [7.0, 51.0]]


def test_everything_that_a_row_may_say(read):
    layout = read(EVERYTHING)
    one, two = layout.units
    assert (layout.kind, layout.crs) == ("metres", None)
    assert (one.rsu_id, one.a, one.b, one.z_m, one.radius_m, one.shape) == ("r1", 1.0, 2.0, 10.0, 250.0, "cylinder")
    assert (one.z_min_m, one.z_max_m) == (-5.0, 80.0)
    assert one.overrides == {
        "compute_hz": 1e9,
        "arrival_per_s": 1.0,
        "service_per_s": 2.0,
        "bandwidth_hz": 2e7,
        "cost": 0.5,
        "price_max": 3.0,
        "tx_power_dbm": -10.0,
    }
    assert (two.z_m, two.radius_m, two.shape, two.overrides) == (0.0, None, None, {})


def test_defaults_fill_in_what_rows_leave_open(read):
    sites = place(read(EVERYTHING), PLAIN, default_radius_m=100.0, default_shape="sphere")
    assert sites.rsu_id == ("r1", "r2")
    assert sites.xyz_m.tolist() == [[1.0, 2.0, 10.0], [3.0, 4.0, 0.0]]
    assert sites.shape == ("cylinder", "sphere")
    assert sites.radius_m.tolist() == [250.0, 100.0]
    assert sites.z_range_m.tolist() == [[-5.0, 80.0], [-math.inf, math.inf]]
    assert sites.rings == (None, None)
    with pytest.raises(TraceError, match=r"RSU 'r2' has no radius; .* radius_m"):
        place(read(EVERYTHING), PLAIN)


def test_columns_by_any_of_their_names(read):
    assert read("SITE_ID,LATITUDE,LONGITUDE,NAME\n9,-37.8,144.9,x\n").kind == "lonlat"
    assert read("name;east;north\nA;1;2\n", {"id": "Name", "x": "east", "y": "north"}).units[0].rsu_id == "A"
    assert refusal(read, "name,x,y\nA,1,2\n")[0].startswith("rsus.csv:1: no column for id; it has name, x, y")
    assert refusal(read, "id,x\nA,1\n")[0].startswith("rsus.csv:1: no column for lon and lat, or x and y")


@pytest.mark.parametrize(
    ("row", "mistakes"),
    [
        (",1,2,9,,,,,,,,,,,", ["id is missing"]),
        ("i,,2,9,,,,,,,,,,,", ["x is missing"]),
        ("i,1,two,9,,,,,,,,,,,", ["y = 'two', expected a number"]),
        ("i,inf,2,9,,,,,,,,,,,", ["x = 'inf', expected a number"]),
        ("i,1,2,9,0,,,,,,,,,,", ["radius_m = '0', expected a number from 0.001 to 1e+06"]),
        ("i,1,2,9,5,cube,,,,,,,,,", ["shape = 'cube', expected disc, sphere or cylinder, or polygon with its corners"]),
        (
            "i,1,2,9,5,polygon,,,,,,,,,",
            ["shape = 'polygon', expected disc, sphere or cylinder, or polygon with its corners"],
        ),
        ("i,1,2,9,5,,7,7,,,,,,,", ["z_min_m must be below z_max_m"]),
        ("i,1,2,9,5,,,,0,,,,,,", ["compute_hz = '0', expected a number from 1e-09 to 1e+18"]),
        ("i,1,2,9,5,,,,,2,2,,,,", ["arrival_per_s must be below service_per_s"]),
        ("i,1,2,9,5,,,,,,,,4,3,", ["cost must not exceed price_max"]),
        (
            "i,1,2,9,5,,,,,,,,,-3,200",
            [
                "price_max = '-3', expected a number from 0 to 1e+09",
                "tx_power_dbm = '200', expected a number from -100 to 100",
            ],
        ),
        (
            "i" * 257 + ",1,2,9,5,,,,,,,,,,",
            ["id 'iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii...' is longer than 256 characters"],
        ),
        ("i,1", ["2 fields, expected 15 as in the header"]),
    ],
)
def test_each_mistake_of_a_row_is_a_line(read, row, mistakes):
    header = EVERYTHING.split("\n")[0]
    assert refusal(read, f"{header}\n{row}\n") == [f"rsus.csv:2: {mistake}" for mistake in mistakes]


def test_many_mistakes_are_counted(read):
    rows = "".join(f"r{k},x,2\n" for k in range(50))
    lines = refusal(read, "id,x,y\n" + rows)
    assert len(lines) == 21
    assert lines[-1] == "rsus.csv: and 30 more"


def test_a_row_said_twice_counts_once_and_an_id_for_two_places_is_refused(read):
    assert [unit.rsu_id for unit in read("id,x,y\na,1,2\nb,1,2\na,1,2\n").units] == ["a", "b"]
    (line,) = refusal(read, "id,x,y\na,1,2\na,1,3\n")
    assert ":3: id 'a' stands already in " in line
    assert line.endswith("rsus.csv:2")


def test_no_rsu(read):
    assert refusal(read, "id,x,y\n") == ["rsus.csv: there is no RSU in it"]
    assert refusal(read, collection()) == ["rsus.csv: there is no RSU in it"]


def test_points_and_polygons_of_geojson(read):
    hole = [[7.004, 51.004], [7.006, 51.004], [7.006, 51.006], [7.004, 51.004]]
    layout = read(
        collection(
            feature("Point", [7.0, 51.0, 99.0], rsu_id="p", radius_m=300, z_m=12.5, shape="sphere"),
            feature("Polygon", [SQUARE, hole], id=7, cost=2, z_max_m=100),
            {**feature("MultiPolygon", [[SQUARE], [hole]], lon=7.002, lat=51.003), "id": "multi"},
        )
    )
    assert layout.kind == "lonlat"
    point, square, multi = layout.units
    assert (point.rsu_id, point.a, point.b, point.z_m, point.radius_m, point.shape) == (
        "p",
        7.0,
        51.0,
        12.5,
        300.0,
        "sphere",
    )
    assert (square.rsu_id, square.overrides, square.shape, square.z_max_m) == ("7", {"cost": 2.0}, "polygon", 100.0)
    assert (square.a, square.b) == (pytest.approx(7.005), pytest.approx(51.005))
    assert [ring.shape for ring in square.rings] == [(5, 2), (4, 2)]
    assert (multi.rsu_id, multi.a, multi.b) == ("multi", 7.002, 51.003)
    assert len(multi.rings) == 2


def test_polygons_are_projected_with_their_holes(read):
    hole = [[7.004, 51.004], [7.006, 51.004], [7.006, 51.006], [7.004, 51.004]]
    layout = read(
        collection(feature("Point", [7.0, 51.0], id="p", radius_m=9), feature("Polygon", [SQUARE, hole], id="q"))
    )
    frame = choose_frame([], layout)
    sites = place(layout, frame)
    assert math.isnan(sites.radius_m[1])
    assert sites.rings[0] is None
    for ring, corners in zip(sites.rings[1], (SQUARE, hole), strict=True):
        expected = np.column_stack(frame.forward(*np.array(corners).T))
        np.testing.assert_array_equal(ring, expected)
    np.testing.assert_allclose(sites.xyz_m[0, :2], np.column_stack(frame.forward(np.array([7.0]), np.array([51.0])))[0])


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (
            collection(feature("Point", [700.0, 51.0], id="a")),
            ", feature 1: lon = '700.0', expected a number from -180 to 180",
        ),
        (collection(feature("Point", [7.0, 51.0], id="a", radius_m=True)), "expected a number"),
        (collection(feature("Point", [7.0, 51.0])), ", feature 1: id is missing"),
        (collection(feature("Polygon", [SQUARE], id="a", radius_m=5)), "a polygon has corners, no radius_m"),
        (collection(feature("Polygon", [SQUARE], id="a", shape="disc")), "shape = 'disc', expected"),
        (
            collection(feature("Polygon", [SQUARE[:2] + SQUARE[:1]], id="a")),
            "a ring of the polygon has fewer than 3 corners",
        ),
        (collection(feature("Polygon", [[]], id="a")), "expected a Point, Polygon or MultiPolygon"),
        (collection(feature("LineString", SQUARE, id="a")), "expected a Point, Polygon or MultiPolygon"),
        (collection({"type": "Feature", "geometry": None}), "expected a Point, Polygon or MultiPolygon"),
        (collection(3), "not GeoJSON: expected a Feature"),
        ({"type": "Feature"}, "expected a Point, Polygon or MultiPolygon"),
        ("[1, 2]", "not GeoJSON: expected a Feature"),
        ('{"type": NaN}', "not JSON (NaN is not JSON)"),
        ("{" * 5, "not JSON ("),
        ('{"a":' * 200_000, "not JSON ("),
    ],
)
def test_what_geojson_cannot_say(read, content, mistake):
    (line,) = refusal(read, content, name="rsus.geojson")
    assert mistake in line


def test_metres_next_to_degrees_need_a_projection(read):
    metres = read("id,x,y\na,1,2\n")
    degrees = read("id,lon,lat\na,7,51\n")
    with pytest.raises(TraceError, match="EPSG:32632"):
        choose_frame([degrees], metres)
    frame = choose_frame([degrees], metres, "EPSG:32632")
    assert place(metres, frame, default_radius_m=9.0).xyz_m.tolist() == [[1.0, 2.0, 0.0]]
    utm = Layout("inline", "metres", (Unit("u", 356192.83, 5648096.37),), "EPSG:32632")
    np.testing.assert_allclose(place(utm, aeqd(6.951962, 50.966499), default_radius_m=9.0).xyz_m, 0.0, atol=0.1)


def test_a_layout_far_away_is_refused_and_may_be_recentred(read):
    layout = read("id,x,y\na,0,300000\nb,400,300200\n")
    with pytest.raises(TraceError, match=r"the RSUs are 300 km away from the traces; .*recentre = true"):
        place(layout, PLAIN, trace_box=BOX, default_radius_m=9.0)
    sites = place(layout, PLAIN, trace_box=BOX, default_radius_m=9.0, recentre=True)
    assert sites.xyz_m[:, :2].tolist() == [[300.0, 150.0], [700.0, 350.0]]


def test_a_layout_next_door_is_left_where_it_is(read):
    layout = read("id,x,y\na,90000,0\n")
    assert place(layout, PLAIN, trace_box=BOX, default_radius_m=9.0).xyz_m[0, 0] == 90000.0


def test_degrees_are_recentred_in_true_metres_with_their_zones(read):
    layout = read(collection(feature("Polygon", [SQUARE], id="q"), feature("Point", [7.0, 51.0], id="p", radius_m=5)))
    sites = place(layout, PLAIN, trace_box=BOX, recentre=True)
    middle = (sites.xyz_m[:, :2].min(axis=0) + sites.xyz_m[:, :2].max(axis=0)) / 2
    np.testing.assert_allclose(middle, [500.0, 250.0], atol=1e-6)
    # A square of 0.01 degrees at this latitude.
    width, height = np.ptp(sites.rings[0][0], axis=0)
    assert (width, height) == (pytest.approx(702, abs=1), pytest.approx(1112.6, abs=1))
    np.testing.assert_allclose(sites.rings[0][0][0], sites.xyz_m[1, :2], atol=1e-6)
