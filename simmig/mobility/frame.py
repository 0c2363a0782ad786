"""The metric plane in which traces and RSUs meet: x east, y north, metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import TraceError

if TYPE_CHECKING:
    from pyproj import CRS

Coordinates = Literal["lonlat", "metres"]
WGS84 = "EPSG:4326"
ORIGIN_DECIMALS = 4  # 11 m: the same flight in two formats that print different digits gets the same origin


@dataclass(frozen=True, slots=True)
class Frame:
    """A metric plane: "metres" is local and nowhere on Earth, "aeqd" and "crs" are projections of WGS84.

    `crs` is anything PROJ reads; None for plain metres.
    """

    kind: Literal["metres", "aeqd", "crs"]
    crs: str | None = None

    def forward(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return x_m, y_m of WGS84 degrees; raises TraceError for a plain frame or points it cannot show."""
        return self.from_crs(lon, lat, WGS84)

    def inverse(self, x_m: FloatArray, y_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return lon, lat in degrees of points in this frame; raises TraceError for a plain frame."""
        if self.crs is None:
            raise TraceError(f"plain metres have no longitude and latitude; {_HELP}")
        return _transform(x_m, y_m, self.crs, WGS84)

    def from_crs(self, a: FloatArray, b: FloatArray, crs: str | None) -> tuple[FloatArray, FloatArray]:
        """Return x_m, y_m of coordinates (x, y or lon, lat order) in another CRS, None for plain metres.

        Plain metres are taken as they are in a plain or a named frame; raises TraceError where that
        is a guess.
        """
        if crs == self.crs or (crs is None and self.kind == "crs"):
            return a, b
        if self.crs is None:
            raise TraceError(f"coordinates in {crs} cannot be placed in a frame of plain metres; {_HELP}")
        if crs is None:
            raise TraceError(f"plain metres cannot be placed on the map; {_HELP}")
        return _transform(a, b, crs, self.crs)


_HELP = 'say where the metres are: crs = "EPSG:32632" (the code of your projection)'
PLAIN = Frame("metres")


def aeqd(lon: float, lat: float) -> Frame:
    """Return the azimuthal equidistant frame about an origin in WGS84 degrees: true distances from there."""
    return Frame("aeqd", f"+proj=aeqd +lat_0={lat!r} +lon_0={lon!r} +datum=WGS84 +units=m +no_defs")


class Located(Protocol):
    """What has coordinates of a known or unknown kind: a RawTrace or a Layout."""

    @property
    def source(self) -> str:
        """Name for messages."""

    @property
    def kind(self) -> Coordinates:
        """Degrees or metres."""

    @property
    def crs(self) -> str | None:
        """The metres' CRS, if known."""

    @property
    def a(self) -> FloatArray:
        """Longitude or x, shape [N]."""

    @property
    def b(self) -> FloatArray:
        """Latitude or y, shape [N]."""


def choose_frame(traces: Sequence[Located], layout: Located | None = None, crs: str | None = None) -> Frame:
    """Return the frame for these traces and this layout.

    An explicit `crs` wins, and metres without a CRS of their own are then taken to be in it. If nothing
    names a place, metres stay as given. Otherwise the first metric CRS that a source names is used, else
    an "aeqd" frame about the middle of the first source. Raises TraceError where plain metres meet
    degrees.
    """
    sources = [*traces, layout] if layout is not None else list(traces)
    if crs is not None:
        if not is_metric(crs):
            raise TraceError(f'crs = "{crs}" is not a projection in true metres; use one, e.g. "EPSG:32632"')
        return Frame("crs", crs)
    plain = [source for source in sources if source.kind == "metres" and source.crs is None]
    if len(plain) == len(sources):
        return PLAIN
    if plain:
        other = next(source for source in sources if source.kind == "lonlat" or source.crs is not None)
        place = other.crs or "lon, lat"
        raise TraceError(f"{plain[0].source} has plain metres but {other.source} is in {place}; {_HELP}")
    named = [source.crs for source in sources if source.crs is not None and is_metric(source.crs)]
    return Frame("crs", named[0]) if named else aeqd(*_middle(sources[0]))


def is_metric(crs: str) -> bool:
    """Return whether a CRS is projected in true metres; raises TraceError if PROJ does not know it."""
    parsed = _parsed(crs)
    in_metres = parsed.is_projected and all(axis.unit_conversion_factor == 1.0 for axis in parsed.axis_info)
    # Web Mercator's metres are 1.4 times too long at 45 degrees: speeds and radii would be wrong.
    method = parsed.coordinate_operation.method_name if parsed.coordinate_operation else ""
    return in_metres and method != "Popular Visualisation Pseudo Mercator"


def check_crs(crs: str) -> str:
    """Return `crs` if it is projected, in whatever unit; raises TraceError otherwise."""
    if not _parsed(crs).is_projected:
        raise TraceError(f'crs = "{crs}" is not projected; columns in degrees are lon and lat and need no crs')
    return crs


def _parsed(crs: str) -> CRS:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise TraceError(f'crs = "{crs[:80]}" is unknown to PROJ; expected e.g. "EPSG:32632"') from error


def _middle(source: Located) -> tuple[float, float]:
    box_a = np.array([source.a.min(), source.a.max()])
    box_b = np.array([source.b.min(), source.b.max()])
    lon, lat = (box_a, box_b) if source.kind == "lonlat" else _transform(box_a, box_b, str(source.crs), WGS84)
    return round(float(lon.mean()), ORIGIN_DECIMALS), round(float(lat.mean()), ORIGIN_DECIMALS)


def _transform(a: FloatArray, b: FloatArray, source: str, target: str) -> tuple[FloatArray, FloatArray]:
    from pyproj import Transformer

    x, y = Transformer.from_crs(_parsed(source), _parsed(target), always_xy=True).transform(a, b)
    lost = np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))
    if len(lost):
        raise TraceError(f"({a[lost[0]]:g}, {b[lost[0]]:g}) in {source} lies outside {target}; check the crs setting")
    return x, y
