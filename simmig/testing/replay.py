"""Questions put again: the views of a play that is over, to new instances, with other luck or one player at a time."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from simmig.contracts import Agent, FloatArray, LeaderView
from simmig.rng import Draws
from simmig.testing.trial import Part, Trial
from simmig.testing.watch import Asked, Promise, broken

_OTHER_SEEDS = 8  # an agent may use its luck rarely, as one that explores once in a hundred rounds


def check_information(trial: Trial, where: str, part: Part) -> None:
    """Check that an agent which declares "own" answers for each player as if that player were the only one.

    One instance decides for every player of a side, so its memory could carry what one of them sees to another.
    """
    if trial.new_agent().information != "own":
        return
    for name in dict.fromkeys(one.player for one in part.asked):
        agent = trial.new_agent()
        for one in [one for one in part.asked if one.player == name]:
            answer = _ask(agent, one, copy(one.luck), "information", where)
            if not np.array_equal(answer, _numbers(one.answer)):
                text = (
                    f"{_numbers(one.answer).tolist()} in company and {answer.tolist()} alone, so what it remembers "
                    'depends on other players; keep it by name, or declare "public" or "full"'
                )
                raise broken("information", f"{where}, round {one.view.round}, {name}", text)


def check_seed(trial: Trial, where: str, part: Part) -> None:
    """Check that an agent which uses its luck answers differently with other luck, everything else being equal."""
    if not part.draws:
        return
    if any(_differs(trial, where, part.asked, number) for number in range(_OTHER_SEEDS)):
        return
    text = f"it draws from view.draws, and answers the same with {_OTHER_SEEDS} other seeds"
    raise broken("seed", where, text)


def _differs(trial: Trial, where: str, asked: Sequence[Asked], number: int) -> bool:
    agent = trial.new_agent()
    answers = [
        _ask(agent, one, Draws(trial.seed, "other luck", number, index), "answers", where)
        for index, one in enumerate(asked)
    ]
    return any(not np.array_equal(one, _numbers(was.answer)) for one, was in zip(answers, asked, strict=True))


def _ask(agent: Agent, one: Asked, luck: Draws, promise: Promise, where: str) -> FloatArray:
    view = replace(one.view, draws=luck)
    try:
        return _numbers(agent.price(view) if isinstance(view, LeaderView) else agent.demand(view))
    except Exception as error:  # the border to a plug-in: anything may come out of it
        text = f"asked again, it raised {type(error).__name__}: {' '.join(str(error).split())}"
        raise broken(promise, f"{where}, round {view.round}, {one.player}", text) from error


def _numbers(answer: Any) -> FloatArray:  # noqa: ANN401
    return np.asarray(answer, dtype=np.float64)
