"""SUMO's floating-car data: the broken files, and real cities in every form that SUMO writes."""

import gzip
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats import fcd, fcd_csv, fcd_parquet
from simmig.mobility.frame import PLAIN, choose_frame
from simmig.mobility.raw import assemble


def assert_same(one, other):
    assert one.vehicle_id == other.vehicle_id
    for name in ("trip_vehicle", "trip_start", "t_us", "x_m", "y_m"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def refusal(trace_format, path):
    with pytest.raises(TraceError) as error:
        trace_format.read(path)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("fcd_entity_expansion.xml", ":2", ["DOCTYPE and entity declarations are not allowed"]),
        ("fcd_gzip_bomb.xml.gz", "", ["more than 200 times its size"]),
        ("fcd_missing_xy.xml", ":1", ["no x and no y", "--fcd-output.attributes"]),
        ("fcd_netstate_given_as_fcd.xml", ":2", ["<netstate>", "lane positions only", "--fcd-output"]),
        ("fcd_truncated.xml", ":110", ["cut here", "t = 34 s, 35 rows", "allow_truncated"]),
        ("fcd_wrong_root.xml", ":2", ["<tripinfos>, expected <fcd-export>", "tripinfo output"]),
        ("xml_deep_nesting.xml", ":1", ["not FCD: unexpected element <a>"]),
    ],
)
def test_broken_files_are_refused_in_one_line(test_data, name, line, words):
    path = test_data / "bad" / name
    text = refusal(fcd.Format(), path)
    assert text.startswith(f"{name}{line}: ")
    for word in words:
        assert word in text


def test_truncated_real_file_keeps_35_steps(test_data):
    raw = fcd.Format(allow_truncated=True).read(test_data / "bad" / "fcd_truncated.xml")
    assert raw.t_us.tolist() == [k * 10**6 for k in range(35)]


def test_a_vehicle_twice_in_a_step_is_refused(test_data):
    raw = fcd.Format().read(test_data / "bad" / "fcd_same_vehicle_twice_in_step.xml")
    with pytest.raises(TraceError, match=r"'v0' has two fixes at t = 0 s: \(1, 2\) and \(500, 2\)"):
        assemble(raw, PLAIN)


def test_texts_that_should_be_numbers_in_parquet(test_data):
    text = refusal(fcd_parquet.Format(), test_data / "bad" / "parquet_string_columns.parquet")
    assert text == "parquet_string_columns.parquet, row 2: column vehicle_x: 'zwei' is not a number"
    text = refusal(fcd_parquet.Format(), test_data / "bad" / "parquet_truncated.parquet")
    assert text == "parquet_truncated.parquet: no Parquet footer: the file is incomplete"


# --- real cities ----------------------------------------------------------------------------------------------


def by_element_tree(path):
    """The rows of a file, read by another parser: {vehicle: [(t_us, x, y), ...]}."""
    found = {}
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path) as file:
        for step in ElementTree.parse(file).getroot():
            t_us = round(float(step.get("time")) * 1000) * 1000
            for vehicle in step:
                row = (t_us, float(vehicle.get("x")), float(vehicle.get("y")))
                found.setdefault(vehicle.get("id"), []).append(row)
    return found


@pytest.mark.parametrize(
    ("name", "kind", "rows", "vehicles"),
    [
        ("bologna_acosta_geo.fcd.xml.gz", "lonlat", 24257, 203),
        ("bologna_acosta_xy.fcd.xml.gz", "metres", 24257, 203),
        ("cologne8_geo_p5.fcd.xml.gz", "lonlat", 16748, 817),
        ("cologne8_utm.fcd.xml.gz", "metres", 13012, 146),
        ("veins_erlangen_xy_step0.1.fcd.xml.gz", "metres", 630, 20),
    ],
)
def test_real_files_as_another_parser_reads_them(test_data, name, kind, rows, vehicles):
    path = test_data / "fcd" / name
    raw = fcd.Format().read(path)
    assert (raw.kind, len(raw.t_us), len(raw.vehicle_id)) == (kind, rows, vehicles)
    found = {}
    for code, *row in zip(raw.vehicle, raw.t_us, raw.a, raw.b, strict=True):
        found.setdefault(raw.vehicle_id[code], []).append(tuple(row))
    assert found == by_element_tree(path)


def test_bologna_is_the_same_in_three_formats(test_data):
    folder = test_data / "fcd"
    raw = fcd.Format().read(folder / "bologna_acosta_geo.fcd.xml.gz")
    frame = choose_frame([raw])
    trace = assemble(raw, frame)
    assert_same(trace, assemble(fcd_csv.Format().read(folder / "bologna_acosta_geo.fcd.csv"), frame))
    # SUMO writes all digits into Parquet; rounded as it prints, they are those of the XML.
    parquet = folder / "bologna_acosta_geo.fcd.parquet"
    assert_same(trace, assemble(fcd_parquet.Format(decimals=6).read(parquet), frame))
    exact = assemble(fcd_parquet.Format().read(parquet), frame)
    apart_m = np.hypot(exact.x_m - trace.x_m, exact.y_m - trace.y_m)
    assert 0.0 < apart_m.max() < 0.07  # half of 1e-6 degrees on each axis


def test_bologna_with_human_times_lies_within_the_run(test_data):
    human = fcd.Format().read(test_data / "fcd" / "bologna_acosta_geo_humantime.fcd.xml")
    assert (len(human.t_us), len(human.vehicle_id)) == (435, 38)
    assert (human.t_us.min(), human.t_us.max()) == (200_000_000, 211_000_000)
    plain = fcd.Format().read(test_data / "fcd" / "bologna_acosta_geo.fcd.xml.gz")
    rows = {
        (plain.vehicle_id[code], t): (a, b)
        for code, t, a, b in zip(plain.vehicle, plain.t_us, plain.a, plain.b, strict=True)
    }
    shared = [
        (rows[key], (a, b))
        for code, t, a, b in zip(human.vehicle, human.t_us, human.a, human.b, strict=True)
        if (key := (human.vehicle_id[code], t)) in rows
    ]
    assert len(shared) > 100
    assert all(one == other for one, other in shared)


def test_cologne_in_degrees_and_in_utm_is_one_place(test_data):
    geo = fcd.Format().read(test_data / "fcd" / "cologne8_geo_p5.fcd.xml.gz")
    utm = fcd.Format(crs="EPSG:32632").read(test_data / "fcd" / "cologne8_utm.fcd.xml.gz")
    frame = choose_frame([geo, utm])
    assert frame.crs == "EPSG:32632"
    one, other = assemble(geo, frame), assemble(utm, frame)
    # Both runs insert the same first vehicle at 25200 s.
    first = [trace.trip_start[trace.trips_of(trace.vehicle_id.index("137312_412_0"))[0]] for trace in (one, other)]
    assert one.t_us[first[0]] == other.t_us[first[1]] == 25_200_000_000
    assert one.x_m[first[0]] == pytest.approx(other.x_m[first[1]], abs=0.1)
    assert one.y_m[first[0]] == pytest.approx(other.y_m[first[1]], abs=0.1)


def test_gzip_is_known_by_its_content(test_data):
    raw = fcd.Format().read(test_data / "bad" / "gz_without_extension.xml")
    assert (raw.kind, len(raw.t_us), raw.vehicle_id) == ("metres", 60, ("v0", "v1", "v2"))
