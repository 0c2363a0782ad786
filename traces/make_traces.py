"""Make the traces and RSU layouts that ship with simmig, and their registry.

Run by hand: ``python traces/make_traces.py``. The city needs SUMO: ``pip install 'simmig[sumo]'``. The street
and the campus come out the same everywhere; the city depends on the version of SUMO that made it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from simmig.mobility.formats.fcd import Format as Fcd
from simmig.mobility.formats.parquet import write_canonical
from simmig.mobility.frame import PLAIN, Frame
from simmig.mobility.raw import assemble
from simmig.mobility.synthesis.street import Car, street
from simmig.mobility.synthesis.uav_missions import FlightRules, uav_missions
from simmig.mobility.trace import Trace
from simmig.rng import Draws

HERE = Path(__file__).resolve().parent
LICENCE = "CC0-1.0"

# --- straight streets: cars at round speeds, every crossing a short division ----------------------

WEST_M, EAST_M = -250.0, 1250.0
CARS = (
    Car("e10", 0.0, 10.0),
    Car("e15", 30.0, 15.0),
    Car("e20", 36.5, 20.0),
    Car("w10", 10.0, 10.0, is_eastbound=False),
    Car("w15", 40.0, 15.0, is_eastbound=False),
    Car("w20", 70.0, 20.0, is_eastbound=False),
)
STREET_RSUS = "id,x_m,y_m,radius_m\nr1,0,0,300\nr2,500,0,300\nr3,1000,0,300\n"


def street_trace() -> Trace:
    """Return the six cars of the street, a fix every second."""
    return street(CARS, WEST_M, EAST_M, fix_interval_s=1.0)


def platoons_trace() -> Trace:
    """Return an hour of platoons, one a minute: four AVs side by side at 20 m/s, a fix every 10 s."""
    cars = [
        Car(f"p{wave:02d}-{lane}", 60.0 * wave, 20.0, y_m=3.5 * (lane - 2.5))
        for wave in range(60)
        for lane in (1, 2, 3, 4)
    ]
    return street(cars, -150.0, 650.0, fix_interval_s=10.0)


def csv_text(trace: Trace) -> str:
    """Return a flat trace as CSV text."""
    lines = ["id,t_s,x_m,y_m"]
    for vehicle, name in enumerate(trace.vehicle_id):
        for row in range(*trace.trip_start[vehicle : vehicle + 2]):
            lines.append(f"{name},{trace.t_us[row] / 1e6:.10g},{trace.x_m[row]:.10g},{trace.y_m[row]:.10g}")
    return "\n".join(lines) + "\n"


# --- the campus: UAVs in four cruise layers over zones of every shape -----------------------------

CAMPUS = Frame("crs", "EPSG:32632")
CAMPUS_ORIGIN_M = np.array([500_000.0, 5_316_000.0])  # near 9 E, 48 N; the campus is made up
DEPOTS_M = np.array([[120.0, 130.0], [1080.0, 160.0], [620.0, 820.0]])
DROPS_M = np.array(
    [
        *([90.0, 480.0], [260.0, 760.0], [310.0, 300.0], [450.0, 560.0], [540.0, 90.0], [640.0, 400.0]),
        *([760.0, 640.0], [830.0, 250.0], [900.0, 860.0], [1010.0, 520.0], [1140.0, 720.0], [1150.0, 350.0]),
    ]
)
UAVS = 24
CAMPUS_DURATION_S = 1800.0


def campus_trace() -> Trace:
    """Return half an hour of delivery flights, a fix every second and at every turn, metres in EPSG:32632."""
    east_m, north_m = CAMPUS_ORIGIN_M
    rules = FlightRules(turnaround_s=(40.0, 120.0))
    trace = uav_missions(UAVS, DEPOTS_M, DROPS_M, CAMPUS_DURATION_S, rules=rules, fix_interval_s=1.0, seed=24)
    return Trace(
        vehicle_id=trace.vehicle_id,
        trip_vehicle=trace.trip_vehicle,
        trip_start=trace.trip_start,
        t_us=trace.t_us,
        x_m=np.round(trace.x_m + east_m, 3),
        y_m=np.round(trace.y_m + north_m, 3),
        z_m=None if trace.z_m is None else np.round(trace.z_m, 3),
    )


@dataclass(frozen=True, slots=True)
class Zone:
    """A campus RSU: a round zone about its mast, or the rings of a polygon, with a floor and a ceiling."""

    name: str
    shape: str
    centre_m: tuple[float, float] = (0.0, 0.0)
    radius_m: float = 0.0
    rings_m: tuple[tuple[tuple[float, float], ...], ...] = ()
    mast_m: float = 20.0
    ceiling_m: float | None = None


ZONES = (
    Zone("library", "polygon", rings_m=(((0, 0), (470, 0), (470, 230), (400, 230), (400, 430), (0, 430)),)),
    Zone("stadium", "cylinder", (620.0, 170.0), 270.0, ceiling_m=85.0),
    Zone("laboratory", "sphere", (1050.0, 200.0), 300.0),
    Zone(
        "dormitories",
        "polygon",
        rings_m=(
            ((0, 400), (420, 400), (420, 900), (0, 900)),
            ((190, 560), (270, 560), (270, 640), (190, 640)),  # a courtyard without service
        ),
    ),
    Zone("station", "disc", (620.0, 540.0), 280.0),
    Zone("hangar", "cylinder", (640.0, 840.0), 250.0, ceiling_m=100.0),
    Zone("clinic", "sphere", (960.0, 560.0), 300.0),
    Zone("gate", "polygon", rings_m=(((850, 660), (1200, 620), (1200, 900), (820, 900)),), ceiling_m=140.0),
)


def _lonlat(points_m: tuple[tuple[float, float], ...]) -> list[list[float]]:
    xy_m = np.array(points_m, dtype=float) + CAMPUS_ORIGIN_M
    lon, lat = CAMPUS.inverse(xy_m[:, 0], xy_m[:, 1])
    return [[round(float(a), 7), round(float(b), 7)] for a, b in zip(lon, lat, strict=True)]  # 7 decimals: 1 cm


def _feature(zone: Zone) -> dict[str, object]:
    properties: dict[str, object] = {"id": zone.name, "shape": zone.shape, "z_m": zone.mast_m}
    if zone.shape == "polygon":
        rings = [_lonlat((*ring, ring[0])) for ring in zone.rings_m]
        geometry: dict[str, object] = {"type": "Polygon", "coordinates": rings}
    else:
        properties["radius_m"] = zone.radius_m
        geometry = {"type": "Point", "coordinates": _lonlat((zone.centre_m,))[0]}
    if zone.ceiling_m is not None:
        properties |= {"z_min_m": 0.0, "z_max_m": zone.ceiling_m}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def campus_rsus() -> str:
    """Return the campus RSUs as GeoJSON text, one feature a line."""
    features = ",\n".join(json.dumps(_feature(zone)) for zone in ZONES)
    return '{"type": "FeatureCollection", "features": [\n' + features + "\n]}\n"


# --- the city: 500 AVs, one hour, a grid of streets with traffic lights ---------------------------

CITY_SEED = 7
LATTICE_M = (100, 800, 1500, 2200, 2900)
WITHOUT_RSU = {(1, 3), (4, 0)}  # two holes in the coverage


def city_rsus() -> str:
    """Return the city's RSUs as CSV text: a 5 x 5 lattice, each mast moved a little, two left out."""
    lines = ["id,x_m,y_m,z_m,radius_m"]
    for column, x_m in enumerate(LATTICE_M):
        for row, y_m in enumerate(LATTICE_M):
            if (column, row) in WITHOUT_RSU:
                continue
            draws = Draws(CITY_SEED, "city_rsus", column, row)
            east_m, north_m = (round(x + 120.0 * (draws.uniform() - 0.5)) for x in (x_m, y_m))
            radius_m = 560 + 10 * int(draws.uniform() * 13)
            lines.append(f"rsu-{'abcde'[column]}{row + 1},{east_m},{north_m},10,{radius_m}")
    return "\n".join(lines) + "\n"


