"""The JSON Schema of scenario files, for editors: completion, descriptions and errors while typing."""

from __future__ import annotations

from typing import Any

from simmig.scenario.schema import Scenario


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a scenario file, with the settings of every installed plug-in."""
    schema = Scenario.model_json_schema(by_alias=True)
    title = {"title": "simmig scenario", "$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**title, **{key: value for key, value in schema.items() if key != "title"}}
