"""What names a run in a store: a fingerprint of all that its result depends on, and of nothing else.

These are the scenario with every default filled in, the content of each file it names, the code that runs it, and
the versions of simmig and of the packages below it. Where the scenario, its files or the checkout lie does not count,
nor what they are called but for the last part of a name: traces may name their vehicles after it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

import simmig
from simmig.compare.code import code_facts
from simmig.contracts import Plugin
from simmig.errors import InputError
from simmig.log import RESULTS_VERSION
from simmig.plugins.finding import candidates
from simmig.run.provenance import package_versions
from simmig.scenario import Scenario
from simmig.scenario.sections import Chosen

_DIGITS = 32  # of the key: 128 bits
_SETTLED_NS = 2_000_000_000  # no clock of a file system is coarser
_PLAIN_KEYS = ("name", "description", "id", "rsu")  # texts under these never name a file
_PLUGIN_KEYS = ("kind", "format")  # these name a plug-in, perhaps by its file


@dataclass(frozen=True, slots=True)
class Identity:
    """A run's `key` in a store, and the document whose sha256 begins with it: JSON values, for people to compare."""

    key: str
    document: dict[str, Any]


def fingerprint(scenario: Scenario) -> str:
    """Return the name of the scenario's run in a store: 32 hexadecimal digits. Errors as `identify` raises."""
    return identify(scenario).key


def identify(scenario: Scenario) -> Identity:
    """Return the key of the scenario's run with all that it was made of; raises InputError for an unreadable file."""
    files: dict[str, str] = {}
    settings = _placeless(scenario.resolved(), str(scenario.base_dir), "", files)
    code, packages = code_facts(_plugin_modules(scenario))
    document = {
        "schema": 1,
        "scenario_sha256": sha256(_canonical(settings)).hexdigest(),
        "files_sha256": files,
        "code_sha256": code,
        "simmig_version": simmig.__version__,
        "results_version": RESULTS_VERSION,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "versions": {**package_versions(), **packages},
    }
    return Identity(key_of(document), document)


def key_of(document: dict[str, Any]) -> str:
    """Return the key that an identity's document stands for."""
    return sha256(_canonical(document)).hexdigest()[:_DIGITS]


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _placeless(value: Any, base_dir: str, path: str, files: dict[str, str]) -> Any:  # noqa: ANN401
    """Return JSON values with each text that names a file replaced by the file's own name and content."""
    if isinstance(value, dict):
        return {
            key: _placeless(inner, base_dir, f"{path}.{key}" if path else key, files) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_placeless(inner, base_dir, f"{path}.{index}", files) for index, inner in enumerate(value)]
    key = path.rpartition(".")[2]
    if not isinstance(value, str) or not value or key in _PLAIN_KEYS:
        return value
    name, class_name = value, ""
    if key in _PLUGIN_KEYS:
        name, _, class_name = value.rpartition(":") if ":" in value else (value, "", "")
        if not name.endswith(".py"):
            return value
    place = os.path.join(base_dir, name)
    # Only agents are told the folder that names start from; elsewhere "." is a decimal point.
    if not (os.path.exists(place) if path.startswith("agents.") else os.path.isfile(place)):
        return value
    files[path] = content_digest(place)
    return [os.path.basename(os.path.normpath(name)), class_name, files[path]]


def content_digest(place: str) -> str:
    """Return the sha256 of a file, or of all files in a folder with their names there; raises InputError."""
    try:
        return _folder_digest(place) if os.path.isdir(place) else _file_digest(place)
    except OSError as error:
        raise InputError(f"{error.filename or place}: cannot be read: {error.strerror}") from None


def _folder_digest(place: str) -> str:
    digest = sha256()
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            file = os.path.join(folder, name)
            digest.update(f"{os.path.relpath(file, place)}\0{_file_digest(file)}\0".encode())
    return digest.hexdigest()


def _file_digest(file: str) -> str:
    facts = os.stat(file)
    stamp = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    # A file that was changed just now may change again without another stamp.
    if time.time_ns() - facts.st_ctime_ns < _SETTLED_NS:
        return _read_digest(file)
    return _known_digest(os.path.abspath(file), stamp)


@lru_cache(maxsize=10_000)
def _known_digest(file: str, stamp: tuple[int, ...]) -> str:
    return _read_digest(file)


def _read_digest(file: str) -> str:
    digest = sha256()
    with open(file, "rb") as source:
        while part := source.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _plugin_modules(scenario: Scenario) -> Iterator[str]:
    """Yield the modules of the plug-ins that a scenario names, with those of the classes they inherit."""
    if any(fleet.trace.reader is None for fleet in scenario.fleet):
        yield from _foreign_formats()  # each of them may recognise the file
    waiting: list[object] = [scenario]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Chosen):
            yield from (base.__module__ for base in type(value.plugin).__mro__ if issubclass(base, Plugin))
        elif isinstance(value, BaseModel):
            waiting.extend(value.__dict__.values())
        elif isinstance(value, tuple):
            waiting.extend(value)


@cache
def _foreign_formats() -> tuple[str, ...]:
    modules = [module for found in candidates("formats").values() for module, _ in found]
    return tuple(module for module in modules if not module.startswith("simmig."))
