"""Pricing rounds of a run folder, played again: runs are reproducible, so a round need not be stored."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from simmig.contracts import FloatArray
from simmig.errors import InputError, RunError
from simmig.run.folder import read_json
from simmig.run.players import load_players

if TYPE_CHECKING:
    from simmig.engine.rounds import Round
    from simmig.engine.simulation import Decision
    from simmig.scenario import Scenario

_SAME = 1e-9  # relative: other processors round the last digits otherwise


@dataclass(frozen=True, slots=True)
class Replayed:
    """A round of a run with what was played in it; names of its followers [I] and leaders [J]."""

    round: Round
    price: FloatArray
    demand: FloatArray
    names: tuple[tuple[str, ...], tuple[str, ...]]


def replay_round(folder: Path, index: int, scenario_file: Path | None = None) -> Replayed:
    """Return round `index` of the run in this folder, by running its scenario up to there.

    `scenario_file` is where the scenario is now, if it has moved: traces and plug-ins are looked for beside it.
    Raises InputError for a folder without that round, RunError if the replay does not meet the recorded prices.
    """
    recorded = _recorded(folder, index)
    scenario = recorded_scenario(folder, scenario_file)
    replayed = next(play_rounds(scenario, [index]))
    posted = dict(zip(replayed.names[1], _mean(replayed), strict=True))
    if set(posted) != set(recorded) or any(abs(posted[rsu] - was) > _SAME * was for rsu, was in recorded.items()):
        raise RunError(
            f"{folder}: round {index}: played again it has other prices than those recorded; expected the same traces, "
            "plug-ins and versions (see run.json)"
        )
    return replayed


def _recorded(folder: Path, index: int) -> dict[str, float]:
    import duckdb

    file = folder / "rounds.parquet"
    if not file.is_file():
        raise InputError(f"{folder}: has no rounds.parquet; expected a folder written by `simmig run`")
    connection = duckdb.connect(config={"threads": 1})
    try:
        query = 'SELECT rsu, price FROM read_parquet(?) WHERE "round" = ?'
        rows = connection.execute(query, [str(file), index]).fetchall()
        counted = connection.execute('SELECT max("round") FROM read_parquet(?)', [str(file)]).fetchone()
    finally:
        connection.close()
    if not rows:
        last = None if counted is None else counted[0]
        known = "it has none" if last is None else f"expected 0 to {last}"
        raise InputError(f"{folder}: --round {index}: no such round, {known}")
    return {str(rsu): float(price) for rsu, price in rows}


def recorded_scenario(folder: Path, scenario_file: Path | None = None) -> Scenario:
    """Return the scenario that the run in this folder was made of, as run.json has it.

    `scenario_file` is where the scenario is now, if it has moved. Raises InputError if a file that it names is gone.
    """
    from simmig.scenario import Scenario

    document = read_json(folder, "run.json")
    given = scenario_file or (folder / document["scenario_folder"] / (document["scenario_file"] or "scenario"))
    source = given.resolve()
    try:
        return Scenario.model_validate(document["scenario"], context={"base_dir": source.parent, "source": source})
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{folder / 'run.json'}: scenario.{path}: {first['msg']}; --scenario says where the scenario is now"
        ) from None


def play_rounds(scenario: Scenario, indices: Collection[int]) -> Iterator[Replayed]:
    """Yield these rounds as the scenario's agents play them, in order, by running the scenario up to the last.

    The scenario must have a market; a round that is never held is not yielded.
    """
    from simmig.engine.simulation import PriceDecision, Simulation
    from simmig.world import build_world

    world, players = build_world(scenario), load_players(scenario)
    assert players is not None  # there were rounds, so the scenario has a market
    rsu_id, wanted = world.rsus.sites.rsu_id, frozenset(indices)
    last = max(wanted, default=-1)
    players.meet(world.trace.vehicle_id, rsu_id)
    decisions = Simulation(world).decisions()
    try:
        decision = next(decisions, None)
        while decision is not None and decision.round.index <= last:
            answer, closed = players.answer(decision), decision.round
            if not isinstance(decision, PriceDecision) and closed.index in wanted:
                followers = tuple(world.trace.vehicle_id[m.vehicle] for m in closed.migrations)
                yield Replayed(closed, decision.price, answer, (followers, tuple(rsu_id[j] for j in closed.rsu)))
            decision = _send(decisions, answer)
    finally:
        players.close()


def _send(decisions: Generator[Decision, FloatArray, None], answer: FloatArray) -> Decision | None:
    """Return the next decision, None at the end of the run."""
    try:
        return decisions.send(answer)
    except StopIteration:
        return None


def _mean(replayed: Replayed) -> list[float]:
    from simmig.engine.rounds import mean_price

    prices = mean_price(replayed.price, replayed.demand, replayed.round.inputs.eligible)
    return [float(value) for value in np.asarray(prices)]
