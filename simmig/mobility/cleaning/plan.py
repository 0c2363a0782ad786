"""All steps of cleaning in their order, as settings, and a record of what each one did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from simmig.mobility.cleaning import choosing, clock, sampling, speed
from simmig.mobility.cleaning.areas import in_box, in_polygons
from simmig.mobility.cleaning.thinning import thin
from simmig.mobility.formats._areas import read_polygons
from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace

Positive = Annotated[float, Field(gt=0.0)]


class Cleaning(BaseModel):
    """What is done to a trace, in the order of these settings; what is not set is not done."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    max_speed_m_s: Positive | None = None
    """Drop fixes that only a higher speed leads to and away from; end trips at other jumps."""
    longest_excursion: Annotated[int, Field(ge=1)] = 5
    """Most fixes in a row that the speed limit may drop."""
    vehicles: list[str] = Field(default_factory=list)
    """Keep vehicles whose id fits one of these patterns, with * and ?."""
    fewest_fixes: Annotated[int, Field(ge=1)] = 1
    """Keep vehicles with at least so many fixes."""
    shortest_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Keep vehicles that are there for at least so long."""
    most_vehicles: Annotated[int, Field(ge=1)] | None = None
    """Keep at most so many vehicles, drawn at random."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Chooses which vehicles are drawn."""
    from_s: float | None = None
    """Begin here, in seconds of the trace's clock."""
    to_s: float | None = None
    """End here."""
    box: list[float] | None = None
    """Keep what is inside, in degrees: west, south, east, north."""
    box_m: list[float] | None = None
    """Keep what is inside, in metres of the trace's frame: least x, least y, greatest x, greatest y."""
    polygon: str | None = None
    """GeoJSON file of polygons in degrees: keep what is inside of one."""
    resample_s: Positive | None = None
    """Positions at whole multiples of this interval instead of the fixes."""
    max_gap_s: Positive = 120.0
    """Longest gap between two fixes across which resampling draws a straight line."""
    thin_m: Positive | None = None
    """Drop fixes as long as nobody is ever further than this from where it was at that instant."""
    trips_as_vehicles: bool = False
    """Make a vehicle of every trip."""
    shift_s: float | None = None
    """Everything so much later."""
    stretch: Positive | None = None
    """Everything takes so many times as long."""
    loop: Annotated[int, Field(ge=1)] = 1
    """Play the trace so many times over."""
    pause_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Seconds between two passes."""

    @model_validator(mode="after")
    def _one_area(self) -> Cleaning:
        for name, box in (("box", self.box), ("box_m", self.box_m)):
            if box is not None and len(box) != 4:
                raise ValueError(f"{name} has {len(box)} numbers, expected 4 of them: west, south, east, north")
        if sum(area is not None for area in (self.box, self.box_m, self.polygon)) > 1:
            raise ValueError("box, box_m and polygon are three ways to say an area; expected one of them")
        return self


def clean(trace: Trace, frame: Frame, cleaning: Cleaning) -> tuple[Trace, list[dict[str, Any]]]:
    """Return the cleaned trace, and a record of each step done: its settings, fixes, trips and vehicles left.

    Raises InputError or TraceError where a step leaves nothing.
    """
    steps = []
    for name, settings, step in _steps(frame, cleaning):
        trace = step(trace)
        left = {"fixes": trace.fix_count, "trips": len(trace.trip_vehicle), "vehicles": trace.vehicle_count}
        steps.append({"step": name, **settings, "left": left})
    single = int((np.diff(trace.trip_start) == 1).sum())
    counts = {"kept": trace.fix_count, "trips": len(trace.trip_vehicle), "single_fix_trips": single}
    return replace(trace, notes={**trace.notes, **counts}), steps


def _steps(frame: Frame, c: Cleaning) -> list[tuple[str, dict[str, Any], Callable[[Trace], Trace]]]:
    """Return name, settings and function of every step that is to be done."""
    given = c.model_dump(exclude_defaults=True)

    def of(*names: str) -> dict[str, Any]:
        return {name: getattr(c, name) for name in names if name in given or name == names[0]}

    choice: dict[str, Any] = {"fewest_fixes": c.fewest_fixes, "shortest_s": c.shortest_s}
    choice |= {"most": c.most_vehicles, "seed": c.seed}
    begin_s, end_s = (-1e18 if c.from_s is None else c.from_s, 1e18 if c.to_s is None else c.to_s)
    found: list[tuple[bool, str, dict[str, Any], Callable[[Trace], Trace]]] = [
        (
            c.max_speed_m_s is not None,
            "speed",
            of("max_speed_m_s", "longest_excursion"),
            lambda t: speed.gate_speed(t, c.max_speed_m_s or 0.0, c.longest_excursion),
        ),
        (
            any(name in given for name in ("vehicles", "fewest_fixes", "shortest_s", "most_vehicles")),
            "vehicles",
            of("vehicles", "fewest_fixes", "shortest_s", "most_vehicles", "seed"),
            lambda t: choosing.choose_vehicles(t, c.vehicles, **choice),
        ),
        (
            c.from_s is not None or c.to_s is not None,
            "time",
            {"from_s": c.from_s, "to_s": c.to_s},
            lambda t: sampling.crop_time(t, begin_s, end_s),
        ),
        (c.box is not None, "box", of("box"), lambda t: choosing.crop_area(t, in_box(t, c.box or (), frame))),
        (c.box_m is not None, "box_m", of("box_m"), lambda t: choosing.crop_area(t, in_box(t, c.box_m or (), None))),
        (
            c.polygon is not None,
            "polygon",
            of("polygon"),
            lambda t: choosing.crop_area(t, in_polygons(t, read_polygons(Path(c.polygon or "")), frame)),
        ),
        (
            c.resample_s is not None,
            "resample",
            of("resample_s", "max_gap_s"),
            lambda t: sampling.resample(t, c.resample_s or 0.0, c.max_gap_s),
        ),
        (c.thin_m is not None, "thin", of("thin_m"), lambda t: thin(t, c.thin_m or 0.0)),
        (c.trips_as_vehicles, "trips_as_vehicles", {}, choosing.trips_as_vehicles),
        (c.stretch is not None, "stretch", of("stretch"), lambda t: clock.stretch(t, c.stretch or 0.0)),
        (c.loop > 1, "loop", of("loop", "pause_s"), lambda t: clock.loop(t, c.loop, c.pause_s)),
        (c.shift_s is not None, "shift", of("shift_s"), lambda t: clock.shift(t, c.shift_s or 0.0)),
    ]
    return [(name, settings, step) for is_asked, name, settings, step in found if is_asked]
