"""Trigger: a neighbour is stronger than the vehicle's RSU by an offset for some time, event A3 of 3GPP TS 38.331.

With measurements Mn of a neighbour and Mp of the RSU that holds the twin (5.5.4.4, without cell-specific offsets), the
event is entered while Mn - Hys > Mp + Off, and reported when it has been entered for the whole time to trigger
(5.5.4.1). Where it is entered the leaving condition, Mn + Hys < Mp + Off, cannot hold and needs no test. Measurements
are the strengths that path loss leaves, without fading or filtering.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from simmig.contracts import ArmedTrigger, FloatArray, IntArray, Plugin
from simmig.geometry import falling_root, lowest
from simmig.mobility._rivals import TIE, strength_weight
from simmig.mobility._trips import Trips
from simmig.mobility.triggers import TriggerScene
from simmig.units import NS_PER_US, s_to_ns

_FIRST_WINDOW = 64  # mean segments; 16, 32 and 128 are slower with a fix a second and a minute to a zone
_GROWTH = 4
_MOST_CELLS = 1 << 18  # segments times RSUs in a window


class Trigger(Plugin):
    """A neighbour has been `offset_db` + `hysteresis_db` stronger than the host for `time_to_trigger_s`."""

    offset_db: float = 0.0
    hysteresis_db: float = Field(default=3.0, ge=0.0)
    time_to_trigger_s: float = Field(default=0.16, ge=0.0)

    @model_validator(mode="after")
    def _two_cannot_both_be_better(self) -> Self:
        if self.time_to_trigger_s == 0.0 and self.offset_db + self.hysteresis_db < 0.0:
            raise ValueError(
                "offset_db + hysteresis_db below 0 needs a time_to_trigger_s above 0: without it two "
                "RSUs, each better than the other, would hand over back and forth at one instant"
            )
        return self

    def arm(self, scene: TriggerScene) -> ArmedTrigger:
        """Return the trigger; crossings depend on the host, so they are computed when asked for."""
        return _Armed(self, scene)


class _Armed:
    """Strengths as weighted squared distances S_j: M_j is -5 n log10 S_j, so decibels become a factor of them."""

    def __init__(self, settings: Trigger, scene: TriggerScene) -> None:
        self._positions = scene.positions
        self._trips = Trips(scene.trace)
        self._place_m = scene.sites.xyz_m
        self._weight = strength_weight(scene.bonus_db, scene.exponent)
        need_db = settings.offset_db + settings.hysteresis_db
        self._factor = math.pow(10.0, need_db / (5.0 * scene.exponent))
        self._wait_ns = s_to_ns(settings.time_to_trigger_s)
        self._segment_ns = _mean_segment_ns(scene)
        self._most_segments = max(_MOST_CELLS // len(self._weight), _FIRST_WINDOW)

    def next(self, vehicle: int, host: int, after_ns: int, *, retry: bool) -> tuple[int, int] | None:
        """Return the next report and the neighbour it is about, with every wait beginning at `after_ns` or later.

        A retry does not wait: the event, entered now, has been reported before.
        """
        since: dict[int, int] = {}  # the neighbours for which the event is entered, and since when
        for is_new, t_ns, xyz_m in self._windows(vehicle, after_ns):
            window = _Window(t_ns, xyz_m, self._place_m, self._weight, host, self._factor)
            if is_new:
                since = dict.fromkeys(window.entered_at_begin(), int(t_ns[0]))
            if retry and since and int(t_ns[0]) == after_ns:
                return after_ns, self._strongest(vehicle, after_ns, list(since))
            for time_ns, neighbour, enters in window.events():
                if self._is_due(since, time_ns):
                    break
                if enters:
                    since[neighbour] = time_ns
                else:
                    since.pop(neighbour, None)
            if self._is_due(since, int(t_ns[-1])):
                first_ns = min(since.values())
                waited = [neighbour for neighbour, entered_ns in since.items() if entered_ns == first_ns]
                return first_ns + self._wait_ns, self._strongest(vehicle, first_ns + self._wait_ns, waited)
        return None

    def _is_due(self, since: dict[int, int], time_ns: int) -> bool:
        return bool(since) and min(since.values()) + self._wait_ns <= time_ns

    def _strongest(self, vehicle: int, time_ns: int, rsus: list[int]) -> int:
        x_m, y_m, z_m = self._positions.one(vehicle, time_ns)
        offset_m = self._place_m[rsus] - (x_m, y_m, z_m)
        square = (offset_m * offset_m).sum(axis=1) * self._weight[rsus]
        return min(zip(square.tolist(), rsus, strict=True))[1]

    def _windows(self, vehicle: int, now: int) -> Iterator[tuple[bool, IntArray, FloatArray]]:
        """Yield (whether a new stretch begins, t_ns[K], xyz_m[K, 3]), ever longer, to the end of the last trip."""
        segments, is_new = _FIRST_WINDOW, True
        while True:
            t_ns, xyz_m = self._positions.path(vehicle, now, now + segments * self._segment_ns)
            if len(t_ns):
                yield is_new, t_ns, xyz_m
            is_new = not len(t_ns) or int(t_ns[-1]) == self._trips.end_ns(vehicle, now)
            begin_ns = self._trips.next_begin_ns(vehicle, now) if is_new else int(t_ns[-1])
            if begin_ns is None:
                return
            now = begin_ns
            segments = min(segments * _GROWTH, self._most_segments)


class _Window:
    """A stretch of a path on which a neighbour's gap, factor S_n - S_p, is negative while the event is entered."""

    def __init__(
        self,
        t_ns: IntArray,
        xyz_m: FloatArray,
        place_m: FloatArray,
        weight: FloatArray,
        host: int,
        factor: float,
    ) -> None:
        square = np.zeros((len(t_ns), len(place_m)))
        length2 = np.zeros(len(t_ns) - 1)
        for axis_m, place in zip(xyz_m.T, place_m.T, strict=True):
            square += (axis_m[:, None] - place) ** 2
            length2 += np.diff(axis_m) ** 2
        square *= weight
        self._t_ns = t_ns
        self._gap = factor * square - square[:, [host]]
        self._bend = (factor * weight - weight[host]) * length2[:, None]
        # What is less than the tolerance is rounding: it must not enter the event, or two RSUs might swap for ever.
        self._tolerance = TIE * (factor * square + square[:, [host]])
        self._tolerance[:, host] = np.inf
        self._entered = self._gap < -self._tolerance

    def entered_at_begin(self) -> list[int]:
        """Return the neighbours for which the event is entered at the window's first instant."""
        return np.flatnonzero(self._entered[0]).tolist()

    def events(self) -> list[tuple[int, int, bool]]:
        """Return (time_ns, neighbour, whether the event is entered or left) in order of time."""
        start, end, tolerance = self._gap[:-1], self._gap[1:], self._tolerance[:-1]
        was, will = self._entered[:-1], self._entered[1:]
        dips = ~was & ~will & (lowest(start, end, self._bend) < -tolerance)
        humps = was & will & (lowest(-start, -end, -self._bend) < -tolerance)
        segment, neighbour = np.nonzero((was ^ will) | dips | humps)
        at = segment, neighbour
        falls = np.nan_to_num(falling_root(start[at], end[at], self._bend[at]), nan=0.0).clip(0.0, 1.0)
        rises = np.nan_to_num(falling_root(-start[at], -end[at], -self._bend[at]), nan=1.0).clip(0.0, 1.0)
        width_ns = np.diff(self._t_ns)[segment]
        # Rounded inwards, so that the event is truly entered at both instants.
        enters_ns = self._t_ns[segment] + np.ceil(falls * width_ns).astype(np.int64)
        leaves_ns = self._t_ns[segment] + np.floor(rises * width_ns).astype(np.int64)
        visits = dips[at] & (enters_ns < leaves_ns)
        enters, leaves = will[at] | visits, was[at] | visits
        time_ns = np.concatenate((leaves_ns[leaves], enters_ns[enters]))
        is_enter = np.repeat([False, True], (np.count_nonzero(leaves), np.count_nonzero(enters)))
        segment = np.concatenate((segment[leaves], segment[enters]))
        neighbour = np.concatenate((neighbour[leaves], neighbour[enters]))
        order = np.lexsort((segment, time_ns))
        columns = (column[order].tolist() for column in (time_ns, neighbour, is_enter))
        return list(zip(*columns, strict=True))


def _mean_segment_ns(scene: TriggerScene) -> int:
    trace = scene.trace
    start = trace.trip_start
    total_us = int((trace.t_us[start[1:] - 1] - trace.t_us[start[:-1]]).sum())
    return max(total_us * NS_PER_US // max(trace.fix_count - len(start) + 1, 1), 1)
