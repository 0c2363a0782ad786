"""Movements of network simulators: ns-2, BonnMotion, the ONE, ANSim. Known paths, real files, and what is refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from small_traces import fixes_of

from simmig.errors import TraceError
from simmig.mobility.frame import PLAIN
from simmig.mobility.raw import TraceOptions, assemble
from simmig.mobility.trace import Trace
from simmig.world.traces import open_trace


def read(path: Path, text: str, **settings: object) -> Trace:
    path.write_text(text)
    return opened(path, **settings)


def opened(path: Path, **settings: object) -> Trace:
    if not settings:
        raw = open_trace(path)
    else:
        from simmig.mobility.raw import TraceFormat
        from simmig.plugins import load

        reader = load("formats", str(settings.pop("format")), settings)
        assert isinstance(reader, TraceFormat)
        raw = reader.read(path)
    return assemble(raw, PLAIN, TraceOptions(split_gap_s=1e9))


NS2 = """# a comment
$node_(0) set X_ 0.0
$node_(0) set Y_ 0.0
$node_(0) set Z_ 7
$ns_ at 1.0 "$node_(0) setdest 30.0 40.0 5.0"
$ns_ at 20.0 "$node_(0) setdest 30.0 0.0 10.0"
$node_(1) set X_ 5
$node_(1) set Y_ 5
$ns_ at 4.0 "$node_(1) setdest 5.0 105.0 10.0"; # turned round on the way
$ns_ at 9.0 "$node_(1) setdest 5.0 5.0 10.0"
$node_(2) set X_ 1.0
$node_(2) set Y_ 2.0
"""


def test_ns2_nodes_go_rest_and_turn_round(tmp_path: Path) -> None:
    trace = read(tmp_path / "a.tcl", NS2)
    assert fixes_of(trace) == {
        "0": [[(1.0, 0.0, 0.0), (11.0, 30.0, 40.0), (20.0, 30.0, 40.0), (24.0, 30.0, 0.0)]],
        "1": [[(4.0, 5.0, 5.0), (9.0, 5.0, 55.0), (14.0, 5.0, 5.0)]],
        "2": [[(0.0, 1.0, 2.0)]],
    }
    np.testing.assert_array_equal(trace.z_m, [7.0] * 4 + [0.0] * 4)


def test_ns2_commands_may_come_in_any_order_and_stop_a_node(tmp_path: Path) -> None:
    text = """$ns_ at 6.0 "$node_(0) setdest 0.0 0.0 0.0"
