"""One migration request on its way: its moments so far and what it carries."""

from __future__ import annotations

from simmig.log import EventLog
from simmig.records import MIGRATION, NEVER, NOBODY, Outcome


class Migration:
    """A migration request in flight. Times are nanoseconds, `NEVER` until reached."""

    __slots__ = (
        "attempt",
        "bandwidth_hz",
        "completed_ns",
        "copied_bit",
        "copy_from_ns",
        "data_bit",
        "decided_ns",
        "formula_delay_s",
        "hint",
        "is_blocked",
        "leaves_ns",
        "number",
        "pairing_theta",
        "paused_ns",
        "payment",
        "price",
        "queued_ns",
        "rate_bit_s",
        "requested_ns",
        "round",
        "sent_bit",
        "service_ns",
        "service_start_ns",
        "source",
        "target",
        "token",
        "transfer_end_ns",
        "transfer_start_ns",
        "vehicle",
    )

    def __init__(self, number: int, vehicle: int, source: int, attempt: int, requested_ns: int) -> None:
        self.number = number
        self.vehicle = vehicle
        self.source = source
        self.target = NOBODY
        self.hint = NOBODY  # the RSU that the trigger would have preferred
        self.attempt = attempt
        self.requested_ns = requested_ns
        self.is_blocked = False  # in some zone, but of RSUs that are down
        self.decided_ns = NEVER
        self.transfer_start_ns = NEVER
        self.transfer_end_ns = NEVER
        self.queued_ns = NEVER
        self.service_start_ns = NEVER
        self.completed_ns = NEVER
        self.round = NOBODY
        self.data_bit = 0.0
        self.sent_bit = 0.0  # to every target that was tried
        self.copied_bit = 0.0  # to the present target
        self.bandwidth_hz = 0.0
        self.rate_bit_s = 0.0  # (mean) rate when the copy began
        self.service_ns = 0  # of the re-instantiation
        self.price = 0.0
        self.payment = 0.0
        self.pairing_theta = 1.0
        self.formula_delay_s = 0.0
        self.token = 0  # entries of the stream with another token are stale
        self.leaves_ns = NEVER  # when the vehicle's trip ends
        self.copy_from_ns = NEVER  # start of the uninterrupted piece of copying under way
        self.paused_ns = NEVER  # when a paused re-instantiation was frozen

    def is_copied(self, now: int) -> bool:
        """Whether all bits of the twin have arrived by now."""
        return self.transfer_end_ns != NEVER and self.transfer_end_ns <= now

    def forget_arrival(self) -> None:
        """Take back what was planned for the time after the copy: it will end at another time."""
        self.transfer_end_ns = self.queued_ns = self.service_start_ns = self.completed_ns = NEVER

    def record(self, log: EventLog, outcome: Outcome, ended_ns: int) -> None:
        """Append the request to the log with its outcome; later moments than reached are dropped."""
        done = outcome in (Outcome.COMPLETED, Outcome.LATE)
        # What follows the copy is planned ahead; it counts only once it is reached.
        service_start_ns = self.service_start_ns if self.service_start_ns <= ended_ns else NEVER
        log.migration.data += MIGRATION.pack(
            self.number,
            self.vehicle,
            self.source,
            self.target,
            self.attempt,
            self.round,
            outcome,
            self.requested_ns,
            self.decided_ns,
            self.transfer_start_ns,
            self.transfer_end_ns,
            self.queued_ns,
            service_start_ns,
            self.completed_ns if done else NEVER,
            ended_ns,
            self.data_bit,
            self.sent_bit,
            self.bandwidth_hz,
            self.price,
            self.payment,
            self.pairing_theta,
            self.formula_delay_s,
        )
