"""Times of trace files: exact to the microsecond, and never guessed."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.errors import TraceError
from simmig.mobility.formats._times import iso_to_us, numbers_to_us, seconds_to_us, sumo_time_us, zone_named

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
quick = settings(deadline=None, max_examples=100, derandomize=True)


@quick
@given(st.integers(0, 2**32 * 10**6 - 1), st.integers(0, 6))
def test_property_decimal_seconds_are_exact_to_the_last_digit(time_us, places):
    text = str((Decimal(time_us) / 10**6).quantize(Decimal(1).scaleb(-places)))
    expected = int(Decimal(text) * 10**6)
    assert seconds_to_us(text) == expected
    assert numbers_to_us(np.array([float(text)]), "s")[0].tolist() == [expected]


def test_ten_steps_of_a_tenth_are_a_second():
    assert [sumo_time_us(f"{step / 10:.2f}") for step in range(11)] == list(range(0, 1_000_001, 100_000))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200.00", "200"),
        ("00:03:20", "200"),
        ("07:00:00.25", "25200.25"),
        ("1:00:03:20", "86600"),
        ("12:23:59:59.999999", "1123199.999999"),
        ("-1.50", "-1.5"),
    ],
)
def test_times_that_sumo_writes(text, seconds):
    assert sumo_time_us(text) == int(Decimal(seconds) * 10**6)


@pytest.mark.parametrize("text", ["", "12:3", "1:2:3", "1e30", "nan", "inf", "07:00"])
def test_what_is_no_time_of_sumos(text):
    with pytest.raises(ValueError):
        sumo_time_us(text)


@pytest.mark.parametrize(
    ("values", "unit", "t_us", "epoch"),
    [
        ([1717225200.0, 1717225205.5], "auto", [1717225200000000, 1717225205500000], 0),
        ([1717225200000.0, 1717225205500.0], "auto", [1717225200000000, 1717225205500000], 0),
        ([1717225200000123.0], "auto", [1717225200000123], 0),
        ([1717225200000123000.0], "auto", [1717225200000123], 0),
        ([0.0, 25200.1], "auto", [0, 25200100000], None),
        ([-1.0, 1.0], "auto", [-1000000, 1000000], None),
        ([182092193.0, 833710186.0], "us", [182092193, 833710186], None),
        ([5000.0], "ms", [5000000], None),
        ([1717225200000.0], "ms", [1717225200000000], 0),
    ],
)
def test_units_of_numbers_are_told_by_their_size(values, unit, t_us, epoch):
    got_us, got_epoch = numbers_to_us(np.array(values), unit)
    assert got_us.tolist() == t_us
    assert got_epoch == epoch


@pytest.mark.parametrize("values", [[0.0, 1717225200.0], [1717225200.0, 1717225200000.0], [182092193.0, 833710186.0]])
def test_numbers_of_two_sizes_are_refused(values):
    with pytest.raises(ValueError, match="set time_unit"):
        numbers_to_us(np.array(values), "auto")


def test_numbers_beyond_the_range_of_microseconds_are_refused():
    with pytest.raises(ValueError, match="out of range"):
        numbers_to_us(np.array([1e14]), "s")


@quick
@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001, the strategy adds the zone
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from(["T", " "]),
)
def test_property_iso_times_with_an_offset(moment, zone, between):
    aware = moment.replace(tzinfo=zone)
    since = aware - EPOCH
    expected = (since.days * 86400 + since.seconds) * 10**6 + since.microseconds
    assert iso_to_us(aware.isoformat(between), None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-06-01T07:00:00Z", 1717225200000000),
        ("2024-06-01 09:00:05+02:00", 1717225205000000),
        ("2014-02-01 00:00:00.739166+01", 1391209200739166),
        ("2015-12-11T15:43:13.994+01:00", 1449844993994000),
    ],
)
def test_known_iso_times(text, expected):
    assert iso_to_us(text, None) == expected


@pytest.mark.parametrize("text", ["06/01/2024 07:00:15", "01.06.2024 09:00:20", "2024-06-01", "20240601", "", "7"])
def test_dates_that_would_have_to_be_guessed_are_refused(text):
    with pytest.raises(ValueError, match="ISO 8601"):
        iso_to_us(text, UTC)


def test_a_time_without_a_zone_is_local_to_the_one_given():
    with pytest.raises(ValueError, match='set time_zone = "UTC"'):
        iso_to_us("2024-06-01 07:00:10", None)
    assert iso_to_us("2024-06-01 09:00:00", zone_named("Europe/Berlin")) == 1717225200000000
    assert iso_to_us("2024-06-01 07:00:00", zone_named("UTC")) == 1717225200000000


def test_the_hour_that_happens_twice_is_asked_for():
    berlin = zone_named("Europe/Berlin")
    with pytest.raises(ValueError, match='set ambiguous = "first" or "second"'):
        iso_to_us("2023-10-29 02:30:00", berlin)
    assert iso_to_us("2023-10-29 02:30:00", berlin, "first") == iso_to_us("2023-10-29T00:30:00Z", None)
    assert iso_to_us("2023-10-29 02:30:00", berlin, "second") == iso_to_us("2023-10-29T01:30:00Z", None)


def test_the_hour_that_never_happens_is_refused():
    with pytest.raises(ValueError, match="does not exist in Europe/Berlin"):
        iso_to_us("2024-03-31 02:30:00", zone_named("Europe/Berlin"), "first")


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", ""])
def test_unknown_zones_are_refused(name):
    with pytest.raises(TraceError, match="is unknown; expected an IANA name"):
        zone_named(name)
