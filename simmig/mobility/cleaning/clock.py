"""Another clock for a trace: shifted, slower or quicker, over and over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simmig.errors import InputError, TraceError
from simmig.mobility.trace import Trace


def shift(trace: Trace, by_s: float) -> Trace:
    """Return the trace so many seconds later; earlier if negative. Calendar times move with their dates."""
    return replace(trace, t_us=trace.t_us + round(by_s * 1e6))


def stretch(trace: Trace, factor: float) -> Trace:
    """Return the trace in which everything takes `factor` times as long, counted from the first fix of all.

    At factor 2 vehicles drive half as fast. Raises InputError unless factor > 0, TraceError if two fixes of a
    vehicle would fall into one microsecond.
    """
    if not 0.0 < factor < 1e6:
        raise InputError(f"time factor {factor:g}; expected a number above 0 and below a million")
    first_us = int(trace.t_us.min())
    t_us = first_us + np.rint((trace.t_us - first_us) * factor).astype(np.int64)
    vehicle = np.repeat(trace.trip_vehicle, np.diff(trace.trip_start))
    if ((np.diff(t_us) <= 0) & (np.diff(vehicle) == 0)).any():
        raise TraceError(f"at time factor {factor:g} two fixes fall into one microsecond; expected a larger one")
    return replace(trace, t_us=t_us)


def loop(trace: Trace, times: int, pause_s: float = 0.0) -> Trace:
    """Return the trace played `times` times over, each pass so many seconds after the last fix of the one before.

    A pass begins at least a microsecond later; passes are trips of their own, between which a vehicle is absent.
    """
    if times < 1 or pause_s < 0.0:
        raise InputError(f"{times} times, with a pause of {pause_s:g} s; expected 1 or more, and 0 or more")
    period_us = trace.end_us - int(trace.t_us.min()) + max(round(pause_s * 1e6), 1)
    trips, counts = len(trace.trip_vehicle), np.diff(trace.trip_start)
    vehicle = np.tile(trace.trip_vehicle, times)
    order = np.lexsort((np.arange(trips * times), vehicle))  # by vehicle, then by pass and trip
    number, turn = order % trips, order // trips
    rows = np.concatenate([np.arange(trace.trip_start[k], trace.trip_start[k + 1]) for k in number.tolist()])
    return replace(
        trace,
        trip_vehicle=vehicle[order],
        trip_start=np.append(0, np.cumsum(counts[number])),
        t_us=trace.t_us[rows] + np.repeat(turn * period_us, counts[number]),
        x_m=trace.x_m[rows],
        y_m=trace.y_m[rows],
        z_m=None if trace.z_m is None else trace.z_m[rows],
    )