$ns_ at 1.0 "$node_(0) setdest 100.0 0.0 10.0"
$ns_ at 8.0 "$node_(0) set X_ 7.0"
$ns_ at 9.0 "$node_(0) setdest 7.0 3.0 1.0"
"""
    found = fixes_of(read(tmp_path / "a.tcl", text))
    assert found == {"0": [[(1.0, 0.0, 0.0), (6.0, 50.0, 0.0), (8.0, 7.0, 0.0), (9.0, 7.0, 0.0), (12.0, 7.0, 3.0)]]}


def test_ns2_nodes_can_be_there_all_the_time(tmp_path: Path) -> None:
    text = NS2.replace("$node_(0) set Z_ 7\n", "")
    trace = read(tmp_path / "a.tcl", text, format="ns2", always_present=True, node_prefix="n")
    found = fixes_of(trace)
    assert found["n1"] == [[(0.0, 5.0, 5.0), (4.0, 5.0, 5.0), (9.0, 5.0, 55.0), (14.0, 5.0, 5.0), (24.0, 5.0, 5.0)]]
    assert found["n2"] == [[(0.0, 1.0, 2.0), (24.0, 1.0, 2.0)]]


ANSIM = """<simulation><mobility>{}</mobility></simulation>"""
CHANGE = """<position_change>
<node_id>{}</node_id><start_time>{}</start_time><end_time>{}</end_time>
<destination><xpos>{}</xpos><ypos>{}</ypos></destination></position_change>"""


def test_ansim_ways_and_rests(tmp_path: Path) -> None:
    changes = "".join(CHANGE.format(*row) for row in [("a", 0, 10, 50, 0), ("b", 1, 2, 0, 9), ("a", 15, 20, 50, 30)])
    path = tmp_path / "a.xml"
    found = fixes_of(read(path, ANSIM.format(changes)))
    assert found == {"a": [[(10.0, 50.0, 0.0), (15.0, 50.0, 0.0), (20.0, 50.0, 30.0)]], "b": [[(2.0, 0.0, 9.0)]]}
    begun = fixes_of(opened(path, format="ansim", start=(1.0, 2.0)))
    assert begun["b"] == [[(1.0, 1.0, 2.0), (2.0, 0.0, 9.0)]]


def test_bonnmotion_says_beside_the_file_whether_there_is_a_height(tmp_path: Path) -> None:
    path = tmp_path / "m.movements.gz"
    path.write_bytes(gzip.compress(b"0 1 2 3 4 5 6 7\n0.5 1 1 1\n"))
    with pytest.raises(TraceError, match=r"there is no m\.params beside it"):
        opened(path)
    (tmp_path / "m.params").write_text("x=10\ndim=3\n")
    trace = opened(path)
    assert fixes_of(trace) == {"0": [[(0.0, 1.0, 2.0), (4.0, 5.0, 6.0)]], "1": [[(0.5, 1.0, 1.0)]]}
    np.testing.assert_array_equal(trace.z_m, [3.0, 7.0, 1.0])
    (tmp_path / "m.params").write_text("x=10\n")
    with pytest.raises(TraceError, match=r"m\.movements\.gz:1: 8 numbers, expected 3 for each waypoint"):
        opened(path)


def test_the_one_bounds_its_fixes(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    found = fixes_of(read(path, "0 1 0 9 0 9\n# a comment\n0 7 1 1 anything\n1 7 2 2\n"))
    assert found == {"7": [[(0.0, 1.0, 1.0), (1.0, 2.0, 2.0)]]}
    trace = read(path, "0 1 0 9 0 9 0 50\n0 7 1 1 30\n1 7 2 22 40\n")
    np.testing.assert_array_equal(trace.z_m, [30.0, 40.0])
    assert open_trace(path).remarks == ("1 fixes outside the bounds of the first line",)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.tcl", NS2 + "$node_(1) explode\n", r"a\.tcl:13: '\$node_\(1\) explode' is no command"),
        ("a.tcl", NS2.replace("30.0 0.0 10.0", "30.0 0.0 -1"), r"a\.tcl:6: speed -1, expected 0 or more"),
        ("a.tcl", NS2.replace("at 20.0", "at -2"), r"a\.tcl:6: time -2, expected 0 or more"),
        ("a.tcl", NS2.replace("30.0 0.0 10.0", "30.0 nan 10.0"), r"a\.tcl:6: 'nan' is not a finite number"),
        ("a.tcl", '# $node_(0)\n$ns_ at 1.0 "$g(0) start"\n', "has no movement; expected lines such as"),
        ("a.txt", "0 1 0 9 0 9\n0 7 1 1\n1 7 x 2\n", r"a\.txt:3: 'x' is not a finite number"),
        ("a.txt", "0 1 0 9 0 9\n0 7 1 1\n1 7\n", r"a\.txt:3: 2 fields, expected time, id, x, y"),
        ("a.movements", "0 1 2 3 4 5\n5 1 1 4 2 2\n", "say what a waypoint|there is no a.params"),
        ("a.xml", ANSIM.format(CHANGE.format("a", 9, 2, 1, 1)), r"a\.xml:3: node a goes from 9 s to 2 s, back in time"),
        ("a.xml", ANSIM.format("<position_change><node_id>a</node_id></position_change>"), "has no <start_time>"),
        ("a.xml", "<!DOCTYPE simulation []>" + ANSIM.format(CHANGE.format("a", 0, 1, 1, 1)), "DOCTYPE"),
        (
            "a.xml",
            ANSIM.format("<position_change>" + "<a>" * 30 + "</a>" * 30 + "</position_change>"),
            "nested deeper than 16",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(TraceError, match=words) as caught:
        read(tmp_path / name, text)
    assert "\n" not in str(caught.value)


def test_a_node_whose_times_run_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.params").write_text("dim=2\n")
    with pytest.raises(TraceError, match=r"a\.movements:2: time 4 after 5; expected times to go on"):
        read(tmp_path / "a.movements", "0 1 2 3 4 5\n5 1 1 4 2 2\n")


def test_cologne_is_the_same_traffic_in_three_formats(test_data: Path) -> None:
    one = opened(test_data / "one/cologne8_external_movement.txt")
    bonn = opened(test_data / "bonnmotion/cologne8.movements.gz")
    assert (one.vehicle_count, one.fix_count) == (20, 1310)
    assert fixes_of(one) == fixes_of(bonn)
    # SUMO's exporter sends a node at each second to where it is then: ns-2's node is a second late.
    ns2 = fixes_of(opened(test_data / "traceexporter/cologne8.ns2mobility.tcl"))
    assert len(ns2) == 20
    late = {round(t_s): (x_m, y_m) for t_s, x_m, y_m in ns2["0"][0]}
    shift_m = np.array([13673.23, 16990.95])  # the corner that the other two formats count from
    for t_s, x_m, y_m in fixes_of(one)["0"][0][1:7]:
        assert late[25200 + round(t_s) + 1] == pytest.approx((x_m + shift_m[0], y_m + shift_m[1]), abs=0.02)
