"""How a question travels to an agent's process, and its answer back.

A question is marshalled: it comes from the run and goes to the same Python. An answer is a header and plain bytes,
because nothing that comes from an agent's process may be trusted; `channel` takes no more of it than it expects.
"""

from __future__ import annotations

import json
import marshal
import struct
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from simmig.contracts import FloatArray, FollowerView, Game, GameInputs, LeaderView, PricingGame
from simmig.rng import Draws
from simmig.run.views import lone_game

View = LeaderView | FollowerView

READY, ANSWER, FAILURE, DONE = range(4)  # kinds of messages from the agent's process
HEADER = struct.Struct("<BBIQ")  # kind, number of axes, number of the question, bytes that follow
LENGTH = struct.Struct("<Q")
_VIEWS: tuple[type[LeaderView], type[FollowerView]] = (LeaderView, FollowerView)
_OF_FOLLOWERS = ("preferences", "size_bit", "efficiency_bit_s_hz", "delay_s", "deadline_s", "eligible", "offers")


def framed(content: Any) -> bytes:  # noqa: ANN401
    """Return plain values (None, numbers, text, bytes, tuples, lists, dicts) as bytes, their number in front."""
    data = marshal.dumps(content)
    return LENGTH.pack(len(data)) + data


def question(number: int, view: View, inputs: GameInputs) -> bytes:
    """Return a question as bytes; `inputs` are those of its round."""
    values = {field.name: _sent(field.name, getattr(view, field.name), inputs) for field in fields(view)}
    return framed((number, _VIEWS.index(type(view)), values))


def _sent(name: str, value: Any, inputs: GameInputs) -> Any:  # noqa: ANN401
    if name == "draws":
        return value._state
    if name == "alone":  # made again from the rest of the view
        return None
    if name == "game" and value is not None:  # built again: a game may hold what cannot be sent
        return {field.name: _flat(getattr(inputs, field.name)) for field in fields(inputs)}
    return _flat(value)


def _flat(value: Any) -> Any:  # noqa: ANN401
    """Return a value of a view as plain ones; a list stands for an array, and nothing else in a view is one."""
    if isinstance(value, np.ndarray):
        # In the order in which it lies in memory: a sum over it must come out the same to the last bit.
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        return [value.dtype.char, value.shape, value.tobytes(order), order]  # type: ignore[arg-type]
    if isinstance(value, dict):
        return {name: _flat(entry) for name, entry in value.items()}
    if isinstance(value, float):  # NumPy's are floats too, but would be marshalled as bytes
        return float(value)
    return value if value is None or isinstance(value, str | tuple | bool) else int(value)


def asked(content: Any, game: Game) -> tuple[int, View]:  # noqa: ANN401
    """Return the number of a question and its view, the same to the last bit; `game` builds what is not sent."""
    number, kind, values = content
    of = {name: _restored(value) for name, value in values.items()}
    draws = of["draws"] = Draws.__new__(Draws)
    draws._state = values["draws"]
    if of["game"] is not None:
        of["game"] = game.build(GameInputs(**of["game"]))
    if _VIEWS[kind] is FollowerView:
        of["alone"] = partial(_alone, game, of)
    return number, _VIEWS[kind](**of)


def _restored(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        char, shape, data, order = value
        return np.ndarray(shape, np.dtype(char), data, order=order)  # read-only, as bytes are
    if isinstance(value, dict):
        return {name: _restored(entry) for name, entry in value.items()}
    return value


def _alone(game: Game, of: dict[str, Any]) -> PricingGame:
    """Return the lone game of a view's followers: all that it is made of is in the view."""
    price: FloatArray = of["price"]
    unused = np.empty(price.shape[-1])  # what the lone game replaces
    inputs = GameInputs(
        **{name: of[name] for name in _OF_FOLLOWERS}, ties=unused, cost=unused, price_max=unused, capacity_hz=unused
    )
    return lone_game(game, inputs, np.arange(len(of["size_bit"])), price)


def answer(number: int, values: FloatArray) -> bytes:
    """Return an answer as bytes."""
    shape, data = struct.pack(f"<{values.ndim}Q", *values.shape), values.tobytes()
    return HEADER.pack(ANSWER, values.ndim, number, len(shape) + len(data)) + shape + data


def notice(kind: int, number: int, facts: dict[str, Any]) -> bytes:
    """Return any other message as bytes; `facts` are JSON."""
    data = json.dumps(facts).encode()
    return HEADER.pack(kind, 0, number, len(data)) + data
