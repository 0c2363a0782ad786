"""The composition root: a scenario and its agents in, a run folder out."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simmig.run.blame import blaming_plugins
from simmig.run.folder import RunFolder, choose_folder
from simmig.run.interrupt import Interrupts, interrupts
from simmig.run.provenance import provenance
from simmig.units import NS_PER_S

if TYPE_CHECKING:
    from simmig.engine.simulation import Simulation
    from simmig.run.players import Players
    from simmig.scenario import Scenario
    from simmig.world import World

Progress = Callable[[str, float], None]  # (what is being done, share of it that is done)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run left behind: its folder, the digest of its log (None if interrupted), and the figures of merit.

    `remarks` are lines for people: what an agent did that a run can bear, but should not have to.
    """

    folder: Path
    digest: str | None
    is_complete: bool
    summary: dict[str, Any]
    remarks: tuple[str, ...] = ()


def run(
    scenario: Scenario, *, out: Path | None = None, on_progress: Progress | None = None, report: bool = True
) -> RunResult:
    """Simulate the scenario and write its run folder, with its report unless that is not wanted.

    Raises InputError for wrong input before anything is written, RunError if an agent or the run fails. Ctrl-C
    while events are simulated ends the run early: the folder is written, marked partial, without a report.
    """
    # Not above: an isolated agent's process comes by this package too, and has no use for an engine.
    from simmig.run.players import load_players

    folder = choose_folder(out, scenario.name, scenario.seed)
    players = load_players(scenario)
    with interrupts() as signals, RunFolder(folder) as files:
        result = run_into(files, scenario, players, signals, on_progress=on_progress, report=report)
        return replace(result, folder=files.publish())


def run_into(
    files: RunFolder,
    scenario: Scenario,
    players: Players | None,
    signals: Interrupts,
    *,
    on_progress: Progress | None = None,
    report: bool = False,
    facts: dict[str, Any] | None = None,
) -> RunResult:
    """Simulate the scenario and write the files of its run, without publishing them; errors as `run` raises.

    `signals` may end the run early, if they are handled; `facts` are added to the run's document.
    """
    from simmig.engine.simulation import Simulation
    from simmig.world import build_world

    progress = on_progress or (lambda what, share: None)
    started, started_utc = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    progress("reading traces", 0.0)
    with blaming_plugins():
        world = build_world(scenario)
    if players is not None:
        players.meet(world.trace.vehicle_id, world.rsus.sites.rsu_id)
    simulation = Simulation(world, lambda now_ns: progress("simulating", now_ns / max(world.end_ns, 1)))
    signals.check()
    with blaming_plugins():
        remarks = _simulate(simulation, players, signals)
    is_complete = not signals.was_called
    document = {
        "schema": 1,
        **provenance(),
        "scenario_file": None if scenario.source is None else scenario.source.name,
        "scenario_folder": os.path.relpath(scenario.base_dir, files.target),
        "scenario": scenario.resolved(),
        "seed": scenario.seed,
        "agents": players.names if players else {},
        **({"agent_files": players.files} if players and players.files else {}),
        **(facts or {}),
        **({"remarks": remarks} if remarks else {}),
        "started_utc": started_utc,
        "simulated_s": simulation.now_ns / NS_PER_S,
        "status": "complete" if is_complete else "partial",
        # Where a run was interrupted is never the same twice: its log has no fingerprint worth a name.
        "digest": simulation.log.digest() if is_complete else None,
    }
    progress("measuring", 0.0)
    summary = _write(files, world, simulation, document, started, report=report and is_complete)
    return RunResult(files.target, document["digest"], is_complete, summary, tuple(remarks))


def _simulate(simulation: Simulation, players: Players | None, signals: Interrupts) -> list[str]:
    """Drive the simulation to its end, or to the first signal; return what is to be said of the players."""
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
        return [] if players is None else players.finish()
    finally:
        gc.enable()
        signals.stop = None
        if players is not None:
            players.close()


def _write(
    files: RunFolder, world: World, simulation: Simulation, facts: dict[str, Any], started: float, *, report: bool
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
    if report:
        from simmig.report import render

        files.write_text("report.html", render(tables, document, summary))
    return summary
