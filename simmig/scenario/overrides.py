"""Settings given on the command line: `--set market.round_s=0.2` changes one value of a scenario."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from simmig.errors import ScenarioError
from simmig.plugins.wording import did_you_mean
from simmig.scenario.locate import KeyPath, key_names

_NAME_KEYS = ("name", "id")  # what the elements of fleet and rsus.unit are called


def apply_overrides(raw: dict[str, Any], overrides: Sequence[str]) -> dict[KeyPath, str]:
    """Change `raw` in place; return {path of each changed value: the override as it was given}.

    An override is `path=value`. The path is a dotted TOML key; elements of arrays go by index from 0 or by
    their name or id (`fleet.cars.twin.cycles`). The value is TOML; a word without quotes counts as text.
    Tables on the way are made where they are missing. Raises ScenarioError, one line.
    """
    changed: dict[KeyPath, str] = {}
    for given in overrides:
        shown = given if given.isprintable() else repr(given)
        key, equals, text = given.partition("=")
        if not equals:
            raise ScenarioError(f"--set {shown}: expected path=value, such as market.round_s=0.5")
        names = _names(shown, key)
        path, table = _descend(raw, names[:-1], shown)
        last = _step(table, names[-1], path, shown)
        table[last] = _value(shown, text.strip())
        changed[(*path, last)] = shown
    return changed


def _names(override: str, key: str) -> list[str]:
    try:
        return key_names(key.strip())
    except ValueError:  # tomllib's, or that of unpacking: not one key
        raise ScenarioError(f"--set {override}: expected a dotted path before the equals sign") from None


def _value(override: str, text: str) -> Any:  # noqa: ANN401
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        table = {}
    if list(table) == ["value"]:
        return table["value"]
    if not text or not text.isprintable() or text[0] in "\"'[{":
        raise ScenarioError(f"--set {override}: expected a TOML value after the equals sign")
    return text


def _descend(raw: dict[str, Any], names: Sequence[str], override: str) -> tuple[KeyPath, Any]:
    """Return the path to the container that holds the last name, and the container."""
    path: KeyPath = ()
    table: Any = raw
    for name in names:
        key = _step(table, name, path, override)
        table = table.setdefault(key, {}) if isinstance(table, dict) else table[key]
        path = (*path, key)
    return path, table


def _step(table: object, name: str, path: KeyPath, override: str) -> Any:  # noqa: ANN401
    """Return the key or index that `name` means in a container."""
    if isinstance(table, dict):
        return name
    place = ".".join(str(part) for part in path)
    if not isinstance(table, list):
        raise ScenarioError(f"--set {override}: {place} is a single value, expected a table")
    named = [
        next((str(item[key]) for key in _NAME_KEYS if key in item), "") if isinstance(item, dict) else ""
        for item in table
    ]
    if name in named:
        return named.index(name)
    if name.isdecimal() and int(name) < len(table):
        return int(name)
    hint = did_you_mean(name, filter(None, named))
    raise ScenarioError(f"--set {override}: {place} has no {name!r}{hint}, expected a name or 0 to {len(table) - 1}")
