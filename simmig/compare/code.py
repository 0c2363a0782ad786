"""The code that a run's numbers come from: simmig's own, and every module that its plug-ins lead to."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import simmig
from simmig.run.provenance import package_versions

_PACKAGE = Path(simmig.__file__).resolve().parent
_INSTALLED = tuple({Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")})
_OF_LEARNING = ("env", "learning")  # imported by agents that learn, and by nobody else in a run
_APART = (*_OF_LEARNING, "cli", "compare", "report", "shipped", "testing", "view", "__main__.py")  # no run needs them
_WITH_LEARNING = ("torch", "safetensors")


def code_facts(modules: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return ({name: sha256 of its source}, {package: version}) of what a run with plug-ins of these modules executes.

    Followed are all imports that stand in the source, wherever: of modules outside simmig the source counts, of
    packages from an index their version. A module that is imported by a computed name is not seen. Found once a
    process, since a process goes on with the code that it imported.
    """
    own, packages, learns = _reached(tuple(sorted(set(modules))))
    code = {"simmig": _tree(*_run_parts()), **own}
    if learns:
        code["simmig.learning"] = _tree(*_OF_LEARNING)
    return code, package_versions((*packages, *(_WITH_LEARNING if learns else ())))


@cache
def _run_parts() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in _PACKAGE.iterdir() if path.name not in _APART))


@cache
def _tree(*parts: str) -> str:
    """Return the sha256 of all source files in these parts of simmig, with their names."""
    digest = sha256()
    for part in parts:
        place = _PACKAGE / part
        files = [place] if place.suffix == ".py" else sorted(place.rglob("*.py"))
        for file in files:
            digest.update(f"{file.relative_to(_PACKAGE).as_posix()}\0{_source_digest(file)}\0".encode())
    return digest.hexdigest()


def _source_digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


@cache
def _reached(modules: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...], bool]:
    """Return (digests of the sources outside simmig, names of installed packages, whether learning code is used)."""
    own_tops = {name.partition(".")[0] for name in modules}
    sources: dict[str, str] = {}
    packages: dict[str, None] = {}
    learns = False
    waiting = [whole for name in modules for whole in _with_packages(name)]
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if top == "simmig":
            learns = learns or name.split(".")[1:2] in ([part] for part in _OF_LEARNING)
            continue
        if top in sys.stdlib_module_names or (top not in own_tops and top in packages):
            continue
        found = _file_of(name)
        if found is None:
            continue
        file, is_package = found
        if top not in own_tops and _is_installed(file) and (distribution := _distribution(top)):
            packages[distribution] = None
            continue
        sources[_shown(name, file)] = _source_digest(file)
        for imported in _imports(file, name, is_package):
            if imported not in seen:
                seen.add(imported)
                waiting.append(imported)
    return sources, tuple(sorted(packages)), learns


def _shown(name: str, file: Path) -> str:
    """Return the name of a module, of a plug-in's file its file name: the same wherever it lies."""
    return file.name if name.startswith("simmig_file_") else name


def _file_of(name: str) -> tuple[Path, bool] | None:
    """Return (source file, whether it is a package's) of a module, None if it has none or is no module."""
    module = sys.modules.get(name)
    if module is not None:
        origin, is_package = getattr(module, "__file__", None), hasattr(module, "__path__")
    else:
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):  # not installed, or the name of something in a module
            return None
        origin, is_package = (
            (None, False) if spec is None else (spec.origin, spec.submodule_search_locations is not None)
        )
    if origin is None or not Path(origin).is_file():
        return None
    return Path(origin).resolve(), is_package


def _is_installed(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in _INSTALLED)


@cache
def _distribution(top: str) -> str | None:
    """Return the name of the distribution that a package was installed by."""
    return top if package_versions((top,)) else next(iter(packages_distributions().get(top, ())), None)


def _imports(file: Path, module: str, is_package: bool) -> Iterator[str]:
    """Yield the names of all modules that a source file imports, and of the packages above them."""
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(file.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            above = ".".join(parts[: len(parts) - node.level + is_package]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in filter(None, names):
            yield from _with_packages(name)


def _with_packages(name: str) -> list[str]:
    """Return the name of a module after those of the packages that it lies in, which are imported with it."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
