"""Runs on real input: city traffic in several file formats, a real flight in three, RSUs from a public register."""

import numpy as np
import pytest

SCENARIO = """
schema = 1
name = "real"
seed = 3
{crs}

[[fleet]]
name = "vehicles"
kind = "{kind}"
trace = {{ path = "{trace}"{extra} }}
twin = {{ size_bit = {{ uniform = [4e6, 2e7] }}, cycles = 3e9, deadline_s = 3.0 }}
preferences = {{ alpha = 30.0, beta = 30.0 }}

[rsus]
path = "{rsus}"
recentre = true
radius_m = {radius_m}
shape = "{shape}"

[migration]
trigger = {trigger}

[market]
game = {{ kind = "social" }}
round_s = 0.5
[agents]
leaders = {{ kind = "stackelberg" }}
followers = {{ kind = "best_response" }}
"""


@pytest.fixture
def drive(simulate, test_data):
    def run(trace, kind="av", extra="", crs="", radius_m=180.0, shape="disc", trigger='{ kind = "nearest" }'):
        text = SCENARIO.format(
            kind=kind,
            trace=test_data / trace,
            extra=extra,
            crs=crs,
            rsus=test_data / "cells" / "eua_site-optus-melbCBD.csv",
            radius_m=radius_m,
            shape=shape,
            trigger=trigger,
        )
        return simulate(text)

    return run


def test_bologna_is_the_same_from_every_format(drive):
    # SUMO's Parquet holds unrounded degrees; six decimals are what it prints into XML and CSV.
    rounded = ', format = "fcd_parquet", decimals = 6'
    files = {"xml.gz": "", "csv": "", "parquet": rounded}
    runs = [drive(f"fcd/bologna_acosta_geo.fcd.{suffix}", extra=extra) for suffix, extra in files.items()]
    assert len({run.digest for run in runs}) == 1
    assert runs[0].summary["vehicles"] == 203
    assert runs[0].summary["outcomes"]["completed"] > 500
    assert runs[0].rounds["leader_gap_relative"].max() < 1e-6
    assert runs[0].rounds["follower_gap_relative"].max() < 1e-6


def test_bologna_asks_where_the_nearest_rsu_changes(drive):
    # Every second of the trace, by brute force: the nearest of 125 RSUs to each vehicle.
    run = drive("fcd/bologna_acosta_geo.fcd.parquet")
    table = run.migrations[run.migrations["outcome"].isin(["completed", "late"])]
    sites = run.rsus[["x_m", "y_m"]].to_numpy()
    at = table[["x_m", "y_m"]].to_numpy()
    distance = np.linalg.norm(at[:, None, :] - sites, axis=2)
    gap = np.diff(np.sort(distance, axis=1)[:, :2], axis=1).ravel()
    # At a change the two nearest RSUs are equally far; requests raised otherwise are retries after failures.
    first = table["attempt"] == 0
    assert gap[first].max() < 1e-3


@pytest.mark.parametrize(
    ("trace", "extra", "crs", "vehicles"),
    [
        ("fcd/cologne8_utm.fcd.xml.gz", "", 'crs = "EPSG:32632"', 146),
        ("fcd/cologne8_utm.fcd.xml.gz", ', crs = "EPSG:32632"', "", 146),
        ("fcd/cologne8_geo_p5.fcd.xml.gz", "", "", 817),
    ],
)
def test_cologne_in_utm_and_in_degrees(drive, trace, extra, crs, vehicles):
    run = drive(trace, extra=extra, crs=crs, trigger='{ kind = "coverage_exit", margin_m = 20.0 }')
    assert run.summary["vehicles"] == vehicles
    assert run.summary["outcomes"]["completed"] > 50
    assert run.vehicles["covered_s"].sum() > 0.0


def test_a_real_flight_migrates_alike_from_three_formats(drive):
    # A ULog has no name in it; draws belong to names, so the drone gets the one of the other files.
    named = ', format = "ulog", vehicle = "px4_survey"'
    runs = [
        drive(
            f"same_flight/flight.{suffix}",
            kind="uav",
            extra=f"{extra}, ground_altitude_m = 386.0",
            radius_m=130.0,
            shape="sphere",
            trigger='{ kind = "a3", hysteresis_db = 2.0 }',
        ).migrations
        for suffix, extra in (("ulg", named), ("csv", ""), ("gpx", ""))
    ]
    first = runs[0]
    assert len(first) >= 10
    for other in runs[1:]:
        columns = ["vehicle", "source", "target", "outcome", "attempt"]
        assert other[columns].equals(first[columns])
        # Times in CSV and GPX are cut to a millisecond.
        assert np.allclose(other["requested_s"], first["requested_s"], atol=2e-3)
        assert np.allclose(other["total_delay_s"], first["total_delay_s"], atol=2e-3, equal_nan=True)
