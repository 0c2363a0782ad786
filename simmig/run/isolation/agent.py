"""An agent in another process, as the players of a run see it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from simmig.contracts import FloatArray, GameInputs, Information, LeaderView
from simmig.errors import InputError
from simmig.run.chance import GLOBAL_GENERATORS, remark_on_chance
from simmig.run.isolation import wire
from simmig.run.isolation.channel import Channel, Failure

_START_LIMIT_S = 120.0  # importing torch takes several seconds on a busy machine
_END_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one answer may take, and how much memory its process."""

    call_s: float
    memory_byte: int


@dataclass(frozen=True, slots=True)
class Named:
    """A plug-in as a scenario names it."""

    kind: str
    settings: Mapping[str, Any]


class IsolatedAgent:
    """Starts the process at once; `prepare` waits until it is ready. Raises InputError where there is no isolation."""

    def __init__(self, agent: Named, game: Named, folder: Path, limits: Limits) -> None:
        if os.name != "posix":
            raise InputError("agents.isolate: needs Linux or macOS; leave it out to run the agents in this process")
        self._limits = limits
        self._number = 0
        self.information: Information = "own"
        setup = {
            "kind": agent.kind,
            "settings": dict(agent.settings),
            "game": game.kind,
            "game_settings": dict(game.settings),
            "folder": str(folder.resolve()),
        }
        self._channel = Channel(setup, limits.memory_byte)

    def prepare(self) -> dict[str, Any]:
        """Return what the agent says of its files, once it has read them; raises Failure if it cannot play."""
        facts = self._channel.notice(wire.READY, _START_LIMIT_S)
        levels: tuple[Information, ...] = get_args(Information)
        files = facts.get("files")
        if facts.get("information") not in levels or not isinstance(files, dict):
            raise Failure("its process sent what is no message")
        self.information = levels[levels.index(facts["information"])]
        return files

    def answer(self, view: wire.View, inputs: GameInputs) -> FloatArray:
        """Return what the agent answers, of any shape; `inputs` are those of the round. Raises Failure."""
        self._number = self._number % 0xFFFF_FFFF + 1
        self._channel.send(wire.question(self._number, view, inputs), self._limits.call_s)
        most = view.followers * len(view.rsu) if isinstance(view, LeaderView) else view.eligible.size
        return self._channel.answer(self._number, most, self._limits.call_s)

    def finish(self) -> list[str]:
        """End the process in good order; return what its agent did beside answering, for people."""
        remarks = []
        try:
            self._channel.send(wire.framed(None), _END_LIMIT_S)
            used = self._channel.notice(wire.DONE, _END_LIMIT_S).get("chance")
        except Failure as failure:
            remarks.append(f"after its last answer: {failure}")
        else:
            names = [name for name in GLOBAL_GENERATORS if isinstance(used, list) and name in used]
            remarks += [remark_on_chance(names)] if names else []
        self.close()
        if self._channel.printed:
            remarks.append(f"it prints, which is not shown; it begins with '{self._channel.printed}'")
        return remarks

    def close(self) -> None:
        """End the process at once."""
        self._channel.close()
