"""What a page knows of a run: a few facts as JSON, and columns of numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simmig.metrics import column
from simmig.mobility.sites import Sites
from simmig.records import Outcome
from simmig.view.marks import codes, make_marks
from simmig.view.packing import nanoseconds, pack
from simmig.view.recording import Recording
from simmig.view.tracks import STEP_M, STEP_US, Tracks

if TYPE_CHECKING:
    import pandas as pd

_MOMENTS = ("decided_s", "transfer_start_s", "transfer_end_s", "queued_s", "service_start_s", "ended_s")
_EXACT = ("bandwidth_hz", "payment")  # of which the page makes sums
_SHOWN = ("data_bit", "price", "deadline_s", "interruption_s")  # seven digits do


def make_document(recording: Recording, tracks: Tracks) -> dict[str, Any]:
    """Return the JSON-able document of a run, its columns packed (see `pack`). NaN and infinity occur only in these."""
    tables, run = recording.tables, recording.run
    layout, text = pack(_columns(tables, tracks))
    vehicles = tables["vehicles"]
    fleets = sorted({(str(fleet), str(kind)) for fleet, kind in zip(vehicles["fleet"], vehicles["kind"], strict=True)})
    return {
        "name": str(run["scenario"]["name"]),
        "description": str(run["scenario"].get("description") or ""),
        "folder": recording.folder.resolve().name,
        "seed": run["seed"],
        "agents": run["agents"],
        "digest": run["digest"],
        "isPartial": run["status"] != "complete",
        "isInSpace": recording.is_in_space,
        "isSentByVehicles": recording.is_sent_by_vehicles,
        "endS": recording.end_s,
        "outcomes": [outcome.label for outcome in Outcome],
        "fleets": [{"name": name, "kind": kind} for name, kind in fleets],
        "vehicles": [str(name) for name in vehicles["vehicle"]],
        "rsus": _rsus(recording.sites),
        "tracks": {
            "stepM": STEP_M,
            "stepS": STEP_US / 1e6,
            "originM": tracks.origin_m.tolist(),
            "errorM": tracks.error_m,
            "oneIn": tracks.one_in,
        },
        "summary": recording.summary,
        "layout": layout,
        "columns": text,
    }


def _columns(tables: dict[str, pd.DataFrame], tracks: Tracks) -> dict[str, NDArray[Any]]:
    migrations, rounds, vehicles = tables["migrations"], tables["rounds"], tables["vehicles"]
    marks, rsu = make_marks(tables), tables["rsus"]["rsu"]
    fleets = {name: code for code, name in enumerate(sorted(set(vehicles["fleet"].astype(str))))}
    outcome = {label: code for code, label in enumerate(outcome.label for outcome in Outcome)}
    return {
        "trackStart": tracks.start,
        "trackT": tracks.t,
        "trackX": tracks.xyz[0],
        "trackY": tracks.xyz[1],
        "trackZ": tracks.xyz[2],
        "trackIsLast": tracks.is_last.astype(np.uint8),
        "fleet": vehicles["fleet"].astype(str).map(fleets).to_numpy(dtype=np.int32),
        "firstHost": marks.first_host,
        "placedS": marks.placed_s,
        "faultRsu": marks.fault_rsu,
        "faultS": marks.fault_s,
        "markKind": marks.kind,
        "markSubject": marks.subject,
        "migrationVehicle": codes(migrations["vehicle"], vehicles["vehicle"]).astype(np.int32),
        "migrationSource": codes(migrations["source"], rsu).astype(np.int32),
        "migrationTarget": codes(migrations["target"], rsu).astype(np.int32),
        "migrationOutcome": migrations["outcome"].astype(str).map(outcome).to_numpy(dtype=np.uint8),
        **_moments(migrations),
        **{_camel(name): column(migrations, name) for name in _EXACT},
        **{_camel(name): column(migrations, name).astype(np.float32) for name in _SHOWN},
        "roundRsu": codes(rounds["rsu"], rsu).astype(np.int32),
        "roundTimeS": column(rounds, "time_s"),
        "roundPrice": column(rounds, "price").astype(np.float32),
        "roundDemandHz": column(rounds, "demand_hz").astype(np.float32),
    }


def _moments(migrations: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Return the moments of migrations in nanoseconds: since the request before, and since the moment before.

    Most are small or the same, so they deflate to half; the page makes seconds of them, the same as in the tables.
    -1: not reached.
    """
    previous = nanoseconds(column(migrations, "requested_s"))
    found = {"requestedNs": np.diff(previous, prepend=np.int64(0))}
    for name in _MOMENTS:
        moment = nanoseconds(column(migrations, name))
        found[_camel(name)[:-1] + "Ns"] = np.where(moment < 0, -1, moment - previous)
        previous = np.where(moment < 0, previous, moment)
    return found


def _camel(name: str) -> str:
    """Return a column's name as the page's script writes it: total_delay_s becomes totalDelayS."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _rsus(sites: Sites) -> list[dict[str, Any]]:
    def finite(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    return [
        {
            "name": name,
            "xyzM": sites.xyz_m[j].tolist(),
            "shape": sites.shape[j],
            "radiusM": finite(sites.radius_m[j]),
            "lowM": finite(sites.z_range_m[j, 0]),
            "highM": finite(sites.z_range_m[j, 1]),
            "ringsM": None if (rings := sites.rings[j]) is None else [ring.round(2).tolist() for ring in rings],
        }
        for j, name in enumerate(sites.rsu_id)
    ]
