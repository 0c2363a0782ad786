"""Where an agent is trained: the games, and the names of those who play them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simmig.env.market import Market, Rules, Scales
from simmig.env.sources import FixedGame, RecordedRounds, Source
from simmig.errors import InputError

if TYPE_CHECKING:
    from simmig.scenario import Scenario

_RECORDED = 2000  # rounds of a simulation that are learned from, at most


@dataclass(frozen=True, slots=True)
class Venue:
    """Games to learn in. `leaders[J]` are the RSUs by place in every game; `title` and `origin` go into the policy."""

    source: Source
    leaders: tuple[str, ...]
    title: str
    origin: dict[str, Any]

    def market(self, count: int, rules: Rules, seed: int, scales: Scales | None = None) -> Market:
        """Return `count` markets side by side."""
        return Market(self.source, count, rules, seed, scales=scales)


def venue_of(path: Path, overrides: Sequence[str]) -> Venue:
    """Return the venue of a game file, whose game is played over and over, or of a scenario, whose rounds are.

    A scenario is simulated once, with its own agents, to see which players meet; the rounds are then drawn at random.
    Raises InputError for files that are neither, RunError if the simulation fails.
    """
    import tomllib

    try:
        keys = tomllib.loads(path.read_text(encoding="utf-8")).keys()
    except (OSError, ValueError):
        keys = {"fleet": None}.keys()  # the loader of scenarios says what is wrong with the file
    if "fleet" in keys or "leaders" not in keys:
        return _of_scenario(path, overrides)
    from simmig.scenario.game_file import load_game

    given = load_game(path, overrides)
    try:
        game = given.build()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Venue(FixedGame(game), given.names()[1], given.name, _origin("game", path, given.name, overrides))


def _of_scenario(path: Path, overrides: Sequence[str]) -> Venue:
    from simmig.scenario import load_scenario

    scenario = load_scenario(path, overrides)
    if scenario.market is None or scenario.agents is None:
        raise InputError(f"{path}: has no market; expected [market] and [agents], or a game file, to train in")
    rounds, names = record_rounds(scenario)
    source = RecordedRounds(scenario.market.game.plugin, rounds)
    return Venue(source, names, scenario.name, _origin("scenario", path, scenario.name, overrides))


def _origin(kind: str, path: Path, name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return what a policy says of where it was trained; a file that has changed is another one."""
    return {kind: name, "sha256": sha256(path.read_bytes()).hexdigest(), "with": list(overrides)}


def record_rounds(scenario: Scenario) -> tuple[list[Any], tuple[str, ...]]:
    """Return the inputs of a simulation's pricing rounds, each RSU in its own column, and the RSUs' names."""
    from simmig.engine.simulation import PriceDecision, Simulation
    from simmig.env.sources import placed
    from simmig.run.players import load_players
    from simmig.world import build_world

    players = load_players(scenario)
    world = build_world(scenario)
    assert players is not None
    names = world.rsus.sites.rsu_id
    players.meet(world.trace.vehicle_id, names)
    simulation = Simulation(world)
    decisions = simulation.decisions()
    rounds = []
    decision = next(decisions, None)
    while decision is not None:
        if isinstance(decision, PriceDecision):
            rounds.append(placed(decision.round.inputs, decision.round.rsu, len(names)))
            if len(rounds) == _RECORDED:
                simulation.stop()
        try:
            decision = decisions.send(players.answer(decision))
        except StopIteration:
            break
    return rounds, names
