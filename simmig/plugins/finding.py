"""Which plug-ins there are: the module files of a few packages, listed without importing them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoints, entry_points
from importlib.util import find_spec
from pathlib import Path

from simmig.contracts import Agent, Channel, Game, Plugin
from simmig.errors import PluginError
from simmig.mobility.raw import TraceFormat


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of plug-in: the class its files define, what that inherits, simmig's own package."""

    class_name: str
    base: type[Plugin]
    package: str | None
    purpose: str


KINDS = {
    "agents": Kind("Agent", Agent, None, "price bandwidth, or buy it"),
    "channels": Kind("Channel", Channel, "simmig.radio.channels", "path loss against distance"),
    "formats": Kind("Format", TraceFormat, "simmig.mobility.formats", "mobility files that can be read"),
    "games": Kind("Game", Game, "simmig.games", "what leaders and followers play for"),
    "triggers": Kind("Trigger", Plugin, "simmig.mobility.triggers", "when a twin has to move, and whereto"),
}


def available(kind: str) -> dict[str, str]:
    """Return {name: path of its file} of every installed plug-in of one kind, sorted by name.

    `kind` is a key of `KINDS`. Of two files with one name the first counts here; `plugin_class` refuses
    such a name. Raises PluginError if an entry point names a package that cannot be found.
    """
    return {name: str(found[0][1]) for name, found in sorted(candidates(kind).items())}


def summary(kind: str, file: str) -> str:
    """Return the first line of a plug-in's documentation, read without importing it."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (SyntaxError, ValueError) as error:
        return f"cannot be used: {error}"
    [found] = _classes(tree, KINDS[kind].class_name)[-1:]
    return (ast.get_docstring(found) or "").partition("\n")[0]


def candidates(kind: str) -> dict[str, list[tuple[str, Path]]]:
    """Return {name: [(module, file), ...]}; more than one pair when packages use the same name."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for package in _packages(kind):
        for folder in _folders(kind, package):
            for file in sorted(folder.glob("*.py")):
                if not file.name.startswith("_") and _defines(file, KINDS[kind].class_name):
                    found.setdefault(file.stem, []).append((f"{package}.{file.stem}", file))
    return found


def _packages(kind: str) -> list[str]:
    # A checkout that is not installed has no entry points, so simmig's own packages do not depend on them.
    own = KINDS[kind].package
    named = _named(entry_points, f"simmig.{kind}", tuple(sys.path))
    return list(dict.fromkeys([own, *named] if own else named))


@cache
def _named(find: Callable[..., EntryPoints], group: str, path: tuple[str, ...]) -> list[str]:
    """Return the packages that entry points name; read once for each `path`, since a study loads many scenarios."""
    return sorted(entry.value for entry in find(group=group))


def _folders(kind: str, package: str) -> list[Path]:
    try:
        spec = find_spec(package)
    except ImportError:  # a parent package is missing
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        raise PluginError(f"entry point simmig.{kind} names {package!r}, expected an installed package")
    return [Path(folder) for folder in spec.submodule_search_locations]


def _defines(file: Path, class_name: str) -> bool:
    facts = file.stat()
    return _defined(file, class_name, (facts.st_mtime_ns, facts.st_size, facts.st_ino))


@lru_cache(maxsize=10_000)
def _defined(file: Path, class_name: str, stamp: tuple[int, ...]) -> bool:
    """Return whether a file defines the class; read again when its stamp has changed."""
    source = file.read_bytes()
    if f"class {class_name}".encode() not in source:
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # listed all the same: using it then tells what is wrong with it
        return True
    return bool(_classes(tree, class_name))


def _classes(tree: ast.Module, name: str) -> list[ast.ClassDef]:
    return [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
