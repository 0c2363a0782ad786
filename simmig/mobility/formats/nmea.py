"""NMEA 0183 logs: positions and heights from GGA, dates from RMC or ZDA."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from simmig.errors import TraceError
from simmig.mobility.formats._content import open_content
from simmig.mobility.formats._growing import Growing
from simmig.mobility.raw import RawTrace, TraceFormat

_SENTENCE = re.compile(rb"^\$([A-Z]{2})([A-Z]{3}),([^*\r\n]*)(?:\*([0-9A-Fa-f]{2}))?\s*$")
_LOOKED_AT = 100  # lines: receivers begin with noise
_DAY_US = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1)
_ROLLOVER = dt.timedelta(weeks=1024)


class _Fix(NamedTuple):
    time_us: int  # of the day
    lon: float
    lat: float
    z: float
    line: int
    after: int  # how many dates were seen before it


class Format(TraceFormat):
    """NMEA 0183 from one receiver, in WGS84; heights are above mean sea level. `vehicle` is its name, else the file's.

    `date` (as 2024-06-01) is that of the first fix in a log without dates; a time that goes back by half a day is of
    the next one. Fixes of quality 0, and what a checksum contradicts, are counted and left out.
    """

    vehicle: str | None = None
    date: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether there is a sentence with its checksum among the first lines that are no comments."""
        lines = [line for line in head.splitlines()[:_LOOKED_AT] if not line.startswith(b"#")]
        sentences = filter(None, map(_SENTENCE.match, lines))
        return any(match[4] is None or _checksum(match[0]) == int(match[4], 16) for match in sentences)

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError if there is none, or no date."""
        log = _Log(path)
        with open_content(path) as stream:
            for number, line in enumerate(stream, 1):
                log.take(line, number)
        fixes = Growing(path)
        name = self.vehicle or path.name.partition(".")[0]
        found = log.fixes or log.rmc
        counts = {"rows": log.count["sentences"], **{key: log.count[key] for key in log.count if key != "sentences"}}
        if not found:
            raise TraceError(
                f"{path}: has no position in {log.count['sentences']} sentences; {log.count['no_fix']} without a fix"
            )
        before = None
        for fix, day in zip(found, self._days(path, found, log.dates or log.void_dates), strict=True):
            t_us = (day - _EPOCH).days * _DAY_US + fix.time_us
            if t_us == before:  # another system's sentence about the same moment
                counts["repeated"] = counts.get("repeated", 0) + 1
                continue
            before = t_us
            fixes.add(name, t_us, fix.lon, fix.lat, fix.z, fix.line)
        first = _EPOCH + dt.timedelta(microseconds=int(min(fixes.times())))
        remarks = []
        if first.year < 2000:
            remarks.append(f"date {first} before 2000: a GPS week rollover? 1024 weeks later is {first + _ROLLOVER}")
        return fixes.raw("lonlat", epoch_us=0, notes=counts, remarks=remarks)

    def _days(self, path: Path, found: list[_Fix], dates: list[tuple[int, dt.date]]) -> list[dt.date]:
        """Return the day of each fix: that of the date next to it in the file, or counted on from the first."""
        if not dates and self.date is None:
            raise TraceError(
                f'{path}: no sentence has a date (RMC, ZDA); say that of the first fix: date = "2024-06-01"'
            )
        days = []
        if dates and self.date is None:
            for fix in found:
                time_us, day = dates[min(fix.after, len(dates) - 1)]
                days.append(day + dt.timedelta(days=_turn(time_us, fix.time_us)))
            return days
        try:
            day = dt.date.fromisoformat(self.date or "")
        except ValueError:
            raise TraceError(f'{path}: date = "{self.date}", expected one such as "2024-06-01"') from None
        before_us = found[0].time_us
        for fix in found:
            day += dt.timedelta(days=max(_turn(before_us, fix.time_us), 0))
            days.append(day)
            before_us = fix.time_us
        return days


def _turn(from_us: int, to_us: int) -> int:
    """Return how many days later a time of day is than another one near it: 1, 0 or -1."""
    return round((from_us - to_us) / _DAY_US)


class _Log:
    """The sentences of a log, taken line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fixes: list[_Fix] = []
        self.rmc: list[_Fix] = []
        self.dates: list[tuple[int, dt.date]] = []
        self.void_dates: list[tuple[int, dt.date]] = []  # of RMC without a fix: better than none
        self.count: Counter[str] = Counter()

    def take(self, line: bytes, number: int) -> None:
        """Take a line; raises TraceError for a sentence whose checksum is right and whose fields are not."""
        if line[:1] in (b"#", b"\r", b"\n"):
            return
        match = _SENTENCE.match(line)
        if match is None:
            self.count["no_sentence"] += 1
            return
        self.count["sentences"] += 1
        if match[4] is not None and _checksum(line) != int(match[4], 16):
            self.count["dropped_checksum"] += 1
            return
        fields = match[3].decode("ascii", errors="replace").split(",")
        kind = match[2]
        try:
            if kind == b"GGA":
                self._gga(fields, number)
            elif kind == b"RMC":
                self._rmc(fields, number)
            elif kind == b"ZDA" and all(fields[:4]):
                day = dt.date(int(fields[3]), int(fields[2]), int(fields[1]))
                self.dates.append((_time_of_day(fields[0]), day))
        except (ValueError, IndexError):
            if match[4] is None:  # nothing says that it is whole
                self.count["dropped_incomplete"] += 1
                return
            text = match[0].decode("ascii", errors="replace").strip()
            raise TraceError(f"{self.path}:{number}: {text[:70]!r} is no valid {kind.decode()} sentence") from None

    def _gga(self, fields: list[str], number: int) -> None:
        if not fields[0] or not fields[1] or fields[5] in ("", "0"):
            self.count["no_fix"] += 1
            return
        z = float(fields[8]) if fields[8] else float("nan")
        lon, lat = _degrees(fields[3], fields[4]), _degrees(fields[1], fields[2])
        self.fixes.append(_Fix(_time_of_day(fields[0]), lon, lat, z, number, len(self.dates)))

    def _rmc(self, fields: list[str], number: int) -> None:
        if not fields[0] or not fields[8]:
            return
        time_us, text = _time_of_day(fields[0]), fields[8]
        year = int(text[4:6])
        day = dt.date(year + (1900 if year >= 80 else 2000), int(text[2:4]), int(text[:2]))
        if fields[1] != "A" or not fields[2]:
            self.void_dates.append((time_us, day))
            return
        lon, lat = _degrees(fields[4], fields[5]), _degrees(fields[2], fields[3])
        self.rmc.append(_Fix(time_us, lon, lat, float("nan"), number, len(self.dates)))
        self.dates.append((time_us, day))


def _checksum(line: bytes) -> int:
    found = 0
    for byte in line[1 : line.rindex(b"*")]:
        found ^= byte
    return found


def _time_of_day(text: str) -> int:
    """Return microseconds of hhmmss.sss; raises ValueError otherwise."""
    hours, minutes, seconds = int(text[:2]), int(text[2:4]), float(text[4:])
    if not (hours < 24 and minutes < 60 and 0.0 <= seconds < 61.0):
        raise ValueError(text)
    return (hours * 60 + minutes) * 60_000_000 + round(seconds * 1e6)


def _degrees(text: str, hemisphere: str) -> float:
    """Return degrees of dddmm.mmmm; raises ValueError otherwise."""
    whole, _, _ = text.partition(".")
    degrees, minutes = int(whole[:-2] or "0"), float(text[len(whole) - 2 :])
    if hemisphere not in ("N", "S", "E", "W") or not 0.0 <= minutes < 60.0:
        raise ValueError(text)
    value = degrees + minutes / 60.0
    return -value if hemisphere in ("S", "W") else value
