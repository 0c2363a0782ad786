"""The wait of a twin at its target: behind background work, behind other twins, or none."""

from __future__ import annotations

from collections.abc import Callable

from simmig.engine.migration import Migration
from simmig.rng import DrawsOfMany, stream
from simmig.twins.queueing import (
    BackgroundMM1,
    BackgroundSettings,
    StationaryWait,
    TaskQueue,
    mean_wait_s,
)
from simmig.units import NS_PER_S
from simmig.world import World


class Queues:
    """One queue for each RSU, of the scenario's kind.

    mean_wait_s[J]: the expected wait that the papers' formula uses; 0 without background work.
    wait_ns(migration, now, service_ns): how long the twin waits, if it joins its target's queue now and needs
    `service_ns` of it.
    """

    def __init__(self, world: World) -> None:
        settings, rsus = world.queue, world.rsus
        self._world = world
        self._rates = list(zip(rsus.arrival_per_s, rsus.service_per_s, strict=True))
        self.mean_wait_s = [0.0] * rsus.sites.count
        self._tasks: list[TaskQueue] = []
        self._memory: list[BackgroundMM1] = []
        # Whether a wait depends on nothing but the migration, so that it is known before the twin arrives.
        self.is_foreseeable = settings.kind == "none" or (
            isinstance(settings, BackgroundSettings) and not settings.memory
        )
        self.wait_ns: Callable[[Migration, int, int], int] = self._no_wait_ns
        if isinstance(settings, BackgroundSettings):
            self._waits = [StationaryWait(*rates) for rates in self._rates]
            self.mean_wait_s = [mean_wait_s(*rates) for rates in self._rates]
            if settings.memory:
                self._memory = [BackgroundMM1(*rates) for rates in self._rates]
                self.wait_ns = self._remembered_ns
            else:
                self._luck = DrawsOfMany(world.seed, "queue", world.trace.vehicle_id)
                self.wait_ns = self._stationary_ns
        elif settings.kind == "task":
            self._tasks = [TaskQueue() for _ in self._rates]
            self.wait_ns = self._behind_twins_ns

    def _stationary_ns(self, migration: Migration, _now: int, _service_ns: int) -> int:
        # A migration's luck is its own: named by vehicle and attempt, not by who else is at the RSU.
        luck = self._luck.uniform_of(migration.vehicle, migration.attempt)
        return round(self._waits[migration.target].exceeded_s(luck) * NS_PER_S)

    def _remembered_ns(self, migration: Migration, now: int, _service_ns: int) -> int:
        # The papers re-instantiate on a processor of its own: the twin adds no work to the background's queue.
        name = self._world.trace.vehicle_id[migration.vehicle]
        generator = stream(self._world.seed, "queue", name, migration.attempt)
        return round(self._memory[migration.target].submit(now / NS_PER_S, 0.0, generator) * NS_PER_S)

    def _behind_twins_ns(self, migration: Migration, now: int, service_ns: int) -> int:
        return round(self._tasks[migration.target].submit(now / NS_PER_S, service_ns / NS_PER_S) * NS_PER_S)

    def _no_wait_ns(self, _migration: Migration, _now: int, _service_ns: int) -> int:
        return 0
