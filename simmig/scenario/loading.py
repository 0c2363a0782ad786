"""From a scenario file to a checked Scenario, or to one line for each mistake in it."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from simmig.errors import ScenarioError
from simmig.plugins.wording import did_you_mean
from simmig.scenario.overrides import apply_overrides
from simmig.scenario.problems import problem_lines
from simmig.scenario.schema import Scenario

M = TypeVar("M", bound=BaseModel)

_LARGEST_BYTE = 5_000_000  # 20,000 RSUs written out: more than that belongs into a file of RSUs
_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def load_scenario(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a TOML file, with `overrides` such as "market.round_s=0.2" applied to it.

    Plug-ins are loaded, and files that the scenario names are looked for. Raises ScenarioError with one line
    `file:line: path: value: what was expected` for each mistake.
    """
    return load_as(Scenario, path, overrides)


def load_as(model: type[M], path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> M:
    """Return what a TOML file says, as this model; as `load_scenario`, for every kind of file of the same manner."""
    file = Path(path)
    text = _read(file)
    raw = _parse(file, text)
    changed = apply_overrides(raw, overrides)
    try:
        return model.model_validate(raw, context={"base_dir": file.parent, "source": file})
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise ScenarioError("\n".join(problem_lines(file, text, raw, changed, details)))


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file says, unchecked; raises ScenarioError for one that cannot be read."""
    return _parse(file, _read(file))


def _read(file: Path) -> str:
    try:
        facts = file.stat()
        if facts.st_size > _LARGEST_BYTE:
            raise ScenarioError(
                f"{file}: {facts.st_size} bytes, expected at most {_LARGEST_BYTE}; list RSUs in a CSV file"
            )
        if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
            raise ScenarioError(f"{file}: cannot be read: a device or a pipe, which may never end")
        data = file.read_bytes()
    except FileNotFoundError:
        hint = did_you_mean(file.name, (other.name for other in file.parent.glob("*.toml")))
        raise ScenarioError(f"{file}: no such file{hint}") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(f"{file}: cannot be read: {reason}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScenarioError(f"{file}:{line}: byte 0x{data[error.start]:02x}: expected text in UTF-8") from None


def _parse(file: Path, text: str) -> dict[str, Any]:
    if deep := _DEEP_KEY.search(text):  # tomllib's time for one grows with the square of its parts
        line = text.count("\n", 0, deep.start()) + 1
        raise ScenarioError(f"{file}:{line}: arrays or tables are nested too deeply")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ScenarioError(f"{file}: arrays or tables are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(_syntax_error(file, text, str(error))) from None
    except ValueError:  # the one that Python's int raises
        raise ScenarioError(f"{file}: a whole number of more than 4300 digits") from None


def _syntax_error(file: Path, text: str, message: str) -> str:
    place = _PLACE.search(message)
    what = message[: place.start()] if place else message
    line = int(place[1]) if place else text.count("\n") + 1
    if what in ("Cannot overwrite a value", "Cannot mutate immutable namespace") or what.startswith("Cannot declare"):
        what += ": this key or table was given before"
    column = f"column {place[2]}: " if place else ""
    return f"{file}:{line}: {column}not TOML: {what[:1].lower()}{what[1:]}"
