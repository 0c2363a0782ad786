"""The composition root: a scenario and its agents in, a run folder out."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simmig.run.blame import blaming_plugins
from simmig.run.folder import RunFolder, choose_folder
from simmig.run.interrupt import Interrupts, interrupts
from simmig.run.players import Players, load_players
from simmig.run.provenance import provenance
from simmig.units import NS_PER_S

if TYPE_CHECKING:
    from simmig.engine.simulation import Simulation
    from simmig.scenario import Scenario
    from simmig.world import World

Progress = Callable[[str, float], None]  # (what is being done, share of it that is done)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run left behind: its folder, the digest of its log (None if interrupted), and the figures of merit."""

    folder: Path
    digest: str | None
    is_complete: bool
    summary: dict[str, Any]


def run(scenario: Scenario, *, out: Path | None = None, on_progress: Progress | None = None) -> RunResult:
    """Simulate the scenario and write its run folder.

    Raises InputError for wrong input before anything is written, RunError if an agent or the run fails. Ctrl-C
    while events are simulated ends the run early: the folder is written, marked partial, without a report.
    """
    from simmig.engine.simulation import Simulation
    from simmig.world import build_world

    progress = on_progress or (lambda what, share: None)
    started, started_utc = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    folder = choose_folder(out, scenario.name, scenario.seed)
    players = load_players(scenario)
    with interrupts() as signals, RunFolder(folder) as files:
        progress("reading traces", 0.0)
        with blaming_plugins():
            world = build_world(scenario)
        if players is not None:
            players.meet(world.trace.vehicle_id, world.rsus.sites.rsu_id)
        simulation = Simulation(world, lambda now_ns: progress("simulating", now_ns / max(world.end_ns, 1)))
        signals.check()
        with blaming_plugins():
            _simulate(simulation, players, signals)
        facts = {
            "schema": 1,
            **provenance(),
            "scenario_file": None if scenario.source is None else scenario.source.name,
            "scenario_folder": os.path.relpath(scenario.base_dir, folder),
            "scenario": scenario.resolved(),
            "seed": scenario.seed,
            "agents": players.names if players else {},
            **({"agent_files": players.files} if players and players.files else {}),
            "started_utc": started_utc,
            "simulated_s": simulation.now_ns / NS_PER_S,
            "status": "partial" if signals.was_called else "complete",
            # Where a run was interrupted is never the same twice: its log has no fingerprint worth a name.
            "digest": None if signals.was_called else simulation.log.digest(),
        }
        progress("measuring", 0.0)
        summary = _write(files, world, simulation, facts, started)
        written = files.publish()
    return RunResult(written, facts["digest"], not signals.was_called, summary)


def _simulate(simulation: Simulation, players: Players | None, signals: Interrupts) -> None:
    """Drive the simulation to its end, or to the first signal."""
    signals.stop = simulation.stop
    # The engine makes no reference cycles; looking for them among millions of entries costs a tenth of the time.
    gc.disable()
    try:
        decisions = simulation.decisions()
        decision = next(decisions, None)
        while decision is not None:
            assert players is not None  # the engine asks only when there is a market, and then there are players
            try:
                decision = decisions.send(players.answer(decision))
            except StopIteration:
                break
    finally:
        gc.enable()
    signals.stop = None


def _write(
    files: RunFolder, world: World, simulation: Simulation, facts: dict[str, Any], started: float
) -> dict[str, Any]:
    from simmig.measure.tables import build_tables
    from simmig.metrics import summarise

    is_complete = facts["status"] == "complete"
    tables = build_tables(world, simulation.log, simulation.now_ns, is_complete=is_complete)
    summary = summarise(tables, facts)
    files.write_tables(tables)
    files.write_json("summary.json", summary)
    document = {**facts, "wall_s": round(time.monotonic() - started, 3)}
    files.write_json("run.json", document)
    if is_complete:
        from simmig.report import render

        files.write_text("report.html", render(tables, document, summary))
    return summary
