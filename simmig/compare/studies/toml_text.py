"""Values as TOML text and back: what an override of a scenario carries, and what a command line gives."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeAlias

from simmig.errors import InputError

Value: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OPEN, _CLOSE = "[{", "]}"


def toml_text(value: Value) -> str:
    """Return a value as TOML on one line; it reads back as the same value, numbers bit by bit."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(name)} = {toml_text(entry)}" for name, entry in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_text(entry) for entry in value)}]"
    # JSON's text is TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F") if isinstance(value, str) else repr(value)


def label_text(value: Value) -> str:
    """Return a value as a table shows it: as TOML, text without its quotes if it is one plain word."""
    is_plain_text = isinstance(value, str) and value.isprintable() and value.strip() == value != ""
    return str(value) if is_plain_text else toml_text(value)


def split_values(text: str, place: str) -> list[Value]:
    """Return the values in "a, b, { kind = "c" }": TOML values between commas, a word without quotes counts as text.

    Raises InputError that begins with `place`.
    """
    return [_value(part.strip(), place) for part in _parts(text)]


def _value(text: str, place: str) -> Value:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        table = {}
    if list(table) == ["value"] and is_plain(table["value"]):
        value: Value = table["value"]
        return value
    if not text or not text.isprintable() or text[0] in "\"'[{":
        raise InputError(f"{place}: {text!r}: expected a TOML value, or several with commas between them")
    return text


def is_plain(value: object) -> bool:
    """Return whether a value is made of finite numbers, texts, booleans, lists and tables only: no dates."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and is_plain(entry) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def _parts(text: str) -> list[str]:
    """Return what stands between the commas that are in no brackets and no quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in _OPEN) - (character in _CLOSE)
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else toml_text(name)
