"""What the parts of the engine share: the clock, the log, and who is where."""

from __future__ import annotations

from array import array

from simmig.engine.clock import Clock
from simmig.engine.migration import Migration
from simmig.log import EventLog
from simmig.records import NOBODY
from simmig.world import World


class State:
    """The mutable state of one run.

    host[V]: the RSU that holds the vehicle's twin, `NOBODY` before it is placed.
    in_flight[V]: the vehicle's migration request under way, if any.
    attempts[V]: requests raised so far, which names the next one's random draws.
    failures[J], pauses[J]: how many faults hold the RSU down just now.
    """

    __slots__ = ("attempts", "clock", "failures", "host", "in_flight", "log", "pauses", "requests", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = Clock(0)
        self.log = EventLog(world.trace.vehicle_id, world.rsus.sites.rsu_id)
        vehicles, rsus = world.trace.vehicle_count, world.rsus.sites.count
        self.host = [NOBODY] * vehicles
        self.in_flight: list[Migration | None] = [None] * vehicles
        self.attempts = array("q", [0]) * vehicles
        self.failures = [0] * rsus
        self.pauses = [0] * rsus
        self.requests = 0

    def new_migration(self, vehicle: int) -> Migration:
        """Return a new request of this vehicle, raised now, and count it."""
        migration = Migration(self.requests, vehicle, self.host[vehicle], self.attempts[vehicle], self.clock._now)
        migration.data_bit = self.world.vehicles.size_bit[vehicle]
        self.requests += 1
        self.attempts[vehicle] += 1
        self.in_flight[vehicle] = migration
        return migration

    def waits_for_rsu(self, migration: Migration) -> bool:
        """Whether an RSU that the migration needs at this stage is paused."""
        needs_source = not migration.is_copied(self.clock._now)
        return bool(self.pauses[migration.target] or (needs_source and self.pauses[migration.source]))
