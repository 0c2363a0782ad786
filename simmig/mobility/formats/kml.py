"""KML tracks: <gx:Track> with a time for each place, or placemarks of a point and a time."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._times import iso_to_us
from simmig.mobility.formats._xml import XmlReader, root_of
from simmig.mobility.raw import RawTrace, TraceFormat

_DEPTH = 40  # folders in folders
_TEXTS = ("when", "coord", "coordinates", "name", "altitudeMode")


class Format(TraceFormat):
    """KML. A vehicle for each placemark's name, or the file's where a placemark has none; times are UTC without offset.

    Heights count where altitudeMode is absolute (above sea level) or relativeToGround; clamped ones are none.
    """

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the root element is <kml>."""
        return root_of(head) == "kml"

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError for a file whose lines have no times, or with the line."""
        marks = _Placemarks(path)
        marks.xml.parse()
        if not len(marks.fixes):
            marks.fixes = marks.points
        if not len(marks.fixes):
            what = "lines without times" if marks.has_lines else "no track"
            raise TraceError(
                f"{path}: has {what}; expected <gx:Track> with <when> for each place, or points with a <TimeStamp>"
            )
        remarks = [f"{marks.untimed} lines or points without a time were left out"] if marks.untimed else []
        return marks.fixes.raw("lonlat", epoch_us=0, remarks=remarks)


class _Placemarks:
    """The tracks and timed points of a file, in the order of their ends."""

    def __init__(self, path: Path) -> None:
        self.fixes = Growing(path)
        self.points = Growing(path)  # of single placemarks; beside tracks they only mark starts and ends
        self.untimed = 0
        self.has_lines = False
        self.xml = XmlReader(path)
        self.xml.parser.StartElementHandler = self._start
        self.xml.parser.EndElementHandler = self._end
        self.xml.parser.CharacterDataHandler = self._characters
        self._open: list[str] = []
        self._text = ""
        self._name = ""
        self._whens: list[tuple[str, int]] = []
        self._coords: list[str] = []
        self._mode = "clampToGround"

    def _start(self, name: str, _: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if not self._open and local != "kml":
            raise self.xml.refuse(f"root element is <{name[:40]}>, expected <kml>")
        self._open.append(local)
        if len(self._open) > _DEPTH:
            raise self.xml.refuse(f"not KML: elements nested deeper than {_DEPTH}")
        self._text = ""
        if local == "Placemark":
            self._name, self._whens, self._coords, self._mode = "", [], [], "clampToGround"
        elif local == "Track":
            self._whens, self._coords = [], []

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1] in _TEXTS:
            self._text += text

    def _end(self, _: str) -> None:
        local = self._open.pop()
        text = self._text.strip()
        inside = self._open[-1] if self._open else ""
        if local == "name" and inside == "Placemark":
            self._name = text
        elif local == "altitudeMode":
            self._mode = text
        elif local == "when" and inside in ("Track", "TimeStamp"):
            self._whens.append((text, self.xml.line))
        elif local == "coord" and inside == "Track":
            self._coords.append(text)
        elif local == "Track":
            self._add(self.fixes, None)
        elif local == "coordinates" and inside == "Point":
            self._coords = text.split()
        elif local == "LineString":
            self.has_lines = True
            self.untimed += 1
        elif local == "Placemark":
            if "," in "".join(self._coords) and self._whens:
                self._add(self.points, ",")
            elif "," in "".join(self._coords):
                self.untimed += 1
        self._text = ""

    def _add(self, fixes: Growing, separator: str | None) -> None:
        if len(self._whens) != len(self._coords):
            counts = f"{len(self._whens)} <when> and {len(self._coords)} places"
            raise self.xml.refuse(f"{counts}; expected as many of both")
        name = self._name or fixes.path.name.partition(".")[0]
        for (when, line), place in zip(self._whens, self._coords, strict=True):
            if not place:
                continue  # the standard's way to say that there is no position for this time
            try:
                lon, lat, *rest = (float(number) for number in place.split(separator))
                t_us = iso_to_us(when, UTC)
            except ValueError as error:
                reason = error if str(error).startswith("expected an ISO") else "expected lon, lat and a height"
                raise TraceError(f"{fixes.path}:{line}: {when[:40]!r}, {place[:40]!r}: {reason}") from None
            z = rest[0] if rest and self._mode != "clampToGround" else float("nan")
            fixes.add(name, t_us, lon, lat, z, line)
        self._whens, self._coords = [], []
