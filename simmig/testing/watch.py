"""An agent under observation: what it is asked, what it answers, and what it must leave alone meanwhile."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from simmig.contracts import Agent, FloatArray, FollowerView, LeaderView
from simmig.rng import Draws
from simmig.run.chance import generator_states, used_since

View = LeaderView | FollowerView
Promise = Literal["answers", "views", "chance", "memory", "repeats", "process", "seed", "information", "settings"]

_MAY_BE_HIDDEN = ("market_price", "market_demand", "game")


class BrokenPromise(AssertionError):
    """An agent does not keep a promise of its contract; the message names the promise and the place."""


def broken(promise: Promise, where: str, text: str) -> BrokenPromise:
    """Return the error that says which promise was broken, where and how."""
    return BrokenPromise(f"{where}: broken promise {promise!r}: {text}")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its answer; `luck` is the view's draws as they were before."""

    view: View
    luck: Draws
    answer: object

    @property
    def player(self) -> str:
        """The RSU or vehicle that was asked for, the first of them if several."""
        return player(self.view)


def player(view: View) -> str:
    """Return whom a question is about, as errors name it."""
    return f"RSU {view.rsu[0]!r}" if isinstance(view, LeaderView) else f"vehicle {view.vehicle[0]!r}"


class Watched:
    """Stands in for an agent in a market, and raises BrokenPromise where it touches what is not its own.

    `asked` is what it answered so far; `hidden` names what the view that it failed at does not show.
    """

    def __init__(self, agent: Agent, where: str) -> None:
        self._agent = agent
        self._where = where
        self.asked: list[Asked] = []
        self.hidden: list[str] = []

    def __getattr__(self, name: str) -> object:
        """Return whatever else the agent has, `information` first of all."""
        return getattr(self._agent, name)

    def price(self, view: LeaderView) -> FloatArray:
        """Return the agent's prices."""
        return self._ask(self._agent.price, view)

    def demand(self, view: FollowerView) -> FloatArray:
        """Return the agent's demands."""
        return self._ask(self._agent.demand, view)

    def _ask(self, method: Callable[[Any], FloatArray], view: View) -> FloatArray:
        shown, states, luck = _arrays(view), generator_states(), copy(view.draws)
        try:
            answer = method(view)
        except Exception as error:  # the border to a plug-in: anything may come out of it
            self.hidden = _hidden_names(view, error)
            raise
        where = f"{self._where}, round {view.round}, {player(view)}"
        after = _arrays(view)
        changed = [name for name in sorted({*shown, *after}) if shown.get(name) != after.get(name)]
        if changed:
            raise broken("views", where, f"{changed[0]} is not what it was before the call; copy an array to change it")
        drawn = used_since(states)
        if drawn:
            raise broken("chance", where, f"it drew from the global generator of {drawn[0]}; draw from view.draws")
        self.asked.append(Asked(view, luck, deepcopy(answer)))
        return answer

    @property
    def draws(self) -> bool:
        """Whether any answer used up luck of its view."""
        return any(copy(one.view.draws).uniform() != copy(one.luck).uniform() for one in self.asked)


def _arrays(value: object, path: str = "view", depth: int = 2) -> dict[str, tuple[tuple[int, ...], bytes]]:
    """Return {path: (shape, content)} of every array in a view and its game, but not of what a game keeps inside."""
    if isinstance(value, np.ndarray):
        return {path: (value.shape, value.tobytes())}
    inner: dict[str, object] = {}
    if isinstance(value, dict):
        inner = {f"{path}[{key!r}]": entry for key, entry in value.items()}
    elif is_dataclass(value) and depth:
        inner = {f"{path}.{field.name}": getattr(value, field.name) for field in fields(value)}
    found: dict[str, tuple[tuple[int, ...], bytes]] = {}
    for name, entry in inner.items():
        found |= _arrays(entry, name, depth - 1)
    return found


def _hidden_names(view: View, error: Exception) -> list[str]:
    """Return the fields that this view hides and that the source line which failed speaks of."""
    line = traceback.extract_tb(error.__traceback__)[-1].line or ""
    return [name for name in _MAY_BE_HIDDEN if name in line and getattr(view, name, 0) is None]
