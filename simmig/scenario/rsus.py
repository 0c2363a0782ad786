"""The `[rsus]` table: where the road-side units stand, what they cover and what they offer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simmig.plugins.wording import complaint, did_you_mean, mistake
from simmig.scenario.draws import Constant, Draw, Pair, Within
from simmig.scenario.paths import InputPath
from simmig.scenario.sections import Count, Listed, Section

Metres = Annotated[float, Within(-1e8, 1e8, "m")]
Radius = Annotated[float, Within(1e-3, 1e6, "m")]
Shape = Literal["disc", "sphere", "cylinder"]
ComputeHz = Annotated[Draw, Within(1.0, 1e18, "Hz")]
ArrivalPerS = Annotated[Draw, Within(0.0, 1e12, "per s")]
ServicePerS = Annotated[Draw, Within(1e-9, 1e12, "per s")]
BandwidthHz = Annotated[Draw, Within(1.0, 1e12, "Hz")]
Price = Annotated[Draw, Within(1e-9, 1e9)]
PowerDbm = Annotated[Draw, Within(-100.0, 100.0, "dBm")]
Offer = dict[str, Annotated[Draw, Within(-1e12, 1e12)]]


class RsuDefaults(Section):
    """What an RSU offers unless it says otherwise; a draw is made for each RSU."""

    compute_hz: ComputeHz = Constant(15e9)
    """Processor cycles per second for re-instantiation."""
    arrival_per_s: ArrivalPerS = Constant(450.0)
    """Background work that arrives, 002's lambda."""
    service_per_s: ServicePerS = Constant(500.0)
    """Background work that can be served, 002's mu; more than arrives."""
    bandwidth_hz: BandwidthHz = Constant(20e6)
    """Bandwidth: what can be sold, or what a transfer gets without a market."""
    cost: Price = Constant(1.0)
    """Lowest price, for one unit of the game's bandwidth."""
    price_max: Price = Constant(15.0)
    """Highest price, for one unit of the game's bandwidth."""
    tx_power_dbm: PowerDbm | None = None
    """Transmit power; absent: that of [radio]."""
    offer: Offer = Field(default_factory=dict)
    """The game's parameters of each RSU, such as quality and reputation of 003."""


