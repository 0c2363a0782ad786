"""simmig: a discrete-event simulator of digital-twin migration between road-side units, with pricing games.

`__all__` lists the public names; each is imported when it is first used, so that `import simmig` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simmig.contracts import Agent, Channel, FollowerView, Game, LeaderView
    from simmig.errors import InputError, RunError, SimmigError
    from simmig.mobility.trace import Trace
    from simmig.rng import stream
    from simmig.run import RunResult
    from simmig.run import run as run_scenario
    from simmig.scenario import Scenario, load_scenario

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "Channel",
    "FollowerView",
    "Game",
    "InputError",
    "LeaderView",
    "RunError",
    "RunResult",
    "Scenario",
    "SimmigError",
    "Trace",
    "__version__",
    "load_scenario",
    "run_scenario",
    "stream",
]

_HOME = {
    "Agent": "simmig.contracts:Agent",
    "Channel": "simmig.contracts:Channel",
    "FollowerView": "simmig.contracts:FollowerView",
    "Game": "simmig.contracts:Game",
    "InputError": "simmig.errors:InputError",
    "LeaderView": "simmig.contracts:LeaderView",
    "RunError": "simmig.errors:RunError",
    "RunResult": "simmig.run:RunResult",
    "Scenario": "simmig.scenario:Scenario",
    "SimmigError": "simmig.errors:SimmigError",
    "Trace": "simmig.mobility.trace:Trace",
    "load_scenario": "simmig.scenario:load_scenario",
    # Not `run`: the import system binds that name to the module simmig.run as soon as anything imports it.
    "run_scenario": "simmig.run:run",
    "stream": "simmig.rng:stream",
}


def __getattr__(name: str) -> object:
    """Return the public object `name`, importing its module; raises AttributeError for any other name."""
    if name not in _HOME:
        raise AttributeError(f"module 'simmig' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
