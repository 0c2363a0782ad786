"""When a copy ends and what it has sent so far, over the link that the scenario names."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.engine.migration import Migration
from simmig.radio.fading import NoFading
from simmig.radio.noise import FixedNoise
from simmig.records import Outcome
from simmig.rng import stream
from simmig.twins.transfer import TransferResult, block_fading_transfer, moving_transfer
from simmig.units import NS_PER_S
from simmig.world import World


class Transfers(Protocol):
    """The copies of a run."""

    def plan(self, migration: Migration, now: int) -> tuple[int, Outcome | None]:
        """Return (time_ns, None) if the copy ends then, or (time_ns, outcome) if it fails then."""

    def sent_bit(self, migration: Migration, now: int) -> float:
        """Return the bits sent since `copy_from_ns`."""

    def rate_bit_s(self, migration: Migration) -> float:
        """Return the (mean) rate at this instant."""


def make_transfers(world: World) -> Transfers:
    """Return the copies over the scenario's kind of link."""
    fading = world.link.fading
    is_block = not isinstance(fading, NoFading) and fading.mode == "block"
    if world.link_kind == "vehicle_to_rsu":
        return AccessTransfers(world, is_block)
    return BlockBackhaulTransfers(world) if is_block else BackhaulTransfers(world)


class BackhaulTransfers:
    """From RSU to RSU: the distance does not change, so neither does the (mean) rate."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._is_linear = isinstance(world.link.noise, FixedNoise)  # then one efficiency serves every bandwidth
        self._known: dict[tuple[int, int, float], float] = {}
        self._keeps = self._is_linear or world.market is None  # a market buys a new bandwidth every time

    def rate_bit_s(self, migration: Migration) -> float:
        """Return the rate between the two RSUs with the bandwidth that was bought."""
        bandwidth_hz = migration.bandwidth_hz
        key = (migration.source, migration.target, 0.0 if self._is_linear else bandwidth_hz)
        efficiency = self._known.get(key)
        if efficiency is None:
            link = self._world.link_from(migration.source)
            distance_m = self._world.rsu_distance_m(migration.source, migration.target)
            efficiency = link.efficiency_at_bit_s_hz(distance_m, bandwidth_hz)
            if self._keeps:
                self._known[key] = efficiency
        return bandwidth_hz * efficiency

    def plan(self, migration: Migration, now: int) -> tuple[int, Outcome | None]:
        """Return when the copy ends, or when the vehicle is gone first."""
        leaves_ns, rate_bit_s = migration.leaves_ns, migration.rate_bit_s
        if rate_bit_s > 0.0:
            left_s = (migration.data_bit - migration.copied_bit) / rate_bit_s
            # Compared as floats: a rate near 0 gives more seconds than an integer clock can hold.
            if now + left_s * NS_PER_S <= leaves_ns:
                return now + round(left_s * NS_PER_S), None
        return leaves_ns, Outcome.OUT_OF_COVERAGE

    def sent_bit(self, migration: Migration, now: int) -> float:
        """Return rate times time."""
        return migration.rate_bit_s * ((now - migration.copy_from_ns) / NS_PER_S)


class BlockBackhaulTransfers(BackhaulTransfers):
    """From RSU to RSU with an independent fade in every coherence time."""

    def plan(self, migration: Migration, now: int) -> tuple[int, Outcome | None]:
        """Return when the copy ends, or when the vehicle is gone first."""
        leaves_ns = migration.leaves_ns
        result = self._send(migration, now, leaves_ns)
        if result.end_s is None:
            return leaves_ns, Outcome.OUT_OF_COVERAGE
        return now + round(result.end_s * NS_PER_S), None

    def sent_bit(self, migration: Migration, now: int) -> float:
        """Return what the same fades had sent by now."""
        return self._send(migration, migration.copy_from_ns, now).sent_bit

    def _send(self, migration: Migration, from_ns: int, until_ns: int) -> TransferResult:
        world = self._world
        link = world.link_from(migration.source)
        distance_m = world.rsu_distance_m(migration.source, migration.target)

        def rate(_time_s: FloatArray, fade: FloatArray) -> FloatArray:
            return link.faded_rate_bit_s(np.full(fade.shape, distance_m), fade, migration.bandwidth_hz)

        return block_fading_transfer(
            migration.data_bit - migration.copied_bit,
            rate,
            _coherence_s(world),
            (until_ns - from_ns) / NS_PER_S,
            _fades(world, migration, from_ns),
        )


class AccessTransfers:
    """From the vehicle to the target RSU: the rate changes as the vehicle moves, and ends with the target's zone."""

    def __init__(self, world: World, is_block: bool) -> None:
        self._world = world
        self._is_block = is_block

    def rate_bit_s(self, migration: Migration) -> float:
        """Return the mean rate where the vehicle was when the request was decided."""
        at_ns = np.array([migration.decided_ns])
        xyz_m = self._world.positions.at(np.array([migration.vehicle]), at_ns)[0]
        distance_m = math.dist(xyz_m.tolist(), self._site(migration).tolist())
        return self._world.link.rate_at_bit_s(distance_m, migration.bandwidth_hz)

    def plan(self, migration: Migration, now: int) -> tuple[int, Outcome | None]:
        """Return when the copy ends, or when the vehicle leaves the target's zone or the trace first."""
        gone_ns = migration.leaves_ns
        lost_ns = self._world.covered_until_ns(migration.vehicle, migration.target, now)
        until_ns = min(gone_ns, lost_ns)
        result = self._send(migration, now, until_ns)
        if result.end_s is not None:
            return min(now + round(result.end_s * NS_PER_S), until_ns), None
        return until_ns, Outcome.OUT_OF_COVERAGE if gone_ns <= lost_ns else Outcome.LINK_LOST

    def sent_bit(self, migration: Migration, now: int) -> float:
        """Return the integral of the rate since the copy started."""
        return self._send(migration, migration.copy_from_ns, now).sent_bit

    def _site(self, migration: Migration) -> FloatArray:
        xyz_m: FloatArray = self._world.rsus.sites.xyz_m[migration.target]
        return xyz_m

    def _send(self, migration: Migration, from_ns: int, until_ns: int) -> TransferResult:
        if until_ns <= from_ns:
            return TransferResult(None, 0.0)
        link, bandwidth_hz = self._world.link, migration.bandwidth_hz
        left_bit = migration.data_bit - migration.copied_bit
        t_ns, xyz_m = self._world.positions.path(migration.vehicle, from_ns, until_ns)
        offset_m = xyz_m - self._site(migration)
        if not self._is_block:
            return moving_transfer(left_bit, lambda d: link.rate_bit_s(d, bandwidth_hz), t_ns, offset_m)

        def rate(time_s: FloatArray, fade: FloatArray) -> FloatArray:
            return link.faded_rate_bit_s(_distances_m(time_s, t_ns, offset_m), fade, bandwidth_hz)

        available_s = (until_ns - from_ns) / NS_PER_S
        fades = _fades(self._world, migration, from_ns)
        return block_fading_transfer(left_bit, rate, _coherence_s(self._world), available_s, fades)


def _distances_m(time_s: FloatArray, t_ns: IntArray, offset_m: FloatArray) -> FloatArray:
    known_s = (t_ns - t_ns[0]) / NS_PER_S
    x, y, z = (np.interp(time_s, known_s, offset_m[:, axis]) for axis in range(3))
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def _coherence_s(world: World) -> float:
    fading = world.link.fading
    assert not isinstance(fading, NoFading)
    assert fading.coherence_s is not None
    return fading.coherence_s


def _fades(world: World, migration: Migration, from_ns: int) -> np.random.Generator:
    """Return the generator of this copy's fades; a copy resumed after a pause or redirected draws anew."""
    vehicle = world.trace.vehicle_id[migration.vehicle]
    target = world.rsus.sites.rsu_id[migration.target]
    piece = from_ns - migration.decided_ns
    return stream(world.seed, "fading", vehicle, target, migration.attempt, piece)
