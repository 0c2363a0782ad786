"""The metric plane: where it is put, and that distances in it are true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import TraceError
from simmig.mobility.frame import PLAIN, Frame, aeqd, check_crs, choose_frame, is_metric
from simmig.mobility.raw import RawTrace

quick = settings(deadline=None, max_examples=60, derandomize=True)


def source(kind, a, b, crs=None, name="t.csv"):
    zeros = np.zeros(len(a), np.int32)
    return RawTrace(name, kind, ("v",), zeros, np.arange(len(a)), np.array(a, float), np.array(b, float), crs=crs)


DEGREES = source("lonlat", [6.95, 6.97], [50.96, 50.97], name="degrees.gpx")
METRES = source("metres", [0.0, 10.0], [0.0, 5.0], name="metres.csv")
UTM = source("metres", [356192.83, 356206.87], [5648096.37, 5648097.96], "EPSG:32632", "utm.csv")


def test_plain_metres_stay_as_they_are():
    frame = choose_frame([METRES])
    assert frame == PLAIN
    x_m, y_m = frame.from_crs(METRES.a, METRES.b, None)
    assert x_m is METRES.a
    assert y_m is METRES.b


def test_degrees_are_projected_about_the_middle_of_the_first_trace():
    frame = choose_frame([DEGREES, source("lonlat", [7.5], [51.0])])
    assert frame == aeqd(6.96, 50.965)
    x_m, y_m = frame.forward(np.array([6.96]), np.array([50.965]))
    np.testing.assert_allclose([*x_m, *y_m], 0.0, atol=1e-6)


def test_the_origin_does_not_depend_on_the_last_digits():
    noisy = source("lonlat", [6.9500004, 6.9699996], [50.9600004, 50.9699996])
    assert choose_frame([noisy]) == choose_frame([DEGREES])


@quick
@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(0.1, 50e3), st.floats(0, 360))
def test_property_distances_and_bearings_from_the_origin_are_true(lon, lat, distance_m, bearing):
    from pyproj import Geod

    lon, lat = round(lon, 4), round(lat, 4)  # as origins are; PROJ takes one of 1e-9 degrees for 0
    far_lon, far_lat, _ = Geod(ellps="WGS84").fwd(lon, lat, bearing, distance_m)
    x_m, y_m = aeqd(lon, lat).forward(np.array([far_lon]), np.array([far_lat]))
    assert x_m[0] == pytest.approx(distance_m * np.sin(np.radians(bearing)), abs=1e-4)
    assert y_m[0] == pytest.approx(distance_m * np.cos(np.radians(bearing)), abs=1e-4)


@quick
@given(st.floats(-170, 170), st.floats(-75, 75), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_property_there_and_back(lon, lat, d_lon, d_lat):
    frame = aeqd(lon, lat)
    there = frame.forward(np.array([lon + d_lon]), np.array([lat + d_lat]))
    back_lon, back_lat = frame.inverse(*there)
    assert back_lon[0] == pytest.approx(lon + d_lon, abs=1e-9)
    assert back_lat[0] == pytest.approx(lat + d_lat, abs=1e-9)


def test_a_named_projection_is_used_for_everything():
    frame = choose_frame([UTM, DEGREES])
    assert frame == Frame("crs", "EPSG:32632")
    x_m, y_m = frame.forward(np.array([6.951962]), np.array([50.966499]))
    assert x_m[0] == pytest.approx(356192.83, abs=0.1)
    assert y_m[0] == pytest.approx(5648096.37, abs=0.1)


def test_an_explicit_projection_wins_and_claims_the_plain_metres():
    frame = choose_frame([METRES, DEGREES], crs="EPSG:32632")
    assert frame == Frame("crs", "EPSG:32632")
    assert frame.from_crs(METRES.a, METRES.b, None)[0] is METRES.a


def test_plain_metres_and_degrees_cannot_be_joined():
    with pytest.raises(TraceError, match=r"metres.csv has plain metres but degrees.gpx is in lon, lat; .*crs = "):
        choose_frame([DEGREES, METRES])
    with pytest.raises(TraceError, match=r"metres.csv has plain metres but utm.csv is in EPSG:32632"):
        choose_frame([UTM], METRES)


def test_feet_are_no_frame_but_can_be_placed_in_one():
    feet = source("metres", [2230502.9], [1375532.9], "EPSG:2240")
    frame = choose_frame([feet])
    assert frame.kind == "aeqd"
    x_m, y_m = frame.from_crs(feet.a, feet.b, feet.crs)
    lon, lat = frame.inverse(x_m, y_m)
    # The corner of NGSIM's Peachtree Street in Atlanta.
    assert lon[0] == pytest.approx(-84.38415, abs=1e-5)
    assert lat[0] == pytest.approx(33.78125, abs=1e-5)


@pytest.mark.parametrize("crs", ["EPSG:2240", "EPSG:3857", "EPSG:4326"])
def test_projections_without_true_metres_are_refused_as_frames(crs):
    assert not is_metric(crs)
    with pytest.raises(TraceError, match="not a projection in true metres"):
        choose_frame([METRES], crs=crs)


@pytest.mark.parametrize("crs", ["EPSG:99999999", "UTM somewhere", ""])
def test_unknown_projections_are_refused(crs):
    with pytest.raises(TraceError, match="is unknown to PROJ"):
        check_crs(crs)


def test_degrees_are_no_projection():
    with pytest.raises(TraceError, match="is not projected"):
        check_crs("EPSG:4326")


def test_a_plain_frame_is_nowhere_on_the_map():
    for action in (
        lambda: PLAIN.forward(DEGREES.a, DEGREES.b),
        lambda: PLAIN.inverse(METRES.a, METRES.b),
        lambda: aeqd(6.96, 50.96).from_crs(METRES.a, METRES.b, None),
    ):
        with pytest.raises(TraceError, match="EPSG:32632"):
            action()


def test_points_that_a_projection_cannot_show_are_named():
    with pytest.raises(TraceError, match=r"\(1e\+30, 1e\+30\) in EPSG:32632 lies outside"):
        aeqd(9.0, 48.0).from_crs(np.array([500e3, 1e30]), np.array([5300e3, 1e30]), "EPSG:32632")
