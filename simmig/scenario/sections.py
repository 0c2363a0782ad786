"""What the tables of a scenario file are made of: strict sections, and plug-ins with their settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    Strict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from simmig.contracts import Plugin
from simmig.errors import PluginError
from simmig.plugins import available, plugin_class
from simmig.plugins.loading import configured
from simmig.plugins.wording import complaint, mistake, naming_near_keys, show

P = TypeVar("P", bound=Plugin)
T = TypeVar("T")

Listed = Annotated[tuple[T, ...], Strict(False)]  # a TOML array comes as a list, which a strict tuple refuses


class Section(BaseModel):
    """One table of a scenario file: strict, frozen, every unknown key refused with the nearest right name."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _name_near_keys(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            raise naming_near_keys(error, {(): cls}) from None


def near_keys_of(settings: Any) -> WrapValidator:  # noqa: ANN401
    """Return the validator that names the nearest right key in a union of models told apart by `kind`."""
    models: dict[tuple[str | int, ...], type[BaseModel]] = {
        (model.model_fields["kind"].default,): model for model in get_args(get_args(settings)[0])
    }

    def validate(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError as error:
            raise naming_near_keys(error, models) from None

    return WrapValidator(validate)


@dataclass(frozen=True, slots=True)
class Count:
    """Marks a list that must have `least` entries, or at least so many."""

    least: int
    is_exact: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: object, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
        # Before the entries: pydantic's own minimum counts the valid ones, and so complains twice.
        count = len(value) if isinstance(value, list | tuple) else self.least
        if count < self.least or (self.is_exact and count > self.least):
            raise mistake(value, f"expected {'' if self.is_exact else 'at least '}{self.least} entries")
        return handler(value)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        most = {"maxItems": self.least} if self.is_exact else {}
        return {**handler(schema), "minItems": self.least, **most}


def base_dir_of(info: ValidationInfo) -> Path:
    """Return the folder that paths in the scenario start from: that of the scenario file."""
    return Path((info.context or {}).get("base_dir", ""))


@dataclass(frozen=True, slots=True)
class Chosen(Generic[P]):
    """A plug-in named in a scenario: `kind` is its name there, `plugin` one made with `settings`.

    A plug-in with a memory must not carry it from run to run: each run makes its own with `plugins.load`.
    """

    kind: str
    settings: dict[str, Any] = field(compare=False)
    plugin: P


@dataclass(frozen=True, slots=True)
class FromPlugins:
    """Marks a `Chosen` field: `plugins` is the kind of plug-in, `key` the key that holds its name."""

    plugins: str
    key: str = "kind"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.with_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(self._write)
        )

    def _read(self, value: object, info: ValidationInfo) -> Chosen[Any]:
        if not isinstance(value, dict):
            raise mistake(value, f'expected a table {{ {self.key} = "...", ... }}')
        if self.key not in value:
            missing = InitErrorDetails(type="missing", loc=(self.key,), input=value)
            raise ValidationError.from_exception_data(self.plugins, [missing])
        name = value[self.key]
        if not isinstance(name, str):
            raise mistake(name, "expected text in quotes", self.key)
        settings = {key: given for key, given in value.items() if key != self.key}
        try:
            found = plugin_class(self.plugins, name, base_dir_of(info))
            plugin = configured(f"{self.plugins[:-1]} {show(name)}", found, settings)
        except PluginError as error:
            raise complaint(str(error), self.key) from None
        return Chosen(name, settings, plugin)

    def _write(self, chosen: Chosen[Any]) -> dict[str, Any]:
        return {self.key: chosen.kind, **chosen.plugin.model_dump(mode="json", exclude_none=True)}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"oneOf": list(self.variants(handler))}

    def variants(self, handler: GetJsonSchemaHandler) -> Iterator[JsonSchemaValue]:
        """Yield a JSON Schema for each installed plug-in, and one for plug-ins named by module or file."""
        for name in available(self.plugins):
            try:
                found = plugin_class(self.plugins, name)
            except PluginError as error:  # its extra is not installed, but its name is right
                own: JsonSchemaValue = {"type": "object", "description": str(error)}
            else:
                own = handler.resolve_ref_schema(handler(found.__pydantic_core_schema__))
            yield {
                **own,
                "properties": {self.key: {"const": name}, **own.get("properties", {})},
                "required": [self.key, *own.get("required", [])],
            }
        outside = {"type": "string", "pattern": r"[:]|\.py$", "description": "module:Class or file.py:Class"}
        yield {"type": "object", "properties": {self.key: outside}, "required": [self.key]}
