"""The contract of an agent as code: `check_agent` plays whole markets with it and sees whether it keeps its promises.

The promises, as errors name them:

- `answers`: every answer is one that a market accepts: never an exception, the right shape, finite, prices between cost
  and price_max, demands of 0 where not eligible. Nothing is known at first (`last_*` and `market_*` are NaN).
- `views`: what it is shown stays as it is.
- `chance`: it draws from `view.draws` alone; the global generators of Python, NumPy and torch stay as they are.
- `repeats`: the same seed gives exactly the same answers, with a new instance.
- `memory`: what it remembers lives in the instance: nothing is carried from one run into the next.
- `process`: the answers are the same in another process, where `hash()` and the order of sets differ.
- `seed`: an agent that uses its luck answers differently with other luck.
- `information`: it does with what it declares. One that declares "own" answers for each player as if that player were
  the only one it ever met.
- `settings`: its settings can be written to `run.json` and read back, or a run could not be played again.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from simmig.contracts import Agent, Information
from simmig.errors import InputError, PluginError, SimmigError
from simmig.plugins import plugin_class
from simmig.plugins.wording import did_you_mean, show
from simmig.testing.markets import MARKETS, Answer
from simmig.testing.replay import check_information, check_seed
from simmig.testing.trial import Trial, open_worlds, perform, perform_elsewhere
from simmig.testing.watch import BrokenPromise, Promise, broken

__all__ = ["BrokenPromise", "check_agent"]

Side = Literal["leaders", "followers"]
_METHODS = {"leaders": "price", "followers": "demand"}


def check_agent(
    agent: str | Path | type[Agent],
    *,
    settings: Mapping[str, Any] | None = None,
    side: Side | None = None,
    game: str | None = None,
    rounds: int = 20,
    seed: int = 1,
) -> tuple[tuple[str, str], ...]:
    """Return the pairs (side, market) that the agent played, all promises kept.

    `agent` is a class, or a name as in a scenario: of an installed agent, "file.py:Class" or "module:Class"; `settings`
    are as in a scenario, too. Without `side` it plays every side whose method it has; without `game` every market of
    `MARKETS`, but it may decline one by raising AgentError at the first question there.

    Raises BrokenPromise at the first promise that is broken, InputError for an agent or a market that there is not.
    """
    trial = _trial(agent, settings or {}, side, game, rounds, seed)
    _check_declarations(trial)
    worlds = open_worlds(trial)
    first = perform(trial, worlds)
    again = perform(trial, worlds)
    elsewhere = perform_elsewhere(trial)
    for key, part in first.items():
        where, there = trial.where(*key), elsewhere.get(key, [])
        # As it was in a fresh process but not the second time here: the first run left something behind.
        kept: Promise = "memory" if part.answers == there else "repeats"
        _check_same(kept, where, part.answers, again[key].answers if key in again else [], "in a second run")
        _check_same("process", where, part.answers, there, "in another process")
        check_information(trial, where, part)
        check_seed(trial, where, part)
    return tuple(first)


def _trial(
    agent: str | Path | type[Agent],
    settings: Mapping[str, Any],
    side: Side | None,
    game: str | None,
    rounds: int,
    seed: int,
) -> Trial:
    name = agent.__qualname__ if isinstance(agent, type) else str(agent)
    named = _name_of_class(agent) if isinstance(agent, type) else _absolute(name)
    if game is not None and game not in MARKETS:
        raise InputError(f"check_agent: game {show(game)}: expected {', '.join(MARKETS)}{did_you_mean(game, MARKETS)}")
    if rounds < 1:
        raise InputError(f"check_agent: rounds {rounds}: expected at least 1")
    found = plugin_class("agents", named)
    played = tuple(key for key, method in _METHODS.items() if getattr(found, method) is not getattr(Agent, method))
    if not played or (side is not None and side not in played):
        wanted = " or ".join(f"{_METHODS[key]}(view)" for key in ([side] if side in _METHODS else _METHODS))
        raise broken("answers", f"agent {name!r}", f"it has no method {wanted}")
    if ":" not in named and not named.endswith(".py"):
        named = f"{found.__module__}:{found.__qualname__}"  # so that it is looked for only once
    markets = tuple(MARKETS) if game is None else (game,)
    return Trial(named, name, dict(settings), (side,) if side else played, markets, game is None, rounds, seed)


def _absolute(name: str) -> str:
    """Return the name of an agent with the path of its file, if it is in one, made absolute."""
    target, colon, given = name.rpartition(":") if ":" in name else (name, "", "")
    return f"{Path(target).resolve()}{colon}{given}" if target.endswith(".py") else name


def _name_of_class(agent: type[Agent]) -> str:
    """Return the name by which another process finds the class."""
    if "." in agent.__qualname__:
        text = "is defined inside something else; expected one at the top of a file, which another process can import"
        raise PluginError(f"class {agent.__qualname__} {text}")
    if getattr(sys.modules[agent.__module__], "__package__", None):
        return f"{agent.__module__}:{agent.__name__}"
    return f"{Path(inspect.getfile(agent)).resolve()}:{agent.__name__}"


def _check_declarations(trial: Trial) -> None:
    agent, where = trial.new_agent(), f"agent {trial.name!r}"
    if agent.information not in get_args(Information):
        levels = ", ".join(map(repr, get_args(Information)))
        raise broken("information", where, f"information = {agent.information!r}, expected one of {levels}")
    try:
        dumped = agent.model_dump(mode="json", exclude_none=True)
        kept = type(agent).model_validate(dumped).model_dump() == agent.model_dump()
    except (SimmigError, ValueError) as error:  # pydantic's own errors are ValueErrors
        text = " ".join(str(error).split())
        raise broken("settings", where, f"as run.json has them, they cannot be read back: {text}") from None
    if not kept:
        raise broken("settings", where, f"{show(dumped)}, as run.json has them, reads back as something else")


def _check_same(promise: Promise, where: str, one: Sequence[Answer], other: Sequence[Answer], elsewhere: str) -> None:
    if len(one) != len(other):
        raise broken(promise, where, f"it answered {len(one)} rounds at first and {len(other)} {elsewhere}")
    for first, second in zip(one, other, strict=True):
        if not np.array_equal(first.decided, second.decided):
            text = f"{first.decided} at first and {second.decided} {elsewhere}, with the same seed"
            raise broken(promise, f"{where}, {first.place}", text)
