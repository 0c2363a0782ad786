"""Where a run's numbers come from: versions, source revision, machine."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import simmig
from simmig.log import RESULTS_VERSION

_PACKAGES = ("simpy", "numpy", "scipy", "networkx", "shapely", "pandas", "duckdb", "pydantic", "pyproj", "pyulog")


def provenance() -> dict[str, Any]:
    """Return the JSON-able facts about the software that runs, without importing any of it."""
    return {
        "simmig_version": simmig.__version__,
        "results_version": RESULTS_VERSION,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": package_versions(),
        "git_revision": _git_revision(),
    }


def package_versions(names: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Return the versions of the packages that are installed, by default of those that every result depends on."""
    return {name: found for name in names if (found := _version(name))}


# Found once a process: what is imported stays as it was, and a sweep would start git for each of its runs.
@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def _git_revision() -> str | None:
    """Return the commit of the checkout that simmig is imported from, or None for an installed wheel."""
    root = Path(simmig.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git on this machine, or a folder it does not trust
        return None
    return answer.stdout.strip()
