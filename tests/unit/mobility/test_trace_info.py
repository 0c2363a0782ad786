"""What is said about a trace before it is used."""

import json

import numpy as np
import pytest

from simmig.mobility.formats import csv, fcd
from simmig.mobility.frame import choose_frame
from simmig.mobility.raw import assemble
from simmig.mobility.trace import Trace
from simmig.mobility.trace_info import describe


def trace_of(t_s, x_m, starts=(0,), z_m=None, **more):
    starts = [*starts, len(t_s)]
    return Trace(
        vehicle_id=("a",),
        trip_vehicle=np.zeros(len(starts) - 1, np.int32),
        trip_start=np.array(starts),
        t_us=np.array([round(t * 1e6) for t in t_s], np.int64),
        x_m=np.array(x_m, float),
        y_m=np.zeros(len(x_m)),
        z_m=None if z_m is None else np.array(z_m, float),
        **more,
    )


def test_numbers_of_a_small_trace():
    # Steps of 2 m in 1 s and 12 m in 2 s; the jump between the trips is no step.
    facts = describe(trace_of([10, 11, 13, 500, 501], [0, 2, 14, 9000, 9001], (0, 3), notes={"rows": 5}))
    assert facts == {
        "vehicles": 1,
        "trips": 2,
        "fixes": 5,
        "start": "t = 10 s",
        "end": "t = 501 s",
        "span_s": 491.0,
        "box_m": {"x": [0.0, 9001.0], "y": [0.0, 0.0]},
        "interval_s": {"median": 1.0, "max": 2.0},
        "speed_m_s": {
            "q05": pytest.approx(1.1),
            "q50": 2.0,
            "q95": pytest.approx(5.6),
            "q99": pytest.approx(5.92),
            "max": 6.0,
        },
        "altitude_m": None,
        "notes": {"rows": 5},
        "problems": [],
    }
    json.dumps(facts)


def test_climbing_counts_as_speed():
    facts = describe(trace_of([0, 1], [0, 3], z_m=[10, 14]))
    assert facts["speed_m_s"]["max"] == 5.0
    assert facts["altitude_m"] == [10.0, 14.0]


def test_dates_are_told():
    facts = describe(trace_of([0, 1], [0, 1], epoch_us=1717225200_000_000))
    assert facts["start"] == "2024-06-01T07:00:00+00:00"
    assert facts["problems"] == []


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (trace_of([0, 1, 2], [0, 101, 102]), "1 steps faster than 100 m/s, the fastest 101 m/s: 'a' at t = 0 s"),
        (trace_of([0, 1, 500, 501], [0, 1, 2, 203], (0, 2)), "the fastest 201 m/s: 'a' at t = 500 s"),
        (trace_of([0, 1], [5, 5]), "no vehicle moves"),
        (trace_of([0, 500], [5, 5], (0, 1)), "no vehicle has two fixes in one trip"),
        (trace_of([0], [5]), "no vehicle has two fixes in one trip"),
        (trace_of([0, 1], [5, 6], notes={"single_fix_trips": 3}), "3 trips of a single fix"),
        (trace_of([0, 1], [5, 6], epoch_us=935316000_000_000), "dates before 2000"),
    ],
)
def test_problems(trace, words):
    facts = describe(trace)
    assert any(words in problem for problem in facts["problems"])
    json.dumps(facts, allow_nan=False)


def test_the_teleport_of_the_bad_file_is_found(test_data):
    raw = csv.Format().read(test_data / "bad" / "csv_teleport_spike.csv")
    (problem,) = describe(assemble(raw, choose_frame([raw])))["problems"]
    assert problem.startswith("2 steps faster than 100 m/s")


def test_a_real_run(test_data):
    raw = fcd.Format().read(test_data / "fcd" / "cologne8_utm.fcd.xml.gz")
    facts = describe(assemble(raw, choose_frame([raw])))
    assert (facts["vehicles"], facts["fixes"], facts["span_s"]) == (146, 13012, 299.0)
    assert facts["box_m"]["x"] == [356167.71, 357022.35]
    assert facts["interval_s"] == {"median": 1.0, "max": 1.0}
    assert 15.0 < facts["speed_m_s"]["max"] < 20.0
    assert facts["problems"] == []
