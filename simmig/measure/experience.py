"""What users of the twins experienced: interruptions, and immersion as a function of the log and the trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.log import EventLog
from simmig.measure.service import Segments, covered_s, interruptions_s, served
from simmig.mobility.grouped import spread
from simmig.qoe.immersion import immersion
from simmig.records import NEVER
from simmig.units import NS_PER_S
from simmig.world import World

_PIECE_NS = 20 * NS_PER_S  # a service segment is averaged over pieces of at most this, by the midpoint rule


@dataclass(frozen=True, slots=True)
class Experience:
    """Per migration [M], NaN where it does not apply: `interruption_s`, `immersion_before` the copy, `immersion_loss`.

    Per vehicle [V]: `covered_s` inside some zone, `immersion_mean` over its time in the trace, 0 while not served.
    """

    interruption_s: FloatArray
    immersion_before: FloatArray
    immersion_loss: FloatArray
    covered_s: FloatArray
    immersion_mean: FloatArray


def measure_experience(world: World, log: EventLog, end_ns: int) -> Experience:
    """Return what the run was like for its users, up to `end_ns`."""
    segments = served(log, world.coverage, end_ns)
    rows = log.migration.rows()
    interruption_s = interruptions_s(log, segments)
    before = np.full(len(rows), np.nan)
    started = np.flatnonzero(rows["transfer_start_ns"] != NEVER)
    before[started] = _immersion_at(
        world,
        rows["vehicle"][started].astype(np.int64),
        rows["source"][started].astype(np.int64),
        rows["transfer_start_ns"][started],
    )
    return Experience(
        interruption_s=interruption_s,
        immersion_before=before,
        immersion_loss=before * interruption_s,  # the integral of (I before - I(t)), I(t) = 0 while interrupted
        covered_s=covered_s(world.coverage, world.trace.vehicle_count, end_ns),
        immersion_mean=_mean_immersion(world, segments, end_ns),
    )


def unmeasured(world: World, log: EventLog) -> Experience:
    """Return the experience of a run that is not measured: NaN everywhere."""
    requests, vehicles = len(log.migration.rows()), world.trace.vehicle_count
    return Experience(*(np.full(requests, np.nan) for _ in range(3)), *(np.full(vehicles, np.nan) for _ in range(2)))


def _immersion_at(world: World, vehicle: IntArray, rsu: IntArray, time_ns: IntArray) -> FloatArray:
    """Return the immersion of vehicles served by RSUs at instants, all of shape [K]; 001 (6), (7)."""
    if len(vehicle) == 0:
        return np.empty(0)
    offset_m = world.positions.at(vehicle, time_ns) - world.rsus.sites.xyz_m[rsu]
    distance_m = np.sqrt((offset_m * offset_m).sum(axis=1))
    rate_bit_s = np.empty(len(vehicle))
    kinds = {id(link): link for link in world.links}  # RSUs that do not differ share one link
    sender = np.array([list(kinds).index(id(link)) for link in world.links])[rsu]
    for number, link in enumerate(kinds.values()):
        mine = sender == number
        rate_bit_s[mine] = link.rate_bit_s(distance_m[mine], world.service_bandwidth_hz)
    return immersion(
        rate_bit_s,
        world.ssim.ssim(rate_bit_s),
        world.vehicles.ssim_threshold[vehicle],
        world.vehicles.mu[vehicle],
        world.reference_rate_bit_s,
    )


def _mean_immersion(world: World, segments: Segments, end_ns: int) -> FloatArray:
    trace = world.trace
    length_ns = segments.end_ns - segments.start_ns
    owner, piece = spread(np.zeros(len(length_ns), dtype=np.int64), -(-length_ns // _PIECE_NS))
    step_ns = length_ns[owner] / -(-length_ns[owner] // _PIECE_NS)
    middle_ns = segments.start_ns[owner] + ((piece + 0.5) * step_ns).astype(np.int64)
    value = _immersion_at(world, segments.vehicle[owner], segments.rsu[owner], middle_ns)
    weight_s = step_ns / NS_PER_S
    total = np.bincount(segments.vehicle[owner], weights=value * weight_s, minlength=trace.vehicle_count)
    begin_us, finish_us = trace.t_us[trace.trip_start[:-1]], trace.t_us[trace.trip_start[1:] - 1]
    present_us = np.clip(np.minimum(finish_us, end_ns // 1000) - begin_us, 0, None)
    present_s = np.bincount(trace.trip_vehicle, weights=present_us / 1e6, minlength=trace.vehicle_count)
    mean = np.full(trace.vehicle_count, np.nan)
    np.divide(total, present_s, out=mean, where=present_s > 0.0)
    return mean
