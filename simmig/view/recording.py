"""A finished run with the movement behind it: the run folder, and the traces of its scenario read again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.metrics import column
from simmig.mobility.frame import choose_frame
from simmig.mobility.positions import distance_m
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.run.blame import blaming_plugins
from simmig.run.folder import read_json, read_tables
from simmig.run.replay import recorded_scenario
from simmig.world.sites import place_sites, read_sites
from simmig.world.traces import join_fleets, read_fleets

if TYPE_CHECKING:
    import pandas as pd

    from simmig.scenario import Scenario

_SAME_M = 1e-3  # what other processors may round differently is far below
_MOVED = "--scenario says where the scenario is now"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a run folder holds, and where its vehicles and RSUs were. Migrations are in order of their number."""

    folder: Path
    run: dict[str, Any]
    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    trace: Trace
    sites: Sites

    @property
    def end_s(self) -> float:
        """When the run ended."""
        return float(self.run["simulated_s"])

    @property
    def is_sent_by_vehicles(self) -> bool:
        """Whether twins are copied from the vehicle over the air, not from RSU to RSU."""
        return bool(self.run["scenario"]["radio"]["link"] == "vehicle_to_rsu")

    @property
    def is_in_space(self) -> bool:
        """Whether vehicles have heights."""
        return self.trace.z_m is not None


def open_recording(folder: Path, scenario_file: Path | None = None) -> Recording:
    """Return the recording of a run folder.

    `scenario_file` is where the scenario is now, if it has moved. Raises InputError if the folder is no run folder,
    or if a trace or layout that the run was made with is gone or no longer what it was.
    """
    tables, summary = read_tables(folder), read_json(folder, "summary.json")
    scenario = recorded_scenario(folder, scenario_file)
    with blaming_plugins():
        trace, fleet, sites = _movement(scenario)
    _check_vehicles(folder, scenario, trace, fleet, tables["vehicles"])
    _check_sites(folder, scenario, sites, tables["rsus"])
    tables["migrations"] = tables["migrations"].sort_values("migration", ignore_index=True)
    return Recording(folder, read_json(folder, "run.json"), summary, tables, trace, sites)


def _movement(scenario: Scenario) -> tuple[Trace, list[int], Sites]:
    raws, layout = read_fleets(scenario), read_sites(scenario)
    frame = choose_frame(raws, None if scenario.rsus.recentre else layout, scenario.crs)
    trace, fleet = join_fleets(scenario, raws, frame)
    rsus, _ = place_sites(scenario, layout, frame, trace)
    return trace, fleet, rsus.sites


def _check_vehicles(folder: Path, scenario: Scenario, trace: Trace, fleet: list[int], recorded: pd.DataFrame) -> None:
    """Raise InputError unless the vehicles come, go and travel as far as the run has it."""
    names = [str(name) for name in recorded["vehicle"]]
    if list(trace.vehicle_id) != names:
        files = ", ".join(str(scenario.base_dir / of.trace.path) for of in scenario.fleet)
        raise InputError(
            f"{files}: {trace.vehicle_count} vehicles, not the {len(names)} of the run in {folder}; "
            f"expected the trace as it was; {_MOVED}"
        )
    measured = {"first_s": trace.first_us() / 1e6, "last_s": trace.last_us() / 1e6, "distance_m": distance_m(trace)}
    for key, found in measured.items():
        was = column(recorded, key)
        differs = ~(np.abs(found - was) <= _SAME_M)
        if differs.any():
            v = int(differs.argmax())
            path = scenario.base_dir / scenario.fleet[fleet[v]].trace.path
            raise InputError(
                f"{path}: vehicle {names[v]!r} has {key} = {found[v]:.3f}, in the run in {folder} it was {was[v]:.3f}; "
                f"expected the trace as it was; {_MOVED}"
            )


def _check_sites(folder: Path, scenario: Scenario, sites: Sites, recorded: pd.DataFrame) -> None:
    """Raise InputError unless the RSUs stand where the run has them."""
    path = scenario.source if scenario.rsus.path is None else scenario.base_dir / scenario.rsus.path
    was: FloatArray = np.column_stack([column(recorded, key) for key in ("x_m", "y_m", "z_m", "radius_m")])
    names = [str(name) for name in recorded["rsu"]]
    found = np.column_stack([sites.xyz_m, sites.radius_m])
    if list(sites.rsu_id) != names:
        raise InputError(
            f"{path}: {sites.count} RSUs, not the {len(names)} of the run in {folder}; expected the layout as it was; "
            f"{_MOVED}"
        )
    differs = ~np.isclose(found, was, rtol=0.0, atol=_SAME_M, equal_nan=True).all(axis=1)
    if differs.any():
        name = names[int(differs.argmax())]
        raise InputError(
            f"{path}: RSU {name!r} stands or reaches elsewhere than in the run in {folder}; expected the layout as it "
            f"was; {_MOVED}"
        )
