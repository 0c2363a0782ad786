"""The markets that an agent under test plays in: a short street for each game, simulated by the real engine.

Seven cars drive to and fro past four RSUs; a fifth is never reached. Some come alone, some in company, so the
players differ from round to round and no RSU has a history at first; one RSU is out of order for a while, which
changes who may buy from whom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simmig.contracts import Agent
from simmig.engine.simulation import PriceDecision, Simulation
from simmig.plugins import load
from simmig.run.players import Players
from simmig.scenario import Scenario
from simmig.world import World, build_world

_OTHER = "simmig.testing.opponent:Agent"
_LENGTH_M = 1000.0
_CARS = ((0, 40), (0, 40), (1, 41), (2, 43), (5, 47), (11, 53), (37, 59))  # s: first seen, time for one way
_RSUS = (  # x_m, cost, price_max
    (0.0, 1.0, 15.0),
    (330.0, 2.0, 12.0),
    (660.0, 1.2, 13.0),
    (1000.0, 1.5, 14.0),
    (9000.0, 1.0, 15.0),
)

MARKETS: Mapping[str, Mapping[str, Any]] = {
    "immersion": {"preset": "paper-001", "game": {"kind": "immersion", "prices": "individual"}},
    "immersion_uniform": {"preset": "paper-001", "game": {"kind": "immersion", "prices": "uniform"}},
    "social": {"preset": "paper-002", "game": {"kind": "social"}},
    "embodied": {"preset": "paper-003", "game": {"kind": "embodied"}},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side decided in one round: prices, [J] or [I, J], or demands, [I, J], as nested lists."""

    place: str
    decided: list[Any]


def open_market(name: str, rounds: int, seed: int) -> World:
    """Return the world of the market `name`, a key of `MARKETS`, long enough for so many rounds."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "cars.csv").write_text(_trace(40 + 4 * rounds), encoding="utf-8")
        scenario = Scenario.model_validate(_scenario(name, seed), context={"base_dir": Path(folder)})
        return build_world(scenario)


def play(world: World, side: str, agent: Agent, rounds: int, seed: int) -> list[Answer]:
    """Return what `agent` decided in the first rounds of this market, the other side being played by the opponent.

    Raises AgentError for an answer that no market accepts.
    """
    assert world.market is not None
    other = load("agents", _OTHER)
    assert isinstance(other, Agent)
    leaders, followers = (agent, other) if side == "leaders" else (other, agent)
    players = Players(leaders, followers, ("under test", "under test"), seed, world.market.game)
    players.meet(world.trace.vehicle_id, world.rsus.sites.rsu_id)
    answers: list[Answer] = []
    decisions = Simulation(world).decisions()
    decision = next(decisions, None)
    while decision is not None and decision.round.index < rounds:
        decided = players.answer(decision)
        if isinstance(decision, PriceDecision) == (side == "leaders"):
            answers.append(Answer(f"round {decision.round.index}", decided.tolist()))
        try:
            decision = decisions.send(decided)
        except StopIteration:  # nobody migrates any more, as where twins are sent on next to no bandwidth
            break
    decisions.close()
    return answers


def _trace(end_s: int) -> str:
    rows = ["id,t,x,y"]
    for number, (start_s, way_s) in enumerate(_CARS):
        for leg, time_s in enumerate(range(start_s, end_s + way_s, way_s)):
            rows.append(f"car{number},{time_s},{_LENGTH_M * (leg % 2)},{2.0 * number}")
    return "\n".join(rows) + "\n"


def _scenario(name: str, seed: int) -> dict[str, Any]:
    units = [
        {"id": f"rsu{number}", "x_m": x_m, "y_m": -10.0, "cost": cost, "price_max": price_max}
        for number, (x_m, cost, price_max) in enumerate(_RSUS)
    ]
    return {
        "schema": 1,
        "name": name,
        "seed": seed,
        "fleet": [
            {
                "name": "cars",
                "kind": "av",
                "trace": {"path": "cars.csv", "format": "csv"},
                "twin": {"size_bit": {"uniform": [8e6, 24e6]}, "cycles": 5e9, "deadline_s": 4.0},
            }
        ],
        "rsus": {"radius_m": 550.0, "unit": units},
        "radio": {"preset": "paper-002"},
        "migration": {"trigger": {"kind": "nearest"}},
        "market": {**MARKETS[name], "round_s": 2.0},
        # Only there: in the embodied game a planner has no best outcome among vehicles that are tied.
        **({"social": {"generator": {"kind": "complete_graph"}}} if name == "social" else {}),
        "agents": {"leaders": {"kind": _OTHER}, "followers": {"kind": _OTHER}},
        "fault": [{"rsu": "rsu1", "at_s": 60.0, "for_s": 20.0}],
    }
