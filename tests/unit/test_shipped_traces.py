"""The traces and layouts that ship: what the registry says of them holds, and scripts make them again."""

import csv
import importlib.util
import json
import math
import sys
import tomllib
from collections import Counter
from hashlib import sha256

import duckdb
import numpy as np
import pytest

from simmig.mobility.formats.parquet import Format
from simmig.mobility.raw import assemble

IN_THE_AIR = "vehicle_id, t_us / 1e6, x, y, z"
WORDS = ("path", "sha256", "licence", "origin", "units", "frame")


@pytest.fixture(scope="module")
def folder(repository):
    return repository / "traces"


@pytest.fixture(scope="module")
def entries(folder):
    registry = tomllib.loads((folder / "REGISTRY.toml").read_text())
    assert registry["schema"] == 1
    return {entry["path"]: entry for entry in registry["file"]}


@pytest.fixture(scope="module")
def maker(folder):
    """The script that makes the files, as a module."""
    spec = importlib.util.spec_from_file_location("make_traces", folder / "make_traces.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_traces"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_traces"]


def csv_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def parquet(path, columns="vehicle_id, t_us / 1e6, x, y"):
    with duckdb.connect() as database:
        rows = database.execute(f"select {columns} from read_parquet(?) order by all", [str(path)])
        return rows.fetchnumpy()


def test_the_registry_names_every_file_and_no_other(folder, entries):
    present = {path.name for path in folder.iterdir() if path.is_file()}
    assert set(entries) == present - {"REGISTRY.toml", "make_traces.py"}


def test_digests_sizes_licences_and_units_are_as_registered(folder, entries):
    for name, entry in entries.items():
        data = (folder / name).read_bytes()
        assert sha256(data).hexdigest() == entry["sha256"], name
        assert len(data) == entry["bytes"], name
        assert all(entry[word].strip() for word in WORDS), name
        assert entry["licence"] == "CC0-1.0"
        assert "metres" in entry["units"]


def test_the_files_are_small(entries):
    assert sum(entry["bytes"] for entry in entries.values()) < 3_000_000
    assert entries["city_av.parquet"]["bytes"] < 2_000_000


def test_counts_are_as_registered(folder, entries):
    for name, entry in entries.items():
        if name.endswith(".geojson"):
            assert len(json.loads((folder / name).read_text())["features"]) == entry["rsus"]
        elif "rsus" in entry:
            assert len(csv_rows(folder / name)) == entry["rsus"]
        elif name.endswith(".csv"):
            rows = csv_rows(folder / name)
            assert len(rows) == entry["fixes"]
            assert len({row["id"] for row in rows}) == entry["vehicles"]
            assert math.floor(max(float(row["t_s"]) for row in rows)) == entry["end_s"]
        else:
            table = parquet(folder / name, "vehicle_id, t_us")
            assert len(table["t_us"]) == entry["fixes"]
            assert len(set(table["vehicle_id"])) == entry["vehicles"]
            assert table["t_us"].max() // 1_000_000 == entry["end_s"]


@pytest.mark.parametrize(
    ("car", "enters_s", "velocity_m_s"),
    [
        ("e10", 0.0, 10),
        ("e15", 30.0, 15),
        ("e20", 36.5, 20),
        ("w10", 10.0, -10),
        ("w15", 40.0, -15),
        ("w20", 70.0, -20),
    ],
)
def test_cars_of_the_street_are_where_the_scenario_says(folder, car, enters_s, velocity_m_s):
    rows = [row for row in csv_rows(folder / "street.csv") if row["id"] == car]
    from_m = -250.0 if velocity_m_s > 0 else 1250.0
    assert float(rows[0]["t_s"]) == enters_s
    assert float(rows[-1]["t_s"]) == enters_s + 1500.0 / abs(velocity_m_s)
    for row in rows:
        assert float(row["x_m"]) == from_m + velocity_m_s * (float(row["t_s"]) - enters_s)
        assert float(row["y_m"]) == 0.0


def test_platoons_leave_the_source_zone_four_at_a_time_on_the_minute(folder):
    crossing = [float(row["t_s"]) for row in csv_rows(folder / "platoons.csv") if float(row["x_m"]) == 250.0]
    assert Counter(crossing) == {60.0 * wave + 20.0: 4 for wave in range(60)}


def test_uavs_fly_in_three_dimensions_within_their_limits(folder):
    t = parquet(folder / "campus_uav.parquet", IN_THE_AIR)
    names, t_s, x_m, y_m, z_m = t.values()
    same = names[1:] == names[:-1]
    dt_s = np.diff(t_s)[same]
    level_m = np.hypot(np.diff(x_m), np.diff(y_m))[same]
    rise_m = np.diff(z_m)[same]
    assert (dt_s > 0.0).all()
    assert dt_s.max() <= 1.0
    # Positions are rounded to millimetres.
    assert (level_m <= 15.0 * dt_s + 0.002).all()
    assert (rise_m <= 4.0 * dt_s + 0.002).all()
    assert (-rise_m <= 3.0 * dt_s + 0.002).all()
    assert set(np.unique(z_m[1:][same][level_m > 1.0])) == {60.0, 75.0, 90.0, 105.0}
    assert z_m.min() == 0.0


def test_avs_drive_as_fast_as_cars_do_inside_the_city(folder):
    names, t_s, x_m, y_m = parquet(folder / "city_av.parquet").values()
    same = names[1:] == names[:-1]
    speed_m_s = (np.hypot(np.diff(x_m), np.diff(y_m)) / np.diff(t_s))[same]
    assert (np.diff(t_s)[same] == 1.0).all()
    # SUMO's drivers multiply the limit, 50 km/h, by a normal (1, 0.1); 4 standard deviations, no jumps.
    assert speed_m_s.max() < 1.4 * 50.0 / 3.6
    assert speed_m_s.mean() > 5.0
    assert min(x_m.min(), y_m.min()) > -20.0
    assert max(x_m.max(), y_m.max()) < 3020.0


def test_most_of_the_city_is_covered_and_most_fixes_have_a_choice(folder):
    _, _, x_m, y_m = parquet(folder / "city_av.parquet").values()
    rsus = csv_rows(folder / "city_rsus.csv")
    zones = np.zeros(len(x_m), int)
    for rsu in rsus:
        zones += np.hypot(x_m - float(rsu["x_m"]), y_m - float(rsu["y_m"])) <= float(rsu["radius_m"])
    assert 0.95 < np.mean(zones > 0) < 1.0
    assert np.mean(zones > 1) > 0.5


def test_zones_of_the_campus_have_every_shape(folder):
    features = json.loads((folder / "campus_rsus.geojson").read_text())["features"]
    shapes = Counter(feature["properties"]["shape"] for feature in features)
    assert set(shapes) == {"disc", "cylinder", "sphere", "polygon"}
    rings = [f["geometry"]["coordinates"] for f in features if f["properties"]["shape"] == "polygon"]
    assert max(len(polygon) for polygon in rings) == 2  # one has a hole
    for lon, lat in (point for polygon in rings for ring in polygon for point in ring):
        assert 9.0 <= lon < 9.02
        assert 47.99 < lat < 48.01


def test_the_script_still_makes_the_text_files(folder, maker):
    assert (folder / "street.csv").read_text() == maker.csv_text(maker.street_trace())
    assert (folder / "street_rsus.csv").read_text() == maker.STREET_RSUS
    assert (folder / "platoons.csv").read_text() == maker.csv_text(maker.platoons_trace())
    assert (folder / "campus_rsus.geojson").read_text() == maker.campus_rsus()
    assert (folder / "city_rsus.csv").read_text() == maker.city_rsus()


def test_the_script_still_makes_the_campus(folder, maker):
    raw = Format().read(folder / "campus_uav.parquet")
    assert (raw.kind, raw.crs, raw.epoch_us) == ("metres", "EPSG:32632", None)
    read, made = assemble(raw, maker.CAMPUS), maker.campus_trace()
    assert read.vehicle_id == made.vehicle_id
    for name in ("trip_vehicle", "trip_start", "t_us", "x_m", "y_m", "z_m"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
