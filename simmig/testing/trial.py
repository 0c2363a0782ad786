"""A trial: one agent in every market that it plays, in this process or in another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from simmig.contracts import Agent
from simmig.errors import AgentError
from simmig.plugins import load
from simmig.testing.markets import Answer, open_market, play
from simmig.testing.watch import Asked, BrokenPromise, Watched, broken
from simmig.world import World


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try: `agent` as a scenario names it, a file's path being absolute; `name` is what errors call it.

    `may_refuse` lets it decline a market by raising AgentError at the first question.
    """

    agent: str
    name: str
    settings: dict[str, Any]
    sides: tuple[str, ...]
    markets: tuple[str, ...]
    may_refuse: bool
    rounds: int
    seed: int

    def new_agent(self) -> Agent:
        """Return a new instance of the agent, ready to play; files that its settings name are in the working folder."""
        agent = load("agents", self.agent, self.settings)
        assert isinstance(agent, Agent)
        agent.prepare(Path())
        return agent

    def where(self, side: str, market: str) -> str:
        """Return the place that errors begin with."""
        return f"agent {self.name!r}, {side} of the {market} market"


@dataclass(frozen=True, slots=True)
class Part:
    """One side in one market: the decisions round by round, the single questions, whether it used its luck."""

    answers: list[Answer]
    asked: list[Asked]
    draws: bool


Parts = Mapping[tuple[str, str], Part]  # (side, market): what was played there


def open_worlds(trial: Trial) -> dict[str, World]:
    """Return the worlds of the trial's markets; they serve any number of plays."""
    return {market: open_market(market, trial.rounds, trial.seed) for market in trial.markets}


def perform(trial: Trial, worlds: Mapping[str, World]) -> dict[tuple[str, str], Part]:
    """Return what a new instance plays in each market and on each side, without the markets that it declines.

    Raises BrokenPromise for an answer that no market accepts, or if it declines every market.
    """
    parts: dict[tuple[str, str], Part] = {}
    reason = ""
    for side in trial.sides:
        for market, world in worlds.items():
            watched = Watched(trial.new_agent(), trial.where(side, market))
            try:
                answers = play(world, side, cast("Agent", watched), trial.rounds, trial.seed)
            except AgentError as error:
                if trial.may_refuse and not watched.asked and isinstance(error.__cause__, AgentError):
                    reason = str(error.__cause__)
                    continue
                raise _blamed(trial.where(side, market), error, watched) from error
            parts[side, market] = Part(answers, watched.asked, watched.draws)
    if not parts:
        raise broken("answers", f"agent {trial.name!r}", f"it plays no market at all: {reason}")
    return parts


def _blamed(where: str, error: AgentError, watched: Watched) -> BrokenPromise:
    if isinstance(error.__cause__, BrokenPromise):
        return error.__cause__
    text = str(error).partition(", ")[2]  # without the name that stands in `where`
    if watched.hidden:
        level = watched.information
        hidden = f"{text}; information = {level!r} does not show view.{watched.hidden[0]}"
        return broken("information", where, hidden)
    if isinstance(error.__cause__, ValueError) and "read-only" in str(error.__cause__):  # as arrays of views are
        return broken("views", where, f"{text}; copy an array to change it")
    return broken("answers", where, text)


def perform_elsewhere(trial: Trial) -> dict[tuple[str, str], list[Answer]]:
    """Return the decisions of the same trial in a new process, whose hash() is another.

    Raises BrokenPromise if it fails there.
    """
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", "from simmig.testing.trial import answer_trial; answer_trial()"]
    done = subprocess.run(
        command, input=json.dumps(asdict(trial)), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise broken("process", f"agent {trial.name!r}", f"it fails in a second process: {last}")
    rows = json.loads(done.stdout.splitlines()[-1])
    return {(side, market): [Answer(*answer) for answer in answers] for side, market, answers in rows}


def answer_trial() -> None:
    """Read a trial from standard input and print its decisions, the other half of `perform_elsewhere`."""
    given = json.load(sys.stdin)
    trial = Trial(**{**given, "sides": tuple(given["sides"]), "markets": tuple(given["markets"])})
    parts = perform(trial, open_worlds(trial))
    rows = [[*key, [[answer.place, answer.decided] for answer in part.answers]] for key, part in parts.items()]
    print("\n" + json.dumps(rows))
