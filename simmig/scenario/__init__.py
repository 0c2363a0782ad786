"""Scenario files: the schema, reading and checking one, overrides, and the JSON Schema for editors."""

from simmig.scenario.export import json_schema
from simmig.scenario.loading import load_scenario
from simmig.scenario.schema import Scenario

__all__ = ["Scenario", "json_schema", "load_scenario"]
