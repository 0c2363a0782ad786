"""What simmig finds on a machine: packages against what is required, threads, the instructions arithmetic may use."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import simmig
from simmig.log import RESULTS_VERSION

_THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_COLLECTIONS = ("all", "test", "bench")  # extras that no command of a user needs


@dataclass(frozen=True, slots=True)
class Package:
    """A package that simmig can use: what is required of it, and the version that is there, or None."""

    name: str
    required: str
    found: str | None
    fits: bool


def packages() -> dict[str, list[Package]]:
    """Return what simmig needs, by extra; "core" is needed always. Read from simmig's own metadata."""
    from packaging.requirements import Requirement

    groups: dict[str, list[Package]] = {"core": []}
    for line in requires("simmig") or ():
        wanted = Requirement(line)
        extra = "core" if wanted.marker is None else str(wanted.marker).rpartition('"')[0].rpartition('"')[2]
        if extra in _COLLECTIONS:
            continue
        try:
            found: str | None = version(wanted.name)
        except PackageNotFoundError:
            found = None
        fits = found is not None and wanted.specifier.contains(found, prereleases=True)
        groups.setdefault(extra, []).append(Package(wanted.name, str(wanted.specifier), found, fits))
    return groups


def machine() -> dict[str, Any]:
    """Return what results and speed can depend on: Python, system, processor, threads, instructions, free space.

    The last bits of floating-point results differ between processors whose instructions differ (see README).
    """
    return {
        "simmig": simmig.__version__,
        "results_version": RESULTS_VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "usable_cores": usable_cores(),
        "threads": {name: os.environ.get(name) for name in _THREAD_SETTINGS},
        "numpy_simd": _numpy_simd(),
        "torch_cpu": _torch_cpu(),
        "runs_folder": str(_runs().resolve()),
        "free_byte": _free_byte(_runs()),
        "hash_seed": os.environ.get("PYTHONHASHSEED"),
        "ffmpeg": shutil.which("ffmpeg"),
    }


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _numpy_simd() -> list[str]:
    import numpy as np

    # A stub says that only mode "stdout" is there; the reference manual documents "dicts".
    facts: Any = np.show_config(mode="dicts")
    return list(facts["SIMD Extensions"].get("found", [])) or list(facts["SIMD Extensions"].get("baseline", []))


def _torch_cpu() -> str | None:
    try:
        version("torch")
    except PackageNotFoundError:
        return None
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


def _runs() -> Path:
    from simmig.run.folder import default_root

    return default_root()


def _free_byte(folder: Path) -> int:
    there = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
    return shutil.disk_usage(there).free
