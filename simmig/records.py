"""One flat record per kind of event that a run writes: the only things that numbers are later computed from.

Times are integer nanoseconds since the start of the run, `NEVER` where a moment was not reached; vehicles and RSUs
are indices into the log's name lists. A record is packed into bytes as it is written (one call, no object per row) and
read back as a NumPy structured array.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

import numpy as np

NEVER = -1  # a moment that was not reached
NOBODY = -1  # no target, no round, no RSU


class Outcome(IntEnum):
    """How a migration request ended; every request ends in exactly one."""

    COMPLETED = 0
    LATE = 1  # completed after its deadline
    REFUSED = 2  # bought nothing
    LINK_LOST = 3
    TARGET_FAILED = 4
    OUT_OF_COVERAGE = 5
    SUPERSEDED = 6  # a newer request of the same vehicle replaced it
    UNFINISHED = 7  # the run ended first

    @property
    def label(self) -> str:
        """The name used in tables and reports."""
        return self.name.lower()


class FaultPhase(IntEnum):
    """Which end of an outage a fault record marks."""

    DOWN = 0
    UP = 1


class Layout:
    """The columns of one kind of record: how to pack a row and how to read rows back."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.dtype = np.dtype([(name, f"<{code}") for name, code in columns.items()])
        letters = {"i8": "q", "i4": "i", "i1": "b", "f8": "d"}
        self._struct = Struct("<" + "".join(letters[code] for code in columns.values()))
        self.pack = self._struct.pack
        if self._struct.size != self.dtype.itemsize:
            raise AssertionError("a record must have the same size packed and in NumPy")


MIGRATION = Layout(
    {
        "migration": "i4",  # requests are numbered in the order they are raised
        "vehicle": "i4",
        "source": "i4",
        "target": "i4",
        "attempt": "i4",  # how many requests this vehicle had raised before
        "round": "i4",
        "outcome": "i1",
        "requested_ns": "i8",
        "decided_ns": "i8",
        "transfer_start_ns": "i8",
        "transfer_end_ns": "i8",
        "queued_ns": "i8",
        "service_start_ns": "i8",
        "completed_ns": "i8",
        "ended_ns": "i8",
        "data_bit": "f8",
        "sent_bit": "f8",
        "bandwidth_hz": "f8",
        "price": "f8",  # per unit of the game's bandwidth
        "payment": "f8",
        "pairing_theta": "f8",  # probability with which this target was drawn
        "formula_delay_s": "f8",  # the papers' expected T_ij at the decision
    }
)

PLACEMENT = Layout({"vehicle": "i4", "rsu": "i4", "placed_ns": "i8"})  # where a twin starts, at no cost

ROUND = Layout(  # one row per round and RSU that had eligible followers
    {
        "round": "i4",
        "rsu": "i4",
        "closed_ns": "i8",
        "price": "f8",
        "demand_hz": "f8",
        "eligible": "i4",
        "buyers": "i4",
        "leader_utility": "f8",
        "leader_gap": "f8",
        "leader_gap_relative": "f8",
        "follower_utility": "f8",  # summed over the round's followers
        "follower_gap": "f8",  # largest of the round's followers
        "follower_gap_relative": "f8",
    }
)

FAULT = Layout({"rsu": "i4", "phase": "i1", "at_ns": "i8"})

LAYOUTS = {"placement": PLACEMENT, "migration": MIGRATION, "round": ROUND, "fault": FAULT}
