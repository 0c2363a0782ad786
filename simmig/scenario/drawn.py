"""Models of which some settings may be draws: one model for each RSU instead of one for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simmig.rng import Draws
from simmig.scenario.draws import Draw, is_draw

M = TypeVar("M")

_DRAWS: TypeAdapter[dict[str, Draw]] = TypeAdapter(dict[str, Draw])


@dataclass(frozen=True, slots=True)
class Drawn(Generic[M]):
    """A model whose settings may be draws: `typical` is made with their means."""

    typical: M
    settings: Mapping[str, Draw]
    make: Callable[[Mapping[str, float]], M] = field(repr=False, compare=False)

    def sample(self, draws: Draws) -> M:
        """Return the model with its draws made, one after the other; `typical` itself if it has none."""
        if not self.settings:
            return self.typical
        return self.make({key: draw.sample(draws) for key, draw in self.settings.items()})


@dataclass(frozen=True, slots=True)
class WithDraws:
    """Marks a `Drawn` field; `of` is the type of the model, as the field would have it without draws."""

    of: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        inner = handler.generate_schema(self.of)
        return core_schema.no_info_wrap_validator_function(
            self._read,
            inner,
            serialization=core_schema.wrap_serializer_function_ser_schema(self._write, schema=inner),
        )

    def _read(self, value: object, handler: ValidatorFunctionWrapHandler) -> Drawn[Any]:
        given = value if isinstance(value, dict) else {}
        settings = _DRAWS.validate_python({key: text for key, text in given.items() if is_draw(text)})
        if not settings:
            return Drawn(handler(value), {}, handler)

        def make(numbers: Mapping[str, float]) -> object:
            return handler({**given, **numbers})

        for end in (0, 1):  # what holds at both ends of a draw holds between them
            make({key: draw.reach()[end] for key, draw in settings.items()})
        return Drawn(make({key: draw.mean() for key, draw in settings.items()}), settings, make)

    def _write(self, drawn: Drawn[Any], handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(drawn.typical), **_DRAWS.dump_python(dict(drawn.settings), mode="json")}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        draw = handler(TypeAdapter(Draw).core_schema)
        variants = [handler.resolve_ref_schema(variant) for variant in handler(schema)["oneOf"]]
        return {"oneOf": [_allowing(draw, variant) for variant in variants]}


def _allowing(draw: JsonSchemaValue, variant: JsonSchemaValue) -> JsonSchemaValue:
    properties = variant.get("properties", {})
    numbers = {key: {"anyOf": [own, draw]} for key, own in properties.items() if own.get("type") == "number"}
    return {**variant, "properties": {**properties, **numbers}}
