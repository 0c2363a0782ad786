"""Modules of plug-ins: imported by name or from a file, with whatever goes wrong put into one line."""

from __future__ import annotations

import sys
import traceback
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from simmig.errors import PluginError

_FROM_FILE = "simmig_file_"  # begins the names of modules that were imported from a file
_EXTRA_OF = {"pymavlink": "uav", "safetensors": "learn", "skimage": "qoe", "torch": "learn"}


def module_named(what: str, module: str) -> ModuleType:
    """Return an installed module; raises PluginError that starts with `what` if it cannot be imported."""
    if module.partition(".")[0] in sys.stdlib_module_names:  # some act when they are imported: antigravity, this
        raise PluginError(f"{what}: module {module} is a part of Python; expected one that defines a plug-in")
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:  # the border to a plug-in: anything may come out of it
        raise PluginError(f"{what}: {failure(error, module.rpartition('.')[2] + '.py')}") from None


def module_in_file(what: str, file: Path) -> ModuleType:
    """Return the module in a file; raises PluginError that starts with `what` if it cannot be imported."""
    try:
        source = file.read_bytes()
    except OSError as error:
        raise PluginError(f"{what}: cannot read {file}: {error.strerror}") from None
    # Named after its content: the same file gives the same classes again, a changed file gives new ones.
    content = sha256(str(file.resolve()).encode() + b"\0" + source).hexdigest()
    name = f"{_FROM_FILE}{file.stem}_{content[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise AssertionError("a path that ends in .py always has a loader")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the border to a plug-in: anything may come out of it
        del sys.modules[name]
        raise PluginError(f"{what}: {failure(error, file.name)}") from None
    return module


def forget_files() -> None:
    """Forget all modules that were imported from files: what they remember must not go from one run into the next."""
    for name in [name for name in sys.modules if name.startswith(_FROM_FILE)]:
        del sys.modules[name]


def failure(error: BaseException, file_name: str) -> str:
    """Return 'file:line: Error: text' of what a plug-in raised, at the last line reached in its file."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: SyntaxError: {error.msg}"
    if isinstance(error, ModuleNotFoundError):
        extra = _EXTRA_OF.get((error.name or "").split(".")[0])
        text += f" (pip install 'simmig[{extra}]')" if extra else ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).name == file_name]
    return f"{own[-1].filename}:{own[-1].lineno}: {text}" if own else text
