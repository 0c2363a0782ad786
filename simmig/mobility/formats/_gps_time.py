"""GPS time: weeks and milliseconds since 1980-01-06, without leap seconds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from simmig.contracts import IntArray

_WEEK_US = 604_800_000_000
_START_US = round(datetime(1980, 1, 6, tzinfo=UTC).timestamp()) * 1_000_000
# From these days on, UTC is so many seconds behind GPS (IERS Bulletin C).
_LEAPS = (
    ((1981, 7), 1),
    ((1982, 7), 2),
    ((1983, 7), 3),
    ((1985, 7), 4),
    ((1988, 1), 5),
    ((1990, 1), 6),
    ((1991, 1), 7),
    ((1992, 7), 8),
    ((1993, 7), 9),
    ((1994, 7), 10),
    ((1996, 1), 11),
    ((1997, 7), 12),
    ((1999, 1), 13),
    ((2006, 1), 14),
    ((2009, 1), 15),
    ((2012, 7), 16),
    ((2015, 7), 17),
    ((2017, 1), 18),
)
_SINCE_US = np.array([round(datetime(*month, 1, tzinfo=UTC).timestamp()) * 1_000_000 for month, _ in _LEAPS])
_BEHIND_US = np.array([0, *(seconds * 1_000_000 for _, seconds in _LEAPS)])


def gps_to_us(week: IntArray, ms_of_week: IntArray) -> IntArray:
    """Return microseconds since 1970 UTC of GPS weeks and milliseconds of the week, shape [N] each."""
    gps_us = _START_US + week.astype(np.int64) * _WEEK_US + ms_of_week.astype(np.int64) * 1000
    # The table is by UTC; a first guess is right but for the seconds around a leap, which the second look settles.
    utc_us = gps_us - _BEHIND_US[np.searchsorted(_SINCE_US, gps_us, side="right")]
    return np.asarray(gps_us - _BEHIND_US[np.searchsorted(_SINCE_US, utc_us, side="right")], dtype=np.int64)
