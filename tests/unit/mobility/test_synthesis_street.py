"""The straight street: positions by hand, and a Poisson stream of cars."""

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.synthesis.street import Car, poisson_cars, street


def test_a_street_by_hand():
    # 1500 m at 15 m/s take 100 s, at 20 m/s 75 s; names decide the order.
    trace = street([Car("west", 4.5, 20.0, is_eastbound=False, y_m=3.5), Car("east", 0.0, 15.0)], -250.0, 1250.0)
    assert trace.vehicle_id == ("east", "west")
    assert trace.t_us.tolist() == [0, 100_000_000, 4_500_000, 79_500_000]
    assert trace.x_m.tolist() == [-250.0, 1250.0, 1250.0, -250.0]
    assert trace.y_m.tolist() == [0.0, 0.0, 3.5, 3.5]
    assert trace.z_m is None


def test_fixes_between_the_ends_are_where_constant_speed_puts_them():
    trace = street([Car("a", 0.5, 10.0)], 0.0, 30.0, fix_interval_s=1.0)
    assert trace.t_us.tolist() == [500_000, 1_000_000, 2_000_000, 3_000_000, 3_500_000]
    assert trace.x_m.tolist() == [0.0, 5.0, 15.0, 25.0, 30.0]


def test_poisson_cars_have_the_rate_and_the_choices():
    cars = poisson_cars(0.5, 20_000.0, (10.0, 15.0, 20.0), seed=3)
    assert len(cars) == pytest.approx(10_000, abs=400)  # 4 standard deviations
    gaps_s = np.diff([0.0, *(car.enter_s for car in cars)])
    assert (gaps_s > 0.0).all()
    assert np.std(gaps_s) == pytest.approx(2.0, abs=0.12)  # exponential: as wide as its mean
    for speed_m_s in (10.0, 15.0, 20.0):
        assert sum(car.speed_m_s == speed_m_s for car in cars) / len(cars) == pytest.approx(1 / 3, abs=0.02)
    assert sum(car.is_eastbound for car in cars) / len(cars) == pytest.approx(0.5, abs=0.02)


def test_a_longer_stream_begins_with_the_shorter_one():
    short = poisson_cars(0.1, 300.0, (10.0,), seed=8)
    assert short == poisson_cars(0.1, 900.0, (10.0,), seed=8)[: len(short)]
    assert len(short) > 10
    assert short != poisson_cars(0.1, 300.0, (10.0,), seed=9)


@pytest.mark.parametrize(
    ("cars", "ends_m", "said"),
    [
        ([], (0.0, 9.0), "at least one vehicle"),
        ([Car("a", 0.0, 1.0), Car("a", 5.0, 1.0)], (0.0, 9.0), "two cars are named 'a'"),
        ([Car("a", -1.0, 1.0)], (0.0, 9.0), "enter_s = -1.0: expected 0 or more"),
        ([Car("a", 0.0, 0.0)], (0.0, 9.0), "speed_m_s = 0.0: expected a positive"),
        ([Car("a", 0.0, float("nan"))], (0.0, 9.0), "speed_m_s = nan"),
        ([Car("a", 0.0, 1.0, y_m=float("inf"))], (0.0, 9.0), "y_m = inf"),
        ([Car("a", 0.0, 1.0)], (9.0, 0.0), "west end before east end"),
    ],
)
def test_nonsense_is_refused(cars, ends_m, said):
    with pytest.raises(TraceError, match=said):
        street(cars, *ends_m)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0.0, 10.0, (1.0,)), "per_s = 0.0"),
        ((1.0, float("inf"), (1.0,)), "duration_s = inf"),
        ((1.0, 10.0, ()), "at least one speed"),
    ],
)
def test_nonsense_streams_are_refused(arguments, said):
    with pytest.raises(TraceError, match=said):
        poisson_cars(*arguments)
