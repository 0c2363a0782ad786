"""Mistakes in a scenario as lines: file, line, path, value, and what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic_core import ErrorDetails

from simmig.plugins.wording import explain
from simmig.scenario.locate import KeyPath, line_of, lines_of

_MOST_LINES = 50  # the rest of the mistakes is counted only
_LONGEST_LINE = 400  # characters; only keys or names that are nonsense make longer ones
_BARE_KEY = re.compile(r"[\w-]+", re.ASCII)
_MAYBE_ABSENT = ("missing", "complaint", "mistake")  # errors whose last key need not stand in the file


def problem_lines(
    file: Path,
    text: str,
    raw: object,
    changed: Mapping[KeyPath, str],
    details: Sequence[ErrorDetails],
) -> list[str]:
    """Return a line for each of pydantic's error details, in the order of the file; those of overrides last.

    `raw` is what `text` says, after overrides; `changed` tells which override changed which path.
    """
    lines = lines_of(text)
    found: list[tuple[int, str, KeyPath, ErrorDetails]] = []
    for detail in details:
        path = _path_in_file(detail, raw)
        line = line_of(path, lines)
        override = _override_of(path, changed, in_file=line is not None)
        if override is not None:
            found.append((len(text), f"--set {override}", path, detail))
        else:
            found.append((line or 0, f"{file}:{line}" if line else str(file), path, detail))
    found.sort(key=lambda item: item[0])
    told = [_line(place, path, detail) for _, place, path, detail in found[:_MOST_LINES]]
    left = len(found) - len(told)
    return [*told, f"{file}: and {left} more mistakes"] if left else told


def _line(place: str, path: KeyPath, detail: ErrorDetails) -> str:
    names = [str(key) for key in path]
    dotted = ".".join(name if _BARE_KEY.fullmatch(name) else repr(name) for name in names)
    text = ": ".join(part for part in (place, dotted, explain(detail)) if part)
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 100]} ... {text[-95:]}"


def _override_of(path: KeyPath, changed: Mapping[KeyPath, str], in_file: bool) -> str | None:
    """Return the override that set the value at `path`, or a table around it, or made a table of the top."""
    ends = range(len(path), 0, -1) if changed else ()
    found = next((changed[path[:end]] for end in ends if path[:end] in changed), None)
    if found is None and path and not in_file:
        found = next((text for place, text in changed.items() if place[0] == path[0]), None)
    return found


def _path_in_file(detail: ErrorDetails, raw: object) -> KeyPath:
    """Return pydantic's location without the names of alternatives, which stand in no file."""
    path: KeyPath = ()
    loc = detail["loc"]
    for index, key in enumerate(loc):
        is_last = index == len(loc) - 1
        if (isinstance(raw, dict) and key in raw) or (isinstance(raw, list) and isinstance(key, int)):
            raw = raw[key]  # type: ignore[index]
            path = (*path, key)
        elif is_last and isinstance(raw, dict) and detail["type"] in _MAYBE_ABSENT:
            path = (*path, key)
    return (*path, "kind") if detail["type"].startswith("union_tag") else path
