"""What a study asks of its workers: runs to be made, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, Self

Cause = Literal["", "input", "agent", "error", "hung", "memory", "died"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be made: a scenario file (absolute path), the settings it is changed by, and where its folder goes.

    `key` is the run's name in the store, a hash of all that its result depends on; `overrides` are texts such as
    "market.round_s=0.2", the seed among them. Only plain text, so that a job can be sent anywhere.
    """

    key: str
    scenario: str
    overrides: tuple[str, ...]
    store: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job. Failed runs are results too: `cause` is of one word, `message` one line with the place.

    Causes: "input" (the scenario or a file is wrong), "agent" (a plug-in broke its contract), "error" (anything else
    that was raised), "hung" (no answer within the time limit), "memory" (over the memory limit), "died" (the process
    ended: a signal, or an exit). `digest` is that of the log, None for a failure.
    """

    key: str
    cause: Cause = ""
    message: str = ""
    digest: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is a result."""
        return not self.cause


class Workers(Protocol):
    """Makes runs side by side. Leaving the context ends every process that was started, at once."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield the outcome of every job, once, in the order in which they end; take jobs only as slots fall free."""
        ...
