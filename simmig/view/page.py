"""The page: one HTML document with its style, its script and its runs, which asks nothing of any server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

SCRIPTS = (
    *("format", "unpack", "tracks", "ledger", "figures", "camera", "ground", "scene", "pane"),
    *("charts", "cards", "lists", "clock", "steering", "main"),
)


def render_page(documents: Sequence[dict[str, Any]]) -> str:
    """Return the page of one run, or of two side by side.

    Its policy allows the one script and the one style that stand in it, by their hashes, and nothing else.
    """
    from jinja2 import Environment, StrictUndefined

    style = _static("style.css")
    script = '(() => {\n"use strict";\n' + "\n".join(_static(f"{name}.js") for name in SCRIPTS) + "\n})();\n"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_static("page.html")).render(
        title=" and ".join(document["name"] for document in documents),
        description=documents[0]["description"] if len(documents) == 1 else "side by side",
        policy=policy(style, script),
        style=style,
        script=script,
        runs=[_data(document) for document in documents],
    )


def policy(style: str, script: str) -> str:
    """Return the content security policy that lets just these two texts work."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _static(name: str) -> str:
    return files("simmig.view").joinpath("static", name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _data(document: dict[str, Any]) -> str:
    """Return the document as JSON that no parser of HTML can mistake for markup."""
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
