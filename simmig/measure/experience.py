"""What users of the twins experienced: interruptions, and immersion as a function of the log and the trace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.log import EventLog
from simmig.measure.blocks import Block, blocks
from simmig.measure.service import Segments, covered_s, interruptions_s, outages, served
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
    found, cuts, scene = unmeasured(world, log), outages(log, end_ns), _Scene(world)
    present_s = _present_s(world, end_ns)
    for block in blocks(log, world.coverage, end_ns):
        segments = served(block, cuts, end_ns)
        interruption_s, before = interruptions_s(block, segments), _immersion_before(scene, block)
        found.interruption_s[block.row] = interruption_s
        found.immersion_before[block.row] = before
        found.immersion_loss[block.row] = before * interruption_s  # the integral of I before - I(t); I(t) = 0 meanwhile
        here = slice(block.vehicles.start, block.vehicles.stop)
        found.covered_s[here] = covered_s(block, end_ns)
        total = _immersion_seconds(scene, segments, block.vehicles)
        np.divide(total, present_s[here], out=found.immersion_mean[here], where=present_s[here] > 0.0)
    return found


def unmeasured(world: World, log: EventLog) -> Experience:
    """Return the experience of a run that is not measured: NaN everywhere."""
    requests, vehicles = len(log.migration.rows()), world.trace.vehicle_count
    return Experience(*(np.full(requests, np.nan) for _ in range(3)), *(np.full(vehicles, np.nan) for _ in range(2)))


class _Scene:
    """Where immersion comes from: the world, with the links that differ and which of them each RSU has."""

    def __init__(self, world: World) -> None:
        distinct = {id(link): link for link in world.links}  # RSUs that do not differ share one link
        number = {key: k for k, key in enumerate(distinct)}
        self._world = world
        self._links = list(distinct.values())
        self._link_of_rsu = np.array([number[id(link)] for link in world.links], dtype=np.int64)

    def immersion_at(self, vehicle: IntArray, rsu: IntArray, time_ns: IntArray) -> FloatArray:
        """Return the immersion of vehicles served by RSUs at instants, all of shape [K]; 001 (6), (7)."""
        world = self._world
        offset_m = world.positions.at(vehicle, time_ns) - world.rsus.sites.xyz_m[rsu]
        distance_m = np.sqrt((offset_m * offset_m).sum(axis=1))
        rate_bit_s = np.empty(len(vehicle))
        number = self._link_of_rsu[rsu]
        for present in np.flatnonzero(np.bincount(number)):
            mine = number == present
            link = self._links[present]
            rate_bit_s[mine] = link.rate_bit_s(distance_m[mine], world.service_bandwidth_hz)
        return immersion(
            rate_bit_s,
            world.ssim.ssim(rate_bit_s),
            world.vehicles.ssim_threshold[vehicle],
            world.vehicles.mu[vehicle],
            world.reference_rate_bit_s,
        )


def _immersion_before(scene: _Scene, block: Block) -> FloatArray:
    """Return the immersion at the source as each copy of the block started, NaN where none did, shape [M]."""
    rows = block.migrations
    before = np.full(len(block.row), np.nan)
    started = np.flatnonzero(rows["transfer_start_ns"] != NEVER)
    before[started] = scene.immersion_at(
        rows["vehicle"][started].astype(np.int64),
        rows["source"][started].astype(np.int64),
        rows["transfer_start_ns"][started],
    )
    return before


def _immersion_seconds(scene: _Scene, segments: Segments, vehicles: range) -> FloatArray:
    """Return the integral of each vehicle's immersion over the time it is served, shape [V]."""
    length_ns = segments.end_ns - segments.start_ns
    owner, piece = spread(np.zeros(len(length_ns), dtype=np.int64), -(-length_ns // _PIECE_NS))
    step_ns = length_ns[owner] / -(-length_ns[owner] // _PIECE_NS)
    middle_ns = segments.start_ns[owner] + ((piece + 0.5) * step_ns).astype(np.int64)
    value = scene.immersion_at(segments.vehicle[owner], segments.rsu[owner], middle_ns)
    vehicle = segments.vehicle[owner] - vehicles.start
    return np.bincount(vehicle, weights=value * (step_ns / NS_PER_S), minlength=len(vehicles)).astype(np.float64)


def _present_s(world: World, end_ns: int) -> FloatArray:
    """Return how long each vehicle is in the trace until `end_ns`, shape [V]."""
    trace = world.trace
    begin_us, finish_us = trace.t_us[trace.trip_start[:-1]], trace.t_us[trace.trip_start[1:] - 1]
    present_us = np.clip(np.minimum(finish_us, end_ns // 1000) - begin_us, 0, None)
    return np.bincount(trace.trip_vehicle, weights=present_us / 1e6, minlength=trace.vehicle_count).astype(np.float64)
