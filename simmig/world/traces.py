"""From the fleets of a scenario to one trace that starts at time 0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from simmig.mobility.frame import Frame
from simmig.mobility.merging import merge
from simmig.mobility.raw import RawTrace, TraceFormat, TraceOptions, assemble
from simmig.mobility.reading import read_trace, recognise
from simmig.mobility.trace import Trace
from simmig.plugins import available, load, plugin_class
from simmig.scenario import Scenario
from simmig.scenario.fleet import TraceSource


def open_trace(path: Path, name: str | None = None, crs: str | None = None) -> RawTrace:
    """Return the fixes of a trace file, in the named format or the one it is recognised to have.

    `crs` says what the file's metres are, where the file does not. Raises TraceError or PluginError.
    """
    if name is None:
        classes = {known: plugin_class("formats", known) for known in available("formats")}
        name = recognise(path, {known: of for known, of in classes.items() if issubclass(of, TraceFormat)})
    reader = load("formats", name)
    assert isinstance(reader, TraceFormat)
    return _located(read_trace(path, reader), crs)


def read_fleets(scenario: Scenario) -> list[RawTrace]:
    """Return each fleet's fixes as their file has them."""
    return [read_source(fleet.trace, scenario.base_dir) for fleet in scenario.fleet]


def read_source(source: TraceSource, base_dir: Path) -> RawTrace:
    """Return the fixes of the file that a scenario's `trace` names, as the file has them."""
    path = base_dir / source.path
    if source.reader is None:
        return open_trace(path, crs=source.crs)
    reader = load("formats", source.reader.kind, source.reader.settings, base_dir)
    assert isinstance(reader, TraceFormat)
    return _located(read_trace(path, reader), source.crs)


def _located(raw: RawTrace, crs: str | None) -> RawTrace:
    return replace(raw, crs=crs) if crs is not None and raw.kind == "metres" else raw


def join_fleets(scenario: Scenario, raws: list[RawTrace], frame: Frame) -> tuple[Trace, list[int]]:
    """Return one trace whose first fix is at 0, and each vehicle's fleet.

    Empties `raws` as it goes: a large trace must not be held twice.
    """
    traces: list[tuple[str, Trace]] = []
    fleet_of: list[int] = []
    for number, fleet in enumerate(scenario.fleet):
        trace = assemble(raws.pop(0), frame, options_of(fleet.trace, require_altitude=fleet.kind == "uav"))
        if fleet.trace.max_vehicles is not None:
            trace = first_vehicles(trace, fleet.trace.max_vehicles)
        traces.append((fleet.name, trace))
        fleet_of += [number] * trace.vehicle_count
    joined = merge(traces)
    first_us = int(joined.t_us.min())
    if first_us:
        joined = replace(joined, t_us=joined.t_us - first_us, epoch_us=joined.epoch_us + first_us)
    return joined, fleet_of


def options_of(source: TraceSource, *, require_altitude: bool) -> TraceOptions:
    """Return how the fixes of a scenario's `trace` become a Trace."""
    return TraceOptions(
        split_gap_s=source.split_gap_s,
        on_duplicate=source.on_duplicate,
        default_altitude_m=source.default_altitude_m,
        require_altitude=require_altitude,
        ground_altitude_m=source.ground_altitude_m,
        max_drop_share=source.max_drop_share,
        start_s=source.start_s,
    )


def first_vehicles(trace: Trace, count: int) -> Trace:
    """Return the trace of its first `count` vehicles."""
    trips = int(np.searchsorted(trace.trip_vehicle, count))
    rows = int(trace.trip_start[trips])
    return replace(
        trace,
        vehicle_id=trace.vehicle_id[:count],
        trip_vehicle=trace.trip_vehicle[:trips],
        trip_start=trace.trip_start[: trips + 1],
        t_us=trace.t_us[:rows],
        x_m=trace.x_m[:rows],
        y_m=trace.y_m[:rows],
        z_m=None if trace.z_m is None else trace.z_m[:rows],
    )