def city_commands(sumo_home: Path, folder: Path) -> Iterator[list[str]]:
    """Yield the commands that simulate the city: streets, trips, traffic; the last writes fcd.xml."""
    net, trips, seed = str(folder / "net.xml"), str(folder / "trips.xml"), str(CITY_SEED)
    program = {name: str(sumo_home / "bin" / name) for name in ("netgenerate", "sumo")}
    streets = "--grid --grid.number 11 --grid.length 300 --default.lanenumber 2 --tls.guess"
    yield [program["netgenerate"], *streets.split(), "--seed", seed, "--output-file", net]
    demand = "--begin 0 --end 3000 --period 6 --min-distance 2200 --prefix av"
    maker = str(sumo_home / "tools" / "randomTrips.py")
    yield [sys.executable, maker, *demand.split(), "--seed", seed, "-n", net, "-o", trips]
    output = "--end 3600 --fcd-output.attributes x,y --no-step-log"
    fcd = str(folder / "fcd.xml")
    yield [program["sumo"], "-n", net, "-r", trips, *output.split(), "--seed", seed, "--fcd-output", fcd]


def city_trace() -> Trace:
    """Return the traffic that SUMO simulates, a fix every second, plain metres."""
    import sumo

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for command in city_commands(Path(sumo.SUMO_HOME), folder):
            subprocess.run(command, check=True, cwd=folder)
        return assemble(Fcd().read(folder / "fcd.xml"), PLAIN)


