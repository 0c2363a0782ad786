"""Conservation: what a finished run must add up to. A violation is a bug in simmig and ends the run."""

from __future__ import annotations

import numpy as np

from simmig.engine.state import State
from simmig.errors import ConservationError
from simmig.records import NEVER, NOBODY, Outcome

_RELATIVE = 1e-9  # bits are sums of a few floats


def check_books(state: State) -> None:
    """Raise ConservationError unless requests, outcomes, bits, moments and twins balance."""
    rows = state.log.migration.rows()
    if len(rows) != state.requests or not np.array_equal(np.sort(rows["migration"]), np.arange(len(rows))):
        raise ConservationError(f"{state.requests} requests were raised, {len(rows)} outcomes recorded")
    done = np.isin(rows["outcome"], (Outcome.COMPLETED, Outcome.LATE))
    _check_bits(rows, done, is_redirected=any(fault.effect == "redirect" for fault in state.world.faults))
    _check_moments(rows, done)
    _check_twins(state, rows, done)


def _check_bits(rows: np.ndarray, done: np.ndarray, is_redirected: bool) -> None:
    short = done & (rows["sent_bit"] < rows["data_bit"] * (1.0 - _RELATIVE))
    if short.any():
        first = rows[short][0]
        raise ConservationError(
            f"migration {first['migration']} completed with {first['sent_bit']} of {first['data_bit']} bit sent"
        )
    # A twin that was sent on to another RSU is the only one of which more is sent than there is.
    over = rows["sent_bit"] > rows["data_bit"] * (1.0 + _RELATIVE)
    if over.any() and not is_redirected:
        first = rows[over][0]
        raise ConservationError(f"migration {first['migration']} sent {first['sent_bit']} of {first['data_bit']} bit")
    if (rows["sent_bit"] < 0.0).any() or not np.isfinite(rows["sent_bit"]).all():
        raise ConservationError("a migration sent a negative or not finite number of bits")


def _check_moments(rows: np.ndarray, done: np.ndarray) -> None:
    names = ("requested_ns", "decided_ns", "transfer_start_ns", "transfer_end_ns", "queued_ns", "service_start_ns")
    last = np.zeros(len(rows), dtype=np.int64)
    for name in (*names, "completed_ns", "ended_ns"):
        moment = rows[name]
        reached = moment != NEVER
        if (moment[reached] < last[reached]).any():
            raise ConservationError(f"a migration has {name} before the moment that precedes it")
        if name != "ended_ns" and not reached[done].all():
            raise ConservationError(f"a completed migration has no {name}")
        last = np.where(reached, moment, last)


def _check_twins(state: State, rows: np.ndarray, done: np.ndarray) -> None:
    """Every twin is where its placement and its completed migrations, in order, have put it."""
    host = np.full(len(state.host), NOBODY)
    placed = state.log.placement.rows()
    host[placed["vehicle"]] = placed["rsu"]
    # Column by column: rows are wide, and a migration is recorded as it completes, so each vehicle's are in order.
    vehicle, source, target = (rows[name][done] for name in ("vehicle", "source", "target"))
    order = np.argsort(vehicle, kind="stable")
    vehicle, source, target = vehicle[order], source[order], target[order]
    first = np.ones(len(vehicle), dtype=bool)
    first[1:] = vehicle[1:] != vehicle[:-1]
    before = np.where(first, host[vehicle], np.roll(target, 1))
    if (before != source).any():
        raise ConservationError("a twin migrated from an RSU that did not hold it")
    host[vehicle] = target
    if not np.array_equal(host, state.host):
        raise ConservationError("a twin is not where its migrations put it")
