"""The manifest of a stored run: what its files must be, the same bytes for every attempt at the same run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from simmig.compare.identity import key_of
from simmig.errors import InputError
from simmig.run.folder import read_json

NAME = "manifest.json"
# What differs between two attempts at one run: when, how fast, from which place and revision, asked for in which words.
_OF_ATTEMPT = ("started_utc", "wall_s", "git_revision", "scenario_file", "scenario_folder", "overrides", "remarks")


def manifest_of(folder: Path, key: str) -> dict[str, Any]:
    """Return the manifest of a run folder; raises InputError unless it holds a complete run."""
    run = read_json(folder, "run.json")
    if run.get("status") != "complete":
        raise InputError(f"{folder}: status {run.get('status')!r}; expected a complete run")
    files = {name: _facts(folder / name) for name in sorted(os.listdir(folder)) if name != NAME}
    return {"schema": 1, "key": key, "digest": run["digest"], "files": files}


def manifest_bytes(manifest: dict[str, Any]) -> bytes:
    """Return the manifest as its file holds it."""
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def faults(folder: Path, key: str) -> Iterator[str]:
    """Yield what is wrong with a stored run, one line each."""
    try:
        recorded = read_json(folder, NAME)
        found = manifest_of(folder, key)
        identity = read_json(folder, "run.json").get("identity")
    except (InputError, OSError) as error:
        yield str(error)
        return
    if identity is not None and key_of(identity) != key:
        yield f"{folder}: run.json is of another run: its identity has key {key_of(identity)}"
    for part in ("schema", "key", "digest"):
        if recorded.get(part) != found[part]:
            yield f"{folder / NAME}: {part} {recorded.get(part)!r:.80}; expected {found[part]!r}"
    listed = recorded.get("files")
    listed = listed if isinstance(listed, dict) else {}
    for name in sorted({*listed, *found["files"]}):
        if name not in listed:
            yield f"{folder / name}: not in the manifest; expected no such file"
        elif name not in found["files"]:
            yield f"{folder / name}: missing"
        elif listed[name] != found["files"][name]:
            yield f"{folder / name}: damaged: not the content that the manifest recorded"


def _facts(file: Path) -> dict[str, Any]:
    """Return size and sha256 of a file; of run.json only the latter, of what every attempt has in common."""
    if file.name == "run.json":
        run = {key: value for key, value in read_json(file.parent, file.name).items() if key not in _OF_ATTEMPT}
        return {"content_sha256": sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()}
    data = file.read_bytes()
    return {"byte": len(data), "sha256": sha256(data).hexdigest()}
