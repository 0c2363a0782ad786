"""The run's end of an agent's process: starts it, waits for it no longer than allowed, believes nothing it says."""

from __future__ import annotations

import json
import math
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import weakref
from contextlib import suppress
from typing import IO, Any

import numpy as np

from simmig.contracts import FloatArray
from simmig.processes import resident_byte
from simmig.run.blame import one_line
from simmig.run.isolation import wire

_CODE = "from simmig.run.isolation.child import main; main({}, {})"
_WATCH_S = 0.05  # how often memory and output are looked at; reading them takes about 20 microseconds
_MOST_AXES = 8
_MOST_JSON_BYTE = 1_000_000
_MOST_OUTPUT_BYTE = 1_000_000  # printed text that is kept on disk at any time
_SLACK = 4096  # numbers beyond those expected that are read all the same, so that the message can say what came


class Failure(Exception):
    """An agent's process did not answer; the message says what happened instead."""


class Channel:
    """One process and what is said to it. `printed` is how its output begins, which is kept from the run's own."""

    def __init__(self, setup: dict[str, Any], memory_limit_byte: int) -> None:
        ours, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # open as long as the process lives
        with theirs:
            self._process = _started(theirs, self._output)
        self._end = weakref.finalize(self, _ended, os.getpid(), self._process, ours, self._output)
        self._socket = ours
        self._memory_limit_byte = memory_limit_byte
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        self._buffer = bytearray()
        self._watch_at_s = 0.0
        self._late = ""
        self.printed = ""
        self._was_cut = False
        self.send(wire.framed({**setup, "memory_limit_byte": memory_limit_byte}), 60.0)

    def send(self, data: bytes, limit_s: float) -> None:
        """Send a message; raises Failure if the process takes longer than the limit to take it, or is gone."""
        seconds = int(limit_s)
        wait = struct.pack("@ll", seconds, max(int((limit_s - seconds) * 1e6), 1))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        try:
            self._socket.sendall(data)
        except BlockingIOError:
            raise Failure(f"no answer within {limit_s:g} s") from None
        except OSError:
            raise self._fate() from None

    def answer(self, number: int, most: int, limit_s: float) -> FloatArray:
        """Return the answer to a question: of any shape, but not of many more than `most` numbers."""
        kind, axes, size, deadline_s = self._header(number, limit_s)
        if kind != wire.ANSWER:
            raise Failure(self._text(kind, size, deadline_s))
        if axes > _MOST_AXES:
            raise Failure(f"returned an array of {axes} axes")
        shape = struct.unpack(f"<{axes}Q", self._read(8 * axes, deadline_s))
        if max(math.prod(shape), *shape, 0) > most + _SLACK:
            raise Failure(f"returned shape {shape}, expected at most {most} numbers")
        count = math.prod(shape)
        if size != 8 * (axes + count):
            raise Failure("its process sent what is no answer")
        return np.ndarray(shape, np.float64, self._read(8 * count, deadline_s))

    def notice(self, kind: int, limit_s: float) -> dict[str, Any]:
        """Return the facts of a message of this kind, which answers no question; raises Failure for any other."""
        found, _, size, deadline_s = self._header(0, limit_s)
        if found != kind:
            raise Failure(self._text(found, size, deadline_s))
        return self._facts(size, deadline_s)

    def close(self) -> None:
        """End the process, and all that it has started, at once; a second time it does nothing."""
        if self._end.alive:
            self._look_at_output()
            self._end()

    def _header(self, number: int, limit_s: float) -> tuple[int, int, int, float]:
        deadline_s = time.monotonic() + limit_s
        self._late = f"no answer within {limit_s:g} s"
        kind, axes, answered, size = wire.HEADER.unpack(self._read(wire.HEADER.size, deadline_s))
        if answered != number:
            raise Failure("its process answered what it was not asked")
        return kind, axes, size, deadline_s

    def _text(self, kind: int, size: int, deadline_s: float) -> str:
        text = self._facts(size, deadline_s).get("text") if kind == wire.FAILURE else None
        return one_line(text, 1000) if isinstance(text, str) else "its process sent what is no answer"

    def _facts(self, size: int, deadline_s: float) -> dict[str, Any]:
        facts = None
        if size <= _MOST_JSON_BYTE:
            data = self._read(size, deadline_s)
            with suppress(ValueError, RecursionError):
                facts = json.loads(data)
        if not isinstance(facts, dict):
            raise Failure("its process sent what is no message")
        return facts

    def _read(self, count: int, deadline_s: float) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._more(deadline_s)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _more(self, deadline_s: float) -> bytes:
        while True:
            now_s = time.monotonic()
            if now_s > self._watch_at_s:
                self._watch_at_s = now_s + _WATCH_S
                self._watch()
            if now_s > deadline_s:
                raise Failure(self._late)
            if self._poll.poll(1e3 * min(_WATCH_S, deadline_s - now_s)):
                break
        try:
            data = self._socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            raise self._fate()
        return data

    def _watch(self) -> None:
        used = resident_byte(self._process.pid)
        if used > self._memory_limit_byte:
            raise Failure(f"used {used:.3g} byte of memory (agents.memory_limit_byte is {self._memory_limit_byte:g})")
        self._look_at_output()

    def _look_at_output(self) -> None:
        file = self._output.fileno()
        if not self._was_cut:
            self.printed = one_line(os.pread(file, 200, 0).decode("utf-8", errors="replace"))
        if os.fstat(file).st_size > _MOST_OUTPUT_BYTE:
            os.ftruncate(file, 0)
            self._was_cut = True

    def _fate(self) -> Failure:
        """Return how the process came to its end."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return Failure("its process closed the connection")
        if code < 0:
            return Failure(f"its process died of {signal.Signals(-code).name}")
        return Failure(f"its process ended with exit code {code}")


def _started(theirs: socket.socket, output: IO[bytes]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    return subprocess.Popen(
        # -P: what lies in the working folder is no library; -u: what is printed just before a crash is not lost.
        [sys.executable, "-P", "-u", "-c", _CODE.format(theirs.fileno(), os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for the run; and what the agent starts can be ended with it
    )


def _ended(owner: int, process: subprocess.Popen[bytes], ours: socket.socket, output: IO[bytes]) -> None:
    if os.getpid() != owner:  # a fork of the run, whose agent it is not
        return
    with suppress(ProcessLookupError, PermissionError):  # nobody left in its group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ours.close()
    output.close()
