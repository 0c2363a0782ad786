import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.report.numbers import duration, number, percent, power_of_ten, shorten, tick_duration


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0"),
        (0.0, "0"),
        (1234567, "1,234,567"),
        (-12, "−12"),
        (math.inf, "∞"),
        (0.24961, "0.2496"),
        (9.99996, "10.00"),
        (12345.6, "12,346"),
        (-0.0050641, "−0.005064"),
        (2.75e-5, "2.750 × 10⁻⁵"),
        (9_999_000.0, "9,999,000"),
        (1.5e7, "1.500 × 10⁷"),
        (-1.5e12, "−1.500 × 10¹²"),
    ],
)
def test_number(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.8715, "87.2 %"),
        (0.00886, "0.886 %"),
        (0.99999, "> 99.9 %"),
        (1e-6, "< 0.01 %"),
        (1.25, "125 %"),
    ],
)
def test_percent_says_all_or_none_only_if_it_is_so(share, expected):
    assert percent(share) == expected


@pytest.mark.parametrize(
    ("value_s", "expected"),
    [(None, "–"), (0.0, "0 s"), (1.634, "1.63 s"), (3600.0, "3,600 s"), (0.0345, "34.5 ms"), (2e-6, "2.00 µs")],
)
def test_duration(value_s, expected):
    assert duration(value_s) == expected


def test_ticks_have_no_needless_zeros():
    assert [tick_duration(10.0**k) for k in (-4, -3, 0, 2, 3)] == ["100 µs", "1 ms", "1 s", "100 s", "1,000 s"]
    assert [tick_duration(value) for value in (1.5, 0.02)] == ["1.5 s", "20 ms"]
    assert power_of_ten(-16) == "10⁻¹⁶"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("rsu-1", "rsu-1"), ("a\nb\x00", "a\ufffdb\ufffd"), ("x" * 30, "xxxxxxxxxxx…xxxxxxxxxxxx"), ("", "")],
)
def test_shorten(text, expected):
    assert shorten(text) == expected


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.floats(1e-12, 1e12))
def test_property_a_number_reads_back_to_its_digits(value):
    text = number(value).replace(",", "")
    if "×" in text:
        mantissa, power = text.split(" × 10")
        text = f"{mantissa}e{power.translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789'))}"
    assert float(text) == pytest.approx(value, rel=5.1e-4)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.text(max_size=80), st.integers(3, 40))
def test_property_shortened_text_is_one_short_line(text, most):
    short = shorten(text, most)
    assert len(short) <= most
    assert short.isprintable()
