"""The global generators of Python, NumPy and torch, which no run may use: their numbers belong to nobody's seed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.random  # NumPy loads it when it is first used: too late to see that it was

# Read only, and only of libraries that something has imported: whoever uses one has imported it.
GLOBAL_GENERATORS: Mapping[str, Callable[[Any], object]] = {
    "random": lambda module: module.getstate(),
    "numpy.random": lambda module: [np.asarray(part).tobytes() for part in module.get_state()[1:]],
    "torch": lambda module: module.get_rng_state().numpy().tobytes(),
}


def generator_states() -> dict[str, object]:
    """Return the state of every global generator that there is by now, by the name of its library."""
    return {name: read(sys.modules[name]) for name, read in GLOBAL_GENERATORS.items() if name in sys.modules}


def used_since(before: Mapping[str, object]) -> list[str]:
    """Return the libraries whose global generator was drawn from or reseeded since these states were taken."""
    return [name for name, state in generator_states().items() if name in before and before[name] != state]


def remark_on_chance(names: list[str]) -> str:
    """Return what to say of those who used these libraries' global generators."""
    return (
        f"drew from or reseeded the global generator of {' and '.join(names)}: the same seed may not give the same "
        "run again; draw from view.draws"
    )
