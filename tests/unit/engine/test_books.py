"""The books of a finished run: each kind of imbalance is found."""

from types import SimpleNamespace

import pytest

from simmig.engine.books import check_books
from simmig.errors import ConservationError
from simmig.log import EventLog
from simmig.records import MIGRATION, NEVER, Outcome

NAMES = MIGRATION.dtype.names
GOOD = dict.fromkeys(NAMES, 0) | {
    "target": 1,
    "outcome": Outcome.COMPLETED,
    "transfer_end_ns": 20,
    "queued_ns": 20,
    "service_start_ns": 30,
    "completed_ns": 40,
    "ended_ns": 40,
    "data_bit": 8e7,
    "sent_bit": 8e7,
}


def books(requests=1, host=1, **changes):
    log = EventLog(("v",), ("a", "b"))
    log.placement.append(0, 0, 0)
    log.migration.append(*(GOOD | changes).values())
    world = SimpleNamespace(faults=())
    return SimpleNamespace(log=log, requests=requests, host=[host], world=world)


def test_books_that_balance_pass():
    check_books(books())
    check_books(books(host=0, outcome=Outcome.SUPERSEDED, completed_ns=NEVER, service_start_ns=NEVER, sent_bit=3e7))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"requests": 2}, "2 requests were raised, 1 outcomes recorded"),
        ({"migration": 1}, "1 requests were raised, 1 outcomes recorded"),
        ({"sent_bit": 7.9e7}, "completed with 79000000"),
        ({"sent_bit": 8.1e7}, "sent 81000000"),
        ({"outcome": Outcome.LINK_LOST, "host": 0, "sent_bit": 9e7}, "sent 90000000"),
        ({"outcome": Outcome.LINK_LOST, "host": 0, "sent_bit": -1.0}, "negative"),
        ({"queued_ns": 19}, "queued_ns before"),
        ({"service_start_ns": NEVER}, "has no service_start_ns"),
        ({"source": 1}, "from an RSU that did not hold it"),
        ({"host": 0}, "not where its migrations put it"),
    ],
)
def test_every_imbalance_is_found(changes, what):
    with pytest.raises(ConservationError, match=what):
        check_books(books(**changes))
