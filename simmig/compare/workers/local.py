"""Runs side by side on this machine: one process per slot, kept for many jobs, replaced when it ends."""

from __future__ import annotations

import json
import selectors
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, get_args

from simmig.compare.jobs import Cause, Job, Outcome
from simmig.compare.workers.child import READY
from simmig.compare.workers.guard import Guard
from simmig.compare.workers.process import WorkerProcess
from simmig.errors import InputError, RunError

Perform = Callable[[Job], Outcome]

_POLL_S = 0.1  # between two looks at memory, time and life of the workers; outcomes are seen at once
_TRIES = 3
_FROM_OUTSIDE = "SIGKILL"  # an operator or the kernel's memory killer: says nothing about the job
_START_LIMIT_S = 300.0  # imports on a busy machine with a cold disk have taken 10 s
_ENDING_S = 1.0  # at most, from the end of the pipe to that of the process
_STARTS = 5  # in a row without one success: then there is no use in going on


@dataclass(slots=True, eq=False)
class _Attempt:
    job: Job
    endings: list[str] = field(default_factory=list)  # how the workers ended that have tried it


@dataclass(slots=True, eq=False)
class _Slot:
    worker: WorkerProcess
    attempt: _Attempt | None
    jobs_done: int = 0


class LocalWorkers:
    """Makes runs in up to `slots` child processes, each under the limits. Implements `Workers`.

    `perform` must be a function at the top of a module, because a worker imports it by name; what it prints goes
    nowhere. A function `prepare()` in the same module is called once in every new worker, before time is counted.
    A job over `time_limit_s` (seconds from its start in the worker) has the cause "hung", one over `memory_limit_byte`
    (memory in use, looked at ten times a second; Linux only) "memory". A job whose worker was ended by SIGKILL is tried
    three times, one that crashed or exited in the same way twice, then the cause is "died".

    `outcomes` belongs to one thread, and the kernel ends the workers with the thread that has called it.
    """

    def __init__(
        self,
        slots: int,
        perform: Perform,
        *,
        time_limit_s: float | None = None,
        memory_limit_byte: int | None = None,
    ) -> None:
        if slots < 1:
            raise InputError(f"workers: {slots}: expected at least 1")
        if memory_limit_byte is not None and sys.platform != "linux":
            raise InputError("memory limit: memory can be watched on Linux only; leave it out here")
        self._slot_count = slots
        self._perform = importable_name(perform)
        self._time_limit_s = time_limit_s
        self._memory_limit_byte = memory_limit_byte
        self._slots: list[_Slot] = []
        self._again: deque[_Attempt] = deque()
        self._failed_starts = 0
        self._guard = Guard()
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for slot in list(self._slots):
            self._end(slot)
        self._guard.close()
        self._selector.close()

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Yield the outcome of every job, once, in the order in which they end; take jobs only as slots fall free.

        Raises RunError if no worker can be started.
        """
        source = (_Attempt(job) for job in jobs)
        ended: list[Outcome] = []
        try:
            while True:
                self._hand_out(source)
                yield from ended
                if all(slot.attempt is None for slot in self._slots):
                    return
                ended = self._events()
        finally:
            self._again.clear()
            for slot in [slot for slot in self._slots if slot.attempt is not None]:
                self._end(slot)

    def _hand_out(self, source: Iterator[_Attempt]) -> None:
        """Give a job to every idle worker, and to new ones while there are free slots."""
        for slot in [slot for slot in self._slots if slot.attempt is None and slot.worker.has_ended]:
            self._end(slot)
        idle = [slot for slot in self._slots if slot.attempt is None]
        for _ in range(self._slot_count - len(self._slots) + len(idle)):
            attempt = self._again.popleft() if self._again else next(source, None)
            if attempt is None:
                return
            if idle:
                slot = idle.pop()
                slot.attempt = attempt
                slot.worker.send(attempt.job)
            else:
                self._start(attempt)

    def _start(self, attempt: _Attempt) -> None:
        try:
            worker = WorkerProcess(self._perform, self._memory_limit_byte, self._guard)
        except OSError as error:  # no more processes, memory or open files
            raise RunError(f"workers: a new process cannot be started: {error}; fewer workers may help") from None
        slot = _Slot(worker, attempt)
        self._slots.append(slot)
        self._selector.register(worker.outcomes, selectors.EVENT_READ, slot)

    def _end(self, slot: _Slot, grace_s: float = 0.0) -> str:
        """End the worker and free its slot; say how it had ended by itself, empty if it had not."""
        self._selector.unregister(slot.worker.outcomes)
        self._slots.remove(slot)
        return slot.worker.end(grace_s)

    def _events(self) -> list[Outcome]:
        """Wait for something to happen, a tenth of a second at most; return the jobs that have come to an end."""
        found: list[Outcome | None] = []
        for key, _ in self._selector.select(_POLL_S):
            found += self._listen(key.data)
        for slot in list(self._slots):
            # What a job has left running may hold the pipe open, so that its end is not all that tells of a death.
            if slot.worker.has_ended:
                found += [*self._listen(slot), *([self._died(slot)] if slot in self._slots else [])]
            elif not slot.worker.is_ready:
                self._check_start(slot)
            elif slot.attempt is not None:
                found.append(self._check_limits(slot, slot.attempt))
        return [outcome for outcome in found if outcome is not None]

    def _listen(self, slot: _Slot) -> list[Outcome | None]:
        """Take what a worker has sent."""
        lines = slot.worker.lines()
        if lines is None:
            return [self._died(slot)]
        if lines == [READY] and not slot.worker.is_ready:
            self._failed_starts = 0
            slot.worker.is_ready = True
            assert slot.attempt is not None
            slot.worker.send(slot.attempt.job)
            return []
        if not lines:
            return []
        outcome = None if slot.attempt is None or lines[1:] else read_outcome(lines[0], slot.attempt.job)
        if outcome is None:  # a job has written into the pipe: nothing that comes after it can be trusted
            return [self._died(slot, "wrote into the pipe that is for outcomes")]
        if outcome.cause == "memory":
            return [self._used_too_much(slot, outcome)]
        slot.attempt = None
        slot.jobs_done += 1
        return [outcome]

    def _check_limits(self, slot: _Slot, attempt: _Attempt) -> Outcome | None:
        """End a worker whose job takes too long or too much."""
        job, limit_s, limit_byte = attempt.job, self._time_limit_s, self._memory_limit_byte
        slot.worker.trim_prints()
        if limit_s is not None and slot.worker.age_s() > limit_s:
            slot.worker.ask_place()
            message = f"{title(job)}: longer than the time limit of {limit_s:g} s{_quoted(slot.worker.last_words())}"
            self._end(slot)
            return Outcome(job.key, "hung", message)
        if limit_byte is not None and (used_byte := slot.worker.used_byte()) > limit_byte:
            message = f"{title(job)}: {used_byte / 1e9:.3g} GB, more than the memory limit of {limit_byte / 1e9:.3g} GB"
            return self._used_too_much(slot, Outcome(job.key, "memory", message))
        return None

    def _used_too_much(self, slot: _Slot, outcome: Outcome) -> Outcome | None:
        """Judge by a fresh worker: what earlier jobs have left in memory is not this one's fault."""
        self._end(slot)
        if not slot.jobs_done:
            return outcome
        assert slot.attempt is not None
        self._again.append(slot.attempt)
        return None

    def _check_start(self, slot: _Slot) -> None:
        if slot.worker.age_s() > _START_LIMIT_S:
            raise RunError(
                f"workers: a new process was not ready after {_START_LIMIT_S:g} s: {slot.worker.last_words()}"
            )

    def _died(self, slot: _Slot, fault: str = "") -> Outcome | None:
        """A worker is gone, or cannot be trusted any more: try its job again, or say what became of it."""
        words = _quoted(slot.worker.last_words())
        ending = self._end(slot, 0.0 if fault else _ENDING_S)
        ending = fault or ending or "closed its pipe to the driver"
        attempt = slot.attempt
        if not slot.worker.is_ready:
            self._failed_starts += 1
            if ending != _FROM_OUTSIDE or self._failed_starts == _STARTS:
                raise RunError(f"workers: a new process ended before its first job: {ending}{words}")
        elif attempt is not None:
            attempt.endings.append(ending)
            is_its_own = ending != _FROM_OUTSIDE and attempt.endings.count(ending) > 1
            if is_its_own or len(attempt.endings) == _TRIES:
                tries = f"{len(attempt.endings)} tries"
                message = f"{title(attempt.job)}: the worker process ended in {tries}: {ending}{words}"
                return Outcome(attempt.job.key, "died", message)
        if attempt is not None:
            self._again.append(attempt)
        return None


def importable_name(perform: Perform) -> str:
    """Return "module:name" of a function that a new process can import."""
    name = f"{perform.__module__}:{perform.__qualname__}"
    if perform.__module__ == "__main__" or not perform.__qualname__.isidentifier():
        raise InputError(f"workers: {name}: expected a function at the top of a module that can be imported by name")
    return name


def title(job: Job) -> str:
    """Return how a message names a job: its scenario file and settings."""
    return " ".join([Path(job.scenario).name, *job.overrides])


def read_outcome(line: str, job: Job) -> Outcome | None:
    """Return the outcome of this job that a line of JSON holds, None if it holds anything else."""
    try:
        outcome = Outcome(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (outcome.key, outcome.cause, outcome.message, outcome.digest or "")
    is_one = all(isinstance(text, str) for text in texts) and outcome.key == job.key
    return outcome if is_one and outcome.cause in get_args(Cause) else None


def _quoted(words: str) -> str:
    return f"; last seen: {words}" if words else ""
