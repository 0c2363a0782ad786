import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.geometry import ball_span, falling_root, lowest, plane_crossing, ray_crosses, slab_span

QUIET = settings(deadline=None, max_examples=100, derandomize=True)
value = st.integers(-50, 50).map(float)


def arrays(*values):
    return [np.array([value]) for value in values]


def quadratic(start, end, bend, u):
    return start + (end - start - bend) * u + bend * u * u


def test_falling_root_of_known_quadratics():
    # (u - 1/4)(u - 3/4) falls at 1/4; negated it falls at 3/4; a line from 3 to -1 falls at 3/4.
    assert falling_root(*arrays(0.1875, 0.1875, 1.0)) == [0.25]
    assert falling_root(*arrays(-0.1875, -0.1875, -1.0)) == [0.75]
    assert falling_root(*arrays(3.0, -1.0, 0.0)) == [0.75]


@pytest.mark.parametrize("never", [(-1.0, 3.0, 0.0), (2.0, 2.0, 0.0), (1.0, 1.0, 1.0), (0.25, 0.25, 1.0)])
def test_a_line_that_rises_or_a_parabola_that_only_touches_has_no_falling_root(never):
    assert np.isnan(falling_root(*arrays(*never)))


def test_falling_root_keeps_its_digits_where_the_textbook_formula_loses_them():
    # Roots 1e-9 and 1e9: -b - sqrt(b^2 - 4ac) cancels to nothing for the small one.
    start, slope, bend = 1.0, -(1e9 + 1e-9), 1.0
    assert falling_root(*arrays(start, start + slope + bend, bend))[0] == pytest.approx(1e-9, rel=1e-6)


@QUIET
@given(value, value, value)
def test_property_falling_root_is_where_the_sign_changes_from_plus_to_minus(start, end, bend):
    found = falling_root(*arrays(start, end, bend))[0]
    grid = np.linspace(-400.0, 400.0, 160_001)
    signs = np.sign(quadratic(start, end, bend, grid))
    falls = grid[:-1][(signs[:-1] > 0) & (signs[1:] <= 0) & (np.roll(signs, -2)[:-1] < 0)]
    if len(falls):
        assert found == pytest.approx(falls[0], abs=0.0101)
    elif not np.isnan(found) and abs(found) < 399.0:
        slope = end - start - bend + 2.0 * bend * found
        assert quadratic(start, end, bend, found) == pytest.approx(0.0, abs=1e-6)
        assert slope < 0.0


@QUIET
@given(value, value, value)
def test_property_lowest_is_the_minimum_on_the_unit_interval(start, end, bend):
    dense = quadratic(start, end, bend, np.linspace(0.0, 1.0, 2001)).min()
    found = lowest(*arrays(start, end, bend))[0]
    assert found <= dense + 1e-12
    assert found == pytest.approx(dense, abs=2e-5)


def ball(x0, x1, y, radius):
    return arrays(x0 * x0 + y * y - radius * radius, x1 * x1 + y * y - radius * radius, (x1 - x0) ** 2)


@pytest.mark.parametrize(
    ("x0", "x1", "span"),
    [
        (-8.0, 8.0, (0.25, 0.75)),
        (-8.0, 0.0, (0.5, 1.0)),
        (0.0, 8.0, (0.0, 0.5)),
        (-4.0, 4.0, (0.0, 1.0)),
        (1, 2, (0, 1)),
    ],
)
def test_ball_span_on_the_triangle_3_4_5(x0, x1, span):
    first, last = ball_span(*ball(x0, x1, 3.0, 5.0))
    assert (first[0], last[0]) == span


@pytest.mark.parametrize(("x0", "x1", "y"), [(-9.0, 9.0, 6.0), (5.0, 9.0, 3.0), (-9.0, -5.0, 3.0), (-9.0, 9.0, 5.0)])
def test_ball_span_of_a_miss_is_nan(x0, x1, y):
    first, last = ball_span(*ball(x0, x1, y, 5.0))
    assert not first[0] < last[0]


def test_ball_span_of_a_vehicle_that_stands():
    assert [span[0] for span in ball_span(*ball(1.0, 1.0, 1.0, 5.0))] == [0.0, 1.0]
    assert np.isnan(ball_span(*ball(9.0, 9.0, 1.0, 5.0))).all()


@pytest.mark.parametrize(
    ("z0", "z1", "span"),
    [
        (0.0, 100.0, (0.2, 0.6)),
        (100.0, 0.0, (0.4, 0.8)),
        (30.0, 80.0, (0.0, 0.6)),
        (80.0, 30.0, (0.4, 1.0)),
        (30.0, 30.0, (0.0, 1.0)),
        (0.0, 10.0, (math.nan, math.nan)),
        (0.0, 0.0, (math.nan, math.nan)),
        (90.0, 61.0, (math.nan, math.nan)),
    ],
)
def test_slab_span(z0, z1, span):
    found = [part[0] for part in slab_span(*arrays(z0, z1, 20.0, 60.0))]
    assert found == pytest.approx(span, abs=1e-15, nan_ok=True)


def test_slab_span_of_an_open_slab():
    assert [part[0] for part in slab_span(*arrays(-5.0, 5.0, -math.inf, 0.0))] == [0.0, 0.5]
    assert [part[0] for part in slab_span(*arrays(-5.0, 5.0, -math.inf, math.inf))] == [0.0, 1.0]


def test_plane_crossing():
    assert plane_crossing(*arrays(-1.0, 3.0)) == [0.25]
    assert np.isnan(plane_crossing(*arrays(2.0, 2.0)))


def square(x, y):
    """The edges of a unit square with this lower left corner, lower end first."""
    corners = [(x, y), (x + 1.0, y), (x + 1.0, y + 1.0), (x, y + 1.0)]
    edges = [sorted(pair, key=lambda p: p[1]) for pair in zip(corners, corners[1:] + corners[:1], strict=True)]
    low, high = np.array([a for a, _ in edges]), np.array([b for _, b in edges])
    return (low[:, 0], low[:, 1]), (high[:, 0], high[:, 1])


def crossings(x, y, edges):
    return int(ray_crosses(np.full(4, x), np.full(4, y), *edges).sum())


def test_an_odd_number_of_edges_is_crossed_from_inside():
    assert crossings(0.5, 0.5, square(0.0, 0.0)) == 1
    assert crossings(-0.5, 0.5, square(0.0, 0.0)) == 2
    assert crossings(1.5, 0.5, square(0.0, 0.0)) == 0
    assert crossings(0.5, 1.5, square(0.0, 0.0)) == 0


@pytest.mark.parametrize("y", [0.0, 0.25, 1.0, 1.75])
@pytest.mark.parametrize("x", [0.0, 0.5, 1.0, 1.5])
def test_every_point_of_a_tiling_is_in_exactly_one_tile(x, y):
    tiles = [square(float(i), float(j)) for i in range(-1, 3) for j in range(-1, 3)]
    assert sum(crossings(x, y, tile) % 2 for tile in tiles) == 1