class RsuUnit(Section):
    """One RSU. Keys of `rsus.defaults` may stand here too and count for this RSU alone."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    """Its name."""
    x_m: Metres | None = None
    """Metres east, in the frame of the traces; with y_m, or else lon and lat."""
    y_m: Metres | None = None
    """Metres north."""
    z_m: Metres = 0.0
    """Metres up."""
    lon: Annotated[float, Within(-180.0, 180.0, "degrees")] | None = None
    """Longitude, WGS84."""
    lat: Annotated[float, Within(-90.0, 90.0, "degrees")] | None = None
    """Latitude, WGS84."""
    radius_m: Radius | None = None
    """Radius of its zone; absent: that of [rsus]."""
    shape: Shape | None = None
    """Shape of its zone; absent: that of [rsus]."""
    z_min_m: Metres | None = None
    """Floor of a cylinder or polygon zone."""
    z_max_m: Metres | None = None
    """Ceiling of a cylinder or polygon zone."""
    polygon_m: Annotated[Listed[Pair], Count(3)] | None = None
    """Corners [x, y] of a polygon zone, instead of a radius."""
    compute_hz: ComputeHz | None = None
    arrival_per_s: ArrivalPerS | None = None
    service_per_s: ServicePerS | None = None
    bandwidth_hz: BandwidthHz | None = None
    cost: Price | None = None
    price_max: Price | None = None
    tx_power_dbm: PowerDbm | None = None
    offer: Offer = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stands_somewhere(self) -> RsuUnit:
        metres, degrees = (self.x_m, self.y_m), (self.lon, self.lat)
        for given, other in ((metres, degrees), (degrees, metres)):
            if None not in given and other == (None, None):
                return self
        raise complaint("expected a position: either x_m and y_m, or lon and lat")

    @model_validator(mode="after")
    def _zone_is_one(self) -> RsuUnit:
        if self.polygon_m is not None:
            for key in ("radius_m", "shape"):
                if getattr(self, key) is not None:
                    raise mistake(getattr(self, key), "expected no such key beside polygon_m", key)
            if self.x_m is None:
                raise complaint("expected x_m and y_m beside polygon_m, both in metres", "polygon_m")
        if self.z_min_m is not None and self.z_max_m is not None and self.z_min_m >= self.z_max_m:
            raise mistake(self.z_max_m, f"expected more than z_min_m = {self.z_min_m:g}", "z_max_m")
        return self


class Rsus(Section):
    """The RSUs, from a file or listed here."""

    path: InputPath | None = None
    """CSV (id,x_m,y_m[,z_m],radius_m, or lon,lat) or GeoJSON file, relative to the scenario file."""
    unit: Annotated[Listed[RsuUnit], Count(1)] | None = None
    """The RSUs themselves, instead of a file."""
    columns: dict[str, str] = Field(default_factory=dict)
    """What the file's columns are called here: { id = "SITE_ID", lat = "Y" }."""
    crs: str | None = None
    """Coordinate reference system of the file's metres, such as "EPSG:32632"."""
    recentre: bool = False
    """Move the layout onto the middle of the traces, keeping its shape."""
    radius_m: Radius | None = None
    """Radius of zones that have none of their own."""
    shape: Shape = "disc"
    """Shape of zones that have none of their own; a disc reaches to any height."""
    defaults: RsuDefaults = RsuDefaults()

    @model_validator(mode="after")
    def _file_or_list(self) -> Rsus:
        if (self.path is None) == (self.unit is None):
            raise complaint("expected either path, a file of RSUs, or [[rsus.unit]] tables, and not both")
        if self.unit is not None and self.columns:
            raise complaint("expected no columns without path: they are the file's", "columns")
        if self.unit is not None and self.crs is not None:
            raise complaint("expected no crs without path: it is the file's; units stand in the run's frame", "crs")
        return self

    @model_validator(mode="after")
    def _units_are_consistent(self) -> Rsus:
        names: dict[str, int] = {}
        for index, unit in enumerate(self.unit or ()):
            if names.setdefault(unit.id, index) != index:
                raise mistake(unit.id, f"expected another id, rsus.unit.{names[unit.id]} has it", "unit", index, "id")
            if unit.polygon_m is None and unit.radius_m is None and self.radius_m is None:
                raise complaint("missing, and rsus.radius_m gives no default", "unit", index, "radius_m")
        return self

    @model_validator(mode="after")
    def _offers_are_possible(self) -> Rsus:
        tables = [(("unit", index), unit) for index, unit in enumerate(self.unit or ())]
        for path, table in [(("defaults",), self.defaults), *tables]:
            given = {**self.defaults.model_dump(), **table.model_dump(exclude_none=True)}
            arrival, service, cost, top = (
                given[key] for key in ("arrival_per_s", "service_per_s", "cost", "price_max")
            )
            if isinstance(arrival, float) and isinstance(service, float) and arrival >= service:
                text = f"expected less than service_per_s = {service:g}: the queue would grow for ever"
                raise mistake(arrival, text, *path, "arrival_per_s")
            if isinstance(cost, float) and isinstance(top, float) and cost > top:
                raise mistake(top, f"expected at least cost = {cost:g}", *path, "price_max")
        return self

    def check_name(self, rsu: str, *path: str | int) -> None:
        """Raise an error at `path` unless an RSU may have this name; those of a file are not known yet."""
        names = [unit.id for unit in self.unit or ()]
        if names and rsu not in names:
            raise mistake(rsu, f"expected the id of an RSU{did_you_mean(rsu, names)}", *path)
