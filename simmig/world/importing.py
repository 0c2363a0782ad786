"""A trace file read, cleaned and ready to be written: what `simmig trace import` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

import simmig
from simmig.contracts import FloatArray
from simmig.errors import InputError, ScenarioError, TraceError
from simmig.mobility.cleaning.plan import Cleaning, clean
from simmig.mobility.frame import Frame, choose_frame
from simmig.mobility.layout import place, read_layout
from simmig.mobility.overlap import overlap
from simmig.mobility.raw import assemble
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.mobility.writers import ENDINGS, FORMATS, write_trace
from simmig.plugins.wording import did_you_mean, explain
from simmig.scenario.fleet import TraceSource
from simmig.scenario.overrides import apply_overrides
from simmig.world.traces import options_of, read_source

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A trace, the frame of its metres, what the reader remarked, and where all of it comes from."""

    trace: Trace
    frame: Frame
    remarks: tuple[str, ...]
    provenance: dict[str, Any]


def import_trace(
    path: Path,
    settings: Sequence[str] = (),
    cleaning: Sequence[str] = (),
    *,
    epoch: str | None = None,
    frame_crs: str | None = None,
    is_uav: bool = False,
) -> Imported:
    """Return a trace file's content, cleaned.

    `settings` are those of a scenario's `trace` table ("crs=EPSG:32632", "columns.lon=long"), `cleaning` those of
    `Cleaning` ("max_speed_m_s=60"). `epoch` dates time 0 of a file without dates; `frame_crs` is the metric frame
    wanted; with `is_uav` every fix must have a height. Raises ScenarioError for settings, TraceError for the file.
    """
    if not path.is_file():
        raise TraceError(
            f"{path}: no such file{did_you_mean(path.name, (other.name for other in path.parent.glob('*')))}"
        )
    source = checked_settings(TraceSource, {"path": path.name}, settings, "--set", path.parent)
    plan = checked_settings(Cleaning, {}, cleaning, "--clean", path.parent)
    raw = read_source(source, path.parent)
    frame = choose_frame([raw], crs=frame_crs)
    trace = assemble(raw, frame, options_of(source, require_altitude=is_uav))
    if epoch is not None:
        trace = _dated(trace, epoch)
    trace, steps = clean(trace, frame, plan)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    provenance = {
        "source": path.name,
        "bytes": path.stat().st_size,
        "sha256": digest,
        "settings": source.model_dump(mode="json", exclude_defaults=True, exclude={"path"}),
        "steps": steps,
        "remarks": list(raw.remarks),
        "simmig_version": simmig.__version__,
    }
    return Imported(trace, frame, raw.remarks, provenance)


def save(found: Imported, out: Path, name: str | None = None) -> list[str]:
    """Write what was imported, in the named format or the one of the file's ending; return what is lost, in lines.

    Raises InputError for an ending that says no format, TraceError for what the format cannot say, both before
    anything is written; an existing file is replaced only by a whole one.
    """
    name = name or ENDINGS.get(out.suffix)
    if name not in FORMATS:
        expected = f"an ending of {', '.join(ENDINGS)}, or --to {', '.join(FORMATS)}"
        raise InputError(f"{out}: says no format that is known; expected {expected}")
    if not out.parent.is_dir():
        raise InputError(f"{out}: there is no folder {out.parent}")
    return write_trace(found.trace, out, name, found.frame, found.provenance)


def place_layout(found: Imported, rsus: Path, radius_m: float | None) -> Sites:
    """Return the RSUs of a file in the trace's frame; raises TraceError if they are elsewhere."""
    trace = found.trace
    box = (float(trace.x_m.min()), float(trace.y_m.min()), float(trace.x_m.max()), float(trace.y_m.max()))
    return place(read_layout(rsus), found.frame, trace_box=box, default_radius_m=radius_m)


def overlap_with(found: Imported, rsus: Path, radius_m: float | None) -> dict[str, Any]:
    """Return how a trace and the RSUs of a file fit together, see `simmig.mobility.overlap`."""
    return overlap(found.trace, place_layout(found, rsus, radius_m))


def placement(places_m: FloatArray, radius_m: float, frame: Frame) -> str:
    """Return RSUs at places [K, 2] of a frame as CSV: in degrees where the frame is on the map, else in metres."""
    names = [f"rsu{k + 1:0{len(str(len(places_m)))}d}" for k in range(len(places_m))]
    if frame.crs is None:
        head, a, b, digits = "id,x_m,y_m,radius_m", places_m[:, 0], places_m[:, 1], 3
    else:
        (a, b), head, digits = frame.inverse(places_m[:, 0], places_m[:, 1]), "id,lon,lat,radius_m", 9
    rows = zip(names, a.tolist(), b.tolist(), strict=True)
    return "\n".join([head, *(f"{name},{x:.{digits}f},{y:.{digits}f},{radius_m:.3f}" for name, x, y in rows), ""])


def _dated(trace: Trace, epoch: str) -> Trace:
    """Return the trace with a date for its time 0; TraceError if it has one, or for what is no date."""
    try:
        moment = datetime.fromisoformat(epoch)
    except ValueError:
        raise InputError(f"--epoch {epoch[:40]!r}: expected a date and time such as 2024-06-01T07:00:00Z") from None
    if moment.tzinfo is None:
        raise InputError(f"--epoch {epoch[:40]!r}: has no time zone; expected one such as 2024-06-01T07:00:00Z")
    if trace.epoch_us:
        raise TraceError("the file has dates of its own; leave --epoch out, or shift it: --clean shift_s=3600.0")
    return replace(trace, epoch_us=round(moment.astimezone(UTC).timestamp() * 1e6))


def checked_settings(
    model: type[M], raw: dict[str, Any], given: Sequence[str], option: str, base_dir: Path = Path()
) -> M:
    """Return settings as their model; raises ScenarioError with a line for each that is wrong."""
    try:
        changed = apply_overrides(raw, given)
    except ScenarioError as error:
        raise ScenarioError(str(error).replace("--set", option, 1)) from None
    try:
        return model.model_validate(raw, context={"base_dir": base_dir, "source": None})
    except ValidationError as error:
        details = error.errors(include_url=False)
    lines = []
    for detail in details:
        keys = [str(key) for key in detail["loc"]]
        text = next((text for path, text in changed.items() if [str(key) for key in path][:1] == keys[:1]), "")
        lines.append(": ".join(part for part in (f"{option} {text}".strip(), ".".join(keys), explain(detail)) if part))
    raise ScenarioError("\n".join(lines))
