"""Draws of a scenario: their laws, their means, and what is refused."""

import math
from statistics import fmean
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simmig.plugins.wording import explain
from simmig.rng import Draws
from simmig.scenario.draws import Draw, Within

DRAW: TypeAdapter[Draw] = TypeAdapter(Draw)
RANGED = TypeAdapter(Annotated[Draw, Within(1.0, 1000.0, "m")])


def refusal(value: object, adapter: TypeAdapter[Any] = DRAW) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    return [explain(detail) for detail in caught.value.errors()]


def samples(value: object, count: int = 4000) -> list[float]:
    draw, draws = DRAW.validate_python(value), Draws(11, "test")
    return [draw.sample(draws) for _ in range(count)]


@pytest.mark.parametrize(
    ("value", "mean", "sd"),
    [
        (5, 5.0, 0.0),
        ({"uniform": [2, 8]}, 5.0, 6 / math.sqrt(12)),
        ({"choice": [1, 2, 6]}, 3.0, math.sqrt(14 / 3)),
        ({"exponential": 2.5}, 2.5, 2.5),
        # Half of a standard normal: mean sqrt(2/pi), variance 1 - 2/pi.
        ({"normal": [0, 1], "low": 0.0, "high": 40.0}, math.sqrt(2 / math.pi), math.sqrt(1 - 2 / math.pi)),
        # Symmetric cut: the mean stays; variance 1 - 2 a phi(a) / (2 Phi(a) - 1) with a = 1.
        (
            {"normal": [10, 3], "low": 7, "high": 13},
            10.0,
            3 * math.sqrt(1 - 2 * 0.24197072451914337 / 0.6826894921370859),
        ),
    ],
)
def test_samples_have_the_mean_and_spread_of_their_law(value: object, mean: float, sd: float) -> None:
    found = samples(value)
    assert DRAW.validate_python(value).mean() == pytest.approx(mean, rel=1e-12)
    assert fmean(found) == pytest.approx(mean, abs=4 * sd / math.sqrt(len(found)) + 1e-12)
    spread = math.sqrt(fmean((x - mean) ** 2 for x in found))
    assert spread == pytest.approx(sd, rel=0.06)


def test_a_normal_far_out_in_its_tail_keeps_its_law() -> None:
    # The mean beyond a cut is the inverse of Mills' ratio; out there 1 - Phi has 7 digits left in a double.
    low = 5.9
    tail = 0.5 * math.erfc(low / math.sqrt(2))
    mean = math.exp(-low * low / 2) / math.sqrt(2 * math.pi) / tail
    for sign in (1, -1):
        ends = (low, 60.0) if sign > 0 else (-60.0, -low)
        value = {"normal": [0.0, 1.0], "low": ends[0], "high": ends[1]}
        assert DRAW.validate_python(value).mean() == pytest.approx(sign * mean, rel=1e-11)
        found = samples(value)
        assert fmean(found) == pytest.approx(sign * mean, abs=4 * 0.17 / math.sqrt(len(found)))
        assert min(abs(x) for x in found) >= low


def test_choice_takes_each_number_as_often() -> None:
    found = samples({"choice": [1.0, 2.0, 6.0]})
    assert sorted(set(found)) == [1.0, 2.0, 6.0]
    for number in (1.0, 2.0, 6.0):
        assert found.count(number) / len(found) == pytest.approx(1 / 3, abs=0.03)


finite = st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(finite, finite, st.floats(0.01, 100.0), st.floats(-5.0, 5.0), st.integers(0, 2**32))
def test_property_samples_stay_inside_their_reach(a: float, b: float, width: float, offset: float, seed: int) -> None:
    low, high = min(a, b), max(a, b)
    cut = {"normal": [a, width], "low": a + offset * width, "high": a + (offset + 0.1) * width}
    for value in ({"uniform": [low, high]}, {"choice": [a, b]}, cut):
        draw = DRAW.validate_python(value)
        bottom, top = draw.reach()
        assert bottom <= draw.sample(Draws(seed, "x")) <= top
        slack = 1e-9 * max(abs(bottom), abs(top))
        assert bottom - slack <= draw.mean() <= top + slack


def test_the_same_cause_gives_the_same_number() -> None:
    draw = DRAW.validate_python({"uniform": [0, 1]})
    assert draw.sample(Draws(1, "size", "v1")) == draw.sample(Draws(1, "size", "v1"))
    assert draw.sample(Draws(1, "size", "v1")) != draw.sample(Draws(1, "size", "v2"))


def test_a_draw_is_written_back_as_it_stood() -> None:
    for value in (5.0, {"uniform": [1.0, 2.0]}, {"normal": [1.0, 2.0], "low": 0.0, "high": 3.0}, {"choice": [1.0]}):
        assert DRAW.dump_python(DRAW.validate_python(value), mode="json") == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("8", "'8': expected a number or a draw"),
        (True, "True: expected a number or a draw"),
        ({"unifrm": [1, 2]}, "expected a number or a draw"),
        ({"uniform": [1, 2], "choice": [1]}, "expected a number or a draw"),
        (float("nan"), "nan: expected a finite number"),
        ({"uniform": [2, 1]}, "[2.0, 1.0]: expected [low, high] with low <= high"),
        ({"uniform": [1]}, "[1]: expected 2 entries"),
        ({"uniform": [1, 2, 3]}, "[1, 2, 3]: expected 2 entries"),
        ({"choice": []}, "[]: expected at least 1 entries"),
        ({"choice": [1, float("inf")]}, "inf: expected a finite number"),
        ({"exponential": 0}, "0: expected more than 0"),
        ({"exponential": 1, "high": 3}, "3: unknown key"),
        ({"normal": [1, 0], "low": 0, "high": 2}, "[1.0, 0.0]: expected [mean, sd] with sd > 0"),
        ({"normal": [1, 1], "low": 2, "high": 2}, "2.0: expected more than low = 2"),
        ({"normal": [1, 1], "low": 20, "high": 30}, "too rare"),
    ],
)
def test_what_is_no_draw_is_refused_once(value: object, text: str) -> None:
    [line] = refusal(value)
    assert text in line


def test_a_normal_needs_both_ends() -> None:
    assert refusal({"normal": [1, 1]}) == ["missing, and it has no default"] * 2


@pytest.mark.parametrize("value", [0.5, 1001, {"uniform": [0.5, 3]}, {"choice": [3, 2000]}, {"exponential": 0.1}])
def test_a_range_holds_for_all_that_can_be_drawn(value: object) -> None:
    assert refusal(value, RANGED) == [f"{value!r}: expected 1 to 1000 m"]


@pytest.mark.parametrize("value", [1, 1000, {"uniform": [1, 1000]}, {"exponential": 5.0}])
def test_a_range_includes_its_ends(value: object) -> None:
    RANGED.validate_python(value)
    assert RANGED.json_schema()["oneOf"]
