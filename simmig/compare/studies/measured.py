"""Measures of runs, kept beside a study: a run never changes, and reading one takes a hundred times as long."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from simmig import metrics
from simmig.compare import _measures, measures
from simmig.compare.measures import read_measures
from simmig.run.folder import replace_text

Measures = Mapping[str, float]


def measures_of(
    folders: Mapping[str, Path],
    kept: Path,
    *,
    costly: bool = False,
    on_progress: Callable[[], None] = lambda: None,
) -> dict[str, Measures]:
    """Return the measures of runs, folders by key; those that the file `kept` has by the same code are not read again.

    The file is written anew if anything was read. `on_progress` is called after each run.
    """
    known = _known(kept)
    found: dict[str, Measures] = {}
    for key, folder in folders.items():
        found[key] = known[key] if key in known else read_measures(folder, costly)
        on_progress()
    if not found.keys() <= known.keys():
        _keep(kept, {**known, **found})
    return found


def _known(file: Path) -> dict[str, Measures]:
    """Return what a file has kept, nothing if it is missing, broken or of other code."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["code_sha256"] != _code():
            return {}
        names: Sequence[str] = document["names"]
        return {key: dict(zip(names, map(_number, row), strict=True)) for key, row in document["runs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _keep(file: Path, found: Mapping[str, Measures]) -> None:
    names = list(next(iter(found.values())))
    runs = {key: [None if math.isnan(row[name]) else row[name] for name in names] for key, row in found.items()}
    document = {"code_sha256": _code(), "names": names, "runs": runs}
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, json.dumps(document, allow_nan=False) + "\n")


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


@cache
def _code() -> str:
    """Return the sha256 of the code that measures."""
    digest = sha256()
    files = [Path(metrics.__file__), Path(measures.__file__), *sorted(Path(_measures.__path__[0]).glob("*.py"))]
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
