"""From a name in a scenario to the plug-in's class, and from settings to a plug-in ready for use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simmig.contracts import Plugin
from simmig.errors import PluginError
from simmig.plugins.finding import KINDS, candidates
from simmig.plugins.importing import failure, module_in_file, module_named
from simmig.plugins.wording import did_you_mean, explain, naming_near_keys, show


def load(kind: str, name: str, settings: Mapping[str, Any] | None = None, base_dir: Path | None = None) -> Plugin:
    """Return a plug-in made with these settings; `base_dir` is the folder that a file's path starts from.

    Raises PluginError if there is no such plug-in, or with one line for each setting that it refuses.
    """
    what = f"{kind[:-1]} {show(name)}"
    try:
        return configured(what, plugin_class(kind, name, base_dir), settings or {})
    except ValidationError as error:
        details = [(".".join(map(str, detail["loc"])), detail) for detail in error.errors()]
        lines = [f"{what}: {path + ': ' if path else ''}{explain(detail)}" for path, detail in details]
        raise PluginError("\n".join(lines)) from None


def configured(what: str, plugin: type[Plugin], settings: Mapping[str, Any]) -> Plugin:
    """Return `plugin` made with these settings.

    Raises pydantic's ValidationError for settings that are refused, unknown ones with the nearest right
    name, and PluginError that starts with `what` if the plug-in's own check of its settings breaks.
    """
    try:
        return plugin.model_validate(dict(settings))
    except ValidationError as error:
        raise naming_near_keys(error, {(): plugin}) from None
    except Exception as error:  # the border to a plug-in: anything may come out of it
        file = sys.modules[plugin.__module__].__file__ or ""
        raise PluginError(f"{what}: {failure(error, Path(file).name)}") from None


def plugin_class(kind: str, name: str, base_dir: Path | None = None) -> type[Plugin]:
    """Return the class of a plug-in; its file is imported now, if it was not before.

    `name` is a file name without `.py` ("a3"), "package.module:Class", or "path/to/file.py:Class" with the
    path relative to `base_dir`; "path/to/file.py" alone means its class of this kind. Raises PluginError, one
    line.
    """
    what = f"{kind[:-1]} {show(name)}"
    base, class_name = KINDS[kind].base, KINDS[kind].class_name
    target, colon, given = name.rpartition(":") if ":" in name else (name, "", class_name)
    if target.endswith(".py"):
        module = module_in_file(what, (base_dir or Path()) / target)
    else:
        module = module_named(what, target if colon else _module_of(kind, name))
    found = getattr(module, given, None)
    if not isinstance(found, type):
        raise PluginError(f"{what}: {module.__file__}: expected a class {given}, there is none")
    if not issubclass(found, base):
        raise PluginError(f"{what}: {module.__file__}: class {given} must inherit {base.__module__}.{base.__name__}")
    return found


def _module_of(kind: str, name: str) -> str:
    found = candidates(kind)
    if name not in found:
        hint = did_you_mean(name, found) or f" (there are: {', '.join(sorted(found)) or 'none installed'})"
        raise PluginError(f"{kind[:-1]} {show(name)}: no {kind[:-1]} has this name{hint}")
    if len(found[name]) > 1:
        modules = " or ".join(f'"{module}:{KINDS[kind].class_name}"' for module, _ in found[name])
        raise PluginError(f"{kind[:-1]} {show(name)}: more than one has this name, expected {modules}")
    return found[name][0][0]
