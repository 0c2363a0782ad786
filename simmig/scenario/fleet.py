"""The `[[fleet]]` tables: vehicles that share a trace, a kind of twin and preferences."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simmig.contracts import Plugin
from simmig.scenario.draws import Constant, Draw, Within
from simmig.scenario.paths import InputPath
from simmig.scenario.sections import Chosen, FromPlugins, Section

_READER = FromPlugins("formats", key="format")
_READER_KEY = "format settings"  # where the format's own keys are gathered; no file can use it


class TraceSource(Section):
    """A mobility trace; a format's own settings stand beside these keys."""

    path: InputPath
    """The file, relative to the scenario file."""
    reader: Annotated[Chosen[Plugin], _READER] | None = Field(default=None, validation_alias=_READER_KEY)
    """The format, if it is named; otherwise it is recognised by the file's content."""
    crs: str | None = None
    """Coordinate reference system of the file's metres, such as "EPSG:32632"."""
    split_gap_s: Annotated[float, Within(1e-3, 1e9, "s")] = 120.0
    """A longer gap between two fixes starts a new trip."""
    on_duplicate: Literal["error", "first", "last"] = "error"
    """What to do with two fixes of one vehicle at one instant."""
    default_altitude_m: Annotated[float, Within(-1e4, 1e6, "m")] | None = None
    """Altitude of fixes that have none."""
    ground_altitude_m: Annotated[float, Within(-1e4, 1e4, "m")] = 0.0
    """Taken off every altitude of the file: heights above sea level become heights above ground."""
    start_s: Annotated[float, Within(0.0, 1e10, "s")] | None = None
    """Put the file's first fix at this time, whatever its date."""
    max_drop_share: Annotated[float, Within(0.0, 1.0)] = 0.05
    """Largest share of unusable rows; more is an error."""
    max_vehicles: Annotated[int, Within(1, 1e9)] | None = None
    """Take only the first so many vehicles, in order of their ids."""

    @model_validator(mode="before")
    @classmethod
    def _gather_format_settings(cls, value: object) -> object:
        if not isinstance(value, dict) or "format" not in value:
            return value
        own = {key: given for key, given in value.items() if key in cls.model_fields and key != "reader"}
        return {**own, _READER_KEY: {key: given for key, given in value.items() if key not in own}}

    @model_serializer(mode="wrap")
    def _spread_format_settings(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        plain = handler(self)
        settings = plain.pop("reader", None) or {}
        return {**plain, **settings}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        plain = handler.resolve_ref_schema(handler(schema))
        own = {key: value for key, value in plain["properties"].items() if key != _READER_KEY}
        plain["properties"] = own
        variants = [
            {
                **variant,
                "properties": {**own, **variant["properties"]},
                "required": ["path", *variant["required"]],
            }
            for variant in _READER.variants(handler)
        ]
        return {"oneOf": [plain, *variants]}


class Twin(Section):
    """The digital twin of each vehicle of a fleet."""

    size_bit: Annotated[Draw, Within(1.0, 1e15, "bit")]
    """Bits to move when the twin migrates."""
    cycles: Annotated[Draw, Within(0.0, 1e18, "cycles")]
    """Processor cycles that re-instantiation takes at the target."""
    deadline_s: Annotated[Draw, Within(1e-6, 1e9, "s")] | None = None
    """Longest tolerated migration delay; absent: none."""
    count: Annotated[int, Within(1, 1000)] = 1
    """Twins of each vehicle."""


class Immersion(Section):
    """What a vehicle's user asks of the twin's quality (001, equations (6) and (7))."""

    mu: Annotated[Draw, Within(0.0, 1e6)] = Constant(1.0)
    """Weight of the rate."""
    ssim_threshold: Annotated[Draw, Within(1e-6, 1.0)] = Constant(0.525)
    """Structural similarity below which the image is worse than none."""


class Fleet(Section):
    """Vehicles that share a trace, a kind of twin and preferences; a draw is made for each vehicle."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """What the fleet is called in tables and reports."""
    kind: Literal["av", "uav"]
    """Autonomous road vehicles, or unmanned aerial vehicles."""
    trace: TraceSource
    twin: Twin
    preferences: dict[str, Annotated[Draw, Within(-1e12, 1e12)]] = Field(default_factory=dict)
    """The game's parameters of each follower, such as alpha and beta of 002."""
    immersion: Immersion = Immersion()
