"""Times of trace files as whole microseconds.

A decimal time with up to six places, below 2^32 seconds, survives the way through a double: the nearest
double is less than 0.24 us away, the product with 10^6 adds at most 0.13 us, and rounding needs less than
0.5.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.errors import TraceError

TimeUnit = Literal["auto", "s", "ms", "us", "ns"]
Ambiguous = Literal["error", "first", "second"]

_US_PER_UNIT = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
FIRST_DATE_S = 6.3e8  # 1989-12-18, before any satellite track: smaller numbers of seconds are not dates
# Smallest number that is a date in each unit; the largest is the next one, in the year 5138.
_FIRST_DATE: tuple[tuple[float, TimeUnit], ...] = (
    (1e17, "ns"),
    (1e14, "us"),
    (1e11, "ms"),
    (FIRST_DATE_S, "s"),
)
_EPOCH = datetime.fromtimestamp(0, UTC)
_US = timedelta(microseconds=1)
_SUMO_TIME = re.compile(r"(?:(\d+):)?(\d\d):(\d\d):(\d\d(?:\.\d+)?)")


def numbers_to_us(values: FloatArray, unit: TimeUnit) -> tuple[IntArray, int | None]:
    """Return times in microseconds and their epoch: 0 for dates (since 1970 UTC), None for relative times.

    "auto" tells epoch seconds, milliseconds, microseconds and nanoseconds apart by their size, and takes
    small numbers for relative seconds. Raises ValueError if the numbers are of several sizes. Values must
    be finite.
    """
    low, high = float(values.min()), float(values.max())
    if unit == "auto":
        unit, least = _unit_of(low), _unit_of(high)
        if unit != least or (abs(low) < FIRST_DATE_S) != (abs(high) < FIRST_DATE_S):
            raise ValueError(
                f"times from {low:.15g} to {high:.15g} cannot all be of one unit; "
                'set time_unit = "s", "ms", "us" or "ns"'
            )
    scale = _US_PER_UNIT[unit]
    if max(abs(low), abs(high)) * scale > 2.0**62:
        raise ValueError(f"times from {low:.15g} to {high:.15g} {unit} are out of range")
    is_date = low * scale >= FIRST_DATE_S * 1e6
    return np.rint(values * scale).astype(np.int64), 0 if is_date else None


def _unit_of(value: float) -> TimeUnit:
    return next((unit for least, unit in _FIRST_DATE if abs(value) >= least), "s")


def zone_named(name: str) -> tzinfo:
    """Return a time zone by its IANA name; raises TraceError if it is unknown."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise TraceError(f'time_zone = "{name}" is unknown; expected an IANA name such as "Europe/Berlin"') from error


def iso_to_us(text: str, zone: tzinfo | None, ambiguous: Ambiguous = "error") -> int:
    """Return microseconds since 1970 UTC of an ISO 8601 date and time.

    A time without an offset is local to `zone`. Raises ValueError, saying what was expected, for anything
    else.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or len(text.strip()) < len("20240601T0700"):  # a bare date would silently be midnight
        raise ValueError("expected an ISO 8601 date and time such as 2024-06-01T07:00:00Z, or seconds")
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError('has no time zone; set time_zone = "UTC" or e.g. "Europe/Berlin"')
        moment = _local(moment, zone, ambiguous)
    return (moment - _EPOCH) // _US


def _local(moment: datetime, zone: tzinfo, ambiguous: Ambiguous) -> datetime:
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise ValueError(f"does not exist in {zone}: the clocks were put forward")
    if ambiguous == "error":
        raise ValueError(f'happened twice in {zone}: the clocks were put back; set ambiguous = "first" or "second"')
    return first if ambiguous == "first" else second


def seconds_to_us(text: str) -> int:
    """Return microseconds of a decimal number of seconds; raises ValueError if it is none, or beyond 2^62 us."""
    time_us = float(text) * 1e6
    if not abs(time_us) < 2.0**62:
        raise ValueError(f"{text[:40]!r} is out of range")
    return round(time_us)


def sumo_time_us(text: str) -> int:
    """Return microseconds of a SUMO time: seconds, HH:MM:SS or D:HH:MM:SS; raises ValueError otherwise."""
    match = _SUMO_TIME.fullmatch(text)
    if match is None:
        return seconds_to_us(text)
    days, hours, minutes, seconds = match.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60_000_000 + round(float(seconds) * 1e6)
