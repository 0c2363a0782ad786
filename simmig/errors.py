"""The exceptions of simmig, one tree::

    SimmigError
    ├── InputError            what the user gave is wrong: exit code 2
    │   ├── ScenarioError     a scenario file (may carry several lines, one for each mistake)
    │   ├── TraceError        a mobility trace or an RSU layout
    │   └── PluginError       a plug-in that is missing, cannot be imported or refuses its settings
    └── RunError              the run failed: exit code 1
        ├── AgentError        an agent raised, or answered with something that is not a decision
        ├── NoEquilibrium     a game without a bounded (or pure) equilibrium
        ├── StorageError      a result cannot be written: the disk is full, read-only or broken
        ├── ClockError        an event time that is not a finite instant in the future
        └── ConservationError the books of a finished run do not balance

Every exception takes exactly one message: SimPy re-raises a process's exception as ``type(exc)(*exc.args)``,
which breaks exceptions with any other signature.
"""


class SimmigError(Exception):
    """Base of every error that simmig raises on purpose."""

    exit_code = 1


class InputError(SimmigError):
    """Input is wrong; the message says where, what was found and what was expected."""

    exit_code = 2


class ScenarioError(InputError):
    """A scenario file is wrong; one line of the message for each mistake."""


class TraceError(InputError):
    """A mobility trace or an RSU layout cannot be read as what it claims to be."""


class PluginError(InputError):
    """A plug-in is missing, cannot be imported, or refuses its settings."""


class RunError(SimmigError):
    """The run could not be finished."""


class AgentError(RunError):
    """An agent raised, or its answer is not a decision."""


class NoEquilibrium(RunError):
    """A game has no bounded or no pure equilibrium; the message names the player and the reason."""


class StorageError(RunError):
    """A result cannot be written or kept; the message names the place and what the operating system said."""


class ClockError(RunError):
    """An event was scheduled at an instant that is not finite, or lies in the past."""


class ConservationError(RunError):
    """Requests, outcomes or bits of a finished run do not add up: a bug in simmig."""
