"""`simmig list`, `describe` and `schema`: what there is to choose from, and how it is set."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simmig.cli.common import AsJson, Overrides, flattened, print_json, print_table, scenario_folders
from simmig.errors import InputError, PluginError, ScenarioError

if TYPE_CHECKING:
    from simmig.contracts import Plugin

_WHAT = "agents, channels, formats, games, triggers or scenarios"


def add_to(app: typer.Typer) -> None:
    """Add the commands `list`, `describe` and `schema`."""
    app.command("list")(list_)
    app.command()(describe)
    app.command()(schema)


def list_(
    what: Annotated[str | None, typer.Argument(help=f"one of {_WHAT}; all of them without it")] = None,
    as_json: AsJson = False,
) -> None:
    """List the plug-ins that are installed, and the scenarios at hand."""
    from simmig.plugins import KINDS
    from simmig.plugins.wording import did_you_mean, show

    groups = [*KINDS, "scenarios"]
    if what is not None and what not in groups:
        raise InputError(f"simmig list {show(what)}: expected {_WHAT}{did_you_mean(what, groups)}")
    found = {group: _entries(group) for group in ([what] if what else groups)}
    if as_json:
        print_json({"schema": 1, **found})
        return
    for group, entries in found.items():
        purpose = KINDS[group].purpose if group in KINDS else "simmig run FILE"
        print(f"{group} ({purpose})")
        print_table([[entry["name"], entry["summary"]] for entry in entries] or [["", "none"]], indent="  ")


def _entries(group: str) -> list[dict[str, str]]:
    if group == "scenarios":
        return [entry for folder in scenario_folders() for entry in _scenarios(folder)]
    from simmig.plugins import available, summary

    return [{"name": name, "file": file, "summary": summary(group, file)} for name, file in available(group).items()]


def _scenarios(folder: Path) -> Iterator[dict[str, str]]:
    from simmig.scenario.loading import read_toml

    for file in sorted(folder.rglob("*.toml")):
        try:
            raw = read_toml(file)
            if "statement" in raw:  # a plan, which `simmig reproduce --list` names
                continue
            summary = str(raw.get("description") or raw.get("name", ""))
        except ScenarioError as error:
            summary = f"cannot be read: {error}"
        yield {"name": str(file), "file": str(file.resolve()), "summary": " ".join(summary.split())}


def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="KIND/NAME or NAME of a plug-in, or a scenario file")],
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Describe a plug-in and its settings, or show a scenario with every default filled in."""
    if name.endswith(".toml"):
        _describe_scenario(name, overrides or [], as_json)
        return
    documents = [_plugin_document(kind, plugin) for kind, plugin in _meant(name)]
    if as_json:
        print_json({"schema": 1, "plugins": documents})
        return
    for document in documents:
        _print_plugin(document)


def _describe_scenario(file: str, overrides: list[str], as_json: bool) -> None:
    from simmig.scenario import load_scenario

    resolved = load_scenario(file, overrides).resolved()
    if as_json:
        print_json(resolved)
        return
    for path, value in flattened(resolved):
        print(f"{path} = {json.dumps(value, ensure_ascii=False)}")


def _meant(name: str) -> list[tuple[str, str]]:
    """Return the (kind, name) pairs that a name stands for; raises PluginError if there is none."""
    from simmig.plugins import KINDS, available
    from simmig.plugins.wording import did_you_mean, show

    kind, slash, plain = name.partition("/")
    if slash and kind in KINDS:
        return [(kind, plain)]
    names = {group: available(group) for group in KINDS}
    found = [(group, name) for group, those in names.items() if name in those]
    if not found:
        hint = did_you_mean(name, [known for those in names.values() for known in those])
        raise PluginError(f"simmig describe {show(name)}: expected a plug-in or a scenario file *.toml{hint}")
    return found


def _plugin_document(kind: str, name: str) -> dict[str, Any]:
    from simmig.plugins import plugin_class

    plugin = plugin_class(kind, name)
    document = {
        "kind": kind,
        "name": name,
        "file": inspect.getfile(plugin),
        "description": _documentation(plugin),
        "settings": _settings(plugin),
    }
    information = getattr(plugin, "information", None)
    return {**document, "information": information} if information else document


def _documentation(plugin: type[Plugin]) -> str:
    return inspect.cleandoc(plugin.__doc__ or "")


def _settings(plugin: type[Plugin]) -> list[dict[str, Any]]:
    schema = plugin.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": key,
            "type": _type_of(own),
            "default": own.get("default"),
            "required": key in required,
            "description": own.get("description", ""),
        }
        for key, own in schema.get("properties", {}).items()
    ]


def _type_of(own: dict[str, Any]) -> str:
    """Return a JSON Schema in a word or two: number >= 0, 'a' | 'b', text, ..."""
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in own:
            return " | ".join(_type_of(one) for one in own[alternatives])
    if "enum" in own or "const" in own:
        return " | ".join(json.dumps(value) for value in own.get("enum", [own.get("const")]))
    plain = str(own.get("type", "table"))
    words = {
        "string": "text",
        "boolean": "true | false",
        "integer": "whole number",
        "object": "table",
        "array": "list",
    }
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    limits = " and ".join(f"{sign} {own[key]:g}" for key, sign in signs.items() if key in own)
    return f"{words.get(plain, plain)} {limits}".strip()


def _print_plugin(document: dict[str, Any]) -> None:
    print(f"{document['kind']}/{document['name']}  ({document['file']})")
    print()
    print(document["description"])
    if "information" in document:
        print(f"\ninformation: {document['information']}")
    print()
    if not document["settings"]:
        print("no settings")
        return
    rows = [["setting", "type", "default", ""]]
    for setting in document["settings"]:
        default = "required" if setting["required"] else json.dumps(setting["default"], ensure_ascii=False)
        rows.append([setting["name"], setting["type"], default, setting["description"]])
    print_table(rows, indent="  ")


def schema(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write it to a file instead of standard output")
    ] = None,
) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from simmig.scenario import json_schema

    document = json_schema()
    if out is None:
        print_json(document)
        return
    try:
        out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"simmig schema --out {out}: {error.strerror}") from None
    print(out)
