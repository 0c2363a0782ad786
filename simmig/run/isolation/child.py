"""The agent's process: makes the agent, then answers questions until nobody asks any more.

Run by `channel` as `python -c "...child import main; main(fd, parent)"`.
"""

from __future__ import annotations

import marshal
import os
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np

from simmig.contracts import Agent, Game, LeaderView
from simmig.errors import InputError
from simmig.plugins import load
from simmig.processes import die_with, limit_memory
from simmig.run.blame import told
from simmig.run.chance import generator_states, used_since
from simmig.run.isolation import wire


def main(descriptor: int, parent: int) -> None:
    """Serve the run at the other end of the socket `descriptor`, opened by the process `parent`."""
    die_with(parent)
    channel = socket.socket(fileno=descriptor)
    setup = _received(channel)
    limit_memory(setup["memory_limit_byte"])
    try:
        agent = load("agents", setup["kind"], setup["settings"], Path(setup["folder"]))
        assert isinstance(agent, Agent)
        files = agent.prepare(Path(setup["folder"]))
        game = load("games", setup["game"], setup["game_settings"], Path(setup["folder"]))
        assert isinstance(game, Game)
        ready = wire.notice(wire.READY, 0, {"information": agent.information, "files": files})
    except BaseException as error:  # the border to a plug-in: anything may come out of it
        text = str(error) if isinstance(error, InputError) else _said(error, setup)
        channel.sendall(wire.notice(wire.FAILURE, 0, {"text": text}))
        os._exit(0)
    channel.sendall(ready)
    os.register_at_fork(after_in_child=channel.close)  # a twin that the agent forks must not answer as well
    _serve(channel, agent, game, setup)


def _serve(channel: socket.socket, agent: Agent, game: Game, setup: dict[str, Any]) -> None:
    states, process = generator_states(), os.getpid()
    while (content := _received(channel)) is not None:
        number = content[0]
        try:
            _, view = wire.asked(content, game)
            given = agent.price(view) if isinstance(view, LeaderView) else agent.demand(view)
            reply = _reply(number, given)
        except BaseException as error:  # the border to a plug-in: anything may come out of it
            reply = wire.notice(wire.FAILURE, number, {"text": _said(error, setup)})
        if os.getpid() != process:
            os._exit(0)
        channel.sendall(reply)
    channel.sendall(wire.notice(wire.DONE, 0, {"chance": used_since(states)}))
    sys.stdout.flush()
    os._exit(0)  # threads that the agent has started do not keep it


def _reply(number: int, given: object) -> bytes:
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):  # the last from a torch tensor that carries a gradient
        text = f"returned {type(given).__name__}, expected an array of numbers"
        return wire.notice(wire.FAILURE, number, {"text": text})
    return wire.answer(number, values)


def _said(error: BaseException, setup: dict[str, Any]) -> str:
    limit = f" (agents.memory_limit_byte is {setup['memory_limit_byte']:g})"
    return told(error) + (limit if isinstance(error, MemoryError) else "")


def _received(channel: socket.socket) -> Any:  # noqa: ANN401
    """Return what the run sends next; ends the process if the run is no more."""
    [size] = wire.LENGTH.unpack(_exactly(channel, wire.LENGTH.size))
    return marshal.loads(_exactly(channel, size))


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = channel.recv(count, socket.MSG_WAITALL)
    while len(data) < count:
        more = channel.recv(count - len(data), socket.MSG_WAITALL)
        if not more:
            os._exit(0)
        data += more
    return data
