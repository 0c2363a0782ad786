"""OGC Moving Features JSON: MovingPoint, or a LineString with datetimes beside it; a trip for each feature."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._json import named, numbers_of, read_features
from simmig.mobility.formats._times import iso_to_us, numbers_to_us
from simmig.mobility.raw import RawTrace, TraceFormat, shortened

_KINDS = ("MovingPoint", "LineString")


class Format(TraceFormat):
    """MF-JSON (OGC 19-045r3). A feature's `id` names its vehicle; features of one id are trips of one vehicle.

    Times without an offset are UTC, numbers are milliseconds since 1970, as the standard has it.
    """

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether it is JSON with a temporalGeometry, or a geometry with datetimes."""
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return text[:1] == b"{" and (b'"temporalGeometry"' in head or b'"datetimes"' in head)

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the number of the feature."""
        fixes, trips, remarks = Growing(path), [], set()
        for number, (place, feature, properties) in enumerate(named(path, read_features(path)), 1):
            moving = feature.get("temporalGeometry")
            geometry = moving if isinstance(moving, dict) else feature.get("geometry")
            if not isinstance(geometry, dict) or geometry.get("type") not in _KINDS:
                raise TraceError(f"{place}: expected a temporalGeometry of type MovingPoint")
            times = geometry.get("datetimes", properties.get("datetimes"))
            places = geometry.get("coordinates")
            if not isinstance(times, list) or not isinstance(places, list) or len(times) != len(places):
                counts = [len(value) if isinstance(value, list) else "no" for value in (times, places)]
                raise TraceError(
                    f"{place}: {counts[0]} datetimes and {counts[1]} coordinates; expected as many of both"
                )
            if geometry.get("interpolation", geometry.get("interpolations", "Linear")) not in ("Linear", ["Linear"]):
                remarks.add(f"interpolation {geometry.get('interpolation')}, straight lines are drawn")
            name = str(feature.get("id", properties.get("id", f"feature {number}")))
            for time, value in zip(times, places, strict=True):
                lon, lat, *rest = numbers_of(value, place)
                fixes.add(name, _time(time, place, UTC), lon, lat, rest[0] if rest else float("nan"), number)
                trips.append(number)
        raw = fixes.raw("lonlat", epoch_us=0, remarks=sorted(map(str, remarks)))
        return replace(raw, trip=np.array(trips, np.int32)) if len(trips) == len(raw.t_us) else raw


def _time(value: Any, place: str, zone: tzinfo) -> int:  # noqa: ANN401
    try:
        if isinstance(value, str):
            return iso_to_us(value, zone)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return int(numbers_to_us(np.array([value], np.float64), "ms")[0][0])
    except ValueError as error:
        raise TraceError(f"{place}: time {shortened(str(value))} {error}") from None
    raise TraceError(f"{place}: time {shortened(str(value))}, expected a date and time")
