"""GPX tracks, 1.0 and 1.1: a vehicle for each <trk>, a trip for each <trkseg>."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from datetime import UTC
from pathlib import Path

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._rows import finish
from simmig.mobility.formats._times import iso_to_us, seconds_to_us
from simmig.mobility.formats._xml import MAX_DEPTH, XmlReader, root_of
from simmig.mobility.raw import RawTrace, TraceFormat

_SECONDS = re.compile(r"\d+(\.\d+)?")  # what SUMO's traceExporter writes instead of dates
_TEXTS = {"time": "trkpt", "ele": "trkpt", "name": "trk"}  # elements whose text counts, by their parent


class Format(TraceFormat):
    """GPX. Times without an offset are UTC, as the standard says; routes and waypoints are not tracks."""

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the root element is <gpx>."""
        return root_of(head) == "gpx"

    def read(self, path: Path) -> RawTrace:
        """Return the track points that have a time; the others are counted."""
        points = _Points(path)
        points.xml.parse()
        return points.raw()


class _Points:
    """The track points of a file: every column grows by one value with each <trkpt>."""

    def __init__(self, path: Path) -> None:
        self.xml = XmlReader(path)
        self.xml.parser.StartElementHandler = self._start
        self.xml.parser.EndElementHandler = self._end
        self.xml.parser.CharacterDataHandler = self._characters
        self._open: list[str] = []  # local names of the elements around the present place
        self._text = ""
        self._names: list[str] = []
        self._segment = 0
        self._has_dates: bool | None = None
        self._track, self._trip, self._line = array("i"), array("i"), array("i")
        self._lon, self._lat, self._ele = array("d"), array("d"), array("d")
        self._t_us, self._is_timed = array("q"), array("b")

    def raw(self) -> RawTrace:
        """Return the points that have a time; raises TraceError if there is none."""
        path, is_timed = self.xml.path, np.frombuffer(self._is_timed, np.bool_)
        if not len(is_timed):
            raise TraceError(f"{path}: has no track point <trkpt>; routes and waypoints say no times")
        if not is_timed.any():
            raise TraceError(f"{path}: no track point has a <time>; record or export the track with time stamps")
        ele = np.frombuffer(self._ele, np.float64)
        raw = RawTrace(
            source=str(path),
            kind="lonlat",
            vehicle_id=_unique(self._names),
            vehicle=np.frombuffer(self._track, np.int32),
            t_us=np.frombuffer(self._t_us, np.int64),
            a=np.frombuffer(self._lon, np.float64),
            b=np.frombuffer(self._lat, np.float64),
            z=None if np.isnan(ele).all() else ele,
            trip=np.frombuffer(self._trip, np.int32),
            epoch_us=0 if self._has_dates else None,
            remarks=() if self._has_dates else ("times are numbers, taken for seconds without a date",),
        )
        return finish(raw, lambda found: [f"{path}:{self._line[row]}" for row in found], is_timed)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if not self._open and local != "gpx":
            raise self.xml.refuse(f"root element is <{name[:40]}>, expected <gpx>")
        self._open.append(local)
        if len(self._open) > MAX_DEPTH:
            raise self.xml.refuse(f"not GPX: elements nested deeper than {MAX_DEPTH}")
        self._text = ""
        if local == "trk":
            self._names.append("")
        elif local == "trkseg":
            self._segment += 1
        elif local == "trkpt":
            self._point(attributes)

    def _point(self, attributes: dict[str, str]) -> None:
        if "trkseg" not in self._open or not self._names:
            raise self.xml.refuse("<trkpt> outside <trk> and <trkseg>")
        self._lon.append(self.xml.number(attributes, "lon", "trkpt"))
        self._lat.append(self.xml.number(attributes, "lat", "trkpt"))
        self._ele.append(float("nan"))
        self._t_us.append(0)
        self._is_timed.append(0)
        self._track.append(len(self._names) - 1)
        self._trip.append(self._segment)
        self._line.append(self.xml.line)

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1] in _TEXTS:
            self._text += text

    def _end(self, _: str) -> None:
        local = self._open.pop()
        if not self._open or _TEXTS.get(local) != self._open[-1]:
            return
        text = self._text.strip()
        if local == "name":
            self._names[-1] = text
        elif local == "ele":
            self._ele[-1] = self.xml.number({"ele": text}, "ele", "trkpt")
        else:
            self._time(text)

    def _time(self, text: str) -> None:
        is_date = _SECONDS.fullmatch(text) is None
        if self._has_dates not in (None, is_date):
            raise self.xml.refuse(f"time {text[:40]!r}: dates and plain numbers are mixed")
        self._has_dates = is_date
        try:
            self._t_us[-1] = iso_to_us(text, UTC) if is_date else seconds_to_us(text)
        except ValueError as error:
            raise self.xml.refuse(f"time {text[:40]!r} {error}") from None
        self._is_timed[-1] = 1


def _unique(names: list[str]) -> tuple[str, ...]:
    """Return a name for each track: its own, or "track 3"; a repeated one gets a number."""
    named = [name or f"track {number}" for number, name in enumerate(names, 1)]
    repeated = {name for name, count in Counter(named).items() if count > 1}
    return tuple(f"{name} #{number}" if name in repeated else name for number, name in enumerate(named, 1))