# --- files and registry ---------------------------------------------------------------------------

IN_METRES = "x_m, y_m, z_m, radius_m: metres"
CSV_UNITS = "t_s: seconds; x_m, y_m: metres"
CANONICAL_UNITS = "t_us: microseconds; x, y, z: metres"
STREET_FRAME = "plain metres: x along the street eastwards, y north; time from 0"
CITY_FRAME = "plain metres: x east, y north from the south-west corner of the street grid; time from 0"
UTM_FRAME = "EPSG:32632, z above the pads; time from 0; the campus at 9 E, 48 N is made up"
LONLAT_FRAME = "WGS84 longitude and latitude, z above the pads"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the registry says of a file, beside its licence, size and digest."""

    path: str
    origin: str
    units: str
    frame: str
    counts: dict[str, int]

    def toml(self) -> str:
        """Return the entry as TOML text."""
        data = (HERE / self.path).read_bytes()
        texts = {"path": self.path, "sha256": sha256(data).hexdigest(), "licence": LICENCE}
        texts |= {"origin": self.origin, "units": self.units, "frame": self.frame}
        lines = [f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in texts.items()]
        numbers = {"bytes": len(data), **self.counts}
        return "\n".join(["[[file]]", *lines, *(f"{key} = {value}" for key, value in numbers.items()), ""])


def written(path: str, text: str) -> str:
    """Write a text file beside this script and return its name."""
    (HERE / path).write_text(text, encoding="utf-8", newline="\n")
    return path


def traced(path: str, trace: Trace, origin: str, frame: str, plane: Frame = PLAIN) -> Entry:
    """Write a trace beside this script, by the file's ending, and return its entry."""
    if path.endswith(".csv"):
        written(path, csv_text(trace))
    else:
        write_canonical(trace, HERE / path, plane)
    units = CSV_UNITS if path.endswith(".csv") else CANONICAL_UNITS
    counts = {"vehicles": trace.vehicle_count, "fixes": trace.fix_count, "end_s": trace.end_us // 1_000_000}
    return Entry(path, origin, units, frame, counts)


def placed(path: str, text: str, origin: str, units: str, frame: str) -> Entry:
    """Write an RSU layout beside this script and return its entry."""
    rsus = text.count('"Feature",') if path.endswith("json") else text.count("\n") - 1
    return Entry(written(path, text), origin, units, frame, {"rsus": rsus})


def city_origin() -> str:
    """Return the commands that made the city, and by which SUMO."""
    from importlib.metadata import version

    commands = city_commands(Path("$SUMO_HOME"), Path())
    steps = " && ".join(" ".join(command).replace(sys.executable, "python") for command in commands)
    return f"SUMO {version('eclipse-sumo')}: {steps}"


def main() -> None:
    """Write every file and the registry."""
    by_hand = "written out in make_traces.py"
    entries = (
        traced("street.csv", street_trace(), "simmig.mobility.synthesis.street", STREET_FRAME),
        placed("street_rsus.csv", STREET_RSUS, by_hand, IN_METRES, STREET_FRAME),
        traced("platoons.csv", platoons_trace(), "simmig.mobility.synthesis.street", STREET_FRAME),
        traced(
            *("campus_uav.parquet", campus_trace(), "simmig.mobility.synthesis.uav_missions, seed 24"),
            *(UTM_FRAME, CAMPUS),
        ),
        placed("campus_rsus.geojson", campus_rsus(), by_hand, "degrees; radius_m, z_m: metres", LONLAT_FRAME),
        traced("city_av.parquet", city_trace(), city_origin(), CITY_FRAME),
        placed(
            "city_rsus.csv",
            city_rsus(),
            "a lattice with each mast moved a little, seed 7",
            IN_METRES,
            CITY_FRAME,
        ),
    )
    head = "# The traces and RSU layouts that ship with simmig. Written by make_traces.py.\n\nschema = 1\n"
    command = 'command = "python traces/make_traces.py"\n\n'
    written("REGISTRY.toml", head + command + "\n".join(entry.toml() for entry in entries))


if __name__ == "__main__":
    main()
