"""GeoJSON: a point with a time for each fix, or lines whose fourth ordinate is a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._json import named, numbers_of, read_features
from simmig.mobility.formats._times import iso_to_us, numbers_to_us, zone_named
from simmig.mobility.formats.csv import USUAL_NAMES
from simmig.mobility.raw import RawTrace, TraceFormat, shortened

_ROLES = ("id", "time", "z")


class Format(TraceFormat):
    """GeoJSON in WGS84. `columns` names the property of a role (id, time, z) where the usual names do not fit.

    Points have their time in a property; lines, as SUMO's traceExporter writes them for Kepler, have [lon, lat, height,
    epoch seconds]. `vehicle` names the one vehicle of a file without ids.
    """

    columns: dict[str, str] = Field(default_factory=dict)
    time_zone: str | None = None
    vehicle: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether it is JSON that speaks of features or coordinates, but not of moving ones."""
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        is_moving = b'"temporalGeometry"' in head or b'"datetimes"' in head
        return text[:1] in (b"{", b"[") and b'"coordinates"' in head and b'"geometry"' in head and not is_moving

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the number of the feature."""
        unknown = [role for role in self.columns if role not in _ROLES]
        if unknown:
            raise TraceError(f"{path}: columns names an unknown role '{unknown[0]}'; expected {', '.join(_ROLES)}")
        fixes, has_dates = Growing(path), set()
        zone = zone_named(self.time_zone) if self.time_zone else None
        for number, (place, feature, properties) in enumerate(named(path, read_features(path)), 1):
            geometry = feature.get("geometry") or {}
            kind = geometry.get("type")
            if kind == "Point":
                time = self._value("time", properties, place)
                t_us, is_date = _time(time, zone, place)
                lon, lat, *rest = numbers_of(geometry.get("coordinates"), place)
                z = rest[0] if rest else self._height(properties, place)
                has_dates.add(is_date)
                fixes.add(self._name(properties, place), t_us, lon, lat, z, number)
            elif kind == "LineString":
                self._line(fixes, geometry.get("coordinates"), properties, place, number)
                has_dates.add(True)
            else:
                raise TraceError(f"{place}: geometry {shortened(str(kind))}, expected Point or LineString")
        if len(has_dates) > 1:
            raise TraceError(f"{path}: some features have dates and others plain seconds")
        return fixes.raw("lonlat", epoch_us=0 if True in has_dates else None)

    def _line(self, fixes: Growing, places: object, properties: dict[str, Any], place: str, number: int) -> None:
        for value in places if isinstance(places, list) else ():
            ordinates = numbers_of(value, place)
            if len(ordinates) < 4:
                raise TraceError(
                    f"{place}: a LineString has no times; expected points with a time, or [lon, lat, height, seconds]"
                )
            t_us, is_date = _time(ordinates[3], None, place)
            if not is_date:
                raise TraceError(f"{place}: fourth ordinate {ordinates[3]:g} is no time in seconds since 1970")
            lon, lat, z = ordinates[:3]
            fixes.add(self._name(properties, place), t_us, lon, lat, z, number)

    def _value(self, role: str, properties: dict[str, Any], place: str) -> Any:  # noqa: ANN401
        """Return what plays a role; raises TraceError if nothing does."""
        own = ("vehid", "user") if role == "id" else ()
        wanted = {self.columns[role].lower()} if role in self.columns else {*USUAL_NAMES[role], *own}
        found = [value for name, value in properties.items() if name.lower() in wanted]
        if role == "id" and len(found) > 1:  # a vehicle beside the number of the feature
            found = [value for name, value in properties.items() if name.lower() in wanted - {"id"}]
        if len(found) != 1:
            several = "several properties" if found else "no property"
            raise TraceError(
                f"{place}: {several} for {role} among {', '.join(properties) or 'none'}; say which one it is with "
                f'columns = {{ {role} = ".." }}'
            )
        return found[0]

    def _name(self, properties: dict[str, Any], place: str) -> str:
        if self.vehicle:
            return self.vehicle
        value = self._value("id", properties, place)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise TraceError(f"{place}: id {shortened(str(value))}, expected text or a whole number")
        return str(value)

    def _height(self, properties: dict[str, Any], place: str) -> float:
        names = {self.columns["z"].lower()} if "z" in self.columns else {*USUAL_NAMES["z"]}
        found = [value for name, value in properties.items() if name.lower() in names]
        if not found or found[0] is None:
            return float("nan")
        if not isinstance(found[0], int | float):
            raise TraceError(f"{place}: height {shortened(str(found[0]))} is not a number")
        return float(found[0])


def _time(value: object, zone: Any, place: str) -> tuple[int, bool]:  # noqa: ANN401
    """Return microseconds, and whether they count from 1970."""
    try:
        if isinstance(value, str):
            return iso_to_us(value, zone), True
        if isinstance(value, int | float) and not isinstance(value, bool):
            t_us, epoch_us = numbers_to_us(np.array([value], np.float64), "auto")
            return int(t_us[0]), epoch_us is not None
    except ValueError as error:
        raise TraceError(f"{place}: time {shortened(str(value))} {error}") from None
    raise TraceError(f"{place}: time {shortened(str(value))}, expected a date and time, or a number")
