"""Numbers of a scenario: constants, or draws from a distribution, inside a plausible range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    RootModel,
    Tag,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simmig.plugins.wording import mistake
from simmig.rng import Draws
from simmig.scenario.sections import Count, Listed, Section

_UNIT_NORMAL = NormalDist()
_LEAST_MASS = 1e-9  # a cut that leaves less than this (6 standard deviations out) is a slip, not a model
_BELOW_ONE = 1.0 - 2.0**-53  # largest argument of an inverse distribution function

Pair = Annotated[Listed[float], Count(2, is_exact=True)]


class Constant(RootModel[float]):
    """The same number every time."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    def sample(self, draws: Draws) -> float:
        """Return the number; uses no draw."""
        return self.root

    def mean(self) -> float:
        """Return the number."""
        return self.root

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value that can come out."""
        return self.root, self.root


class Uniform(Section):
    """Uniform between two numbers: `{ uniform = [low, high] }`."""

    uniform: Pair
    """Lowest and highest value."""

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if self.uniform[0] > self.uniform[1]:
            raise mistake(list(self.uniform), "expected [low, high] with low <= high", "uniform")
        return self

    def sample(self, draws: Draws) -> float:
        """Return the next number; uses one draw."""
        low, high = self.uniform
        return low + (high - low) * draws.uniform()

    def mean(self) -> float:
        """Return the mean."""
        return 0.5 * (self.uniform[0] + self.uniform[1])

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value that can come out."""
        return self.uniform[0], self.uniform[1]


class Normal(Section):
    """Normal, cut off at both ends, by exact inversion: `{ normal = [mean, sd], low = x, high = y }`."""

    normal: Pair
    """Mean and standard deviation before it is cut off."""
    low: float
    """Lowest value."""
    high: float
    """Highest value."""

    @model_validator(mode="after")
    def _possible(self) -> Normal:
        if self.normal[1] <= 0.0:
            raise mistake(list(self.normal), "expected [mean, sd] with sd > 0", "normal")
        if self.low >= self.high:
            raise mistake(self.high, f"expected more than low = {self.low:g}", "high")
        if self._mass() < _LEAST_MASS:
            raise mistake(list(self.normal), "expected low and high nearer to the mean: too rare", "normal")
        return self

    def _ends(self) -> tuple[float, float, float]:
        # The side on which the probabilities are small: near 1 they would lose their digits.
        mean, sd = self.normal
        a, b = (self.low - mean) / sd, (self.high - mean) / sd
        return (-b, -a, -1.0) if a > 0.0 else (a, b, 1.0)

    def _mass(self) -> float:
        a, b, _ = self._ends()
        return _below(b) - _below(a)

    def sample(self, draws: Draws) -> float:
        """Return the next number; uses one draw."""
        a, _, side = self._ends()
        z = _UNIT_NORMAL.inv_cdf(min(_below(a) + self._mass() * draws.uniform(), _BELOW_ONE))
        return min(max(self.normal[0] + side * z * self.normal[1], self.low), self.high)

    def mean(self) -> float:
        """Return the mean of what is left after the cut."""
        a, b, side = self._ends()
        density = _UNIT_NORMAL.pdf(a) - _UNIT_NORMAL.pdf(b)
        return self.normal[0] + side * self.normal[1] * density / self._mass()

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value that can come out."""
        return self.low, self.high


def _below(z: float) -> float:
    # NormalDist.cdf is 1 + erf, which has no digits left where the probability is small.
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


class Choice(Section):
    """One of some numbers, each as likely: `{ choice = [1.0, 2.0, 5.0] }`."""

    choice: Annotated[Listed[float], Count(1)]
    """The numbers."""

    def sample(self, draws: Draws) -> float:
        """Return the next number; uses one draw."""
        return self.choice[int(draws.uniform() * len(self.choice))]

    def mean(self) -> float:
        """Return the mean."""
        return math.fsum(self.choice) / len(self.choice)

    def reach(self) -> tuple[float, float]:
        """Return the lowest and the highest value that can come out."""
        return min(self.choice), max(self.choice)


class Exponential(Section):
    """Exponential with a mean: `{ exponential = 2.0 }`."""

    exponential: Annotated[float, Field(gt=0.0)]
    """The mean."""

    def sample(self, draws: Draws) -> float:
        """Return the next number; uses one draw."""
        return draws.exponential(self.exponential)

    def mean(self) -> float:
        """Return the mean."""
        return self.exponential

    def reach(self) -> tuple[float, float]:
        """Return (mean, mean): without ends of its own, its mean stands for it where a range is checked."""
        return self.exponential, self.exponential


_TAGS: dict[type, str] = {
    Constant: "constant",
    Uniform: "uniform",
    Normal: "normal",
    Choice: "choice",
    Exponential: "exponential",
}


def is_draw(value: object) -> bool:
    """Return whether a value of a scenario file is meant as a draw, right or wrong."""
    return isinstance(value, dict) and any(tag in value for tag in _TAGS.values())


def _tag(value: object) -> str | None:
    if isinstance(value, dict):
        tags = [tag for tag in _TAGS.values() if tag in value]
        return tags[0] if len(tags) == 1 else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "constant"
    return _TAGS.get(type(value))


Draw = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Exponential, Tag("exponential")],
    Discriminator(
        _tag,
        custom_error_type="mistake",
        custom_error_message="expected a number or a draw: { uniform = [low, high] }, { choice = [..] }, "
        "{ exponential = mean } or { normal = [mean, sd], low = x, high = y }",
    ),
]


@dataclass(frozen=True, slots=True)
class Within:
    """Marks a number or a `Draw` whose every value must lie in a plausible range: it catches MHz for Hz."""

    low: float
    high: float
    unit: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
        found = handler(value)
        lowest, highest = (found, found) if isinstance(found, int | float) else found.reach()
        if not (self.low <= lowest and highest <= self.high):
            unit = f" {self.unit}" if self.unit else ""
            raise mistake(value, f"expected {self.low:g} to {self.high:g}{unit}")
        return found

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        if found.get("type") in ("number", "integer"):
            found.update(minimum=self.low, maximum=self.high)
        return found
